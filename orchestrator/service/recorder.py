"""Writes the history, a minute at a time, and with it its hour: of all processes one writes each minute.

Owns the loop and the means over a minute. Nothing depends on it: a minute that nobody wrote is a gap.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Protocol

import redis
import structlog
import trio

from orchestrator.contract.history import Minute
from orchestrator.errors import StoreError
from orchestrator.fleet.members import summed
from orchestrator.scheduler.scheduler import Scheduler
from orchestrator.service.heartbeat import Heartbeat
from orchestrator.store import Store
from orchestrator.store.history import record, take_turn
from orchestrator.store.store import MAX_CLAIM

SAMPLE_S = 5.0
SAMPLES = 12
"""Of one minute."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What this process knows without asking anybody; None: it does not know.

    Attributes:
        chunks: that wait in all queues.
        oldest_s: for how long the brand that waits longest has seen no commit.
        rate: chunks a second that all processes fold.
    """

    chunks: int | None = None
    oldest_s: float | None = None
    rate: float | None = None


class Known(Protocol):
    """Where the numbers come from."""

    def sample(self) -> Sample:
        """What is known now, without I/O."""
        ...

    def dead_letters(self) -> int | None:
        """How many there are; blocks, and raises :class:`~orchestrator.errors.StoreError`."""
        ...


class Recorder:
    """Takes its turn at writing the history."""

    def __init__(self, client: redis.Redis, known: Known) -> None:
        self._client = client
        self._known = known
        self._name = secrets.token_hex(8)
        self._failure = ""
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger("orchestrator.history")

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Record for ever."""
        task_status.started()
        while True:
            samples = []
            for _ in range(SAMPLES):
                await trio.sleep(SAMPLE_S)
                samples.append(self._known.sample())
            try:
                await trio.to_thread.run_sync(self._write, samples, limiter=self._limiter, abandon_on_cancel=True)
                self._failure = ""
            except StoreError as error:
                # That Redis is away is told by others; a refusal of these commands is told once.
                if str(error) != self._failure:
                    self._log.warning("history not written", reason=str(error))
                self._failure = str(error)

    def _write(self, samples: list[Sample]) -> None:
        minute = take_turn(self._client, self._name)
        if minute is not None:
            record(self._client, minute_of(minute, samples, self._known.dead_letters()))


def minute_of(minute: int, samples: list[Sample], dead_letters: int | None) -> Minute:
    """One minute: what waits is the last that was known, the rate is the mean."""
    rates = [sample.rate for sample in samples if sample.rate is not None]
    last = samples[-1]
    return Minute(
        minute,
        chunks=last.chunks,
        oldest_s=None if last.oldest_s is None else round(last.oldest_s, 3),
        rate=round(sum(rates) / len(rates), 3) if rates else None,
        dead_letters=dead_letters,
    )


class Knowledge:
    """What scheduler and heartbeat know; implements :class:`Known`."""

    def __init__(self, scheduler: Scheduler, heartbeat: Heartbeat, store: Store) -> None:
        self._scheduler = scheduler
        self._heartbeat = heartbeat
        self._store = store

    def sample(self) -> Sample:
        """What is known now, without I/O."""
        backlog = self._scheduler.backlog()
        members = self._heartbeat.members()
        told = any(member.rates is not None for member in members)
        return Sample(
            chunks=None if backlog is None else backlog.chunks,
            oldest_s=None if backlog is None else backlog.oldest_s,
            rate=summed(members).chunks if told else None,
        )

    def dead_letters(self) -> int | None:
        """How many there are; None before the brands are known."""
        brands = self._scheduler.brands()
        slices = (brands[start : start + MAX_CLAIM] for start in range(0, len(brands), MAX_CLAIM))
        if not brands:
            return None
        return sum(letters.entries for part in slices for letters in self._store.dead_letters(part).values())
