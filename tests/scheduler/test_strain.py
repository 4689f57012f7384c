"""When a process says that it has too much to do, on a clock that tests move."""

from __future__ import annotations

from orchestrator.scheduler.strain import CROWDED_S, LASTING_S, Strain


def test_a_process_is_strained_if_brands_wait_for_lanes_without_a_pause() -> None:
    """Not by a burst, however often one comes."""
    strain = Strain()
    for second in range(20):
        strain.look(float(second), waiting=True)
        strain.look(second + 0.9 * CROWDED_S, waiting=True)
        assert not strain.lasts(second + 0.9 * CROWDED_S, busy=False)
        strain.look(second + 0.9 * CROWDED_S, waiting=False)
    strain.look(30.0, waiting=True)
    assert strain.lasts(30.0 + CROWDED_S, busy=False)


def test_a_process_is_strained_if_the_processor_leaves_no_time() -> None:
    """Whether brands wait or not: who gets a lane gets no turn."""
    assert Strain().lasts(0.0, busy=True)


def test_strain_is_told_for_longer_than_it_is_there() -> None:
    """So that brands stay where they are while all have much to do."""
    strain = Strain()
    assert strain.lasts(100.0, busy=True)
    assert strain.lasts(100.0 + LASTING_S, busy=False)
    assert not strain.lasts(100.1 + LASTING_S, busy=False)
