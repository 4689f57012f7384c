"""``orchestrator archive compact`` and ``prune``: closed days become Parquet, and old ones go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import click

from orchestrator.cli.brands_named import wanted_names
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.opened import bytes_words, load, open_archive
from orchestrator.cli.terminal import Misuse, counted, plain, remark
from orchestrator.cli.who import write_down
from orchestrator.errors import ArchiveUnavailableError, OrchestratorError, StoreUnavailableError
from orchestrator.settings import Settings

if TYPE_CHECKING:
    import redis

    from orchestrator.objects.brand_archive import BrandArchive
    from orchestrator.objects.compaction import Compacted
    from orchestrator.objects.retention import Pruning

_NICE: Final = 15


class _Day(click.ParamType[str]):
    """A day like 2026-11-28."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*Value*, if it is one."""
        if not isinstance(value, str) or not load("orchestrator.objects.names").day_of(f"day={value}"):
            self.fail(f"{value!r} is no day like 2026-11-28", param, ctx)
        return value


@click.command(short_help="Make Parquet of closed days.")
@click.argument("brands", nargs=-1, shell_complete=complete_brand)
@click.option("--all", "every", is_flag=True, help="All brands that the archive has.")
@click.option("--before", type=_Day(), metavar="DAY", help="Only days before this one (default: yesterday), UTC.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@with_settings
def compact(settings: Settings, /, *, brands: tuple[str, ...], every: bool, before: str | None, **ways: bool) -> None:
    """Make one Parquet file of the many small objects of each closed day of BRANDS, and remove these.

    What goes lies in the archive as Parquet, and was read there and compared. Killed at any instant nothing is lost,
    and the next one goes on. Any tool reads the files. Exit code 1: something stays as it is, and it is told why.
    """
    wanted_names(brands, everything=every)
    told: list[dict[str, object]] = []
    with _brands(settings, brands) as (client, archives):
        tending = load("orchestrator.service.tending")
        until = before or tending.first_open(tending.server_ms(client))
        if until > (today := tending.first_kept(tending.server_ms(client), 0)):
            raise Misuse(f"--before {until}: days are closed before {today}, which is today")
        for archive in archives:
            for planned in tending.closed_days(archive, until):
                if ways["dry_run"]:
                    told.append({"brand": archive.brand, "day": planned.day, "objects": planned.objects})
                    _say(ways, f"{archive.brand!r}, {planned.day}: would pack {counted(planned.objects, 'object')}")
                else:
                    done = tending.compact(client, archive, planned.day)
                    told.append({"brand": archive.brand, **_compacted(done)})
                    _say(ways, f"{archive.brand!r}, {done.day}: {_compacted_words(done)}")
    _end(ways, told, "Every closed day is Parquet already.")
    if any(one.get("left") for one in told):
        sys.exit(1)


@click.command(short_help="Let old days go, as far as no kept one needs them.")
@click.argument("brands", nargs=-1, shell_complete=complete_brand)
@click.option("--all", "every", is_flag=True, help="All brands that the archive has.")
@click.option("--days", type=click.IntRange(min=1, max=36_500), help="Days to keep (default: ARCHIVE_RETENTION_DAYS).")
@click.option("--dry-run", is_flag=True, help="Say what would go, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@with_settings
def prune(settings: Settings, /, *, brands: tuple[str, ...], every: bool, days: int | None, **ways: bool) -> None:
    """Remove days of BRANDS from the archive, the oldest first, up to a base at which later chains begin.

    What is kept can be verified and made anew as before. Where a day cannot go it is told why, with exit code 1.
    """
    wanted_names(brands, everything=every)
    keep = days or settings.archive_retention_days
    if not keep:
        raise Misuse("ARCHIVE_RETENTION_DAYS is 0, which is for ever: say how many --days are to be kept")
    told: list[dict[str, object]] = []
    with _brands(settings, brands) as (client, archives):
        tending = load("orchestrator.service.tending")
        _ask(ways, keep)
        for archive in archives:
            if ways["dry_run"]:
                done = tending.plan(client, archive, keep)
            else:
                write_down(client, "archive prune", archive.brand, days=keep)
                done = tending.forget(client, settings, archive, keep)
            told.append({"brand": archive.brand, **_pruned(done)})
            if done.days or done.stays:
                _say(ways, f"{archive.brand!r}: {_pruned_words(done, dry_run=ways['dry_run'])}")
    _end(ways, told, "Nothing is as old as that.")
    if any(one.get("stays") for one in told):
        sys.exit(1)


@click.command(hidden=True, short_help="What the service does in background.")
@click.option("--compact", "compacts", is_flag=True, help="Make Parquet of closed days.")
@with_settings
def tend(settings: Settings, /, *, compacts: bool) -> None:
    """Make Parquet of closed days, let old ones go, and tell of it in one JSON document; with a low priority.

    What cannot be done of one brand keeps no other one waiting.
    """
    with suppress(OSError):
        os.nice(_NICE)
    told: dict[str, Any] = {"compacted": 0, "pruned": 0, "open": 0, "left": []}
    with _brands(settings, ()) as (client, archives):
        for archive in archives:
            try:
                _tend_one(client, settings, archive, told, compacts=compacts)
            except (ArchiveUnavailableError, StoreUnavailableError):
                raise
            except OrchestratorError as error:  # of its records, its state, or somebody who commits all the time
                told["left"].append(f"{archive.brand!r}: {error}")
    click.echo(json.dumps(told))


def _tend_one(
    client: redis.Redis, settings: Settings, archive: BrandArchive, told: dict[str, Any], *, compacts: bool
) -> None:
    tending = load("orchestrator.service.tending")
    if settings.archive_retention_days:  # first: what goes need not be packed
        pruned = tending.forget(client, settings, archive, settings.archive_retention_days)
        told["pruned"] += len(pruned.days)
        told["left"] += [f"{archive.brand!r}: {pruned.stays}"] if pruned.stays else []
    if compacts:
        for planned in tending.closed_days(archive, tending.first_open(tending.server_ms(client))):
            done = tending.compact(client, archive, planned.day)
            told["compacted"] += bool(done.files)
            told["open"] += bool(done.left)
            told["left"] += [f"{archive.brand!r}: {why}" for why in done.left]


@contextmanager
def _brands(settings: Settings, names: tuple[str, ...]) -> Iterator[tuple[redis.Redis, list[BrandArchive]]]:
    """Redis, and the archives of those brands; of all where none is named."""
    with open_archive(settings) as objects, open_redis(settings) as client:
        load("orchestrator.service.placing").must_fit(client, objects)
        reading = load("orchestrator.objects.brand_archive").BrandArchive
        chosen = list(dict.fromkeys(names)) or load("orchestrator.objects.survey").brands_of(objects)
        yield client, [reading(objects, name) for name in chosen]


def _ask(ways: dict[str, bool], days: int) -> None:
    if ways["dry_run"] or ways["yes"]:
        return
    if not sys.stdin.isatty():
        raise Misuse("days of the archive would be gone for good: say --yes, or --dry-run to see which")
    click.confirm(f"Remove all but the last {days} days for good?", abort=True, err=True)


def _say(ways: dict[str, bool], text: str) -> None:
    if not ways["as_json"]:
        click.echo(plain(text).plain)


def _end(ways: dict[str, bool], told: list[dict[str, object]], nothing: str) -> None:
    if ways["as_json"]:
        click.echo(json.dumps(told, indent=2))
    elif not any(one.get("objects") or one.get("files") or one.get("left") or one.get("stays") for one in told):
        remark(nothing)


def _compacted(done: Compacted) -> dict[str, object]:
    return {
        "day": done.day,
        "records": done.records,
        "files": done.files,
        "bytes": done.size,
        "removed": done.removed,
        "removedBytes": done.removed_size,
        "left": done.left,
    }


def _compacted_words(done: Compacted) -> str:
    told = f"{counted(done.records, 'commit')} in {counted(len(done.files), 'file')} of {bytes_words(done.size)}"
    told += f", {counted(done.removed, 'object')} of {bytes_words(done.removed_size)} gone"
    return "; ".join([told, *(f"left as it is: {why}" for why in done.left)])


def _pruned(done: Pruning) -> dict[str, object]:
    return {
        "keepFrom": done.keep_from,
        "days": list(done.days),
        "objects": len(done.objects),
        "bases": len(done.bases),
        "bytes": done.size,
        "begins": done.begins.cid if done.begins else None,
        "stays": done.stays,
    }


def _pruned_words(done: Pruning, *, dry_run: bool) -> str:
    told = []
    if done.days:
        span = done.days[0] if len(done.days) == 1 else f"{done.days[0]} to {done.days[-1]}"
        what = f"{counted(len(done.objects), 'object')}, {counted(len(done.bases), 'base')}, {bytes_words(done.size)}"
        told.append(f"{span} {'would go' if dry_run else 'gone'} ({what})")
    if done.stays:
        told.append(f"days before {done.keep_from} stay: {done.stays}")
    return "; ".join(told)
