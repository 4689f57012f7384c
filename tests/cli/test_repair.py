"""A brand in the future is brought back by one command, which first says what it would do if that is asked for."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import redis

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract import segments
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.keys import BrandKeys
from orchestrator.lane.duplicates import Ledger
from orchestrator.store import Commit, Store, pauses
from orchestrator.store.audit import read_audit
from tests.cli.conftest import Invoke

YEAR_MS = 365 * 86_400_000


def chunk(brand: str, chunk_id: str) -> bytes:
    """Return one with three mentions in one story."""
    cluster = {"id": "1", "label": "launch buzz", "mentions": ["a", "b", "c"]}
    document = {"chunkId": chunk_id, "brand": brand, "sentiment": {"positive": 3, "score": 3}, "clusters": [cluster]}
    return json.dumps(document).encode()


@pytest.fixture
def future_brand(brand: str, redis_client: redis.Redis, store: Store) -> str:
    """Return a brand with one commit, made while the clock was a year ahead."""
    ahead_ms = time.time_ns() // 1_000_000 + YEAR_MS
    state = BrandState.empty(FoldConfig())
    state.fold(decode_batch([chunk(brand, "c-1")], brand), ahead_ms)
    changes = state.take_changes()
    lease = store.acquire(brand, "t" * 32)
    store.commit(lease, Commit("cid-1", "", 1, put=changes.put, due_ms=changes.due_ms, trend_put=changes.trend_put))
    store.release(lease)
    assert redis_client.hget(BrandKeys.of(brand).meta, "version") == b"1"
    return brand


def summary(client: redis.Redis, brand: str) -> Any:
    """Return the published summary, None if there is none."""
    document = client.get(BrandKeys.of(brand).summary)
    return None if document is None else json.loads(document)


def test_repair_works_on_a_paused_brand(invoke: Invoke, future_brand: str, redis_client: redis.Redis) -> None:
    """Who mends a brand has often paused it first; it stays paused."""
    pauses.pause(redis_client, [future_brand], by="x")
    assert invoke("repair", future_brand).exit_code == 0
    assert pauses.resume(redis_client, [future_brand])[future_brand] is not None


def test_repair_brings_a_brand_back(invoke: Invoke, future_brand: str, redis_client: redis.Redis) -> None:
    """All that was counted counts now, readers get a summary of now, and a second repair finds nothing."""
    keys = BrandKeys.of(future_brand)
    before = redis_client.hgetall(keys.meta)
    result = invoke("repair", future_brand)
    assert result.exit_code == 0, result.output
    assert "1 chunks with 3 mentions and 1 stories from there count in the present" in result.stdout
    told = summary(redis_client, future_brand)
    assert (told["totalChunks"], told["totalMentions"], told["version"]) == (1, 3, 2)
    assert told["windowEnd"][:4] == time.strftime("%Y", time.gmtime())
    after = redis_client.hgetall(keys.meta)
    assert int(after[b"epoch"]) > int(before[b"epoch"])
    assert int(after[b"due"]) < (time.time() + 86_400) * 1_000  # it was due in the future, too
    assert not redis_client.exists(keys.lock)
    again = invoke("repair", future_brand)
    assert again.exit_code == 0
    assert "needs no repair" in again.stderr
    assert [act.action for act in read_audit(redis_client, 10) if act.brand == future_brand] == ["repair", "repair"]


def test_repair_can_be_tried(invoke: Invoke, future_brand: str, redis_client: redis.Redis) -> None:
    """A dry run says the same, changes neither state nor summary, and gives the lease back."""
    keys = BrandKeys.of(future_brand)
    before = redis_client.hgetall(keys.state)
    result = invoke("repair", future_brand, "--dry-run")
    assert result.exit_code == 0
    assert "its state lies in the future (2" in result.stdout
    assert "Nothing was changed." in result.stderr
    assert [act for act in read_audit(redis_client, 10) if act.brand == future_brand] == []
    assert redis_client.hgetall(keys.state) == before
    assert not redis_client.exists(keys.summary, keys.lock)


def test_repair_leaves_a_busy_brand_alone(
    invoke: Invoke, future_brand: str, redis_client: redis.Redis, store: Store
) -> None:
    """A brand that somebody works on is not repaired beside him."""
    lease = store.acquire(future_brand, "u" * 32)
    before = redis_client.hgetall(BrandKeys.of(future_brand).state)
    result = invoke("repair", future_brand)
    store.release(lease)
    assert result.exit_code == 1
    assert "leased by another orchestrator" in result.stderr
    assert redis_client.hgetall(BrandKeys.of(future_brand).state) == before


@pytest.fixture
def present_brand(brand: str, store: Store) -> str:
    """Return a brand with one commit."""
    now_ms = time.time_ns() // 1_000_000
    state = BrandState.empty(FoldConfig())
    new = Ledger().take(decode_batch([chunk(brand, "c-1")], brand), now_ms)
    state.fold(new.batch, now_ms)
    changes = state.take_changes()
    lease = store.acquire(brand, "t" * 32)
    store.commit(lease, Commit("cid-1", "", 1, put=changes.put, digests=new.change))
    store.release(lease)
    return brand


def test_repair_begins_damaged_numbers_anew(invoke: Invoke, present_brand: str, redis_client: redis.Redis) -> None:
    """Every one is named with its value; what was counted stays, and the brand is due at once."""
    keys = BrandKeys.of(present_brand)
    redis_client.hset(keys.meta, mapping={"epoch": "inf", "attempts": "9223372036854775807", "cid": b"\xff\x1b"})
    tried = invoke("repair", present_brand, "--dry-run")
    assert "'cid' in meta was b'\\xff" in tried.stdout
    assert redis_client.hget(keys.meta, "epoch") == b"inf"
    result = invoke("repair", present_brand)
    assert result.exit_code == 0, result.output
    assert [line.split(" in meta was ")[0].split()[-1] for line in result.stdout.splitlines()] == [
        "'cid'",
        "'epoch'",
        "'attempts'",
    ]
    assert redis_client.hget(keys.meta, "due") == b"1"
    assert redis_client.hlen(keys.state) == int(redis_client.hget(keys.meta, "fields") or 0)
    assert "needs no repair" in invoke("repair", present_brand).stderr


@pytest.mark.parametrize("part", ["state", "digests0"])
def test_repair_accepts_a_loss_only_if_it_is_told_to(
    invoke: Invoke, present_brand: str, redis_client: redis.Redis, part: str
) -> None:
    """It is named, with what there is to do; then what is there is what counts."""
    keys = BrandKeys.of(present_brand)
    redis_client.delete(getattr(keys, part))
    refused = invoke("repair", present_brand)
    assert refused.exit_code == 1
    assert "repair --accept-loss" in refused.stderr
    assert redis_client.hexists(keys.meta, "fields")
    result = invoke("repair", present_brand, "--accept-loss")
    assert result.exit_code == 0, result.output
    assert "has the size 0, its last commit left" in result.stdout
    assert redis_client.hget(keys.meta, "due") == b"1"
    assert "needs no repair" in invoke("repair", present_brand).stderr


def test_repair_accepts_digests_of_another_checksum_only_if_it_is_told_to(
    invoke: Invoke, present_brand: str, redis_client: redis.Redis
) -> None:
    """The length is right, the content is not: nobody works on the brand until somebody says yes to what is there."""
    keys = BrandKeys.of(present_brand)
    redis_client.setrange(keys.digests0, 3, b"\xff\xfe")
    refused = invoke("repair", present_brand)
    assert refused.exit_code == 1
    assert "the younger generation of digests has the checksum" in refused.stderr
    assert "checksum" in invoke("repair", present_brand, "--accept-loss", "--dry-run").stdout
    assert redis_client.hexists(keys.meta, "check0")
    assert "checksum" in invoke("repair", present_brand, "--accept-loss").stdout
    assert not redis_client.hexists(keys.meta, "check0")
    assert "needs no repair" in invoke("repair", present_brand).stderr


def test_repair_goes_on_without_stories_where_segments_are_lost(
    invoke: Invoke, brand: str, redis_client: redis.Redis, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is told to: stories go, sums stay, and what of their segments is left goes, too."""
    monkeypatch.setattr(segments, "LARGE_BYTES", 40)
    now_ms = time.time_ns() // 1_000_000
    state = BrandState.empty(FoldConfig())
    lease = store.acquire(brand, "t" * 32)
    for number, cid in enumerate(("", "cid-1", "cid-2")):
        state.fold(decode_batch([chunk(brand, f"c-{number}")], brand, hashing=state.hashing), now_ms)
        changes = state.take_changes()
        store.commit(lease, Commit(f"cid-{number + 1}", cid, number + 1, put=changes.put, remove=changes.remove))
    store.release(lease)
    keys = BrandKeys.of(brand)
    redis_client.hdel(keys.segments, "cid-2:s:1")
    refused = invoke("repair", brand)
    assert refused.exit_code == 1
    assert "repair --accept-loss" in refused.stderr
    result = invoke("repair", brand, "--accept-loss")
    assert result.exit_code == 0, result.output
    assert "1 segments are lost or damaged" in result.stdout
    told = summary(redis_client, brand)
    assert (told["totalChunks"], told["totalMentions"], told["clusters"]) == (3, 9, [])
    assert (redis_client.hlen(keys.segments), redis_client.hget(keys.meta, "segments")) == (0, b"0")
    lease = store.acquire(brand, "u" * 32)
    state = BrandState.load(FoldConfig(), store.load_state(lease))
    state.fold(decode_batch([chunk(brand, "c-4")], brand, hashing=state.hashing), now_ms)
    assert state.story_count == 1
    store.release(lease)
    assert "needs no repair" in invoke("repair", brand).stderr
