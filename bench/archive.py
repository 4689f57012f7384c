"""What the archive costs: the same loads without it, with what commits do for it, and until all is in the archive.

All are measured in turns, in the same minutes, on a Redis each. Of *kept* the live path alone is looked at: what
commits leave waits in Redis, and nothing takes it out while the clock runs. Of *archived* all is looked at until
nothing waits: reading it out of Redis, packing and writing it, in the same process.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import click
import redis

from bench._harness import Report
from bench._service import service
from bench.pipeline import Load, Run, service_run, stage
from orchestrator.store.consumed import Consumed
from orchestrator.store.embedded import EmbeddedRedis

NEVER: Final = {"ARCHIVE_INTERVAL_SEC": "3600", "ARCHIVE_OUTBOX_MB": "65536", "ARCHIVE_OBJECT_MB": "512"}
SOON: Final = {"ARCHIVE_INTERVAL_SEC": "1", "ARCHIVE_OUTBOX_MB": "65536"}
WITHIN_S: Final = 600.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round, seconds of processor time a chunk.

    Attributes:
        service: of the service, all threads.
        server: of Redis.
        scripts: of it in scripts, which are the commits and what reads for them.
    """

    service: float
    server: float
    scripts: float


def loads(scale: float) -> list[Load]:
    """Small and middling chunks, of one brand and of several."""

    def of(count: int) -> int:
        return max(20, int(count * scale))

    return [
        Load("a, 10 brands", "a", of(60_000), brands=10),
        Load("a, 1 brand", "a", of(500_000)),
        Load("c, 10 brands of 200", "c", of(8_000), brands=10, stories=200),
        Load("c, 1,000 stories", "c", of(80_000), stories=1_000),
    ]


def ways(folder: Path) -> dict[str, Mapping[str, str]]:
    """Settings of each way."""
    url = {"ARCHIVE_URL": folder.as_uri()}
    return {"off": {}, "kept": url | NEVER, "archived": url | SOON}


def cost(report: Report, load: Load, way: str) -> Cost:
    """One round of *load*."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(arguments=("--appendonly", "no")) as server:
        client = redis.Redis.from_url(server.url, socket_timeout=None)
        report.used(client)
        stage(client, load)
        with service(server.url, MAX_STORIES="20000", **ways(Path(folder))[way]) as running:
            until = partial(_wait_until_archived, client, load) if way == "archived" else _at_once
            run: Run = service_run(client, [running], load, until=until)
        client.close()
    return Cost(run.service_s, run.redis_s, run.scripts_s)


def _at_once() -> None:
    """Nothing counts beyond the last commit."""


def _wait_until_archived(client: redis.Redis, load: Load) -> None:
    consumed, deadline_s = Consumed(client), time.monotonic() + WITHIN_S
    while any(waiting.records for waiting in consumed.waiting(load.brand_names).values()):
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{load.name}: what was consumed is not in the archive after {WITHIN_S:.0f} s")
        time.sleep(_POLL_S)


def measure(report: Report, load: Load, rounds: int) -> None:
    """Add a row: medians over *rounds*, each of which has every way once, another one first each time."""
    names = list(ways(Path("/")))
    found: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            found[name].append(cost(report, load, name))
    costs = {name: _medians(rounds_of) for name, rounds_of in found.items()}
    off, kept, archived = costs.values()
    both = [one.service + one.server for one in (off, kept, archived)]
    row = [load.name, *(part * 1e6 for part in both), *(part / both[0] for part in both[1:])]
    row += [one.scripts * 1e6 for one in (off, kept)]
    report.rows.append(row)


def _medians(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(one.service for one in costs),
        statistics.median(one.server for one in costs),
        statistics.median(one.scripts for one in costs),
    )


@click.command()
@click.option("--scale", default=0.2, show_default=True, help="Size of the loads.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of each load; the median counts.")
@click.option("--only", default="", help="Only loads whose name begins with this.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(scale: float, rounds: int, only: str, as_json: bool) -> None:  # noqa: FBT001 - click's calling convention
    """What it costs to keep what was consumed, beside the same loads without an archive."""
    report = Report(
        "Archive: processor time a chunk, microseconds",
        ["load", *ways(Path("/")), "kept/off", "archived/off", "scripts off", "kept"],
    )
    for load in loads(scale):
        if load.name.startswith(only):
            measure(report, load, rounds)
    report.notes += [
        "off: no archive; kept: commits leave records, nobody takes them out; archived: until all is in a folder",
        "service and Redis together; scripts: what they took of it, by Redis's own account",
    ]
    report.show(as_json=as_json)
