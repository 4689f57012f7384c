"""Moving just the letters that a plan names, in bounded calls, each of which is one atomic step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.contract.keys import queue_key, worker_queue_key
from orchestrator.contract.letters import Letter, Writer
from orchestrator.letters.order import Action, Outcome, name_of
from orchestrator.store.letters import MAX_LETTERS, SLICE_BYTES, Sent, Walk, mend

if TYPE_CHECKING:
    import redis

    from orchestrator.letters.order import Order, Plan

LONG_CALL_S: Final = 0.005
"""A call that took so long, in a long list, kept Redis from everybody else."""

Progress = Callable[[int], None]
"""Called with the letters that Redis has confirmed so far; what it raises ends the work between two calls."""


def carry_out(
    client: redis.Redis,
    order: Order,
    made: Plan,
    *,
    progress: Progress = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Do to the letters that *made* names what *order* says.

    Interrupted at any instant, each letter is where it was or where it should be; a new plan carried out does the rest.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    payload = None if order.action is Action.DROP else order.payload
    mover = Mover(client, order.by, order.queue(made.brand), payload, Pace(order.rate, sleep), progress)
    gone = mover.carry_out(made.brand, Counter(made.wanted))
    return Outcome(mover.moved, gone)


def send_edited(client: redis.Redis, brand: str, letter: Letter, payload: bytes, *, by: str) -> bool:
    """Send *payload* in place of what *letter* holds, wherever that stands by now; False if somebody else took it.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    queue = worker_queue_key(brand) if letter.writer is Writer.WORKER else queue_key(brand)
    mover = Mover(client, by, queue, lambda _: payload, Pace(), lambda _: None)
    return mover.carry_out(brand, Counter({name_of(letter.raw): 1})) == 0


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many letters a second; None: as fast as it goes."""

    rate: float | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def most(self) -> int:
        """Letters of one call."""
        return MAX_LETTERS if self.rate is None else max(1, min(MAX_LETTERS, int(self.rate)))

    def called(self, letters: int, took_s: float) -> None:
        """Wait for what *letters* took too little time, and after a call that kept others waiting for as long."""
        pause_s = 0.0 if self.rate is None else letters / self.rate
        if took_s >= LONG_CALL_S:
            pause_s = max(pause_s, took_s)
        if pause_s:
            self.sleep(pause_s)


@dataclass(slots=True)
class Mover:
    """Moves letters of one brand.

    Attributes:
        by: who does it.
        clock: seconds, for how long calls take.
        queue: where to; None: they are dropped.
        payload: what is sent for a letter; None for those that are dropped.
        moved: letters that Redis has confirmed.
    """

    client: redis.Redis
    by: str
    queue: str | None
    payload: Callable[[Letter], bytes] | None
    pace: Pace
    progress: Progress
    clock: Callable[[], float] = time.perf_counter
    moved: int = 0

    def carry_out(self, brand: str, left: Counter[bytes]) -> int:
        """Move so many entries of each name; returns how many of them somebody else has taken.

        Raises:
            StoreError: Redis did not answer or refused.
        """
        while left and self._pass(brand, left):
            pass
        return left.total()

    def _pass(self, brand: str, left: Counter[bytes]) -> bool:
        """Walk the list once; whether it did something, or somebody else did, so that another walk may find more."""
        walk = Walk(self.client, brand)
        lively = False
        while left and (raws := walk.read()):
            sent, seen = self._chosen(walk.place, raws, left)
            began_s = self.clock()
            done = mend(self.client, brand, sent, who=self.by, queue=self.queue) if sent else []
            took_s = self.clock() - began_s
            for letter, was in zip(sent, done, strict=True):
                lively = True
                if was:
                    left[name_of(letter.raw)] -= 1
            left += Counter()  # drops what is zero
            moved = sum(done)
            self.moved += moved
            walk.place += seen - moved
            if moved:
                self.progress(self.moved)
            self.pace.called(moved, took_s)
        return lively

    def _chosen(self, place: int, raws: list[bytes], left: Counter[bytes]) -> tuple[list[Sent], int]:
        """Letters of one call, and how many entries were looked at for it."""
        chosen: list[Sent] = []
        here: Counter[bytes] = Counter()
        size = 0
        for offset, raw in enumerate(raws):
            if len(chosen) == self.pace.most or size > SLICE_BYTES:
                return chosen, offset
            name = name_of(raw)
            if here[name] < left[name]:
                here[name] += 1
                size += 2 * len(raw)
                chosen.append(self._letter(place + offset, raw))
        return chosen, len(raws)

    def _letter(self, index: int, raw: bytes) -> Sent:
        if self.payload is None:
            return Sent(index, raw)
        letter = Letter.read(index, raw)
        return Sent(index, raw, letter.payload(), self.payload(letter))
