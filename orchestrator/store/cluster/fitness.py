"""Is this cluster fit for the protocol? Every node is looked at, and what holds them together.

Owns what is asked of a cluster beyond what is asked of each server. Changes nothing. Source:
``docs/redis-protocol.md``, section 14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import ClockSkewError, StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store.client import translated
from orchestrator.store.clock import ServerClock
from orchestrator.store.findings import Finding, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.contract.address import Node
    from orchestrator.store.cluster.client import ClusterClient
    from orchestrator.store.cluster.topology import ClusterStatistics

    Check = Callable[[Mapping[str, Any]], Finding]

_SHOWN: Final = 5
"""Nodes that a finding names."""

_ALL: Final = 1 - 1e-9
"""A share of slots that is all of them, whatever sums of parts come to."""

_COVERAGE: Final = "cluster-require-full-coverage"


def look_at_nodes(client: ClusterClient, checks: Sequence[Check], *, max_clock_skew_s: float) -> list[Finding]:
    """What the *checks* say of every node, and what is to be said of the cluster; some round trips a node.

    Raises:
        StoreUnavailableError: no node gave an answer.
    """
    topology = client.topology
    try:
        topology.look_again()
    except StoreRefusedError as error:
        remedy = "correct REDIS_URL: redis+cluster:// names nodes of a cluster, with user and password as each has them"
        return [Finding("cluster", Verdict.REFUSE, str(error), remedy)]
    infos: dict[Node, Mapping[str, Any]] = {}
    refused: dict[Node, str] = {}
    clock = ServerClock.told(max_clock_skew_s)
    clocks: list[str] = []
    for node in topology.nodes():
        try:
            with translated():
                infos[node] = client.on(node).info("everything")
                asked_ms = clock.now_ms()
                seconds, microseconds = client.on(node).time()
            clock.compare(asked_ms, int(seconds) * 1000 + int(microseconds) // 1000, str(node))
        except StoreUnavailableError as error:
            topology.told_away(node, str(error))
        except ClockSkewError as error:
            clocks.append(str(error))
        except StoreError as error:
            refused[node] = str(error)
    found = [_of_all(infos, check) for check in checks] if infos else []
    return [
        *_whole(topology.statistics()),
        *found,
        *_coverage(client, infos),
        *_refused(refused),
        _clocks(clocks, max_clock_skew_s),
    ]


def told(statistics: ClusterStatistics) -> tuple[str, str, str]:
    """How the cluster stands in a sentence, the same with names of nodes, and what to do; no remedy if it is whole."""
    masters = statistics.masters
    away = [master for master in masters if master.away]
    if away:
        share = sum(master.share for master in away)
        said = f"{len(away)} of {len(masters)} masters away with {share:.0%} of all slots"
        names = "; ".join(f"{master.node} ({master.away})" for master in away[:_SHOWN])
        remedy = "start them, or have a replica take over (CLUSTER FAILOVER); brands of other nodes go on"
        return said, f"{said}: {names}", remedy
    count = f"{len(masters)} masters, {sum(master.replicas for master in masters)} replicas"
    if statistics.covered < _ALL:
        said = f"{count}, {1 - statistics.covered:.1%} of all slots have no master"
        return said, said, "give them one (--cluster fix): brands whose queues are there wait"
    said = f"{count}, all slots have a master"
    return said, said, ""


def _whole(statistics: ClusterStatistics) -> Iterator[Finding]:
    _, said, remedy = told(statistics)
    yield Finding("cluster", Verdict.WARN if remedy else Verdict.OK, said, remedy)
    bare = [str(master.node) for master in statistics.masters if not master.replicas]
    if bare:
        names = ", ".join(bare[:_SHOWN])
        remedy = "give each master a replica on another machine: without one its brands wait until it is back"
        yield Finding("replicas", Verdict.WARN, f"{len(bare)} of {len(statistics.masters)} have none: {names}", remedy)
    else:
        yield Finding("replicas", Verdict.OK, "every master has one")


def _of_all(infos: Mapping[Node, Mapping[str, Any]], check: Check) -> Finding:
    """What *check* says of the nodes: the worst, and of which."""
    findings = {node: check(info) for node, info in infos.items()}
    grave = worst(list(findings.values()))
    chosen = {node: finding for node, finding in findings.items() if finding.verdict is grave}
    first = next(iter(chosen.values()))
    details = dict.fromkeys(finding.detail for finding in chosen.values())
    if len(details) == 1 and len(chosen) == len(findings):
        return Finding(first.check, grave, f"{first.detail}, on all {len(findings)} nodes", first.remedy)
    shown = "; ".join(f"{node}: {finding.detail}" for node, finding in list(chosen.items())[:_SHOWN])
    return Finding(first.check, grave, shown, first.remedy)


def _coverage(client: ClusterClient, infos: Mapping[Node, Mapping[str, Any]]) -> Iterator[Finding]:
    strict: list[str] = []
    for node in infos:
        try:
            with translated():
                if client.on(node).config_get(_COVERAGE).get(_COVERAGE, "no") != "no":
                    strict.append(str(node))
        except StoreError:  # as managed services do; nothing is known then
            return
    if strict:
        detail = f"{_COVERAGE} is yes on {len(strict)} of {len(infos)} nodes"
        remedy = f"set {_COVERAGE} no on every node: else one slot without a master stops the brands of all"
        yield Finding("full coverage", Verdict.WARN, detail, remedy)
    else:
        yield Finding("full coverage", Verdict.OK, f"{_COVERAGE} is no: a slot without a master stops its own brands")


def _refused(refused: Mapping[Node, str]) -> Iterator[Finding]:
    if refused:
        shown = "; ".join(f"{node}: {reason}" for node, reason in list(refused.items())[:_SHOWN])
        remedy = "give every node the same users, and allow INFO, TIME and CLUSTER SLOTS to this one"
        yield Finding("nodes", Verdict.WARN, shown, remedy)


def _clocks(problems: Sequence[str], max_skew_s: float) -> Finding:
    if not problems:
        return Finding("clock", Verdict.OK, "every node in step with this machine's")
    until = "; until they agree brands of those nodes wait (MAX_CLOCK_SKEW_SEC=0: they do not)" if max_skew_s else ""
    return Finding("clock", Verdict.WARN, "; ".join(problems[:_SHOWN]), f"run NTP on all machines{until}")
