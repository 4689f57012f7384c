"""The digests kernel's pure twin: the definition of what :mod:`orchestrator.kernels._digests` computes.

What is remembered of chunkIds: entries of 16 bytes in two generations. 12 bytes are a digest of the id: 2**96 values,
so among a million remembered chunkIds a false duplicate has odds of 1 in 10**17. 4 bytes stand for the chunk's numbers.
Entries are stored as they are, one after the other (``docs/redis-protocol.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice

IMPLEMENTATION = "python"

DIGEST_BYTES = 12
NUMBERS_BYTES = 4
ENTRY_BYTES = DIGEST_BYTES + NUMBERS_BYTES

_UNKNOWN = bytes(NUMBERS_BYTES)
_HELD_BYTES = 200
"""In memory: of an entry, two objects and a place in a dict, generously."""


def digest(text: str) -> bytes:
    """What is remembered of a chunkId, so that any id costs the same: BLAKE2b with 12 bytes of output."""
    return blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()


class Digests:
    """Two generations of what is remembered of chunkIds, the younger and the older one.

    An entry is the digest of an id, and 4 bytes that stand for its chunk's numbers, 0 where nothing is known of them.
    """

    def __init__(self) -> None:
        self._younger: dict[bytes, bytes] = {}
        self._older: dict[bytes, bytes] = {}

    @property
    def younger(self) -> int:
        """How many entries the younger generation has."""
        return len(self._younger)

    @property
    def older(self) -> int:
        """How many the older one has."""
        return len(self._older)

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return _HELD_BYTES * (len(self._younger) + len(self._older))

    def load(self, younger: bytes, older: bytes) -> None:
        """Become the generations that are stored as *younger* and *older*; of entries with one digest the first counts.

        Raises:
            ValueError: one does not consist of whole entries.
        """
        if len(younger) % ENTRY_BYTES or len(older) % ENTRY_BYTES:
            raise ValueError(f"{len(younger)} and {len(older)} bytes of digests: no whole entries")
        self._younger, self._older = _entries(younger), _entries(older)

    def take(self, ids: list[str], numbers: bytes | None = None) -> tuple[bytes, list[int], list[int]]:
        """Remember the chunks with these *ids* in the younger generation, but those that are known.

        Args:
            ids: in their order.
            numbers: 4 bytes for each, little-endian, 0 = nothing is known; None: of none.

        Returns:
            The new entries, in their order; places in *ids* of those that were known, whichever generation knew them or
            if they stood in *ids* before; and those of them whose numbers are known to be others.
        """
        if numbers is not None and len(numbers) != NUMBERS_BYTES * len(ids):
            raise ValueError(f"{len(numbers)} bytes of numbers of {len(ids)} chunks")
        before, known, conflicts = len(self._younger), [], []
        for place, (name, stated) in enumerate(zip(ids, _each(numbers, len(ids)), strict=True)):
            key = digest(name)
            found = self._younger.get(key) or self._older.get(key)
            if found is None:
                self._younger[key] = stated
                continue
            known.append(place)
            if found != stated and _UNKNOWN not in (found, stated):
                conflicts.append(place)
        return _stored(self._younger, before), known, conflicts

    def rotate(self, kept: int) -> None:
        """Forget the older generation; the younger one takes its place, but for its newest *kept* entries.

        Raises:
            ValueError: it has fewer.
        """
        first = len(self._younger) - kept
        if first < 0:
            raise ValueError(f"{kept} of {len(self._younger)} entries")
        entries = list(self._younger.items())
        self._older, self._younger = dict(entries[:first]), dict(entries[first:])

    def dump(self) -> tuple[bytes, bytes]:
        """The younger and the older generation as they are stored."""
        return _stored(self._younger, 0), _stored(self._older, 0)


def _each(numbers: bytes | None, count: int) -> Sequence[bytes]:
    if numbers is None:
        return [_UNKNOWN] * count
    return [numbers[at : at + NUMBERS_BYTES] for at in range(0, len(numbers), NUMBERS_BYTES)]


def _entries(stored: bytes) -> dict[bytes, bytes]:
    entries: dict[bytes, bytes] = {}
    for at in range(0, len(stored), ENTRY_BYTES):
        entries.setdefault(stored[at : at + DIGEST_BYTES], stored[at + DIGEST_BYTES : at + ENTRY_BYTES])
    return entries


def _stored(generation: dict[bytes, bytes], first: int) -> bytes:
    """The entries from *first* on."""
    return b"".join(key + numbers for key, numbers in islice(generation.items(), first, None))
