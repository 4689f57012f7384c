"""Records of brands that left the registry: nobody sweeps these, so their keys are looked for.

A brand may be removed, by hand or by a command, while records of it wait for the archive. One process of all goes
through the names of keys, about once an hour, in slices that take the server a fraction of a millisecond. What is found
is foreign until it is the name of a brand's list. Source: ``docs/redis-protocol.md``, section 16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.brands import check_brand
from orchestrator.contract.keys import LEFT_TURN_KEY, QUEUE_PREFIX, QUEUE_SUFFIX
from orchestrator.errors import InvalidBrandError
from orchestrator.store.client import translated
from orchestrator.store.key_names import SLICE_KEYS, look_through
from orchestrator.store.layouts import layout_of

if TYPE_CHECKING:
    from collections.abc import Collection

    import redis

TURN_MS: Final = 2_400_000
"""Forty minutes, in which nobody else searches; shorter than any pause, so that one process alone misses no turn."""

MAX_FOUND: Final = 10_000
"""Brands after which a search ends; the next one finds the others."""

_END: Final = ":records"
_MATCH: Final = f"orchestrator:{{*{_END}"


def take_turn(client: redis.Redis) -> bool:
    """Whether this process is to search now.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        return bool(client.set(LEFT_TURN_KEY, b"", nx=True, px=TURN_MS))


class Search:
    """Goes through the names of all keys; each :meth:`step` is one look of bounded work.

    Args:
        client: of which server.
        registered: brands that are swept anyhow.

    Attributes:
        found: other brands of which records wait.
    """

    def __init__(self, client: redis.Redis, registered: Collection[str]) -> None:
        self.found: set[str] = set()
        self._client = client
        self._registered = frozenset(registered)
        self._keys = layout_of(client).keys
        self._cursor = 0

    def step(self) -> bool:
        """Look through one slice; True if there is more to look through.

        Raises:
            StoreError: Redis did not answer or refused.
        """
        self._cursor, keys = look_through(self._client, self._cursor, _MATCH, SLICE_KEYS)
        self.found |= {brand for key in keys if (brand := self._brand_of(key)) and brand not in self._registered}
        return self._cursor != 0 and len(self.found) < MAX_FOUND

    def _brand_of(self, key: bytes) -> str:
        """Whose records *key* has; empty: nobody's."""
        try:
            text = key.decode()
            # From the first on: a brand may have the whole of it in its name, but not before it.
            start = text.index(QUEUE_PREFIX) + len(QUEUE_PREFIX)
            brand = check_brand(text[start : text.rindex(QUEUE_SUFFIX)])
        except (ValueError, InvalidBrandError):
            return ""
        # Which of the layouts it is, and that it is one of them: by making the name anew.
        return brand if self._keys(brand).records == text else ""
