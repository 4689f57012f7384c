"""Names, types and values of what is exposed, by the client library's own parser and by promtool."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from math import isnan

import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from orchestrator.process import metrics as metrics_module
from orchestrator.process.metrics import Metrics, resident_memory_bytes

PLATFORM_TYPES = {
    "orchestrator_brands_processed_total": "counter",
    "orchestrator_chunks_merged_total": "counter",
    "orchestrator_clusters_aggregated_total": "counter",
    "orchestrator_processing_time_seconds": "histogram",
    "orchestrator_io_time_seconds": "histogram",
    "orchestrator_redis_read_latency_seconds": "histogram",
    "orchestrator_redis_write_latency_seconds": "histogram",
    "orchestrator_memory_usage_bytes": "gauge",
    "orchestrator_cpu_user_time_seconds": "gauge",
    "orchestrator_cpu_system_time_seconds": "gauge",
}


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics(merge_implementation="python")


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The exposed value of one sample."""
    return metrics.registry.get_sample_value(name, labels)


def test_metrics_keep_the_platforms_names_and_types(metrics: Metrics) -> None:
    """Every name that the platform's boards use is exposed exactly so, before anything has happened."""
    types = dict(line.split()[2:4] for line in metrics.render()[0].decode().splitlines() if line.startswith("# TYPE"))
    assert {name: types.get(name) for name in PLATFORM_TYPES} == PLATFORM_TYPES


def test_metrics_render_no_created_samples(metrics: Metrics) -> None:
    """The text format carries no `_created` gauges, which would be names that nobody asked for."""
    assert b"_created" not in metrics.render()[0]


def test_metrics_satisfy_promtool(metrics: Metrics) -> None:
    """`promtool check metrics` has no complaint about the exposition."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    check = subprocess.run([promtool, "check", "metrics"], input=metrics.render()[0], capture_output=True, check=False)
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", ["brand", "path", "label"])
def test_metrics_have_no_unbounded_labels(metrics: Metrics, name: str) -> None:
    """No label can take a value that comes from outside."""
    families = parse_text(metrics.render()[0].decode())
    assert not [one.name for family in families for one in family.samples if name in one.labels]


def test_metrics_expose_closed_label_sets_at_zero(metrics: Metrics) -> None:
    """Each label value exists from the start, so that a first event shows as an increase."""
    for outcome in metrics_module.COMMIT_OUTCOMES:
        assert sample(metrics, "orchestrator_commits_total", outcome=outcome) == 0
    for event in metrics_module.LEASE_EVENTS:
        assert sample(metrics, "orchestrator_lease_events_total", event=event) == 0


def test_metrics_instances_do_not_share_values(metrics: Metrics) -> None:
    """A second instance in the same process starts at zero and collides with nothing."""
    metrics.commit("ok")
    assert sample(Metrics(), "orchestrator_commits_total", outcome="ok") == 0


def test_render_negotiates_openmetrics(metrics: Metrics) -> None:
    """A scraper that asks for OpenMetrics gets it, and the strict parser reads it."""
    body, content_type = metrics.render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(body.decode())  # type: ignore[no-untyped-call]
    assert "orchestrator_commits" in {family.name for family in families}


def test_merged_counts_every_part_of_a_batch(metrics: Metrics) -> None:
    """One committed batch moves the five counters by what it held."""
    metrics.merged(chunks=3, clusters=5, mentions=70, retimed=2, duplicates=1)
    names = ["chunks_merged", "clusters_aggregated", "mentions_merged", "chunks_retimed", "chunks_duplicate"]
    assert [sample(metrics, f"orchestrator_{name}_total") for name in names] == [3, 5, 70, 2, 1]


def test_odd_counts_chunks_by_what_is_odd(metrics: Metrics) -> None:
    """Late chunks, those without a zone and implausible ones have a counter each, from 0 on."""
    names = ["chunks_late", "chunks_zoneless", "chunks_implausible", "chunks_conflicting"]
    assert [sample(metrics, f"orchestrator_{name}_total") for name in names] == [0, 0, 0, 0]
    metrics.odd(late=2, zoneless=3, implausible=4, conflicts=5)
    assert [sample(metrics, f"orchestrator_{name}_total") for name in names] == [2, 3, 4, 5]


def test_backlog_is_unknown_until_it_is_counted(metrics: Metrics) -> None:
    """A zero would tell an alert that nothing waits."""
    names = [f"orchestrator_{name}" for name in ("backlog_chunks", "backlog_brands", "oldest_waiting_seconds")]
    assert all(isnan(sample(metrics, name) or 0) for name in names)
    metrics.set_backlog(7, 2, 1.5, 3)
    assert [sample(metrics, name) for name in names] == [7, 2, 1.5]


def test_render_brings_up_to_date_what_changes_by_time_alone(metrics: Metrics) -> None:
    """Each scrape tells the present, not the last event."""
    metrics.before_scrape.append(lambda: metrics.set_backlog(1, 1, 42.0, 0))
    assert b"orchestrator_oldest_waiting_seconds 42.0" in metrics.render()[0]


def test_set_wake_mode_marks_exactly_one(metrics: Metrics) -> None:
    """Changing the mode clears the other."""
    metrics.set_wake_mode("hints")
    metrics.set_wake_mode("polling")
    values = [sample(metrics, "orchestrator_wake_mode", mode=mode) for mode in metrics_module.WAKE_MODES]
    assert values == [0, 1]


@pytest.mark.parametrize(("operation", "name"), [("read", "read"), ("write", "write")])
def test_redis_operation_observes_the_named_latency(
    metrics: Metrics, operation: metrics_module.RedisOperation, name: str
) -> None:
    """Reads and writes have a histogram each."""
    metrics.redis_operation(operation, 0.003)
    assert sample(metrics, f"orchestrator_redis_{name}_latency_seconds_sum") == 0.003


def test_events_are_counted_by_their_label(metrics: Metrics) -> None:
    """Each helper moves the sample of its label and no other."""
    metrics.lease("lost")
    metrics.failed("poison", 3)
    metrics.alert("dropped")
    assert sample(metrics, "orchestrator_lease_events_total", event="lost") == 1
    assert sample(metrics, "orchestrator_chunks_failed_total", kind="poison") == 3
    assert sample(metrics, "orchestrator_chunks_failed_total", kind="invalid") == 0
    assert sample(metrics, "orchestrator_alerts_total", outcome="dropped") == 1


@pytest.mark.parametrize(
    "buckets",
    [value for name, value in vars(metrics_module).items() if "_BUCKETS_" in name],
)
def test_buckets_rise_without_large_gaps(buckets: tuple[float, ...]) -> None:
    """Bounds rise, and within the measured range no step is more than tenfold."""
    assert all(low < high <= 10 * low for low, high in pairwise(buckets))


def test_build_info_names_version_and_merge_implementation(metrics: Metrics) -> None:
    """What runs can be read from a board."""
    [info] = [
        one
        for family in parse_text(metrics.render()[0].decode())
        for one in family.samples
        if one.name == "orchestrator_build_info"
    ]
    assert (info.value, info.labels["merge_implementation"]) == (1, "python")
    assert set(info.labels) == {"version", "merge_implementation", "python"}


def test_resident_memory_bytes_is_plausible() -> None:
    """A Python process with this suite loaded takes between 10 MB and 10 GB."""
    assert 10e6 < resident_memory_bytes() < 10e9


async def test_sample_loop_delay_observes_each_interval(
    metrics: Metrics,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - being requested is its effect
) -> None:
    """Ten and a half virtual seconds at a sample a second give ten samples without delay."""
    await nursery.start(lambda *, task_status: metrics.sample_loop_delay(interval_s=1.0, task_status=task_status))
    await trio.sleep(10.5)
    assert sample(metrics, "orchestrator_event_loop_delay_seconds_count") == 10
    assert sample(metrics, "orchestrator_event_loop_delay_seconds_sum") == 0
