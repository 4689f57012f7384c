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

START_DEADLINE_S = 120.0
_POLL_S = 0.002
_CPU_CLOCK = 2  # CPUCLOCK_SCHED: what the scheduler measured, all threads added up


class ServiceProcess:
    """A running ``python -m orchestrator run``."""

    def __init__(self, process: subprocess.Popen[bytes], http_port: int, metrics_port: int) -> None:
        self._process = process
        self.http_port = http_port
        self.metrics_port = metrics_port

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def peak_bytes(self) -> int:
        """The largest resident memory so far."""
        return memory_bytes("VmHWM", self._process.pid)

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return memory_bytes("VmRSS", self._process.pid)

    def cpu_s(self) -> float:
        """Seconds of processor time so far: of all threads, and of the kernel for them."""
        # The process's own clock, of nanoseconds, as clock_getcpuclockid(3) names it; /proc tells ticks of 10 ms, which
        # is 5 % of what 40,000 small chunks take.
        return time.clock_gettime((~self._process.pid << 3) | _CPU_CLOCK)


def memory_bytes(name: str, process: int | str = "self") -> int:
    """What the kernel counts as *name* (``VmRSS``: resident, ``VmHWM``: its peak) of a *process*."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
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
        "LOG_LEVEL": "error",  # that a Redis here has no append-only file is meant so
        **settings,
    }
    process = subprocess.Popen([sys.executable, "-m", "orchestrator", "run"], env=environment)
    try:
        _wait_until_ready(process, http_port)
        yield ServiceProcess(process, http_port, metrics_port)
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
