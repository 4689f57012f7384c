"""The service as a process: it starts, says where it is, and stops when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from orchestrator.cli.run import demo_settings, free_port
from orchestrator.settings import Settings
from tests.cli.conftest import Invoke

ROOT = Path(__file__).parent.parent.parent
ALERTS = "http://127.0.0.1:1/"


@contextmanager
def process(*arguments: str, cwd: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program with *variables* in a directory without settings, and end it in any case."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "orchestrator", *arguments]
    with subprocess.Popen(command, cwd=cwd, env=environment, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def line_with(running: subprocess.Popen[str], text: str) -> str:
    """Return the next line of standard error that holds *text*; fail if the process ends before."""
    assert running.stderr is not None
    seen = []
    for line in running.stderr:
        seen.append(line)
        if text in line:
            return line
    pytest.fail("".join(seen))


def test_run_serves_until_sigterm(tmp_path: Path, redis_url: str) -> None:
    """Without a command the service runs; it logs JSON off a terminal, warns about names, and ends with exit code 0."""
    variables = {"REDIS_URL": redis_url, "BRAND_LIST_KEY": "brands:test-run", "HTTP_HOST": "127.0.0.1"}
    with process(cwd=tmp_path, HTTP_PORT="0", PROMETHEUS_PORT="0", CONCURENCY_LIMIT="3", **variables) as running:
        assert "did you mean CONCURRENCY_LIMIT?" in line_with(running, "misspelt")
        assert line_with(running, '"serving"').startswith("{")
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


def test_run_with_a_taken_port_is_one_line(tmp_path: Path, redis_url: str) -> None:
    """The setting is named, the exit code is 2, there is no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        variables = {"REDIS_URL": redis_url, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": port, "PROMETHEUS_PORT": "0"}
        with process("run", cwd=tmp_path, **variables) as running:
            error = line_with(running, "Error: ")
            assert running.wait(30) == 2
    assert f"HTTP_PORT={port}" in error


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_demo_ends_when_nobody_reads_it_any_more(tmp_path: Path, closed: str) -> None:
    """As `orchestrator demo | head` does, whichever of both is closed; it is as if somebody had pressed Ctrl-C."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "orchestrator", "demo"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            line_with(running, '"serving"')
            pipe = getattr(running, closed)
            pipe.close()
            if closed == "stdout":
                assert running.stderr is not None
                assert "Traceback" not in running.stderr.read()
            assert running.wait(60) == 0
        finally:
            running.kill()


def test_demo_shows_a_summary_at_the_printed_address(tmp_path: Path) -> None:
    """The line with the address comes when there is something to see; Ctrl-C ends everything with exit code 0."""
    with process("demo", "--rate", "20", cwd=tmp_path, LOG_FORMAT="json") as running:
        words = line_with(running, "Summaries: ").split()
        page = next(word for word in words if "/brands/" in word)
        assert "Nimbus Bikes" in httpx2.get(page).text
        told = line_with(running, "ALERT")  # the story that breaks
        assert "Spike of Nimbus Bikes" in told
        assert "Battery recall" in told
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0


def test_demo_settings_never_touch_a_real_redis(tmp_path: Path) -> None:
    """A configured REDIS_URL is replaced by a private server; the machine's other addresses are not listened on."""
    settings = Settings(redis_url="redis://production:6379")
    settings.remember_origins({"redis_url": "environment"})
    changed = demo_settings(settings, str(tmp_path), ALERTS)
    assert changed.redis_url == f"embedded://{tmp_path}"
    assert changed.http_host == "127.0.0.1"


def test_demo_settings_send_alerts_nowhere_else(tmp_path: Path) -> None:
    """Alerts about brands that are invented do not reach the endpoint of those that are not."""
    settings = Settings(alert_webhook_url="https://example.com/hook")
    assert demo_settings(settings, str(tmp_path), ALERTS).alert_webhook_url == ALERTS


def test_demo_settings_keep_what_was_chosen(tmp_path: Path) -> None:
    """An embedded folder, a host and ports that somebody set stay."""
    settings = Settings(
        redis_url="embedded:///data",
        http_host="0.0.0.0",  # noqa: S104 - nothing listens
        http_port=1,
        prometheus_port=2,
        alert_webhook_url=ALERTS,
    )
    settings.remember_origins(dict.fromkeys(("redis_url", "http_host", "http_port", "prometheus_port"), "environment"))
    assert demo_settings(settings, str(tmp_path), ALERTS) == settings


def test_demo_settings_choose_a_port_where_any_will_do(tmp_path: Path) -> None:
    """Port 0 must not be what the announced address says."""
    settings = Settings(http_port=0, prometheus_port=0)
    settings.remember_origins({"http_port": "environment", "prometheus_port": "environment"})
    changed = demo_settings(settings, str(tmp_path), ALERTS)
    assert 0 not in {changed.http_port, changed.prometheus_port}


def test_free_port_evades_ports_in_use() -> None:
    """The preferred port if it is free, another one if not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        assert free_port(port, set()) != port
    assert free_port(port, set()) == port
    assert free_port(port, {port}) != port


def test_run_refuses_bad_settings(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """Nothing is started; every bad value has its line."""
    monkeypatch.setenv("CONCURRENCY_LIMIT", "0")
    monkeypatch.setenv("REDIS_URL", "redis")
    result = offline("run")
    assert result.exit_code == 2
    assert [line.split("=")[0] for line in result.stderr.splitlines()] == ["Error: REDIS_URL", "CONCURRENCY_LIMIT"]
