"""``orchestrator state``: a brand's state as a file, back again, and two of them side by side."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import click

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.opened import load, open_archive, progress
from orchestrator.cli.private_files import write_private
from orchestrator.cli.terminal import Failure, counted, make_table, plain, remark, show_page
from orchestrator.cli.who import write_down
from orchestrator.contract import own_settings
from orchestrator.contract.brands import check_brand
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.process.masking import printable
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.service import Refolded

SHOWN: Final = 50
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def state() -> None:
    """Export, import, compare and verify the state of a brand."""


@state.command(short_help="Write a brand's state to a file.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@with_settings
def export(settings: Settings, brand: str, output: Path, *, force: bool) -> None:
    """Write all that the last commit left of BRAND to a file, for an import here or on another Redis.

    Nobody is disturbed. The file holds what people wrote, and a key of the brand's: only its owner may read it.
    """
    name = check_brand(brand)
    service = _service()
    with open_redis(settings) as client:
        snapshot = service.take_snapshot(client, settings, name)
    if not snapshot.cid:
        raise Failure(f"{name!r} has no state: nothing was committed yet.")
    try:
        size = write_private(output, service.encode_snapshot(snapshot), replace=force)
    except FileExistsError:
        raise Failure(f"{printable(str(output))} is there: --force replaces it.") from None
    what = f"version {snapshot.version}, commit {snapshot.cid}, {counted(size, 'byte')}"
    remark(f"{printable(repr(name))} is in {printable(str(output))}: {what}.")


@state.command(name="import", short_help="Put a brand's state back from a file.")
@click.argument("brand", shell_complete=complete_brand)
@click.argument("file", type=_FILE)
@click.option("--over", metavar="CID", help="The brand's last commit, whose state is to be replaced.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@with_settings
def import_(settings: Settings, brand: str, file: Path, *, over: str | None, dry_run: bool) -> None:
    """Make the state in FILE that of BRAND, as one ordinary commit.

    It is refused where the brand was committed to since FILE was written, unless --over names its last commit: chunks
    that were counted since would be gone. Chunks that wait in the queue are counted on top. Nobody may work on the
    brand meanwhile: pause it, or wait until it is idle.
    """
    name = check_brand(brand)
    service = _service()
    snapshot = service.decode_snapshot(file.read_bytes())
    if snapshot.brand != name:
        raise Failure(printable(f"{file} has the state of {snapshot.brand!r}, not of {name!r}."))
    with open_redis(settings) as client:
        if not dry_run:
            write_down(client, "import", name, commit=snapshot.cid, over=over)
        done = service.put_back(client, settings, snapshot, over=over, dry_run=dry_run)
    would = "would be" if dry_run else "is"
    when = f"of {iso_utc_seconds(snapshot.taken_ms)}, version {snapshot.version}"
    click.echo(
        printable(
            f"{name!r} {would} as in {file} ({when}): {counted(done.fields, 'field')}, {done.removed} removed, now"
            f" version {done.version}{_with_own(done.own)}"
        )
    )


@state.command(short_help="Compare a brand's state with a file, or two files.")
@click.argument("brand", shell_complete=complete_brand)
@click.argument("file", type=_FILE)
@click.argument("other", type=_FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with all of them, instead of a table.")
@with_settings
def diff(settings: Settings, brand: str, file: Path, other: Path | None, *, as_json: bool) -> None:
    """Compare the state of BRAND in FILE with the one in OTHER, or without it with the one in Redis.

    What readers see comes first, by the names of the summary and the trend. Exit code 1: they differ.
    """
    name = check_brand(brand)
    service = _service()
    one = service.decode_snapshot(file.read_bytes())
    if other is not None:
        two = service.decode_snapshot(other.read_bytes())
    else:
        with open_redis(settings) as client:
            two = service.take_snapshot(client, settings, name)
    for snapshot in (one, two):
        if snapshot.brand != name:
            raise Failure(printable(f"a file has the state of {snapshot.brand!r}, not of {name!r}."))
    found = service.state_differences(settings, one, two)
    if as_json:
        click.echo(json.dumps([difference._asdict() for difference in found], indent=2))
    elif found:
        _show(found, str(file), "Redis" if other is None else str(other))
    else:
        remark("They say the same, byte for byte.")
    if found:
        sys.exit(1)


@state.command(short_help="Make a brand's state again of its archive, and compare.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("--oldest", is_flag=True, help="Begin as far back as the archive leads, not at the newest base.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with all that differs, instead of a table.")
@with_settings
def verify(settings: Settings, brand: str, *, oldest: bool, as_json: bool) -> None:
    """Fold again what the archive has of BRAND, and compare with its live state and its summary, field by field.

    Nobody is disturbed. It says at which chunk the two part, or between which commits. Exit code 1: they differ.
    """
    name = check_brand(brand)
    with open_archive(settings) as objects, open_redis(settings) as client:
        load("orchestrator.service.placing").must_fit(client, objects)
        archive = load("orchestrator.objects.brand_archive").BrandArchive(objects, name)
        with progress(f"{name!r}: folded", lambda done: counted(done, "item")) as told:
            found = _service().verify_state(client, settings, archive, oldest=oldest, told=told)
    if as_json:
        click.echo(json.dumps(_refolded(found), indent=2))
    else:
        _tell(found)
    if not found.same:
        sys.exit(1)


def _refolded(found: Refolded) -> dict[str, object]:
    return {
        "brand": found.brand,
        "same": found.same,
        "commit": found.cid,
        "version": found.version,
        "base": found.base,
        "waiting": found.waiting,
        "records": found.records,
        "items": found.items,
        "summary": found.summary,
        "since": found.since,
        "until": found.until,
        "partings": [
            {"commit": one.cid, "place": one.place, "told": one.told, "found": one.found} for one in found.partings
        ],
        "differences": [difference._asdict() for difference in found.differences],
    }


def _tell(found: Refolded) -> None:
    begun = f"from the base of commit {found.base}" if found.base else "from the brand's first commit"
    of = f"{counted(found.records, 'commit')} with {counted(found.items, 'item')} {begun}"
    if found.same:
        summary = "" if found.summary is None else ", the summary too"
        remark(f"{found.brand!r} is the same, byte for byte{summary}: {of}, to version {found.version}, {found.cid}.")
        return
    if found.partings:
        first = found.partings[0]
        told = f"commit {first.cid}, item {first.place}: the record says {first.told}, here it is {first.found}"
        remark(f"They part at {told}. {counted(len(found.partings), 'item')} in all.")
    else:
        since = f"commit {found.since}" if found.since else "the brand's first commit"
        remark(
            f"Each item is as its record says, but the states differ: behind {since}, at {found.until} at the latest."
        )
    if found.differences:
        _show(found.differences, "Redis", "the archive")
    if found.summary is False:
        remark("The summary that readers see is another one.")


def _with_own(own: Mapping[str, int | float]) -> str:
    return f", folded with {own_settings.told(own)} of its own" if own else ""


def _show(found: list[Any], one: str, other: str) -> None:
    table = make_table("Where", printable(one), printable(other))
    for difference in islice(found, SHOWN):
        table.add_row(*map(plain, map(printable, difference[:3])))
    show_page(table)
    if len(found) > SHOWN:
        remark(f"{len(found) - SHOWN} more: --json tells all.")
    if not any(difference.seen for difference in found):
        remark("Readers see the same of both.")


def _service() -> ModuleType:
    load_kernel()  # before the service, which loads the kernels without a word about a failure
    return importlib.import_module("orchestrator.service")
