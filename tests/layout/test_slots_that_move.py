"""Schedules 13 to 15 on a real cluster: a slot stays half way for as long as a migration of its keys may take.

A command with two keys of such a slot, one of which is not where it is asked for, gets ``TRYAGAIN`` from both nodes: so
nothing is shown while the slot of what readers see is half way, and nothing is committed while that of the queue is.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.layout import guard_key
from orchestrator.contract.slots import slot_of
from orchestrator.errors import StoreUnavailableError
from orchestrator.lane.projector import POSTPONED_MS
from orchestrator.store import Store, connect
from orchestrator.store.cluster import exchange as exchanges
from tests.layout.world import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.lane.session import BrandSession
    from tests.cluster_servers import ClusterServers

_NUMBERS = count(1)


@pytest.fixture
def spread(cluster_servers: ClusterServers) -> Iterator[Spread]:
    """A brand on a cluster, which was visited once: all of its keys are there."""
    client = connect(cluster_servers.url, timeout_s=10.0, pool_size=8)
    spread = Spread(client, Store(client), f"moves {next(_NUMBERS)}")
    spread.push_ids("a")
    spread.process().visit()
    spread.assert_shown()
    yield spread
    client.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long anybody waited for a slot that is half way; nobody does."""
    found: list[float] = []
    monkeypatch.setattr(exchanges, "pause", found.append)
    return found


@contextmanager
def half_way(servers: ClusterServers, key: str, *gone: str) -> Iterator[Callable[[], None]]:
    """The slot of *key* is half way, and the keys *gone* have left it, until the block ends or calls what it gets."""
    slot = slot_of(key)
    source, target = servers.open_slot(slot)
    servers.move_keys(slot, source, target, *gone)
    done: list[None] = []

    def close() -> None:
        if not done:
            done.append(None)
            servers.move_keys(slot, source, target)
            servers.close_slot(slot, source, target)

    try:
        yield close
    finally:
        close()


def commit_next(session: BrandSession) -> None:
    """A step that commits something."""
    while session.step().idle:
        pass


def test_a_readers_slot_that_is_half_way_holds_up_no_commit(
    spread: Spread, cluster_servers: ClusterServers, waits: list[float]
) -> None:
    """Schedule 13: one try, without any waiting; the brand goes on, and is shown when the slot has arrived."""
    process = spread.process()
    process.visit()
    with half_way(cluster_servers, spread.keys.summary, guard_key(spread.keys.summary)) as close:
        spread.push_ids("b")
        spread.push(b"garbage")
        process.visit()
        spread.push_ids("c")
        process.visit()
        assert spread.queued() == 0
        assert spread.number("version") == 3
        assert spread.payloads() == ["garbage"]
        assert waits == []
        close()
        assert spread.summary()["version"] == 1
        spread.client.hset(spread.keys.meta, "due", 1)
        process.visit()
    spread.assert_shown()
    assert spread.summary()["totalChunks"] == 3


@pytest.mark.usefixtures("waits")
def test_a_readers_slot_that_is_half_way_costs_no_commits(
    spread: Spread, cluster_servers: ClusterServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schedule 14: what is owed is tried again, and no commit is made for it, nor is the brand claimed at once."""
    monkeypatch.setattr("orchestrator.lane.projector.RETRY_MS", 0)
    one, other = spread.process(), spread.process()
    with half_way(cluster_servers, spread.keys.summary, guard_key(spread.keys.summary)) as close:
        spread.push_ids("b")
        session = one.open()
        commit_next(session)
        version = spread.number("version")
        for _ in range(5):
            assert session.step().idle
        one.end()
        assert spread.number("version") == version
        assert spread.now_ms() < spread.number("due") <= spread.now_ms() + POSTPONED_MS
        assert not spread.ready()
        for process in (one, one, other):  # the last one does not know what is owed, and makes a commit for it
            spread.client.hset(spread.keys.meta, "due", 1)
            process.visit()
        assert spread.number("version") == version + 1
        assert not spread.ready()
        close()
        spread.client.hset(spread.keys.meta, "due", 1)
        other.visit()
    assert spread.number("version") == version + 1
    spread.assert_shown()


@pytest.mark.usefixtures("waits")
def test_a_queues_slot_that_is_half_way_costs_no_lease_and_doubles_nothing(
    spread: Spread, cluster_servers: ClusterServers
) -> None:
    """Schedule 15: the lease is renewed where its lock is, and the commit gets in once when the slot has arrived."""
    process = spread.process()
    spread.push_ids("b", "a")
    session = process.open()
    assert session.lease is not None
    lease = session.lease
    with half_way(cluster_servers, spread.keys.queue, spread.keys.lock, spread.keys.meta) as close:
        with pytest.raises(StoreUnavailableError):
            commit_next(session)
        for _ in range(3):
            assert process.store.renew([lease]) == []
        assert spread.client.pttl(spread.keys.lock) > 0
        close()
        commit_next(session)
    process.end()
    spread.process().visit()
    assert (spread.number("version"), spread.queued()) == (2, 0)
    assert spread.summary()["totalChunks"] == 2
    spread.assert_shown()
