"""A private Redis and the real service as a process of its own, for measuring from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

START_DEADLINE_S = 30.0
_POLL_S = 0.002


class ServiceProcess:
    """A running ``python -m orchestrator run``."""

    def __init__(self, process: subprocess.Popen[bytes], http_port: int) -> None:
        self._process = process
        self.http_port = http_port

    def peak_bytes(self) -> int:
        """The largest resident memory so far."""
        return self._status("VmHWM")

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return self._status("VmRSS")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


@contextlib.contextmanager
def service(redis_url: str, **settings: str) -> Iterator[ServiceProcess]:
    """The service on *redis_url*, ready; stopped at the end.

    Raises:
        RuntimeError: it did not become ready.
    """
    http_port, metrics_port = free_port(), free_port()
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(http_port),
        "PROMETHEUS_PORT": str(metrics_port),
        "LOG_LEVEL": "warning",
        **settings,
    }
    process = subprocess.Popen([sys.executable, "-m", "orchestrator", "run"], env=environment)
    try:
        _wait_until_ready(process, http_port)
        yield ServiceProcess(process, http_port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], http_port: int) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{http_port}/readyz", timeout=1).close()
            return
        time.sleep(_POLL_S * 10)
    raise RuntimeError("the service did not become ready")
