"""What the archive costs where chunks are folded: the same loads without it and with it.

Both are measured in turns, in the same minutes, on a Redis each. With it the live path alone is looked at: what commits
leave waits in Redis, and nothing takes it out while the clock runs.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import redis

from bench._harness import Report
from bench._service import service
from bench.pipeline import Load, Run, service_run, stage
from orchestrator.store.embedded import EmbeddedRedis

NEVER: Final = {"ARCHIVE_INTERVAL_SEC": "3600", "ARCHIVE_OUTBOX_MB": "65536", "ARCHIVE_OBJECT_MB": "512"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round, seconds of processor time a chunk.

    Attributes:
        service: of the service, all threads.
        server: of Redis.
    """

    service: float
    server: float


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
    return {"off": {}, "on": url | NEVER}


def cost(report: Report, load: Load, way: str) -> Cost:
    """One round of *load*."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(arguments=("--appendonly", "no")) as server:
        client = redis.Redis.from_url(server.url, socket_timeout=None)
        report.used(client)
        stage(client, load)
        with service(server.url, MAX_STORIES="20000", **ways(Path(folder))[way]) as running:
            run: Run = service_run(client, [running], load)
        client.close()
    return Cost(run.service_s, run.redis_s)


def measure(report: Report, load: Load, rounds: int) -> None:
    """Add a row: medians over *rounds*, each of which has both ways once, the other one first each time."""
    names = list(ways(Path("/")))
    found: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            found[name].append(cost(report, load, name))
    row: list[Any] = [load.name]
    off = _medians(found["off"])
    for name in names:
        mine = _medians(found[name])
        row += [mine.service * 1e6, mine.server * 1e6]
    on = _medians(found["on"])
    ratio = (on.service + on.server) / (off.service + off.server)
    report.rows.append([*row, ratio, on.server / off.server])


def _medians(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(one.service for one in costs),
        statistics.median(one.server for one in costs),
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
        ["load", "off", "Redis off", "on", "Redis on", "on/off", "Redis on/off"],
    )
    for load in loads(scale):
        if load.name.startswith(only):
            measure(report, load, rounds)
    report.notes += [
        "off: no archive; on: commits leave records, nobody takes them out",
        "on/off: processor time of service and Redis together, and of Redis alone, which also hands out the chunks",
    ]
    report.show(as_json=as_json)
