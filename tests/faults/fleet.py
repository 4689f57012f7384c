"""Real orchestrator processes, started, killed, stopped and asked to end by the campaigns."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import TYPE_CHECKING, Any, Self

import orchestrator

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

POLL_S = 0.01
SETTINGS = {
    "HTTP_HOST": "127.0.0.1",
    "HTTP_PORT": "0",
    "PROMETHEUS_PORT": "0",
    "LOG_LEVEL": "info",
    "LOCK_TTL_SEC": "1",
    "REDIS_TIMEOUT_SEC": "0.3",
    "BRAND_REFRESH_INTERVAL_SEC": "1",
    "SHUTDOWN_GRACE_SEC": "3",
    "CONCURRENCY_LIMIT": "4",
}


def eventually(condition: Callable[[], Any], *, within_s: float, what: str) -> None:
    """Return as soon as *condition* holds; other processes give no better signal than their effect.

    Raises:
        AssertionError: it does not hold within *within_s*.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(POLL_S)


class Orchestrator:
    """One ``python -m orchestrator run`` in a folder of its own.

    Attributes:
        state_format: which one it writes from its next start on, 0 = that of this version.
    """

    def __init__(self, folder: Path, name: str, url: str, **settings: str) -> None:
        self.name = name
        self.url = url
        self.starts = 0
        self._folder = folder
        self._settings = settings
        self.process: Popen[bytes] | None = None
        self.memory_bytes = 0  # limit of its address space, 0 = none
        self.state_format = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; it takes most of a second until it works."""
        self.starts += 1
        with self.log_file.open("wb") as log:
            limits = ["prlimit", f"--as={self.memory_bytes}"] if self.memory_bytes else []
            command = [*limits, sys.executable, "-m", *self._program(), "run"]
            self.process = Popen(command, cwd=self._folder, env=self.environment, stdin=DEVNULL, stdout=log, stderr=log)

    def _program(self) -> list[str]:
        if self.state_format:
            return ["tests.faults.other_version", str(self.state_format)]
        # So small segments lie apart, and those that were written before a restart, and after it, do not.
        return ["tests.faults.small_segments"] if self.starts % 2 else ["orchestrator"]

    @property
    def environment(self) -> dict[str, str]:
        """What it is started with: its settings and nothing of ours."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
        kept["PYTHONPATH"] = str(Path(orchestrator.__file__).parents[1])  # the code under test, installed or not
        return kept | SETTINGS | {"REDIS_URL": self.url, "ORCHESTRATOR_ID": self.name} | self._settings

    @property
    def log_file(self) -> Path:
        """Log of the present start; each has its own, because campaigns read it over and over."""
        return self._folder / f"{self.name}.{self.starts}.log"

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, whatever state it is in, and reap it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Kill -9 and start anew."""
        self.kill()
        self.start()

    def end(self, within_s: float) -> tuple[int, float]:
        """SIGTERM; returns the exit code and the seconds it took.

        Raises:
            AssertionError: it did not end in time.
        """
        assert self.process is not None
        started = time.monotonic()
        self.send(signal.SIGTERM)
        try:
            code = self.process.wait(within_s)
        except TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {within_s:g} s: {self.tail()}") from None
        self.process = None
        return code, time.monotonic() - started

    def leased(self) -> bool:
        """Whether it works on at least one brand now."""
        try:
            return bool(self.health()["activeBrands"])
        except OSError:
            return False

    def health(self) -> dict[str, Any]:
        """What it says of itself.

        Raises:
            OSError: it does not answer, or is not ready.
        """
        entry = self.logged("serving")[-1]
        with urllib.request.urlopen(f"http://127.0.0.1:{entry['http_port']}/health", timeout=5) as reply:
            document: dict[str, Any] = json.load(reply)
        return document

    @property
    def running(self) -> bool:
        """Whether it has not ended by itself."""
        return self.process is not None and self.process.poll() is None

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Log lines whose message begins with *message*."""
        lines = self.log_file.read_text(errors="replace").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if entry.get("message", "").startswith(message)]

    def tail(self) -> str:
        """The end of its log, for messages."""
        return self.log_file.read_text(errors="replace")[-2000:] if self.starts else ""
