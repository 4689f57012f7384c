"""``GET /v1/events``: server-sent events about written summaries, as an endless answer.

An event names brand, epoch and version; the summary itself is read where it is always read. Updates that come
close together are told together, of each brand the newest. A beat every few seconds shows proxies and us that the
connection lives, and the reader how the service is: what it has is current only while the service serves. The stream
ends when the service stops, so that it never holds up a stop.
Source: the WHATWG specification of server-sent events.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

import msgspec
import trio
from quart import Blueprint, Response, current_app, request
from quart.wrappers.response import ResponseBody

from orchestrator.http.answers import exact_brand
from orchestrator.http.parameters import takes
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from types import TracebackType

    from orchestrator.http.service_view import ServiceView, Status, SummaryUpdate
    from orchestrator.process.metrics import Metrics

MAX_SUBSCRIBERS = 100  # each keeps a connection of the 512
HEARTBEAT_S = 5.0  # proxies drop what is silent for 30-60 s, and a page says for how long it has heard nothing
RECONNECT_MS = 3_000
PAUSE_S = 0.2
"""Between two looks of one stream at what is new. Waking for each update costs 0.15 ms per stream: with 100 streams,
70 updates in a second would take the whole event loop from the lanes."""

blueprint = Blueprint("events", __name__, url_prefix="/v1")


def encode_event(update: SummaryUpdate) -> bytes:
    """One event in the wire format; JSON has no bare line breaks, so the data is a single line."""
    data = msgspec.json.encode({"brand": update.brand, "epoch": update.epoch, "version": update.version})
    return b"event: summary\nid: %d-%d\ndata: %b\n\n" % (update.epoch, update.version, data)


def encode_beat(status: Status) -> bytes:
    """The event that tells how the service is."""
    return b'event: beat\ndata: {"status":"%b"}\n\n' % status.value.encode()


class OpenStreams:
    """What all streams of one application share.

    Args:
        service: where subscriptions come from.
        metrics: the number of open streams is exposed there.
        stop: ends every stream.
    """

    def __init__(self, service: ServiceView, metrics: Metrics, stop: trio.Event) -> None:
        self.service = service
        self.stop = stop
        self.open = 0
        self._metrics = metrics

    def count(self, change: int) -> None:
        """Note that streams were opened or closed."""
        self.open += change
        self._metrics.event_subscribers.set(self.open)


class EventStream(ResponseBody):
    """The body of one answer: subscribed while it is being sent.

    A class and not a generator, because a cancel scope must not stay open across a ``yield``. It takes its place at
    once, or many that come together would all pass the limit. If nothing is ever sent, because the reader is gone,
    the place is given back with the object.
    """

    def __init__(self, streams: OpenStreams, brand: str | None) -> None:
        self._streams = streams
        self._brand = brand
        self._started = False
        self._quiet_until_s = -math.inf
        self._held = AsyncExitStack()
        streams.count(+1)
        # Called once, by __aexit__ or by the collector: Quart does not enter the body of an answer it cannot send.
        self._leave = weakref.finalize(self, streams.count, -1)
        self._updates: trio.MemoryReceiveChannel[SummaryUpdate]

    async def __aenter__(self) -> Self:
        """Subscribe."""
        self._updates = await self._held.enter_async_context(self._streams.service.updates())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Unsubscribe."""
        self._leave()
        await self._held.aclose()

    def __aiter__(self) -> Self:
        """The stream is its own iterator."""
        return self

    async def __anext__(self) -> bytes:
        """The next events, or a beat after a silence; ends when the service stops."""
        if not self._started:
            self._started = True
            return b"retry: %d\n\n" % RECONNECT_MS + self._beat()
        result = b""
        async with trio.open_nursery() as nursery:

            async def next_events() -> None:
                nonlocal result
                result = await self._next_events()
                nursery.cancel_scope.cancel()

            async def end() -> None:
                await self._streams.stop.wait()
                nursery.cancel_scope.cancel()

            nursery.cancel_scope.deadline = trio.current_time() + HEARTBEAT_S
            nursery.start_soon(end)
            # Cancelled at the deadline, it loses no update: it takes them from the channel only after its last await.
            nursery.start_soon(next_events)
        if self._streams.stop.is_set():
            raise StopAsyncIteration
        return result or self._beat()

    def _beat(self) -> bytes:
        return encode_beat(self._streams.service.statistics().status)

    async def _next_events(self) -> bytes:
        """Wait for updates and encode all that are there, of each brand the newest."""
        while True:
            await trio.sleep_until(self._quiet_until_s)
            update = await self._updates.receive()
            newest = {update.brand: update}
            with contextlib.suppress(trio.WouldBlock):
                while True:
                    update = self._updates.receive_nowait()
                    newest[update.brand] = update
            self._quiet_until_s = trio.current_time() + PAUSE_S
            told = b"".join(encode_event(one) for one in newest.values() if self._brand in {None, one.brand})
            if told:
                return told


@blueprint.get("/events")
@takes("brand")
async def events() -> Response:
    """Events about all brands, or about the one in ``?brand=``."""
    name = request.args.get("brand")
    brand = None if name is None else exact_brand(name)
    streams: OpenStreams = current_app.extensions["streams"]
    if streams.open >= MAX_SUBSCRIBERS:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"There are {MAX_SUBSCRIBERS} streams open already.")
    # A HEAD would otherwise keep an endless answer running whose body nobody gets.
    body = b"" if request.method == "HEAD" else EventStream(streams, brand)
    response = Response(body, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    response.timeout = None
    return response
