"""A campaign of rebuilds under other settings while chunks come, orchestrators are killed, and readers look on.

Each rebuild is the command as an operator runs it, in processes of its own, one of which is killed as well. What
readers saw is judged afterwards: of each brand a summary must be that of a fold from scratch of some first chunks,
under the old settings up to the version before the swap and under the new ones from it on.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.times import read_time
from tests.cluster_servers import ClusterServers
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.cluster_faults import cluster_arena, settled
from tests.faults.process_faults import working
from tests.faults.traffic import Book, comparable, fold_of, is_garbage
from tests.rebuild import dask_processes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

NAME: Final = "LABEL_SIMILARITY_THRESHOLD"
THRESHOLDS: Final = (0.175, 0.6)
"""Labels of the traffic are two words of twelve: with one word in common they join under the first, not the second."""

_PUSH_S: Final = 0.2
_LOOK_S: Final = 0.02
_NEAR: Final = 4
_REBUILD_S: Final = 240.0


def rebuild_under_traffic(folder: Path, *, seed: int, rebuilds: int) -> Figures:
    """Rebuild all brands *rebuilds* times, to the one threshold and back."""
    archive = _archive(folder)
    with arena(folder, seed, size=2, garbage_rate=0.0, **archive) as world:
        working(world)
        return _rebuilt(world, archive, rebuilds, _Processes()) | world.verify(in_order=False)


def rebuild_on_dask(folder: Path, *, seed: int, rebuilds: int) -> Figures:
    """The same by workers of a Dask that is there already, one of which is killed each time."""
    archive = _archive(folder)
    with (
        arena(folder, seed, size=2, garbage_rate=0.0, **archive) as world,
        dask_processes.cluster() as (port, workers),
        ExitStack() as stack,
    ):
        working(world)
        return _rebuilt(world, archive, rebuilds, _Workers(port, workers, stack)) | world.verify(in_order=False)


def rebuild_on_a_cluster(folder: Path, *, seed: int, rebuilds: int, executor: str = "process") -> Figures:
    """The same where what readers see is in other slots than what is committed, and follows the commits."""
    archive = _archive(folder)
    with ClusterServers() as servers, cluster_arena(folder, seed, servers, settings=archive) as world:
        return _rebuilt(world, archive, rebuilds, _Processes(executor)) | settled(world)


def _archive(folder: Path) -> dict[str, Any]:
    return {"ARCHIVE_URL": (folder / "archive").as_uri(), "ARCHIVE_INTERVAL_SEC": "1"}


class _Engine(Protocol):
    """What folds.

    Attributes:
        executor: as the command is told of it.
    """

    executor: str

    def kill_one(self, world: Arena, command: subprocess.Popen[str]) -> int:
        """Kill -9 of one process that folds while *command* runs; how many were killed."""


@dataclass
class _Processes:
    """Processes of the command's own; none where it folds itself (``local``)."""

    executor: str = "process"

    def kill_one(self, world: Arena, command: subprocess.Popen[str]) -> int:
        while not (victims := _children(command.pid)) and command.poll() is None:
            time.sleep(_LOOK_S)
        if not victims:
            return 0
        time.sleep(world.random.uniform(0.0, 1.0))
        world.note(f"kill -9 of a process of the rebuild: {victims[0]}")
        return _killed(victims[0])


class _Workers:
    """Workers of Dask, which serve one rebuild after the other; for one that was killed comes another one."""

    def __init__(self, port: int, workers: Sequence[subprocess.Popen[bytes]], stack: ExitStack) -> None:
        self.executor = f"dask://127.0.0.1:{port}"
        self._address = f"tcp://127.0.0.1:{port}"
        self._workers = list(workers)
        self._stack = stack

    def kill_one(self, world: Arena, command: subprocess.Popen[str]) -> int:
        time.sleep(world.random.uniform(0.0, 4.0))
        if command.poll() is not None:
            return 0
        victim = self._workers.pop(0)
        world.note(f"kill -9 of a worker of Dask: {victim.pid}")
        victim.kill()
        self._workers.append(self._stack.enter_context(dask_processes.worker(self._address)))
        return 1


def _rebuilt(world: Arena, archive: dict[str, str], rebuilds: int, engine: _Engine) -> Figures:
    figures: Figures = {"rebuilds": rebuilds, "workers killed": 0, "summaries seen": 0, "steps": 0, "held": 0}
    world.push(400)
    for number in range(rebuilds):
        before, after = (THRESHOLDS[(number + place) % 2] for place in (0, 1))
        with _Readers(world) as readers, _Pushers(world):
            document = _rebuild(world, archive, after, engine, figures)
            world.note(f"rebuilt with {after}: {[brand['swapped'] for brand in document['brands']]}")
            if number % 2:
                world.fleet[number // 2 % 2].restart()
        world.drain()
        readers.look()
        figures["held"] += sum(brand["swapped"]["held"] for brand in document["brands"])
        for brand in document["brands"]:
            book = world.traffic.books[brand["brand"]]
            seen = _told(readers.seen[book.brand])
            figures["steps"] += _judge(book, seen, brand["swapped"]["version"], (before, after), world.random)
        figures["summaries seen"] += sum(map(len, readers.seen.values()))
    return figures


def _rebuild(world: Arena, archive: dict[str, str], threshold: float, engine: _Engine, figures: Figures) -> Any:
    """The command; one of those that fold is killed meanwhile. What it says."""
    command = [sys.executable, "-m", "orchestrator", "rebuild", "--all", "--set", f"{NAME}={threshold}", "--yes"]
    command += ["--json", "--executor", engine.executor, "--workers", "2"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "VIRTUAL_ENV") if name in os.environ}
    told = kept | archive | {"REDIS_URL": world.server.url}
    told["PYTHONPATH"] = str(Path(__file__).parents[2])
    with subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        figures["workers killed"] += engine.kill_one(world, process)
        out, err = process.communicate(timeout=_REBUILD_S)
    assert process.returncode == 0, f"exit code {process.returncode}: {err[-2000:]}"
    return json.loads(out)


def _killed(pid: int) -> int:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _children(pid: int) -> list[int]:
    """Processes that it spawned to fold; the one that looks after their resources is none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in command:
            found.append(int(folder.name))
    return found


@dataclass
class _Readers:
    """Someone who reads all summaries all the time."""

    world: Arena
    seen: dict[str, list[bytes]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.seen = {brand: [] for brand in self.world.traffic.books}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _read(self) -> None:
        with self.world.server.client() as client:
            while not self._over.wait(_LOOK_S):
                self._look(client)

    def look(self) -> None:
        """Read them once."""
        with self.world.server.client() as client:
            self._look(client)

    def _look(self, client: redis.Redis) -> None:
        for brand, seen in self.seen.items():
            summary: Any = client.get(BrandKeys.of(brand).summary)
            if summary is not None and seen[-1:] != [summary]:
                seen.append(summary)


@dataclass
class _Pushers:
    """Workers who push all the time."""

    world: Arena
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._push)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _push(self) -> None:
        while not self._over.wait(_PUSH_S):
            self.world.push(8)


def _told(seen: Sequence[bytes]) -> list[tuple[bytes, Any]]:
    """Each summary with what it says."""
    return [(summary, json.loads(summary)) for summary in seen]


def _judge(
    book: Book, seen: Sequence[tuple[bytes, Any]], swap: int, thresholds: tuple[float, float], chance: random.Random
) -> int:
    """How many steps readers saw at version *swap*: one; those next to it, and some others, are folded from scratch."""
    for (_, one), (_, other) in pairwise(seen):
        assert other["version"] > one["version"], f"{book.brand}: a summary took the place of a later one"
        assert other["totalChunks"] >= one["totalChunks"], f"{book.brand}: chunks were gone for readers"
    sides = [[each for each in seen if (each[1]["version"] >= swap) is after] for after in (False, True)]
    near = [sides[0][-_NEAR:], sides[1][:_NEAR]]
    for side, threshold in enumerate(thresholds):
        config = FoldConfig(label_similarity_threshold=threshold)
        for summary, document in [*near[side], *chance.sample(sides[side], min(_NEAR, len(sides[side])))]:
            moment = read_time(document["generatedAt"])
            assert moment is not None
            first = Book(book.brand, _first(book, document["totalChunks"]))
            told = f"{book.brand}, version {document['version']}, swapped at {swap}: not the fold under {threshold}"
            assert comparable(summary) == fold_of(first, moment[0], config), told
    return 1


def _first(book: Book, chunks: int) -> list[bytes]:
    """The shortest beginning of what was pushed that has so many different chunks."""
    seen: set[str] = set()
    for place, item in enumerate(book.items):
        if len(seen) == chunks:
            return book.items[:place]
        if not is_garbage(item):
            seen.add(json.loads(item)["chunkId"])
    return book.items
