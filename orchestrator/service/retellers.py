"""Tells HTTP of the past: each answer is made by a process of its own, bounded in time, memory and number.

It is work of a processor for seconds, so neither the event loop nor a thread beside it does it. The process is told
everything on its standard input, has no connection to Redis, and lanes come first (:data:`NICE`). Answers are kept
for a minute: all stories of a page are explained by one. Cancellation kills the process.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
import trio

from orchestrator.archive.explain import Question
from orchestrator.errors import ArchiveUnavailableError, PastBusyError, PastSlowError
from orchestrator.http import PastDocument, Wanted
from orchestrator.process.memory_file import memory_file
from orchestrator.service.retelling import Reply, Request, moment_of
from orchestrator.store.archive_id import known_id

if TYPE_CHECKING:
    import redis

    from orchestrator.settings import Settings

RETELLING_THREADS: Final = 1
PROCESSES: Final = 1
MOST_WAITING: Final = 8
TIME_S: Final = 25.0
"""Of one answer, however many processes it takes; less than a handler has."""

EVERY_MOST: Final = 50
"""Chunks of each story, of which all are explained at once; with more the reply would not fit."""

MAX_REPLY_BYTES: Final = 32 << 20
KEPT_BYTES: Final = 32 << 20
KEPT_S: Final = 60.0
"""What is settled, too: the archive may forget it, by its retention or because the brand is purged."""

MODULE: Final = "orchestrator.service.retelling_process"

_log = structlog.get_logger("orchestrator.past")


@dataclass(frozen=True, slots=True)
class _Kept:
    reply: Reply
    until_s: float
    size: int


class _Answers:
    """The newest answers, by what was asked."""

    def __init__(self, most_bytes: int, now_s: Callable[[], float]) -> None:
        self._most_bytes = most_bytes
        self._now_s = now_s
        self._kept: dict[Hashable, _Kept] = {}

    def get(self, key: Hashable) -> Reply | None:
        found = self._kept.get(key)
        if found is None or found.until_s < self._now_s():
            return None
        return found.reply

    def keep(self, key: Hashable, reply: Reply) -> None:
        size = len(reply.summary) + sum(map(len, reply.answers.values())) + 1_000
        now_s = self._now_s()
        self._kept = {other: kept for other, kept in self._kept.items() if kept.until_s >= now_s and other != key}
        self._kept[key] = _Kept(reply, now_s + KEPT_S, size)
        while sum(kept.size for kept in self._kept.values()) > self._most_bytes:
            del self._kept[next(iter(self._kept))]


class Retellers:
    """Answers of the archive that the settings name; an :class:`orchestrator.http.PastView`."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        *,
        module: str = MODULE,
        kept_bytes: int = KEPT_BYTES,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._settings = settings
        self._module = module
        self._answers = _Answers(kept_bytes, now_s)
        self._turn = trio.CapacityLimiter(PROCESSES)
        self._threads = trio.CapacityLimiter(RETELLING_THREADS)

    async def summary(self, brand: str, at_ms: int) -> PastDocument:
        """As :class:`orchestrator.http.PastView` says."""
        return await _in_time(self._summary(brand, at_ms))

    async def explain(self, brand: str, wanted: Wanted) -> PastDocument:
        """As :class:`orchestrator.http.PastView` says."""
        return await _in_time(self._explain(brand, wanted))

    async def _summary(self, brand: str, at_ms: int) -> PastDocument:
        reply = await self._tell(("summary", brand, at_ms), brand, at_ms, Request("", brand))
        return PastDocument(reply.summary, reply.settled)

    async def _explain(self, brand: str, wanted: Wanted) -> PastDocument:
        question = Question(wanted.of, wanted.name, wanted.hour_ms)
        asked = Request("", brand, question=question, order=wanted.order, limit=wanted.limit)
        how = brand, wanted.at_ms, wanted.order, wanted.limit
        if wanted.of == "story" and wanted.limit <= EVERY_MOST:
            every = msgspec.structs.replace(asked, question=Question("story"), every=True)
            reply = await self._tell(("stories", *how), brand, wanted.at_ms, every)
            if wanted.name in reply.answers:
                return PastDocument(reply.answers[wanted.name], reply.settled)
        reply = await self._tell((question, *how), brand, wanted.at_ms, asked)
        return PastDocument(reply.answers[""], reply.settled)

    async def _tell(self, key: Hashable, brand: str, at_ms: int | None, asked: Request) -> Reply:
        """What is kept, or what a process says."""
        if (kept := self._answers.get(key)) is not None:
            return kept
        if self._turn.statistics().tasks_waiting >= MOST_WAITING:
            raise PastBusyError("others ask for the past already, as many as may")
        async with self._turn:
            if (kept := self._answers.get(key)) is not None:  # asked for by who was before
                return kept
            moment, waiting = await trio.to_thread.run_sync(
                moment_of, self._client, self._settings, brand, at_ms, limiter=self._threads, abandon_on_cancel=True
            )
            known: str = await trio.to_thread.run_sync(
                known_id, self._client, limiter=self._threads, abandon_on_cancel=True
            )
            url = self._settings.archive_url
            request = msgspec.structs.replace(asked, archive_url=url, moment=moment, waiting=waiting, known=known)
            reply = await self._ask(request)
            self._answers.keep(key, reply.checked())
            return reply

    async def _ask(self, request: Request) -> Reply:
        """What a process says."""
        try:
            with memory_file("past") as stdin:
                stdin.write(msgspec.msgpack.encode(request))
                stdin.seek(0)
                process = await trio.lowlevel.open_process(
                    [sys.executable, "-m", self._module],
                    stdin=stdin.fileno(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # a Ctrl-C is meant for the service
                )
        except OSError as error:
            raise ArchiveUnavailableError(f"no process can be started: {error}") from error
        try:
            said = await _listen(process)
        finally:
            process.kill()
            # Shielded: it was killed, so this returns at once, and no zombie stays.
            with trio.CancelScope(shield=True):
                await process.wait()
        try:
            return msgspec.msgpack.decode(said, type=Reply)
        except msgspec.MsgspecError:
            _log.warning("a process that tells of the past ended without an answer", brand=request.brand)
            raise ArchiveUnavailableError("the process that was to tell it ended without an answer") from None


async def _in_time(answer: Awaitable[PastDocument]) -> PastDocument:
    try:
        with trio.fail_after(TIME_S):
            return await answer
    except trio.TooSlowError:
        raise PastSlowError(f"it takes longer than {TIME_S:.0f} s") from None


async def _listen(process: trio.Process) -> bytes:
    said = bytearray()
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    while piece := await process.stdout.receive_some():
        said += piece
        if len(said) > MAX_REPLY_BYTES:
            return b""
    return bytes(said)
