"""How the mention ids of a brand's stories are stored: in segments of what each commit added.

A segment ``m:<n>`` holds parts (story, number of the first id, number after the last one), then the hashes of all
parts in that order, and that they are hashes under the brand's key. A segment that says nothing of a key is of before
brands had one: its hashes have none in them, and are hashed under the key whenever they are loaded. A stored id is
written again only if its segment is cleaned before the id is forgotten, and then in one part with its neighbours.

Source: the rule of mentions: an id that appears twice in one story counts once. That is exact for the newest
:data:`KEPT_IDS` ids of a story.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.segments import SegmentLog, in_order
from orchestrator.contract.segments import MENTION_IDS
from orchestrator.errors import InvalidStateError
from orchestrator.kernels.fold import StoredIds, Story, remembered_bytes, rescue_ids, stored_id_bytes, take_new_ids
from orchestrator.kernels.hashing import under_key

PREFIX = MENTION_IDS
KEPT_IDS = 10_000
ID_BYTES = 8


class _Segment(Struct, array_like=True):
    parts: bytes
    hashes: bytes
    keyed: bool = False


_decoder = FieldDecoder(_Segment)


class MentionStore:
    """Which ids of the stories are stored, and where."""

    def __init__(self) -> None:
        self._log = SegmentLog(PREFIX)
        self._live_bytes = 0

    def take_changes(
        self,
        dirty: Iterable[Story],
        stories: dict[int, Story],
        put: dict[bytes, bytes],
        remove: list[bytes],
    ) -> None:
        """Add a segment with the new ids of *dirty* stories to *put*, and the segments that it replaces to *remove*."""
        added, hashes, grown = take_new_ids(dirty)
        self._live_bytes += grown  # before cleaning, which measures the log by it
        old_parts, living = array("q"), 0
        for segment in self._log.clean(self._live_bytes, remove):
            old_parts += segment.entries
            living += remembered_bytes(stories, segment.entries)
            self._log.rescue(living)
        rescued, old_hashes = rescue_ids(stories, old_parts)
        if added or rescued:
            parts = rescued + added  # and their hashes in the same order, or load() would mix them up
            self._log.append(pack((parts, old_hashes + hashes, True)), array("q", parts), put)

    @property
    def held_bytes(self) -> int:
        """Bytes in memory: what is in which segment."""
        return self._log.held_bytes

    def forget(self, story: Story) -> None:
        """*story* leaves: its ids no longer count as live."""
        self._live_bytes -= stored_id_bytes(story.stored_ids, KEPT_IDS)

    def load(self, fields: Mapping[bytes, bytes], key: bytes, ids: StoredIds) -> None:
        """Let *ids* take in what *fields* hold, as hashes under *key*.

        Raises:
            InvalidStateError: a field is damaged.
        """
        for number, name in in_order(list(fields), PREFIX):
            segment = _decoder.read(name, fields[name])
            hashes = segment.hashes
            if not segment.keyed and len(hashes) % ID_BYTES == 0:
                hashes = under_key(hashes, key)
            try:
                ids.take(segment.parts, hashes)
            except ValueError as error:
                raise InvalidStateError(f"state field {name!r} holds {error}") from None
            self._log.restore(number, len(fields[name]), array("q", segment.parts))

    def restore(self, live_bytes: int) -> None:
        """The stories have their ids back, which take so much of storage."""
        self._live_bytes = live_bytes
