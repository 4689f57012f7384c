"""The model of a fleet: every chunk is committed once, by the service's own rules, and a seed tells everything."""

from __future__ import annotations

import pytest

from bench._fleet import PHASES, Fleet, Plan, simulated
from bench.fleet import COLUMNS, row

PLAN = Plan(brands=300, processes=6, rate=40, seconds=25)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """A small fleet after all that happens to one."""
    return simulated(PLAN)


def test_every_chunk_is_committed_once(fleet: Fleet) -> None:
    """Whoever came, left or was killed meanwhile."""
    assert [phase.name for phase in fleet.phases] == list(PHASES)
    assert sum(phase.pushes for phase in fleet.phases) == len(fleet.pushes) == 5 * 25 * 40
    assert sum(len(phase.wakes_s) for phase in fleet.phases) == len(fleet.pushes)


def test_a_steady_fleet_has_no_conflicts_and_nobody_waits(fleet: Fleet) -> None:
    """The first process of a brand works on it, within one or two visits."""
    steady = fleet.phases[0]
    assert (steady.conflicts, steady.others) == (0, 0)
    assert max(steady.wakes_s) < 0.05


def test_only_the_brands_of_who_comes_or_goes_move(fleet: Fleet) -> None:
    """Two of eight, then one of eight and of seven: about so many of the brands, and all three times some."""
    moved = [phase.moved / PLAN.brands for phase in fleet.phases]
    assert moved[0] == moved[4] == 0
    assert moved[1] == pytest.approx(2 / 8, abs=0.08)
    assert moved[2] == pytest.approx(1 / 8, abs=0.06)
    assert moved[3] == pytest.approx(1 / 7, abs=0.06)


def test_brands_of_a_killed_process_wait_for_the_next_one(fleet: Fleet) -> None:
    """A second for each, until it is late; one that it held, as long as the lease. Then nobody waits."""
    killed, afterwards = fleet.phases[3], fleet.phases[4]
    late = [wake_s for wake_s in killed.wakes_s if wake_s > 0.9]  # a chunk may come while others of its brand wait
    assert len(late) > 3
    assert max(late) <= PLAN.lease_ttl_s + 2
    assert killed.others >= len(late) / 2
    assert max(afterwards.wakes_s) < 1.1


def test_the_same_seed_gives_the_same_run(fleet: Fleet) -> None:
    """And another one another."""
    again, other = simulated(PLAN), simulated(Plan(PLAN.brands, PLAN.processes, PLAN.rate, PLAN.seconds, seed=2))
    rows = [[row(one, phase) for phase in one.phases] for one in (fleet, again, other)]
    assert rows[0] == rows[1] != rows[2]
    assert {len(one) for one in rows[0]} == {len(COLUMNS)}


def test_pushes_of_a_closed_loop_wait_for_one_another() -> None:
    """Each is summarised before the next one comes."""
    (phase,) = simulated(Plan(20, 3, 0, 2.0, ("steady",), zipf=0)).phases
    assert phase.pushes == len(phase.wakes_s) > 100
    assert max(phase.wakes_s) < 0.01
