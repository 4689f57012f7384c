"""Passes on what is published on ``summary:updates`` to the listeners inside this process.

Owns one subscription at Redis, held only while somebody listens. An update is a hint to look again, so a
slow listener misses some and never holds up another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import msgspec
import redis
import structlog
import trio

from orchestrator.contract.keys import UPDATES_CHANNEL
from orchestrator.contract.update import Update
from orchestrator.errors import StoreError, StoreUnavailableError
from orchestrator.http import SummaryUpdate
from orchestrator.process.backoff import backoff_s
from orchestrator.process.metrics import Metrics
from orchestrator.store import translated
from orchestrator.store.preflight import SCRATCH_BRAND

if TYPE_CHECKING:
    from orchestrator.store.client import Pool

BACKLOG_UPDATES = 256
"""Kept for a slow listener; more than it can use, since only the newest of a brand counts."""

_POLL_S = 1.0
_RECONNECT_CAP_S = 5.0
_MAX_MESSAGE_BYTES = 4_096


_decoder = msgspec.json.Decoder(Update)


class UpdateFeed:
    """Summary updates of all orchestrators, for any number of listeners."""

    def __init__(self, client: redis.Redis, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics
        self._listeners: set[trio.MemorySendChannel[SummaryUpdate]] = set()
        self._wanted = trio.Event()
        self._log = structlog.get_logger("orchestrator.updates")

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[trio.MemoryReceiveChannel[SummaryUpdate]]:
        """Receive updates while the context is open."""
        send, receive = trio.open_memory_channel[SummaryUpdate](BACKLOG_UPDATES)
        self._listeners.add(send)
        self._wanted.set()
        try:
            with send, receive:
                yield receive
        finally:
            # No await between here and the closed channel: the relay never meets a channel that is closed.
            self._listeners.discard(send)

    async def relay(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Subscribe while anybody listens and pass updates on, for ever; reconnects by itself."""
        task_status.started()
        failures = 0
        while True:
            await self._wanted.wait()
            try:
                await self._relay_once()
                failures = 0
            except StoreError as error:
                failures += 1
                self._log.info("update subscription interrupted", reason=str(error))
                await trio.sleep(backoff_s(failures, 2.0, cap_s=_RECONNECT_CAP_S))

    async def _relay_once(self) -> None:
        # Of its own: this thread waits most of the time, and must not keep a place among trio's shared threads.
        limiter = trio.CapacityLimiter(1)
        pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        try:
            renewals = self._renewals
            await trio.to_thread.run_sync(_subscribe, pubsub, limiter=limiter, abandon_on_cancel=True)
            while self._listeners:
                if self._renewals != renewals:  # the server is elsewhere by now, and this connection may never break
                    raise StoreUnavailableError("the connections to Redis are made anew")
                message = await trio.to_thread.run_sync(_next_message, pubsub, limiter=limiter, abandon_on_cancel=True)
                if message is not None:
                    self._pass_on(message)
            # No await since the look at the listeners, so nobody can have set the old event in between.
            self._wanted = trio.Event()
        finally:
            pubsub.close()

    @property
    def _renewals(self) -> int:
        return cast("Pool", self._client.connection_pool).renewals  # connect() made the client

    def _pass_on(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        if not isinstance(data, bytes) or len(data) > _MAX_MESSAGE_BYTES:
            return
        try:
            wire = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # anybody may publish anything
            self._log.debug("update ignored: not of our making")
            return
        if wire.brand.startswith(SCRATCH_BRAND):
            return  # a preflight rehearses its commits, here or elsewhere
        update = SummaryUpdate(wire.brand, wire.epoch, wire.version)
        for listener in self._listeners:
            try:
                listener.send_nowait(update)
            except trio.WouldBlock:
                self._metrics.updates_dropped.inc()


def _subscribe(pubsub: Any) -> None:
    with translated():
        pubsub.subscribe(UPDATES_CHANNEL)


def _next_message(pubsub: Any) -> dict[str, Any] | None:
    with translated():
        message: dict[str, Any] | None = pubsub.get_message(timeout=_POLL_S)
    return message
