"""What a visit tells of settings that it takes over."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from orchestrator.brand.outputs import FoldReport
from orchestrator.contract.fingerprint import NO_CHANGE, Comparison, Fingerprint, compare
from orchestrator.lane.step import Step
from orchestrator.lane.telling import Audience, Telling
from orchestrator.process.metrics import Metrics

STORED = Fingerprint({"MAX_STORIES": 5_000, "MERGE_SIMILARITY_THRESHOLD": 0.75})


@pytest.fixture
def audience() -> Audience:
    """Nobody in particular."""
    return Audience(Metrics(), lambda _brand, _queued: None)


def told(audience: Audience, *changes: Comparison) -> list[tuple[str, str]]:
    """Level and change of what visits to brands tell, one visit for each of *changes*."""
    with capture_logs() as logs:
        for number, change in enumerate(changes):
            Telling(f"brand {number}", audience, 0.0).leased(change)
    return [(line["log_level"], line["changed"]) for line in logs]


def to(**values: float) -> Comparison:
    """The change from the stored settings to others."""
    return compare(STORED, Fingerprint({**STORED.values, **values}))


def test_freshness_is_measured_from_the_oldest_time_of_a_batch() -> None:
    """Nothing is known of a batch without a usable time, and a worker whose clock is ahead is as fresh as can be."""
    metrics = Metrics()
    audience = Audience(metrics, lambda _brand, _queued: None, wall_ms=lambda: 100_000)
    steps = [Step(items=1, fold=FoldReport(1, oldest_ms=oldest_ms)) for oldest_ms in (97_000, 0, 100_500)]
    Telling("nike", audience, 0.0).steps(steps, 0.0)
    assert metrics.registry.get_sample_value("orchestrator_freshness_seconds_count") == 2
    assert metrics.registry.get_sample_value("orchestrator_freshness_seconds_sum") == 3.0


def test_a_new_threshold_is_told_once_for_all_brands(audience: Audience) -> None:
    """A restart with a new threshold over thousands of brands is one line, and nothing new is none."""
    change = to(MERGE_SIMILARITY_THRESHOLD=0.8)
    lines = told(audience, change, change, NO_CHANGE, to(MERGE_SIMILARITY_THRESHOLD=0.9))
    assert lines == [
        ("info", "MERGE_SIMILARITY_THRESHOLD 0.75 → 0.8"),
        ("info", "MERGE_SIMILARITY_THRESHOLD 0.75 → 0.9"),
    ]


def test_history_that_goes_is_told_for_each_brand(audience: Audience) -> None:
    """It is the only record of what was there."""
    change = to(MAX_STORIES=1)
    expected = "MAX_STORIES 5000 → 1"
    assert told(audience, change, change) == [("warning", expected)] * 2


def test_what_was_told_is_remembered_within_a_bound(audience: Audience) -> None:
    """Whatever stands in Redis, memory does not grow with it, and nothing goes untold."""
    changes = [to(MAX_STORIES=5_001 + number) for number in range(200)]
    assert len(told(audience, *changes)) == 200
    assert len(audience.changes) <= 64


def test_conflicts_are_logged_once_a_minute_for_each_brand() -> None:
    """With brand, number and the first ids; the metric counts all of them."""
    metrics, now_ms = Metrics(), [10**12]
    audience = Audience(metrics, lambda _brand, _queued: None, wall_ms=lambda: now_ms[0])
    step = Step(items=9, duplicates=9, conflicts=9, conflicting=["a", "b", "c"])
    with capture_logs() as logs:
        for brand, after_ms in (("nike", 0), ("nike", 59_999), ("acme", 0), ("nike", 1)):
            now_ms[0] += after_ms
            Telling(brand, audience, 0.0).steps([step, Step(items=1, duplicates=1)], 0.0)
    lines = [line for line in logs if "other numbers" in line["event"]]
    assert [(line["log_level"], line["conflicts"], line["chunk_ids"]) for line in lines] == [
        ("warning", 9, ["a", "b", "c"])
    ] * 3
    assert metrics.registry.get_sample_value("orchestrator_chunks_conflicting_total") == 36
    for number in range(200):
        Telling(f"brand {number}", audience, 0.0).steps([step], 0.0)
    assert len(audience.conflicts) <= 64
