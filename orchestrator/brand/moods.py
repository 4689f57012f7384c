"""The mood of one brand: episodes in which more of what is said is negative than its own past explains.

Negative mentions of a pane are judged given all mentions of it that have a sentiment, so a burst of volume in the usual
mood is none of mood. A pane is judged once, when it is settled, half an hour after it began: the first chunks of a pane
may be all of one kind, and a share does not only grow. So nothing is looked at per chunk, and no cut of batches shows.

State fields: ``u`` (what was learned, the open episode), ``v`` (closed ones).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct, structs

from orchestrator.brand.codec import FieldDecoder
from orchestrator.brand.detector import Look
from orchestrator.brand.episodes import OpenEpisode, Rest, opens
from orchestrator.brand.panes import MAX_AHEAD_MS, PANE_MS, Present
from orchestrator.brand.settled_episodes import SettledEpisodes
from orchestrator.brand.shares import ShareLearner
from orchestrator.brand.spikes import SILENCE_PANES
from orchestrator.brand.tracked import SETTLING_PANES, Tracked
from orchestrator.contract.summary import Drivers, SpikeEpisode
from orchestrator.contract.times import iso_utc

LEAST_RISE = 0.1
"""Of all mentions, so many more than expected must be negative: a few percent of thousands are no news."""


class _Learned(Struct, array_like=True):
    following: int
    active: int
    learner: ShareLearner
    tracked: Tracked | None = None
    rest: Rest | None = None


class Moods(SettledEpisodes[_Learned]):
    """The episodes of mood of one brand."""

    learned_field, closed_field = b"u", b"v"
    _decoder = FieldDecoder(_Learned)

    def begin(self, now: int) -> None:
        """Learn from the pane *now* on, and the one before, unless that has begun."""
        if self._learned is None:
            following = now - SETTLING_PANES + 1
            self._learned = _Learned(following, following, ShareLearner())
            self._dirty = True

    def advance(self, now: int, count: Callable[[int], tuple[int, int]], explain: Callable[[range], Drivers]) -> None:
        """Settle the panes that the pane *now* settles.

        Args:
            now: the current pane.
            count: negative mentions of a pane, and all of it that have a sentiment.
            explain: what an episode with these panes is about.
        """
        while self._learned is not None and self._learned.following <= now - SETTLING_PANES:
            learned, pane = self._learned, self._learned.following
            part, whole = count(pane)
            self._step(learned, learned.learner.settle(pane, part, whole), explain)
            learned.following += 1
            learned.active = pane if whole else learned.active
            self._dirty = True
            if pane - learned.active >= SILENCE_PANES:
                self._learned = None

    def _step(self, learned: _Learned, look: Look, explain: Callable[[range], Drivers]) -> None:
        pane, stretch, rest = look.pane, look.stretch, learned.rest
        of = learned.learner.wholes_of(stretch.panes)
        tracked = learned.tracked
        if tracked is None:
            bar = rest.bar(pane, look.expected) if rest is not None else 0.0
            if opens(look.seen, stretch, bar) and stretch.count - stretch.mean >= LEAST_RISE * of:
                opened = OpenEpisode(pane, stretch, at=pane)
                learned.tracked = Tracked(self._list.open(), opened, of, explain(opened.panes()))
                self._list.tell("opened", learned.tracked.number, _entry(learned.tracked))
            return
        if tracked.then(stretch, pane):
            tracked.of, tracked.drivers = of, explain(tracked.open.panes())
        end = tracked.end_pane(pane)
        if end is not None:
            self._list.tell("closed", tracked.number, _entry(tracked, end))
            learned.rest, learned.tracked = tracked.open.rest(end), None

    def open_episode(self) -> SpikeEpisode | None:
        """The open episode, if there is one."""
        tracked = self._learned.tracked if self._learned is not None else None
        return None if tracked is None else _entry(tracked)

    def share(self) -> float | None:
        """The negative share that is usual; None as long as nothing is judged."""
        return self._learned.learner.share if self._learned is not None and self._learned.learner.warm else None

    def reanchor(self, present: Present) -> int:
        """End what a clock in the future has begun; returns how many closed episodes leave the list."""
        if self._learned is None or present.move(self._learned.following, PANE_MS) == self._learned.following:
            return 0
        left = self._list.drop_after(iso_utc(present.now_ms + MAX_AHEAD_MS))
        tracked = self._learned.tracked
        if tracked is not None:
            tracked.open = OpenEpisode(present.move(tracked.open.since, PANE_MS), tracked.open.peak)
            self._list.tell("closed", tracked.number, _entry(tracked, present.now_ms // PANE_MS + 1))
        self._learned, self._dirty = None, True
        return left

    def following(self) -> int | None:
        """The pane that is settled next."""
        return None if self._learned is None else self._learned.following

    def open_episodes(self) -> list[SpikeEpisode]:
        """The open one, if there is one."""
        current = self.open_episode()
        return [] if current is None else [current]


def _entry(tracked: Tracked, end_pane: int | None = None) -> SpikeEpisode:
    entry = tracked.entry(end_pane)
    least = math.ceil(tracked.open.peak.mean + LEAST_RISE * tracked.of)
    return structs.replace(entry, kind="mood", upper_bound=max(entry.upper_bound, least))
