"""What operators ordered this process, and whether it has done it.

Owns what holds now; the heartbeat brings orders and says so. Nothing of it outlives the process: who starts again
begins as the settings say.
"""

from __future__ import annotations

from typing import Protocol

import structlog
import trio

from orchestrator.contract.process_orders import ProcessOrder, Wanted, read_order
from orchestrator.fleet.members import Obedience
from orchestrator.store.members import NO_ORDERS


class Worker(Protocol):
    """Who carries orders out: the scheduler."""

    def be_quiet(self) -> None:
        """Take no more brands; end what is in work."""
        ...

    def resume(self) -> None:
        """Take brands again."""
        ...

    def set_lanes(self, lanes: int) -> None:
        """Work on so many brands at a time."""
        ...


class Orders:
    """Hears orders and has them carried out.

    Args:
        worker: who carries them out.
        setting: lanes by the settings.

    Attributes:
        heard: the orders that were heard last, one for each place, as they were written.
        stopped: set once the process is ordered to end.
    """

    def __init__(self, worker: Worker, setting: int) -> None:
        self.heard = NO_ORDERS
        self.stopped = trio.Event()
        self._worker = worker
        self._setting = setting
        self._lanes = setting
        self._quiet_since_ms: int | None = None
        self._by = ""
        self._log = structlog.get_logger("orchestrator.orders")

    @property
    def lanes(self) -> int:
        """Brands that are worked on at the same time at most."""
        return self._lanes

    def obedience(self) -> Obedience:
        """How the process stands."""
        return Obedience(self._setting, self._quiet_since_ms, self.stopped.is_set(), self._by)

    def take(self, orders: tuple[bytes, bytes], now_ms: int) -> bool:
        """Carry out what is new among *orders* at *now_ms* of the server; whether anything was."""
        new = False
        for place, entry in enumerate(orders):
            if not entry or entry == self.heard[place]:
                continue
            new = True
            self.heard = (entry, self.heard[1]) if place == 0 else (self.heard[0], entry)
            order = read_order(entry)
            if order is None:
                self._log.warning("order not understood, left aside")
            else:
                self._obey(order, now_ms)
        return new

    def _obey(self, order: ProcessOrder, now_ms: int) -> None:
        self._log.warning("ordered by an operator", order=str(order), by=order.by)
        if order.wanted is Wanted.LANES:
            self._lanes = order.lanes or self._setting
            self._worker.set_lanes(self._lanes)
            return
        if self.stopped.is_set():  # there is no way back: lanes end already
            return
        self._by = order.by
        if order.wanted is Wanted.RESUME:
            self._quiet_since_ms, self._by = None, ""
            self._worker.resume()
        elif order.wanted is Wanted.QUIET:
            if self._quiet_since_ms is None:
                self._quiet_since_ms = now_ms
            self._worker.be_quiet()
        else:
            self._worker.be_quiet()
            self.stopped.set()
