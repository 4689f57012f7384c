"""Episodes of mood: of the negative share and not of the volume, judged once, the same after any restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.expectation import SUM_PANES
from orchestrator.brand.moods import Moods
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS, Present
from orchestrator.brand.shares import ShareLearner
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Cluster, Sentiment
from orchestrator.contract.summary import Drivers, SpikeEpisode
from tests.brand.support import NOW_MS, Keys, batch_of, chunk_at, listed, summary_of

START = NOW_MS // PANE_MS
DAY = 96

Panes = list[tuple[int, int]]
"""Negative mentions and all of each pane."""

QUIET: Panes = [(9 + step % 3, 50) for step in range(DAY + 8)]
FALL: Panes = [(30, 50)] * 4


@dataclass
class Wire:
    """Moods whose panes are settled one after the other, and committed."""

    moods: Moods = field(default_factory=Moods)
    panes: Panes = field(default_factory=list)
    state: dict[bytes, bytes] = field(default_factory=dict)
    told: list[EpisodeChange] = field(default_factory=list)
    published: list[bytes] = field(default_factory=list)
    asked: list[range] = field(default_factory=list)

    def push(self, *panes: Sequence[tuple[int, int]], restart: bool = False) -> Wire:
        """Settle *panes*, behind those before; with *restart* each by a loaded state."""
        for one in [pane for part in panes for pane in part]:
            self.panes.append(one)
            now = START + len(self.panes)
            self.moods.begin(START + 1)
            self.moods.advance(now + 1, self._count, self._explain)
            self.commit()
            if restart:
                self.moods = Moods.load(self.state)
        return self

    def commit(self) -> None:
        """Take the changes in."""
        removed: list[bytes] = []
        published, told = self.moods.take_changes(self.state, removed)
        for name in removed:
            self.state.pop(name, None)
        self.told += told
        self.published = self.published if published is None else published

    @property
    def news(self) -> list[tuple[str, int]]:
        """What was told."""
        return [(change.kind, change.number) for change in self.told]

    def _count(self, pane: int) -> tuple[int, int]:
        place = pane - START
        return self.panes[place] if 0 <= place < len(self.panes) else (0, 0)

    def _explain(self, panes: range) -> Drivers:
        self.asked.append(panes)
        return Drivers(quotes=[f"{panes.start - START} to {panes.stop - START}"])


def test_a_fall_of_mood_is_an_episode() -> None:
    """More of the mentions are negative: it opens, tells what it is, and closes."""
    wire = Wire().push(QUIET, FALL, QUIET[:6])
    assert wire.news == [("opened", 1), ("closed", 1)]
    opened = wire.told[0].episode
    assert (opened.kind, opened.window_sec, opened.mention_count, opened.of_mentions) == ("mood", 900, 30, 50)
    assert opened.expected == pytest.approx(10, abs=0.6)
    assert opened.upper_bound <= opened.mention_count
    assert len(wire.published) == 1
    assert b'"endedAt"' in wire.published[0]
    assert wire.moods.open_episode() is None


def test_more_of_everything_is_no_fall_of_mood() -> None:
    """Eight times the mentions in the usual mood."""
    burst: Panes = [(80, 400)] * 6
    assert Wire().push(QUIET, burst, QUIET[:6]).news == []


def test_a_few_percent_of_thousands_are_no_news() -> None:
    """Improbable, and too little: ten in a hundred more have to be negative."""
    steady: Panes = [(2_000 + step % 3, 10_000) for step in range(DAY + 8)]
    assert Wire().push(steady, [(2_900, 10_000)] * 4).news == []
    assert Wire().push(steady, [(3_200, 10_000)] * 4).news == [("opened", 1)]


def test_a_handful_of_negative_mentions_is_no_fall() -> None:
    """Four of four say nothing of a brand's mood."""
    rare: Panes = [(0, 4) if step % 5 else (1, 4) for step in range(DAY + 8)]
    assert Wire().push(rare, [(4, 4)], rare[:4]).news == []


def test_a_day_is_learned_first() -> None:
    """Before that nothing is judged, and the usual share is not told."""
    wire = Wire().push(QUIET[:90], FALL)
    assert (wire.news, wire.moods.share()) == ([], None)
    assert Wire().push(QUIET).moods.share() == pytest.approx(0.2, abs=0.01)


def test_aftershocks_rest_for_a_day() -> None:
    """Only what is higher opens another one."""
    small: Panes = [(26, 50)] * 2
    wire = Wire().push(QUIET, small, QUIET[:8], small, QUIET[:8])
    assert wire.news == [("opened", 1), ("closed", 1)]
    wire.push([(150, 150)] * 4)
    assert wire.news[2:] == [("opened", 2)]


def test_a_higher_peak_is_explained_anew_and_a_lower_one_is_not() -> None:
    """What it is about belongs to its highest stretch."""
    wire = Wire().push(QUIET, [(30, 50), (45, 50), (25, 50)])
    last = len(QUIET)
    assert [panes.stop - START for panes in wire.asked][:2] == [last + 1, last + 2]
    assert len(wire.asked) <= 3
    current = wire.moods.open_episode()
    assert current is not None
    assert current.drivers == Drivers(
        quotes=[f"{panes.start - START} to {panes.stop - START}" for panes in wire.asked][-1:]
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted).map(tuple), min_size=1, max_size=12))
def test_restarts_change_nothing(panes: Panes) -> None:
    """Loading the state anew after every pane gives the same state, list and news."""
    steady, other = Wire().push(QUIET, FALL, panes), Wire().push(QUIET, FALL, panes, restart=True)
    assert (steady.state, steady.published, steady.told) == (other.state, other.published, other.told)


def test_two_weeks_of_silence_are_forgotten() -> None:
    """What was learned says nothing of the brand any more; what was told stays."""
    wire = Wire().push(QUIET, FALL, QUIET[:6], [(0, 0)] * (14 * DAY))
    assert b"u" not in wire.state
    assert len(wire.published) == 1


def test_an_episode_of_the_future_ends_now() -> None:
    """When a wrong clock took the state there."""
    wire = Wire().push(QUIET, FALL)
    assert wire.moods.reanchor(Present((START + 20) * PANE_MS)) == 0
    wire.commit()
    assert wire.news == [("opened", 1), ("closed", 1)]
    assert b"u" not in wire.state


def test_a_large_share_is_never_expected_beyond_all() -> None:
    """A brand of nothing but negative mentions has no episode, however many there are."""
    learner = ShareLearner()
    looks = [learner.settle(pane, 50, 50) for pane in range(200)]
    assert learner.share == pytest.approx(1.0, abs=0.01)
    assert max(look.stretch.height for look in looks) < 1


def _fold(state: BrandState, keys: Keys, pane: int, sizes: dict[str, int], score: float, share: float) -> None:
    clusters = [
        Cluster(f"{label}-id", label, listed(*(f"{pane}-{label}-{one}" for one in range(size))), score)
        for label, size in sizes.items()
    ]
    total = sum(sizes.values())
    said = Sentiment(total * score, total * (0.9 - share), total * 0.1, total * share)
    at_ms = (START + pane) * PANE_MS
    one = chunk_at(at_ms, chunk_id=f"c{pane}", clusters=clusters, sentiment=said, mentions=total)
    state.fold(batch_of([one], hashing=state.hashing), at_ms)
    keys.commit(state.take_changes())


def test_the_summary_names_the_mood_and_no_spike() -> None:
    """In its own key and field, with what has soured and what was said; volume is as usual."""
    state, keys = BrandState.empty(FoldConfig()), Keys()
    for pane in range(DAY + 8):
        _fold(state, keys, pane, {"battery": 25, "colour": 25}, 0.3, 0.2)
    for pane in range(DAY + 8, DAY + 12):
        _fold(state, keys, pane, {"battery": 25, "refund": 25}, -0.8, 0.7)
    document = summary_of(state, (START + DAY + 12) * PANE_MS)
    assert document["mood"]["kind"] == "mood"
    assert (document["spike"], document["spikeDetected"]) == (None, False)
    labels = [story["label"] for story in document["mood"]["drivers"]["stories"]]
    assert set(labels) <= {"battery", "refund"}
    assert labels
    assert (keys.spikes, len(keys.moods)) == ([], 1)


def test_what_a_repaired_clock_ended_stays_ended() -> None:
    """Neither mood nor story is open again, nor judged by times to come, when the repaired state is loaded."""
    state, keys = BrandState.empty(FoldConfig()), Keys()
    for pane in range(DAY + 8):
        _fold(state, keys, pane, {"battery": 25, "colour": 25}, 0.3, 0.2)
    for pane in range(DAY + 8, DAY + 12):
        _fold(state, keys, pane, {"battery": 25, "refund": 90}, -0.8, 0.7)
    repaired, _ = BrandState.reanchored(FoldConfig(), keys.state, (START + DAY - 40) * PANE_MS)
    changes = repaired.take_changes()
    keys.commit(changes)
    assert {"mood", "story"} <= {told.episode.kind for told in changes.alerts if told.kind == "closed"}
    document = summary_of(BrandState.load(FoldConfig(), keys.state), (START + DAY - 40) * PANE_MS)
    assert (document["mood"], document["storyEpisodes"]) == (None, [])
    assert not {b"u", b"w"} & keys.state.keys()


def test_the_same_episode_is_published_as_told() -> None:
    """Entry, summary and alert are of one kind."""
    wire = Wire().push(QUIET, FALL)
    assert isinstance(wire.told[0].episode, SpikeEpisode)
    assert b'"kind":"mood"' in wire.published[0]


def test_an_episode_may_open_while_the_last_mentions_settle() -> None:
    """A brand that falls silent is looked at until no sum of panes holds what was said last; then no more."""
    wire = Wire()
    assert wire.moods.due_pane(START) is None
    wire.push(QUIET, FALL[:1])
    newest, dues = START + len(wire.panes) - 1, []
    while not wire.moods.open_episodes() and (due := wire.moods.due_pane(newest)) is not None:
        dues.append(due)
        wire.push([(0, 0)])
    assert dues == list(range(newest + 3, newest + 3 + len(dues)))
    assert len(dues) <= SUM_PANES
    wire = Wire().push(QUIET)
    quiet = [wire.push([(0, 0)]).moods.due_pane(newest=START + len(QUIET) - 1) for _ in range(SUM_PANES)]
    assert quiet == [START + len(QUIET) + 3, START + len(QUIET) + 4, None, None]
    assert wire.moods.due_pane(None) is None


def test_an_open_episode_is_due_until_it_ends() -> None:
    """Also without chunks: silence closes it."""
    wire = Wire().push(QUIET, FALL)
    assert wire.moods.open_episodes()
    while wire.moods.open_episodes():
        assert wire.moods.due_pane(None) == START + len(wire.panes) + 2
        wire.push([(0, 0)])
    assert wire.news == [("opened", 1), ("closed", 1)]
