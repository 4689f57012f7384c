"""Tests of episodes and of the entries that readers get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from orchestrator.brand.episodes import OPEN_SCORE, OpenEpisode, Stretch, judge, opens
from orchestrator.brand.expectation import Expectation, Observation
from tests.brand.support import NOW_MS

PANE = NOW_MS // 900_000
USUAL = Expectation(20.0, 0.1, 0.025, warm=True)


def look(count: int, before: int = 60, expected: Expectation = USUAL) -> tuple[Observation, Stretch]:
    """A pane of that *count* after three of 20 expected each that held *before* together."""
    seen = Observation(count, expected.mean, count + before, 4 * expected.mean)
    return seen, judge(seen, expected)


def test_usual_panes_do_not_score() -> None:
    """What is expected scores nothing, what is a little more scores little."""
    assert look(20)[1].score == 0
    assert 0 < look(30)[1].score < 20


def test_a_burst_opens_by_its_pane() -> None:
    """Five times the mentions in one pane are an alarm, explained by that pane."""
    seen, stretch = look(100)
    assert opens(seen, stretch)
    assert (stretch.panes, stretch.count, stretch.mean) == (1, 100, 20.0)


def test_a_swell_opens_by_four_panes() -> None:
    """Four panes of 2.4 times the mentions are an alarm although none of them is one alone."""
    seen, stretch = look(48, before=3 * 48)
    assert look(48)[1].score < OPEN_SCORE
    assert opens(seen, stretch)
    assert (stretch.panes, stretch.count) == (4, 192)


def test_a_pane_below_its_mean_opens_nothing() -> None:
    """After a burst that came late, an empty pane does not open an episode by its predecessors."""
    seen, stretch = look(0, before=400)
    assert stretch.score >= OPEN_SCORE
    assert not opens(seen, stretch)


def test_fewer_than_five_mentions_are_no_spike() -> None:
    """Four mentions of a brand that has none are improbable and yet no spike; five are."""
    silent = Expectation(0.001, 0.1, 0.1, warm=True)
    assert look(4, 0, silent)[1].score == 0
    assert opens(*look(5, 0, silent))


def test_an_episode_closes_after_two_quiet_panes() -> None:
    """One quiet pane may be a breath; a second one in a row is the end."""
    quiet, loud = Stretch(5.0, 25, 20.0, 0.1, 1), Stretch(35.0, 60, 20.0, 0.1, 1)
    episode = OpenEpisode(PANE, Stretch(50.0, 90, 20.0, 0.1, 1))
    assert not episode.then(quiet).then(loud).then(quiet).over
    assert episode.then(quiet).then(quiet).over


def test_an_entry_explains_the_highest_stretch() -> None:
    """Score, count, expectation and bound belong to one and the same stretch of time."""
    episode = OpenEpisode(PANE, look(80)[1]).then(look(120)[1]).then(look(90)[1])
    entry = episode.entry()
    assert (entry.timestamp, entry.ended_at) == ("2026-11-23T12:00:00.000Z", UNSET)
    assert (entry.mention_count, entry.expected, entry.window_sec, entry.threshold) == (120, 20.0, 900, 40.0)
    assert episode.entry(PANE + 3).ended_at == "2026-11-23T12:45:00.000Z"


@given(st.floats(0.001, 1e5), st.floats(0, 5), st.sampled_from([1, 4]))
def test_upper_bound_is_the_first_count_that_alarms(mean: float, kappa: float, panes: int) -> None:
    """At the bound an episode opens, one mention below it does not."""
    bound = Stretch(0.0, 0, mean, kappa, panes).upper_bound()
    expected = Expectation(mean, kappa, kappa, warm=True)
    assert bound >= 5
    assert judge(Observation(bound, mean, 0, mean), expected).score >= OPEN_SCORE
    assert bound == 5 or judge(Observation(bound - 1, mean, 0, mean), expected).score < OPEN_SCORE
