"""Why a number is what it is: the chunks that made it.

While records are folded a journal keeps what each chunk added, as long as its pane is in the window. Then the number
that the summary shows is asked of the state, the chunks of the journal, and the difference is told: what they do not
explain is from before the archive. Stories are told by their keys, so one that left and came back under the same id is
not taken for the one before.

Pure: records in, a document out. Source: ``docs/decisions/0100-why-a-number-is-what-it-is.md``.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.brand.contributions import Counted, TopicName
from orchestrator.brand.panes import HOUR_MS, PANE_MS
from orchestrator.brand.summary import MAX_STORIES_SHOWN
from orchestrator.contract.explanation import MAX_SAID_CHARS, Contribution, ExplainedKind, ExplainedOrder, Explanation
from orchestrator.contract.times import iso_utc
from orchestrator.errors import ArchiveError, NothingToExplainError

if TYPE_CHECKING:
    from orchestrator.archive.record import Record
    from orchestrator.brand.state import BrandState
    from orchestrator.brand.stories import StoryView

MAX_CHUNKS: Final = 1_000_000
"""That a journal keeps; each takes about half a kilobyte."""

_ALIKE_SHOWN: Final = 5
_LEAST_PRUNED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """Which number is meant.

    Attributes:
        kind: of what.
        name: id of a story or a part of its headline; a topic.
        hour_ms: when the hour begins, Unix ms.
    """

    kind: ExplainedKind
    name: str = ""
    hour_ms: int = 0


@dataclass(frozen=True, slots=True)
class Heading:
    """Of which brand, as of when, and of which commit."""

    brand: str
    at_ms: int
    cid: str
    version: int


class _Number(NamedTuple):
    id: str | None
    label: str
    mentions: int


class _Commit(NamedTuple):
    cid: str
    version: int
    now_ms: int
    object: str


class _Row(NamedTuple):
    """A chunk; *joined* has a story's key and what it got, one behind the other."""

    commit: _Commit
    item: int
    chunk_id: str
    said: str | float | None
    at_ms: int
    late: bool
    mentions: int
    clusters: int
    joined: array[int]
    topic: tuple[int, int]


class Journal:
    """What chunks added, as long as they count.

    Args:
        question: what is wanted; what it does not need is not kept.
        most: chunks that may be kept.
    """

    def __init__(self, question: Question, most: int = MAX_CHUNKS) -> None:
        self._question = question
        self._topic = TopicName(question.name) if question.kind == "topic" else None
        self._most = most
        self._rows: list[_Row] = []
        self._prune_at = _LEAST_PRUNED

    def take(self, record: Record, found: Sequence[Counted], name: str = "") -> None:
        """Note the chunks of *record*, which lies in the object *name*.

        Raises:
            ArchiveError: there are more chunks than can be kept.
        """
        commit = _Commit(record.cid, record.version, record.now_ms, name)
        hour = self._question.hour_ms // HOUR_MS
        for one in found:
            if one.at_ms // HOUR_MS != hour if self._question.kind == "hour" else one.late:
                continue
            joined = array("q")
            for pair in one.joined if self._question.kind == "story" else ():
                joined.extend(pair)
            topic = (0, 0) if self._topic is None else self._topic.mentions_in(one)
            if self._topic is not None and topic == (0, 0):
                continue
            chunk = one.chunk
            told = (one.at_ms, one.late, one.mentions, len(chunk.clusters), joined, topic)
            self._rows.append(_Row(commit, one.index, chunk.chunk_id, chunk.processed_at, *told))
        if len(self._rows) > self._most:
            raise ArchiveError(
                f"more than {self._most:,} chunks made this number: ask for an hour, or for an earlier time"
            )

    def clear(self) -> None:
        """Forget all: another state took the place of the one that these chunks made."""
        self._rows, self._prune_at = [], _LEAST_PRUNED

    def begin_again(self, before: BrandState | None, after: BrandState | None) -> None:
        """The state *after* took the place of *before*: what counts in an hour is told by no story, and may still."""
        hour = self._question.hour_ms // HOUR_MS
        if (
            self._question.kind != "hour"
            or before is None
            or after is None
            or before.totals_of_hour(hour) != after.totals_of_hour(hour)
        ):
            self.clear()

    def advance(self, first_pane: int, panes: int) -> None:
        """The window of so many *panes* begins at *first_pane* now: what can never count again is dropped."""
        if self._question.kind == "hour" or len(self._rows) < self._prune_at:
            return
        # Where the window is made larger, what was in the window before it counts again.
        since_ms = (first_pane - panes) * PANE_MS
        self._rows = [row for row in self._rows if row.at_ms >= since_ms]
        self._prune_at = max(_LEAST_PRUNED, 2 * len(self._rows))

    def answer(self, state: BrandState, heading: Heading, order: ExplainedOrder, limit: int) -> Explanation:
        """The number of the question as *state* has it, and the chunks behind it.

        Raises:
            NothingToExplainError: there is no such story or topic.
        """
        match self._question.kind:
            case "story":
                key, view = story_of(state, self._question.name)
                rows = self._of(key, state.story_panes(key))
                return self._told(heading, _Number(view.id, view.label, view.mentions), rows, order, limit)
            case "total":
                rows = ((row, row.mentions, row.clusters) for row in self._inside(state.first_pane))
                return self._told(heading, _Number(None, "", state.totals[1]), rows, order, limit)
            case "hour":
                hour_ms = self._question.hour_ms // HOUR_MS * HOUR_MS
                mentions = state.totals_of_hour(hour_ms // HOUR_MS)[1]
                rows = ((row, row.mentions, row.clusters) for row in self._rows)
                return self._told(heading, _Number(None, iso_utc(hour_ms), mentions), rows, order, limit)
            case "topic":
                return self._of_topic(state, heading, order, limit)

    def answers(self, state: BrandState, heading: Heading, order: ExplainedOrder, limit: int) -> Iterator[Explanation]:
        """The same of each of the stories that a summary may show, in their order there."""
        views = dict(islice(state.story_views().items(), MAX_STORIES_SHOWN))
        panes = {key: state.story_panes(key) for key in views}
        by_story: dict[int, list[tuple[_Row, int, int]]] = {}
        for row in self._rows:
            for key, (brought, members) in _by_key(row.joined).items():
                if row.at_ms // PANE_MS in panes.get(key, ()):
                    by_story.setdefault(key, []).append((row, brought, members))
        for key, view in views.items():
            number = _Number(view.id, view.label, view.mentions)
            yield self._told(heading, number, by_story.get(key, ()), order, limit)

    def _inside(self, first_pane: int) -> Iterator[_Row]:
        return (row for row in self._rows if row.at_ms // PANE_MS >= first_pane)

    def _of(self, key: int, panes: frozenset[int]) -> Iterator[tuple[_Row, int, int]]:
        for row in self._rows:
            found = _by_key(row.joined).get(key)
            if found is not None and row.at_ms // PANE_MS in panes:
                yield row, *found

    def _of_topic(self, state: BrandState, heading: Heading, order: ExplainedOrder, limit: int) -> Explanation:
        wanted = TopicName(self._question.name)
        views = state.topic_views()
        view = next((view for view in views if wanted.covers(view.topic)), None)
        if view is None:
            shown = ", ".join(repr(view.topic) for view in views)
            raise NothingToExplainError(
                f"the summary shows no topic {self._question.name!r}; it shows {shown or 'none'}"
            )
        counted = view.mentions != view.in_chunks_of
        rows = (
            (row, row.topic[0] if counted else row.topic[1], row.clusters)
            for row in self._inside(state.first_pane)
            if row.topic[0 if counted else 1]
        )
        return self._told(heading, _Number(None, view.topic, view.mentions), rows, order, limit)

    def _told(
        self,
        heading: Heading,
        number: _Number,
        rows: Iterator[tuple[_Row, int, int]] | Sequence[tuple[_Row, int, int]],
        order: ExplainedOrder,
        limit: int,
    ) -> Explanation:
        found = list(rows)
        explained = sum(mentions for _, mentions, _ in found)
        rank: Callable[[tuple[_Row, int, int]], tuple[int, ...]] = (
            _newest if order == "newest" else lambda one: (one[1], *_newest(one))
        )
        return Explanation(
            brand=heading.brand,
            of=self._question.kind,
            id=number.id,
            label=number.label,
            as_of=iso_utc(heading.at_ms),
            commit=heading.cid,
            version=heading.version,
            mentions=number.mentions,
            explained=explained,
            older=number.mentions - explained,
            chunks=len(found),
            order=order,
            contributions=[_contribution(*one) for one in heapq.nlargest(limit, found, key=rank)],
        )


def story_of(state: BrandState, name: str) -> tuple[int, StoryView]:
    """The story that *name* means: its id, its headline, or a part of one headline alone.

    Raises:
        NothingToExplainError: there is none, or there are several.
    """
    views = state.story_views()
    wanted = " ".join(name.split()).casefold()
    found = [(key, view) for key, view in views.items() if view.id == name]
    found = found or [(key, view) for key, view in views.items() if view.label.casefold() == wanted]
    found = found or [(key, view) for key, view in views.items() if wanted and wanted in view.label.casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NothingToExplainError(f"the summary has no story {name!r}: neither its id nor a part of its headline")
    alike = "; ".join(f"{view.id} ({view.label!r})" for _, view in found[:_ALIKE_SHOWN])
    more = f" and {len(found) - _ALIKE_SHOWN} more" if len(found) > _ALIKE_SHOWN else ""
    raise NothingToExplainError(
        f"{len(found)} stories have {name!r} in their headline: {alike}{more}. Name one by its id"
    )


def _by_key(joined: array[int]) -> dict[int, tuple[int, int]]:
    """Mentions and clusters that each story got of a chunk."""
    found: dict[int, tuple[int, int]] = {}
    for key, brought in zip(joined[::2], joined[1::2], strict=True):
        mentions, members = found.get(key, (0, 0))
        found[key] = mentions + brought, members + 1
    return found


def _newest(one: tuple[_Row, int, int]) -> tuple[int, ...]:
    row = one[0]
    return row.at_ms, row.commit.version, row.item


def _as_said(time: str | float | None) -> str | None:
    if time is None:
        return None
    return time[:MAX_SAID_CHARS] if isinstance(time, str) else f"{time:.16g}"


def _contribution(row: _Row, mentions: int, clusters: int) -> Contribution:
    commit = row.commit
    return Contribution(
        chunk_id=row.chunk_id,
        mentions=mentions,
        chunk_mentions=row.mentions,
        clusters=clusters,
        at=iso_utc(row.at_ms),
        processed_at=_as_said(row.said),
        late=row.late,
        committed_at=iso_utc(commit.now_ms),
        commit=commit.cid,
        version=commit.version,
        item=row.item,
        object=commit.object,
    )
