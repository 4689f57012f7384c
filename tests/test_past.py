"""The past of a running service: what it archived tells what readers saw, and which chunks made it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.contract.times import iso_utc
from tests.lane.support import SAMPLE
from tests.polling import until
from tests.redis_server import RedisServer
from tests.service_process import Updates, running_service
from tests.test_process import queue, totals


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis for one test alone."""
    with RedisServer() as running:
        yield running


async def test_service_tells_what_it_said_and_why(tmp_path: Path, server: RedisServer) -> None:
    """Three commits: each summary comes back byte for byte, and the newest one's story is explained by its chunks."""
    archive = {"ARCHIVE_URL": f"file://{tmp_path}/archive", "ARCHIVE_INTERVAL_SEC": "1"}
    with server.client() as client:
        updates, seen = Updates(client), []
        client.sadd("brands:list", "nike")
        async with running_service(tmp_path, server.url, **archive) as service:
            await service.logged("serving")
            for number in range(1, 4):
                chunk = SAMPLE | {"brand": "nike", "chunkId": f"c{number}", "processedAt": None}
                client.rpush(queue("nike"), json.dumps(chunk))
                await updates.until("nike", partial(_has, number))
                seen.append(_bytes(client))
            records = client.keys("*:records")
            await until(lambda: not client.exists(*records) if records else not client.keys("*:records"))
            for document in seen:
                at = json.loads(document)["generatedAt"]
                found = await service.get(f"/v1/brands/nike/at/{at}")
                assert (found.status_code, found.content) == (200, document), found.text
            newest = json.loads(seen[-1])
            story = newest["clusters"][0]
            told = (await service.get(f"/v1/brands/nike/explain?story={story['id']}")).json()
            assert (told["mentions"], told["explained"], told["older"]) == (story["mentions"],) * 2 + (0,)
            assert [one["chunkId"] for one in told["contributions"]] == ["c3", "c2", "c1"]
            total = (await service.get("/v1/brands/nike/explain")).json()
            assert (total["explained"], total["chunks"]) == (newest["totalMentions"], 3)
            page = await service.get(f"/past/chunks?name=nike&story={story['id']}")
            assert (page.status_code, "c2" in page.text) == (200, True)
            early = await service.get(f"/v1/brands/nike/at/{iso_utc(1_700_000_000_000)}")
            assert early.status_code == 404
        updates.close()


def _has(chunks: int, summary: Any) -> bool:
    return bool(totals(summary)[0] == chunks)


def _bytes(client: redis.Redis) -> bytes:
    document = client.get("summary:brand:nike")
    assert isinstance(document, bytes)
    return document
