"""A real Prometheus scrapes a real service whose lanes nobody holds, and its alert fires; then it ends.

The rules are those of ``deploy/alerts.yml``, all of them, with seconds in place of minutes.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from orchestrator.contract.keys import BrandKeys
from tests.redis_server import RedisServer
from tests.service_process import running_service

PROMETHEUS = shutil.which("prometheus")
RULES = Path(__file__).parent.parent / "deploy" / "alerts.yml"
DEADLINE_S = 300.0  # for defects only: it takes seconds on an idle machine
LOCK_TTL_S = 600

pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not on PATH (Debian: prometheus)")


def quick(rules: str) -> str:
    """*rules* with a window of 15 s and a wait of 1 s wherever they have minutes."""
    return re.sub(r"^(        for: )\d+[mh]$", r"\g<1>1s", re.sub(r"\[\d+[mhd]\]", "[15s]", rules), flags=re.MULTILINE)


def free_port() -> int:
    """A port that nobody has, for a program that cannot choose one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """A Prometheus that scrapes *target* every second; its address."""
    assert PROMETHEUS is not None
    (folder / "alerts.yml").write_text(quick(RULES.read_text()))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "orchestrator", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            [
                PROMETHEUS,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def firing(url: str) -> set[str]:
    """Names of the alerts that fire there; none while it does not answer yet."""
    async with httpx2.AsyncClient(timeout=10) as client:
        try:
            answer: Any = (await client.get(f"{url}/api/v1/alerts")).json()
        except (httpx2.HTTPError, ValueError):
            return set()
    return {one["labels"]["alertname"] for one in answer["data"]["alerts"] if one["state"] == "firing"}


async def until_firing(url: str, name: str, *, fires: bool) -> None:
    """Return once the alert *name* fires, or does not any more."""
    with trio.fail_after(DEADLINE_S):
        while (name in await firing(url)) is not fires:  # noqa: ASYNC110 - another program sets no event
            await trio.sleep(0.2)


async def test_stalled_fires_while_nobody_holds_a_lane_and_ends_with_the_first_commit(tmp_path: Path) -> None:
    """Two brands with chunks under locks of nobody who works: the service lives, is scraped, and commits nothing."""
    with RedisServer() as server, server.client() as client:
        for brand in ("acme", "nike"):
            client.sadd("brands:set", brand)
            client.set(BrandKeys.of(brand).lock, "nobody", px=LOCK_TTL_S * 1000)
            for number in range(3):
                chunk: dict[str, Any] = {
                    "chunkId": f"{brand} {number}",
                    "brand": brand,
                    "sentiment": {"score": 0.5},
                    "clusters": [],
                }
                client.rpush(BrandKeys.of(brand).queue, json.dumps(chunk))
        async with running_service(tmp_path, server.url, LOCK_TTL_SEC=str(LOCK_TTL_S)) as service:
            serving = await service.logged("serving")
            async with prometheus(tmp_path, f"127.0.0.1:{serving['metrics_port']}") as url:
                await until_firing(url, "OrchestratorStalled", fires=True)
                assert not {"OrchestratorDown", "OrchestratorAbsent", "OrchestratorUnscraped"} & await firing(url)
                lag = (await service.get("/v1/lag")).json()
                assert (lag["chunks"], lag["brands"]) == (6, 2)
                client.delete(*(BrandKeys.of(brand).lock for brand in ("acme", "nike")))
                await until_firing(url, "OrchestratorStalled", fires=False)
