"""The doctor looks at everything and refuses what the service would refuse."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.cli.conftest import Invoke
from tests.redis_server import RedisServer


def findings_of(output: str) -> dict[str, dict[str, Any]]:
    """Return the findings in the JSON *output*, by check."""
    return {finding["check"]: finding for finding in json.loads(output)}


@pytest.fixture(autouse=True)
def _free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "0")
    monkeypatch.setenv("PROMETHEUS_PORT", "0")


def test_doctor_is_content_with_a_fit_server(invoke: Invoke) -> None:
    """All checks are made, and what is only worth a warning does not fail."""
    invoke("brands", "add", "nike")
    result = invoke("doctor", "--json")
    findings = findings_of(result.stdout)
    assert result.exit_code == 0
    assert {"merge kernel", "HTTP_PORT", "version", "eviction", "persistence", "commands", "brands"} <= set(findings)
    assert findings["commands"]["verdict"] == findings["brands"]["verdict"] == "ok"


def test_doctor_prints_a_table_with_remedies(invoke: Invoke, registry_key: str) -> None:
    """People read what was found and what to do about it."""
    result = invoke("doctor")
    assert f"none is registered under {registry_key}" in result.stdout
    assert "→ register one: orchestrator brands add BRAND" in result.stdout


def test_doctor_tells_of_numbers_that_cannot_be_right(invoke: Invoke, redis_client: redis.Redis) -> None:
    """The brand with most implausible chunks is named with the remedy; summaries of other programs are left alone."""
    for brand in ("acme", "nike", "puma", "tesla"):
        invoke("brands", "add", brand)
    assert findings_of(invoke("doctor", "--json").stdout)["numbers"]["verdict"] == "ok"
    redis_client.set("summary:brand:acme", '{"implausibleChunks": 2}')
    redis_client.set("summary:brand:nike", '{"implausibleChunks": 31}')
    redis_client.set("summary:brand:puma", "no summary")
    redis_client.lpush("summary:brand:tesla", "no string")
    finding = findings_of(invoke("doctor", "--json").stdout)["numbers"]
    redis_client.delete(*(f"summary:brand:{brand}" for brand in ("acme", "nike", "puma", "tesla")))
    assert finding["verdict"] == "warn"
    assert finding["detail"].startswith("2 brands with implausible chunks, nike: 31 implausible chunks in the window")
    assert "sentiment.unit" in finding["remedy"]


def test_doctor_leaves_nothing_behind(invoke: Invoke, redis_client: redis.Redis) -> None:
    """The scratch brand of the rehearsal is gone afterwards."""
    invoke("doctor")
    assert list(redis_client.scan_iter(match="*preflight*")) == []


def test_doctor_refuses_a_replica(monkeypatch: pytest.MonkeyPatch, offline: Invoke, redis_server: RedisServer) -> None:
    """Exit code 1 and the remedy, where the service would not start."""
    with RedisServer(arguments=["--replicaof", "127.0.0.1", "1"]) as replica:
        monkeypatch.setenv("REDIS_URL", replica.url)
        result = offline("doctor", "--json")
    assert redis_server.process is not None
    assert result.exit_code == 1
    assert findings_of(result.stdout)["role"]["verdict"] == "refuse"
    assert result.stderr == "Error: the service would not start here\n"


def test_doctor_counts_a_silent_redis_as_a_finding(
    monkeypatch: pytest.MonkeyPatch, offline: Invoke, tmp_path: Path
) -> None:
    """The other findings are told all the same."""
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none.sock")
    result = offline("doctor", "--json")
    findings = findings_of(result.stdout)
    assert result.exit_code == 1
    assert findings["redis"]["verdict"] == "refuse"
    assert findings["merge kernel"]


def test_doctor_warns_about_a_port_in_use(monkeypatch: pytest.MonkeyPatch, invoke: Invoke) -> None:
    """A port that somebody listens on is named with its remedy; a running service is no reason to refuse."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("HTTP_HOST", "127.0.0.1")
        monkeypatch.setenv("HTTP_PORT", str(taken.getsockname()[1]))
        finding = findings_of(invoke("doctor", "--json").stdout)["HTTP_PORT"]
    assert finding["verdict"] == "warn"
    assert "HTTP_PORT" in finding["remedy"]


def test_doctor_warns_about_refused_names(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """A registered name that no lane will ever look at is a finding."""
    redis_client.sadd(registry_key, "good", "bad\x07")
    finding = findings_of(invoke("doctor", "--json").stdout)["brands"]
    assert finding["verdict"] == "warn"
    assert finding["detail"].startswith("1 registered, 1 refused")
