"""A real HTTP endpoint for alerts, whose answers a test scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from quart import Response, request
from quart_trio import QuartTrio

from orchestrator.http import serve


class Receiver:
    """A real HTTP endpoint whose answers a test scripts; it answers 204 when the script is over."""

    def __init__(self, *script: Response) -> None:
        self.script = list(script)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.times_s: list[float] = []

    async def take(self) -> Response:
        """Handle one message."""
        body = await request.get_data(as_text=False)
        assert isinstance(body, bytes)
        self.requests.append(({name.lower(): value for name, value in request.headers}, body))
        self.times_s.append(trio.current_time())
        return self.script.pop(0) if self.script else Response(status=204)


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[str]:
    """The address of *receiver* while it is served."""
    app = QuartTrio(__name__)
    app.post("/hook")(receiver.take)
    stop = trio.Event()

    async def run(*, task_status: trio.TaskStatus[int]) -> None:
        await serve(app, "127.0.0.1", 0, shutdown=stop, task_status=task_status)

    async with trio.open_nursery() as nursery:
        port = await nursery.start(run)
        yield f"http://127.0.0.1:{port}/hook"
        stop.set()
