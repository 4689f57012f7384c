"""What a process makes of its orders: each is carried out once, and said to be."""

from __future__ import annotations

from structlog.testing import capture_logs

from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.fleet.members import Obedience
from orchestrator.service.obedience import Orders
from orchestrator.store.members import NO_ORDERS

SETTING = 5
AT_MS = 1_795_753_359_458


class Obedient:
    """Who carries orders out, and notes them."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def be_quiet(self) -> None:
        """No more brands."""
        self.done.append("quiet")

    def resume(self) -> None:
        """Brands again."""
        self.done.append("resume")

    def set_lanes(self, lanes: int) -> None:
        """So many lanes."""
        self.done.append(f"{lanes} lanes")


def entry(wanted: Wanted, lanes: int | None = None, by: str = "ann") -> bytes:
    """An order as it lies in Redis."""
    return ProcessOrder(wanted=wanted, at_ms=AT_MS, by=by, lanes=lanes).entry()


def test_an_order_is_carried_out_once() -> None:
    """However often it comes: the beat that says so may have been lost."""
    worker = Obedient()
    orders = Orders(worker, SETTING)
    assert not orders.take(NO_ORDERS, AT_MS)
    quiet = (entry(Wanted.QUIET), b"")
    assert orders.take(quiet, AT_MS + 1)
    assert not orders.take(quiet, AT_MS + 2)
    assert not orders.take(NO_ORDERS, AT_MS + 3)
    assert (worker.done, orders.heard) == (["quiet"], quiet)
    assert orders.obedience() == Obedience(SETTING, AT_MS + 1, by="ann")


def test_a_process_is_quiet_since_the_first_order_and_until_it_may_resume() -> None:
    """A second order to be quiet changes nothing but who said so last."""
    worker = Obedient()
    orders = Orders(worker, SETTING)
    orders.take((entry(Wanted.QUIET), b""), 1)
    orders.take((entry(Wanted.QUIET, by="bob"), b""), 2)
    assert orders.obedience() == Obedience(SETTING, 1, by="bob")
    orders.take((entry(Wanted.RESUME, by="bob"), b""), 3)
    assert orders.obedience() == Obedience(SETTING)
    assert worker.done == ["quiet", "quiet", "resume"]


def test_lanes_change_and_return_to_the_setting() -> None:
    """Whatever else was ordered."""
    worker = Obedient()
    orders = Orders(worker, SETTING)
    orders.take((entry(Wanted.QUIET), entry(Wanted.LANES, 9)), 1)
    assert (orders.lanes, orders.obedience()) == (9, Obedience(SETTING, 1, by="ann"))
    orders.take((b"", entry(Wanted.LANES)), 2)
    assert (orders.lanes, worker.done) == (SETTING, ["quiet", "9 lanes", "5 lanes"])


def test_an_order_to_end_is_final() -> None:
    """Lanes end already; what comes later is heard and not done."""
    worker = Obedient()
    orders = Orders(worker, SETTING)
    orders.take((entry(Wanted.STOP), b""), 1)
    assert orders.stopped.is_set()
    assert orders.take((entry(Wanted.RESUME, by="bob"), b""), 2)
    assert worker.done == ["quiet"]
    assert orders.obedience() == Obedience(SETTING, None, stopping=True, by="ann")


def test_an_order_is_logged_and_one_that_cannot_be_read_as_well() -> None:
    """The latter is said to be heard, so that it goes; nothing is done for it."""
    worker = Obedient()
    orders = Orders(worker, SETTING)
    with capture_logs() as lines:
        orders.take((entry(Wanted.STOP), b"{}"), 1)
    told = [(line["event"], line.get("order"), line.get("by")) for line in lines]
    assert told == [("ordered by an operator", "stop", "ann"), ("order not understood, left aside", None, None)]
    assert orders.heard == (entry(Wanted.STOP), b"{}")
    assert worker.done == ["quiet"]
