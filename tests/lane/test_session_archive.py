"""A brand of which as much waits for the archive as may stands still, before anything is folded, and goes on after."""

from __future__ import annotations

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.contract.consumed import note_of
from orchestrator.errors import ArchiveBehindError
from orchestrator.lane.batch import Batch
from orchestrator.lane.session import Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.store import ArchivePolicy, Store, StoreOptions
from orchestrator.store.consumed import Consumed
from tests.lane.support import Brand, May

BOUND = 20_000


def bounded(queue: Brand, bound: int = BOUND, policy: ArchivePolicy = ArchivePolicy.PAUSE) -> Store:
    """A store of which so much may wait."""
    return Store(queue.client, StoreOptions(archive_bytes=bound, archive_policy=policy))


def visit(queue: Brand, store: Store, *, ahead: bool = False, begin: bool = False) -> ArchiveBehindError | None:
    """Drain the queue as a lane does; the error that ended it."""
    session = queue.session(Warm(BatchSizer(max_items=4)), store)
    session.open(begin=begin)
    try:
        while not session.burst(May(ahead=ahead))[-1].idle:
            pass
    except ArchiveBehindError as error:
        session.abandon()
        return error
    else:
        session.settle()
        return None
    finally:
        session.release()


def waiting(queue: Brand) -> int:
    """Bytes that wait."""
    found = Consumed(queue.client).waiting([queue.name])
    return found[queue.name].bytes if found else 0


def empty(queue: Brand) -> int:
    """Take out all that waits; how many items that were."""
    consumed, items = Consumed(queue.client), 0
    consumed.take(queue.name, "t", 30)
    while kept := consumed.read(queue.name, "t", BOUND):
        assert consumed.note(queue.name, "t", note_of(kept))
        assert consumed.remove(queue.name, "t", note_of(kept))
        items += sum(len(one.payloads) for one in kept)
    return items


@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("ahead", [False, True])
def test_a_brand_at_its_bound_stands_still_and_goes_on(queue: Brand, *, ahead: bool, begin: bool) -> None:
    """Nothing is folded that no commit could hold, no attempt is counted, and all comes once there is room."""
    store, items = bounded(queue), 0
    queue.push_ids(*(f"c{number}" for number in range(200)))
    stops = 0
    while (error := visit(queue, store, ahead=ahead, begin=begin)) is not None:
        stops += 1
        assert "wait for the archive, and no more may under ARCHIVE_OUTBOX_MB" in str(error)
        assert BOUND <= waiting(queue) < 2 * BOUND
        assert (queue.meta("attempts"), store.roomy([queue.name])) == (0, [])
        for _ in range(3):
            assert visit(queue, store, ahead=ahead, begin=begin) is not None
        assert queue.meta("attempts") == 0
        items += empty(queue)
        assert store.roomy([queue.name]) == [queue.name]
    items += empty(queue)
    assert (items, queue.queued(), queue.summary()["totalChunks"]) == (200, 0, 200)
    assert stops > 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 8_000), min_size=1, max_size=30), bound=st.integers(1, 40_000), ahead=st.booleans()
)
def test_wherever_the_bound_falls_nothing_is_lost(
    redis_client: redis.Redis, store: Store, sizes: list[int], bound: int, *, ahead: bool
) -> None:
    """A chunk is folded once and archived once, however large it is beside the bound."""
    queue = Brand(redis_client, store, f"bound {redis_client.incr('numbers of tests')}")
    own, items = bounded(queue, bound), 0
    queue.push(*(queue.item(f"c{place}", topics=["x" * min(size, 250)] * 3) for place, size in enumerate(sizes)))
    while visit(queue, own, ahead=ahead) is not None:
        items += empty(queue)
        assert queue.meta("attempts") <= 1
    items += empty(queue)
    assert (items, queue.queued(), queue.summary()["totalChunks"]) == (len(sizes), 0, len(sizes))


def test_a_brand_that_has_nothing_to_do_is_not_parked(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits stops commits; a visit that makes none ends as ever, one that owes a refresh does not."""
    store = bounded(queue)
    queue.push_ids("c1")
    assert visit(queue, store) is None
    queue.client.hset(queue.keys.archiving, "bytes", BOUND)
    assert visit(queue, store) is None
    queue.client.hset(queue.keys.meta, "due", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "refresh", lambda *_: pytest.fail("nothing is folded that no commit could hold"))
        assert visit(queue, store) is not None
    assert visit(queue, bounded(queue, policy=ArchivePolicy.SKIP)) is None


def test_a_brand_that_may_skip_goes_on(queue: Brand) -> None:
    """Without records, which are counted."""
    store = bounded(queue, policy=ArchivePolicy.SKIP)
    queue.client.hset(queue.keys.archiving, "bytes", BOUND)
    queue.push_ids("c1", "c2")
    assert visit(queue, store) is None
    assert Consumed(queue.client).waiting([queue.name])[queue.name].skipped == 1
    assert store.roomy([queue.name]) == [queue.name]


def test_numbers_of_somebody_else_stop_nothing(queue: Brand) -> None:
    """A foreign type is for the commit to name."""
    queue.client.hset(queue.keys.archiving, "bytes", "inf")
    queue.push_ids("c1")
    store = bounded(queue)
    assert store.roomy([queue.name]) == [queue.name]
    assert visit(queue, Store(queue.client)) is None
    queue.client.delete(queue.keys.archiving)
    queue.client.set(queue.keys.archiving, "x")
    assert store.roomy([queue.name]) == [queue.name]
