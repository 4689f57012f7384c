"""Turns: when a brand's turn is over, and whether its work is long.

A :class:`Turn` is one lane's, and one rule on one clock says when it is over, for the event loop and for the lane's
thread alike. In which thread lanes compute, and when, is said in :mod:`orchestrator.lane.hands`.

Source: ``docs/decisions/0031-lanes-pass-a-baton.md``, ``0050-short-work-passes-long-work.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import TypeVar

T = TypeVar("T")

BURST_S = 0.03
"""A lane goes on so long, while there is work: to the thread and back costs as much as 50 small chunks."""

LONG_STEP_S = 0.015
"""Steps that compute longer are long work. A usual batch takes 5 ms, a chunk of 7.6 MB takes 30 to 200."""

Clock = Callable[[], float]
"""Seconds on a monotonic clock that any thread can read."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What lanes read.

    Attributes:
        wall: tells when turns are over, the same in every thread.
        cpu: processor time of the thread that asks.
    """

    wall: Clock = perf_counter
    cpu: Clock = thread_time


class Turn:
    """The time that a brand has its lane for.

    What one thread writes here another one reads without a lock: single attributes, each changed once.

    Args:
        quantum_s: how long a brand with work keeps its lane while another brand waits.
        clock: tells both threads the same time.
    """

    def __init__(self, quantum_s: float, clock: Clock) -> None:
        self._quantum_s = quantum_s
        self._clock = clock
        self._started_s = clock()
        self._yield_asked = False
        self.given_up = False
        self.stopping = False

    def ask_to_yield(self) -> None:
        """Another brand waits for a lane: this one's turn ends with its quantum."""
        self._yield_asked = True

    def stop(self) -> None:
        """The service stops: the turn is over."""
        self.stopping = True

    def give_up(self) -> None:
        """Nobody waits any more for the lane's thread: it is not to begin anything."""
        self.given_up = True

    @property
    def contested(self) -> bool:
        """Whether there is a better use for a lane than to wait for work."""
        return self._yield_asked or self.stopping

    @property
    def over(self) -> bool:
        """Whether no further step is to be begun."""
        past_quantum = self._clock() - self._started_s >= self._quantum_s
        return self.stopping or self.given_up or (self._yield_asked and past_quantum)

    def burst(self, longest_s: float) -> Burst:
        """A burst that begins now and takes *longest_s* at most."""
        return Burst(self, self._clock() + longest_s)

    def past(self, at_s: float) -> bool:
        """Whether it is *at_s* by the turn's clock."""
        return self._clock() >= at_s


@dataclass(frozen=True, slots=True)
class Burst:
    """Some steps on end within a turn: what the lane's thread asks between two of them."""

    turn: Turn
    until_s: float

    def go_on(self) -> bool:
        """Whether another step may follow at once."""
        return not self.turn.past(self.until_s) and not self.turn.over

    def fold_ahead(self) -> bool:
        """Whether the next batch may be folded while Redis works: it has to be committed before the turn ends."""
        return not self.turn.over

    def end(self) -> bool:
        """Whether the lease of a drained brand is given back at once, because there is a better use for the lane."""
        return self.turn.contested and not self.turn.given_up


class Work:
    """Whether a lane's work is long: its last call computed for long, as the next one then will.

    By processor time, because who waits for Redis or for the interpreter keeps nobody else from computing, and would be
    taken for long itself on a busy machine.

    Args:
        cpu: processor time of the thread that asks, in seconds.
        long: what is known from before.
    """

    def __init__(self, cpu: Clock, *, long: bool = False) -> None:
        self.long = long
        self._cpu = cpu

    def measured(self, call: Callable[[], T]) -> Callable[[], T]:
        """*Call*, which tells how long its steps compute."""

        def timed() -> T:
            begun_s, steps = self._cpu(), 1
            try:
                done = call()
                steps = len(done) if isinstance(done, list) else 1
                return done
            finally:
                self.long = self._cpu() - begun_s > steps * LONG_STEP_S

        return timed
