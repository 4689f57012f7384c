"""How a story stands: by its panes alone, and not now this, now that."""

from __future__ import annotations

import random
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.life import NEW_PANES, state_of

OLD = 1_000
DAY = 96

counts = st.lists(st.integers(0, 10**6), max_size=DAY)


def course(panes: list[int], cluster: float = 1.0) -> list[tuple[int, str]]:
    """The states of a story with these mentions a pane, seen through a window of a day: where each one begins."""
    states = [state_of(panes[max(0, at - DAY) : at], OLD, cluster) for at in range(DAY, len(panes) + 1)]
    return [(DAY + next(group)[0], state) for state, group in groupby(enumerate(states), key=lambda pair: pair[1])]


def names(panes: list[int]) -> list[str]:
    """The same without the places."""
    return [state for _, state in course(panes)]


def shape(base: float, *parts: tuple[int, float]) -> list[int]:
    """A day at *base* mentions a pane, then each of *parts*: so many panes that end at so many mentions."""
    panes = [base] * DAY
    for length, end in parts:
        start = panes[-1]
        panes += [start + (end - start) * (step + 1) / length for step in range(length)]
    return list(map(round, panes))


def test_a_story_is_new_for_three_hours() -> None:
    """Whatever it does: nobody knows yet what is usual for it."""
    assert state_of([], 0) == state_of([1, 50, 900], NEW_PANES - 1) == "new"
    assert state_of([1, 50, 900], NEW_PANES) != "new"


def test_a_burst_grows_peaks_and_fades() -> None:
    """Each once, in this order, and back to steady."""
    burst = shape(20, (12, 220), (8, 200), (14, 20), (90, 20))
    assert names(burst) == ["steady", "growing", "peaking", "fading", "steady"]


def test_a_story_that_stays_as_high_becomes_steady() -> None:
    """Ten times as much for good is the usual after some hours, and no fading."""
    assert names(shape(20, (1, 200), (60, 200))) == ["steady", "growing", "peaking", "steady"]


def test_a_story_that_goes_quiet_fades_and_stays_so() -> None:
    """It does not become steady by having nothing any more."""
    assert names(shape(20, (1, 0), (80, 0))) == ["steady", "fading"]


def test_a_second_burst_grows_again() -> None:
    """From a peak what is higher by a tenth, from fading what is well above the usual."""
    twice = shape(20, (4, 200), (16, 200), (6, 400))
    assert names(twice) == ["steady", "growing", "peaking", "growing"]
    again = shape(20, (4, 200), (12, 10), (8, 10), (3, 500))
    assert names(again)[-2:] == ["fading", "growing"]


@pytest.mark.parametrize(("mean", "cluster"), [(0.1, 1), (0.5, 5), (1, 1), (3, 5), (10, 1), (100, 5), (1000, 1)])
def test_chance_hardly_moves_a_story(mean: float, cluster: int) -> None:
    """A story to which nothing happens changes less than once in two days, however small it is and however it comes."""
    source = random.Random(f"{mean} {cluster}")  # noqa: S311 - a seed, no secret
    panes = [cluster * sum(source.random() < mean / cluster / 20 for _ in range(20)) for _ in range(20 * DAY)]
    assert len(course(panes, cluster)) - 1 <= 10


def test_lumps_are_no_growth() -> None:
    """What comes in clusters of twenty scatters more: without that it would flicker."""
    source = random.Random(1)  # noqa: S311 - a seed, no secret
    panes = [20 * (source.random() < 0.1) for _ in range(10 * DAY)]
    assert len(course(panes, 20.0)) <= 5
    assert len(course(panes, 1.0)) > 20


@given(counts, st.integers(0, 200), st.floats(1, 1e6))
def test_a_state_is_always_one_of_five(panes: list[int], age: int, cluster: float) -> None:
    """Any mentions have a state."""
    assert state_of(panes, age, cluster) in {"new", "growing", "peaking", "steady", "fading"}


@given(counts, st.integers(0, 6))
def test_size_alone_is_no_state(panes: list[int], doublings: int) -> None:
    """So many times the mentions in so many times larger clusters are the same course; powers of two round nothing."""
    factor = 4**doublings
    assert state_of([count * factor for count in panes], OLD, 10.0 * factor) == state_of(panes, OLD, 10.0)
