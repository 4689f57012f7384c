"""Waiting after failures: exponential, jittered, capped."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.process.backoff import CAP_S, backoff_s

BASES = st.floats(1.0, 10.0)
JITTER = st.floats(0.0, 1.0, exclude_max=True)


def _most() -> float:
    return 1.0


def _least() -> float:
    return 0.0


@pytest.mark.parametrize(("failures", "expected_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, CAP_S), (99, CAP_S)])
def test_backoff_doubles_until_the_cap(failures: int, expected_s: float) -> None:
    """With base 2 the full waits are 1, 2, 4, 8, 16 and then the cap."""
    assert backoff_s(failures, 2.0, jitter=_most) == expected_s


def test_backoff_waits_at_least_half() -> None:
    """Jitter takes away at most half, so that nobody returns at once."""
    assert backoff_s(3, 2.0, jitter=_least) == 2.0


@given(failures=st.integers(1, 10**9), base=BASES, jitter=JITTER)
def test_backoff_stays_within_its_bounds(failures: int, base: float, jitter: float) -> None:
    """However many failures, the wait is positive and never above the cap; no number overflows."""
    assert 0 < backoff_s(failures, base, cap_s=7.0, jitter=lambda: jitter) <= 7.0


@given(base=BASES)
def test_backoff_never_shrinks_with_more_failures(base: float) -> None:
    """At equal jitter, one more failure never means an earlier return."""
    waits = [backoff_s(failures, base, jitter=_least) for failures in range(1, 80)]
    assert all(earlier <= later for earlier, later in itertools.pairwise(waits))


def test_backoff_spreads_those_who_failed_together() -> None:
    """By default the wait is random: twenty equal calls do not agree."""
    assert len({backoff_s(4, 2.0) for _ in range(20)}) > 1
