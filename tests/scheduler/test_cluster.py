"""What discovery does where there are several servers: one that is away, and slots that got other masters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from orchestrator.errors import StoreRefusedError, StoreUnavailableError
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.discovery import Discovery, DiscoveryOptions
from orchestrator.scheduler.roster import Roster
from orchestrator.store.clock import ServerClock
from orchestrator.store.projections import Verified
from tests.scheduler.test_discovery import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio.testing import MockClock


class Spread:
    """A store of which the tests say how its nodes stand and what readers see.

    Attributes:
        changes: how often slots got other masters.
        wrong: brands whose readers see another commit; those that are held stay wrong.
        looks: when somebody looked at what readers see.
        silent: looks that get no answer yet.
    """

    def __init__(self) -> None:
        self.clock = ServerClock(0.0)
        self.partly = True
        self.changes = 0
        self.wrong: set[str] = set()
        self.held: set[str] = set()
        self.looks: list[float] = []
        self.silent = 0
        self.topology = self.projections = self

    def verify(self, brands: Sequence[str]) -> Verified:
        """Have shown anew what is wrong and free."""
        self.looks.append(trio.current_time())
        if self.silent:
            self.silent -= 1
            raise StoreUnavailableError("nobody answers")
        found = self.wrong & set(brands)
        self.wrong &= self.held
        return Verified(sorted(found - self.held), sorted(found & self.held))


@pytest.fixture
def store() -> Spread:
    """Two nodes, say."""
    return Spread()


@pytest.fixture
def lanes() -> Lanes:
    """Nobody's."""
    return Lanes()


@pytest.fixture
async def discovery(store: Any, lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> Discovery:
    """Discovery of two brands, in virtual time, which knows no threads."""
    roster = Roster(backoff_base=2.0, park_s=30.0)
    roster.register(["a", "b"])
    options = DiscoveryOptions(("brands:list",), 30.0, "redis+cluster://nowhere", 1.0)
    discovery = Discovery(store, roster, options, Metrics(merge_implementation="python"), lanes)
    discovery.registry_read = True
    discovery.sharing.divide()

    async def at_once(call: Callable[[], object]) -> object:
        await trio.lowlevel.checkpoint()
        return call()

    monkeypatch.setattr(discovery, "_call", at_once)
    return discovery


@pytest.mark.parametrize(
    ("error", "partly", "up"),
    [
        (StoreUnavailableError("a node is away"), True, True),
        (StoreUnavailableError("all are"), False, False),
        (StoreRefusedError("NOAUTH"), True, False),
    ],
)
def test_one_node_that_is_away_does_not_mean_that_redis_is(error: Any, partly: bool, up: bool) -> None:  # noqa: FBT001
    """Else all lanes would stop; a refusal is for all of them."""
    store: Any = SimpleNamespace(clock=ServerClock(0.0), partly=partly)
    options = DiscoveryOptions(("brands:list",), 30.0, "redis+cluster://nowhere", 1.0)
    roster = Roster(backoff_base=2.0, park_s=30.0)
    discovery = Discovery(store, roster, options, Metrics(merge_implementation="python"), Lanes())
    discovery.redis_health.answered()
    discovery._failed(error)
    assert discovery.redis_health.up is up


async def test_what_readers_see_is_looked_at_after_slots_got_other_masters(
    discovery: Discovery,
    store: Spread,
    lanes: Lanes,
    autojump_clock: MockClock,  # noqa: ARG001 - virtual time
) -> None:
    """Once at the start, and for eight seconds after each change; a brand that a lane has is shown anew by it.

    Also one that is not ours: its owner finds it held, and cannot tell the lane.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(discovery.follow_moves)
        await trio.sleep(5.5)  # looks at 0 s
        assert len(store.looks) == 1
        store.changes, store.wrong, store.held = 1, {"a", "b", "held"}, {"b", "held"}
        await trio.sleep(14.0)  # looks at 6, 7, ... 14 s
        nursery.cancel_scope.cancel()
    assert len(store.looks) == 1 + 9
    assert discovery.sharing.looks._unread.keys() >= {"a"}
    assert lanes.told.count("show anew b") == 9
    assert lanes.told.count("show anew held") == 9


async def test_a_look_that_nobody_answered_is_repeated(
    discovery: Discovery,
    store: Spread,
    autojump_clock: MockClock,  # noqa: ARG001 - virtual time
) -> None:
    """At the start, and after the seconds in which looks are repeated anyway."""
    async with trio.open_nursery() as nursery:
        store.silent = 3
        nursery.start_soon(discovery.follow_moves)
        await trio.sleep(5.5)
        assert len(store.looks) == 3 + 1
        store.changes, store.silent = 1, 12  # for longer than the eight seconds
        await trio.sleep(20.0)
        nursery.cancel_scope.cancel()
    assert len(store.looks) == 3 + 1 + 12 + 1
