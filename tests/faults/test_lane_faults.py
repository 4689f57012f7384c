"""Faults that need no process of their own: a lease that is always too short, a head that is only suspected."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.decode import Limits
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import LeaseLostError, StoreUnavailableError
from orchestrator.lane.session import BrandSession
from orchestrator.lane.session_config import SessionConfig
from orchestrator.lane.suspects import TRIAL_ATTEMPTS
from orchestrator.store import Commit, CommitReply, Lease, Look, Peek, Store
from orchestrator.store.types import NO_LOOK
from tests.faults.traffic import Traffic
from tests.lane.support import Interfering

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

CONFIG = SessionConfig("faults", FoldConfig(), Limits())
LARGEST_IN_TIME = 3


class SlowFolds(Interfering):
    """A store on which the lease of every fold of more than three chunks has expired by the time it commits."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.client = client

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """Expire the lock first, if the batch was large."""
        if commit.consumed > LARGEST_IN_TIME:
            self.client.delete(BrandKeys.of(lease.brand).lock)


def test_a_fold_longer_than_the_lease_is_no_livelock(redis_client: redis.Redis, brand: str) -> None:
    """Every fenced commit halves the batch, until one fits into a lease; the quarantine's single items help as well."""
    traffic = Traffic(7, [brand])
    traffic.push(redis_client, 100)
    store, warm, fenced = SlowFolds(redis_client), None, 0
    for _ in range(200):
        session = BrandSession(store, CONFIG, brand, warm)
        session.open()
        try:
            while not (step := session.step()).idle:
                if step.suspect:
                    session.judge(1)
        except LeaseLostError:
            fenced += 1
            session.lost()
            warm = session.abandon()
            session.release()
        else:
            session.release()
            break
    assert fenced > 1
    assert traffic.problems(redis_client) == []


def test_a_clock_that_jumps_loses_nothing(redis_client: redis.Redis, brand: str) -> None:
    """It goes a day ahead between batches and some minutes back; every chunk is accepted and counted once."""
    traffic = Traffic(10, [brand])
    jumps_ms = itertools.chain([0, -200_000, 82_000_000], itertools.cycle([81_800_000, 82_000_000]))

    class Jumpy(Interfering):
        def peek(self, lease: Lease, limit: int, look: Look = NO_LOOK) -> Peek:
            return self._jump(super().peek(lease, limit, look))

        def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
            reply = super().after_commit(lease, commit, read)
            return replace(reply, next=reply.next and self._jump(reply.next))

        def _jump(self, peek: Peek) -> Peek:
            return replace(peek, now_ms=peek.now_ms + next(jumps_ms))

    session = BrandSession(Jumpy(redis_client), CONFIG, brand)
    session.open()
    for _ in range(4):
        traffic.push(redis_client, 10)
        while not session.step().idle:
            pass
    session.release()
    assert traffic.problems(redis_client) == []


def test_connection_errors_never_condemn_an_innocent_head(redis_client: redis.Redis, brand: str) -> None:
    """Attempts count peeks, so a bad network brings a chunk to its trial; there it is acquitted."""
    traffic = Traffic(8, [brand], garbage_rate=0.0, duplicate_rate=0.0)
    traffic.push(redis_client, 20)
    store = Store(redis_client)
    for _ in range(TRIAL_ATTEMPTS):
        session = BrandSession(store, CONFIG, brand)
        store.peek(session.open(), 1)
        session.release()
    session = BrandSession(store, CONFIG, brand)
    session.open()
    assert session.step().suspect
    session.judge(1)
    while not session.step().idle:
        pass
    session.release()
    assert traffic.problems(redis_client) == []


def test_a_lost_reply_is_settled_by_the_same_commit(redis_client: redis.Redis, brand: str) -> None:
    """The session goes on where it failed; the retry is a duplicate, and counted as one commit."""
    traffic = Traffic(9, [brand])
    traffic.push(redis_client, 8)

    class Deaf(Interfering):
        deaf = True

        def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
            reply = super().after_commit(lease, commit, read)
            if self.deaf:
                self.deaf = False
                raise StoreUnavailableError("the reply is lost")
            return reply

    session = BrandSession(Deaf(redis_client), CONFIG, brand)
    session.open()
    with pytest.raises(StoreUnavailableError):
        session.step()
    assert session.committing
    assert session.step().duplicate_commit
    session.release()
    assert traffic.problems(redis_client) == []
