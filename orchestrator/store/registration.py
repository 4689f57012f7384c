"""Registering brands: the writing side of what :mod:`orchestrator.store.registry` reads.

Source: the contract: a registry key may be a SET or a LIST, as the first producer made it. The type that is there
is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import redis

from orchestrator.contract.brands import check_brand
from orchestrator.errors import InvalidBrandError, WrongTypeError
from orchestrator.store.client import translated


def register(client: redis.Redis, keys: Sequence[str], brand: str) -> bool:
    """Register *brand* under the first of *keys* that exists, else as a SET under the first; False if it was there.

    Raises:
        WrongTypeError: the key is neither set nor list.
        StoreError: Redis did not answer or refused.
    """
    with translated():
        kinds = {key: _kind(client, key) for key in keys}
        if any(True for key, kind in kinds.items() for _ in _raw_forms(client, key, kind, brand)):
            return False
        key = next((key for key, kind in kinds.items() if kind in {"set", "list"}), keys[0])
        if kinds[key] == "list":
            client.rpush(key, brand)
        elif kinds[key] in {"set", "none"}:
            client.sadd(key, brand)
        else:
            raise WrongTypeError(key, kinds[key], "set or a list of brands")
    return True


def unregister(client: redis.Redis, keys: Sequence[str], brand: str) -> bool:
    """Remove *brand*, however it is spaced, from all of *keys*; False if it was under none.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = False
    with translated():
        for key in keys:
            kind = _kind(client, key)
            for raw in set(_raw_forms(client, key, kind, brand)):
                found = True
                if kind == "set":
                    client.srem(key, raw)
                else:
                    client.lrem(key, 0, raw)  # type: ignore[arg-type]  # bytes are sent as they are
    return found


def _kind(client: redis.Redis, key: str) -> str:
    return cast("bytes", client.type(key)).decode()


def _raw_forms(client: redis.Redis, key: str, kind: str, brand: str) -> Iterator[bytes]:
    """The entries under *key* that mean *brand*: producers may have left blanks around it."""
    if kind == "set":
        names = cast("Iterator[bytes]", client.sscan_iter(key, count=1_000))
    elif kind == "list":
        names = iter(cast("list[bytes]", client.lrange(key, 0, -1)))
    else:
        return
    for raw in names:
        try:
            if check_brand(raw.decode()) == brand:
                yield raw
        except (UnicodeDecodeError, InvalidBrandError):
            continue
