"""Serve an ASGI application on a port until an event says stop.

A thin shell around hypercorn's connection handler. Hypercorn's own ``serve`` is not used for three reasons:

- it sends under a shield without a deadline, so a client that stops reading holds up a graceful stop for ever;
- together with quart-trio it loses the idle timer of connections that are kept alive;
- it cannot limit the number of connections.

TLS, QUIC and websockets are the business of a proxy in front.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
import trio
from h11 import LocalProtocolError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypercorn.typing import AppWrapper
    from quart_trio import QuartTrio

MAX_CONNECTIONS = 512  # an open connection costs about 50 KiB; the readers of one proxy need a handful
KEEP_ALIVE_S = 5  # also the deadline for a request's headers to arrive
SEND_TIMEOUT_S = 10  # a reader that takes nothing for so long is gone
HOUSEKEEPING_S = 0.5
STOP_GRACE_S = 0.75  # answers under way get this long; the whole process has 2 s
BACKLOG = 128

_PEER_ERRORS = (LocalProtocolError, trio.BusyResourceError, trio.BrokenResourceError, trio.ClosedResourceError)

_log = structlog.get_logger(__name__)


class _Connection(TCPServer):
    """Hypercorn's connection; its sends have a deadline, and when it ends, so do all its tasks."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Around all tasks of the connection: hypercorn has no way to end one from inside.
        self._whole = trio.CancelScope()

    async def run(self) -> None:
        """Serve the connection until one side ends it."""
        with self._whole:
            await super().run()

    async def protocol_send(self, event: Event) -> None:
        """Send *event*; a connection that does not take it in time is closed, and its reader gets a torn answer."""
        if not isinstance(event, RawData):
            # Restarting the idle timer and closing take no time, but they run in the request's task, which is cancelled
            # at the end of its answer. Without the shield a connection that is kept alive would have no idle timer and
            # never be closed. The deadline is for the case that they do take time: a shield must not hold up a stop.
            with trio.move_on_after(HOUSEKEEPING_S, shield=True):
                await super().protocol_send(event)
            if isinstance(event, Closed):
                # A task that waits to read a pipelined request would never learn of the end.
                self._whole.cancel()
            return
        # No shield here: a stop may interrupt an answer. The lock is inside, since another send may hold it for ever.
        with trio.move_on_after(SEND_TIMEOUT_S):
            try:
                async with self.send_lock:
                    await self.stream.send_all(event.data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._whole.cancel()  # the client is gone; tasks that read or compute for it have nothing to do
            return
        self._whole.cancel()  # too slow

    async def _read_data(self) -> None:
        """Read until the client hangs up."""
        await super()._read_data()
        # Hypercorn leaves the idle timer running, which would keep the connection's place for its whole time.
        await self.idle_task.stop()


class _Handler:
    """Counts connections and turns those beyond the limit away."""

    def __init__(self, app: AppWrapper, config: Config, context: WorkerContext, max_connections: int) -> None:
        self._make = partial(_Connection, app, config, context)
        self._max_connections = max_connections
        self._open = 0

    async def handle(self, stream: trio.SocketStream) -> None:
        """Serve one connection to its end."""
        if self._open >= self._max_connections:
            await trio.aclose_forcefully(stream)  # without a 503: writing one could take as long as serving
            return
        self._open += 1
        try:
            await self._make(_no_state(), stream)
        except* Exception as errors:  # noqa: BLE001 - hypercorn raises at some peers that break the protocol
            # Nothing may leave a connection: its nursery is the service's, and any peer could end it. Cancelled is not
            # an Exception and goes on. tests/http/test_server_hostile.py is full of such peers.
            _log.info("connection broken off", errors=sorted({type(error).__name__ for error in leaves(errors)}))
        finally:
            self._open -= 1


def leaves(errors: ExceptionGroup[Exception]) -> Iterator[Exception]:
    """The errors in a tree of groups."""
    for error in errors.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def _no_state() -> Any:
    return {}


def _http_only(app: QuartTrio) -> AppWrapper:
    """*app* for hypercorn, with websockets refused: Quart's error handlers know HTTP requests only.

    An error that says that the peer is gone, or that it broke the protocol, ends the request quietly. Hypercorn
    would log a traceback for each, and any peer could fill the log.
    """

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["type"] == "websocket":
                # Closing before accepting is a 403 to the client.
                await send({"type": "websocket.close", "code": 1000, "reason": None})
            else:
                await app(scope, receive, send)
        except* _PEER_ERRORS:
            _log.debug("request broken off")

    return ASGIWrapper(asgi)


def _config() -> Config:
    config = Config()
    config.errorlog = logging.getLogger("hypercorn.error")  # ours, so that lines have the service's format
    config.include_server_header = False  # which version runs here is nobody's business
    config.keep_alive_timeout = KEEP_ALIVE_S
    # Neither is offered, but a peer may try; these bound what it can make us keep.
    config.h2_max_concurrent_streams = 16
    config.websocket_max_message_size = 1024
    return config


async def serve(
    app: QuartTrio,
    host: str,
    port: int,
    *,
    shutdown: trio.Event,
    max_connections: int = MAX_CONNECTIONS,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve *app* until *shutdown* is set; then answers under way get ``STOP_GRACE_S`` and the rest is closed.

    Reports the bound port through *task_status* once connections are accepted. With port 0 the system
    chooses one. Cancellation closes everything at once.

    Raises:
        OSError: the address cannot be bound.
    """
    config = _config()
    context = WorkerContext(None)
    wrapped = _http_only(app)
    lifespan = Lifespan(wrapped, config, {})
    async with trio.open_nursery() as lifespan_nursery:
        await lifespan_nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()  # before the port is open: a request must not meet an app that starts
        listeners = await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
        handler = _Handler(wrapped, config, context, max_connections)
        # The connections' nursery is the outer one: they live on through the grace period when accepting has ended.
        async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
            accepting.start_soon(partial(trio.serve_listeners, handler.handle, listeners, handler_nursery=connections))
            # The listeners exist, so a client that comes now waits in the backlog even before the task above runs.
            task_status.started(int(listeners[0].socket.getsockname()[1]))
            await shutdown.wait()
            accepting.cancel_scope.cancel()
            await context.terminated.set()  # idle connections close, busy ones after their answer
            connections.cancel_scope.deadline = trio.current_time() + STOP_GRACE_S
        await lifespan.wait_for_shutdown()
        lifespan_nursery.cancel_scope.cancel()
