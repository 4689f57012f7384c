"""``orchestrator archive``: what an archive has, its records, and whether it has everything."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import click

from orchestrator.cli.archive_show import show
from orchestrator.cli.archive_tend import compact, prune, tend
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.opened import bytes_words, load, open_archive, progress
from orchestrator.cli.terminal import Failure, Misuse, counted, make_table, plain, remark, show_page
from orchestrator.cli.who import write_down
from orchestrator.contract.brands import check_brand
from orchestrator.errors import ArchiveError, ArchiveMisplacedError
from orchestrator.settings import Settings
from orchestrator.store.archive_id import known_id
from orchestrator.store.registry import registered

if TYPE_CHECKING:
    from orchestrator.objects.names import ObjectRef
    from orchestrator.objects.objects import Objects
    from orchestrator.objects.survey import Survey
    from orchestrator.objects.verify import Verified

SHOWN: Final = 20
"""Findings of a brand; --json tells all."""


@click.group()
def archive() -> None:
    """Look at what was consumed: list, show and verify the archive."""


for command in (show, compact, prune, tend):
    archive.add_command(command)


@archive.command(name="list", short_help="List what the archive has, of all brands or of one.")
@click.argument("brand", required=False, shell_complete=complete_brand)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_(settings: Settings, *, brand: str | None, as_json: bool) -> None:
    """List brands with days, objects, bytes, bases, and their first and last commit; of BRAND each day.

    By names and sizes alone. Redis is asked for nothing but which archive it knows: a word on standard error says
    where this is another place.
    """
    survey = load("orchestrator.objects.survey")
    with open_archive(settings) as objects:
        _remark_place(settings, objects)
        if brand is None:
            found = list(survey.survey_brands(objects))
            whole = None
        else:
            found = survey.survey_days(objects, check_brand(brand))
            whole = survey.survey_brand(objects, check_brand(brand))
        shown = objects.shown
    if as_json:
        told = [_document(one, "brand" if brand is None else "day") for one in found]
        click.echo(json.dumps(told if whole is None else {**_document(whole, "brand"), "perDay": told}, indent=2))
    elif found or (whole is not None and whole.bases):
        _show(found, "Brand" if brand is None else "Day")
        for one in found if whole is None else [whole]:
            if one.strange:
                remark(
                    f"{one.name!r}: {counted(one.strange, 'file')} that no archive gives; 'archive verify' names them."
                )
    elif brand is None:
        remark(f"There is nothing in {shown}.")
    else:
        raise Failure(f"{shown} has nothing of {brand!r}.")


@archive.command(short_help="Say that ARCHIVE_URL names this Redis's archive from now on.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def adopt(settings: Settings, *, yes: bool) -> None:
    """Say that the place of ARCHIVE_URL is the archive of this Redis from now on, whatever Redis knows.

    Nothing is copied: what the place before has is not there. A place is known by its marker, archive.json at its root,
    which is put where there is none. An archive that was moved with its marker needs no such word.
    """
    placing, marker = load("orchestrator.service.placing"), load("orchestrator.objects.marker")
    with open_archive(settings) as objects, open_redis(settings) as client:
        known, found = known_id(client), marker.read_marker(objects)
        if known and known == found:
            remark(f"{objects.shown} is the archive that Redis knows already: {known}.")
            return
        has = "something of brands" if not marker.is_empty(objects) else "nothing of any brand"
        remark(f"{objects.shown} has {has} and {f'the marker {found}' if found else 'no marker'}.")
        remark(f"Redis knows {f'the archive {known}' if known else 'no archive yet'}.")
        if not yes:
            if not sys.stdin.isatty():
                raise Misuse("records would be put there from now on: say --yes")
            click.confirm("Take this place for the archive from now on?", abort=True, err=True)
        write_down(client, "archive adopt", None, place=objects.shown, known=known or None)
        click.echo(plain(f"{objects.shown} is the archive of this Redis: {placing.adopt(client, objects)}").plain)


@archive.command(short_help="Read the archive whole, and say what is missing or damaged.")
@click.argument("brands", nargs=-1, shell_complete=complete_brand)
@click.option("--all", "every", is_flag=True, help="All brands that the archive has or that are registered.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with all that is found.")
@with_settings
def verify(settings: Settings, *, brands: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Read all objects of BRANDS, and follow the chain of commits from the live state back to its beginning.

    Checksums are compared; what is damaged, missing, forgotten by Redis, or none of an archive's is named. Commits that
    wait in Redis for the archive are taken along. Exit code 1: something is damaged or missing, be it the state in
    Redis of a brand that the archive has.
    """
    if every == bool(brands):
        raise Misuse("say which brands, or --all.")
    names = [check_brand(brand) for brand in brands]
    found: list[Verified] = []
    with open_archive(settings) as objects, open_redis(settings) as client:
        service, reading = load("orchestrator.service"), load("orchestrator.objects.brand_archive")
        checking = load("orchestrator.objects.verify")
        load("orchestrator.service.placing").must_fit(client, objects)
        if every:
            surveys = list(load("orchestrator.objects.survey").survey_brands(objects))
            known = set(registered(client, settings.brand_list_keys).brands)
            names = sorted(known | {one.name for one in surveys if not one.nameless})
            theirs = set(map(load("orchestrator.archive.record").folder_of, known))
            found += [checking.verify_nameless(one) for one in surveys if one.nameless and one.folder not in theirs]
        for name in names:
            with progress(f"{name!r}: read", bytes_words) as told:
                cid, version = service.live_commit(client, name)
                waiting = service.waiting_records(client, name)
                found.append(
                    checking.verify_brand(reading.BrandArchive(objects, name), cid, version, waiting, told=told)
                )
    if as_json:
        click.echo(json.dumps([_verified(one) for one in found], indent=2))
    else:
        for one in found:
            _tell(one)
    if not all(one.sound for one in found):
        sys.exit(1)


def _remark_place(settings: Settings, objects: Objects) -> None:
    """Say what is wrong with the place; what it has is listed all the same, also where Redis is away."""
    try:
        with open_redis(settings) as client:
            load("orchestrator.service.placing").must_fit(client, objects)
    except ArchiveMisplacedError as error:
        remark(f"Warning: {error}.")
    except ArchiveError:  # the list itself meets it
        return
    except Failure as error:
        remark(f"Not compared with the archive that Redis knows: {error.message}.")


def _document(one: Survey, key: str) -> dict[str, object]:
    return {
        key: one.name,
        **({"days": one.days, "bases": one.bases, "strange": one.strange} if key == "brand" else {}),
        "objects": one.objects,
        "bytes": one.bytes,
        "first": None if one.first is None else {**_place(one.first), "previous": one.first.previous},
        "last": None if one.last is None else {**_place(one.last), "commit": one.last.last},
    }


def _place(ref: ObjectRef) -> dict[str, object]:
    """Where the object's first record is."""
    return {"day": ref.day, "epoch": ref.epoch, "version": ref.version}


def _show(found: list[Survey], head: str) -> None:
    days = ("Days",) if head == "Brand" else ()
    right = (*days, "Objects", "Bytes", *(("Bases",) if days else ()), "First version")
    table = make_table(head, *right, *(("First day", "Last day") if days else ()), "Last commit", right=right)
    for one in found:
        cells = [one.name, *((f"{one.days:,}",) if days else ()), f"{one.objects:,}", bytes_words(one.bytes)]
        cells += [f"{one.bases:,}"] if days else []
        cells += [f"{one.first.version:,}" if one.first else ""]
        cells += [one.first.day if one.first else "", one.last.day if one.last else ""] if days else []
        table.add_row(*map(plain, [*cells, one.last.last if one.last else ""]))
    show_page(table)


def _verified(one: Verified) -> dict[str, object]:
    return {
        "brand": one.brand,
        "sound": one.sound,
        "commit": one.cid,
        "version": one.version,
        "waiting": one.waiting,
        "objects": one.objects,
        "bytes": one.bytes,
        "bases": one.bases,
        "records": one.records,
        "items": one.items,
        "fates": dict(one.fates),
        "begins": one.begins,
        "findings": [{"kind": each.kind, "where": each.where, "told": each.told} for each in one.findings],
    }


def _told(one: Verified) -> str:
    """The line of a brand."""
    there = f"{counted(one.objects, 'object')}, {counted(one.bases, 'base')}, {bytes_words(one.bytes)}"
    if not one.cid and not one.bytes:
        return f"{one.brand!r}: nothing was committed, and nothing is in the archive"
    if not one.cid:
        return f"{one.brand!r} has no state in this Redis: {there} in the archive"
    sound = "whole" if one.sound else "NOT whole"
    begins = f"from the base of commit {one.begins}" if one.begins else "from the brand's first commit"
    waiting = f", {one.waiting} of them still in Redis" if one.waiting else ""
    commits = f"{counted(one.records, 'commit')}{waiting} with {counted(one.items, 'item')} {begins}"
    return f"{one.brand!r} is {sound}: {there}; {commits}"


def _tell(one: Verified) -> None:
    click.echo(plain(_told(one)).plain)
    for finding in one.findings[:SHOWN]:
        click.echo(plain(f"  {finding.kind}: {finding.where}: {finding.told}").plain)
    if len(one.findings) > SHOWN:
        remark(f"{len(one.findings) - SHOWN} more: --json tells all.")
