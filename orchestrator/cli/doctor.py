"""``orchestrator doctor``: is everything here fit for the service? Its start-up checks, and what surrounds them."""

from __future__ import annotations

import importlib.util
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import cast

import click
import msgspec
import redis

from orchestrator.alerts.routes_file import RoutesError
from orchestrator.cli.alerts import look
from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.own_ports import port_findings
from orchestrator.cli.summary_page import IMPLAUSIBLE_REMEDY, implausible
from orchestrator.cli.terminal import Failure, Misuse, counted, make_table, plain, show_page
from orchestrator.contract.alert_routes import TESTING, overdue, said
from orchestrator.contract.fingerprint import Fingerprint, compare
from orchestrator.contract.fingerprint import Verdict as Outcome
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.pauses import Pause, resuming
from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.contract.state_format import OLDEST_FORMAT, STATE_FORMAT
from orchestrator.errors import ArchiveError, ArchiveMisplacedError, SettingsError, StoreError
from orchestrator.fleet import words
from orchestrator.fleet.members import Member
from orchestrator.fleet.ordering import resuming as resuming_process
from orchestrator.fleet.ordering import stands
from orchestrator.fleet.parking import Code, remedy
from orchestrator.fleet.view import FleetView
from orchestrator.process import compiler
from orchestrator.process.extras import extra_helps
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store import pauses, translated
from orchestrator.store.archive_id import known_id
from orchestrator.store.damage import Damage, damages
from orchestrator.store.fleet import read_fleet
from orchestrator.store.members import read_members
from orchestrator.store.orphans import Orphans, search
from orchestrator.store.preflight import Finding, Verdict, examine, worst
from orchestrator.store.registry import registered
from orchestrator.store.state_formats import state_formats
from orchestrator.store.stored_settings import StoredSettings, stored_settings
from orchestrator.store.unarchived import LATE_S, unarchived

_SHOWN = 5
"""Brands that a finding names."""

_BRANDS_LOOKED_AT = 1_000
_BRANDS_AT_ONCE = 100
_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.REFUSE: "bold red"}


@click.command(short_help="Check Redis and this machine for everything that the service needs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def doctor(settings: Settings, *, as_json: bool) -> None:
    """Check Redis and this machine for everything that the service needs, with the remedy where something lacks.

    Carries out every command of the protocol on a scratch brand and removes it again. The exit code is 1
    if the service would refuse to start.
    """
    findings = [*local_findings(settings), *redis_findings(settings)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    if worst(findings) is Verdict.REFUSE:
        raise Failure("the service would not start here")


def local_findings(settings: Settings) -> Iterator[Finding]:
    """What this machine has to offer, Redis apart."""
    yield _kernel()
    yield _routes_finding(settings)
    yield _archive_finding(settings)
    if settings.archives and settings.archive_compact and importlib.util.find_spec("pyarrow") is None:
        helps = f"{extra_helps('archive')}, or set ARCHIVE_COMPACT=false"
        yield Finding("archive days", Verdict.WARN, "closed days stay as they are: Parquet needs pyarrow", helps)
    yield from port_findings(settings, lambda: _living(settings))


def _living(settings: Settings) -> frozenset[str]:
    """Names of the processes that live at this Redis; that it does not answer is a finding of its own."""
    try:
        with open_redis(settings) as client:
            return frozenset(member.id for member in read_members(client))
    except Misuse:
        raise
    except (Failure, StoreError):
        return frozenset()


def redis_findings(settings: Settings) -> list[Finding]:
    """What Redis has to offer; that it does not answer is a finding like any other."""
    try:
        with open_redis(settings) as client:
            findings = examine(client, max_clock_skew_s=settings.max_clock_skew_sec, archive=settings.archives)
            if worst(findings) is Verdict.REFUSE:  # then the registry is the least of its troubles, or cannot be read
                return findings
            registry = registered(client, settings.brand_list_keys)
            view = read_fleet(client, settings.brand_list_keys)
            formats = state_formats(client, registry.brands)
            damaged = _damage_finding(damages(client, registry.brands))
            stored = stored_settings(client, registry.brands)
            orphans = search(client, frozenset(registry.brands))
            numbers = _numbers_finding(client, sorted(registry.brands))
            alerts = _waiting_alerts_finding(client, settings, sorted(registry.brands))
            waiting = _unarchived_finding(client, settings, sorted(registry.brands))
            paused = _paused_finding(pauses.paused(client, registry.brands))
    except Misuse:
        raise
    except Failure as error:
        return [Finding("redis", Verdict.REFUSE, error.message, "start it, or set REDIS_URL to where it is")]
    settings_findings = [
        _settings_finding(stored, settings.fingerprint),
        _members_finding(view.members, settings.fingerprint),
    ]
    brands = _registry_finding(len(registry.brands), registry.refused, settings)
    surroundings = [*settings_findings, *fleet_findings(view), numbers]
    return [
        *findings,
        brands,
        _orphans_finding(orphans),
        _formats_finding(formats),
        damaged,
        paused,
        alerts,
        waiting,
        *surroundings,
    ]


def _routes_finding(settings: Settings) -> Finding:
    """Whether alerts are told to anybody, and whether their routes can be read."""
    if settings.alert_routes is None:
        return Finding("alert routes", Verdict.OK, "none: nobody is told of episodes")
    try:
        routes = settings.alert_routes.read()
    except RoutesError as error:
        helps = "mend the file; a process that runs goes on with the routes that it read before"
        return Finding("alert routes", Verdict.REFUSE, str(error).replace("\n", "; "), helps)
    return Finding("alert routes", Verdict.OK, words.some([route.name for route in routes], _SHOWN))


def _waiting_alerts_finding(client: redis.Redis, settings: Settings, brands: Sequence[str]) -> Finding:
    """Whether alerts wait that should have been told."""
    try:
        routes = settings.alert_routes.read() if settings.alert_routes is not None else ()
    except RoutesError:  # which is a finding of its own
        routes = ()
    survey = look(client, routes, brands)
    now_ms = time.time_ns() // 1_000_000
    states = [survey.state(route, now_ms) for route in routes]
    late = overdue(states, now_ms)
    if late:
        detail = "; ".join(said(state) for state in late[:_SHOWN])
        return Finding("alerts", Verdict.WARN, detail, TESTING.format(late[0].name))
    kept = sum(state.kept for state in states)
    return Finding("alerts", Verdict.OK, f"none waits, {kept:,} are kept for their time" if kept else "none waits")


def _archive_finding(settings: Settings) -> Finding:
    """Whether the archive takes an object, gives it back, and lets it be removed."""
    if not settings.archives:
        return Finding("archive", Verdict.OK, "none: what is consumed is kept nowhere")
    try:
        load_kernel()
    except Failure:  # which is a finding of its own
        return Finding("archive", Verdict.WARN, "not looked at: the service cannot be loaded")
    service = importlib.import_module("orchestrator.service")  # late: it loads all of it
    try:
        return Finding(
            "archive", Verdict.OK, printable(service.probe_archive(settings.archive_url, _known_archive(settings)))
        )
    except SettingsError as error:
        return Finding("archive", Verdict.REFUSE, printable(str(error)), "install it, or set ARCHIVE_URL right")
    except ArchiveMisplacedError as error:
        said, _, helps = str(error).partition(": ")
        told = f"{helps}; see docs/runbooks/archive-misplaced.md"
        return Finding("archive", Verdict.WARN, printable(said), told)
    except ArchiveError as error:
        helps = "see docs/runbooks/archive-unreachable.md; what is consumed waits in Redis meanwhile"
        return Finding("archive", Verdict.WARN, printable(str(error)), helps)


def _known_archive(settings: Settings) -> str:
    """The id of the archive that Redis knows; that Redis gives no answer is a finding of its own."""
    try:
        with open_redis(settings) as client:
            return known_id(client)
    except Failure:
        return ""


def _unarchived_finding(client: redis.Redis, settings: Settings, brands: Sequence[str]) -> Finding:
    """Whether what was consumed gets into the archive."""
    found = unarchived(client, brands, settings.archive_outbox_mb << 20)
    now_ms = time.time_ns() // 1_000_000
    said = found.said(now_ms) or "nothing waits for the archive"
    if found.brands and not settings.archives:
        helps = "set ARCHIVE_URL here as the processes have it, or in one of them, which brings it there"
        return Finding("consumed", Verdict.WARN, f"{said}, and ARCHIVE_URL is not set", helps)
    if found.full:
        return Finding("consumed", Verdict.WARN, said, "see docs/runbooks/archive-full.md")
    if found.age_s(now_ms) > settings.archive_interval_sec + LATE_S:
        return Finding("consumed", Verdict.WARN, said, "see docs/runbooks/archive-late.md")
    return Finding("consumed", Verdict.OK, said)


def _kernel() -> Finding:
    try:
        choice = load_kernel()
    except Failure as error:
        helps = "build it (pip install with a C++ compiler present), or unset ORCHESTRATOR_MERGE"
        return Finding("merge kernel", Verdict.REFUSE, error.message, helps)
    if choice.FALLBACK_REASON is not None:
        helps = compiler.advice()
        return Finding("merge kernel", Verdict.WARN, f"pure Python, slow: {choice.FALLBACK_REASON}", helps)
    return Finding("merge kernel", Verdict.OK, choice.IMPLEMENTATION)


def _registry_finding(brands: int, refused: Sequence[tuple[str, str]], settings: Settings) -> Finding:
    keys = ", ".join(settings.brand_list_keys)
    if refused:
        name, reason = refused[0]
        detail = f"{brands} registered, {len(refused)} refused: {name}: {reason}"
        return Finding("brands", Verdict.WARN, detail, f"remove what is refused from {keys}")
    if not brands:
        helps = "register one: orchestrator brands add BRAND"
        return Finding("brands", Verdict.WARN, f"none is registered under {keys}", helps)
    return Finding("brands", Verdict.OK, f"{brands} registered under {keys}")


def _orphans_finding(found: Orphans) -> Finding:
    """Whether chunks wait in queues that nobody reads."""
    searched = "" if found.complete else ", of the keys that were looked through"
    if not found.queues:
        return Finding("orphan queues", Verdict.OK, f"none{searched}")
    size = "" if found.size is None else f", {found.size / 1_000_000:.1f} MB"
    shown = "; ".join(f"{counted(one.chunks, 'chunk')}: {one.why}" for one in found.named[:_SHOWN])
    more = "; ..." if found.queues > _SHOWN else ""
    detail = (
        f"{counted(found.chunks, 'chunk')} in {counted(found.queues, 'queue')} of unregistered brands{size}{searched}: "
        f"{shown}{more}"
    )
    return Finding(
        "orphan queues",
        Verdict.WARN,
        detail,
        "register the brand, or mend the name where it is pushed: see docs/runbooks/orphan-queues.md",
    )


def _formats_finding(formats: Mapping[str, int]) -> Finding:
    newer = [brand for brand, number in formats.items() if number > STATE_FORMAT]
    if newer:
        detail = f"{len(newer)} written by a newer version, left alone by this one: {words.some(newer, _SHOWN)}"
        return Finding("state formats", Verdict.WARN, detail, remedy(Code.NEWER, newer[0]))
    older = [brand for brand, number in formats.items() if number < OLDEST_FORMAT]
    if older:
        detail = f"{len(older)} too old for this version, parked: {words.some(older, _SHOWN)}"
        return Finding("state formats", Verdict.WARN, detail, remedy(Code.FORMAT, older[0]))
    counts = sorted(Counter(formats.values()).items())
    detail = ", ".join(f"{count} of format {number}" for number, count in counts) or "no state yet"
    return Finding("state formats", Verdict.OK, f"{detail}; this version writes {STATE_FORMAT}")


def _settings_finding(stored: Mapping[str, StoredSettings], mine: Fingerprint) -> Finding:
    """Which brands a service with the settings *mine* would be refused."""
    refused: dict[str, Code] = {}
    losses: dict[str, None] = {}
    for brand, found in stored.items():
        try:
            comparison = compare(Fingerprint.read(found.settings), mine)
        except ValueError:
            refused[brand] = Code.UNREADABLE_SETTINGS
            losses["settings that cannot be read"] = None
            continue
        if comparison.verdict is Outcome.WOULD_LOSE and found.adopted != mine.text().encode():
            refused[brand] = Code.SETTINGS
            losses.update(dict.fromkeys(map(str, comparison.losses)))
    if not refused:
        told = f"{counted(len(stored), 'brand')} would lose nothing under those in force{_owning(stored)}"
        return Finding("settings", Verdict.OK, told)
    shown = ", ".join(list(losses)[:_SHOWN])
    names = words.some(list(refused), _SHOWN)
    detail = f"{len(refused)} would lose history under those in force here ({shown}), so they are parked: {names}"
    brand, code = next(iter(refused.items()))
    every = "; 'orchestrator config adopt --all' means all brands" if len(refused) > 1 else ""
    return Finding("settings", Verdict.WARN, detail, f"{remedy(code, brand)}{every}")


def _owning(stored: Mapping[str, StoredSettings]) -> str:
    """Which brands have settings of their own."""
    names = [brand for brand, found in stored.items() if found.settings.startswith(b"[")]
    return f"; {counted(len(names), 'brand')} with some of their own: {words.some(names, _SHOWN)}" if names else ""


def _members_finding(members: Sequence[Member], mine: Fingerprint) -> Finding:
    """Whether the processes that live have the settings of this command."""
    others = {member.id: str(found) for member in members if (found := compare(member.fingerprint, mine)).differences}
    if others:
        shown = "; ".join(f"{name!r}: {change} here" for name, change in list(others.items())[:_SHOWN])
        helps = "give all processes the same settings, and this command theirs"
        return Finding(
            "processes", Verdict.WARN, f"{len(others)} of {len(members)} have other settings: {shown}", helps
        )
    names = words.some([member.id for member in members], _SHOWN)
    return Finding("processes", Verdict.OK, f"{len(members)} running: {names}" if members else "none is running")


def fleet_findings(view: FleetView) -> Iterator[Finding]:
    """What the picture of all processes and brands says, in sentences; the same as ``status`` shows."""
    yield _work_finding(view)
    yield _orders_finding(view)
    if view.alone:
        first = view.alone[0]
        names = words.some([brand.brand for brand in view.alone], _SHOWN)
        reason = "" if first.parked is None else f"; {first.brand!r} {first.standing}: {first.parked.reason}"
        helps = "" if first.parked is None else remedy(first.parked.code, first.brand)
        yield Finding("left alone", Verdict.WARN, f"{counted(len(view.alone), 'brand')}: {names}{reason}", helps)
    else:
        yield Finding("left alone", Verdict.OK, "no brand, as far as processes say")
    yield _conflicts_finding(view)
    if gone := [brand.brand for brand in view.brands if brand.holder is not None and brand.holder.lives is False]:
        detail = f"{counted(len(gone), 'brand')} held by processes that are gone: {words.some(gone, _SHOWN)}"
        yield Finding("locks", Verdict.WARN, detail, "they expire by themselves within LOCK_TTL_SEC")


def _conflicts_finding(view: FleetView) -> Finding:
    """Whether a chunkId names one chunk."""
    if not view.conflicting:
        return Finding("chunk ids", Verdict.OK, "none came again with other numbers within a day")
    first = view.conflicting[0]
    detail = f"{counted(len(view.conflicting), 'brand')}, {first.brand!r}: {words.conflicts(first, view.as_of_ms)}"
    return Finding("chunk ids", Verdict.WARN, detail, words.CONFLICTS_HELP)


def _work_finding(view: FleetView) -> Finding:
    """Whether somebody works on what waits."""
    dead = f"; {counted(view.dead_letters, 'dead letter')}" if view.dead_letters else ""
    detail = f"{words.backlog(view)}{dead}"
    if view.chunks and not view.members:
        return Finding("work", Verdict.WARN, f"{detail}; no process is running", "start one: orchestrator run")
    return Finding("work", Verdict.OK, f"{detail}; {words.done(view)}" if view.members else detail)


def _orders_finding(view: FleetView) -> Finding:
    """Whether processes do less because somebody said so; a warning, because it may be forgotten."""
    held = [member for member in view.members if member.quiet or any(_to_rest(order) for order in member.asked)]
    if not held:
        return Finding("orders", Verdict.OK, "every process takes brands" if view.members else "none")
    first = held[0]
    lead = "no process takes brands" if len(held) == len(view.members) else f"{len(held)} of {len(view.members)}"
    detail = f"{lead}: {first.id!r} {stands(view.as_of_ms, first)}"
    return Finding("orders", Verdict.WARN, detail, resuming_process(first.name))


def _to_rest(order: ProcessOrder) -> bool:
    return order.wanted in {Wanted.QUIET, Wanted.STOP}


def _damage_finding(damaged: Mapping[str, Damage]) -> Finding:
    """Whether the keys of brands are as their last commits left them."""
    if not damaged:
        return Finding("kept keys", Verdict.OK, "as the last commits left them")
    brand, damage = min(damaged.items())
    detail = f"{counted(len(damaged), 'brand')} parked, {brand!r}: {damage.said}"
    return Finding("kept keys", Verdict.WARN, detail, remedy(damage.code, brand))


def _paused_finding(paused: Mapping[str, Pause]) -> Finding:
    """Whose chunks wait because somebody said so; a warning, because it may be forgotten."""
    if not paused:
        return Finding("paused", Verdict.OK, "no brand is paused")
    brand, pause = min(paused.items(), key=lambda entry: entry[1].since_ms)
    detail = f"{counted(len(paused), 'brand')} paused, their chunks wait; for longest {brand!r}: {pause}"
    return Finding("paused", Verdict.WARN, detail, resuming(brand))


class _Numbers(msgspec.Struct, rename="camel"):
    """What of a summary the doctor looks at."""

    implausible_chunks: int = 0


def _numbers_finding(client: redis.Redis, brands: Sequence[str]) -> Finding:
    """Whether what workers say of their chunks can be right, as the summaries of *brands* tell."""
    looked_at = brands[:_BRANDS_LOOKED_AT]
    found: dict[str, int] = {}
    for start in range(0, len(looked_at), _BRANDS_AT_ONCE):
        names = looked_at[start : start + _BRANDS_AT_ONCE]
        with translated(), client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.get(BrandKeys.of(name).summary)
            documents = cast("list[object]", pipeline.execute(raise_on_error=False))
        found.update((name, _implausible_chunks(document)) for name, document in zip(names, documents, strict=True))
    odd = {name: chunks for name, chunks in found.items() if chunks}
    if not odd:
        return Finding("numbers", Verdict.OK, f"plausible in all summaries of {counted(len(looked_at), 'brand')}")
    worst_brand = max(odd, key=lambda name: (odd[name], name))
    detail = f"{counted(len(odd), 'brand')} with implausible chunks, {worst_brand}: {implausible(odd[worst_brand])}"
    return Finding("numbers", Verdict.WARN, detail, IMPLAUSIBLE_REMEDY)


def _implausible_chunks(document: object) -> int:
    try:
        return 0 if not isinstance(document, bytes) else _decode_numbers(document).implausible_chunks
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # another program's; the summary command says so
        return 0


_decode_numbers = msgspec.json.Decoder(_Numbers).decode


def _print(findings: Sequence[Finding]) -> None:
    table = make_table("", "Check", "Found")
    for finding in findings:
        table.add_row(plain(finding.verdict, _STYLES[finding.verdict]), plain(finding.check), plain(finding.detail))
        if finding.remedy:
            table.add_row("", "", plain(f"→ {finding.remedy}", "italic"))
    show_page(table)
