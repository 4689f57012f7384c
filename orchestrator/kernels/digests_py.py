"""The digests kernel's pure twin: the definition of what :mod:`orchestrator.kernels._digests` computes.

What is remembered of chunkIds: entries of 16 bytes in two generations. 12 bytes are a digest of the id: 2**96 values,
so among a million remembered chunkIds a false duplicate has odds of 1 in 10**17. 4 bytes stand for the chunk's numbers.
Entries are stored as they are, one after the other (``docs/redis-protocol.md``).

**The numbers of a chunk** are what it counts with: its mentions (what it says itself, else the sum of its clusters),
the four values of its sentiment, and of each of its clusters the mentions and the score. Texts, times, topics and
centroids are not among them, nor is the order of the clusters: who says the same in other words, at another time, says
the same. Values are taken to steps, or a worker that writes them with other digits would contradict itself: to 2**-10,
and above 128 to a part of 65,536 to 131,072. Steps end at an irrational part of one, so that no short decimal is there.
"""

from __future__ import annotations

import math
import struct
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.chunk import Chunk, Cluster

IMPLEMENTATION = "python"

DIGEST_BYTES = 12
NUMBERS_BYTES = 4
ENTRY_BYTES = DIGEST_BYTES + NUMBERS_BYTES

_UNKNOWN = bytes(NUMBERS_BYTES)
_HELD_BYTES = 200
"""In memory: of an entry, two objects and a place in a dict, generously."""


_WORD = 2**64 - 1
_SEED = 0x9E3779B97F4A7C15
_UNSCORED = 0xD1B54A32D192ED03
_OFFSET = 0.3819660112501051
"""The smaller part of the golden section."""
_STEP_BITS, _LEAST_EXPONENT = 17, 7


def numbers_of(chunks: list[Chunk], counts: list[int]) -> bytes:
    """What stands for the numbers of each of *chunks*, 4 bytes each; *counts* are different mentions by row."""
    return b"".join(_digest_of(chunk, counts).to_bytes(NUMBERS_BYTES, "little") for chunk in chunks)


def _digest_of(chunk: Chunk, counts: Sequence[int]) -> int:
    sizes = [_size(cluster, counts) for cluster in chunk.clusters]
    clusters = 0
    for size, cluster in zip(sizes, chunk.clusters, strict=True):
        score = _UNSCORED if cluster.sentiment_score is None else _near(cluster.sentiment_score)
        clusters = (clusters + _mixed(_mixed(_SEED ^ size) ^ score)) & _WORD
    said = None if chunk.meta is None else chunk.meta.mention_count
    own = _mixed(_SEED ^ (sum(sizes) if said is None else said))
    sentiment = chunk.sentiment
    for value in (sentiment.positive, sentiment.neutral, sentiment.negative, sentiment.score):
        own = _mixed(own ^ _near(value or 0.0))
    return _mixed(_mixed(own ^ clusters) ^ len(sizes)) >> 32 or 1  # 0 = nothing is known


def _size(cluster: Cluster, counts: Sequence[int]) -> int:
    if cluster.mention_count is not None:
        return cluster.mention_count
    if not 0 <= cluster.mentions < len(counts):
        raise IndexError(f"row {cluster.mentions} of a batch of {len(counts)}")
    return counts[cluster.mentions]


def _mixed(word: int) -> int:
    """The finalizer of SplitMix64."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
    return word ^ word >> 31


def _near(value: float) -> int:
    """The bits of a multiple of the step that numbers of its size have."""
    step = math.ldexp(1.0, max(math.frexp(value)[1], _LEAST_EXPONENT) - _STEP_BITS)
    rounded = math.floor(value / step + _OFFSET) * step + 0.0  # no negative zero
    bits: int = struct.unpack("<Q", struct.pack("<d", rounded))[0]
    return bits


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
