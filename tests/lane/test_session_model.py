"""I1 and I2 for whole sessions: whatever goes wrong in between, the end is the pure fold of what was accepted."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.errors import OrchestratorError, StoreUnavailableError
from orchestrator.kernels import fold_py
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.lane.step import Step
from orchestrator.process import failpoints
from orchestrator.store import Store
from tests.brand.support import meaning_of_stories
from tests.lane.support import Brand, assert_balanced, persistent

_NUMBERS = itertools.count(1)
POINTS = ("acquired", "opened", "peeked", "began", "folded", "prepared", "read_ahead", "commit_failed", "committed")
LABELS = ("Launch Buzz", "launch buzz!", "Price cut", "Price cut announced", "Late parcels")

CHUNKS = st.builds(
    lambda number, label, count: (number, label, count),
    st.integers(0, 30),  # few ids, so that duplicates are many
    st.sampled_from(LABELS),
    st.integers(0, 9),
)
PUSHES = st.lists(st.one_of(CHUNKS, st.sampled_from([b"{", b"[]", b"\xff"])), min_size=1, max_size=25)
SPECS = st.builds(lambda point, nth: f"session.{point}=fail@{nth}", st.sampled_from(POINTS), st.integers(1, 3))
EVENTS = st.one_of(
    st.tuples(st.just("visit"), st.lists(SPECS, max_size=2).map(";".join)),
    st.tuples(st.just("cut short"), st.integers(0, 2)),
    st.tuples(st.just("another orchestrator"), st.none()),
    st.tuples(st.just("die"), st.integers(0, 2)),
)
HISTORIES = st.lists(st.tuples(PUSHES, EVENTS), min_size=1, max_size=8)
"""What was pushed, and what became of the next attempt to fold it; again and again."""


@dataclass
class World:
    """One orchestrator with a warm state, and whatever else happens to its brand; small batches are read ahead.

    Attributes:
        ahead: whether batches are folded ahead, too.
    """

    queue: Brand
    max_items: int = 3
    ahead: bool = False
    warm: Warm | None = None
    steps: list[Step] = field(default_factory=list)
    items: list[bytes] = field(default_factory=list)

    def push(self, things: Sequence[bytes | tuple[int, str, int]]) -> None:
        """Chunks and rubbish."""
        items = [thing if isinstance(thing, bytes) else self._item(*thing) for thing in things]
        self.items += items
        self.queue.push(*items)

    def _item(self, number: int, label: str, count: int) -> bytes:
        ids = [f"m{number + place}" for place in range(count)]  # shared with the chunks of the next numbers
        cluster = {"id": label, "label": label, "mentions": ids}
        return self.queue.item(f"c-{number}", clusters=[cluster], meta={"mentionCount": count})

    def _warm(self) -> Warm:
        return self.warm or Warm(BatchSizer(max_items=self.max_items))

    def visit(self, spec: str) -> None:
        """A visit as a lane makes it: retries after failures of Redis, an end at any other error."""
        failpoints.arm(spec)
        session, clean = self.queue.session(self._warm()), False
        try:
            persistent(session.open, StoreUnavailableError)
            while not (step := persistent(partial(session.step, fold_ahead=self.ahead), StoreUnavailableError)).idle:
                self._note(session, step)
            clean = True
        except OrchestratorError:
            session.lost()
        failpoints.arm("")
        self.warm = session.settle() if clean else session.abandon()
        session.release()

    def _note(self, session: BrandSession, step: Step) -> None:
        if step.suspect:
            session.judge(1)
        else:
            self.steps.append(step)

    def cut_short(self, steps: int) -> None:
        """A visit that yields in good order, with a batch peeked and not begun."""
        session = self.queue.opened(self._warm())
        for _ in range(steps):
            self._note(session, session.step(fold_ahead=self.ahead))
        self.warm = session.settle()
        session.release()

    def another(self) -> None:
        """A visit of somebody who knows nothing of the warm state kept here."""
        other = World(self.queue, self.max_items, self.ahead)
        other.visit("")
        self.steps += other.steps

    def die(self, steps: int) -> None:
        """A process that ends in the middle: no release, and the lock expires."""
        session = self.queue.opened(Warm(BatchSizer(max_items=self.max_items)))
        for _ in range(steps):
            self._note(session, session.step(fold_ahead=self.ahead))
        session.abandon()  # nobody is left to read from its connections
        self.queue.client.delete(self.queue.keys.lock)
        self.warm = None

    def found(self) -> tuple[dict[str, Any], dict[bytes, object]]:
        """What Redis holds in the end: the summary, and the stories of the state."""
        fields: Any = self.queue.client.hgetall(self.queue.keys.state)
        return comparable(self.queue.summary()), timeless_stories(BrandState.load(FoldConfig(), fields))

    def expected(self) -> tuple[dict[str, Any], dict[bytes, object]]:
        """The pure fold of everything that was pushed, each chunkId once."""
        batch = decode_batch(self.items, self.queue.name)
        first = {chunk.chunk_id: position for position, chunk in reversed(list(enumerate(batch.chunks)))}
        state = BrandState.empty(FoldConfig())
        now_ms = time.time_ns() // 1_000_000
        state.fold(batch.keep(sorted(first.values())), now_ms)
        summary = json.loads(state.summary(self.queue.name, now_ms, 0, 0))
        return comparable(summary), timeless_stories(state)


def comparable(summary: Any) -> dict[str, Any]:
    """What of a summary does not depend on the time of the test."""
    names = ("totalChunks", "totalMentions", "sentiment", "netSentiment", "topics", "clusterCount", "chunkSummaries")
    stories = [(story["label"], story["mentions"], story["members"]) for story in summary["clusters"]]
    return {name: summary[name] for name in names} | {"stories": stories}


def timeless_stories(state: BrandState) -> dict[bytes, object]:
    """What the state holds of stories and does not depend on the time of the test, their mention ids among it."""
    told = meaning_of_stories(state._stories)
    names = (
        "id",
        "label",
        "label_mentions",
        "spellings",
        "told",
        "heaviest",
        "ids_total",
        "total",
        "words",
        "weights",
        "examples",
    )
    places = [fold_py.StoredStory.__struct_fields__.index(name) for name in names]
    return {key: ([fields[place] for place in places], ids) for key, (fields, ids) in told.items()}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=HISTORIES, max_items=st.sampled_from([1, 3, 512]), ahead=st.booleans())
def test_session_ends_with_the_pure_fold(
    redis_client: redis.Redis,
    store: Store,
    history: list[tuple[list[Any], tuple[str, Any]]],
    max_items: int,
    ahead: bool,  # noqa: FBT001 - Hypothesis passes keywords
) -> None:
    """Failures at every point, stops, deaths and takeovers in any order: nothing is lost, doubled or out of order."""
    queue = Brand(redis_client, store, f"session model {next(_NUMBERS)}")
    world = World(queue, max_items, ahead)
    does: dict[str, Callable[[Any], None]] = {
        "visit": world.visit,
        "cut short": world.cut_short,
        "another orchestrator": lambda _: world.another(),
        "die": world.die,
    }
    for pushes, (name, argument) in history:
        world.push(pushes)
        does[name](argument)
    world.visit("")
    world.visit("")
    assert world.queue.queued() == 0
    assert world.found() == world.expected()
    assert_balanced(world.queue, world.steps)
