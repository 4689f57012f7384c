"""What two processes tell of the backlog while they work it off, against the queues themselves.

At full size, 100,000 chunks in 5,000 queues, it is measured: see ``docs/performance.md``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import time

import httpx2
import trio

from orchestrator.contract.keys import BrandKeys
from tests.redis_server import RedisServer
from tests.service_process import DEADLINE_S, ServiceProcess, running_service

BRANDS = 200
CHUNKS = 20
ROUND_S = 10.0  # no round of claims takes so long on any machine that runs tests


@dataclass(frozen=True)
class Scrape:
    """What one process told: by ``/v1/lag`` and, of the same count, by ``/metrics``; None of another count."""

    as_of_s: float
    chunks: int
    exposed: float | None


def chunk(brand: str, number: int) -> str:
    """A chunk without mentions."""
    return json.dumps({"chunkId": f"{brand} {number}", "brand": brand, "sentiment": {"score": 0.5}, "clusters": []})


async def scrape(service: ServiceProcess) -> Scrape | None:
    """What *service* tells, None before it has counted."""
    serving = await service.logged("serving")
    async with httpx2.AsyncClient(timeout=DEADLINE_S) as client:
        before = (await service.get("/v1/lag")).json()
        metrics = (await client.get(f"http://127.0.0.1:{serving['metrics_port']}/metrics")).text
        after = (await service.get("/v1/lag")).json()
    if before["asOf"] is None:
        return None
    exposed = re.search(r"^orchestrator_backlog_chunks (\S+)$", metrics, re.MULTILINE)
    assert exposed is not None
    same = before["asOf"] == after["asOf"]
    as_of_s = datetime.fromisoformat(before["asOf"]).timestamp()
    return Scrape(as_of_s, before["chunks"], float(exposed[1]) if same else None)


async def test_every_scrape_tells_what_waits(tmp_path: Path) -> None:
    """While queues only shrink: no less than they hold after the count, no more than they held before it."""
    keys = [BrandKeys.of(f"Brand {number:03d}") for number in range(BRANDS)]
    with RedisServer() as server, server.client() as client:

        def waiting() -> int:
            with client.pipeline(transaction=False) as pipe:
                for own in keys:
                    pipe.llen(own.queue)
                return sum(pipe.execute())

        client.sadd("brands:set", *(own.brand for own in keys))
        for own in keys:
            client.rpush(own.queue, *(chunk(own.brand, number) for number in range(CHUNKS)))
        sums = [(time(), waiting())]
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
        async with (
            running_service(tmp_path / "a", server.url, CONCURRENCY_LIMIT="2") as first,
            running_service(tmp_path / "b", server.url, CONCURRENCY_LIMIT="2") as second,
        ):
            told: dict[str, list[Scrape]] = {"first": [], "second": []}
            with trio.fail_after(5 * DEADLINE_S):
                while not all(scrapes and scrapes[-1].chunks == 0 for scrapes in told.values()):
                    for name, service in (("first", first), ("second", second)):
                        found = await scrape(service)
                        sums.append((time(), waiting()))
                        if found is not None:
                            told[name].append(found)
                            assert found.chunks >= sums[-1][1]
                            assert found.chunks <= min(
                                held for at_s, held in sums if at_s < found.as_of_s - ROUND_S or held == BRANDS * CHUNKS
                            )
                            assert found.exposed in {None, found.chunks}
                # One count must have been seen at both places; on a busy machine the next one may come in between.
                for name, service in (("first", first), ("second", second)):
                    while all(one.exposed is None for one in told[name]):
                        found = await scrape(service)
                        assert found is not None
                        assert found.exposed in {None, found.chunks}
                        told[name].append(found)
