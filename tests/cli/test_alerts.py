"""The routes of alerts on the command line: what waits for them, a test message, and which one would tell what."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from orchestrator.contract.keys import BrandKeys
from tests.alerts.support import alert
from tests.cli.conftest import Invoke

ROUTES = """
[[route]]
name = "good"
url = "http://127.0.0.1:{port}/hidden/good"

[[route]]
name = "chat"
url = "http://127.0.0.1:{port}/hidden/chat"
format = "slack"
kinds = ["mood"]

[[route]]
name = "night"
url = "http://127.0.0.1:{port}/hidden/gone"
brands = ["acme*"]
min_score = 60
min_mentions = 100
quiet = [{{ from = "22:00", to = "07:00" }}]

[[route]]
name = "hourly"
url = "http://127.0.0.1:{port}/hidden/hourly"
digest_minutes = 60
quiet = [{{ from = "22:00", to = "07:00" }}]
quiet_then = "drop"
"""


class Endpoint(HTTPServer):
    """Notes what it is sent; what goes to ``gone`` is refused."""

    def __init__(self) -> None:
        self.messages: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Takes one message."""

    server: Endpoint

    def do_POST(self) -> None:
        """Note it and answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages[self.path] = json.loads(body)
        self.send_response(410 if self.path.endswith("gone") else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint, and a file of routes that lead there."""
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    file = tmp_path / "routes.toml"
    file.write_text(ROUTES.format(port=server.server_port))
    monkeypatch.setenv("ALERT_ROUTES_FILE", str(file))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("endpoint")
def test_list_says_what_waits_for_which_route(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """What is done is marked, what no route wants and what is kept do not wait; paths are hidden."""
    invoke("brands", "add", brand)
    keys = BrandKeys.of(brand)
    now_ms = time.time_ns() // 1_000_000
    first, second = (alert(number=number, brand=brand).entry(now_ms - 90_000) for number in (1, 2))
    mood = msgspec.structs.replace(second, kind="mood", id="mood_1")
    redis_client.rpush(keys.outbox, first.encode(), mood.encode())
    redis_client.sadd(keys.told, "good:mood_1")
    listed = invoke("alerts", "list", "--json")
    page = invoke("alerts", "list")
    redis_client.delete(keys.outbox, keys.told)
    assert listed.exit_code == 0, listed.stderr
    found = {one["name"]: one for one in json.loads(listed.stdout)}
    assert {name: one["waiting"] for name, one in found.items() if name != "hourly"} == {
        "good": 1, "chat": 1, "night": 0,
    }  # fmt: skip
    assert found["good"]["oldest_ms"] == now_ms - 90_000
    assert "1, the oldest" in page.stdout
    assert "brands acme*; score from 60" in " ".join(page.stdout.split())
    assert "hidden" not in listed.stdout + page.stdout


@pytest.mark.usefixtures("endpoint")
def test_status_has_a_line_for_what_waits(
    invoke: Invoke, redis_client: redis.Redis, brand: str, tmp_path: Path
) -> None:
    """With the route; nothing where nothing waits, and a word where the file is not usable."""
    invoke("brands", "add", brand)
    assert "Alerts" not in invoke("status").stdout
    outbox = BrandKeys.of(brand).outbox
    redis_client.rpush(outbox, alert(brand=brand).entry(time.time_ns() // 1_000_000 - 90_000).encode())
    page = " ".join(invoke("status").stdout.split())
    told = {one["name"]: one for one in json.loads(invoke("status", "--json").stdout)["alertRoutes"]}
    redis_client.delete(outbox)
    assert {name: one["waiting"] for name, one in told.items() if one["waiting"]} == {"good": 1}
    assert told["good"]["oldestDueAt"] is not None
    assert (told["hourly"]["digestSeconds"], told["good"]["digestSeconds"]) == (3600.0, 0.0)
    assert "hidden" not in json.dumps(told)
    assert "Alerts good: 1, the oldest 90" in page
    assert "see 'orchestrator alerts list'" in page
    (tmp_path / "routes.toml").write_text("x")
    problem = "the file of routes is not usable: 'orchestrator doctor' says why"
    assert problem in invoke("status").stdout
    told = json.loads(invoke("status", "--json").stdout)
    assert (told["alertRoutes"], told["alertRoutesProblem"]) == ([], problem)


def test_test_sends_a_marked_message_the_way_alerts_go(offline: Invoke, endpoint: Endpoint) -> None:
    """In the route's form; the answer is told, and what would hold back an alert like it."""
    result = offline("alerts", "test", "chat", "--brand", "<acme>")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"chat: http://127.0.0.1:{endpoint.server_port}/…: taken, status 204, after ")
    assert "an alert like it would be not told: its kinds are mood" in result.stderr
    (message,) = endpoint.messages.values()
    assert list(message) == ["text"]
    assert message["text"].startswith("TEST, nothing happened: this is how an alert of kind volume about &lt;acme&gt;")


def test_test_asks_all_routes_and_fails_for_one(offline: Invoke, endpoint: Endpoint) -> None:
    """The exit code says so; a digest is sent as one."""
    result = offline("alerts", "test", "--kind", "mood")
    assert result.exit_code == 1
    assert "night: " in result.stdout
    assert "not taken: status 410" in result.stdout
    assert "not taken by night: see docs/runbooks/route-failing.md" in result.stderr
    good = endpoint.messages["/hidden/good"]
    assert (good["test"], good["type"], good["data"]["brand"]) == (True, "mood.opened", "test")
    hourly = endpoint.messages["/hidden/hourly"]
    assert (hourly["type"], hourly["data"]["alerts"][0]["test"]) == ("alerts.digest", True)
    assert "hidden" not in result.output


def test_test_names_the_routes_that_there_are(offline: Invoke, endpoint: Endpoint) -> None:
    """Nothing is sent to a name that is none."""
    result = offline("alerts", "test", "god")
    assert (result.exit_code, endpoint.messages) == (2, {})
    assert "there is no route 'god'; there are good, chat, night, hourly" in result.stderr


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("acme one", "volume", "--at", "2026-03-01T12:00:00+00:00"), ["told at once", "not told: its kinds are mood",
         "told at once", "told together with others at 2026-03-01T13:00:00Z: its digest is due then"]),
        (("nike", "mood", "--at", "2026-03-01T23:00:00"), ["told at once", "told at once",
         "not told: none of its 1 brands and patterns fits", "dropped: quiet hours until 2026-03-02T07:00:00Z"]),
        (("acme", "--at", "2026-03-01T23:00:00Z", "--score", "60", "--mentions", "100"), ["told at once", "not told",
         "told together with others at 2026-03-02T07:00:00Z: quiet hours end then", "dropped"]),
        (("acme", "--score", "59"), ["told at once", "not told", "not told: its score is 59, below min_score", ""]),
        (("acme", "--mentions", "9"), ["told at once", "not told", "not told: it has 9 mentions, below", ""]),
    ],
)  # fmt: skip
def test_explain_says_which_route_would_tell_it(offline: Invoke, arguments: tuple[str, ...], said: list[str]) -> None:
    """When, and why the others would not."""
    result = offline("alerts", "explain", *arguments)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == len(said)
    for line, (name, words) in zip(lines, zip(("good", "chat", "night", "hourly"), said, strict=True), strict=True):
        assert line.startswith(f"{name}: {words}")


@pytest.mark.usefixtures("endpoint")
def test_explain_needs_a_time_that_is_one(offline: Invoke) -> None:
    """And a brand that can be one."""
    assert "--at 'noon' is no time" in offline("alerts", "explain", "acme", "--at", "noon").stderr
    assert offline("alerts", "explain", "").exit_code == 2


def test_without_routes_it_says_what_to_set(offline: Invoke) -> None:
    """Nobody is told."""
    result = offline("alerts", "list")
    assert result.exit_code == 2
    assert "set ALERT_WEBHOOK_URL, or ALERT_ROUTES_FILE for several routes" in result.stderr


def test_a_file_that_is_not_right_is_told(offline: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every mistake, before Redis is asked."""
    (tmp_path / "routes.toml").write_text('[[route]]\nname = "a"\nmin_score = -1\n')
    monkeypatch.setenv("ALERT_ROUTES_FILE", "routes.toml")
    result = offline("alerts", "list")
    assert result.exit_code == 2
    assert "ALERT_ROUTES_FILE=routes.toml: route 'a': it has neither url nor url_file" in result.stderr
    assert "route 'a': min_score = -1: it must be a number from 0" in result.stderr


def test_the_short_form_is_a_route(offline: Invoke, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """ALERT_WEBHOOK_URL alone can be tested as well."""
    monkeypatch.delenv("ALERT_ROUTES_FILE")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"http://127.0.0.1:{endpoint.server_port}/hidden/one")
    result = offline("alerts", "test")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("webhook: ")
