"""Stories: the clusters of many chunks that speak of the same thing, merged.

Owns which stories there are: which clusters are in none, how one is founded, what it is called, when it leaves, what
readers see of it. Which story a cluster joins, and what a story counts, is decided by the kernels; how stories are
stored, by :mod:`orchestrator.brand.story_store`.

Source: the rule of stories (``docs/insights.md``). Everything is decided cluster by cluster in the order of the
chunks, so the cut of batches and restarts change nothing. A story lives as long as a pane of the window has it.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from hashlib import blake2b
from operator import add, itemgetter
from sys import getsizeof
from typing import TYPE_CHECKING

from orchestrator.brand.earlier import Earlier
from orchestrator.brand.growth import Growth, Span, change
from orchestrator.brand.labels import words
from orchestrator.brand.life import UNSETTLED_PANES, state_of
from orchestrator.brand.measures import Measures, measure
from orchestrator.brand.mentions import KEPT_IDS
from orchestrator.brand.normal_form import PLAIN, normal_form, without_frame
from orchestrator.brand.panes import DAY_MS, PANE_MS, PANES_PER_HOUR, first_pane, panes_per_window
from orchestrator.brand.story_store import StoryStore
from orchestrator.brand.text import clip
from orchestrator.kernels.fold import MentionIds, Story, StoryFolder, grown_bytes
from orchestrator.kernels.measure import FIXED_ONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.brand.panes import Present
    from orchestrator.contract.chunk import Chunk
    from orchestrator.contract.decode import ChunkBatch
    from orchestrator.contract.summary import StoryState
    from orchestrator.kernels.rows import MentionRows

LABEL_THRESHOLD = 0.175
"""Least cosine of words, unless a deployment chose another."""

HEADLINE_CHARS = 160
"""Of a headline: a summary shows no more, and a story holds several spellings."""

CURVE_HOURS = 24
QUIET_PANES = 6 * PANES_PER_HOUR
"""Of a story that was silent for so long, state and course are those of the last full hour: little happens there."""

_MERE_NUMBER = re.compile(r"[+-]?\d*([.,]\d+)*")
_HASHED_ID_BYTES = 6
_EXAMPLE_CHARS = 120
_HEAP_ENTRY_BYTES = 250  # in memory: two tuples, their numbers, the place
_STATE_BYTES = 200  # in memory: a listed story's state and what it was computed from
_GONE_BYTES = 450  # in memory: a story after its release
_MAX_HEAP_ENTRIES = 4  # a story on average; a rebuild then costs no more than the entries that made it necessary

_MOST_LOOKED_INTO = 500
"""Stories, for what cannot be told from a story's mentions alone."""

Rank = tuple[int, int, int]
Moods = tuple[float | None, float | None]
"""A mean score in a stretch, and before it."""

_SettledPanes = tuple[int, int, int, int]
"""Of a story: the first pane of the window, the last settled one, its members and mentions between them."""


@dataclass(frozen=True, slots=True)
class StoryView:
    """One story as readers see it.

    Attributes:
        id: stable name.
        label: the one with most words in common with all members, in its most usual spelling, without a word like
            "Report:" before it; of a stretch of panes, what it was told as there, see :func:`told_in`.
        mentions: within the window.
        members: clusters that joined within the window, the founder included.
        sentiment_score: mention-weighted mean over the window's members that have one, else None.
        first_seen_ms: earliest stamped time of a member.
        last_seen_ms: latest stamped time of a member.
        flagged_at_ms: latest stamped time of a member that a worker flagged as a spike; None if there was none.
        examples: the first mentions that its heaviest member lists, cut; different ones.
        before: mentions in the window before; None if that is not known.
        state: how it stands; for a story that is listed.
        curve: mentions in each of the last 24 hours of the clock, oldest first; for a story that is listed.
    """

    id: str
    label: str
    mentions: int
    members: int
    sentiment_score: float | None
    first_seen_ms: int
    last_seen_ms: int
    flagged_at_ms: int | None
    examples: tuple[str, ...] = ()
    before: int | None = None
    state: StoryState = "steady"
    curve: Sequence[int] = ()

    @property
    def change(self) -> float | None:
        """Growth against the window before; None without a basis."""
        return change(self.mentions, self.before)

    @classmethod
    def of(
        cls,
        story: Story,
        before: int | None = None,
        state: StoryState = "steady",
        curve: Sequence[int] = (),
        label: str | None = None,
    ) -> StoryView:
        """The view of *story* as it is now, under another *label* than its headline if one is given."""
        _, members, _, scored, score = map(sum, zip(*story.panes(), strict=True))
        return cls(
            story.id,
            without_frame(story.label if label is None else label),
            story.mentions,
            members,
            score / (scored * FIXED_ONE) if scored else None,
            story.first_seen_ms,
            story.last_seen_ms,
            story.flagged_at_ms,
            story.examples,
            before,
            state,
            curve,
        )


def _curve(story: Story, now: int) -> list[int]:
    """The mentions of *story* in each of the last 24 hours of the clock, as of the pane *now*."""
    hours = [0] * CURVE_HOURS
    first = now // PANES_PER_HOUR - CURVE_HOURS + 1
    for pane, _, mentions, *_ in story.panes():
        hour = min(pane // PANES_PER_HOUR - first, CURVE_HOURS - 1)  # a worker's clock may be ahead
        if hour >= 0:
            hours[hour] += mentions
    return hours


def headline(label: str) -> str:
    """*label* as a story shows it: on one line, without a word like "Report:" before it."""
    return clip(without_frame(label), HEADLINE_CHARS)


def told_in(story: Story, stretch: range) -> str:
    """What *story* was told as in the panes *stretch*: the label that leads there by half of its mentions, if known.

    Its headline speaks of its whole life. Of two things that share words, one may have been told all day and the other
    now. By half: what leads by so much has three quarters, where labels that vary leave the headline its say.
    """
    had = {pane: mentions for pane, _, mentions, *_ in story.panes()}
    votes = (
        (story.told_pane, story.told, story.told_lead),
        (story.before_pane, story.before, story.before_lead),
    )
    leading = [
        (lead, pane, label) for pane, label, lead in votes if pane in stretch and 0 < had.get(pane, 0) <= 2 * lead
    ]
    return max(leading)[2] if leading else story.label


def _growth(story: Story, span: Span) -> Growth:
    inside = before = 0
    for pane, _, mentions, *_ in story.panes():
        inside += mentions if pane in span.stretch else 0
        before += mentions if pane in span.before else 0
    return span.growth(inside, before)


def _view_in(story: Story, span: Span) -> StoryView:
    return StoryView.of(story, label=told_in(story, span.stretch))


def _mean_score(story: Story, panes: range) -> float | None:
    """The mean score of *story* in *panes*, weighted by mentions; None if nothing in them has one."""
    tallies = [tally for tally in story.panes() if tally[0] in panes]
    scored, score = sum([tally[3] for tally in tallies]), sum([tally[4] for tally in tallies])
    return score / (scored * FIXED_ONE) if scored else None


def _risen_score(story: Story, span: Span) -> float:
    """By how much the sum of the scores of *story* is more in the stretch of *span* than in as long a time before."""
    inside = before = 0
    for pane, *_, score in story.panes():
        inside += score if pane in span.stretch else 0
        before += score if pane in span.before else 0
    return span.growth(inside, before).excess / FIXED_ONE


def eviction_rank(story: Story) -> Rank:
    """Which story leaves first: the smallest; among equals the one not seen for longest, then the oldest."""
    return story.mentions, story.last_seen_ms, story.key


class StoryBook(StoryFolder):
    """The stories of one brand, in a window of *window_ms*."""

    def __init__(
        self,
        threshold: float,
        max_stories: int,
        label_threshold: float = LABEL_THRESHOLD,
        window_ms: int = DAY_MS,
    ) -> None:
        super().__init__(threshold, label_threshold, max_stories, words, headline, PLAIN)
        self._ids: set[str] = set()
        self._first_pane = -1
        self._smallest: list[tuple[Rank, Story]] | None = None
        self._store = StoryStore()
        self._had_old_ids: list[Story] = []
        self._story_bytes = 0
        self._earlier = Earlier(panes_per_window(window_ms))
        self._window_ms = window_ms
        self._states: dict[int, tuple[_SettledPanes, StoryState]] = {}  # of the listed ones

    def __len__(self) -> int:
        return len(self.records)

    def has_keyed_ids(self) -> bool:
        """Whether a story got mention ids since the brand has a key."""
        return any(story.ids.total > story.old_ids for story in self.records.values())

    def has_old_ids(self) -> bool:
        """Whether a story remembers mention ids from before the brand had a key; false for good once it is."""
        while self._had_old_ids:
            story = self._had_old_ids[-1]
            if story.key in self.records and story.has_old_ids():
                return True
            self._had_old_ids.pop()
        return False

    def fold_batch(
        self, batch: ChunkBatch, times: Sequence[int], panes: Sequence[int], measures: Measures | None = None
    ) -> int:
        """Let the clusters of *batch* that have a name join or found stories; returns how many clusters there were.

        The stamped times and the panes of its chunks are in the order of the chunks; *measures* are theirs.
        """
        if measures is None:
            measures = measure(batch.chunks, batch.mentions.counts)
        # What has no name is left out here, because the kernel knows clusters and no names.
        self.fold(measures.named, times, panes, batch.centroids, batch.mentions)
        return len(measures.sizes)

    def found(self, chunk: Chunk, place: int) -> Story:
        """A new story, founded by the cluster at *place* of *chunk*."""
        if not self._earlier.begun:
            self._earlier.begin(self._first_pane)
        key = self._store.next_key()
        story = Story(key, self._free_id(chunk, place), MentionIds(KEPT_IDS))
        self._ids.add(story.id)
        self.records[key] = story
        if self._smallest is not None:
            heapq.heappush(self._smallest, ((0, 0, key), story))
        return story

    def examples(self, mentions: MentionRows, row: int, share: int) -> tuple[str, ...]:
        """The first mentions in *row*, cut; of those whose first *share* characters read the same, the first."""
        distinct: dict[str, str] = {}
        for text in mentions.first(row):
            # An id has no blank: it is what it is, and there are too many of them to look into each.
            distinct.setdefault(normal_form(text[:share]).key if " " in text else text, text)
        return tuple([clip(text, _EXAMPLE_CHARS) for text in distinct.values()])

    def _free_id(self, chunk: Chunk, place: int) -> str:
        """The founding cluster's id if it is more than a number and free, else a short hash."""
        own = chunk.clusters[place].id
        if own not in self._ids and not _MERE_NUMBER.fullmatch(own):
            return own
        text = f"{place}:{chunk.chunk_id}"
        while True:
            text = blake2b(text.encode(), digest_size=_HASHED_ID_BYTES).hexdigest()
            if text not in self._ids:
                return text

    def advance(self, first: int) -> None:
        """Forget the panes before *first*; stories that are in no other leave."""
        if first <= self._first_pane:
            return
        self._first_pane = first
        if self.records and not self._earlier.begun:  # an older version noted nothing
            self._earlier.begin(first)
        # Cheap although it looks at every pane: there is a window of them, and a story is once in each of its own.
        # Sorted: what is noted of a pane depends on those that left before it, and they lie in another order after a
        # restart, and where a late chunk opened one. So it is as if time had stopped at each pane.
        for pane in sorted(pane for pane in self.in_pane if pane < first):
            had: dict[int, int] = {}
            for story in self.in_pane.pop(pane):
                if story.key in self.records:
                    had[story.key] = story.mentions
                    self._drop_pane(story, pane)
                    had[story.key] -= story.mentions
                else:
                    self._story_bytes -= story.held_bytes
                    story.held_bytes = 0
            if self._earlier.notes(pane):
                self._earlier.note(pane, {key: some for key, some in had.items() if some and key in self.records})
        self._earlier.advance(first)

    def _drop_pane(self, story: Story, pane: int) -> None:
        if story.drop(pane):
            self._remove(story)
        elif self._smallest is not None:
            heapq.heappush(self._smallest, (eviction_rank(story), story))
            if len(self._smallest) > _MAX_HEAP_ENTRIES * len(self.records):
                self._smallest = None  # most entries are out of date; the next eviction builds the heap anew

    def evict(self) -> None:
        """Remove the story of least rank.

        The heap holds a lower bound of each story's rank. A story that grew is put in its place when its entry comes
        up; one that shrank gets another entry. So a cluster costs O(log n) at most, however many stories there are.
        """
        if self._smallest is None:
            self._smallest = [(eviction_rank(story), story) for story in self.records.values()]
            heapq.heapify(self._smallest)
        while True:
            rank, story = self._smallest[0]
            if story.key not in self.records:
                heapq.heappop(self._smallest)
            elif rank != eviction_rank(story):
                heapq.heapreplace(self._smallest, (eviction_rank(story), story))
            else:
                self._remove(story)
                # The lists of its panes have it until the panes leave.
                story.release()
                story.held_bytes = _GONE_BYTES
                self._story_bytes += _GONE_BYTES
                return

    def _remove(self, story: Story) -> None:
        del self.records[story.key]
        self._story_bytes -= story.held_bytes
        self._ids.discard(story.id)
        self.index.remove(story.key)
        self.dirty.pop(story.key, None)
        self._store.forget(story)

    def top(self, count: int) -> list[StoryView]:
        """The *count* stories with most mentions in the window; among equals the older one comes first."""
        return [StoryView.of(story) for story in self.largest(count)]

    def largest(self, count: int) -> list[Story]:
        """What :meth:`top` is a view of."""
        stories = list(self.records.values())
        if len(stories) > count > 0:
            # A bound first: numbers compare five times faster than the tuples of the sort below.
            bound = heapq.nlargest(count, [story.mentions for story in stories])[-1]
            stories = [story for story in stories if story.mentions >= bound]
        stories.sort(key=lambda story: (-story.mentions, story.key))
        return stories[:count]

    def listed(self, count: int, now: int, *, watched: bool) -> list[StoryView]:
        """The same stories, each with how it stands in the pane *now*, its course, and what it had before.

        *watched* says whether the brand was watched for all of the window before.
        """
        stories = self.largest(count)
        self._states = {story.key: self._state(story, now) for story in stories}
        known = watched and self._earlier.known
        return [
            StoryView.of(
                story,
                self._earlier.mentions(story.key) if known else None,
                self._states[story.key][1],
                _curve(story, now),
            )
            for story in stories
        ]

    def due_pane(self, now: int, newest: int | None) -> int | None:
        """The next pane with which what is listed may change, as of the pane *now* and the *newest* one with chunks."""
        if not self.records:
            return None
        quiet = newest is None or now - newest >= QUIET_PANES
        return (now // PANES_PER_HOUR + 1) * PANES_PER_HOUR if quiet else now + 1

    def _state(self, story: Story, now: int) -> tuple[_SettledPanes, StoryState]:
        """How *story* stands in the pane *now*, and of which settled panes that is."""
        if now - story.last_seen_ms // PANE_MS >= QUIET_PANES:
            now -= now % PANES_PER_HOUR
        settled = now - UNSETTLED_PANES
        panes = [tally for tally in story.panes() if tally[0] <= settled]
        members, mentions = sum([tally[1] for tally in panes]), sum([tally[2] for tally in panes])
        its = self._first_pane, settled, members, mentions
        known = self._states.get(story.key)
        # Panes only grow until one begins or leaves, so the same sums are of the same panes. All that the state follows
        # from is in them: one that was found now is what a process finds that has just loaded the story.
        if known is not None and known[0] == its:
            return known
        begun = story.first_seen_ms // PANE_MS
        counts = {tally[0]: tally[2] for tally in panes}
        # As of the beginning of that pane or hour, too: else the course would be a pane shorter in its middle.
        first = max(first_pane(now * PANE_MS, self._window_ms), begun)
        course = [counts.get(pane, 0) for pane in range(first, settled + 1)]
        return its, state_of(course, now - begun, mentions / members if members else 1.0)

    def grown(self, span: Span, count: int) -> list[tuple[StoryView, Growth]]:
        """The *count* stories that have most mentions more in the stretch of *span* than before it; ties: the older.

        If none has more than before, the one with most mentions there: something is what an episode is about.
        """
        inside = {story.key: story for pane in span.stretch for story in self.in_pane.get(pane, ())}
        # By what they have in all, which is more than they can have grown: so few of thousands are looked into.
        candidates = sorted(
            [story for story in inside.values() if story.key in self.records],
            key=lambda story: (-story.mentions, story.key),
        )
        found: list[tuple[float, int, Story, Growth]] = []
        for story in candidates:
            if len(found) == count and story.mentions < -found[-1][0]:
                break
            growth = _growth(story, span)
            found = sorted([*found, (-growth.excess, story.key, story, growth)], key=itemgetter(0, 1))[:count]
        grown = [one for one in found if one[0] < 0] or sorted(found, key=lambda one: (-one[3].mentions, one[1]))[:1]
        return [(_view_in(story, span), growth) for _, _, story, growth in grown]

    def soured(self, span: Span, count: int) -> list[tuple[StoryView, Growth]]:
        """The *count* stories with a negative score in the stretch of *span* that fell most, summed over mentions."""
        inside = {story.key: story for pane in span.stretch for story in self.in_pane.get(pane, ())}
        living = [story for story in inside.values() if story.key in self.records]
        largest = heapq.nsmallest(_MOST_LOOKED_INTO, living, key=lambda story: (-story.mentions, story.key))
        negative = [story for story in largest if (_mean_score(story, span.stretch) or 0.0) < 0]
        fallen = sorted([(_risen_score(story, span), story.key, story) for story in negative], key=itemgetter(0, 1))
        return [(_view_in(story, span), _growth(story, span)) for risen, _, story in fallen[:count] if risen < 0]

    def largest_in(self, pane: int, count: int) -> list[Story]:
        """The *count* stories with most mentions in *pane*, the largest first; ties: the older."""
        found: list[tuple[int, int, Story]] = []
        # By what they have in all, which is no less: so few of thousands are looked into.
        living = [story for story in self.in_pane.get(pane, ()) if story.key in self.records]
        for story in sorted(living, key=lambda story: (-story.mentions, story.key)):
            if len(found) == count and story.mentions < -found[-1][0]:
                break
            there = sum([tally[2] for tally in story.panes() if tally[0] == pane])
            found = sorted([*found, (-there, story.key, story)], key=itemgetter(0, 1))[:count]
        return [story for negated, _, story in found if negated]

    def told(self, story: Story, span: Span) -> tuple[StoryView, Growth, Moods]:
        """The view of *story*, its growth in the stretch of *span*, and its mean score there and before."""
        moods = tuple(_mean_score(story, panes) for panes in (span.stretch, span.before))
        return _view_in(story, span), _growth(story, span), (moods[0], moods[1])

    def take_changes(self, put: dict[bytes, bytes], remove: list[bytes]) -> None:
        """Add the fields that changed since the last call to *put* and those that went to *remove*."""
        self._store.take_changes(self.dirty, self.records, self.index, put, remove)
        self._earlier.take_changes(put, remove)
        self._story_bytes += grown_bytes(self.dirty.values())  # here, where each of them is looked at anyway
        self.dirty = {}

    def held_bytes(self) -> int:
        """Bytes in memory, at rest and after :meth:`take_changes`; the work does not depend on the stories."""
        heap = 0 if self._smallest is None else len(self._smallest) * _HEAP_ENTRY_BYTES
        tables = getsizeof(self.records) + getsizeof(self._ids) + getsizeof(self._had_old_ids)
        tables += len(self._states) * _STATE_BYTES + self._earlier.held_bytes()
        return self._story_bytes + self.folder_bytes() + self._store.held_bytes() + heap + tables

    def rewrite(self) -> None:
        """Write every story with the next changes."""
        self.dirty = dict(self.records)
        self._store.rewrite()
        self._earlier.rewrite()

    def reanchor(self, present: Present) -> int:
        """Count what stories have in panes of the future in the present one; returns how many stories that changes.

        Call it before the first :meth:`advance`, and :meth:`rewrite` after it.
        """
        self.in_pane.clear()
        self._earlier.forget()
        moved = 0
        for story in self.records.values():
            moved += _reanchor(story, present)
            for pane, *_ in story.panes():
                self.in_pane.setdefault(pane, []).append(story)
        return moved

    @classmethod
    def load(
        cls,
        threshold: float,
        max_stories: int,
        fields: Mapping[bytes, bytes],
        label_threshold: float = LABEL_THRESHOLD,
        hash_key: bytes = b"",
        window_ms: int = DAY_MS,
    ) -> StoryBook:
        """The book whose fields are among *fields*; advance it before the next fold.

        *hash_key* is the brand's; fields that were written under one can be read without it.

        Raises:
            InvalidStateError: a field is damaged or missing.
        """
        book = cls(threshold, max_stories, label_threshold, window_ms)
        book._earlier = Earlier.load(panes_per_window(window_ms), fields)
        stories = book._store.load(fields, book.index, hash_key)
        book.admit(stories)
        book._ids.update([story.id for story in stories])
        book._story_bytes = grown_bytes(book.records.values())
        book._had_old_ids = [story for story in book.records.values() if story.has_old_ids()]
        return book


def _reanchor(story: Story, present: Present) -> bool:
    """Let nothing of *story* be of the future; whether something was."""
    before = story.panes()
    after: dict[int, tuple[int, ...]] = {}
    for pane, *counts in before:
        to = present.move(pane, PANE_MS)
        after[to] = tuple(map(add, after.get(to, (0,) * len(counts)), counts))
    last_seen_ms = present.move_ms(story.last_seen_ms)
    if last_seen_ms == story.last_seen_ms and list(after) == [pane for pane, *_ in before]:
        return False
    story.load(b"".join(_pane_bytes(pane, counts) for pane, counts in after.items()))
    story.first_seen_ms, story.last_seen_ms = present.move_ms(story.first_seen_ms), last_seen_ms
    story.told_pane, story.before_pane = (present.move(pane, PANE_MS) for pane in (story.told_pane, story.before_pane))
    if story.flagged_at_ms is not None:
        story.flagged_at_ms = present.move_ms(story.flagged_at_ms)
    return True


def _pane_bytes(pane: int, counts: tuple[int, ...]) -> bytes:
    """A pane of a story as its ``load`` reads it: four words of 64 bits, and the score in 128."""
    *words, score = counts
    return b"".join(word.to_bytes(8, "little", signed=True) for word in (pane, *words)) + score.to_bytes(
        16, "little", signed=True
    )
