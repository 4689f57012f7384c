"""What a cluster costs: servers of either kind, and what is told of them."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench import cluster
from bench._harness import Report
from bench._servers import servers
from bench.pipeline import Load
from orchestrator.contract.keys import queue_key
from orchestrator.store import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.mark.parametrize("masters", cluster.KINDS)
def test_servers_are_there_and_gone_again(masters: int) -> None:
    """A cluster with all of its slots, or one server: clients are told an address that fits."""
    with servers(masters) as running:
        assert len(running.nodes) == max(1, masters)
        with closing(connect(running.url, timeout_s=10.0, pool_size=2)) as client:
            for brand in ("a", "b", "c", "d"):
                client.rpush(queue_key(brand), "x")
            digest = str(running.nodes[0].script_load("return 1"))
            running.nodes[0].evalsha(digest, 0)
        assert running.scripts()[0] == 1
        assert running.cpu_s() > 0
        ports = [node.connection_pool.connection_kwargs["port"] for node in running.nodes]
    listening = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    assert not any(f"0100007F:{port:04X} 00000000:0000 0A" in listening for port in ports)


def test_a_chunks_cost_is_told_for_both() -> None:
    """What the service and the servers spent, with all of it shown to readers in the end."""
    report = Report("t", ["what", "one server", "cluster", "ratio"])
    cluster.compare(report, Load("a, 2 brands", "a", 20, brands=2), rounds=1)
    assert [row[0] for row in report.rows] == [
        "a, 2 brands: service, µs a chunk",
        "a, 2 brands: Redis, µs a chunk",
        "a, 2 brands: Redis in scripts, µs a chunk",
        "a, 2 brands: scripts in 1,000 chunks",
        "a, 2 brands: time, µs a chunk",
    ]
    assert all(figure > 0 for row in report.rows for figure in row[1:])


def test_both_sides_take_turns_and_the_first_block_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is the first one in every other block."""
    asked: list[str] = []

    def latencies_ms(client: str, pushes: Iterator[tuple[str, bytes]], *, warm_up: int, listener: str) -> list[float]:
        assert (warm_up, listener) == (0, client.upper())
        asked.append(client)
        return [float(chunk) for _, chunk in pushes]

    monkeypatch.setattr(cluster, "latencies_ms", latencies_ms)
    monkeypatch.setattr(cluster, "_BLOCK", 2)
    sides: list[tuple[redis.Redis, redis.Redis]] = [("a", "A"), ("b", "B")]  # type: ignore[list-item]
    found = cluster.in_turns(sides, [("x", b"%d" % number) for number in range(9, 3, -1)])
    assert asked == ["a", "b", "b", "a", "a", "b"]
    assert found == [[4.0, 5.0, 6.0, 7.0]] * 2
