"""The mention ids of one story, and how they are stored: in segments of which only touched ones are written.

A segment holds the hashes of :data:`SEGMENT_IDS` ids in the order of their arrival; segment *n* begins with the
id numbered ``n * SEGMENT_IDS``. Full segments never change, so a commit costs what it adds, not what a story has.

Source: the rule of mentions: an id that appears twice in one story counts once, exact for the newest
:data:`KEPT_IDS` ids of a story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import InvalidStateError
from orchestrator.merge import MentionIds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = b"m:"
KEPT_IDS = 10_000
SEGMENT_IDS = 128
"""1 KiB a segment: rewriting a half-full one costs less than a second field would."""

_ID_BYTES = 8


class MentionLog:
    """A story's :class:`~orchestrator.merge.MentionIds` together with what of it is in storage."""

    __slots__ = ("_name", "_stored", "_stored_first", "ids")

    def __init__(self, key: int) -> None:
        self.ids = MentionIds(KEPT_IDS)
        self._name = b"%b%d:" % (PREFIX, key)
        self._stored = 0  # ids that storage holds
        self._stored_first = 0  # oldest segment that storage holds

    def take_changes(self, put: dict[bytes, bytes], remove: list[bytes]) -> None:
        """Add segments that changed since the last call to *put*, those that fell out of memory to *remove*."""
        total = self.ids.total
        if total == self._stored:
            return
        first = _first_segment(total)
        number = max(first, self._stored // SEGMENT_IDS)
        while number * SEGMENT_IDS < total:
            put[b"%b%d" % (self._name, number)] = self.ids.dump(number * SEGMENT_IDS, (number + 1) * SEGMENT_IDS)
            number += 1
        if first > self._stored_first:
            remove.extend(map(self._field, range(self._stored_first, min(first, _segments(self._stored)))))
        self._stored, self._stored_first = total, first

    def stored_fields(self) -> Iterator[bytes]:
        """The names of all segments in storage."""
        return map(self._field, range(self._stored_first, _segments(self._stored)))

    def load(self, total: int, fields: Mapping[bytes, bytes]) -> None:
        """Become the log of *total* ids whose segments are among *fields*."""
        first = _first_segment(total)
        try:
            data = b"".join(fields[self._field(number)] for number in range(first, _segments(total)))
        except KeyError as error:
            raise InvalidStateError(f"state field {error.args[0]!r} is missing") from None
        # The oldest segment may have been written when ids now forgotten were remembered, or after they were not.
        if len(data) < _ID_BYTES * min(total, KEPT_IDS) or len(data) % _ID_BYTES:
            raise InvalidStateError(f"state fields {self._name!r} hold {len(data)} bytes for {total} ids")
        self.ids.load(total, data)
        self._stored, self._stored_first = total, first

    def _field(self, number: int) -> bytes:
        return b"%b%d" % (self._name, number)


def _segments(total: int) -> int:
    return -(-total // SEGMENT_IDS)


def _first_segment(total: int) -> int:
    """The oldest segment with an id that still counts."""
    return max(0, total - KEPT_IDS) // SEGMENT_IDS
