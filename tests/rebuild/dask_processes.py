"""A cluster of Dask on this machine: scheduler and workers are processes of their own, which may be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
START_S = 60.0


@contextmanager
def program(name: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``dask scheduler`` or ``dask worker``."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments]
    told = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def worker(address: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one thread, for the scheduler at that address."""
    with program("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", **environment) as process:
        yield process


@contextmanager
def cluster(
    protocol: str = "tcp", *, count: int = 2, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """A scheduler, its port, and *count* workers."""
    told = environment or {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"{protocol}://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(
            program("scheduler", "--host", address, "--no-dashboard", "--dashboard-address", "127.0.0.1:0", **told)
        )
        started = [stack.enter_context(worker(address, **told)) for _ in range(count)]
        end_s = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < end_s, "the scheduler does not come"
        yield port, started
