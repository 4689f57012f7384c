"""The demo's worker: writes the brands' past, registers them, and pushes what is said now, with RPUSH as workers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

import structlog

from orchestrator.contract.keys import BrandKeys
from orchestrator.demo.brands import BRANDS, BREAKING, DemoBrand
from orchestrator.demo.chunks import ChunkMaker
from orchestrator.demo.course import HISTORY_DAYS, HOUR_MS, Course, breaking, history
from orchestrator.errors import StoreError
from orchestrator.store import connect, translated

DEFAULT_RATE_PER_S: Final = 1.0
BREAKS_AFTER_S: Final = 12.0
"""From the moment that the pages can be seen: enough to look at what is usual."""

_POLL_S: Final = 0.1
_REDIS_TIMEOUT_S: Final = 5.0
_SPAN_S: Final = len(BRANDS) / DEFAULT_RATE_PER_S
"""The time of which a chunk tells."""

WritePast = Callable[[str, Iterable[tuple[int, list[bytes]]]], int]
"""Folds what came in the past into a brand, each batch of chunks as of its time, and commits it.

Returns how many chunks there were, 0 if the brand had a past already.
"""

log = structlog.get_logger(__name__)


class DemoWorker:
    """Works in a thread of its own while the context is open.

    Args:
        url: the demo's Redis.
        registry_key: where its brands are registered.
        rate_per_s: chunks in a second, of all brands together. At :data:`DEFAULT_RATE_PER_S` as much is said as in the
            past; at another rate more or less, in the same proportion.
        write_past: how a brand gets its past.
        on_ready: called once, in the worker's thread, with a brand whose summary can be seen.
    """

    def __init__(
        self, url: str, registry_key: str, rate_per_s: float, *, write_past: WritePast, on_ready: Callable[[str], None]
    ) -> None:
        self._client = connect(url, timeout_s=_REDIS_TIMEOUT_S, pool_size=1)
        self._registry_key = registry_key
        self._interval_s = 1 / rate_per_s
        self._write_past = write_past
        self._on_ready = on_ready
        self._maker = ChunkMaker()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="demo-worker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=_REDIS_TIMEOUT_S)
        self._client.close()

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def _work(self) -> None:
        try:
            with translated():
                start_ms = _now_ms()
                for brand in BRANDS:
                    if self._stopping.is_set():
                        return
                    self._begin(brand, start_ms)
                self._on_ready(BREAKING[0].name)
                self._push_for_ever(start_ms)
        except StoreError:
            # The demo's Redis went away with the service, whose log tells why; there is nobody left to push to.
            return

    def _begin(self, brand: DemoBrand, now_ms: int) -> None:
        """Write the past of *brand*, then register it: until then nobody else works on it."""
        chunks = self._write_past(brand.name, history(self._maker, brand, now_ms))
        self._client.sadd(self._registry_key, brand.name)
        log.info("demo brand has its past", brand=brand.name, days=HISTORY_DAYS, chunks=chunks)

    def _push_for_ever(self, start_ms: int) -> None:
        breaking_ms = _now_ms() + int(1000 * BREAKS_AFTER_S)
        courses = [Course(brand, start_ms, breaking_ms if breaking(brand) else None) for brand in BRANDS]
        turn = 0
        while not self._stopping.wait(self._interval_s):
            course = courses[turn % len(courses)]
            item = self._chunk(course, _now_ms())
            if item:
                self._client.rpush(BrandKeys.of(course.brand.name).queue, item)
            turn += 1

    def _chunk(self, course: Course, at_ms: int) -> bytes:
        amounts = course.amounts(at_ms, 1000 * _SPAN_S / HOUR_MS)
        theme = breaking(course.brand)
        if theme is not None:
            amounts[theme] += course.broken(at_ms, _SPAN_S)
        return self._maker.make(course.brand, at_ms, amounts)


def _now_ms() -> int:
    return int(time.time() * 1_000)
