"""Which brands are registered: the union of some SETs and LISTs, trimmed and checked.

Source: the contract: producers use both names, and each may be a SET or a LIST. A key of another type is
reported and never raised, because the other keys still count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from orchestrator.contract.brands import check_brand
from orchestrator.errors import InvalidBrandError
from orchestrator.store.client import translated
from orchestrator.store.types import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import redis

PAGE: Final = 5_000
"""Names read in one round trip: a producer may push every job into the list, and a long reply blocks the server."""

_MAX_QUOTED: Final = 80


def registered(client: redis.Redis, keys: Sequence[str]) -> Registry:
    """The brands registered under *keys*.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    brands: set[str] = set()
    refused: dict[str, str] = {}
    with translated():
        for key in dict.fromkeys(keys):
            # Asked first: a command of the wrong kind is an error, and errors end the reading of all keys.
            kind = cast("bytes", client.type(key)).decode()
            if kind not in {"set", "list", "none"}:
                refused[repr(key)] = f"the key is a {kind}, expected a set or a list"
                continue
            for name in _names(client, key, kind):
                _sort_in(name, brands, refused)
    return Registry(tuple(sorted(brands)), tuple(sorted(refused.items())))


def _names(client: redis.Redis, key: str, kind: str) -> Iterator[bytes]:
    if kind == "set":
        yield from cast("Iterator[bytes]", client.sscan_iter(key, count=PAGE))
    elif kind == "list":
        for start in range(0, client.llen(key), PAGE):
            yield from cast("list[bytes]", client.lrange(key, start, start + PAGE - 1))


def _sort_in(name: bytes, brands: set[str], refused: dict[str, str]) -> None:
    try:
        brands.add(check_brand(name.decode()))
    except UnicodeDecodeError:
        refused[_quoted(name.decode("utf-8", "backslashreplace"))] = "not UTF-8"
    except InvalidBrandError as error:
        refused[_quoted(name.decode())] = str(error)


def _quoted(name: str) -> str:
    """A name that is not fit to be printed, made so."""
    text = repr(name)
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"
