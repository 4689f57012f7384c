"""What runs many units of work: this process, or processes of this machine. Of what they do it knows nothing.

Whatever runs them, each unit comes back once, as what it gave or as a :class:`Fault` that says why not, and one that
fails leaves the others alone. A unit that kills its process is found: those that were under way are tried again alone,
and one whose process dies then, too, is named.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for
from typing import Final, Protocol, TypeVar

from orchestrator.errors import OrchestratorError
from orchestrator.process import memory
from orchestrator.process.masking import mask_text

T = TypeVar("T")
R = TypeVar("R")

MAX_DEATHS: Final = 2
"""Processes that one unit may kill while it is alone; of the first something else may have been the cause."""

_AHEAD: Final = 2
"""Units handed out for each process: the next one waits there while an answer is on its way."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a unit of work gave nothing.

    Attributes:
        told: one line.
        again: whether the same may go well another time.
    """

    told: str
    again: bool = False


class Engine(Protocol):
    """Runs units of work."""

    @property
    def told(self) -> str:
        """What it is, for people."""

    def run(self, work: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R | Fault]]:
        """What *work* gives for each of *units*, as they are done; closed early, it leaves nothing running.

        Args:
            work: a function of a module, that other processes find by its name.
            units: values that can be pickled and compared.

        Raises:
            EngineError: there is nothing (any more) on which they could run.
        """


def attempt(work: Callable[[T], R], unit: T) -> R | Fault:
    """What *work* gives for *unit*; an error is a value, because not every error's class is known everywhere."""
    try:
        return work(unit)
    except OrchestratorError as error:
        return Fault(_line(str(error)))
    except Exception as error:  # noqa: BLE001 - not swallowed: the unit is named with it, and the others go on
        return Fault(_line(f"{type(error).__name__}: {error}"))


@dataclass(frozen=True, slots=True)
class Here:
    """One after the other, in this process."""

    told: str = "this process"

    def run(self, work: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R | Fault]]:
        """As :class:`Engine` says."""
        for unit in units:
            yield unit, attempt(work, unit)


@dataclass(frozen=True, slots=True)
class Processes:
    """In *workers* processes of this machine, which begin anew and inherit nothing."""

    workers: int

    @property
    def told(self) -> str:
        """What it is, for people."""
        return f"{self.workers} processes" if self.workers > 1 else "1 process"

    def run(self, work: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R | Fault]]:
        """As :class:`Engine` says."""
        waiting, suspects = iter(units), deque[T]()
        deaths = Counter[int]()  # by identity: suspects are few, and stay the same objects
        done = False
        while not done or suspects:
            alone = bool(suspects)
            source = _drained(suspects) if alone else waiting
            lost: list[T] = []
            with _pool(1 if alone else self.workers) as pool:
                yield from _some(pool, work, source, 1 if alone else self.workers * _AHEAD, lost)
            if not alone:
                done = not lost
                suspects.extend(lost)
                continue
            for unit in lost:
                deaths[id(unit)] += 1
                if deaths[id(unit)] < MAX_DEATHS:
                    suspects.appendleft(unit)
                else:
                    yield unit, Fault("the process died of it, each time; memory may not suffice for it")


def _some(
    pool: ProcessPoolExecutor,
    work: Callable[[T], R],
    source: Iterator[T],
    most: int,
    lost: list[T],
) -> Iterator[tuple[T, R | Fault]]:
    """Runs *source* until it is empty or a process died; *lost* are then the units that were under way."""
    running: dict[Future[R | Fault], T] = {}
    ends = False
    while not ends or running:
        while not ends and len(running) < most:
            for unit in source:
                try:
                    with deaf():  # it is here that processes begin
                        running[pool.submit(attempt, work, unit)] = unit
                except BrokenProcessPool:
                    lost.append(unit)
                    ends = True
                break
            else:
                ends = True
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            unit = running.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool:
                lost.append(unit)
                ends = True
            except Exception as error:  # noqa: BLE001 - the unit or its result could not be pickled
                yield unit, Fault(_line(f"{type(error).__name__}: {error}"))
            else:
                yield unit, result


def _drained(units: deque[T]) -> Iterator[T]:
    while units:
        yield units.popleft()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Spawned processes that end with the block, at once if it ends early."""
    context = multiprocessing.get_context("spawn")  # a fork would inherit connections and threads
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        yield pool
    except BaseException:  # GeneratorExit and Ctrl-C among them: what runs is worth nothing any more
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - its own way comes with Python 3.14
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def deaf() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, and never reaches a process that begins in it.

    A terminal sends it to all processes, and the first one decides. A process that is still starting would say what
    line it was at; so it is deaf from the beginning: it inherits what is blocked here.
    """
    resource_tracker.ensure_running()  # it would be started with the first process, and lets Ctrl-C through afterwards
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """What a process does first."""
    memory.collect_rarely()
    threading.Thread(target=_end_with_the_first, name="end with the first", daemon=True).start()


def _end_with_the_first() -> None:
    """A process of a pool would wait for work for ever after the first one was killed."""
    first = multiprocessing.parent_process()
    if first is not None:
        wait_for([first.sentinel])
        os._exit(1)


def _line(text: str) -> str:
    """One line without secrets."""
    return mask_text(" ".join(text.split()))[:2_000]
