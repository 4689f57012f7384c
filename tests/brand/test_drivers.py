"""Tests of what an episode is about: who is named, how much more than usual, and that cuts and restarts do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench._causes import draw
from orchestrator.brand.drivers import find_drivers
from orchestrator.brand.growth import Growth, Span
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.brand.stories import told_in
from orchestrator.contract.chunk import Cluster, Sentiment
from tests.brand.support import NOW_MS, Keys, batch_of, chunk_at, listed, summary_of

START = NOW_MS // PANE_MS
QUIET = 104
LABELS = ("battery complaints after update", "delivery to the desert", "anvil orders rise", "rocket skates recalled")


def ms(pane: int) -> int:
    """A minute into *pane*."""
    return (START + pane) * PANE_MS + 60_000


def fold(state: BrandState, pane: int, *sizes: int, positive: float = 1.0, negative: float = 1.0) -> None:
    """A chunk in *pane* with a cluster of each of *sizes*, and the moods of its mentions."""
    clusters = [
        Cluster(f"c{pane}-{place}", LABELS[place], listed(*(f"{pane}-{place}-{number}" for number in range(size))))
        for place, size in enumerate(sizes)
        if size
    ]
    one = chunk_at(
        ms(pane),
        chunk_id=f"p{pane}-{sum(sizes)}",
        mentions=sum(sizes),
        clusters=clusters,
        topics=[LABELS[place].split()[0] for place, size in enumerate(sizes) if size],
        sentiment=Sentiment(0.0, positive, 0.0, negative),
    )
    state.fold(batch_of([one], hashing=state.hashing), ms(pane))


def quiet() -> BrandState:
    """A brand that is told about in two stories, ten mentions each a pane."""
    state = BrandState.empty(FoldConfig())
    for pane in range(QUIET):
        fold(state, pane, 10, 10)
    return state


@pytest.fixture
def state() -> BrandState:
    """The quiet brand."""
    return quiet()


def drivers(state: BrandState, pane: int) -> Any:
    """Those of the open episode."""
    return summary_of(state, ms(pane))["spike"]["drivers"]


def test_the_story_that_makes_the_burst_is_named_first(state: BrandState) -> None:
    """With its mentions in the stretch, those usual in as long a time, and the mood of the stretch against before."""
    fold(state, QUIET, 400, 10, positive=0.0, negative=1.0)
    found = drivers(state, QUIET)
    # of 96 panes in the window before: ten a pane
    assert [(story["label"], story["mentions"], story["usual"]) for story in found["stories"]] == [
        (LABELS[0], 400, 10.0)
    ]
    assert (found["netSentiment"], found["netSentimentBefore"]) == (-1.0, 0.0)
    assert [topic["topic"] for topic in found["topics"]][:1] == ["battery"]


def test_a_new_story_had_nothing_usual(state: BrandState) -> None:
    """Nobody spoke of it before: none were usual."""
    fold(state, QUIET, 10, 10, 0, 300)
    story = drivers(state, QUIET)["stories"][0]
    assert (story["label"], story["mentions"], story["usual"]) == (LABELS[3], 300, 0.0)


def test_small_growth_beside_a_large_one_is_chance(state: BrandState) -> None:
    """A few more of another story are no driver; a tenth of the first one's growth is."""
    fold(state, QUIET, 410, 30)
    assert [story["label"] for story in drivers(state, QUIET)["stories"]] == [LABELS[0]]
    fold(state, QUIET, 0, 80)
    assert [story["label"] for story in drivers(state, QUIET)["stories"]] == [LABELS[0], LABELS[1]]


def test_quotes_are_different_sentences_of_the_drivers(state: BrandState) -> None:
    """Two texts that read differently; an id is no quote."""
    said = ["Battery dead in an hour", "Battery dead in  an hour!", "b17", "Mine swells since the update"]
    cluster = Cluster("x", LABELS[0], listed(*said, *(f"n{number}" for number in range(400))))
    one = chunk_at(ms(QUIET), chunk_id="said", mentions=404, clusters=[cluster])
    state.fold(batch_of([one], hashing=state.hashing), ms(QUIET))
    assert drivers(state, QUIET)["quotes"][:1] == ["Battery dead in an hour"]
    assert "b17" not in drivers(state, QUIET)["quotes"]
    assert len(drivers(state, QUIET)["quotes"]) <= 2


def test_drivers_stay_when_their_panes_are_settled(state: BrandState) -> None:
    """What comes too late for the pane, leaves the window or is silent changes nothing; the closed entry has them."""
    fold(state, QUIET, 400, 10)
    found = drivers(state, QUIET)
    fold(state, QUIET + 2, 10, 10)
    late = chunk_at(ms(QUIET), chunk_id="late", mentions=900, clusters=[])
    state.fold(batch_of([late], hashing=state.hashing), ms(QUIET + 2))
    assert drivers(state, QUIET + 2) == found
    keys = Keys()
    state.advance(ms(QUIET + 300))
    keys.commit(state.take_changes())
    entry = json.loads(keys.spikes[0])
    assert "endedAt" in entry
    assert entry["drivers"] == found


def test_drivers_stay_over_a_restart(state: BrandState) -> None:
    """They are not looked for anew in panes that hold by then what came too late."""
    fold(state, QUIET, 400, 10)
    found = drivers(state, QUIET)
    fold(state, QUIET + 2, 10, 10)
    other = Cluster("other", LABELS[1], listed(*(f"late-{number}" for number in range(900))))
    late = chunk_at(ms(QUIET), chunk_id="late", mentions=900, clusters=[other])
    state.fold(batch_of([late], hashing=state.hashing), ms(QUIET + 2))
    keys = Keys()
    keys.commit(state.take_changes())
    loaded = BrandState.load(FoldConfig(), keys.state)
    loaded.advance(ms(QUIET + 3))
    assert drivers(loaded, QUIET + 3) == found


def test_an_episode_without_clusters_names_none(state: BrandState) -> None:
    """Mentions that no cluster has: there is nothing to name, and the mood is told all the same."""
    one = chunk_at(ms(QUIET), chunk_id="bare", mentions=400, clusters=[], topics=[])
    state.fold(batch_of([one], hashing=state.hashing), ms(QUIET))
    found = drivers(state, QUIET)
    assert (found["stories"], found["topics"], found["quotes"]) == ([], [], [])
    assert found["netSentiment"] is not None


def test_a_burst_in_which_no_story_grew_names_the_largest(state: BrandState) -> None:
    """Every open episode whose chunks carry clusters names one."""
    one = chunk_at(
        ms(QUIET),
        chunk_id="mixed",
        mentions=400,
        clusters=[Cluster("y", LABELS[1], listed("m1", "m2"))],
    )
    state.fold(batch_of([one], hashing=state.hashing), ms(QUIET))
    assert [story["label"] for story in drivers(state, QUIET)["stories"]] == [LABELS[1]]


DELAYED, CANCELLED = "Flight delayed for hours at the gate", "Cancelled flight without rebooking"


def told_as(state: BrandState, pane: int, *labels: tuple[str, int]) -> None:
    """Chunks in *pane*, each with a cluster of a label and so many mentions; the labels share a word."""
    for number, (label, size) in enumerate(labels):
        said = [f"{pane}-{number}-{mention}" for mention in range(size)]
        cluster = Cluster(str(number), label, listed(*said))
        one = chunk_at(ms(pane), chunk_id=f"t{pane}-{number}", mentions=size, clusters=[cluster])
        state.fold(batch_of([one], hashing=state.hashing), ms(pane))


def of_one_story() -> BrandState:
    """A brand with a story that is told in two ways, mostly in the first."""
    state = BrandState.empty(FoldConfig())
    for pane in range(QUIET):
        told_as(state, pane, (DELAYED, 16), (CANCELLED, 4))
    assert state.story_count == 1
    return state


def test_a_story_is_named_by_what_its_burst_says() -> None:
    """Not by its day: of two things that share words, the one may have been told all day and the other now."""
    state = of_one_story()
    told_as(state, QUIET, (CANCELLED, 400), (DELAYED, 16))
    assert [story["label"] for story in drivers(state, QUIET)["stories"]] == [CANCELLED]
    assert summary_of(state, ms(QUIET))["clusters"][0]["label"] == DELAYED
    (story,) = state._stories.records.values()
    assert told_in(story, range(START + QUIET - 8, START + QUIET - 4)) == DELAYED
    # and that stays so while the next quarter of an hour is told as ever
    told_as(state, QUIET + 1, (DELAYED, 16), (CANCELLED, 4))
    assert [story["label"] for story in drivers(state, QUIET + 1)["stories"]] == [CANCELLED]


def test_a_burst_that_says_many_things_leaves_the_story_its_name() -> None:
    """A label needs three quarters of what a pane says of the story."""
    state = of_one_story()
    told_as(state, QUIET, (CANCELLED, 220), (DELAYED, 180))
    assert [story["label"] for story in drivers(state, QUIET)["stories"]] == [DELAYED]


def test_what_a_burst_says_survives_a_restart_and_a_clock() -> None:
    """The state has it, and moves it with the panes that a clock took into the future."""
    keys, state = Keys(), of_one_story()
    told_as(state, QUIET, (CANCELLED, 40))
    keys.commit(state.take_changes())
    loaded = BrandState.load(FoldConfig(), keys.state)
    told_as(loaded, QUIET, (DELAYED, 3), (DELAYED, 3), (CANCELLED, 300))
    assert [story["label"] for story in drivers(loaded, QUIET)["stories"]] == [CANCELLED]
    repaired, moved = BrandState.reanchored(FoldConfig(), keys.state, ms(QUIET - 8))
    assert moved is not None
    (story,) = repaired._stories.records.values()
    assert (story.told, story.told_pane, story.before_pane) == (CANCELLED, START + QUIET - 8, START + QUIET - 8)


def test_nothing_is_looked_for_without_an_episode(state: BrandState, monkeypatch: pytest.MonkeyPatch) -> None:
    """A brand in its usual way pays nothing."""
    monkeypatch.setattr("orchestrator.brand.state.find_drivers", lambda *_: pytest.fail("looked for drivers"))
    fold(state, QUIET, 11, 9)
    state.advance(ms(QUIET + 1))


@settings(max_examples=10)
@given(st.lists(st.tuples(*[st.sampled_from([0, 8, 60, 300])] * 3), min_size=2, max_size=6), st.data())
def test_cuts_and_restarts_do_not_show_in_drivers(sizes: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """Published episodes are the same whether there is a commit and a restart between two folds or not."""
    plain, other = quiet(), quiet()
    keys, its = Keys(), Keys()
    for pane, some in enumerate(sizes, QUIET):
        for state in (plain, other):
            fold(state, pane, *some)
        if data.draw(st.booleans()):
            its.commit(other.take_changes())
            other = BrandState.load(FoldConfig(), its.state)
    keys.commit(plain.take_changes())
    its.commit(other.take_changes())
    assert its.spikes == keys.spikes


def test_a_span_without_a_past_has_nothing_usual() -> None:
    """A brand that was watched for no longer than the stretch: all of it is growth."""
    assert Span.of(range(8, 12), 8).growth(40, 0) == Growth(40, 0.0)
    assert Span.of(range(8, 12), 10).before == range(8, 8)
    assert Span.of(range(8, 12), 0).growth(40, 20) == Growth(40, 10.0)


def test_drivers_of_an_empty_brand_are_none() -> None:
    """Nothing to name is no error."""
    empty = BrandState.empty(FoldConfig())
    found = find_drivers(empty._stories, empty._window, range(5, 6))
    assert (found.stories, found.topics, found.net_sentiment, found.quotes) == ([], [], None, [])


def test_the_cause_of_a_burst_is_the_first_driver() -> None:
    """Complaints about an airline: of the bursts that one story makes, at least 95 in 100 name it first."""
    cases = [draw(seed) for seed in range(20)]
    assert all(case.episode is not None for case in cases)
    assert all(case.named for case in cases)
    assert sum(case.named == case.cause for case in cases) >= 19


def test_the_cause_of_a_burst_is_named_by_labels_alone() -> None:
    """These bursts are of stories that share a word with another: that one's name was theirs before."""
    cases = [draw(seed, by_labels=True) for seed in (11, 21, 23, 62)]
    assert [case.named for case in cases] == [case.cause for case in cases]
