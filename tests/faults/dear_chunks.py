"""A campaign with chunks that are made to be dear: valid ones of the largest size, while a neighbour wants its summary.

Three kinds, all found by attack: mention ids that meet in one slot if they are hashed without a key, labels whose
normal form takes the square of their length, and labels that share words with everybody. What such a chunk costs is
asserted by counting looks into tables, and by who was answered at all; how long somebody waited is told, because that
is a matter of the machine as well.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from orchestrator.contract.decode import decode_batch
from orchestrator.contract.keys import BrandKeys
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import Orchestrator, eventually
from tests.faults.process_faults import working
from tests.kernels.test_work import crafted_ids, random_ids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLUSTERS = 10
PAUSE_S = 0.02
PROBE_S = 30.0
"""A probe that is not answered by then is one that is not answered."""

LEAST = 20
"""Chunks of the neighbour in each part of the campaign: without others, beside usual ones, beside dear ones."""

DRAIN_S = 240.0
SETTINGS = {"LOCK_TTL_SEC": "6", "REDIS_TIMEOUT_SEC": "2"}


def push_dear(folder: Path, *, seed: int, chunks: int, ids: int, labels: int) -> Figures:
    """Dear chunks are folded like all others, nobody is turned away, and their ids cost what random ones do.

    Args:
        folder: of the processes.
        seed: of the campaign.
        chunks: of each kind.
        ids: in each of ten clusters.
        labels: of a chunk that is made of labels.
    """
    work = _walked(crafted_ids(ids)) / _walked(random_ids(ids))
    assert work < 2, f"crafted ids cost {work:.1f} times as many looks as random ones"
    with arena(folder, seed, size=0, brands=["dear", "puma"], garbage_rate=0.0) as world:
        # All are made before anything is timed: whoever makes megabytes of JSON keeps the watchers' threads waiting.
        usual = [_item(world, f"usual{n}", _of_ids(random_ids(ids))) for n in range(chunks)]
        bodies = {"ids": _of_ids(crafted_ids(ids)), "marks": _marked(labels), "words": _common(world, labels)}
        dear = [_item(world, f"{kind}{n}", body) for n in range(chunks) for kind, body in bodies.items()]
        with world.recruit(folder, **SETTINGS) as recruit:
            working(world)
            before = _watched(world, recruit, [])
            beside = _watched(world, recruit, usual)
            under = _watched(world, recruit, dear)
            assert recruit.logged("lane failed") == []
            assert recruit.logged("suspect chunks tried") == []
        return {
            "dear chunks": len(dear),
            "largest MB": round(max(map(len, dear)) / 1e6, 1),
            "work of crafted to random ids": round(work, 2),
            "probes failed": 0,
            **{f"quiet: {name}": told for name, told in before.items()},
            **{f"random ids: {name}": told for name, told in beside.items()},
            **{f"dear: {name}": told for name, told in under.items()},
            "load": round(os.getloadavg()[0], 1),
            **world.verify(),
        }


def _watched(world: Arena, recruit: Orchestrator, items: Sequence[bytes]) -> Figures:
    """Push *items* of the dear brand, and tell how long others waited until they were folded."""
    with Neighbour(world) as neighbour, Prober(recruit) as prober:
        started, cpu_s = time.monotonic(), _cpu_s(recruit)
        with world.server.client() as client:
            for item in items:
                client.rpush(BrandKeys.of("dear").queue, item)
            eventually(lambda: not client.llen(BrandKeys.of("dear").queue), within_s=DRAIN_S, what="they are folded")
        took_s, cpu_s = time.monotonic() - started, _cpu_s(recruit) - cpu_s
        eventually(lambda: len(neighbour.waited_s) >= LEAST, within_s=DRAIN_S, what="the neighbour is served")
    assert prober.failed == []
    return {
        "s": round(took_s, 1),
        "cpu s": round(cpu_s, 1),
        "probes": len(prober.waited_s),
        **{f"livez {name}": told for name, told in _told(prober.waited_s).items()},
        **{f"neighbour {name}": told for name, told in _told(neighbour.waited_s).items()},
    }


class _Watcher:
    """Something that is done again and again on a thread of its own, and timed."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []
        self.failed: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_ended: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_S):
            started = time.monotonic()
            try:
                self.once()
            except OSError as error:
                self.failed.append(repr(error))
            self.waited_s.append(time.monotonic() - started)

    def once(self) -> None:
        """What is timed."""
        raise NotImplementedError


class Prober(_Watcher):
    """Asks whether the process lives."""

    def __init__(self, recruit: Orchestrator) -> None:
        super().__init__()
        self._port = recruit.logged("serving")[-1]["http_port"]

    def once(self) -> None:
        """One probe."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/livez", timeout=PROBE_S) as reply:
            assert reply.status == 200


class Neighbour(_Watcher):
    """Pushes one small chunk of another brand and waits for its commit."""

    def __init__(self, world: Arena) -> None:
        super().__init__()
        self._world = world
        self._client = world.server.client()

    def __exit__(self, *ended: object) -> None:
        super().__exit__(*ended)
        self._client.close()

    def once(self) -> None:
        """From push to commit: that is what takes a chunk off the queue."""
        queue = BrandKeys.of("puma").queue
        self._client.rpush(queue, self._world.traffic.make("puma"))
        deadline = time.monotonic() + DRAIN_S
        while self._client.llen(queue):
            assert time.monotonic() < deadline, "a chunk of the neighbour was not committed"
            time.sleep(0.002)


def _item(world: Arena, chunk_id: str, clusters: list[dict[str, Any]]) -> bytes:
    """One chunk of the dear brand, entered into its book."""
    book = world.traffic.books["dear"]
    chunk = {
        "chunkId": chunk_id,
        "brand": "dear",
        "sentiment": {"positive": 1, "neutral": 1, "negative": 1, "score": 1},
        "meta": {"mentionCount": world.random.randint(1, 10**6)},
        "clusters": clusters,
    }
    book.chunks[chunk_id] = chunk
    book.items.append(json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode())
    return book.items[-1]


def _of_ids(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Ten clusters with the same ids."""
    return [_cluster(f"recall {number}", texts) for number in range(CLUSTERS)]


def _marked(labels: int) -> list[dict[str, Any]]:
    """Labels that are long runs of combining marks out of order, and of letters that stand for eighteen."""
    runs = ["a" + "\u0301\u0323" * 2_000, "\ufdfa" * 1_300]
    return [_cluster(f"{runs[n % 2]}{n}", [f"m{n}"]) for n in range(labels // 10)]


def _common(world: Arena, labels: int) -> list[dict[str, Any]]:
    """Labels of sixty words from a pool of 128: each has words in common with each."""
    pool = [f"{first}{second}" for first in "bcdfghjklmnpqrst" for second in "bcdfghjk"]
    return [_cluster(" ".join(world.random.sample(pool, 60)), [f"m{n}"]) for n in range(labels)]


def _cluster(label: str, mentions: Sequence[str]) -> dict[str, Any]:
    return {"id": "1", "label": label, "mentions": mentions}


def _walked(texts: Sequence[str]) -> int:
    """Slots that were passed while a chunk of these ids was read."""
    chunk = {"chunkId": "c", "brand": "b", "sentiment": {"score": 0}, "clusters": _of_ids(texts)}
    item = json.dumps(chunk).encode()
    return decode_batch([item], "b").mentions.walked


def _told(waited_s: Sequence[float]) -> Figures:
    """Median, 99th percentile and the longest, in ms."""
    ranks = {"median": 0.5, "p99": 0.99, "most": 1.0}
    ordered = sorted(waited_s)
    return {f"{name} ms": round(1e3 * ordered[int(share * (len(ordered) - 1))]) for name, share in ranks.items()}


def _cpu_s(recruit: Orchestrator) -> float:
    """Processor time of a process so far."""
    assert recruit.process is not None
    with open(f"/proc/{recruit.process.pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
