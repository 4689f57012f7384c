"""The archivist and kill -9: a real service dies at each of its steps, and the next one brings it to the end.

Each death is a failpoint, so that it happens exactly there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import redis
import trio

from orchestrator.contract.keys import BrandKeys
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.store.pauses import pause, resume
from tests.archivist.recount import Recounted, recount, waits
from tests.lane.support import item
from tests.polling import until
from tests.redis_server import RedisServer
from tests.service_process import running_service

DEADLINE_S = 120.0  # for defects only
BRAND = "nike"
QUEUE = BrandKeys.of(BRAND).queue
SETTINGS = {"ARCHIVE_INTERVAL_SEC": "1", "LOCK_TTL_SEC": "1", "BRAND_REFRESH_INTERVAL_SEC": "1"}


def settled(client: redis.Redis) -> bool:
    """Whether all that was pushed is folded and in the archive."""
    return not client.llen(QUEUE) and bool(client.hget(BrandKeys.of(BRAND).meta, "cid")) and not waits(client, [BRAND])


async def recounted(client: redis.Redis, url: str) -> Recounted:
    """What the archive has, while nobody commits."""
    pause(client, [BRAND], by="a test")
    await until(lambda: settled(client))
    with Objects.open(url) as objects:
        return recount(client, objects, BRAND)


@pytest.mark.parametrize("step", ["noted", "put", "removed"])  # all steps, without processes: test_schedules.py
async def test_what_was_consumed_survives_a_kill_at_every_step(tmp_path: Path, step: str) -> None:
    """Once in the archive, in the order of the queue; the state is its fold byte for byte."""
    url = f"file://{tmp_path}/archive"
    pushed = [item(BRAND, f"c{number}") for number in range(5)]
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        client.sadd("brands:set", BRAND)
        fails = f"archivist.{step}=kill"
        async with running_service(
            tmp_path, server.url, ARCHIVE_URL=url, ORCHESTRATOR_FAILPOINTS=fails, **SETTINGS
        ) as killed:
            await killed.logged("serving")
            client.rpush(QUEUE, *pushed)
            await killed.ended()
        assert bool(waits(client, [BRAND])) == (step != "removed")
        async with running_service(tmp_path, server.url, ARCHIVE_URL=url, **SETTINGS) as after:
            await after.logged("serving")
            last = item(BRAND, "last")
            client.rpush(QUEUE, last)
            await until(lambda: settled(client))
            found = await recounted(client, url)
    assert [one.payload for one in found.items] == [*pushed, last]
    assert found.dead == 0


async def test_the_archive_of_a_brand_that_has_a_state_begins_with_a_base(tmp_path: Path) -> None:
    """Put before the first record, with a kill right after it; from there on the live state is the fold."""
    url = f"file://{tmp_path}/archive"
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        client.sadd("brands:set", BRAND)
        async with running_service(tmp_path, server.url, **SETTINGS):
            client.rpush(QUEUE, item(BRAND, "before"))
            await until(lambda: client.exists(BrandKeys.of(BRAND).summary))
        assert not waits(client, [BRAND])  # without an archive nothing is kept
        async with running_service(
            tmp_path, server.url, ARCHIVE_URL=url, ORCHESTRATOR_FAILPOINTS="archivist.based=kill", **SETTINGS
        ) as killed:
            client.rpush(QUEUE, item(BRAND, "first"))
            await killed.ended()
        async with running_service(tmp_path, server.url, ARCHIVE_URL=url, **SETTINGS):
            client.rpush(QUEUE, item(BRAND, "second"))
            await until(lambda: not client.llen(QUEUE))
            pause(client, [BRAND], by="a test")
            await until(lambda: settled(client))
            with Objects.open(url) as objects:
                archive = BrandArchive(objects, BRAND)
                cid = client.hget(BrandKeys.of(BRAND).meta, "cid")
                assert isinstance(cid, bytes)
                way = archive.way_to(cid.decode())
                base = way.base
                assert base is not None
                chunks = [json.loads(one.payload)["chunkId"] for record in way.records for one in record.items]
                assert chunks in (["second"], [])  # the base may be of either commit
                # One was put before the kill; the next process sees it and needs no other.
                assert 1 <= len(archive.bases()) <= 2
            resume(client, [BRAND])


async def test_an_idle_service_with_an_archive_ends_at_once(tmp_path: Path) -> None:
    """Nothing is in hand, so nothing is waited for."""
    with RedisServer() as server, trio.fail_after(DEADLINE_S):
        async with running_service(tmp_path, server.url, ARCHIVE_URL=f"file://{tmp_path}/archive") as service:
            await service.logged("serving")
            started_s = time.monotonic()
            assert await service.stop() == 0
    assert service.lines[-1]["message"] == "stopped"
    assert started_s
