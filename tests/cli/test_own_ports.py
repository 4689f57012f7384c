"""The doctor beside a running service: its own ports are no warning, those of others are."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import own_ports
from orchestrator.cli.own_ports import port_findings
from orchestrator.settings import Settings
from orchestrator.store.preflight import Verdict

METRICS = b"# HELP orchestrator_build_info Always 1\norchestrator_build_info{} 1.0\n"


@contextmanager
def answering(body: bytes, asked: list[dict[str, str]] | None = None) -> Iterator[int]:
    """Somebody who answers every request at a port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append({"path": self.path, **dict(self.headers.items())})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def health(name: str) -> bytes:
    """As the service tells it."""
    return json.dumps({"status": "ok", "orchestratorId": name}).encode()


def settings_of(http: int, metrics: int = 0, **more: Any) -> Settings:
    """Of a service with these ports."""
    return Settings(http_host="127.0.0.1", http_port=http, prometheus_port=metrics, orchestrator_id="me", **more)


@pytest.mark.parametrize(("name", "living"), [("me", ()), ("it", ("it", "other"))])
def test_ports_of_this_service_are_in_order(name: str, living: tuple[str, ...]) -> None:
    """It has the name that is set, or is a process of the same Redis; its metrics are beside it."""
    with answering(health(name)) as http, answering(METRICS) as metrics:
        found = list(port_findings(settings_of(http, metrics), lambda: living))
    assert [one.verdict for one in found] == [Verdict.OK, Verdict.OK]
    assert found[0].detail == f"127.0.0.1:{http} is held by this service, which runs here as {name!r}"
    assert found[1].detail == f"127.0.0.1:{metrics} is held by this service, as HTTP_PORT is"


def test_ports_of_others_are_a_warning() -> None:
    """Another orchestrator, with its name; its metrics; and somebody who is none."""
    with answering(health("stranger")) as http, answering(METRICS) as metrics:
        found = list(port_findings(settings_of(http, metrics), lambda: ("me",)))
    assert [one.verdict for one in found] == [Verdict.WARN, Verdict.WARN]
    assert "; 'stranger' is there, an orchestrator that is none of this Redis" in found[0].detail
    assert found[1].remedy == "set PROMETHEUS_PORT to a free port, or end what has this one"
    with answering(health("me")) as http, answering(b"<html>") as metrics:
        found = list(port_findings(settings_of(http, metrics), lambda: ()))
    assert [one.verdict for one in found] == [Verdict.OK, Verdict.WARN]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"orchestratorId": 5}', b"\xff"])
def test_answer_of_somebody_else_is_no_name(body: bytes) -> None:
    """Whatever it is."""
    with answering(body) as http:
        (found, _) = port_findings(settings_of(http), tuple)
    assert (found.verdict, "orchestrator" in found.detail) == (Verdict.WARN, False)


def test_who_does_not_answer_is_waited_for_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection stands, and nothing comes."""
    monkeypatch.setattr(own_ports, "ANSWER_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        (found, _) = port_findings(settings_of(silent.getsockname()[1]), tuple)
    assert found.verdict is Verdict.WARN


def test_it_asks_as_a_reader_would(tmp_path: Path) -> None:
    """By a name that the service knows, with a token where it wants one."""
    (tmp_path / "tokens").write_text("secret-of-readers\nother\n")
    asked: list[dict[str, str]] = []
    with answering(health("me"), asked) as http:
        tokens = str(tmp_path / "tokens")
        settings = settings_of(http, http_token_file=tokens, http_allowed_hosts="brands.example")
        list(port_findings(settings, tuple))
    (one,) = asked
    assert (one["path"], one["Host"]) == ("/health", "brands.example")
    assert one["Authorization"] == "Bearer secret-of-readers"
