"""What is remembered of chunks, as it is stored: entries of 16 bytes, one after the other, and a checksum of them all.

The checksum is the CRC-32 of all entries of a generation (as in zlib). It grows with them, so no commit has to look at
those of before. Source: ``docs/redis-protocol.md``, section 1; the entries are those of
:mod:`orchestrator.kernels.digests_py`.
"""

from __future__ import annotations

from zlib import crc32

from orchestrator.kernels.digests import DIGEST_BYTES, ENTRY_BYTES, Digests, digest, numbers_of

__all__ = [
    "DIGEST_BYTES",
    "ENTRY_BYTES",
    "NOTHING_CHECK",
    "Digests",
    "checked_on",
    "digest",
    "entry",
    "numbers_of",
]

NOTHING_CHECK = 0
"""The checksum of no entries."""


def checked_on(check: int, entries: bytes) -> int:
    """What the checksum of a generation becomes when *entries* are appended to it."""
    return crc32(entries, check)


def entry(known: bytes) -> bytes:
    """The entry of a digest that is *known* without anything of its chunk's numbers, as before format 5."""
    return known.ljust(ENTRY_BYTES, b"\0")
