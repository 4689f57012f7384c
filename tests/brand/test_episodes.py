"""Tests of episodes and of the entries that readers get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from orchestrator.brand.episodes import (
    OPEN_SCORE,
    REST_PANES,
    RESTLESS_SCORE,
    RESTLESS_SIGMAS,
    OpenEpisode,
    Stretch,
    judge,
    opens,
    stretch_of,
)
from orchestrator.brand.expectation import Expectation, Observation
from tests.brand.support import NOW_MS

PANE = NOW_MS // 900_000
USUAL = Expectation(20.0, 0.1, 0.025, warm=True)
RESTLESS = Expectation(20.0, 0.1, 0.025, warm=True, sigma=30.0, sum_sigma=60.0)


def look(count: int, before: int = 60, expected: Expectation = USUAL) -> tuple[Observation, Stretch]:
    """A pane of that *count* after three of 20 expected each that held *before* together."""
    means = expected.mean, 4 * expected.mean
    seen = Observation(count, means[0], count + before, means[1], *means)
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


def test_a_calm_brand_needs_more_than_a_restless_one_by_the_model() -> None:
    """Between the two thresholds nothing opens where errors are not looked at."""
    counts = [count for count in range(30, 80) if RESTLESS_SCORE <= look(count, 0)[1].score < OPEN_SCORE]
    assert counts
    assert not any(opens(*look(count, 0)) for count in counts)


def test_a_swell_opens_by_four_panes() -> None:
    """Four panes of 2.2 times the mentions are an alarm although none of them is one alone."""
    seen, stretch = look(44, before=3 * 44)
    assert look(44)[1].score < OPEN_SCORE
    assert opens(seen, stretch)
    assert (stretch.panes, stretch.count) == (4, 176)


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
    assert not episode.then(quiet, PANE).then(loud, PANE).then(quiet, PANE).over
    assert episode.then(quiet, PANE).then(quiet, PANE).over


def test_an_entry_explains_the_highest_stretch() -> None:
    """Score, count, expectation and bound belong to one and the same stretch of time."""
    episode = OpenEpisode(PANE, look(80)[1]).then(look(120)[1], PANE + 1).then(look(90)[1], PANE + 2)
    entry = episode.entry()
    assert (entry.timestamp, entry.ended_at) == ("2026-11-23T12:00:00.000Z", UNSET)
    assert (entry.mention_count, entry.expected, entry.window_sec, entry.threshold) == (120, 20.0, 900, 34.0)
    assert episode.entry(PANE + 3).ended_at == "2026-11-23T12:45:00.000Z"


def test_a_pane_is_judged_by_its_ceiling() -> None:
    """What is usual for the next hour is no alarm in this one, however little this one is used to."""
    by_ceiling = Observation(100, 20.0, 160, 80.0, ceiling=90.0, sum_ceiling=150.0)
    assert not opens(by_ceiling, judge(by_ceiling, USUAL))
    assert judge(by_ceiling, USUAL).mean in {90.0, 150.0}


def test_a_restless_brand_needs_to_stand_out_among_its_own_bursts() -> None:
    """Five times the mentions are nothing new for it; what is seven of its usual errors above the mean is."""
    assert opens(*look(100, expected=USUAL))
    assert not opens(*look(100, expected=RESTLESS))
    assert not opens(*look(20 + 7 * 30 - 1, expected=RESTLESS))
    assert opens(*look(20 + 7 * 30, expected=RESTLESS))


def test_a_restless_brand_needs_improbable_counts_too() -> None:
    """Far out by its errors and yet probable by the model is no alarm: errors of a quiet time can be small."""
    wide = Expectation(20.0, 5.0, 5.0, warm=True, sigma=1.0, sum_sigma=1.0)
    assert look(60, expected=wide)[1].score < RESTLESS_SCORE
    assert not opens(*look(60, expected=wide))


def test_an_entry_tells_the_threshold_that_it_was_held_against() -> None:
    """Readers compare score and threshold, count and bound: either pair says the same."""
    _, stretch = look(400, expected=RESTLESS)
    entry = OpenEpisode(PANE, stretch).entry()
    assert entry.threshold == RESTLESS_SCORE <= entry.spike_score
    # errors alone decide here: seven of them above the mean
    assert entry.upper_bound == 20 + RESTLESS_SIGMAS * 30


def test_after_an_episode_only_something_higher_opens_another() -> None:
    """For a day aftershocks are no news; then, or if it is higher, a burst is one again."""
    after = OpenEpisode(PANE, look(100)[1]).rest(PANE + 3)
    during, later = PANE + 2 + REST_PANES, PANE + 3 + REST_PANES
    assert not opens(*look(100), after.bar(during, USUAL))
    assert opens(*look(101), after.bar(during, USUAL))
    assert opens(*look(100), after.bar(later, USUAL))


def test_in_the_rest_heights_are_by_one_measure() -> None:
    """The burst of a calm brand made it restless: twice as much is still twice as much, and opens an episode."""
    after = OpenEpisode(PANE, look(400)[1]).rest(PANE + 3)
    assert look(400)[1].height > look(800, expected=RESTLESS)[1].height > 1
    bar = after.bar(PANE + 50, RESTLESS)
    assert opens(*look(800, 0, expected=RESTLESS), bar)
    assert not opens(*look(390, 0, expected=RESTLESS), bar)


def test_an_episode_closes_below_half_of_what_opens_one() -> None:
    """Two thresholds, or one burst would be many episodes; of a restless brand its errors count for the close, too."""
    half = stretch_of(20 + 4 * 30, 20.0, 0.1, 1, 30.0)
    assert OpenEpisode(PANE, half).then(half, PANE).quiet == 0
    calmer = stretch_of(20 + 3 * 30, 20.0, 0.1, 1, 30.0)
    assert calmer.score > RESTLESS_SCORE
    assert OpenEpisode(PANE, half).then(calmer, PANE).quiet == 1


@given(st.floats(0.001, 1e5), st.floats(0, 5), st.sampled_from([1, 4]), st.sampled_from([0.0, 1.0, 7.5, 1e4]))
def test_upper_bound_is_the_first_count_that_alarms(mean: float, kappa: float, panes: int, sigma: float) -> None:
    """At the bound an episode opens, one mention below it does not."""
    bound = Stretch(0.0, 0, mean, kappa, panes, sigma).upper_bound()
    expected = Expectation(mean, kappa, kappa, warm=True, ceiling=mean, sigma=sigma, sum_sigma=sigma)
    assert bound >= 5
    assert judge(Observation(bound, mean, 0, mean, mean, mean), expected).height >= 1
    assert bound == 5 or judge(Observation(bound - 1, mean, 0, mean, mean, mean), expected).height < 1
