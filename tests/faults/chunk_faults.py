"""Campaigns with chunks that are no chunks, or that kill the process that folds them."""

from __future__ import annotations

import json
import random
import resource
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from orchestrator.contract.keys import BrandKeys
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import POLL_S, eventually
from tests.faults.process_faults import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
MAX_GROWTH_BYTES = 64 * MIB
BATCH = 2_000
WARM_UP_SHARE = 5
"""The first fifth of the payloads brings memory to its usual level: the largest batches are some megabytes."""

PATIENCE_S = {"segfault": 60, "allocate": 60, "hang": 180}
"""A hanging step is given up after a while, once, and its trial has twenty seconds of its own."""

ADDRESS_SPACE_BYTES = 3 << 29  # 1.5 GiB: half of what the allocating chunk wants
HOSTILE = (
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"chunkId":"x","brand":"fuzz","sentiment":{"score":' + b"9" * 5_000 + b'},"clusters":[]}',
    b'{"chunkId":"x","brand":"fuzz","sentiment":{"score":1e999},"clusters":[]}',
    b'{"chunkId":"x","brand":"fuzz","sentiment":{"score":NaN},"clusters":[]}',
    b'{"chunkId":"x","brand":"fuzz","sentiment":{"score":-Infinity},"clusters":[]}',
    b'{"chunkId":"\xff\xfe","brand":"fuzz","sentiment":{"score":1},"clusters":[]}',
    b'{"chunkId":"\\ud800","brand":"fuzz","sentiment":{"score":1},"clusters":[]}',
    b'{"chunkId":"d1","chunkId":"d2","brand":"fuzz","sentiment":{"score":1},"clusters":[]}',
    b'{"chunkId":"n","brand":"fuzz","sentiment":{"score":1},"clusters":[],"meta":{"mentionCount":-1}}',
    b"\x00" * 100,
    b"",
)


def fuzz_payloads(folder: Path, *, seed: int, payloads: int, huge: int = 3) -> Figures:
    """Mutated JSON, hostile constructions and up to 20 MB of it: no crash, nothing lost, no growth."""
    settings = {"FAILED_MAX_ENTRIES": "10000000", "MAX_STORIES": "200", "LOCK_TTL_SEC": "6", "REDIS_TIMEOUT_SEC": "2"}
    with arena(folder, seed, size=0, brands=["fuzz"]) as world, world.recruit(folder, **settings) as orchestrator:
        working(world)
        maker = _mutants(seed)
        pushed = 0
        while pushed < payloads // WARM_UP_SHARE:
            pushed += _push(world, [next(maker) for _ in range(BATCH)])
            world.drain()
        before = _memory_bytes(orchestrator.process.pid if orchestrator.process else 0)
        while pushed < payloads:
            pushed += _push(world, [next(maker) for _ in range(min(BATCH, payloads - pushed))])
            world.drain()
        growth = _memory_bytes(orchestrator.process.pid if orchestrator.process else 0) - before
        for number in range(huge):
            _push(world, [b'{"chunkId":"' + b"x" * (20 * MIB - number)])
        world.drain()
        assert orchestrator.running
        metrics = _metrics(orchestrator.logged("serving")[-1]["metrics_port"])
        with world.server.client() as client:
            summary = json.loads(client.get(BrandKeys.of("fuzz").summary) or b"{}")
            failed = int(client.llen(BrandKeys.of("fuzz").failed))
        folded, duplicates = summary["totalChunks"], int(metrics["orchestrator_chunks_duplicate_total"])
        assert pushed + huge == folded + duplicates + failed
        assert growth < MAX_GROWTH_BYTES, f"memory grew by {growth / MIB:.0f} MiB"
        return {
            "payloads": pushed + huge,
            "crashes": 0,
            "folded": folded,
            "duplicates": duplicates,
            "dead letters": failed,
            "memory growth MiB": round(growth / MIB, 1),
        }


def _push(world: Arena, items: list[bytes]) -> int:
    with world.server.client() as client:
        client.rpush(BrandKeys.of("fuzz").queue, *items)
    return len(items)


def _mutants(seed: int) -> Iterator[bytes]:
    """An endless stream of chunks, most of them damaged."""
    draw = random.Random(seed)  # noqa: S311 - reproducible fuzz, no secrets
    number = 0
    while True:
        number += 1
        document: dict[str, Any] = {
            "chunkId": f"f{number if draw.random() < 0.9 else draw.randint(1, number)}",
            "brand": "fuzz",
            "processedAt": draw.choice(["2025-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "soon", None]),
            "sentiment": {"positive": draw.choice([1, 0.5, None]), "score": draw.choice([1, 2.5, 0])},
            "topics": draw.choice([["a"], None, ["a", "B"], []]),
            "clusters": [_cluster(draw) for _ in range(draw.randint(0, 2))],
        }
        kind = draw.random()
        if kind < 0.02:
            yield draw.choice(HOSTILE)
            continue
        if kind < 0.3:
            document.pop(draw.choice(list(document)))
        elif kind < 0.5:
            document[draw.choice(list(document))] = draw.choice([None, [], {}, "", 0, -1, True, [[]], {"a": {}}])
        text = bytearray(json.dumps(document, ensure_ascii=draw.random() < 0.5).encode())
        if kind > 0.6:
            for _ in range(draw.randint(1, 4)):
                text[draw.randrange(len(text))] = draw.randrange(256)
        if kind > 0.9:
            del text[draw.randrange(len(text)) :]
        yield bytes(text)


def _cluster(draw: random.Random) -> dict[str, Any]:
    label = draw.choice(["red shoes", "blue shoes", "\u0000", "ß" * 50, "zero\u200bwidth"])
    return {"id": "1", "label": label, "mentions": ["m"], "mentionCount": draw.choice([0, 2, 2.0, None])}


def _memory_bytes(pid: int) -> int:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * resource.getpagesize()


def _metrics(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def poison(folder: Path, *, seed: int, actions: tuple[str, ...], innocents: int = 200) -> Figures:
    """Chunks that crash, hang or bloat the fold: they alone are quarantined, and their neighbours are folded."""
    started = time.monotonic()
    with arena(folder, seed, size=0, brands=["nike", "puma"], garbage_rate=0.0) as world:
        killers = []
        for number, action in enumerate(actions):
            world.push(innocents)
            killer = push_killer(world, f"poison:{action}:{number}")
            killers.append(killer)
        world.push(innocents)
        recruit = world.recruit(
            folder, ORCHESTRATOR_FAILPOINTS="chunk", RETRY_BACKOFF_BASE="1.1", CONCURRENCY_LIMIT="5"
        )
        recruit.memory_bytes = ADDRESS_SPACE_BYTES
        deaths = 0
        with recruit:
            deadline = time.monotonic() + 60 + sum(PATIENCE_S[action] for action in actions)
            while world.backlog() and time.monotonic() < deadline:
                if not recruit.running:
                    deaths += 1
                    recruit.restart()
                time.sleep(POLL_S)
            assert world.backlog() == 0, "the queues did not drain"
        figures = check_quarantine(world, killers)
        given_up = [entry for entry in recruit.logged("lane failed") if "step took longer" in entry["reason"]]
        figures |= {"steps given up": len(given_up)} if "hang" in actions else {}
        return {"deaths": deaths, "s": round(time.monotonic() - started, 1), **figures, **world.verify()}


def push_killer(world: Arena, chunk_id: str, *, queue: bool = True) -> bytes:
    """Push one chunk that kills, if it is to be in the *queue* already; the book does not want it folded."""
    book = world.traffic.books["nike"]
    chunk = {"chunkId": chunk_id, "brand": "nike", "sentiment": {"score": 1}, "clusters": []}
    item = json.dumps(chunk).encode()
    if queue:
        with world.server.client() as client:
            client.rpush(BrandKeys.of("nike").queue, item)
    book.garbage[item] += 1
    return item


def check_quarantine(world: Arena, killers: list[bytes]) -> Figures:
    """Of the dead letters of nike: exactly the killers, each as poison."""
    with world.server.client() as client:
        letters = [json.loads(entry) for entry in client.lrange(BrandKeys.of("nike").failed, 0, -1)]
    reasons = [letter["reason"] for letter in letters]
    assert sorted(letter["payload"].encode() for letter in letters) == sorted(killers)
    assert reasons == ["poison"] * len(killers)
    return {"poison": len(killers), "quarantined": len(letters), "innocents quarantined": 0}


FAILPOINTS = ("acquired", "opened", "peeked", "began", "folded", "prepared", "committed")


def die_at_every_step(folder: Path, *, seed: int) -> Figures:
    """At each step of a lane one process dies, exactly there, and another one goes on."""
    with arena(folder, seed, size=0) as world:
        world.push(3_000)
        for point in FAILPOINTS:
            victim = world.recruit(folder, ORCHESTRATOR_FAILPOINTS=f"session.{point}=kill@2")
            with victim:
                eventually(lambda: not victim.running, within_s=30, what=f"it dies at {point}")  # noqa: B023
            world.push(600)
        with world.recruit(folder):
            drained_s = world.drain()
        return {"deaths": len(FAILPOINTS), "drained s": round(drained_s, 1), **world.verify()}
