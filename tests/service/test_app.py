"""The composition root: parts start and stop in order."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
import structlog
import trio
from structlog.testing import capture_logs

from orchestrator import tracing
from orchestrator.contract.process_orders import Wanted
from orchestrator.errors import SettingsError, StoreRefusedError
from orchestrator.process import failpoints
from orchestrator.scheduler.scheduler import Scheduler
from orchestrator.service import app, heartbeat
from orchestrator.settings import Settings
from orchestrator.store.members import read_members
from orchestrator.store.process_orders import give
from tests.lane.support import item
from tests.polling import until
from tests.redis_server import RedisServer
from tests.service_process import Updates
from tests.tracing.test_spans import collecting

DEADLINE_S = 60.0


def _settings(**values: Any) -> Settings:
    local: dict[str, Any] = {"http_host": "127.0.0.1", "http_port": 0, "prometheus_port": 0}
    return Settings(**(local | values))


@pytest.fixture
def _own_collector() -> Iterator[None]:
    """Serving freezes what is alive and retunes the collector, for the whole process."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


# -- starting


@pytest.mark.parametrize(("ttl_s", "warned"), [(3_600, True), (86_400, False)])
def test_start_warns_of_summaries_that_expire_within_their_window(ttl_s: int, warned: bool) -> None:  # noqa: FBT001
    """A quiet brand's summary would be gone while it still has mentions."""
    with capture_logs() as lines:
        app.announce(_settings(summary_ttl_sec=ttl_s), "redis://here", structlog.get_logger())
    assert any("SUMMARY_TTL_SEC" in line["event"] for line in lines) is warned


@pytest.mark.parametrize(("seed", "warned"), [("0", True), ("17", True), ("random", False), ("", False), (None, False)])
def test_start_warns_of_a_hash_seed(monkeypatch: pytest.MonkeyPatch, seed: str | None, warned: bool) -> None:  # noqa: FBT001
    """Labels' words are looked up by Python's own hash, which is nobody's to know."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    if seed is not None:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
    with capture_logs() as lines:
        app.announce(_settings(), "redis://here", structlog.get_logger())
    assert any("PYTHONHASHSEED" in line["event"] for line in lines) is warned


# -- serving


@pytest.mark.usefixtures("_own_collector")
async def test_serve_reports_both_ports_and_ends_at_a_signal() -> None:
    """Health and metrics answer at the reported ports; SIGTERM ends it in good order."""
    with RedisServer() as server:
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery, httpx2.AsyncClient() as client:
                at = await nursery.start(partial(app.serve, _settings(), redis_url=server.url))
                assert (await client.get(f"http://127.0.0.1:{at.http_port}/livez")).status_code == 200
                metrics = await client.get(f"http://127.0.0.1:{at.metrics_port}/metrics")
                assert "orchestrator_build_info" in metrics.text
                os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("_own_collector")
async def test_serve_folds_what_is_pushed() -> None:
    """From push to summary, all parts wired together inside this process."""
    with RedisServer() as server, server.client() as client:
        updates = Updates(client)
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(app.serve, _settings(), redis_url=server.url))
                client.sadd("brands:set", "nike")
                client.rpush("result:brand:nike:chunks", item("nike", "a"))
                assert (await updates.until("nike", lambda _: True))["totalChunks"] == 1
                nursery.cancel_scope.cancel()
        updates.close()


@pytest.mark.usefixtures("_own_collector")
async def test_serve_obeys_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows quiet and answers on, resumes, has other lanes, and ends in good order, all by order."""
    monkeypatch.setattr(heartbeat, "pause_s", lambda _members: 0.05)
    with RedisServer() as server, server.client() as client:
        client.sadd("brands:set", "nike")
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery, httpx2.AsyncClient() as http:
                at = await nursery.start(partial(app.serve, _settings(), redis_url=server.url))
                [name] = [member.name for member in read_members(client)]

                def stands() -> tuple[bool, int, tuple[Any, ...]]:
                    [member] = read_members(client)
                    return member.quiet, member.lanes, member.asked

                give(client, [name], Wanted.QUIET, "ann")
                give(client, [name], Wanted.LANES, "ann", 9)
                await until(lambda: stands() == (True, 9, ()))
                client.rpush("result:brand:nike:chunks", item("nike", "a"))
                assert (await http.get(f"http://127.0.0.1:{at.http_port}/readyz")).status_code == 200
                assert client.llen("result:brand:nike:chunks") == 1
                give(client, [name], Wanted.RESUME, "ann")
                await until(lambda: client.exists("summary:brand:nike") == 1)
                give(client, [name], Wanted.STOP, "ann")
        assert read_members(client) == ()
        assert client.exists("orchestrator:{result:brand:nike:chunks}:lock") == 0


@pytest.mark.usefixtures("_own_collector")
async def test_serve_lets_operators_mend_what_failed(tmp_path: Path) -> None:
    """From a chunk that is no chunk to its dead letter, and through the API out of the list, all parts together."""
    tokens = tmp_path / "operators"
    tokens.write_text("operators-token-of-tests\n")
    settings = _settings(http_operator_token_file=str(tokens))
    with RedisServer() as server, server.client() as redis_client:
        redis_client.sadd("brands:set", "nike")
        redis_client.rpush("result:brand:nike:chunks", "no chunk")
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery, httpx2.AsyncClient() as client:
                at = await nursery.start(partial(app.serve, settings, redis_url=server.url))
                ops = f"http://127.0.0.1:{at.http_port}/v1/ops"

                async def told(path: str = "") -> Any:
                    return (await client.get(f"{ops}{path}")).json()

                await until(lambda: redis_client.llen("failed:brand:nike") == 1)
                assert [process["lanes"] for process in (await told())["processes"]] == [settings.concurrency_limit]
                order = {"action": "drop", "brand": "nike", "all": True, "expected": 1, "by": "test"}
                headers = {"Authorization": "Bearer operators-token-of-tests"}
                done = (await client.post(f"{ops}/letters", json=order, headers=headers)).json()
                assert (done["moved"], (await told("/letters?brand=nike"))["total"]) == (1, 0)
                assert (await told("/audit"))["acts"][0]["by"].startswith("test (API, 127.0.0.1")
                page = await client.get(f"http://127.0.0.1:{at.http_port}/ops")
                assert "Sign in to act" in page.text
                nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("_own_collector")
async def test_serve_sends_traces_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """From push to collector: the visit's spans arrive before the process ends, linked to the chunk's trace."""
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with collecting() as (collector, address), RedisServer() as server, server.client() as client:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        updates = Updates(client)
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(app.serve, _settings(), redis_url=server.url))
                client.sadd("brands:set", "nike")
                client.rpush("result:brand:nike:chunks", item("nike", "a", meta={"traceparent": parent}))
                await updates.until("nike", lambda _: True)
                os.kill(os.getpid(), signal.SIGTERM)
        updates.close()
    sent = collector.spans()
    assert {"lane", "fetch", "fold", "commit"} <= {span.name for span in sent}
    assert [link.trace_id.hex() for span in sent for link in span.links] == [parent.split("-")[1]]


@pytest.mark.usefixtures("_own_collector")
async def test_serve_ends_although_nobody_takes_its_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that never answers gets its second, and no more."""

    def hang() -> None:
        gate.wait()

    gate = threading.Event()
    monkeypatch.setattr(tracing, "stop", hang)
    with RedisServer() as server:
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(app.serve, _settings(), redis_url=server.url))
                os.kill(os.getpid(), signal.SIGTERM)
    gate.set()


async def test_serve_stops_while_it_starts(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """A signal does not wait for the examination of a Redis that is silent."""

    async def hang(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep_forever()

    monkeypatch.setattr(app, "_examine_redis", hang)
    with trio.fail_after(DEADLINE_S):
        await app.serve(_settings(), redis_url=redis_url)


@pytest.mark.usefixtures("_own_collector")
async def test_serve_abandons_lanes_that_outlast_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that does not end must not lead to a kill after the signal."""

    async def hang(_scheduler: Scheduler) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(Scheduler, "stop", hang)
    with RedisServer() as server:
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                settings = _settings(shutdown_grace_sec=0.1)
                await nursery.start(partial(app.serve, settings, redis_url=server.url))
                os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("_own_collector")
async def test_serve_refuses_a_redis_on_which_chunks_would_get_lost() -> None:
    """A server that evicts keys is refused with its reason, as one error and not as a group."""
    with (
        RedisServer(arguments=["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]) as server,
        pytest.raises(StoreRefusedError, match="allkeys-lru"),
    ):
        await app.serve(_settings(), redis_url=server.url)


@pytest.mark.parametrize("field", ["http_port", "prometheus_port"])
async def test_serve_refuses_a_port_that_is_taken(redis_url: str, field: str) -> None:
    """The error names both settings and the reason, as one error and not as a group."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"{field.upper()}={port}.*choose a free port"):
            await app.serve(_settings(**{field: port}), redis_url=redis_url)


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("10.9.9.9", OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")),
        ("no.such.host", socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
        ("::1", OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")),
    ],
)
async def test_serve_names_an_address_that_is_not_this_machines(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, host: str, error: OSError
) -> None:
    """A free port would not help; said is what would be right."""

    async def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(trio, "open_tcp_listeners", refuse)
    with pytest.raises(SettingsError, match=f"^HTTP_HOST={host}: .*an address of this machine") as caught:
        await app.serve(_settings(http_host=host), redis_url=redis_url)
    assert "free port" not in str(caught.value)


async def test_serve_says_which_ports_anybody_may_bind(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another free port below 1024 would be refused as well."""

    async def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(trio, "open_tcp_listeners", refuse)
    with pytest.raises(SettingsError, match=r"HTTP_PORT=80 .*Permission denied; choose ports from 1024 up"):
        await app.serve(_settings(http_port=80), redis_url=redis_url)


@pytest.mark.usefixtures("_own_collector")
@pytest.mark.parametrize("field", ["http_token_file", "http_operator_token_file"])
async def test_serve_names_a_file_without_tokens(redis_url: str, tmp_path: Path, field: str) -> None:
    """Nobody could be let in, so nothing starts; and nothing of the file is shown."""
    file = tmp_path / "tokens"
    file.write_text("too-short")
    with pytest.raises(SettingsError, match=rf"{field.upper()}: line 1 must be") as caught:
        await app.serve(_settings(**{field: str(file)}), redis_url=redis_url)
    assert "too-short" not in str(caught.value)


@pytest.mark.usefixtures("_own_collector")
async def test_serve_asks_for_tokens_at_both_ports(tmp_path: Path) -> None:
    """And never for probes; the file is read again at the next request."""
    file, first, second = tmp_path / "tokens", "first-" + "a" * 20, "second-" + "b" * 20
    file.write_text(first)
    settings = _settings(http_token_file=str(file), http_allowed_hosts="127.0.0.1")
    with RedisServer() as server, trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery, httpx2.AsyncClient() as client:
            at = await nursery.start(partial(app.serve, settings, redis_url=server.url))
            reads = [f"http://127.0.0.1:{at.http_port}/v1/brands", f"http://127.0.0.1:{at.metrics_port}/metrics"]
            for token in (first, second):
                file.write_text(token)
                for url in reads:
                    answers = [
                        (await client.get(url, headers=headers)).status_code for headers in _headers(first, second)
                    ]
                    assert answers == [401, 200 if token == first else 401, 200 if token == second else 401]
            assert (await client.get(f"http://127.0.0.1:{at.http_port}/livez")).status_code == 200
            nursery.cancel_scope.cancel()


def _headers(*tokens: str) -> list[dict[str, str]]:
    """None, and one with each of *tokens*."""
    return [{}, *({"Authorization": f"Bearer {token}"} for token in tokens)]


@pytest.mark.usefixtures("_own_collector")
async def test_serve_arms_failpoints_from_the_environment(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """A misspelt failpoint refuses the start, so that no test passes for its sake."""
    monkeypatch.setenv(failpoints.VARIABLE, "session.folded=explode")
    with pytest.raises(SettingsError, match="explode"):
        await app.serve(_settings(), redis_url=redis_url)


@pytest.mark.usefixtures("_own_collector")
def test_run_starts_and_stops_an_embedded_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """``embedded://`` is a server that lives exactly as long as the service."""
    seen: list[Any] = []

    async def serve(_settings: Settings, *, redis_url: str, embedded: bool) -> None:
        with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
            seen.extend([redis_url, embedded, client.ping()])
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(app, "serve", serve)
    app.run(_settings(redis_url="embedded://"))
    url, embedded, answered = seen
    assert (embedded, answered) == (True, True)
    with contextlib.closing(redis.Redis.from_url(url)) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_run_uses_the_configured_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other address is used as it is."""
    seen: list[Any] = []

    async def serve(_settings: Settings, *, redis_url: str, embedded: bool) -> None:
        seen.extend([redis_url, embedded])
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(app, "serve", serve)
    app.run(_settings(redis_url="redis://here:1"))
    assert seen == ["redis://here:1", False]
