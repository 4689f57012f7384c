"""Stories that outgrow what is usual for a brand: each may be an episode, once as long as it lives.

What is usual is learned from the largest story of each pane, as volume is from all mentions: its level, the course of
the day, its scatter. A story is judged by that, and by the share of all mentions that the largest one usually has:
where everything has grown, no story has outgrown the others. A pane is judged once, when it is settled, for the reasons
of :mod:`orchestrator.brand.moods`.

State fields: ``w`` (what was learned, the open episodes, the stories that had one), ``x`` (closed ones).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct, field, structs

from orchestrator.brand.codec import FieldDecoder
from orchestrator.brand.detector import Detector, Look
from orchestrator.brand.episodes import OpenEpisode, opens
from orchestrator.brand.expectation import PANES_PER_DAY, SUM_PANES
from orchestrator.brand.panes import MAX_AHEAD_MS, PANE_MS, Present
from orchestrator.brand.settled_episodes import SettledEpisodes
from orchestrator.brand.spikes import SILENCE_PANES
from orchestrator.brand.text import clip
from orchestrator.brand.tracked import SETTLING_PANES, Tracked
from orchestrator.contract.summary import MAX_STORY_EPISODES, Drivers, SpikeEpisode
from orchestrator.contract.times import iso_utc

if TYPE_CHECKING:
    from orchestrator.kernels.fold import Story

LEAST_MENTIONS = 10
"""Fewer in its stretch are no episode, however quiet a brand's stories are."""

LEAST_TIMES = 1.5
"""So many times what habit explains: less is a somewhat larger story."""

ID_CHARS, LABEL_CHARS = 80, 120

_CANDIDATES = MAX_STORY_EPISODES + 1
_DECAY = 2 ** (-1 / (2 * PANES_PER_DAY))


@dataclass(frozen=True, slots=True)
class Pane:
    """What stories had in one pane.

    Attributes:
        whole: all mentions of the pane, in stories or not.
        largest: its largest stories, the largest first.
    """

    whole: int
    largest: list[Story]


class _Open(Struct, array_like=True):
    key: int
    id: str
    label: str
    tracked: Tracked

    def entry(self, end_pane: int | None = None) -> SpikeEpisode:
        entry = self.tracked.entry(end_pane)
        least = max(LEAST_MENTIONS, math.ceil(LEAST_TIMES * self.tracked.open.peak.mean), entry.upper_bound)
        return structs.replace(entry, kind="story", story_id=self.id, label=self.label, upper_bound=least)


class _Learned(Struct, array_like=True):
    detector: Detector
    active: int
    largest: float = 0.0
    wholes: float = 0.0
    before: list[int] = field(default_factory=list)  # all mentions of the panes before, as many as a sum needs
    open: list[_Open] = field(default_factory=list)
    had: list[int] = field(default_factory=list)  # keys of living stories that had an episode


class StoryEpisodes(SettledEpisodes[_Learned]):
    """The episodes of one brand's stories."""

    learned_field, closed_field = b"w", b"x"
    _decoder = FieldDecoder(_Learned)

    def begin(self, now: int) -> None:
        """Learn from the pane *now* on, and the one before, unless that has begun."""
        if self._learned is None:
            following = now - SETTLING_PANES + 1
            self._learned = _Learned(Detector.begin(following), following)
            self._dirty = True

    def advance(
        self,
        now: int,
        count: Callable[[int, int], Pane],
        story: Callable[[int], Story | None],
        explain: Callable[[Story, range], Drivers],
    ) -> None:
        """Settle the panes that the pane *now* settles.

        Args:
            now: the current pane.
            count: what stories had in a pane, with at most so many of the largest.
            story: the one of a key, None if it has left.
            explain: what an episode of a story with these panes is about.
        """
        while self._learned is not None and self._learned.detector.following <= now - SETTLING_PANES:
            learned, pane = self._learned, self._learned.detector.following
            found = count(pane, _CANDIDATES)
            self._step(learned, pane, found, story, explain)
            learned.active = pane if found.whole else learned.active
            self._dirty = True
            if pane - learned.active >= SILENCE_PANES:
                self._learned = None

    def _step(
        self,
        learned: _Learned,
        pane: int,
        found: Pane,
        story: Callable[[int], Story | None],
        explain: Callable[[Story, range], Drivers],
    ) -> None:
        floor = found.whole * learned.largest / learned.wholes if learned.wholes else 0.0
        learned.before = [*learned.before, found.whole][-SUM_PANES:]
        looks = {one.key: self._look(learned, one, pane, floor) for one in found.largest}
        for one in list(learned.open):
            self._follow(learned, one, pane, story(one.key), floor, explain)
        learned.had = [key for key in learned.had if story(key) is not None]
        for large in found.largest:
            if large.key not in learned.had and len(learned.open) < MAX_STORY_EPISODES:
                self._open(learned, large, pane, looks[large.key], explain)
        largest = max([mentions_in(one, pane) for one in found.largest], default=0)
        seen = learned.detector.settle(largest, largest * largest, floor).seen
        learned.largest = _DECAY * learned.largest + min(largest, 2 * max(1.0, seen.ceiling))
        learned.wholes = _DECAY * learned.wholes + found.whole

    def _look(self, learned: _Learned, story: Story, pane: int, floor: float) -> Look:
        had = [mentions_in(story, at) for at in range(pane + 1 - SUM_PANES, pane + 1)]
        return learned.detector.against(had, floor)

    def _open(
        self, learned: _Learned, story: Story, pane: int, look: Look, explain: Callable[[Story, range], Drivers]
    ) -> None:
        stretch = look.stretch
        enough = stretch.count >= max(LEAST_MENTIONS, LEAST_TIMES * stretch.mean)
        if not (enough and opens(look.seen, stretch)):
            return
        opened = OpenEpisode(pane, stretch, at=pane)
        tracked = Tracked(
            self._list.open(), opened, sum(learned.before[-stretch.panes :]), explain(story, opened.panes())
        )
        label = next((told.label for told in tracked.drivers.stories), story.label)  # as it is told in these panes
        one = _Open(story.key, clip(story.id, ID_CHARS), clip(label, LABEL_CHARS), tracked)
        learned.open = [*learned.open, one]
        learned.had = [*learned.had, story.key]
        self._list.tell("opened", tracked.number, one.entry())

    def _follow(
        self,
        learned: _Learned,
        one: _Open,
        pane: int,
        story: Story | None,
        floor: float,
        explain: Callable[[Story, range], Drivers],
    ) -> None:
        tracked = one.tracked
        look = (
            learned.detector.against([0] * SUM_PANES, floor)
            if story is None
            else self._look(learned, story, pane, floor)
        )
        if tracked.then(look.stretch, pane) and story is not None:
            tracked.of = sum(learned.before[-look.stretch.panes :])
            tracked.drivers = explain(story, tracked.open.panes())
        end = tracked.end_pane(pane)
        if end is not None:
            learned.open = [other for other in learned.open if other is not one]
            self._list.tell("closed", tracked.number, one.entry(end))

    def open_episodes(self) -> list[SpikeEpisode]:
        """Those that are open, oldest first."""
        return [] if self._learned is None else [one.entry() for one in self._learned.open]

    def usual(self) -> float | None:
        """Mentions a quarter of an hour that the largest story may have; None as long as nothing is judged."""
        if self._learned is None or not self._learned.detector.ahead.warm:
            return None
        return max(self._learned.detector.ahead.mean, self._learned.detector.ahead.ceiling)

    def reanchor(self, present: Present) -> int:
        """End what a clock in the future has begun; returns how many closed episodes leave the list."""
        learned = self._learned
        if learned is None or present.move(learned.detector.following, PANE_MS) == learned.detector.following:
            return 0
        left = self._list.drop_after(iso_utc(present.now_ms + MAX_AHEAD_MS))
        for one in learned.open:
            one.tracked.open = OpenEpisode(present.move(one.tracked.open.since, PANE_MS), one.tracked.open.peak)
            self._list.tell("closed", one.tracked.number, one.entry(present.now_ms // PANE_MS + 1))
        self._learned, self._dirty = None, True
        return left

    def following(self) -> int | None:
        """The pane that is settled next."""
        return None if self._learned is None else self._learned.detector.following


def mentions_in(story: Story, pane: int) -> int:
    """The mentions of *story* in *pane*."""
    return sum([tally[2] for tally in story.panes() if tally[0] == pane])
