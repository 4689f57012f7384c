"""Tests of workers' spike flags."""

from __future__ import annotations

from orchestrator.brand.flags import FLAG_MS, Flags, is_flagged
from orchestrator.contract.chunk import Cluster
from tests.brand.support import MINUTE_MS, NOW_MS, chunk


def test_a_flag_counts_for_thirty_minutes() -> None:
    """A flag is out half an hour after the end of its minute."""
    out_ms = NOW_MS + MINUTE_MS + FLAG_MS
    assert is_flagged(NOW_MS, out_ms - 1)
    assert is_flagged(NOW_MS + MINUTE_MS - 1, out_ms - 1)
    assert not is_flagged(NOW_MS + MINUTE_MS - 1, out_ms)
    assert not is_flagged(None, NOW_MS)


def test_flags_ignore_what_is_already_out() -> None:
    """A flag of hours ago, folded late, does not make the brand spike now."""
    flags = Flags()
    flags.fold([chunk(spike_detected=True)], [NOW_MS - FLAG_MS - MINUTE_MS], NOW_MS)
    assert not flags
    assert flags.due_ms() is None


def test_flags_keep_every_minute_that_is_flagged() -> None:
    """By a chunk or by a cluster, in one batch or in several, among chunks without a flag."""
    by_cluster = chunk(clusters=[Cluster("a", "a", 0), Cluster("b", "b", 0, spike=True)])
    minute = NOW_MS // MINUTE_MS
    flags = Flags()
    flags.fold([chunk(), by_cluster, chunk()], [NOW_MS, NOW_MS, NOW_MS - MINUTE_MS], NOW_MS)
    assert flags.minutes == [minute]
    flags.fold([chunk(), chunk(spike_detected=True), by_cluster], [NOW_MS, *[NOW_MS - MINUTE_MS] * 2], NOW_MS)
    assert flags.minutes == [minute - 1, minute]


def test_due_is_when_the_oldest_flag_is_out() -> None:
    """The summary is due when the first of the flags runs out, and again for the last."""
    flags = Flags()
    for minutes in (2, 10):
        flags.fold([chunk(spike_detected=True)], [NOW_MS - minutes * MINUTE_MS], NOW_MS)
    assert flags.due_ms() == NOW_MS + 21 * MINUTE_MS
    flags.advance(NOW_MS + 21 * MINUTE_MS)
    assert (bool(flags), flags.due_ms()) == (True, NOW_MS + 29 * MINUTE_MS)
    flags.advance(NOW_MS + 29 * MINUTE_MS)
    assert (bool(flags), flags.due_ms()) == (False, None)
