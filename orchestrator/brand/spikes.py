"""The spikes of one brand: when panes are judged, which episodes there are, and who still has to be told.

A pane is judged by the :class:`~orchestrator.brand.detector.Detector`. It is settled (judged for good and learned
from) when two later panes have begun, because chunks come minutes late. Until then it is judged provisionally,
against the same expectation: so an alarm need not wait. It is not taken back either, because counts only grow.
Everything follows from the settled panes and the counts of the last two; how batches were cut does not show.

Not seen: mentions stamped into panes that are settled (a backlog of hours). They count in trend and summary, but
can neither raise an alarm long after the fact nor teach a wrong normal.

A brand that is silent for two weeks is forgotten here and warms up anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, structs

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.detector import Detector, Look
from orchestrator.brand.episodes import HourAhead, OpenEpisode, Rest, Stretch, opens
from orchestrator.brand.expectation import PANES_PER_DAY, WARM_UP_PANES
from orchestrator.brand.panes import MAX_AHEAD_MS, PANE_MS, PANES_PER_HOUR, Present, pane_of
from orchestrator.contract.summary import Drivers, SpikeEpisode
from orchestrator.contract.times import iso_utc

SETTLED_FIELD = b"d"
UNSETTLED_FIELD = b"o"
EPISODES_FIELD = b"e"

_EPISODE_BYTES, _DRIVERS_BYTES = 500, 3_000  # in memory
MAX_EPISODES = 50
"""Closed episodes kept and published, the newest."""

SILENCE_PANES = 14 * PANES_PER_DAY

_MAX_SQUARES = 2**62
"""Sums of squares stop here, because a field holds 64 bits; they only say how large a usual chunk is."""

_SETTLING_PANES = 2
"""Panes that are not settled: the current one and the one before."""


@dataclass(frozen=True, slots=True)
class EpisodeChange:
    """An episode that opened or closed; alerts tell of it.

    ``number`` counts the brand's episodes from 1, so brand, number and kind are a name of the change that lasts.
    """

    kind: Literal["opened", "closed"]
    number: int
    episode: SpikeEpisode


@dataclass(frozen=True, slots=True)
class Watch:
    """How a brand stands now: why there is an episode, or none.

    Attributes:
        kind: "unknown" (nothing was mentioned yet, or not for two weeks), "learning", "open", "resting" or "usual".
        learning_panes: panes that are to be learned before anything is judged.
        stretch: the highest of the panes that are not settled, and of the panes before them.
        bar: for resting, the height that is to be exceeded, as the stretch's own 1.
        rest_until_ms: for resting, when that ends.
    """

    kind: Literal["unknown", "learning", "open", "resting", "usual"]
    learning_panes: int = 0
    stretch: Stretch | None = None
    bar: float = 0.0
    rest_until_ms: int = 0


class _Settled(Struct, array_like=True):
    """What is kept of the settled panes: the detector, the newest pane with mentions, the open episode."""

    detector: Detector
    active: int
    episode: OpenEpisode | None
    rest: Rest | None = None

    def opened_by(self, look: Look) -> OpenEpisode | None:
        """The episode that opens with what *look* saw; None: none does."""
        bar = self.rest.bar(look.pane, look.expected) if self.rest is not None else 0.0
        return OpenEpisode(look.pane, look.stretch, at=look.pane) if opens(look.seen, look.stretch, bar) else None


class _Count(Struct, array_like=True):
    pane: int
    mentions: int = 0
    squares: int = 0


class _Cause(Struct, frozen=True, array_like=True):
    """What is known of the open episode: the pane that opened it, the pane that ends its peak, its drivers."""

    since: int
    at: int
    drivers: Drivers


class _Unsettled(Struct, array_like=True):
    counts: list[_Count]
    told_opened: int
    told_closed: int
    cause: _Cause | None = None


class _Episodes(Struct, array_like=True):
    closed: int
    entries: list[SpikeEpisode]


_NOTHING = _Count(-1)

_settled_decoder = FieldDecoder(_Settled)
_unsettled_decoder = FieldDecoder(_Unsettled)
_episodes_decoder = FieldDecoder(_Episodes)


class Spikes:
    """The spikes of one brand."""

    def __init__(self) -> None:
        self._now = 0  # the current pane
        self._settled: _Settled | None = None
        self._counts: dict[int, _Count] = {}
        self._closed = 0
        self._entries: list[SpikeEpisode] = []
        self._open: OpenEpisode | None = None
        self._current: SpikeEpisode | None = None  # what readers see of it, kept because its bound costs a search
        self._cause: _Cause | None = None
        self._told_opened = self._told_closed = 0
        self._published: list[SpikeEpisode] = []
        self._ahead: dict[int, HourAhead] = {}
        self._dirty: set[bytes] = set()

    @classmethod
    def load(cls, fields: Mapping[bytes, bytes], now_ms: int) -> Spikes:
        """The spikes that *fields* hold, as of *now_ms*, when they were written."""
        spikes = cls()
        if SETTLED_FIELD in fields:
            spikes._settled = _settled_decoder.read(SETTLED_FIELD, fields[SETTLED_FIELD])
        if UNSETTLED_FIELD in fields:
            unsettled = _unsettled_decoder.read(UNSETTLED_FIELD, fields[UNSETTLED_FIELD])
            spikes._counts = {count.pane: count for count in unsettled.counts}
            spikes._told_opened, spikes._told_closed = unsettled.told_opened, unsettled.told_closed
            spikes._cause = unsettled.cause
        if EPISODES_FIELD in fields:
            episodes = _episodes_decoder.read(EPISODES_FIELD, fields[EPISODES_FIELD])
            spikes._closed, spikes._entries = episodes.closed, episodes.entries
        spikes.advance(now_ms)
        # The list in Redis is what these fields gave when they were written: an unchanged one is not written again.
        spikes._published = spikes.episodes()
        return spikes

    def fold(self, panes: Sequence[int], mentions: Sequence[int]) -> None:
        """Count the *mentions* of chunks, whose panes are in the same order."""
        if self._settled is None:
            self._begin(self._now - _SETTLING_PANES + 1)
        following = self._now if self._settled is None else self._settled.detector.following
        distinct = set(panes)
        for pane in distinct:
            if pane >= following:
                its = (
                    mentions
                    if len(distinct) == 1
                    else [size for at, size in zip(panes, mentions, strict=True) if at == pane]
                )
                known = self._counts.setdefault(pane, _Count(pane))
                known.mentions += sum(its)
                known.squares = min(_MAX_SQUARES, known.squares + sum(map(mul, its, its)))
        self._dirty.add(UNSETTLED_FIELD)
        self._judge_unsettled()

    def advance(self, now_ms: int) -> None:
        """Settle the panes that time has settled."""
        pane = pane_of(now_ms)
        if pane <= self._now:
            return
        self._now = pane
        while self._settled is not None and self._settled.detector.following <= pane - _SETTLING_PANES:
            self._settle(self._settled)
        self._judge_unsettled()

    def reanchor(self, present: Present) -> int:
        """End what a clock in the future has begun; returns how many closed episodes leave the list.

        The detector begins anew if it looks at panes of the future: what it learned on the way there is no traffic.
        An episode that is open then ends now. Nothing here counts again what was counted in the future.
        """
        self._now = pane_of(present.now_ms)
        following = self._now if self._settled is None else self._settled.detector.following
        if not any(present.move(pane, PANE_MS) != pane for pane in (following, *self._counts)):
            return 0
        latest = iso_utc(present.now_ms + MAX_AHEAD_MS)
        kept = [entry for entry in self._entries if entry.timestamp <= latest]
        left = len(self._entries) - len(kept)
        if self._open is not None:
            ended = OpenEpisode(present.move(self._open.since, PANE_MS), self._open.peak)
            kept = [*kept, ended.entry(self._now + 1, self._drivers_of(self._open))][-MAX_EPISODES:]
            self._closed += 1
        self._entries = kept
        self._settled = self._open = self._current = self._cause = None
        self._counts = {}
        return left

    def in_question(self, *, counted: bool) -> range | None:
        """The panes whose drivers :meth:`explain` should be told; None: those that are known stay.

        They are looked for while chunks still count in the peak of an open episode; *counted* says whether some just
        were. After that the drivers stay what they were, whatever leaves the window or comes too late.
        """
        episode, settled = self._open, self._settled
        if episode is None or settled is None:
            return None
        panes = episode.panes()
        cause = self._cause
        unknown = cause is None or (cause.since, cause.at) != (episode.since, panes[-1])
        return panes if unknown or (counted and panes[-1] >= settled.detector.following) else None

    def explain(self, drivers: Drivers) -> None:
        """The open episode is about *drivers*."""
        if self._open is None:
            return
        self._cause = _Cause(self._open.since, self._open.panes()[-1], drivers)
        self._dirty.add(UNSETTLED_FIELD)
        if self._current is not None and self._current.drivers != drivers:
            self._current = structs.replace(self._current, drivers=drivers)

    def watch(self) -> Watch:
        """How the brand stands now."""
        settled = self._settled
        if settled is None:
            return Watch("unknown")
        learner = settled.detector.learner
        if not settled.detector.ahead.warm:
            return Watch("learning", WARM_UP_PANES + 1 - learner.panes)
        looks = self._looks(settled)
        highest = max(looks, key=lambda look: look.stretch.height)
        rest = settled.rest
        bar = 0.0 if rest is None else rest.bar(highest.pane, highest.expected)
        kind: Literal["open", "resting", "usual"] = "resting" if bar else "usual"
        until_ms = rest.until * PANE_MS if rest is not None and bar else 0
        return Watch("open" if self._open is not None else kind, 0, highest.stretch, bar, until_ms)

    def open_episode(self) -> SpikeEpisode | None:
        """The open episode, if there is one."""
        return self._current

    def episodes(self) -> list[SpikeEpisode]:
        """The newest episodes, oldest first; the open one is the last."""
        current = self.open_episode()
        return [*self._entries, current] if current is not None else list(self._entries)

    def due_ms(self) -> int | None:
        """When an episode may open or close next without new chunks; None: none will."""
        waiting = self._open is not None or any(pane > self._now for pane in self._counts)
        return (self._now + 1) * PANE_MS if waiting else None

    def held_bytes(self) -> int:
        """Bytes in memory: of the episodes, as kept and as published."""
        explained = sum([entry.drivers is not UNSET for entry in self._entries]) + (self._cause is not None)
        # The published entries are the same objects, but for the open one.
        return (len(self._entries) + len(self._published)) * _EPISODE_BYTES + explained * _DRIVERS_BYTES

    def take_changes(
        self, put: dict[bytes, bytes], remove: list[bytes]
    ) -> tuple[list[bytes] | None, list[EpisodeChange]]:
        """Add the changed state fields to *put* and *remove*.

        Returns:
            The whole published list, None if it did not change; the openings and closings not told yet.
        """
        news = self._news()  # first: it may mark a field as changed
        if SETTLED_FIELD in self._dirty:
            if self._settled is None:
                remove.append(SETTLED_FIELD)
            else:
                put[SETTLED_FIELD] = pack(self._settled)
        if UNSETTLED_FIELD in self._dirty:
            counts = [self._counts[pane] for pane in sorted(self._counts)]
            put[UNSETTLED_FIELD] = pack(_Unsettled(counts, self._told_opened, self._told_closed, self._cause))
        if EPISODES_FIELD in self._dirty:
            put[EPISODES_FIELD] = pack(_Episodes(self._closed, self._entries))
        self._dirty = set()
        episodes = self.episodes()
        if episodes == self._published:
            return None, news
        self._published = episodes
        return [msgspec.json.encode(episode) for episode in episodes], news

    def take_ahead(self) -> dict[int, HourAhead]:
        """What is expected of hours, by their number since the epoch, as far as it was not taken yet."""
        ahead, self._ahead = self._ahead, {}
        return ahead

    def rewrite(self) -> None:
        """Write every field with the next changes."""
        self._dirty |= {SETTLED_FIELD, UNSETTLED_FIELD, EPISODES_FIELD}

    def _news(self) -> list[EpisodeChange]:
        news: list[EpisodeChange] = []
        current = self.open_episode()
        opened = self._closed + (current is not None)
        for number in range(self._told_closed + 1, opened + 1):
            # After a long absence so many episodes may close at once that some have left the list: nothing to tell.
            place = number - self._closed - 1
            episode = current if place == 0 else self._entries[place] if -place <= len(self._entries) else None
            if episode is None:
                continue
            if number > self._told_opened:
                news.append(EpisodeChange("opened", number, episode))
            if number <= self._closed:
                news.append(EpisodeChange("closed", number, episode))
        if (opened, self._closed) != (self._told_opened, self._told_closed):
            self._told_opened, self._told_closed = opened, self._closed
            self._dirty.add(UNSETTLED_FIELD)
        return news

    def _begin(self, following: int) -> None:
        """Begin with the oldest pane that is not settled, whatever pane the first chunk names."""
        self._settled = _Settled(Detector.begin(following), following, None)
        self._dirty.add(SETTLED_FIELD)

    def _settle(self, settled: _Settled) -> None:
        """Settle the oldest pane that is not: its score counts for good, and the detector learns from it."""
        count = self._counts.pop(settled.detector.following, None) or _Count(settled.detector.following)
        self._dirty |= {SETTLED_FIELD, UNSETTLED_FIELD}
        self._step_episode(settled, settled.detector.settle(count.mentions, count.squares))
        self._look_ahead(settled.detector)
        if count.mentions:
            settled.active = count.pane
        elif count.pane - settled.active >= SILENCE_PANES:
            self._settled = None
            if self._counts:
                self._begin(count.pane + 1)

    def _look_ahead(self, detector: Detector) -> None:
        """Where an hour was settled, keep what is expected of the one after it and, for a first look, of the next."""
        hour, pane = divmod(detector.following, PANES_PER_HOUR)
        if pane == 0 and detector.learner.warm:
            for ahead in (hour, hour + 1):
                self._ahead[ahead] = HourAhead.of(detector.learner.expect(ahead * PANES_PER_HOUR))

    def _step_episode(self, settled: _Settled, look: Look) -> None:
        if settled.episode is None:
            settled.episode = settled.opened_by(look)
            return
        settled.episode = settled.episode.then(look.stretch, look.pane)
        if settled.episode.over:
            end = look.pane + 1 - settled.episode.quiet
            settled.rest = settled.episode.rest(end)
            entry = settled.episode.entry(end, self._drivers_of(settled.episode))
            self._entries = [*self._entries, entry][-MAX_EPISODES:]
            self._closed += 1
            settled.episode = None
            self._dirty.add(EPISODES_FIELD)

    def _judge_unsettled(self) -> None:
        """Judge the panes that have begun and are not settled; they may open an episode but not close it."""
        found = self._provisional(self._settled)
        if found != self._open:
            self._open = found
            self._current = None if found is None else found.entry(drivers=self._drivers_of(found))
        if found is None and self._cause is not None:
            self._cause = None
            self._dirty.add(UNSETTLED_FIELD)

    def _drivers_of(self, episode: OpenEpisode) -> Drivers | None:
        """Those that were found for *episode*, maybe for a lower peak of it."""
        cause = self._cause
        return cause.drivers if cause is not None and cause.since == episode.since else None

    def _looks(self, settled: _Settled) -> list[Look]:
        """The panes that have begun and are not settled."""
        begun = range(settled.detector.following, self._now + 1)
        return list(settled.detector.glance([self._counts.get(pane, _NOTHING).mentions for pane in begun]))

    def _provisional(self, settled: _Settled | None) -> OpenEpisode | None:
        if settled is None or not settled.detector.ahead.warm:
            return None
        episode = settled.episode
        for look in self._looks(settled):
            episode = episode.higher(look.stretch, look.pane) if episode is not None else settled.opened_by(look)
        return episode
