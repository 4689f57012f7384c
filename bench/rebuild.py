"""States made again from an archive: in one process, in several, on a Dask cluster, beside the live service.

A private Redis gets chunks of many brands, some with packed centroids and some with texts; the real service folds them
and leaves records, which become an archive in a folder. Then every engine folds all brands again. *work s* is without
the start of processes, *processor s* with it, of all of them, a scheduler's too. Every rebuilt state is compared with
the live one, byte for byte, and its summary with what readers get.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import click
import redis

from bench import _payloads
from bench._harness import Report
from bench._queues import push, wait_until_drained
from bench._service import service
from orchestrator.archive.record import record_of
from orchestrator.archive.snapshot import Snapshot, opened
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.consumed import note_of
from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.cluster import Dask
from orchestrator.rebuild.engines import Engine, Fault, Here, Processes
from orchestrator.rebuild.task import Rebuilt, Task, digest_of, rebuild, state_of
from orchestrator.service import take_snapshot
from orchestrator.settings import Settings
from orchestrator.store import connect
from orchestrator.store.consumed import Consumed
from orchestrator.store.embedded import EmbeddedRedis

WITH_CENTROIDS = 80 / 180
"""Of the chunks of a brand; the others have texts."""

STORIES = 50
COLUMNS = ["engine", "start s", "work s", "chunks/s", "MB/s", "processor s", "of the pool", "as the live state"]


def chunks_of(brand: str, count: int, seed: int) -> Iterator[bytes]:
    """The chunks of a brand, both kinds in turn."""
    first = _payloads.large(round(count * WITH_CENTROIDS), f"{brand}", stories=STORIES, packed=True, seed=seed)
    texts = _payloads.texts(count, f"{brand}", stories=STORIES, seed=seed)
    for number in range(count):
        kind = first if number * WITH_CENTROIDS % 1 < WITH_CENTROIDS else texts
        chunk = next(kind, None) or next(texts)
        # Both kinds count their chunks from 0 on, and no two of a brand may have the same id.
        yield chunk.replace(b'"chunkId":"', b'"chunkId":"%d-' % number, 1)


@click.command()
@click.option("--brands", default=200, show_default=True)
@click.option("--each", default=180, show_default=True, help="Chunks of each brand.")
@click.option("--workers", default=2, show_default=True, help="Processes of the pool, and workers of Dask.")
@click.option("--rounds", default=3, show_default=True, help="Of which the median counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(brands: int, each: int, workers: int, rounds: int, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Chunks a second of a rebuild, engine by engine, beside the live service."""
    measured(brands, each, workers, rounds).show(as_json=as_json)


def measured(brands: int, each: int, workers: int, rounds: int) -> Report:
    """The table."""
    report = Report(f"{brands * each:,} chunks of {brands:,} brands", COLUMNS)
    names = [f"brand-{number:04}" for number in range(brands)]
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis() as server, ExitStack() as stack:
        url = Path(folder, "archive").as_uri()
        client = connect(server.url, timeout_s=60, pool_size=2)
        stack.callback(client.close)
        report.used(client)
        settings = Settings(redis_url=server.url, archive_url=url, archive_outbox_mb=65_536)
        size, live_s, processor_s = _folded_live(client, settings, names, each)
        state = {name: take_snapshot(client, settings, name) for name in names}
        summaries: dict[str, Any] = {name: client.get(BrandKeys.of(name).summary) for name in names}
        archived = _archive(client, settings, names)
        engines: list[Engine] = [Here(), Processes(workers), Dask("dask", workers)]
        runs: dict[str, list[tuple[float, float, float, int]]] = {engine.told: [] for engine in engines}
        for number in range(rounds):
            for engine in engines[number % 3 :] + engines[: number % 3]:
                place = Path(folder, f"{number}-{engine.told}").as_uri()
                tasks = _tasks(settings, place, state)
                runs[engine.told].append(_run(engine, tasks, state, summaries))
        pool = sorted(run[1] for run in runs[engines[1].told])[rounds // 2]
        live = ["the live service, 1 process", "", live_s, brands * each / live_s, size / live_s / 1e6, processor_s]
        report.rows.append([*live, pool / live_s, ""])
        for engine in engines:
            start_s, work_s, spent_s, _ = sorted(runs[engine.told], key=lambda run: run[1])[rounds // 2]
            rates = brands * each / work_s, size / work_s / 1e6
            told = f"{min(run[3] for run in runs[engine.told])} of {brands}"
            report.rows.append([engine.told, start_s, work_s, *rates, spent_s, pool / work_s, told])
        report.notes.append(f"{size / 1e6:,.0f} MB of chunks, {archived / 1e6:,.0f} MB of archive (gzip)")
        report.notes.append("of the pool: work s of the pool over work s of this one; live: Redis's work beside it")
    return report


def _folded_live(client: redis.Redis, settings: Settings, names: Sequence[str], each: int) -> tuple[int, float, float]:
    """Bytes of the chunks, and the seconds, by clock and of the processor, that the service took to fold them."""
    size = sum(
        push(client, f"staged:{name}", islice(chunks_of(name, each, seed), each)) for seed, name in enumerate(names, 1)
    )
    client.sadd("brands:set", *names)
    told = {"ARCHIVE_URL": settings.archive_url, "ARCHIVE_OUTBOX_MB": "65536", "ARCHIVE_INTERVAL_SEC": "3600"}
    with service(settings.redis_url, **told) as process:
        before_s, began = process.cpu_s(), time.perf_counter()
        for name in names:
            client.rename(f"staged:{name}", queue_key(name))
        wait_until_drained(client, names)
        return size, time.perf_counter() - began, process.cpu_s() - before_s


def _archive(client: redis.Redis, settings: Settings, names: Sequence[str]) -> int:
    """Take what waits in Redis to the archive; returns the bytes there."""
    consumed = Consumed(client)
    with Objects.open(settings.archive_url) as objects:
        for name in names:
            if consumed.take(name, "bench", 300) is None:
                raise RuntimeError(f"somebody else archives {name}")
            while kept := consumed.read(name, "bench", 16 << 20):
                note = note_of(kept)
                consumed.note(name, "bench", note)
                BrandArchive(objects, name).put([record_of(name, one.head, one.payloads) for one in kept])
                consumed.remove(name, "bench", note)
            consumed.leave(name, "bench")
        return sum(entry.size for entry in objects.list())


def _tasks(settings: Settings, place: str, state: Mapping[str, Snapshot]) -> list[Task]:
    keys = {name: opened(snapshot, FoldConfig())[0].hashing.key for name, snapshot in state.items()}
    return [
        Task(settings.archive_url, place, name, snapshot.cid, hash_key=keys[name]) for name, snapshot in state.items()
    ]


def _run(
    engine: Engine, tasks: Sequence[Task], state: Mapping[str, Snapshot], summaries: Mapping[str, bytes]
) -> tuple[float, float, float, int]:
    """Seconds of the start and of the work, of the processor for both, and how many states are the live ones."""
    began, spent = time.perf_counter(), _spent_s()
    results: dict[str, Rebuilt | Fault] = {}
    first_s = 0.0
    for task, result in engine.run(rebuild, tasks):
        if not results:
            first_s = time.perf_counter() - began
        results[task.brand] = result
    whole_s, spent_s = time.perf_counter() - began, _spent_s() - spent
    took = [result.seconds for result in results.values() if isinstance(result, Rebuilt)]
    start_s = max(0.0, first_s - min(took))
    with Objects.open(tasks[0].place) as place:
        same = sum(
            isinstance(result := results[task.brand], Rebuilt)
            and result.summary == digest_of(summaries[task.brand])
            and _same(state_of(place, task), state[task.brand])
            for task in tasks
        )
    return start_s, whole_s - start_s, spent_s, same


def _same(one: Snapshot, other: Snapshot) -> bool:
    """Whether all that a commit leaves is the same, byte for byte; when they were looked at is not."""
    digests = [(kept.younger, kept.older, kept.begun_ms) for kept in (one.stored.digests, other.stored.digests)]
    told = [(each.cid, each.version, each.stored.fields, each.trend, list(each.recent)) for each in (one, other)]
    return digests[0] == digests[1] and told[0] == told[1]


def _spent_s() -> float:
    """Of the processor: by this process, and by those that it started and that have ended."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in found)
