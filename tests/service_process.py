"""The real service as a process of its own, seen through its log, its ports and Redis.

What a test waits for is told: by the log, by ``summary:updates``, by the end of the
process. Deadlines are generous, because they are for defects only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import redis
import trio

ROOT = Path(__file__).parents[1]
DEADLINE_S = 60.0
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "ORCHESTRATOR_MERGE")

Line = dict[str, Any]


class ServiceProcess:
    """``python -m orchestrator`` and what it says."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.lines: list[Line] = []
        self.text = ""
        self._news = trio.lowlevel.ParkingLot()
        self._ended = False

    async def listen(self) -> None:
        """Collect the log until the process has ended."""
        assert self.process.stdout is not None
        rest = b""
        async for piece in self.process.stdout:
            *complete, rest = (rest + piece).split(b"\n")
            for line in complete:
                self._note(line.decode())
            self._news.unpark_all()
        self._note(rest.decode())
        await self.process.wait()
        self._ended = True
        self._news.unpark_all()

    def _note(self, text: str) -> None:
        self.text += f"{text}\n"
        if text.startswith("{"):
            self.lines.append(json.loads(text))

    async def logged(self, message: str, *, after: int = 0, **fields: Any) -> Line:
        """The first line with *message* and *fields* that comes after *after* lines, as soon as there is one."""
        with trio.fail_after(DEADLINE_S):
            while True:
                for line in self.lines[after:]:
                    if line["message"] == message and line.items() >= fields.items():
                        return line
                assert not self._ended, f"ended without saying {message!r}:\n{self.text}"
                await self._news.park()

    async def ended(self) -> int:
        """Its exit code, as soon as it has ended."""
        with trio.fail_after(DEADLINE_S):
            while not self._ended:
                await self._news.park()
        assert self.process.returncode is not None
        return self.process.returncode

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return await self.ended()

    async def get(self, path: str) -> httpx2.Response:
        """What it answers on its HTTP port."""
        serving = await self.logged("serving")
        async with httpx2.AsyncClient(timeout=DEADLINE_S) as client:
            return await client.get(f"http://127.0.0.1:{serving['http_port']}{path}")


@asynccontextmanager
async def running_service(
    folder: Path, redis_url: str, *, prefix: Sequence[str] = (), **settings: str
) -> AsyncIterator[ServiceProcess]:
    """A service on *redis_url* that has been started, not yet serving; killed at the end if it still runs.

    *prefix* is a command that replaces itself by the one behind it.
    """
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "REDIS_URL": redis_url}
    environment |= {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "PROMETHEUS_PORT": "0", "LOG_FORMAT": "json"}
    process = await trio.lowlevel.open_process(
        [*prefix, sys.executable, "-m", "orchestrator", "run"],
        cwd=folder,
        env=environment | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    service = ServiceProcess(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.listen)
            yield service
            process.kill()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


class Updates:
    """Summaries as they are announced: open it before what should cause them."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe("summary:updates")
        self._pubsub.get_message(timeout=DEADLINE_S)

    async def until(self, brand: str, fits: Callable[[Any], bool]) -> Any:
        """The summary of *brand*, as soon as one *fits*; looked at now and after every announcement."""
        with trio.fail_after(DEADLINE_S):
            while True:
                document: Any = self._client.get(f"summary:brand:{brand}")
                if document is not None and fits(summary := json.loads(document)):
                    return summary
                await trio.to_thread.run_sync(self._next, abandon_on_cancel=True)

    def _next(self) -> None:
        # The time-out covers an announcement that was lost with a restarted server; the loop looks again.
        self._pubsub.get_message(timeout=1.0)

    def close(self) -> None:
        """End the subscription."""
        self._pubsub.close()
