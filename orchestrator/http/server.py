"""Serve an ASGI application on a port until an event says stop.

A thin shell around hypercorn's connection handler. Hypercorn's own ``serve`` is not used for three reasons:

- it sends under a shield without a deadline, so a client that stops reading holds up a graceful stop for ever;
- together with quart-trio it loses the idle timer of connections that are kept alive;
- it cannot limit the number of connections.

Which connection keeps its place is decided by ``places``, what of HTTP is spoken by ``dialect``. TLS, HTTP/2, QUIC
and websockets are the business of a proxy in front.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from h11 import LocalProtocolError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from orchestrator.http.dialect import BUSY, TOO_MANY, Dialect
from orchestrator.http.places import Limits, Place, Places
from orchestrator.process.metrics import TurnedAway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypercorn.typing import AppWrapper
    from quart_trio import QuartTrio

PORT_LIMITS: Final = Limits(served=512)
"""An open connection costs about 50 KiB; the readers of one proxy need a handful."""

METRICS_LIMITS: Final = Limits(served=48)
"""Scrapers; with it both ports fit into the 1,024 open files that many systems allow a process."""

KEEP_ALIVE_S = 5  # also the deadline for a request's headers to arrive
SEND_TIMEOUT_S = 10  # a reader that takes nothing for so long is gone
HOUSEKEEPING_S = 0.5
STOP_GRACE_S = 0.75  # answers under way get this long; the whole process has 2 s
BACKLOG = 1024  # a flood of new connections must not make the system drop a probe's, which would come again after 1 s

_PEER_ERRORS = (LocalProtocolError, trio.BusyResourceError, trio.BrokenResourceError, trio.ClosedResourceError)

_log = structlog.get_logger(__name__)


def _uncounted(_reason: TurnedAway) -> None:
    """The count of a server that nobody measures."""


@dataclass(frozen=True, slots=True)
class PortOptions:
    """What differs between ports.

    Attributes:
        limits: how many connections there may be.
        probes: paths that are answered beyond them.
        count: called for each connection that had to go, or whose request was not answered, for them.
    """

    limits: Limits = PORT_LIMITS
    probes: frozenset[str] = frozenset()
    count: Callable[[TurnedAway], None] = _uncounted


class _Connection(TCPServer):
    """Hypercorn's connection; its sends have a deadline, and when it ends, so do all its tasks."""

    def __init__(self, app: AppWrapper, config: Config, context: WorkerContext, stream: Any, desk: _Desk) -> None:
        super().__init__(app, config, context, _no_state(), stream)
        # Around all tasks of the connection: hypercorn has no way to end one from inside.
        self._whole = trio.CancelScope()
        self._desk = desk

    async def run(self) -> None:
        """Serve the connection until one side ends it."""
        with self._whole:
            await self._run()

    async def _run(self) -> None:
        """Hypercorn's ``run`` without TLS, and with our dialect in the place of its choice of protocols."""
        socket = self.stream.socket
        try:
            client = parse_socket_addr(socket.family, socket.getpeername())
            server = parse_socket_addr(socket.family, socket.getsockname())
            place = self._desk.enter(self, client[0] if client else "")
            try:
                async with TaskGroup() as task_group:
                    self._task_group = task_group
                    # Hypercorn declares its wrapper here, of which it uses what every protocol has.
                    self.protocol = Dialect(  # type: ignore[assignment]
                        *(self.app, self.config, self.context, task_group, ConnectionState(self.state)),
                        *(False, client, server, self.protocol_send),
                        probes=self._desk.probes,
                        probe=partial(self._desk.probe, place),
                        serve=partial(self._desk.serve, place),
                    )
                    self._place = place
                    await self.idle_task.restart(self._task_group, self._idle_timeout)
                    await self._read_data()
            finally:
                self._desk.leave(place)
        except OSError:
            pass
        finally:
            await self._close()

    def end(self) -> None:
        """End it now, whatever it does."""
        self._whole.cancel()

    async def protocol_send(self, event: Event) -> None:
        """Send *event*; a connection that does not take it in time is closed, and its reader gets a torn answer."""
        if not isinstance(event, RawData):
            if isinstance(event, Updated) and event.idle:
                self._desk.rest(self._place)
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


class _Desk:
    """Gives the connections of one port their places, and ends those that lose theirs.

    Attributes:
        probes: paths that are answered whatever the limits are.
    """

    def __init__(self, options: PortOptions) -> None:
        self.probes = frozenset(map(str.encode, options.probes))
        self._places = Places(options.limits)
        self._connections: dict[Place, _Connection] = {}
        self._count = options.count

    def enter(self, connection: _Connection, address: str) -> Place:
        """A place for *connection*; the connection that loses it ends."""
        place, evicted = self._places.enter(address)
        self._connections[place] = connection
        self._end(evicted)
        return place

    def probe(self, place: Place) -> None:
        """A probe came."""
        self._places.probe(place)

    def serve(self, place: Place) -> int:
        """An ordinary request came: 0 to answer it, or the status that says why not."""
        served, evicted = self._places.serve(place)
        self._end(evicted)
        if served:
            return 0
        busy = self._places.busy
        self._count("busy" if busy else "address")
        return BUSY if busy else TOO_MANY

    def rest(self, place: Place) -> None:
        """Its answer is out."""
        self._places.rest(place)

    def leave(self, place: Place) -> None:
        """Its connection has ended."""
        self._places.leave(place)
        self._connections.pop(place, None)

    def _end(self, evicted: Place | None) -> None:
        if evicted is not None:
            self._count("evicted")
            self._connections.pop(evicted).end()


class _Handler:
    """Serves connections, each apart from the others."""

    def __init__(self, app: AppWrapper, config: Config, context: WorkerContext, desk: _Desk) -> None:
        self._make = partial(_Connection, app, config, context)
        self._desk = desk

    async def handle(self, stream: trio.SocketStream) -> None:
        """Serve one connection to its end."""
        try:
            await self._make(stream, self._desk)
        except* Exception as errors:  # noqa: BLE001 - hypercorn raises at some peers that break the protocol
            # Nothing may leave a connection: its nursery is the service's, and any peer could end it. Cancelled is not
            # an Exception and goes on. tests/http/test_server_hostile.py is full of such peers.
            _log.info("connection broken off", errors=sorted({type(error).__name__ for error in leaves(errors)}))


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
    config.websocket_max_message_size = 1024  # not offered, but a peer may try; bounds what it can make us keep
    return config


async def serve(
    app: QuartTrio,
    host: str,
    port: int,
    *,
    shutdown: trio.Event,
    options: PortOptions | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve *app* until *shutdown* is set; then answers under way get ``STOP_GRACE_S`` and the rest is closed.

    Reports the bound port through *task_status* once connections are accepted. With port 0 the system
    chooses one. Cancellation closes everything at once.

    Args:
        app: what answers.
        host: the address to bind.
        port: the port to bind.
        shutdown: ends it.
        options: limits, and what is beyond them.
        task_status: gets the port.

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
        handler = _Handler(wrapped, config, context, _Desk(options or PortOptions()))
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
