"""How stories are stored: in segments of what each commit changed.

A segment ``s:<n>`` holds the stories that a commit changed, each as a whole, and the keys of those that left. ``s``
holds the format and the key of the next story. Mention ids have segments of their own
(:mod:`orchestrator.brand.mentions`). ``f`` says how many clusters were ever folded, and ``b`` what they are compared
against (the background): it is large and changes seldom.

Of a story the newest segment counts. That a story left has to be remembered only as long as an older segment may
still hold it, and older segments are dropped first: so the keys of those that left are never written again.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import astuple

from orchestrator.brand import mentions
from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.mentions import KEPT_IDS, MentionStore
from orchestrator.brand.segments import MOST_CLEANED_BYTES, SegmentLog, in_order
from orchestrator.contract.segments import STORIES
from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.errors import InvalidStateError
from orchestrator.kernels.fold import StoredIds, StoredNumber, StoredStories, Story, pack_stories
from orchestrator.kernels.merge import FIRST_RENEWAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.kernels.merge import StoryIndex

HEAD_FIELD = b"s"
PREFIX = STORIES
FOLDED_FIELD = b"f"
BACKGROUND_FIELD = b"b"


class _Background(Struct, array_like=True):
    """What :meth:`StoryIndex.dump_background` gives, and the clusters that had been folded by then."""

    renewed_at: StoredNumber
    stories: StoredNumber
    words: list[str]
    counts: bytes
    centres: list[bytes] = []


def is_of_stories(name: bytes) -> bool:
    """Whether the field of that name holds stories, or what is only known together with them."""
    return name in {HEAD_FIELD, FOLDED_FIELD, BACKGROUND_FIELD} or name.startswith((PREFIX, mentions.PREFIX))


_head_decoder = FieldDecoder(tuple[int, StoredNumber])
_folded_decoder = FieldDecoder(StoredNumber)
_background_decoder = FieldDecoder(_Background)


class StoryStore:
    """Which of a brand's stories are stored, and where."""

    def __init__(self) -> None:
        self._log = SegmentLog(PREFIX)
        self._mentions = MentionStore()
        self._live_bytes = 0
        self._removed: list[int] = []
        self._next_key = 0
        self._head_changed = False
        self._rewriting = False
        self._folded = 0
        self._renewed_at = 0

    def next_key(self) -> int:
        """A key that no story had."""
        key = self._next_key
        self._next_key += 1
        self._head_changed = True
        return key

    def forget(self, story: Story) -> None:
        """*story* has left."""
        self._mentions.forget(story)
        self._live_bytes -= story.stored_bytes
        if story.segment >= 0:
            self._removed.append(story.key)

    def take_changes(
        self,
        dirty: dict[int, Story],
        stories: dict[int, Story],
        index: StoryIndex,
        put: dict[bytes, bytes],
        remove: list[bytes],
    ) -> None:
        """Add segments with the *dirty* stories and those that left to *put*, and what they replace to *remove*.

        Args:
            dirty: stories that changed since the last call, by key; those that have to be written again are added.
            stories: all of them.
            index: their directions and words.
            put: fields to set.
            remove: fields to delete.
        """
        # Before cleaning adds stories that did not change: they have no new ids.
        self._mentions.take_changes(dirty.values(), stories, put, remove)
        if self._rewriting:
            self._write_all(stories, index, put, remove)
            dirty = {}
        rescued = 0
        for segment in self._log.clean(self._live_bytes, remove):
            for key in segment.entries:
                story = stories.get(key)
                if story is not None and story.segment == segment.number and key not in dirty:
                    dirty[key] = story
                    rescued += story.stored_bytes
            self._log.rescue(rescued)
        if dirty or self._removed:
            # Sorted: panes list their stories in another order after a restart, and the field must not tell.
            value, sizes = pack_stories(dirty.values(), index, sorted(self._removed))
            self._place(dirty.values(), sizes, self._log.append(value, array("q", dirty), put))
        if self._head_changed:
            put[HEAD_FIELD] = pack((STATE_FORMAT, self._next_key))
        self._removed, self._head_changed = [], False
        if index.folded != self._folded:
            put[FOLDED_FIELD] = pack(index.folded)
            self._folded = index.folded
        if index.renewed_at != self._renewed_at:
            put[BACKGROUND_FIELD] = pack((index.renewed_at, *index.dump_background()))
            self._renewed_at = index.renewed_at

    def held_bytes(self) -> int:
        """Bytes in memory: what is in which segment."""
        return self._log.held_bytes + self._mentions.held_bytes

    def rewrite(self) -> None:
        """Write every story and the background with the next changes; drop the segments that an older version wrote.

        Those of mention ids stay: every format so far has the same, and they may be far larger than all the rest.
        """
        self._rewriting = self._head_changed = True
        # As if neither field was stored: both are written, unless there is nothing to say.
        self._folded = self._renewed_at = 0

    def _write_all(
        self, stories: dict[int, Story], index: StoryIndex, put: dict[bytes, bytes], remove: list[bytes]
    ) -> None:
        self._log.drop_all(remove)
        for portion in _portions(stories.values()):
            value, sizes = pack_stories(portion, index, [])
            self._place(portion, sizes, self._log.append(value, array("q", [story.key for story in portion]), put))
        # No older segment is left that could still hold one of those.
        self._removed, self._rewriting = [], False

    def _place(self, stories: Iterable[Story], sizes: Iterable[int], number: int) -> None:
        """Note where *stories* are stored now."""
        for story, size in zip(stories, sizes, strict=True):
            self._live_bytes += size - story.stored_bytes
            story.segment, story.stored_bytes = number, size

    def load(self, fields: Mapping[bytes, bytes], index: StoryIndex, hash_key: bytes) -> list[Story]:
        """The stories that *fields* hold, oldest first; their directions and words go to *index*.

        Their ids are known by their hashes under *hash_key*.

        Raises:
            InvalidStateError: a field is damaged or missing.
        """
        if HEAD_FIELD in fields:
            # The format is that of the general field, which was read first.
            _, self._next_key = _head_decoder.read(HEAD_FIELD, fields[HEAD_FIELD])
        self._load_background(fields, index)
        found = StoredStories(PREFIX)
        for number, name in in_order(list(fields), PREFIX):  # oldest first, so that the newest one counts
            self._log.restore(number, len(fields[name]), array("q", found.take(number, fields[name])))
        if found.last_key() >= self._next_key:
            raise InvalidStateError(f"state field {HEAD_FIELD!r} is older than story {found.last_key()}, or missing")
        ids = StoredIds(KEPT_IDS)
        self._mentions.load(fields, hash_key, ids)
        stories, self._live_bytes, id_bytes = found.restore(ids, index)
        self._mentions.restore(id_bytes)
        return stories

    def _load_background(self, fields: Mapping[bytes, bytes], index: StoryIndex) -> None:
        """What an earlier version stored has neither field: as if no cluster had been folded, all words weigh alike."""
        background = _Background(0, 0, [], b"")
        if FOLDED_FIELD in fields:
            self._folded = _folded_decoder.read(FOLDED_FIELD, fields[FOLDED_FIELD])
        if BACKGROUND_FIELD in fields:
            background = _background_decoder.read(BACKGROUND_FIELD, fields[BACKGROUND_FIELD])
        self._renewed_at = background.renewed_at
        if not background.renewed_at <= self._folded < max(FIRST_RENEWAL, background.renewed_at * 5 // 4):
            raise InvalidStateError(
                f"state field {BACKGROUND_FIELD!r} is of {background.renewed_at} clusters,"
                f" {FOLDED_FIELD!r} of {self._folded}"
            )
        try:
            index.load_background((self._folded, background.renewed_at), *astuple(background)[1:])
        except ValueError as error:
            raise InvalidStateError(f"state field {BACKGROUND_FIELD!r}: {error}") from None


def _portions(stories: Iterable[Story]) -> Iterator[list[Story]]:
    """*Stories* in their order, each portion as large as what one commit cleans: later, segments leave as a whole."""
    portion: list[Story] = []
    size = 0
    for story in stories:
        portion.append(story)
        size += story.stored_bytes
        if size >= MOST_CLEANED_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
