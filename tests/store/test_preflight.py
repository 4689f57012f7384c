"""The preflight says of every kind of unfit server what is wrong and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.store import connect
from orchestrator.store.preflight import Finding, Verdict, examine, look, worst
from tests.redis_server import RedisServer, servers

if TYPE_CHECKING:
    from pathlib import Path

    import redis


def finding(client: redis.Redis, check: str) -> Finding:
    """The one finding of *check*."""
    (found,) = [entry for entry in examine(client) if entry.check == check]
    return found


@pytest.mark.parametrize("program", servers(), ids=str)
def test_examine_is_content_with_a_proper_server(program: Path) -> None:
    """Every check is green on a primary with an append-only file, and no key stays."""
    with RedisServer(program, ["--appendonly", "yes"]) as server:
        client = server.client()
        for archive in (False, True):
            assert {entry.verdict for entry in examine(client, archive=archive)} == {Verdict.OK}
            assert client.keys() == []
        client.close()


def test_examine_asks_for_no_more_than_is_needed() -> None:
    """Without an archive a user need not move what is consumed; with one that is said before it is needed."""
    with RedisServer(servers()[0], acl("default on nopass ~* &* +@all -sort")) as server:
        client = server.client()
        for archive, verdict in ((False, Verdict.OK), (True, Verdict.REFUSE)):
            (found,) = [one for one in examine(client, archive=archive) if one.check == "commands"]
            assert found.verdict is verdict
            assert client.keys() == []
        client.close()


def acl(rules: str) -> list[str]:
    """Arguments for a server whose default user has *rules*."""
    return ["--user", *rules.split()]


@pytest.mark.parametrize(
    ("arguments", "check", "verdict"),
    [
        ([], "persistence", Verdict.WARN),
        (["--maxmemory-policy", "allkeys-lru"], "eviction", Verdict.WARN),
        (["--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"], "eviction", Verdict.REFUSE),
        (["--maxmemory", "100kb"], "commands", Verdict.WARN),
        (["--replicaof", "127.0.0.1", "1"], "role", Verdict.REFUSE),
        (["--replicaof", "127.0.0.1", "1"], "commands", Verdict.REFUSE),
        (["--rename-command", "LTRIM", ""], "commands", Verdict.REFUSE),
        (["--requirepass", "secret"], "login", Verdict.REFUSE),
        (acl("default on nopass ~* resetchannels +@all"), "commands", Verdict.WARN),
        (acl("default on nopass ~* &* +@all -info"), "info", Verdict.WARN),
        (acl("default on nopass ~* &* +@all -time"), "clock", Verdict.WARN),
        (acl("default on nopass ~* &* +@all -client"), "wake hints", Verdict.WARN),
        (acl("default on nopass ~* &* +@all -multi"), "transactions", Verdict.WARN),
        (acl("default on nopass ~result:* ~orchestrator:* &* +@all"), "commands", Verdict.REFUSE),
        (acl("default on nopass ~* &* +@all -rename"), "commands", Verdict.REFUSE),
    ],
)
def test_examine_finds_what_is_wrong_and_names_a_remedy(arguments: list[str], check: str, verdict: Verdict) -> None:
    """Each misconfiguration is found by its own check."""
    with RedisServer(arguments=arguments) as server:
        client = server.client()
        found = finding(client, check)
        client.close()
    assert found.verdict is verdict
    assert found.remedy


def test_examine_refuses_an_old_version_and_a_cluster(
    monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> None:
    """The server's own account of itself is changed; of a cluster nothing but its address is said."""
    info = redis_client.info("everything")
    monkeypatch.setattr(redis_client, "info", lambda _: info | {"redis_version": "6.0.16"})
    assert finding(redis_client, "version").verdict is Verdict.REFUSE
    monkeypatch.setattr(redis_client, "info", lambda _: info | {"cluster_enabled": 1})
    (found,) = examine(redis_client)
    assert (found.check, found.verdict) == ("cluster", Verdict.REFUSE)
    assert "REDIS_URL=redis+cluster://" in found.remedy


@pytest.mark.parametrize(("max_skew_s", "waits"), [(60.0, True), (0.0, False)])
def test_examine_says_of_a_wrong_clock_whether_it_stops_anybody(
    monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis, max_skew_s: float, *, waits: bool
) -> None:
    """It is told either way; with 0 neither the finding nor its remedy says that brands wait."""
    monkeypatch.setattr(redis_client, "time", lambda: (0, 0))
    (found,) = [one for one in look(redis_client, max_clock_skew_s=max_skew_s) if one.check == "clock"]
    assert found.verdict is Verdict.WARN
    assert ("nothing is claimed" in found.detail, "claims nothing" in found.remedy) == (waits, waits)


def test_examine_says_nothing_but_that_the_password_is_wrong() -> None:
    """One finding with the one remedy that helps, and no password in it."""
    with RedisServer(arguments=["--requirepass", "right"]) as server:
        client = connect(f"{server.url}?password=wr0ng", timeout_s=5.0, pool_size=1)
        (found,) = examine(client)
        client.close()
    assert (found.check, found.verdict) == ("login", Verdict.REFUSE)
    assert "REDIS_URL" in found.remedy
    assert "wr0ng" not in found.detail


def test_examine_without_a_server_is_unavailable(tmp_path: Path) -> None:
    """No answer is no finding."""
    with pytest.raises(StoreUnavailableError):
        examine(connect(f"unix://{tmp_path}/none", timeout_s=1.0, pool_size=1))


def test_worst_is_the_gravest() -> None:
    """One refusal outweighs any number of warnings."""
    findings = [Finding("a", verdict, "") for verdict in (Verdict.WARN, Verdict.REFUSE, Verdict.OK)]
    assert worst(findings) is Verdict.REFUSE
    assert worst([]) is Verdict.OK
