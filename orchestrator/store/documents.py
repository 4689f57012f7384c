"""Reads what this service publishes, for pages and the read API, and nothing else.

Every value is untrusted: anybody who may write to Redis may write these keys. Sizes are bounded here, so that no
document can exhaust this process. A key of a foreign type counts as absent: the lane raises the alarm about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeVar

import redis
from redis.exceptions import ResponseError

from orchestrator.contract.keys import BRAND_LIST_KEYS, BrandKeys
from orchestrator.contract.summary import EpisodeKind
from orchestrator.fleet.view import BrandStatus, FleetView
from orchestrator.store.client import translated
from orchestrator.store.fleet import read_brand, read_fleet

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 1024 * 1024
"""Of a string that is read for a reader; a summary has at most 64 KiB."""

MAX_LIST_ENTRIES = 1_000
"""Of a list or hash that is read for a reader; ours have eight hundred at most: hours, what was expected, and days."""


class Documents:
    """The published documents of brands; synchronous and thread-safe.

    Every method raises :class:`~orchestrator.errors.StoreError` when Redis does not answer.
    """

    def __init__(self, client: redis.Redis, registry_keys: Sequence[str] = BRAND_LIST_KEYS) -> None:
        self._client = client
        self._registry_keys = registry_keys

    def summary(self, brand: str) -> bytes | None:
        """The stored summary, at most one byte longer than a summary may be; None if there is none."""
        key = BrandKeys.of(brand).summary
        # One byte more than allowed, so that the reader can tell a cut document from one of exactly that size.
        value: bytes = _read(lambda: self._client.getrange(key, 0, MAX_DOCUMENT_BYTES), b"")
        return value or None

    def standing(self, brand: str) -> BrandStatus:
        """How the brand stands, whoever works on it."""
        return read_brand(self._client, brand)

    def summaries(self, brands: Sequence[str]) -> list[bytes | None]:
        """The stored summaries of *brands*, each like :meth:`summary`, in one round trip."""
        replies = self._together(
            lambda pipeline, brand: pipeline.getrange(BrandKeys.of(brand).summary, 0, MAX_DOCUMENT_BYTES), brands
        )
        return [reply if isinstance(reply, bytes) and reply else None for reply in replies]

    def fleet(self) -> FleetView:
        """The processes that live, and how all registered brands stand."""
        return read_fleet(self._client, self._registry_keys)

    def trend(self, brand: str) -> dict[bytes, bytes]:
        """The fields of the trend, empty if there is none."""
        key = BrandKeys.of(brand).trend
        return dict(_read(lambda: list(islice(self._client.hscan_iter(key, count=500), MAX_LIST_ENTRIES + 1)), []))

    def trend_points(self, brands: Sequence[str], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """The values of *fields* in the trends of *brands*, in one round trip; None where there is none."""
        replies = self._together(lambda pipeline, brand: pipeline.hmget(BrandKeys.of(brand).trend, fields), brands)
        return [reply if isinstance(reply, list) else [None] * len(fields) for reply in replies]

    def spikes(self, brand: str, kind: EpisodeKind = "volume") -> list[bytes]:
        """The newest entries of the list of episodes of that *kind*, oldest first."""
        key = BrandKeys.of(brand).episodes(kind)
        return _read(lambda: self._client.lrange(key, -MAX_LIST_ENTRIES - 1, -1), [])

    def recent(self, brand: str) -> list[bytes]:
        """The newest entries of the list of recent chunks, oldest first."""
        key = BrandKeys.of(brand).recent
        return _read(lambda: self._client.lrange(key, -MAX_LIST_ENTRIES - 1, -1), [])

    def _together(self, ask: Callable[[Any, str], Any], brands: Sequence[str]) -> list[Any]:
        """The replies to what is asked for each brand, in one round trip; errors where a key has a foreign type."""
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            for brand in brands:
                ask(pipeline, brand)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, Exception) and not _is_foreign(reply):
                    raise reply
        return replies


def _read(command: Callable[[], Any], absent: T) -> T:
    with translated():
        try:
            found: T = command()  # decode_responses is off: bytes
        except ResponseError as error:
            if _is_foreign(error):
                return absent
            raise  # to translated(), which surrounds this
    return found


def _is_foreign(error: Exception) -> bool:
    """Whether *error* says that the key has a foreign type."""
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")
