"""Reads what this service publishes, for pages and the read API, and nothing else.

Every value is untrusted: anybody who may write to Redis may write these keys. Sizes are bounded here, so that no
document can exhaust this process. A key of a foreign type counts as absent: the lane raises the alarm about it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import redis
from redis.exceptions import ResponseError

from orchestrator.contract.keys import BrandKeys
from orchestrator.fleet.view import BrandStatus
from orchestrator.store.client import translated
from orchestrator.store.fleet import read_brand

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 1024 * 1024
"""Of a string that is read for a reader; a summary has at most 64 KiB."""

MAX_LIST_ENTRIES = 1_000
"""Of a list or hash that is read for a reader; ours have two hundred at most."""


class Documents:
    """The published documents of brands; synchronous and thread-safe.

    Every method raises :class:`~orchestrator.errors.StoreError` when Redis does not answer.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def summary(self, brand: str) -> bytes | None:
        """The stored summary, at most one byte longer than a summary may be; None if there is none."""
        key = BrandKeys.of(brand).summary
        # One byte more than allowed, so that the reader can tell a cut document from one of exactly that size.
        value: bytes = _read(lambda: self._client.getrange(key, 0, MAX_DOCUMENT_BYTES), b"")
        return value or None

    def standing(self, brand: str) -> BrandStatus:
        """How the brand stands, whoever works on it."""
        return read_brand(self._client, brand)

    def trend(self, brand: str) -> dict[bytes, bytes]:
        """The fields of the trend, empty if there is none."""
        key = BrandKeys.of(brand).trend
        return dict(_read(lambda: list(islice(self._client.hscan_iter(key, count=500), MAX_LIST_ENTRIES + 1)), []))

    def spikes(self, brand: str) -> list[bytes]:
        """The newest entries of the spike list, oldest first."""
        key = BrandKeys.of(brand).spike
        return _read(lambda: self._client.lrange(key, -MAX_LIST_ENTRIES - 1, -1), [])


def _read(command: Callable[[], Any], absent: T) -> T:
    with translated():
        try:
            found: T = command()  # decode_responses is off: bytes
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return absent
            raise  # to translated(), which surrounds this
    return found
