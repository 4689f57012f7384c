"""``orchestrator alerts``: the routes and what waits for them, a test message, and which route would tell what."""

from __future__ import annotations

import importlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from orchestrator.alerts.messages import sample
from orchestrator.alerts.plan import items_of
from orchestrator.alerts.routes_file import RoutesError
from orchestrator.alerts.survey import Survey
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import Failure, Misuse, make_table, plain, remark, show_page
from orchestrator.contract.alert_routes import RouteState, RouteStates
from orchestrator.contract.brands import check_brand
from orchestrator.contract.outbox import KINDS, VOLUME
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.fleet.words import lasting
from orchestrator.process.masking import printable
from orchestrator.store.outbox import MAX_LOOK, MAX_SWEEP, Outbox
from orchestrator.store.registry import registered

if TYPE_CHECKING:
    import redis
    from rich.table import Table

    from orchestrator.alerts.routes import Route
    from orchestrator.contract.outbox import OutboxEntry
    from orchestrator.settings import Settings


@click.group()
def alerts() -> None:
    """Show the routes of alerts, test and explain them."""


@alerts.command(name="list", short_help="List the routes of alerts and what waits for them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_routes(settings: Settings, *, as_json: bool) -> None:
    """List the routes of alerts: where they lead, what they tell, and what waits for them.

    Reads the file of routes as it is now, so it also says whether that is right. Addresses are shown without their
    paths, which are passwords at several chats.
    """
    routes = read_routes(settings)
    with open_redis(settings) as client:
        survey = look(client, routes, sorted(registered(client, settings.brand_list_keys).brands))
    now_ms = time.time_ns() // 1_000_000
    states = [survey.state(route, now_ms) for route in routes]
    if as_json:
        click.echo(json.dumps([asdict(state) for state in states], indent=2))
    else:
        show_page(_table(states))


def read_routes(settings: Settings) -> tuple[Route, ...]:
    """The routes that the settings name, as they are now.

    Raises:
        Misuse: there are none, or their file is not right.
    """
    if settings.alert_routes is None:
        raise Misuse("nobody is told of alerts: set ALERT_WEBHOOK_URL, or ALERT_ROUTES_FILE for several routes")
    try:
        return settings.alert_routes.read()
    except RoutesError as error:
        raise Misuse(printable(str(error), keep="\n")) from None


def look(client: redis.Redis, routes: Sequence[Route], brands: Sequence[str]) -> Survey:
    """What *routes* have to do with the alerts of *brands*.

    Raises:
        StoreError: Redis did not answer.
    """
    outbox, survey, now_ms = Outbox(client), Survey(), time.time_ns() // 1_000_000
    there: list[str] = []
    for start in range(0, len(brands), MAX_SWEEP):
        found = outbox.waiting(brands[start : start + MAX_SWEEP])
        there += [*found.untold, *found.telling]
    for start in range(0, len(there), MAX_LOOK):
        for brand, box in outbox.look(there[start : start + MAX_LOOK]).items():
            survey.add(brand, routes, items_of(box), box.marks, now_ms)
    return survey


def states_of(client: redis.Redis, settings: Settings, brands: Sequence[str]) -> RouteStates | None:
    """How routes stand, as far as their file and Redis tell; None: nobody is told of alerts.

    Raises:
        StoreError: Redis did not answer.
    """
    if settings.alert_routes is None:
        return None
    try:
        routes = settings.alert_routes.read()
    except RoutesError:
        return RouteStates(problem="the file of routes is not usable: 'orchestrator doctor' says why")
    survey, now_ms = look(client, routes, brands), time.time_ns() // 1_000_000
    return RouteStates([survey.state(route, now_ms) for route in routes], counted=True)


def in_words(found: RouteStates | None) -> str:
    """What waits for routes and what is kept, in a line; empty: nothing does, or nobody is told of alerts."""
    if found is None or found.problem:
        return "" if found is None else found.problem
    states, now_ms = found.routes, time.time_ns() // 1_000_000
    parts = [f"{state.name}: {waiting_words(state, now_ms)}" for state in states if state.waiting]
    kept = sum(state.kept for state in states)
    parts += [f"{kept:,} kept for their time"] if kept else []
    return "; ".join([*parts, "see 'orchestrator alerts list'"]) if parts else ""


def waiting_words(state: RouteState, now_ms: int) -> str:
    """How much waits for a route, and for how long; empty: nothing."""
    if not state.waiting or state.oldest_ms is None:
        return ""
    return f"{state.waiting:,}, the oldest {lasting(max(0, now_ms - state.oldest_ms) / 1000)}"


def _table(states: Sequence[RouteState]) -> Table:
    now_ms = time.time_ns() // 1_000_000
    table = make_table("Route", "Leads to", "Tells", "Waits", "Kept until")
    for state in states:
        kept = f"{state.kept:,}: {iso_utc_seconds(state.next_ms)}" if state.next_ms is not None else ""
        waits = waiting_words(state, now_ms)
        table.add_row(
            plain(state.name), plain(state.address), plain(state.chooses), plain(waits or "nothing"), plain(kept)
        )
    return table


@alerts.command(short_help="Send a marked test message, and say what the endpoint answered.")
@click.argument("route", required=False)
@click.option("--kind", type=click.Choice(KINDS), default=VOLUME, show_default=True, help="Kind of the message.")
@click.option("--brand", default="test", show_default=True, help="Brand that the message is about.")
@with_settings
def test(settings: Settings, route: str | None, kind: str, brand: str) -> None:
    """Send a test message to ROUTE, or to every route, and say what the endpoint answered.

    It goes out as alerts do: same address, form and signature, once, with the same deadline. It is marked as a test for
    programs ("test": true) and for people. Filters and quiet hours do not hold it back; it says where they would hold
    back an alert like it. The exit code is 1 if any endpoint did not take it.
    """
    routes = read_routes(settings)
    chosen = [one for one in routes if route is None or one.name == route]
    if not chosen:
        raise Misuse(f"there is no route {route!r}; there are {', '.join(one.name for one in routes)}")
    now_ms = time.time_ns() // 1_000_000
    entry = sample(check_brand(brand), kind, {}, now_ms, f"test_{secrets.token_hex(12)}")
    testing = importlib.import_module("orchestrator.alerts.testing")  # late: it loads trio and the HTTP client
    failed = []
    for one, (answer, took_s) in zip(chosen, testing.send(chosen, entry), strict=True):
        said = f"taken, {answer}" if answer.startswith("status 2") else f"not taken: {answer}"
        failed += [] if said.startswith("taken") else [one.name]
        click.echo(printable(f"{one.name}: {one.address.masked()}: {said}, after {took_s * 1000:.0f} ms"))
        verdict = explanation(one, entry, now_ms)
        if not verdict.startswith("told at once"):
            remark(f"  an alert like it would be {verdict}")
    if failed:
        raise Failure(f"not taken by {', '.join(failed)}: see docs/runbooks/route-failing.md")


@alerts.command(short_help="Say which routes would tell an alert, and why the others would not.")
@click.argument("brand", shell_complete=complete_brand)
@click.argument("kind", type=click.Choice(KINDS), default=VOLUME)
@click.option("--score", type=click.FloatRange(min=0), help="Score of the episode.")
@click.option("--mentions", type=click.IntRange(min=0), help="Mentions of the episode.")
@click.option("--at", help="When it is committed, like 2026-03-01T22:30:00+01:00 (now).")
@with_settings
def explain(
    settings: Settings, brand: str, kind: str, *, score: float | None, mentions: int | None, at: str | None
) -> None:
    """Say which routes would tell an alert of KIND about BRAND, when, and why the others would not.

    Nothing is sent, and Redis is not asked.
    """
    at_ms = _time_ms(at)
    numbers = {"spikeScore": score, "mentionCount": mentions}
    episode = {name: value for name, value in numbers.items() if value is not None}
    entry = sample(check_brand(brand), kind, episode, at_ms, "explained")
    for route in read_routes(settings):
        click.echo(printable(f"{route.name}: {explanation(route, entry, at_ms)}"))


def explanation(route: Route, entry: OutboxEntry, now_ms: int) -> str:
    """What *route* does with *entry* at *now_ms*."""
    refusal = route.refusal(entry)
    if refusal:
        return f"not told: {refusal}"
    timing = route.timing(entry.at, now_ms)
    if timing is None:
        end_ms = route.quiet.end_ms(entry.at) or entry.at
        return f"dropped: quiet hours until {iso_utc_seconds(end_ms)}"
    if timing.due_ms <= now_ms:
        return "told at once"
    why = "quiet hours end then" if route.quiet.end_ms(now_ms) is not None else "its digest is due then"
    return f"told together with others at {iso_utc_seconds(timing.due_ms)}: {why}"


def _time_ms(text: str | None) -> int:
    if text is None:
        return time.time_ns() // 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misuse(f"--at {text!r} is no time; it must look like 2026-03-01T22:30:00+01:00") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
