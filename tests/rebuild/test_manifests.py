"""The manifests of docs/rebuild.md are what an API server would take, and say what the document says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.chart.check import NEWEST, OLDEST, fault, manifests

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "rebuild.md").read_text()


def objects() -> list[dict[str, Any]]:
    """All Kubernetes objects in it."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return [found for block in blocks for found in manifests(block) if "kind" in found]


def pod_specs(found: Any) -> list[dict[str, Any]]:
    """Every pod that *found* would start, the operator's own kinds included."""
    if isinstance(found, dict):
        mine = [found] if "containers" in found else []
        return mine + [spec for value in found.values() for spec in pod_specs(value)]
    return [spec for value in found for spec in pod_specs(value)] if isinstance(found, list) else []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_manifests_are_what_a_server_takes(version: str) -> None:
    """Those of Kubernetes by its schema; of the operator's kind the pods are held to the schema of pods."""
    kinds = [found["kind"] for found in objects()]
    assert sorted(kinds) == ["DaskCluster", "Job", "NetworkPolicy"]
    for found in objects():
        if found["kind"] == "DaskCluster":
            pods = [
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
                for spec in pod_specs(found)
            ]
            assert [fault(pod, version) for pod in pods] == ["", ""]
            service = found["spec"]["scheduler"]["service"]
            assert fault({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": service}) == ""
        else:
            assert fault(found, version) == ""


def test_every_pod_runs_the_image_with_the_extras_and_as_nobody() -> None:
    """Workers fold with the same version as who asks; none of them is root or may write to its own files."""
    specs = [spec for found in objects() for spec in pod_specs(found)]
    assert len(specs) == 3
    for spec in specs:
        (container,) = spec["containers"]
        assert container["image"] == "registry.example/service3-orchestrator:0.2.0-archive"
        security = container["securityContext"]
        assert security["runAsNonRoot"]
        assert not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_the_scheduler_is_open_to_the_rebuild_alone() -> None:
    """Who reaches it runs code as it: the policy names workers and the job, and nobody else."""
    policy = next(found for found in objects() if found["kind"] == "NetworkPolicy")
    (rule,) = policy["spec"]["ingress"]
    peers = [peer["podSelector"]["matchLabels"] for peer in rule["from"]]
    job = next(found for found in objects() if found["kind"] == "Job")
    assert job["spec"]["template"]["metadata"]["labels"] in peers
    assert {"dask.org/cluster-name": "rebuild"} in peers


def test_commands_in_it_are_commands() -> None:
    """Every option of ``orchestrator rebuild`` that it shows exists."""
    from orchestrator.cli.rebuild import rebuild  # noqa: PLC0415 - imports the command line

    known = {name for parameter in rebuild.params for name in parameter.opts}
    shown = {
        option
        for line in re.findall(r"orchestrator rebuild [^\n`]*", TEXT)
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)
    }
    assert shown
    assert shown <= known
