"""Segments: how a state with thousands of parts is stored at the cost of what changes.

Every commit writes what changed into one new field, a segment, and never touches an older one. The newest version of
a part counts, so in older segments more and more is out of date. When the log is twice as large as what lives in it,
its oldest segments are dropped, and what still lives of them is written again with the next one. Over time that is
about one byte more for each byte that changes, however long the history is. It is the cleaning of log-structured file
systems (Rosenblum and Ousterhout 1991), with the oldest segment first.

Only keeps the books: what a segment holds is its owner's business. There is one field a commit and not one a part,
because a field costs Redis and its client a microsecond or more (``docs/performance.md``).
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import InvalidStateError

SLACK_BYTES = 16 << 10
"""A log may be this much larger than twice its live bytes; without it small brands would clean at every commit."""

_CLEAN_SHARE = 1.5
"""A log that is too large is cleaned down to so many times its live bytes, a good deal at once: so several parts of
one story come together and are joined, which a little at every commit would never do."""

MOST_CLEANED_BYTES = 4 << 20
"""Most that one commit drops, so that none is much larger than the others; four times what a batch may add."""


_SEGMENT_BYTES, _ENTRY_BYTES = 250, 8
"""In memory: of a segment, and of one number in it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its number, its size in bytes, and its owner's record of what is in it, as 64-bit numbers."""

    number: int
    size: int
    entries: array[int]


class SegmentLog:
    """The segments of one kind, oldest first; their fields are named *prefix* and a number."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._segments: deque[Segment] = deque()
        self._next = 0
        self._bytes = 0
        self._rescued = 0
        self._entries = 0

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return len(self._segments) * _SEGMENT_BYTES + self._entries * _ENTRY_BYTES

    def append(self, value: bytes, entries: array[int], put: dict[bytes, bytes]) -> int:
        """Add the next segment to *put*; returns its number."""
        number = self._next
        put[b"%b%d" % (self._prefix, number)] = value
        self._take(Segment(number, len(value), entries))
        return number

    def restore(self, number: int, size: int, entries: array[int]) -> None:
        """Take note of a segment that is stored; call it in the order of numbers."""
        self._take(Segment(number, size, entries))

    def _take(self, segment: Segment) -> None:
        self._segments.append(segment)
        self._next = segment.number + 1
        self._bytes += segment.size
        self._entries += len(segment.entries)

    def clean(self, live_bytes: int, remove: list[bytes]) -> Iterator[Segment]:
        """Drop the oldest segments while the log is too large for *live_bytes*; their fields go to *remove*.

        Yields:
            Each dropped segment. What still lives of it must become part of the next one; tell :meth:`rescue`
            of it before the next is taken.
        """
        self._rescued = cleaned = 0
        if self._bytes <= 2 * live_bytes + SLACK_BYTES:
            return
        enough = _CLEAN_SHARE * live_bytes + SLACK_BYTES
        while self._segments and self._bytes + self._rescued > enough and cleaned < MOST_CLEANED_BYTES:
            segment = self._segments.popleft()
            self._bytes -= segment.size
            self._entries -= len(segment.entries)
            cleaned += segment.size
            remove.append(b"%b%d" % (self._prefix, segment.number))
            yield segment

    def drop_all(self, remove: list[bytes]) -> None:
        """Drop every segment; their fields go to *remove*, and the numbers go on."""
        remove.extend(b"%b%d" % (self._prefix, segment.number) for segment in self._segments)
        self._segments.clear()
        self._bytes = self._entries = 0

    def rescue(self, size: int) -> None:
        """Of what :meth:`clean` has dropped so far, *size* bytes live on: count them as stored already."""
        self._rescued = size


def in_order(names: Sequence[bytes], prefix: bytes) -> list[tuple[int, bytes]]:
    """The segments of one kind among the *names* of fields, with their numbers, oldest first.

    Raises:
        InvalidStateError: a name with that prefix has no number, or one in between is missing.
    """
    found: list[tuple[int, bytes]] = []
    for name in names:
        if name.startswith(prefix):
            if not name[len(prefix) :].isdigit():
                raise InvalidStateError(f"state field {name!r} is not one of ours")
            found.append((int(name[len(prefix) :]), name))
    found.sort()
    for number, (expected, name) in enumerate(found, found[0][0] if found else 0):
        if number != expected:
            raise InvalidStateError(f"state field {prefix + b'%d' % number!r} is missing before {name!r}")
    return found
