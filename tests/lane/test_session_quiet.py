"""A brand that goes quiet, on a real Redis: its summary empties by the clock, and one orchestrator sees to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis

from orchestrator.brand.panes import PANE_MS
from orchestrator.lane.step import Step
from orchestrator.store import Commit, CommitReply, Lease, Peek
from orchestrator.store.types import NO_LOOK, Look, Visit
from tests.lane.support import CONFIG, Brand, Interfering, drain


class LateStore(Interfering):
    """A store on a server whose clock is ahead of the real one."""

    ahead_ms = 0

    def acquire(self, brand: str, token: str, **named: Any) -> Lease:
        """Acquire, later."""
        lease = super().acquire(brand, token, **named)
        return replace(lease, now_ms=lease.now_ms + self.ahead_ms)

    def visit(self, brand: str, token: str, cid: str, limit: int, **named: Any) -> Visit:
        """Acquire and begin, later."""
        lease, peek = super().visit(brand, token, cid, limit, **named)
        return Visit(replace(lease, now_ms=lease.now_ms + self.ahead_ms), peek and self._later(peek))

    def peek(self, lease: Lease, limit: int, look: Look = NO_LOOK) -> Peek:
        """Peek, later."""
        peek = super().peek(lease, limit, look)
        return self._later(peek)

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """Let the peek that travels with a commit be later, too."""
        reply = super().after_commit(lease, commit, read)
        return replace(reply, next=reply.next and self._later(reply.next))

    def _later(self, peek: Peek) -> Peek:
        return replace(peek, now_ms=peek.now_ms + self.ahead_ms)


@pytest.fixture
def late(redis_client: redis.Redis) -> LateStore:
    """A store on the session's server whose clock the test moves."""
    return LateStore(redis_client)


def visit(queue: Brand, late: LateStore) -> list[Step]:
    """What an orchestrator does that found the brand due, perhaps some time ago."""
    session = queue.session(store=late)
    session.open()
    steps = drain(session)
    session.settle()
    assert session.release()
    return steps


def test_a_quiet_brand_is_emptied_once_among_two(queue: Brand, late: LateStore) -> None:
    """Of two orchestrators that both saw that the brand is due, one empties its summary; the other finds it done."""
    queue.push_ids("a", "b")
    queue.visit()
    assert (queue.summary()["totalMentions"], queue.summary()["clusterCount"]) == (6, 1)
    late.ahead_ms = CONFIG.fold.window_ms + PANE_MS
    assert [(step.items, step.published) for step in visit(queue, late)] == [(0, True)]
    assert visit(queue, late) == []
    summary = queue.summary()
    assert (summary["version"], queue.meta("version"), queue.meta("due")) == (2, 2, 0)
    assert (summary["totalMentions"], summary["totalChunks"], summary["spikeDetected"]) == (0, 0, False)
    assert (summary["clusters"], summary["clusterCount"], summary["topics"]) == ([], 0, [])


def test_a_lease_that_outlasts_the_window_empties_the_summary_itself(queue: Brand, late: LateStore) -> None:
    """A lane that waits for work sees the due time pass and refreshes once, without letting the brand go."""
    queue.push_ids("a")
    session = queue.session(store=late)
    session.open()
    assert len(drain(session)) == 1
    late.ahead_ms = CONFIG.fold.window_ms + PANE_MS
    assert [(step.items, step.published) for step in drain(session)] == [(0, True)]
    assert drain(session) == []
    assert (queue.summary()["version"], queue.summary()["totalMentions"]) == (2, 0)
    session.release()
