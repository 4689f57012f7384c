"""The dead letter: the entry of ``failed:brand:<brand>`` for a queue item that could not be folded.

The list is shared: workers append entries of other shapes. This module only writes ours. Tools read the list, and
must show foreign entries as they are.
"""

from __future__ import annotations

import base64

import msgspec

from orchestrator.contract.times import iso_utc

MAX_PAYLOAD_BYTES = 256 * 2**20
"""A value in Redis has at most 512 MiB, and base64 takes a third more bytes than what it encodes."""

_MAX_TEXT_BYTES = 384 * 2**20
"""Text that JSON escapes to more than this (a control character takes six bytes) is kept as base64 instead."""

_LARGEST_ESCAPE = 6


class DeadLetter(msgspec.Struct, frozen=True, rename="camel"):
    """One rejected queue item, with its original bytes.

    Attributes:
        received_at: ISO 8601, UTC: Redis TIME of the batch that held the item.
        path: JSON path of the unacceptable value, ``$`` for the whole document.
        payload: the item as text; as base64, with ``encoding`` set, if it is not UTF-8 or too large to be escaped.
        cut_bytes: how many bytes at the item's end are missing, because no entry could hold them.
    """

    brand: str
    received_at: str
    reason: str
    path: str
    payload: str
    orchestrator_id: str
    encoding: str | msgspec.UnsetType = msgspec.UNSET
    cut_bytes: int | msgspec.UnsetType = msgspec.UNSET
    error: str = "invalid_chunk_result"

    @classmethod
    def of(cls, item: bytes, *, brand: str, reason: str, path: str, now_ms: int, orchestrator_id: str) -> DeadLetter:
        """The entry for *item*, whatever its bytes are."""
        kept = item[:MAX_PAYLOAD_BYTES]
        payload = _as_text(kept)
        return cls(
            brand,
            iso_utc(now_ms),
            reason,
            path,
            base64.b64encode(kept).decode() if payload is None else payload,
            orchestrator_id,
            encoding="base64" if payload is None else msgspec.UNSET,
            cut_bytes=len(item) - len(kept) or msgspec.UNSET,
        )

    def encode(self) -> bytes:
        """The entry as JSON."""
        return msgspec.json.encode(self)


def _as_text(item: bytes) -> str | None:
    """*item* as text; None if it has to be base64."""
    try:
        text = item.decode()
    except UnicodeDecodeError:
        return None
    small = len(item) * _LARGEST_ESCAPE <= _MAX_TEXT_BYTES
    return text if small or len(msgspec.json.encode(text)) <= _MAX_TEXT_BYTES else None
