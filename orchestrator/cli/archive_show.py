"""``orchestrator archive show``: commits of a brand as they are in the archive, the newest first."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import with_settings
from orchestrator.cli.opened import load, open_archive, progress
from orchestrator.cli.past_times import past_ms
from orchestrator.cli.terminal import Failure, counted, make_table, plain, show_page
from orchestrator.contract.brands import check_brand
from orchestrator.contract.times import iso_utc
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.archive.record import Item, Record
    from orchestrator.objects.brand_archive import BrandArchive


@click.command(short_help="Show commits of a brand, and the chunks that they took.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("--cid", metavar="CID", help="The commit of that id.")
@click.option("--at", metavar="TIME", help="The last commits up to TIME: 2h, 3d (ago), or ISO 8601 in UTC.")
@click.option("--chunk", metavar="ID", help="Every commit that took a chunk of that chunkId, however often.")
@click.option("-n", "--count", type=click.IntRange(1), default=20, show_default=True, help="At most so many commits.")
@click.option("--items", "with_items", is_flag=True, help="Each item with what became of it.")
@click.option("--payloads", is_flag=True, help="Items with what the worker pushed.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document a line: a commit, then its items.")
@with_settings
def show(  # noqa: PLR0913 - an option each
    settings: Settings,
    brand: str,
    *,
    cid: str | None,
    at: str | None,
    chunk: str | None,
    count: int,
    with_items: bool,
    payloads: bool,
    as_json: bool,
) -> None:
    """Show the newest commits of BRAND that the archive has, those up to a time, one, or those that took a chunk.

    Also commits that Redis forgot in a failover are there. What people wrote is shown with --payloads only.
    """
    at_ms = past_ms("--at", at)
    reading = load("orchestrator.objects.brand_archive")
    with open_archive(settings) as objects, progress("looked through", lambda done: counted(done, "commit")) as told:
        archive = reading.BrandArchive(objects, check_brand(brand))
        wanted = _wanted(_newest_first(archive, at_ms, told), cid, chunk)
        found = list(islice(wanted, 1 if cid else count))
    if not found:
        raise Failure(f"{objects.shown} has no such commit of {brand!r}.")
    if not as_json and not (with_items or payloads or cid or chunk):
        _show(found)
        return
    for record in found:
        _tell(record, chunk, items=with_items or payloads, payloads=payloads, as_json=as_json)


def _newest_first(archive: BrandArchive, at_ms: int | None, told: Callable[[int], None]) -> Iterator[Record]:
    """By epoch and version, day by day; an object's records are held to turn them round."""
    seen: set[str] = set()
    last_day = iso_utc(at_ms)[:10] if at_ms is not None else "9999"
    for day in reversed([day for day in archive.days() if day <= last_day]):
        for ref in reversed(archive.day(day)):
            records = list(archive.records(ref))
            told(len(records))
            for record in reversed(records):
                if record.cid not in seen and (at_ms is None or record.now_ms <= at_ms):
                    seen.add(record.cid)
                    yield record


def _wanted(records: Iterator[Record], cid: str | None, chunk: str | None) -> Iterator[Record]:
    for record in records:
        of_chunk = chunk is None or any(_chunk_id(item) == chunk for item in record.items)
        if of_chunk and cid in {None, record.cid}:
            yield record


def _chunk_id(item: Item) -> str | None:
    try:
        document = json.loads(item.payload)
    except (ValueError, RecursionError):
        return None
    found = document.get("chunkId") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def _show(found: list[Record]) -> None:
    right = ("Version", "Items")
    table = make_table("Time", "Commit", *right, "What became of them", right=right, fixed=("Time", "Commit"))
    for record in found:
        fates = Counter(item.fate.value for item in record.items)
        told = ", ".join(f"{number:,} {fate.replace('_', ' ')}" for fate, number in fates.items())
        told = "another state put in place" if record.replaces else told or "refreshed"
        cells = (iso_utc(record.now_ms), record.cid, f"{record.version:,}", f"{len(record.items):,}", told)
        table.add_row(*map(plain, cells))
    show_page(table)


def _tell(record: Record, chunk: str | None, *, items: bool, payloads: bool, as_json: bool) -> None:
    head = {
        "commit": record.cid,
        "previous": record.previous,
        "epoch": record.epoch,
        "version": record.version,
        "at": iso_utc(record.now_ms),
        "clock": iso_utc(record.clock_ms),
        "summaryAt": iso_utc(record.summary_ms) if record.summary_ms else None,
        "settings": dict(record.settings),
        "replaces": record.replaces,
        "items": len(record.items),
    }
    words = f"{head['at']}  {record.cid}  version {record.version:,}  {counted(len(record.items), 'item')}"
    click.echo(json.dumps(head) if as_json else plain(words).plain)
    for place, item in enumerate(record.items):
        if items or (chunk is not None and _chunk_id(item) == chunk):
            told = {"place": place, "chunkId": _chunk_id(item), "fate": item.fate.value, "bytes": len(item.payload)}
            told |= {name: value for name, value in (("reason", item.reason), ("path", item.path)) if value}
            if payloads:
                told |= _payload(item)
            words = "  ".join(str(value) for name, value in told.items() if name != "bytes")
            click.echo(json.dumps(told) if as_json else plain(f"  {words}").plain)


def _payload(item: Item) -> dict[str, str]:
    try:
        return {"payload": item.payload.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(item.payload).decode()}
