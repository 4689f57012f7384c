"""What is made of the records is, byte for byte, what the live sessions left in Redis."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings

from orchestrator.archive.record import Item, Record, pack, unpack
from orchestrator.archive.refold import Refold, config_of
from orchestrator.archive.snapshot import decode, encode
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.consumed import Fate
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import ArchiveError
from orchestrator.lane.session import Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.store import Store, segments
from orchestrator.store.types import Stored
from tests.archive.recorder import SETTINGS, Recorder
from tests.lane.support import CONFIG, Brand, drain
from tests.lane.test_session_model import HISTORIES, World

_NUMBERS = itertools.count(1)


def live(queue: Brand) -> tuple[dict[bytes, bytes], tuple[bytes, bytes], bytes | None, str]:
    """What Redis holds: the state, both generations of digests, the summary, and the last commit's id."""
    client, keys = queue.client, BrandKeys.of(queue.name)
    digests: Any = client.get(keys.digests0) or b"", client.get(keys.digests1) or b""
    cid: Any = client.hget(keys.meta, "cid") or b""
    summary: Any = client.get(keys.summary)
    return segments.load(client, queue.name), digests, summary, cid.decode()


def refolded(queue: Brand, records: list[Record], **named: Any) -> Refold:
    """The state of those records, which come out of an object; nothing of it parts from what they say."""
    key = BrandState.load(FoldConfig(), segments.load(queue.client, queue.name)).hashing.key
    refold = Refold(queue.name, key, CONFIG.limits, **named)
    for record in unpack(pack(records), queue.name):
        assert refold.take(record) == []
    return refold


def assert_same(queue: Brand, recorder: Recorder) -> list[Record]:
    """State, digests and summary are the same, byte for byte; returns the records."""
    fields, digests, summary, cid = live(queue)
    _, records = recorder.chain(cid)
    refold = refolded(queue, records)
    found = refold.result
    assert refold.cid == cid
    assert {name: found.fields.get(name) for name in fields.keys() | found.fields.keys()} == {
        name: fields.get(name) for name in fields.keys() | found.fields.keys()
    }
    assert (found.digests.younger, found.digests.older) == digests
    assert refold.summary() == summary
    shown: Any = queue.client.hgetall(queue.keys.trend), queue.client.lrange(queue.keys.recent, 0, -1)
    assert (refold.trend, list(refold.recent)) == shown
    return records


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=HISTORIES)
def test_refold_is_what_sessions_left(
    redis_client: redis.Redis, store: Store, recorder: Recorder, history: list[tuple[list[Any], tuple[str, Any]]]
) -> None:
    """Failures at every point, stops, deaths and takeovers; duplicates and letters; batches of any cut."""
    number = next(_NUMBERS)
    world = World(Brand(redis_client, store, f"refold {number}"), (1, 3, 512)[number % 3], bool(number % 2))
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
    records = assert_same(world.queue, recorder)
    archived = [bytes(item.payload) for record in records for item in record.items]
    assert archived == world.items, "every pushed item is in the chain exactly once, in the queue's order"


def test_refold_knows_items_of_all_times(queue: Brand, recorder: Recorder) -> None:
    """Now, late, retimed, doubled, contradicted, refused; then a refresh without a chunk."""
    now = time.time()
    times = [now, now - 3_600, now - 40 * 3_600, now + 86_400, 0]
    stamped = [
        queue.item(f"c{place}", processedAt=datetime.fromtimestamp(at, UTC).isoformat())
        for place, at in enumerate(times)
    ]
    contradicted = queue.item("c0", meta={"mentionCount": 77})
    queue.push(*stamped, b"\xff", stamped[0], contradicted, queue.item("", clusters=1))
    session = queue.opened(Warm(BatchSizer(max_items=4)))
    steps = drain(session)
    session.settle()
    session.release()
    assert [sum(getattr(step.fold, name) for step in steps) for name in ("late", "retimed")] == [1, 2]
    records = assert_same(queue, recorder)
    fates = [item.fate for record in records for item in record.items]
    assert fates == [Fate.FOLDED] * 5 + [Fate.DEAD_LETTER, Fate.DUPLICATE, Fate.CONFLICT, Fate.DEAD_LETTER]
    queue.client.hset(queue.keys.meta, "due", 1)
    queue.visit()
    assert not assert_same(queue, recorder)[-1].items


def test_refold_goes_on_from_what_is_stored(queue: Brand, recorder: Recorder) -> None:
    """From the state of a commit in the middle, with the records after it."""
    queue.push_ids("c1", "c2")
    queue.visit()
    fields, digests, _, middle = live(queue)
    queue.push_ids("c2", "c3")
    queue.visit()
    _, records = recorder.chain(live(queue)[3])
    found = Refold(queue.name, b"", CONFIG.limits)
    for record in records[:1]:
        found.take(record)
    stored = Stored(fields, replace(found.result.digests, younger=digests[0], older=digests[1], younger_check=None))
    refold = Refold(queue.name, limits=CONFIG.limits, stored=stored, cid=middle)
    assert [refold.take(record) for record in records if record.version > records[0].version] == [[]]
    assert (refold.result.fields, refold.summary()) == (live(queue)[0], live(queue)[2])


def record(**fields: Any) -> Record:
    """A brand's first record, with a chunk."""
    item = Item(b'{"chunkId":"c1","brand":"nike","sentiment":{"score":1},"clusters":[]}')
    plain = Record("nike", "a", "", 1, 1, 1_764_300_000_000, 1_764_300_000_000, 1_764_300_000_000, SETTINGS, [item])
    return replace(plain, **fields)


def test_refold_gives_a_state_that_can_be_put_in_place() -> None:
    """All that a commit left, with the numbers of the last record; without one there is none."""
    refold = Refold("nike")
    with pytest.raises(ArchiveError, match="no commit of brand 'nike' was folded"):
        refold.snapshot()
    refold.take(record(epoch=7))
    found = decode(encode(refold.snapshot()))
    assert found == refold.snapshot()
    assert (found.cid, found.epoch, found.version, found.taken_ms) == ("a", 7, 1, record().now_ms)
    assert (found.trend, found.recent) == (refold.trend, list(refold.recent))
    assert Fingerprint.read(found.settings).values == SETTINGS


def test_other_settings_show_what_would_have_been() -> None:
    """Settings of a record are in force from it on; given ones come instead of all of them."""
    refold = Refold("nike")
    refold.take(record())
    smaller = dict(SETTINGS) | {"SUMMARY_WINDOW_SEC": 3_600, "MERGE_SIMILARITY_THRESHOLD": 0.5}
    refold.take(record(cid="b", previous="a", version=2, settings=smaller, items=[]))
    assert BrandState.load(FoldConfig(), refold.result.fields).bounds["SUMMARY_WINDOW_SEC"] == 3_600
    other = Refold("nike", config=FoldConfig(max_stories=7))
    other.take(record())
    assert BrandState.load(FoldConfig(), other.result.fields).bounds["MAX_STORIES"] == 7
    assert config_of(record(settings=smaller)).similarity_threshold == 0.5


def test_what_leaves_the_state_leaves_its_fields() -> None:
    """Days later the panes are gone, as a commit removes them from Redis."""
    refold = Refold("nike")
    refold.take(record())
    assert any(name.startswith(b"p:") for name in refold.result.fields)
    later_ms = record().now_ms + 3 * 86_400_000
    refold.take(record(cid="b", previous="a", version=2, now_ms=later_ms, clock_ms=later_ms, items=[]))
    assert not any(name.startswith(b"p:") for name in refold.result.fields)


@pytest.mark.parametrize(
    ("fate", "payload", "found"),
    [
        (Fate.DUPLICATE, None, "folded"),
        (Fate.CONFLICT, None, "folded"),
        (Fate.FOLDED, b"{", "refused: $: "),
    ],
)
def test_item_at_which_live_and_archive_part_is_told(fate: Fate, payload: bytes | None, found: str) -> None:
    """By its commit and place, with both words; a letter is taken as the record says."""
    (chunk,) = record().items
    letter = Item(b"anything", Fate.DEAD_LETTER, "too large", "$")
    changed = Item(chunk.payload if payload is None else payload, fate)
    (parting,) = Refold("nike").take(record(items=[letter, changed]))
    assert (parting.cid, parting.place, parting.told) == ("a", 1, fate)
    assert parting.found.startswith(found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"previous": "x"}, "stands on 'x', and the last one of 'nike' is ''"),
        ({"brand": "puma"}, "of brand 'puma'"),
        ({"settings": dict(SETTINGS) | {"RULES_VERSION": 2}}, "by rules 2, and these are 1"),
        ({"settings": {"SUMMARY_WINDOW_SEC": 0}}, "settings that cannot be"),
        ({"settings": {"MAX_STORIES": 1e300}}, "settings that cannot be"),
        ({"replaces": True}, "begin at the base of it"),
    ],
)
def test_record_that_cannot_be_folded_is_refused(changes: dict[str, Any], told: str) -> None:
    """It follows on another commit, is another brand's, or was folded by other rules."""
    with pytest.raises(ArchiveError, match=told):
        Refold("nike").take(record(**changes))
    assert Refold("nike").summary() is None
