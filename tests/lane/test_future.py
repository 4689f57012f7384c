"""A brand whose state lies in the future is parked, with both times and the remedy, and its chunks wait unharmed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.brand.panes import MAX_AHEAD_MS
from orchestrator.brand.seals import SEAL_BYTES, seal_all
from orchestrator.brand.state import GENERAL_FIELD
from orchestrator.errors import FutureStateError
from tests.lane.support import Brand

HOUR_MS = 3_600_000


def _shift(queue: Brand, ms: int) -> None:
    """Leave a state of another time behind, as a commit does while the server's clock is wrong."""
    stored: Any = queue.client.hget(queue.keys.state, GENERAL_FIELD)
    general = msgspec.msgpack.decode(stored[:-SEAL_BYTES])
    general[1] += ms
    fields = {GENERAL_FIELD: msgspec.msgpack.encode(general)}
    seal_all(fields)
    queue.client.hset(queue.keys.state, GENERAL_FIELD, fields[GENERAL_FIELD])


def test_a_state_in_the_future_is_not_opened(queue: Brand) -> None:
    """The error names both times and the command; nothing was peeked, so no attempt is counted."""
    queue.push_ids("a")
    queue.visit()
    _shift(queue, 24 * HOUR_MS)
    queue.push_ids("b")
    session = queue.session()
    with pytest.raises(FutureStateError, match=r"is of 2.*Z and Redis's clock says 2.*Z$"):
        session.open()
    session.abandon()
    assert session.release()
    assert (queue.queued(), queue.meta("attempts")) == (1, 0)


def test_a_state_a_little_ahead_is_worked_on(queue: Brand) -> None:
    """Clocks of a failover's two servers are never quite the same."""
    queue.push_ids("a")
    queue.visit()
    _shift(queue, MAX_AHEAD_MS - 60_000)
    queue.push_ids("b")
    queue.visit()
    assert queue.summary()["totalChunks"] == 2


def test_a_clock_that_goes_back_under_the_lease_parks_the_brand(queue: Brand) -> None:
    """What was peeked is not to blame: the attempt is forgiven, and the state in memory is not kept."""
    queue.push_ids("a")
    session = queue.opened()
    session.step()
    assert session.step().idle  # what came with the last commit
    pipeline = session._pipeline
    assert pipeline is not None
    pipeline.state.advance(pipeline.state.clock_ms + HOUR_MS)
    queue.push_ids("b")
    with pytest.raises(FutureStateError):
        session.step()
    warm = session.abandon()
    assert session.release()
    assert warm.state is None
    assert (queue.queued(), queue.meta("attempts")) == (1, 0)
