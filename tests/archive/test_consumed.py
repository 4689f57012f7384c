"""What waits for the archive is, record for record, what live sessions folded and committed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings

from orchestrator.archive.record import Record, record_of
from orchestrator.contract.consumed import note_of
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.lane.session_config import SessionConfig
from orchestrator.store import Store, StoreOptions
from orchestrator.store.consumed import Consumed
from tests.archive.recorder import SETTINGS, Recorder
from tests.archive.test_refold import assert_same
from tests.lane import support
from tests.lane.support import CONFIG, Brand
from tests.lane.test_session_model import HISTORIES, World

_NUMBERS = itertools.count(1)
OPTIONS = StoreOptions(fingerprint=Fingerprint(SETTINGS), archive_bytes=1 << 30)


def drained(consumed: Consumed, brand: str, max_bytes: int, who: str = "writer") -> list[Record]:
    """Everything that waits, taken out as the archive's writer does, in ranges of at most so many bytes."""
    found: list[Record] = []
    assert consumed.take(brand, who, 30) is not None
    while kept := consumed.read(brand, who, max_bytes):
        assert consumed.note(brand, who, note_of(kept))
        assert consumed.remove(brand, who, note_of(kept))
        found += [record_of(brand, one.head, one.payloads) for one in kept]
    consumed.leave(brand, who)
    return found


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=HISTORIES)
def test_what_waits_is_what_sessions_committed(
    redis_client: redis.Redis, recorder: Recorder, history: list[tuple[list[Any], tuple[str, Any]]]
) -> None:
    """Failures at every point, stops, deaths and takeovers, and a writer that takes some of it at any time."""
    number = next(_NUMBERS)
    store, consumed = Store(redis_client, OPTIONS), Consumed(redis_client)
    world = World(Brand(redis_client, store, f"waiting {number}"), (1, 3, 512)[number % 3], bool(number % 2))
    does: dict[str, Callable[[Any], None]] = {
        "visit": world.visit,
        "cut short": world.cut_short,
        "another orchestrator": lambda _: world.another(),
        "die": world.die,
    }
    archived: list[Record] = []
    for place, (pushes, (name, argument)) in enumerate(history):
        world.push(pushes)
        does[name](argument)
        if place % 2:
            archived += drained(consumed, world.queue.name, 2_000)
    world.visit("")
    world.visit("")
    archived += drained(consumed, world.queue.name, 1 << 20)
    live = assert_same(world.queue, recorder)
    assert archived == [plain(record) for record in live]
    assert [bytes(item.payload) for record in archived for item in record.items] == world.items
    assert not any(consumed.waiting([world.queue.name])[world.queue.name])


def plain(record: Record) -> Record:
    """*record* with its letters as JSON has them."""
    return replace(
        record,
        items=[
            replace(item, reason=item.reason.encode(errors="backslashreplace").decode(), path=item.path)
            for item in record.items
        ],
    )


def test_what_contradicts_is_told(redis_client: redis.Redis, brand: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict that is counted, and one that is kept as a dead letter, with the reason of the letter."""
    config: SessionConfig = replace(CONFIG, conflict_letters=True)
    queue, consumed = Brand(redis_client, Store(redis_client, OPTIONS), brand), Consumed(redis_client)
    queue.push(queue.item("c1"), queue.item("c1", meta={"mentionCount": 77}), queue.item("c1"))
    queue.visit()
    monkeypatch.setattr(support, "CONFIG", config)
    queue.push(queue.item("c1", meta={"mentionCount": 78}))
    queue.visit()
    first, second = drained(consumed, brand, 1 << 20)
    assert [item.fate for item in first.items] == ["folded", "conflict", "duplicate"]
    assert [(item.fate, item.path) for item in second.items] == [("dead_letter", "$.chunkId")]
    assert second.items[0].reason.startswith("a chunk with this chunkId was counted before")


def test_settings_of_the_brands_own_are_told(redis_client: redis.Redis, brand: str) -> None:
    """A record says with which settings it was folded, and not those of the process."""
    queue, consumed = Brand(redis_client, Store(redis_client, OPTIONS), brand), Consumed(redis_client)
    queue.push_ids("c1")
    queue.visit()
    (record,) = drained(consumed, brand, 1 << 20)
    assert record.settings == SETTINGS
