"""The entry of ``failed:brand:<brand>`` for a queue item that could not be folded.

The list is shared: workers append entries of other shapes. This module only
writes ours; reading is left to tools, which must show foreign entries untouched.
"""

from __future__ import annotations

import base64

import msgspec

from orchestrator.contract.times import iso_utc


class DeadLetter(msgspec.Struct, frozen=True, rename="camel"):
    """One rejected queue item, with its original bytes.

    Attributes:
        received_at: ISO 8601, UTC: Redis TIME of the batch that held the item.
        path: JSON path of the offending value, ``$`` for the whole document.
        payload: the item as text, or base64 with ``encoding`` set where it is not UTF-8.
    """

    brand: str
    received_at: str
    reason: str
    path: str
    payload: str
    orchestrator_id: str
    encoding: str | msgspec.UnsetType = msgspec.UNSET
    error: str = "invalid_chunk_result"

    @classmethod
    def of(cls, item: bytes, *, brand: str, reason: str, path: str, now_ms: int, orchestrator_id: str) -> DeadLetter:
        """The entry for *item*, whatever its bytes are."""
        try:
            payload, encoding = item.decode(), msgspec.UNSET
        except UnicodeDecodeError:
            return cls(brand, iso_utc(now_ms), reason, path, base64.b64encode(item).decode(), orchestrator_id, "base64")
        return cls(brand, iso_utc(now_ms), reason, path, payload, orchestrator_id, encoding)

    def encode(self) -> bytes:
        """The entry as JSON."""
        return msgspec.json.encode(self)
