"""What the service keeps in memory: a brand full of stories, and a queue far larger than its memory should be.

The brand is folded in a process of its own; what its resident memory grows by is what the brand takes. The queue
waits in a private Redis before the real service learns of its brand; until it is drained, ``/livez`` is asked over and
over, because a service that does not answer while it works off a backlog is restarted by its probes.
"""

from __future__ import annotations

import gc
import http.client
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import click
import redis

from bench import _payloads
from bench._harness import Report, percentile
from bench._queues import push, wait_until_drained
from bench._service import memory_bytes, service
from bench._vectors import DIMENSIONS
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.keys import queue_key
from orchestrator.store.embedded import EmbeddedRedis

BRAND_STORIES = 5_000
NOW_MS = 1_735_689_600_000  # when the payloads say they were processed
BATCH_ITEMS = 16
MB = 1_000_000
_PAUSE_S = 0.015
_ANSWER_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class BrandSize:
    """What a brand takes in memory and in storage, and how many stories it really has."""

    memory_bytes: int
    stored_bytes: int
    stories: int


def brand_size(stories: int) -> BrandSize:
    """The size of a brand with *stories*, each of one cluster of payload b, in a new process."""
    with tempfile.NamedTemporaryFile() as file:
        file.writelines(chunk + b"\n" for chunk in _payloads.large(_payloads.founding(stories), stories=stories))
        file.flush()
        # spawned, so that nothing of this process's memory is there, free or not
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(fold_and_weigh, Path(file.name), stories).result()


def fold_and_weigh(chunks: Path, stories: int) -> BrandSize:
    """Fold the lines of *chunks* as the service would, batch by batch; to be run in a process of its own."""
    config = FoldConfig(max_stories=stories)
    for _ in commits(BrandState(config), islice(batches(chunks), 2)):
        pass  # whatever the first batches need for good, modules and buffers, is no brand's
    gc.collect()
    before = memory_bytes("VmRSS")
    state = BrandState(config)
    for _ in commits(state, batches(chunks)):
        pass
    gc.collect()
    taken = memory_bytes("VmRSS") - before
    stored: dict[bytes, bytes] = {}
    for fields in commits(BrandState(config), batches(chunks)):
        stored.update(fields)
    return BrandSize(taken, sum(len(name) + len(value) for name, value in stored.items()), state.story_count)


def batches(chunks: Path) -> Iterator[list[bytes]]:
    """The lines of *chunks*, so many at a time."""
    with chunks.open("rb") as lines:
        while items := list(islice(lines, BATCH_ITEMS)):
            yield items


def commits(state: BrandState, batches: Iterable[list[bytes]]) -> Iterator[Mapping[bytes, bytes]]:
    """Fold each of *batches* into *state*; the fields that its commit would write."""
    for items in batches:
        state.fold(decode_batch(items, _payloads.BRAND, hashing=state.hashing), NOW_MS)
        yield state.take_changes().put


@dataclass(frozen=True, slots=True)
class Probes:
    """What asking for ``/livez`` came to, in milliseconds each.

    Attributes:
        answers_ms: from the request to the whole answer.
        late_ms: how late the asking thread was woken for the next request: the machine's doing, not the service's.
    """

    answers_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the service worked off a queue."""

    queued_bytes: int
    rise_bytes: int
    seconds: float
    probes: Probes


def backlog(report: Report, chunks: int, stories: int) -> Backlog:
    """Let the service drain *chunks* of payload c from one queue that was there before its brand."""
    with EmbeddedRedis(arguments=("--appendonly", "no")) as server:
        client = redis.Redis.from_url(server.url, socket_timeout=None)
        report.used(client)
        payload = _payloads.large(chunks, stories=stories, centroids=False)
        queued_bytes = push(client, queue_key(_payloads.BRAND), payload)
        with service(server.url) as running:
            start_bytes = running.resident_bytes()
            with probing(running.http_port) as probes:
                started_s = time.perf_counter()
                client.sadd("brands:set", _payloads.BRAND)
                wait_until_drained(client, [_payloads.BRAND])
                seconds = time.perf_counter() - started_s
            rise_bytes = running.peak_bytes() - start_bytes
        client.close()
    return Backlog(queued_bytes, rise_bytes, seconds, probes)


@contextmanager
def probing(port: int) -> Iterator[Probes]:
    """Ask for ``/livez`` again and again while the context is open, at least once.

    Raises:
        OSError, http.client.HTTPException: at the end, if an answer did not come.
        RuntimeError: likewise, if one was not 200.
    """
    probes = Probes()
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(_probe, port, probes, done)
        try:
            yield probes
        finally:
            done.set()
        probe.result()


def _probe(port: int, probes: Probes, done: threading.Event) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_DEADLINE_S)) as connection:
        while True:
            started_s = time.perf_counter()
            connection.request("GET", "/livez")
            response = connection.getresponse()
            response.read()
            answered_s = time.perf_counter()
            probes.answers_ms.append((answered_s - started_s) * 1000)
            if response.status != http.client.OK:
                raise RuntimeError(f"/livez answered {response.status}")
            if done.wait(_PAUSE_S):
                return
            probes.late_ms.append((time.perf_counter() - answered_s - _PAUSE_S) * 1000)


@click.command()
@click.option("--chunks", default=100_000, show_default=True, help="Chunks of payload c that wait in one queue.")
@click.option("--stories", default=200, show_default=True, help="Different stories in them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, chunks: int, stories: int, as_json: bool) -> None:
    """Memory of a brand full of stories; memory and /livez of the service over a long queue."""
    report = Report("Memory", ["measured", "value", "unit"])
    size = brand_size(BRAND_STORIES)
    brand = f"a brand with {size.stories:,} stories of {DIMENSIONS} dimensions"
    report.rows += [
        (brand, size.memory_bytes / MB, "MB"),
        ("its stored state", size.stored_bytes / MB, "MB"),
    ]
    work = backlog(report, chunks, stories)
    answers_ms = sorted(work.probes.answers_ms)
    report.rows += [
        (f"{chunks:,} chunks of c in one queue", work.queued_bytes / MB, "MB"),
        ("the service's rise until they are drained", work.rise_bytes / MB, "MB"),
        ("time until then", work.seconds, "s"),
        ("GET /livez meanwhile, p50", percentile(answers_ms, 0.5), "ms"),
        ("p99", percentile(answers_ms, 0.99), "ms"),
        ("max", answers_ms[-1], "ms"),
    ]
    report.notes += [
        "rise: peak of resident memory over what the service had when the brand was registered",
        f"those chunks have {stories:,} stories; /livez was asked {len(answers_ms):,} times",
        f"the thread that asked was itself woken up to {max(work.probes.late_ms, default=0):.0f} ms late",
    ]
    report.show(as_json=as_json)
