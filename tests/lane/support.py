"""A brand with a real queue, and short ways to give it work and to look at what became of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import redis

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.decode import Limits
from orchestrator.contract.keys import BrandKeys
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.session_config import SessionConfig
from orchestrator.lane.step import Step
from orchestrator.store import Commit, CommitReply, Lease, Line, ReadOn, Reply, Store

T = TypeVar("T")

CONFIG = SessionConfig("orchestrator-1", FoldConfig(), Limits(max_chunk_bytes=4_096))

SAMPLE = {
    "chunkId": "nike-1",
    "processedAt": "2025-01-01T00:00:00Z",
    "sentiment": {"positive": 5, "neutral": 2, "negative": 1, "score": 4},
    "topics": ["launch"],
    "clusters": [{"id": "launch-positive", "label": "Launch Buzz", "mentions": ["m1", "m2"], "spike": True}],
    "meta": {"mentionCount": 3},
}
"""The README's sample, without its brand."""


def item(brand: str, chunk_id: str, /, **fields: Any) -> bytes:
    """A queue item like the README's sample; *fields* replace its own."""
    return json.dumps(SAMPLE | {"brand": brand, "chunkId": chunk_id} | fields).encode()


@dataclass(frozen=True)
class May:
    """What a burst may: go on so many times (None: always), fold ahead, end."""

    more: int | None = None
    ahead: bool = False
    ends: bool = False
    asked: list[None] = field(default_factory=list)

    def go_on(self) -> bool:
        """Whether another step may follow."""
        self.asked.append(None)
        return self.more is None or len(self.asked) <= self.more

    def fold_ahead(self) -> bool:
        """Whether the next batch may be folded meanwhile."""
        return self.ahead

    def end(self) -> bool:
        """Whether the lease of a drained brand is given back at once."""
        return self.ends


@dataclass
class Brand:
    """One brand of a real Redis, seen as workers and readers see it."""

    client: redis.Redis
    store: Store
    name: str
    pushed: int = 0
    keys: BrandKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = BrandKeys.of(self.name)

    def item(self, chunk_id: str, /, **fields: Any) -> bytes:
        """A queue item of this brand."""
        return item(self.name, chunk_id, **fields)

    def push(self, *items: bytes) -> None:
        """What a worker does."""
        self.client.rpush(self.keys.queue, *items)
        self.pushed += len(items)

    def push_ids(self, *chunk_ids: str) -> None:
        """Push one chunk for each id."""
        self.push(*map(self.item, chunk_ids))

    def session(self, warm: Warm | None = None, store: Store | None = None) -> BrandSession:
        """A session that is not open yet."""
        return BrandSession(store or self.store, CONFIG, self.name, warm)

    def opened(self, warm: Warm | None = None) -> BrandSession:
        """A session that holds the lease."""
        session = self.session(warm)
        session.open()
        return session

    def visit(self) -> list[Step]:
        """Drain the queue as an undisturbed lane would, and let go."""
        session = self.opened()
        steps = drain(session)
        session.settle()
        assert session.release()
        return steps

    def summary(self) -> Any:
        """The published summary, None if there is none."""
        document: Any = self.client.get(self.keys.summary)
        return None if document is None else json.loads(document)

    def failed(self) -> list[Any]:
        """The dead letters."""
        entries: Any = self.client.lrange(self.keys.failed, 0, -1)
        return [json.loads(entry) for entry in entries]

    def queued(self) -> int:
        """Length of the queue."""
        length: Any = self.client.llen(self.keys.queue)
        return int(length)

    def meta(self, name: str) -> int:
        """A number in the brand's meta hash, 0 if it is not there."""
        value: Any = self.client.hget(self.keys.meta, name)
        return int(value or 0)

    def locked(self) -> bool:
        """Whether somebody holds the lease."""
        return bool(self.client.exists(self.keys.lock))


class Altered(Reply[CommitReply]):
    """The reply to a commit, as *alter* bends it: it is given what reads the real one."""

    def __init__(self, reply: Reply[CommitReply], alter: Callable[[Callable[[], CommitReply]], CommitReply]) -> None:
        self._real = reply
        self._alter = alter

    def read(self) -> CommitReply:
        """Read it, bent."""
        return self._alter(self._real.read)


class Interfering(Store):
    """A store with something done before each commit is sent, and when its reply is read."""

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """The commit is about to be sent; what is raised here means that nothing is."""

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """The commit was sent, and *read* waits for what became of it."""
        del lease, commit
        return read()

    def send(
        self, line: Line, lease: Lease, commit: Commit, read_on: ReadOn | None
    ) -> tuple[Reply[CommitReply], Reply[list[bytes]] | None]:
        """Send, and interfere."""
        self.before_commit(lease, commit)
        reply, arriving = super().send(line, lease, commit, read_on)
        return Altered(reply, lambda read: self.after_commit(lease, commit, read)), arriving


def drain(session: BrandSession) -> list[Step]:
    """The steps of *session* until there is nothing to do; the idle one is not among them."""
    steps = list(itertools.takewhile(lambda step: not step.idle, iter(session.step, None)))
    assert not any(step.suspect for step in steps)
    return steps


def assert_balanced(queue: Brand, steps: Sequence[Step]) -> None:
    """I1: pushed = merged + duplicate + failed + queued."""
    merged = sum(step.fold.chunks for step in steps)
    duplicates = sum(step.duplicates for step in steps)
    failed = sum(step.failed for step in steps)
    assert merged + duplicates + failed + queue.queued() == queue.pushed
    assert len(queue.failed()) == failed


def persistent(call: Callable[[], T], *errors: type[Exception], attempts: int = 5) -> T:
    """Call again after each of *errors*, as a lane does after a failure of Redis."""
    for _ in range(attempts - 1):
        try:
            return call()
        except errors:
            continue
    return call()
