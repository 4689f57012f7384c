"""The audit list in a shell: the newest first, within its bounds, and harmless whatever stands in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from orchestrator.contract.keys import AUDIT_KEY
from orchestrator.store.audit import write_audit
from tests.cli.conftest import Invoke


@pytest.fixture(autouse=True)
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server on which nothing was done."""
    redis_client.delete(AUDIT_KEY)
    yield redis_client
    redis_client.delete(AUDIT_KEY)


def test_acts_are_listed_the_newest_first(invoke: Invoke, client: redis.Redis) -> None:
    """In a table and as JSON; entries that are not ours are left out."""
    write_audit(client, "ann@host", "pause", "nike", {"reason": "deploy"})
    client.rpush(AUDIT_KEY, "no act")
    write_audit(client, "bob (API, 10.0.0.1)", "processes quiet", None, {"process": "aa", "id": "o-1"})
    lines = invoke("audit").stdout.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["bob", "ann@host"]
    assert "processes quiet" in lines[1]
    assert "process aa, id o-1" in lines[1]
    assert lines[2].split()[-3:] == ["nike", "reason", "deploy"]
    [newest] = json.loads(invoke("audit", "--json", "--limit", "1").stdout)
    assert (newest["by"], newest["brand"]) == ("bob (API, 10.0.0.1)", None)


def test_names_steer_no_terminal(invoke: Invoke, client: redis.Redis) -> None:
    """Whatever somebody was called."""
    write_audit(client, "x\x1b[2J\u202e", "drop", "a\u202eb", {"reason": "\x07"})
    text = invoke("audit").stdout
    assert not {"\x1b", "\u202e", "\x07"} & set(text)


def test_an_empty_list_is_said(invoke: Invoke) -> None:
    """On standard error: there is no result."""
    result = invoke("audit")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing was done yet." in result.stderr
    assert json.loads(invoke("audit", "--json").stdout) == []


def test_a_foreign_key_is_named(invoke: Invoke, client: redis.Redis) -> None:
    """With the reason of the server."""
    client.set(AUDIT_KEY, "x")
    result = invoke("audit")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
