"""What is read at a time, in bytes: items that nobody looked at are few, and what is too much stays in the queue.

Chunks of 4 KB stand for huge ones here: of a batch 8 KB may be in memory, two of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.lane import sizer
from orchestrator.lane.batch import Batch
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import UNSEEN_ITEMS, BatchSizer
from orchestrator.store import Commit, CommitReply, Lease, Line, ReadOn, Reply
from tests.lane.support import Brand, Interfering, assert_balanced, drain

MOST_BYTES = 8_000
HUGE_BYTES = 3_600


class Sized(Interfering):
    """A store that notes how many huge items each read asks for, and how many items; it may lose a reply."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.huge: list[int] = []
        self.limits: list[int] = []
        self.lose = 0

    def send(
        self, line: Line, lease: Lease, commit: Commit, read_on: ReadOn | None
    ) -> tuple[Reply[CommitReply], Reply[list[bytes]] | None]:
        """Send, noted."""
        assert read_on is not None, "nobody let go"
        first = commit.consumed + read_on.skip
        queue: Any = self._client.lrange(f"result:brand:{lease.brand}:chunks", first, first + read_on.limit - 1)
        self.huge.append(sum(len(one) >= HUGE_BYTES for one in queue))
        self.limits.append(read_on.limit)
        return super().send(line, lease, commit, read_on)

    def after_commit(self, lease: Lease, commit: Commit, read: Any) -> CommitReply:
        """The reply may be lost."""
        reply = super().after_commit(lease, commit, read)
        if self.lose:
            self.lose -= 1
            raise StoreUnavailableError("the reply was lost")
        return reply


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizer, "MOST_BYTES", MOST_BYTES)


@pytest.fixture
def sized(queue: Brand) -> Sized:
    """A store on the server of *queue*."""
    return Sized(queue.client)


def _push_tiny(queue: Brand, count: int) -> None:
    queue.push_ids(*(f"tiny-{queue.pushed + number}" for number in range(count)))


def _push_huge(queue: Brand, count: int) -> None:
    for _ in range(count):
        queue.push(queue.item(f"huge-{queue.pushed}", summary="x" * HUGE_BYTES))


def _opened(queue: Brand, sized: Sized) -> BrandSession:
    session = queue.session(store=sized)
    session.open()
    return session


@pytest.mark.parametrize("tiny", [21, 301, 303, 305, 307])
def test_session_notices_where_a_queue_turns_huge(
    queue: Brand, sized: Sized, monkeypatch: pytest.MonkeyPatch, *, tiny: int
) -> None:
    """Of huge items fewer than eight come in one reply, and no batch has more bytes than it may."""
    scanned, scan, most_bytes = [], Batch.scan, 30_000  # 64 tiny ones have 20,000, eight huge ones 31,000

    def noted(batch: Batch, *arguments: Any, **options: Any) -> None:
        scanned.append(sum(map(len, batch.items)))
        scan(batch, *arguments, **options)

    monkeypatch.setattr(Batch, "scan", noted)
    monkeypatch.setattr(sizer, "MOST_BYTES", most_bytes)
    _push_tiny(queue, tiny)
    _push_huge(queue, 60)
    session = queue.session(Warm(BatchSizer(max_items=64)), sized)
    session.open()
    steps = drain(session)
    assert max(sized.huge) < UNSEEN_ITEMS
    assert max(scanned) <= most_bytes
    assert_balanced(queue, steps)


def test_session_reads_one_item_where_the_next_ones_are_known_to_be_huge(queue: Brand, sized: Sized) -> None:
    """It was looked at them, so a few of them are not few enough."""
    _push_tiny(queue, UNSEEN_ITEMS)
    _push_huge(queue, 30)
    _opened(queue, sized).step()
    assert sized.limits == [1]


def test_session_leaves_what_is_too_much_in_the_queue(queue: Brand, sized: Sized) -> None:
    """The first peek reads eight unseen items and keeps two of them; then the next two are read again."""
    _push_huge(queue, UNSEEN_ITEMS)
    _push_tiny(queue, 60)
    session = _opened(queue, sized)
    steps = [session.step(), session.step()]
    assert [step.items for step in steps] == [2, 2]
    assert sized.limits[0] == 2
    assert_balanced(queue, [*steps, *drain(session)])


def test_session_leaves_what_is_too_much_of_what_arrives(queue: Brand, sized: Sized) -> None:
    """Huge ones among what was read ahead: their batch ends where it is full, and nothing is lost."""
    _push_tiny(queue, 60)
    for _ in range(8):
        _push_huge(queue, 1)
        _push_tiny(queue, 7)
    steps = drain(_opened(queue, sized))
    assert max(sized.huge) <= UNSEEN_ITEMS
    assert_balanced(queue, steps)


def test_session_knows_nothing_of_what_follows_after_a_lost_reply(queue: Brand, sized: Sized) -> None:
    """What the first attempt asked for is asked for again, from a place that was not looked at."""
    _push_tiny(queue, 100)
    session = _opened(queue, sized)
    steps = [session.step()]
    sized.lose = 1
    with pytest.raises(StoreUnavailableError):
        session.step()
    steps.append(session.step())
    assert sized.limits[-1] == UNSEEN_ITEMS
    assert_balanced(queue, [*steps, *drain(session)])


def test_session_leaves_what_is_too_much_after_a_lost_reply(queue: Brand, sized: Sized) -> None:
    """The retry reads eight items that nobody looked at; of huge ones two are kept."""
    _push_tiny(queue, UNSEEN_ITEMS)
    _push_huge(queue, 20)
    session = _opened(queue, sized)
    sized.lose = 1
    with pytest.raises(StoreUnavailableError):
        session.step()
    steps = [session.step(), session.step()]
    assert [step.items for step in steps] == [UNSEEN_ITEMS, 2]
    assert_balanced(queue, [*steps, *drain(session)])
