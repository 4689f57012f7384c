"""``orchestrator brands remove``: brands that are folded no more, and with ``--purge`` nothing of them that is kept."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click
import redis

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.opened import bytes_words, load, open_archive
from orchestrator.cli.terminal import Failure, Misuse, counted, remark
from orchestrator.cli.who import write_down
from orchestrator.contract.brands import check_brand
from orchestrator.errors import ArchiveError
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store.purge import HOLD_S, Holdings, Purged, look, purge
from orchestrator.store.registration import unregister
from orchestrator.store.registry import registered

if TYPE_CHECKING:
    from orchestrator.objects.objects import Objects

_SHOWN: Final = 20
"""Brands whose holdings are told one by one before somebody says yes."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """What goes with a purge, and whether it is only told of."""

    queue: bool
    failed: bool
    keep_archive: bool
    dry_run: bool
    yes: bool

    @classmethod
    def of(cls, options: Mapping[str, bool]) -> _Ways:
        """As the options say."""
        return cls(**options)


@click.command(short_help="Unregister brands; their data stay.")
@click.argument("names", nargs=-1, required=True, metavar="BRAND...", shell_complete=complete_brand)
@click.option("--purge", "purging", is_flag=True, help="And remove all that is kept of them, for good.")
@click.option("--queue", is_flag=True, help="With --purge: the chunks that wait in their queues, too.")
@click.option("--failed", is_flag=True, help="With --purge: their dead letters, too, whoever wrote them.")
@click.option("--keep-archive", is_flag=True, help="With --purge: what the archive has of them stays.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def remove(settings: Settings, /, names: tuple[str, ...], *, purging: bool, **ways: bool) -> None:
    """Unregister brands. Their queues, summaries and state stay as they are.

    With --purge state, summary, trend, spikes and remembered chunkIds go, even while somebody works on the brand, and
    where ARCHIVE_URL is set all that the archive has of it. Killed at any instant it may be run again. Chunks that stay
    and are folded later count anew in an empty state. Exit code 1: something remains in the archive.
    """
    wanted, how = list(dict.fromkeys(check_brand(name) for name in names)), _Ways.of(ways)
    if (how.queue or how.failed or how.keep_archive) and not purging:
        raise Misuse("--queue, --failed and --keep-archive need --purge: without it everything stays")
    with open_redis(settings) as client:
        if purging:
            _purge(client, settings, wanted, how)
        else:
            _unregister(client, settings, wanted, dry_run=how.dry_run)


def _unregister(client: redis.Redis, settings: Settings, wanted: list[str], *, dry_run: bool) -> None:
    known = set(registered(client, settings.brand_list_keys).brands) if dry_run else set()
    missing = []
    for brand in wanted:
        if not dry_run:
            write_down(client, "remove", brand)
        if brand in known if dry_run else unregister(client, settings.brand_list_keys, brand):
            click.echo(f"{printable(brand)}: {'would be ' if dry_run else ''}removed")
        else:
            missing.append(brand)
    if missing:
        raise Failure(f"not registered: {', '.join(missing)}")


def _purge(client: redis.Redis, settings: Settings, wanted: list[str], how: _Ways) -> None:
    # Whoever has no archive needs nothing of it.
    opened = open_archive(settings) if settings.archive_url and not how.keep_archive else nullcontext()
    known = set(registered(client, settings.brand_list_keys).brands)
    found = {brand: look(client, brand) for brand in wanted}
    with opened as objects:
        archived = {brand: "" if objects is None else _archived(client, objects, brand) for brand in wanted}
        unknown = [one for one in wanted if one not in known and not _anything(found[one], how) and not archived[one]]
        if unknown:
            told = ", ".join(map(repr, unknown))
            raise Failure(f"nothing was done: neither registered nor is anything kept of {told}")
        for brand in wanted[:_SHOWN]:
            remark(f"{brand}: {_holdings_told(found[brand], how)}")
            if archived[brand]:
                remark(f"{brand}: of the archive {archived[brand]}")
        if how.dry_run:
            click.echo(f"Would purge {counted(len(wanted), 'brand')}.")
            return
        _ask(found, how)
        remaining = [brand for brand in wanted if not _purge_one(client, settings, brand, objects, how)]
    if remaining:
        again = f"orchestrator brands remove --purge {' '.join(map(shlex.quote, remaining))}"
        raise Failure(f"of {counted(len(remaining), 'brand')} the archive has something still; then again: {again}")


def _purge_one(client: redis.Redis, settings: Settings, brand: str, objects: Objects | None, how: _Ways) -> bool:
    """Whether nothing remains of *brand*."""
    write_down(client, "purge", brand, queue=how.queue, failed=how.failed, **_kept_told(settings, how))
    # First: who reads the registry after this does not begin anew.
    unregister(client, settings.brand_list_keys, brand)
    hold_s = min(HOLD_S, settings.lock_ttl_sec)
    if objects is None:
        done = purge(client, brand, queue=how.queue, letters=how.failed, hold_s=hold_s)
    else:
        done = load("orchestrator.service.purging").purge_brand(
            client, brand, objects, queue=how.queue, letters=how.failed, hold_s=hold_s
        )
    click.echo(f"{printable(brand)}: purged, {_done_told(done, how)}")
    if done.remains:
        remark(f"{brand}: what the archive has of it is NOT gone, {done.remains}")
    elif settings.archive_url and how.keep_archive:
        remark(f"{brand}: what the archive has of it stays, as asked for")
    return not done.remains


def _kept_told(settings: Settings, how: _Ways) -> dict[str, bool]:
    """For the audit list, where there is an archive: whether it is spared."""
    return {"keep_archive": how.keep_archive} if settings.archive_url else {}


def _archived(client: redis.Redis, objects: Objects, brand: str) -> str:
    """What goes of the archive; empty: nothing is there."""
    try:
        load("orchestrator.service.placing").must_fit(client, objects)
        count, size = load("orchestrator.service.purging").archived(objects, brand)
    except ArchiveError as error:
        return f"nobody knows what there is: {error}"
    return f"{counted(count, 'object')} of {bytes_words(size)} go" if count else ""


def _anything(found: Holdings, how: _Ways) -> bool:
    return bool(found.keys or (how.queue and found.queued) or (how.failed and found.letters))


def _ask(found: Mapping[str, Holdings], how: _Ways) -> None:
    if how.yes:
        return
    brands = counted(len(found), "brand")
    if not sys.stdin.isatty():
        raise Misuse(f"what is kept of {brands} would be gone for good: say --yes, or --dry-run to see what")
    click.confirm(f"Purge {brands} for good?", abort=True, err=True)


def _holdings_told(found: Holdings, how: _Ways) -> str:
    """What goes, what stays, and what becomes of that."""
    goes = [f"the state of {counted(found.commits, 'commit')}", f"{counted(found.remembered, 'remembered chunkId')}"]
    goes += ["the summary"] if found.summary else []
    goes += [counted(found.spikes, "episode")] if found.spikes else []
    goes += [f"{counted(found.untold, 'alert')} that nobody was told of"] if found.untold else []
    goes += [f"{counted(found.unarchived, 'commit')} that no archive has yet"] if found.unarchived else []
    stays = []
    for number, name, option, asked in (
        (found.queued, "queued chunk", "--queue", how.queue),
        (found.letters, "dead letter", "--failed", how.failed),
    ):
        if number and asked:
            goes.append(counted(number, name))
        elif number:
            stays.append(f"{counted(number, name)} ({option} removes {'it' if number == 1 else 'them'})")
    told = f"for good go {', '.join(goes)}"
    if stays:
        told += f"; {' and '.join(stays)} stay, and if folded later count anew, in an empty state"
    return told


def _done_told(done: Purged, how: _Ways) -> str:
    told = [counted(done.keys, "key")]
    told += [counted(done.chunks, "queued chunk")] if how.queue else []
    told += [counted(done.letters, "dead letter")] if how.failed else []
    told += [f"{counted(done.objects, 'object')} of the archive"] if done.objects else []
    held = "; somebody worked on it, and lost the lease" if done.held else ""
    return f"{', '.join(told)} gone{held}"
