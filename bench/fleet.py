"""A fleet in virtual time: 100,000 brands, 100 processes that come and go; and its small end beside real processes.

The model stands in :mod:`bench._fleet`: the service's own rules, on a clock that is set forward. A wake is the time
from a push to the commit of its chunk. *conflicts* are visits to a brand that another process was found to hold,
*others* visits by a process that was not the brand's first, *asked* brands in claims, *hints* what Redis had to send,
all a push; *spread* is the visits of the busiest process over those of the average one; *moved* how many of all brands
got another first process.

``--check`` runs the small end: a real Redis, real processes, pushes one after the other, and the model of the same.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
import urllib.request

import click
import redis

from bench._fleet import Fleet, Phase, Plan, simulated
from bench._harness import Report, percentile
from bench._service import ServiceProcess, service
from bench.latency import latencies_ms, pushes
from orchestrator.store.embedded import EmbeddedRedis

SETTLED_S = 3.0
"""After the start, until every process knows all the others and has looked at all brands."""

COLUMNS = [
    *("phase", "pushes", "wake p50 ms", "p99 ms", "max ms", "conflicts", "others", "spread", "moved"),
    *("asked", "hints", "Redis %"),
]


def row(fleet: Fleet, phase: Phase) -> list[object]:
    """The figures of one phase."""
    wakes = sorted(1000 * wake_s for wake_s in phase.wakes_s) or [0.0]
    pushed = max(1, phase.pushes)
    return [
        *(phase.name, phase.pushes, percentile(wakes, 0.5), percentile(wakes, 0.99), wakes[-1]),
        *(phase.conflicts / pushed, phase.others / pushed, phase.spread(len(fleet.living())), phase.moved),
        *(phase.asked / pushed, phase.hints / pushed, 100 * phase.redis_s(fleet.plan.costs) / fleet.plan.seconds),
    ]


@click.command()
@click.option("--brands", default=100_000, show_default=True, help="Registered.")
@click.option("--processes", default=100, show_default=True, help="Orchestrators at the beginning.")
@click.option("--rate", default=200.0, show_default=True, help="Pushes a second.")
@click.option("--seconds", default=25.0, show_default=True, help="Length of a phase, in the model's time.")
@click.option("--zipf", default=1.1, show_default=True, help="Exponent of the law by which brands are drawn.")
@click.option("--seed", default=1, show_default=True, help="Of all chance: the same one gives the same table.")
@click.option("--check", is_flag=True, help="3 real processes and 200 brands beside the model of them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(  # noqa: PLR0913, PLR0917 - click's calling convention
    brands: int,
    processes: int,
    rate: float,
    seconds: float,
    zipf: float,
    seed: int,
    check: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Very many brands and processes, in virtual time."""
    if check:
        checked(seed).show(as_json=as_json)
        return
    report = Report(f"A model: {brands:,} brands, {processes} processes, {rate:g} pushes a second", COLUMNS)
    fleet = simulated(Plan(brands, processes, rate, seconds=seconds, zipf=zipf, seed=seed))
    report.rows += [row(fleet, phase) for phase in fleet.phases]
    report.notes.append(f"virtual time, seed {seed}; {len(fleet.touched):,} of the brands got chunks")
    report.notes.append("Redis %: of one processor, by what each command costs it; hints not counted")
    report.show(as_json=as_json)


# -- the small end

CHECKED = ("steady", "one is killed")
CHECKED_TTL_S = 6.0
"""Life of a lease there; shorter than the patience of who waits for a summary."""


def checked(seed: int, *, brands: int = 200, processes: int = 3, seconds: float = 12.0) -> Report:
    """Real processes, and the model of them: a push at a time, with nothing amiss, and after one was killed."""
    report = Report(
        f"{processes} processes, {brands} brands, a push at a time",
        ["phase", "what", "pushes", "wake p50 ms", "p90 ms", "max ms", "conflicts", "spread"],
    )
    names = [f"brand-{number:06}" for number in range(brands)]
    with EmbeddedRedis() as server, contextlib.ExitStack() as running:
        client = redis.Redis.from_url(server.url)
        report.used(client)
        client.sadd("brands:set", *names)
        settings = {"LOCK_TTL_SEC": f"{CHECKED_TTL_S:g}"}
        living = [running.enter_context(service(server.url, **settings)) for _ in range(processes)]
        time.sleep(SETTLED_S)
        chance = random.Random(seed)
        real = [_real(client, living, names, chance, seconds)]
        living.pop().kill()
        real.append(_real(client, living, names, chance, seconds))
        client.close()
    plan = Plan(brands, processes, 0, seconds, CHECKED, zipf=0, lease_ttl_s=CHECKED_TTL_S, seed=seed)
    fleet = simulated(plan)
    for figures, phase, left in zip(real, fleet.phases, (processes, processes - 1), strict=True):
        modelled = sorted(1000 * wake_s for wake_s in phase.wakes_s)
        report.rows.append([phase.name, "real", *figures])
        conflicts = phase.conflicts / phase.pushes
        report.rows.append([phase.name, "model", *_percentiles(modelled), conflicts, phase.spread(left)])
    report.notes.append("real wakes end when the summary was announced and read, modelled ones at the commit")
    return report


def _real(
    client: redis.Redis, living: list[ServiceProcess], names: list[str], chance: random.Random, seconds: float
) -> list[float]:
    """The figures of *living* while chunks come for *seconds*."""
    ends_s = time.monotonic() + seconds
    before = [(_told(one, VISITS), _told(one, BUSY)) for one in living]
    brands = iter(lambda: chance.choice(names) if time.monotonic() < ends_s else "", "")
    wakes = latencies_ms(client, pushes(brands, MANY), warm_up=0)
    after = [(_told(one, VISITS), _told(one, BUSY)) for one in living]
    visits, busy = zip(
        *((now[0] - old[0], now[1] - old[1]) for now, old in zip(after, before, strict=True)), strict=True
    )
    return [*_percentiles(wakes), sum(busy) / len(wakes), max(visits) * len(living) / max(1.0, sum(visits))]


MANY = 1_000_000
VISITS = "brands_processed_total"
BUSY = 'lease_events_total{event="busy"}'


def _percentiles(ordered: list[float]) -> list[float]:
    return [len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.9), ordered[-1]]


def _told(one: ServiceProcess, name: str) -> float:
    """The value of ``orchestrator_*name*`` that a process tells."""
    with urllib.request.urlopen(f"http://127.0.0.1:{one.metrics_port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = re.search(rf"^orchestrator_{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
