"""What doctor and the start say of a cluster, and of an address that leads to one or to none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.address import Node
from orchestrator.store import connect
from orchestrator.store.cluster.fitness import told
from orchestrator.store.cluster.topology import ClusterStatistics, NodeStatistics
from orchestrator.store.findings import Finding, Verdict
from orchestrator.store.preflight import examine

if TYPE_CHECKING:
    from orchestrator.store.cluster.client import ClusterClient
    from tests.cluster_servers import ClusterServers


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    """The *findings* by what was looked at."""
    return {finding.check: finding for finding in findings}


def test_examine_looks_at_every_node(client: ClusterClient, cluster_servers: ClusterServers) -> None:
    """All commands go through; what one node lacks is said of it by name."""
    cluster_servers.nodes[1].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    cluster_servers.nodes[2].ask("CONFIG", "SET", "cluster-require-full-coverage", "yes")
    try:
        found = by_check(examine(client))
    finally:
        cluster_servers.nodes[1].ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        cluster_servers.nodes[2].ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
    assert found["commands"].verdict is Verdict.OK, found["commands"]
    assert (found["cluster"].verdict, found["cluster"].remedy) == (Verdict.OK, "")
    assert found["eviction"].verdict is Verdict.WARN
    assert found["eviction"].detail.startswith(f"{cluster_servers.nodes[1].address}: maxmemory-policy allkeys-lru")
    assert found["version"].detail.endswith("on all 3 nodes")
    assert found["replicas"].verdict is Verdict.WARN
    assert "yes on 1 of 3 nodes" in found["full coverage"].detail
    assert by_check(examine(client))["full coverage"].verdict is Verdict.OK


def test_examine_of_one_node_says_which_address_is_right(cluster_servers: ClusterServers) -> None:
    """A plain address that leads to a cluster."""
    node = cluster_servers.nodes[0]
    with connect(node.url, timeout_s=5.0, pool_size=2) as plain:
        (found,) = examine(plain)
    assert (found.check, found.verdict) == ("cluster", Verdict.REFUSE)
    assert f"REDIS_URL=redis+cluster://{node.address}" in found.remedy


@pytest.mark.parametrize(
    ("away", "covered", "said", "helps"),
    [
        ("", 1.0, "2 masters, 2 replicas, all slots have a master", ""),
        ("", 0.75, "2 masters, 2 replicas, 25.0% of all slots have no master", "--cluster fix"),
        ("refused", 1.0, "1 of 2 masters away with 25% of all slots: b:2 (refused)", "CLUSTER FAILOVER"),
    ],
)
def test_cluster_is_told_in_a_sentence(away: str, covered: float, said: str, helps: str) -> None:
    """With the share of slots that a master has which is away, and what to do about it."""
    masters = NodeStatistics(Node("a", 1), 0.75, 1, ""), NodeStatistics(Node("b", 2), 0.25, 1, away)
    detail, inner, remedy = told(ClusterStatistics(masters, covered, 0))
    assert said == inner
    assert inner.startswith(detail)
    assert "b:2" not in detail  # which strangers see
    assert helps in remedy
