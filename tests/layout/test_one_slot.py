"""Every command that is sent for brands of a cluster takes keys of one slot, whatever the brands are called.

Claims and glances are left out: on a cluster they are asked node by node (``tests/store/cluster``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest

from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.history import Minute
from orchestrator.contract.layout import CLUSTER
from orchestrator.contract.letters import Selection
from orchestrator.contract.process_orders import Wanted
from orchestrator.fleet.noticing import Change
from orchestrator.fleet.parking import Code, Parked
from orchestrator.letters.reading import counts, groups, marks_of, slice_of
from orchestrator.service.repair import repair
from orchestrator.settings import Settings
from orchestrator.store import Store, registration
from orchestrator.store.audit import read_audit, write_audit
from orchestrator.store.damage import damages
from orchestrator.store.documents import Documents
from orchestrator.store.fleet import read_brand, read_fleet
from orchestrator.store.heads import first_times
from orchestrator.store.history import read_history, record, take_turn
from orchestrator.store.letters import Sent, mend
from orchestrator.store.locks import break_lock
from orchestrator.store.members import Told, beat, leave
from orchestrator.store.outbox import Outbox
from orchestrator.store.parked import publish, read_parked
from orchestrator.store.pauses import all_paused, pause, resume
from orchestrator.store.process_orders import give, read_orders
from orchestrator.store.purge import look, purge
from orchestrator.store.state_formats import state_formats
from orchestrator.store.stored_settings import adopt, stored_settings
from tests.layout.wire import crossing, recorded
from tests.layout.world import Spread

if TYPE_CHECKING:
    import redis

BRANDS = ("plain", "a{b}c", "x}y", "{}")
REGISTRY = "brands:of one slot"


@pytest.fixture
def brands(redis_client: redis.Redis, brand: str) -> list[Spread]:
    """Brands with every kind of braces, on one server that is laid out as a cluster."""
    setattr(redis_client, "layout", CLUSTER)  # noqa: B010 - what a client of a cluster has by itself
    own = brand.translate({ord("{"): None, ord("}"): None})
    return [Spread(redis_client, Store(redis_client), f"{name} {own}") for name in BRANDS]


def work(spread: Spread) -> None:
    """Visits, cold and warm, with everything that a commit can hold, and the leases' smaller commands."""
    one = spread.process()
    spread.push_ids(*(f"c{number}" for number in range(30)))
    spread.push(b"garbage", b"more of it")
    one.visit()
    spread.push_ids("d")
    one.visit()
    store = spread.store
    lease = store.acquire(spread.name, store.new_token("test"))
    store.load(lease)
    store.load_state(lease)
    store.salvage(lease)
    store.renew([lease])
    store.room(lease)
    store.full(lease)
    store.release(lease, forgive=True, suspects=1)
    lease = store.acquire(spread.name, store.new_token("test"))
    assert break_lock(spread.client, spread.name, lease.token.encode())
    store.dead_letters([spread.name])
    store.roomy([spread.name])
    store.forget(spread.name, ["fields"])
    spread.projections.verify([spread.name])
    one.visit()


def tell(spread: Spread) -> None:
    """Alerts."""
    spread.client.rpush(spread.keys.outbox, b"alert")
    outbox = Outbox(spread.client)
    outbox.waiting([spread.name])
    outbox.look([spread.name])
    assert outbox.take(spread.name, "t", 5.0)
    outbox.hold(spread.name, "t", 5.0)
    outbox.mark(spread.name, "route:id", [])
    outbox.remove(spread.name, b"alert", ["route:id"])
    outbox.forget(spread.name, ["route:id"])
    outbox.leave(spread.name, "t")
    assert outbox.take_turn(f"route of {spread.name}", "t", 5.0)
    outbox.keep_turn(f"route of {spread.name}", "t", 5.0)
    outbox.leave_turn(f"route of {spread.name}", "t")


def mend_letters(spread: Spread) -> None:
    """Dead letters."""
    found, _ = slice_of(spread.client, spread.name, 0, -1)
    marks_of(spread.client, spread.name, found)
    groups(spread.client, [spread.name], Selection())
    counts(spread.client, [REGISTRY])
    sent = [Sent(letter.index, letter.raw, letter.payload(), letter.payload()) for letter in found]
    assert all(mend(spread.client, spread.name, sent[:1], who="ann", queue=spread.keys.queue))
    assert all(mend(spread.client, spread.name, [Sent(0, found[1].raw)], who="ann", queue=None))


def operate(spread: Spread) -> None:
    """What operators do and see."""
    client, name = spread.client, spread.name
    registration.register(client, [REGISTRY], name)
    pause(client, [name], by="ann")
    all_paused(client)
    read_fleet(client, [REGISTRY])
    read_brand(client, name)
    resume(client, [name])
    write_audit(client, "ann", "pause", name)
    read_audit(client, 1)
    first_times(client, [name])
    damages(client, [name])
    state_formats(client, [name])
    adopt(client, name, stored_settings(client, [name])[name].settings, Fingerprint({}))
    publish(client, [Change(name, None, Parked(Code.OTHER, "x", 1, "p"))])
    read_parked(client)
    documents = Documents(client, [REGISTRY])
    documents.summaries([name])
    documents.trend(name)
    documents.trend_points([name], [b"h:1"])
    documents.spikes(name)
    documents.recent(name)
    documents.standing(name)
    repair(client, Settings(), name, dry_run=False)
    registration.unregister(client, [REGISTRY], name)


def remove(spread: Spread) -> None:
    """All of it."""
    look(spread.client, spread.name)
    purge(spread.client, spread.name)
    purge(spread.client, spread.name, queue=True, letters=True)


def live(spread: Spread) -> None:
    """Processes, orders, and the history."""
    name = "process1"
    beat(spread.client, name, 0, Told("id", "1", 5, msgspec.Raw(b"{}"), 1, 0))
    give(spread.client, [name], Wanted.QUIET, "ann")
    assert read_orders(spread.client)
    assert beat(spread.client, name, 0, Told("id", "1", 5, msgspec.Raw(b"{}"), 1, 0)).orders != (b"", b"")
    leave(spread.client, name)
    record(spread.client, Minute(take_turn(spread.client, "o") or 1))
    read_history(spread.client)


@pytest.mark.parametrize("act", [work, tell, live])
def test_commands_take_keys_of_one_slot(brands: list[Spread], act: Callable[[Spread], None]) -> None:
    """Work, alerts, processes."""
    with recorded() as sent:
        for spread in brands:
            act(spread)
    assert len(sent) > 5 * len(brands)
    assert crossing(sent) == []


def test_what_operators_do_takes_keys_of_one_slot(brands: list[Spread]) -> None:
    """After some work: letters, pauses, pages, and the end."""
    with recorded() as sent:
        for spread in brands:
            work(spread)
            mend_letters(spread)
            operate(spread)
            remove(spread)
    assert crossing(sent) == []


def test_commands_that_cross_slots_are_noticed(redis_client: redis.Redis) -> None:
    """Also in a transaction; this test is about the other two."""
    with recorded() as sent:
        redis_client.exists("a", "b")
        with redis_client.pipeline(transaction=True) as pipe:
            pipe.get("a")
            pipe.get("b")
            pipe.execute()
        redis_client.eval("return 1", 2, "a", "b")
        redis_client.get("a")
        redis_client.get("b")
    assert [command[0].upper() for command in crossing(sent)] == [b"EXISTS", b"GET", b"EVAL"]
