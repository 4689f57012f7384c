"""Which of the server's hints concern whom."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from orchestrator.errors import StoreRefusedError
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.discovery import Discovery, DiscoveryOptions
from orchestrator.scheduler.roster import Roster
from orchestrator.store.clock import ServerClock
from orchestrator.store.types import Registry


class Lanes:
    """Lanes that note what discovery tells them; one of them holds ``held``."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notice(self) -> None:
        """A brand may be ready."""
        self.told.append("notice")

    def wake(self, brand: str) -> bool:
        """A hint for a brand."""
        if brand == "held":
            self.told.append("wake")
        return brand == "held"

    def dismiss(self, brand: str) -> None:
        """A brand left."""
        self.told.append(f"dismiss {brand}")

    def show_anew(self, brand: str) -> None:
        """Readers see something else."""
        self.told.append(f"show anew {brand}")

    def working(self) -> tuple[str, ...]:
        """The brand that one of them holds."""
        return ("held",)

    def spare(self) -> int:
        """One lane."""
        return 1


@pytest.fixture
def lanes() -> Lanes:
    """Lanes that were told nothing yet."""
    return Lanes()


@pytest.fixture
def roster() -> Roster:
    """A roster of three brands."""
    roster = Roster(backoff_base=2.0, park_s=30.0)
    roster.register(["held", "idle", "a:chunks"])
    return roster


@pytest.fixture
async def discovery(lanes: Lanes, roster: Roster) -> Discovery:
    """Discovery of the brands of *roster*; nothing runs."""
    await trio.lowlevel.checkpoint()
    options = DiscoveryOptions(("brands:list", "brands:set"), 30.0, "redis://nowhere", 1.0)
    store: Any = SimpleNamespace(clock=ServerClock(0.0))  # following a hint asks nobody
    return Discovery(store, roster, options, Metrics(merge_implementation="python"), lanes)


def _set(discovery: Discovery) -> tuple[bool, bool]:
    """Whether the registry is to be read, and whether a claim is to be made, at once."""
    return discovery._registry_stale.is_set(), discovery._claim_now.is_set()


async def test_hint_for_a_held_brand_wakes_its_lane(discovery: Discovery, lanes: Lanes) -> None:
    """The lane that waits looks at its queue; nobody else is disturbed."""
    discovery.follow(frozenset({"result:brand:held:chunks"}))
    assert lanes.told == ["wake"]
    assert _set(discovery) == (False, False)


async def test_hint_for_an_idle_brand_makes_it_ready(discovery: Discovery, lanes: Lanes, roster: Roster) -> None:
    """A lane is given to it, without asking Redis first."""
    discovery.follow(frozenset({"result:brand:idle:chunks"}))
    assert lanes.told == ["notice"]
    assert roster.take(trio.current_time()) == "idle"


async def test_hint_for_a_brand_with_a_misleading_name(discovery: Discovery, roster: Roster) -> None:
    """A brand may end like a queue does."""
    discovery.follow(frozenset({"result:brand:a:chunks:chunks"}))
    assert roster.take(trio.current_time()) == "a:chunks"


@pytest.mark.parametrize(
    "key", ["result:brand:unknown:chunks", "result:brand:idle:other", "brands:list:backup", "summary:brand:idle"]
)
async def test_hint_for_a_foreign_key_is_ignored(discovery: Discovery, lanes: Lanes, key: str) -> None:
    """Prefixes report more than what is ours."""
    discovery.follow(frozenset({key}))
    assert lanes.told == []
    assert _set(discovery) == (False, False)


async def test_hint_for_the_registry_has_it_read(discovery: Discovery) -> None:
    """A new brand need not wait for the interval."""
    discovery.follow(frozenset({"brands:set"}))
    assert _set(discovery) == (True, False)


async def test_hint_that_anything_changed_has_everything_looked_at(discovery: Discovery) -> None:
    """After FLUSHALL, an overflow of the server's table or a gap, registry and queues are asked."""
    discovery.follow(None)
    assert _set(discovery) == (True, True)


async def test_registry_that_is_refused_does_not_contradict_the_claims(
    lanes: Lanes,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,  # noqa: ARG001 - virtual time is there only for a test that asks for it itself
) -> None:
    """A key that may not be read is an error in the log, once; whether Redis serves is for claims to say."""

    class Refusing:
        """A store whose registry is out of reach."""

        clock = ServerClock(0.0)

        def registered(self, _keys: object) -> Registry:
            """The server's refusal."""
            raise StoreRefusedError("NOPERM")

    store: Any = Refusing()
    options = DiscoveryOptions(("brands:list",), 30.0, "redis://nowhere", 1.0)
    roster = Roster(backoff_base=2.0, park_s=30.0)
    discovery = Discovery(store, roster, options, Metrics(merge_implementation="python"), lanes)
    discovery.redis_health.answered()

    async def at_once(call: Callable[[], object]) -> object:
        await trio.lowlevel.checkpoint()
        return call()

    monkeypatch.setattr(discovery, "_call", at_once)  # virtual time knows no threads
    with capture_logs() as lines, trio.move_on_after(100):  # read at 0, 30, 60 and 90 s
        await discovery.read_registry()
    assert discovery.redis_health.up
    assert [line["reason"] for line in lines if "registry" in line["event"]] == ["NOPERM"]
