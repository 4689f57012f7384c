"""Tests of spikes: what opens and closes, who is told, and that cuts and restarts do not show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench._traffic import PANES_PER_DAY, Traffic
from orchestrator.brand.episodes import stretch_of
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.spikes import SILENCE_PANES, EpisodeChange, Spikes
from orchestrator.brand.state import BrandState
from orchestrator.contract.insights import read_trend
from tests.brand.support import DAY_MS, MINUTE_MS, NOW_MS, Keys, batch_of, chunk_at, summary_of

START = NOW_MS // PANE_MS
QUIET = [20, 22, 18, 21, 19] * 24  # 30 hours


def ms(pane: int) -> int:
    """Where *pane* begins."""
    return pane * PANE_MS


@dataclass
class Wire:
    """The spikes of a brand with the keys that its changes were written to, and what was told."""

    spikes: Spikes
    state: dict[bytes, bytes]
    published: list[dict[str, object]]
    told: list[EpisodeChange]

    @classmethod
    def new(cls) -> Wire:
        """Nothing seen, nothing written."""
        return cls(Spikes(), {}, [], [])

    def feed(self, counts: Sequence[int], start: int = START) -> Wire:
        """One chunk and one commit a pane, in the middle of it."""
        for pane, count in enumerate(counts, start):
            self.spikes.advance(ms(pane) + 7 * MINUTE_MS)
            if count:
                self.spikes.fold([pane], [count])
            self.commit()
        return self

    def commit(self) -> None:
        """Write what changed."""
        removed: list[bytes] = []
        spikes, told = self.spikes.take_changes(self.state, removed)
        for name in removed:
            self.state.pop(name, None)
        self.published = self.published if spikes is None else [json.loads(entry) for entry in spikes]
        self.told += told

    def reload(self, now_ms: int) -> None:
        """A restart."""
        self.spikes = Spikes.load(self.state, now_ms)


def test_a_burst_is_one_episode_from_its_opening_to_its_end() -> None:
    """The entry appears with the burst, grows with it, and ends with it; two changes are told."""
    wire = Wire.new().feed(QUIET)
    burst = START + len(QUIET)
    wire.feed([90], burst)
    assert [(entry["mentionCount"], "endedAt" in entry) for entry in wire.published] == [(90, False)]
    wire.feed([120, 20, 19, 21, 20, 20, 20, 20, 20], burst + 1)
    assert len(wire.published) == 1
    assert wire.published[0]["timestamp"] == chunk_at(ms(burst)).processed_at
    # four panes together still hold the burst until three panes after it
    assert wire.published[0]["endedAt"] == chunk_at(ms(burst + 2 + 3)).processed_at
    assert [(change.kind, change.number) for change in wire.told] == [("opened", 1), ("closed", 1)]


def test_an_alarm_does_not_wait_for_the_end_of_its_pane() -> None:
    """An episode opens with the chunk that makes the current pane improbable, and says what was expected."""
    wire = Wire.new().feed(QUIET)
    now_ms = ms(START + len(QUIET)) + MINUTE_MS
    wire.spikes.advance(now_ms)
    for size in (12, 12, 12, 44):
        assert wire.spikes.open_episode() is None
        wire.spikes.fold([START + len(QUIET)], [size])
    episode = wire.spikes.open_episode()
    assert episode is not None
    assert 18 < episode.expected < 22
    assert 36 < episode.upper_bound < 44
    assert episode.mention_count == 80


def test_aftershocks_are_not_told_and_something_higher_is() -> None:
    """For a day after an episode the same again opens nothing; more does, and so does the same a day later."""
    wire = Wire.new().feed(QUIET)
    pane = START + len(QUIET)
    wire.feed([200, *[20] * 30, 190, *[20] * 30], pane)
    assert len(wire.published) == 1
    wire.reload(ms(pane + 61) + MINUTE_MS)
    wire.feed([400, *[20] * 10], pane + 62)
    assert [entry["mentionCount"] for entry in wire.published] == [200, 400]
    wire.feed([*[20] * 100, 390, *[20] * 10], pane + 73)
    assert [entry["mentionCount"] for entry in wire.published] == [200, 400, 390]


def test_everyday_bursts_are_a_habit_and_what_towers_above_them_is_not() -> None:
    """A brand that bursts to eight times its mentions twice a day has episodes at first, then none; then a real one."""
    wire = Wire.new().feed(QUIET)
    pane = START + len(QUIET)
    for _ in range(12):
        wire.feed([*[20] * 44, *[160] * 4, *[20] * 21, *[160] * 4, *[20] * 23], pane)
        pane += PANES_PER_DAY
    early = len(wire.published)
    assert early <= 3
    wire.feed([*[20] * 40, 600, *[20] * 8], pane)
    assert len(wire.published) == early + 1
    assert wire.published[-1]["mentionCount"] == 600


def test_late_chunks_count_until_their_pane_is_settled() -> None:
    """A chunk that comes a pane late may still raise the alarm; one that comes hours late cannot."""
    wire = Wire.new().feed(QUIET)
    last = START + len(QUIET) - 1
    wire.spikes.fold([last - 1], [500])
    assert wire.spikes.open_episode() is not None
    late = Wire.new().feed(QUIET)
    late.spikes.fold([last - 2], [500])
    assert late.spikes.open_episode() is None


def test_due_is_the_next_pane_while_an_episode_is_open() -> None:
    """An open episode closes by the clock: its summary must be made anew without traffic, then never again."""
    wire = Wire.new().feed(QUIET)
    assert wire.spikes.due_ms() is None
    wire.feed([100], START + len(QUIET))
    closed_after = 0
    while (due_ms := wire.spikes.due_ms()) is not None:
        assert due_ms == ms(START + len(QUIET) + closed_after + 1)
        wire.spikes.advance(due_ms)
        closed_after += 1
    wire.commit()
    assert "endedAt" in wire.published[0]
    assert closed_after < 8


def test_each_hour_has_an_outlook_from_before_it_began() -> None:
    """First told an hour ahead, then anew when the hour before is settled; a silent hour has one, too."""
    wire = Wire.new().feed([20] * (PANES_PER_DAY + 2))
    begun = (START + PANES_PER_DAY) // 4
    assert sorted(wire.spikes.take_ahead()) == [begun, begun + 1]
    wire.feed([0] * 4, START + PANES_PER_DAY + 2)
    ahead = wire.spikes.take_ahead()
    assert sorted(ahead) == [begun + 1, begun + 2]
    assert 70 < ahead[begun + 1].mean < 80
    bound = ahead[begun + 1].upper_bound()
    assert bound > ahead[begun + 1].mean
    lowest, below = ahead[begun + 1].judged, bound - 1
    assert stretch_of(below, lowest.mean, lowest.kappa, 4, lowest.sigma).height < 1
    assert wire.spikes.take_ahead() == {}


def test_two_weeks_of_silence_start_the_brand_anew() -> None:
    """After a fortnight without mentions nothing is known: the first mentions are no spike and warm up again."""
    wire = Wire.new().feed(QUIET)
    back = START + len(QUIET) + SILENCE_PANES + 10
    wire.feed([400, 400, 400], back)
    assert wire.published == []
    short = Wire.new().feed(QUIET)
    short.feed([400, 400, 400], START + len(QUIET) + 10 * PANES_PER_DAY)
    assert len(short.published) == 1


def test_forgetting_does_not_depend_on_when_it_is_noticed() -> None:
    """A chunk in the very pane after which the brand is forgotten starts it anew, in one long pause or in steps."""
    states = []
    for step in (1, 50):
        wire = Wire.new().feed(QUIET)
        back = START + len(QUIET) + SILENCE_PANES
        wire.spikes.advance(ms(back))
        wire.spikes.fold([back], [400])
        for pane in range(back + step, back + 51, step):
            wire.spikes.advance(ms(pane))
        wire.commit()
        states.append(wire.state)
    assert states[0] == states[1]


def test_only_the_newest_episodes_are_published() -> None:
    """The list stays short however restless a brand is, and numbers go on."""
    wire = Wire.new().feed(QUIET)
    pane = START + len(QUIET)
    for _ in range(55):
        wire.feed([2000, *[20] * 191], pane)
        pane += 192
    assert len(wire.published) <= 51
    assert wire.told[-1].number > 50


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([0, 5, 20, 20, 20, 25, 60, 150, 900]), min_size=4, max_size=30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
    st.data(),
)
def test_cuts_restarts_and_interludes_do_not_show(counts: list[int], lags: list[int], data: st.DataObject) -> None:
    """State, published episodes and what is told are the same for any cut into commits, with restarts at any point."""
    plain, other = Wire.new().feed(QUIET), Wire.new().feed(QUIET)
    for place, (count, lag) in enumerate(zip(counts, lags, strict=False), len(QUIET)):
        now_ms = ms(START + place) + MINUTE_MS
        panes, sizes = [START + place - lag, START + place], [count // 2, count - count // 2]
        plain.spikes.advance(now_ms)
        plain.spikes.fold(panes, sizes)
        plain.commit()
        if data.draw(st.booleans()):
            other.commit()
            other.reload(now_ms - PANE_MS)
        other.spikes.advance(now_ms - data.draw(st.integers(0, MINUTE_MS)))
        other.spikes.advance(now_ms)
        for pane, size in zip(panes, sizes, strict=True):
            other.spikes.fold([pane], [size])
    other.commit()
    assert other.state == plain.state
    assert other.published == plain.published


def test_two_weeks_with_a_burst_are_one_episode_and_a_full_trend() -> None:
    """Fourteen days of daily ups and downs in virtual time, with 90 minutes of five times the mentions.

    One commit a pane, a restart a day; the window, the trend's hours of seven days and the spikes all pass by.
    """
    rng = np.random.default_rng(7)
    traffic, start_ms = Traffic(20), NOW_MS - NOW_MS % DAY_MS
    rates = traffic.rates(14, rng)
    burst = 11 * PANES_PER_DAY + 50
    rates[burst : burst + 6] *= 5
    counts = traffic.draw(rates, rng).tolist()
    state, keys, told = BrandState.empty(FoldConfig()), Keys(), []
    for pane, count in enumerate(counts):
        now_ms = start_ms + pane * PANE_MS + MINUTE_MS
        if pane % PANES_PER_DAY == 0:
            state = BrandState.load(FoldConfig(), keys.state)
        state.fold(batch_of([chunk_at(now_ms, mentions=count)]), now_ms)
        changes = state.take_changes()
        keys.commit(changes)
        told += [(change.kind, (pane - burst)) for change in changes.alerts]
    assert [kind for kind, _ in told] == ["opened", "closed"]
    assert 0 <= told[0][1] <= 2  # within two panes
    assert 6 <= told[1][1] <= 6 + 3 + 2 + 2  # the sum of four holds the burst, two quiet panes, two to settle
    assert len(keys.spikes) == 1
    trend = read_trend(keys.trend, "")
    # the last day is the fourteenth: hours are kept of it and the seven before, and a day outlives its hours
    assert sum(point.mentions for point in trend.daily) == sum(counts)
    assert sum(point.mentions for point in trend.hourly) == sum(counts[-8 * PANES_PER_DAY :])
    assert summary_of(state, now_ms)["totalMentions"] == sum(counts[-97:])


def test_the_summary_tells_of_an_open_episode() -> None:
    """While it is open, an episode stands in the summary, in its text and in the flag; then it is gone."""
    state = BrandState.empty(FoldConfig())
    now_ms = NOW_MS
    for count in [*QUIET, 200]:
        now_ms += PANE_MS
        state.fold(batch_of([chunk_at(now_ms, mentions=count)]), now_ms)
    during = summary_of(state, now_ms)
    assert during["spikeDetected"] is True
    assert during["spike"]["mentionCount"] == 200
    assert "Spikes: 200 mentions in 15 minutes instead of 21 (since 18:15 UTC)" in during["summary"]
    after = summary_of(state, now_ms + 3 * 60 * MINUTE_MS)
    assert (after["spikeDetected"], after["spike"]) == (False, None)
