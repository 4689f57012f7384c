"""The bulk of a batch as arrays: centroids and mentions, in rows that its chunks name by number.

As Python objects they cost several times the rest of a chunk; the kernels read and write them as
they are here. Must not look at a chunk's other fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from orchestrator.kernels.hash_keys import Hashing
from orchestrator.kernels.hashing import hash_text, under_key, unkeyed_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FIRST_TEXTS = 3
"""Mentions of a row that can be read as texts; a summary's examples need no more."""

_NO_SPOTS = np.empty((0, 3), np.int64)
_NO_HASHES = np.empty(0, np.uint64)
_decode_texts = msgspec.json.Decoder(list[str]).decode


def _offsets(sizes: Sequence[int]) -> NDArray[np.int64]:
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


class Centroids:
    """The centroids of a batch: row *i* is a float32 vector as it was sent, not normalised.

    Rows may differ in length. ``values`` holds them one after the other, ``offsets[i]:offsets[i + 1]``
    delimits row *i*.
    """

    __slots__ = ("offsets", "values")

    def __init__(self, values: NDArray[np.float32], offsets: NDArray[np.int64]) -> None:
        self.values = values
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, number: int) -> NDArray[np.float32]:
        """A view of row *number*."""
        start, stop = self.offsets[number], self.offsets[number + 1]
        view: NDArray[np.float32] = self.values[start:stop]
        return view

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Centroids:
        """The rows given as sequences of numbers."""
        arrays = [np.asarray(row, dtype=np.float32) for row in rows]
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.float32)
        return cls(values, _offsets([len(array) for array in arrays]))


def is_text(mention: str) -> bool:
    """Whether a listed mention is a text: no platform's ids have a blank, or letters beyond ASCII."""
    return " " in mention or not mention.isascii()


class MentionRows:
    """The mentions of a batch: row *i* has the different ones that one cluster lists, as hashes in their order.

    Args:
        hashing: what was wanted of them, and the key.
        hashes: uint64, row after row (:func:`~orchestrator.kernels.hashing.hash_text`).
        offsets: int64, ``hashes[offsets[i]:offsets[i + 1]]`` is row *i*.
        items: the documents that *spots* point into.
        spots: int64 of shape (rows, 3): document, start and stop of the JSON text of the first mentions.
        texts: the first mentions of the rows after those of *spots*.

    Attributes:
        old_hashes: uint64, of each mention the hash of its unkeyed hash; none if these were not wanted.
        walked: slots of tables that the compiled scan passed to make the rows distinct: the measure of that work.
    """

    __slots__ = ("_counts", "_texts", "hashes", "hashing", "items", "offsets", "old_hashes", "spots", "walked")

    def __init__(
        self,
        hashing: Hashing,
        hashes: NDArray[np.uint64],
        offsets: NDArray[np.int64],
        *,
        items: Sequence[bytes] = (),
        spots: NDArray[np.int64] = _NO_SPOTS,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        self.hashing = hashing
        self.hashes = hashes
        self.old_hashes = _NO_HASHES
        self.walked = 0
        self.offsets = offsets
        self.items = items
        self.spots = spots
        self._texts = texts
        self._counts: list[int] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> list[int]:
        """How many different mentions each row has."""
        if self._counts is None:
            self._counts = np.diff(self.offsets).tolist()
        return self._counts

    def first(self, row: int) -> list[str]:
        """The first mentions of *row* as they were sent, at most :data:`FIRST_TEXTS`."""
        scanned = len(self.spots)
        if row >= scanned:
            return list(self._texts[row - scanned][:FIRST_TEXTS])
        item, start, stop = self.spots[row].tolist()
        return _decode_texts(b"[%b]" % self.items[item][start:stop])

    def texts(self, row: int) -> list[str]:
        """Those of the first mentions of *row* that are texts; the others are ids, and say nothing."""
        return [mention for mention in self.first(row) if is_text(mention)]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]], hashing: Hashing | None = None) -> MentionRows:
        """The rows given as lists of texts; under a key of nobody's if *hashing* is not given."""
        return cls(hashing or Hashing.of_nobody(), _NO_HASHES, np.zeros(1, np.int64)).followed_by(lists)

    def followed_by(self, lists: Sequence[Sequence[str]]) -> MentionRows:
        """These rows and after them those given as lists of texts."""
        if not lists:
            return self
        key, rows = self.hashing.key, [dict.fromkeys(texts) for texts in lists]
        more = [hash_text(text, key) for row in rows for text in row]
        old = [unkeyed_hash(text) for row in rows for text in row] if self.hashing.old_too else []
        offsets = self.offsets[-1] + _offsets([len(row) for row in rows])
        longer = MentionRows(
            self.hashing,
            np.concatenate([self.hashes, np.array(more, np.uint64)]),
            np.concatenate([self.offsets[:-1], offsets]),
            items=self.items,
            spots=self.spots,
            texts=[*self._texts, *lists],
        )
        longer.old_hashes = np.concatenate([self.old_hashes, _under_key(old, key)])
        longer.walked = self.walked
        return longer


def _under_key(unkeyed: Sequence[int], key: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(under_key(np.array(unkeyed, "<u8").tobytes(), key), "<u8")


class RowCollector:
    """Takes the rows of documents that are decoded one by one, and numbers them from where others end."""

    __slots__ = ("_first_centroid", "_first_mentions", "centroids", "mentions")

    def __init__(self, first_centroid: int = 0, first_mentions: int = 0) -> None:
        self._first_centroid = first_centroid
        self._first_mentions = first_mentions
        self.centroids: list[Any] = []
        self.mentions: list[list[str]] = []

    def add_centroid(self, vector: Any) -> int:
        """Take a centroid; the number of its row."""
        self.centroids.append(vector)
        return self._first_centroid + len(self.centroids) - 1

    def add_mentions(self, texts: list[str]) -> int:
        """Take a cluster's mentions; the number of their row."""
        self.mentions.append(texts)
        return self._first_mentions + len(self.mentions) - 1
