"""``orchestrator failed``: dead letters, ours and those of workers, shown and left alone.

Source: the contract: ``failed:brand:<brand>`` is shared, and workers append entries of other shapes. Every entry
is untrusted bytes: what is not recognised is shown as it is, what is not text is shown escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import click
import redis
from rich.console import Group

from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import Failure, counted, make_table, on_terminal, plain, remark, show_page
from orchestrator.contract.brands import check_brand
from orchestrator.contract.keys import BrandKeys
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store import checked, translated
from orchestrator.store.registry import registered

OUR_ERROR = "invalid_chunk_result"
_PREFIX = BrandKeys.of("").failed
_SHOWN_CHARS = 2_000  # of one value; --json shows all of it
_LIST_REASON_CHARS = 160
_SECONDS_CHARS = len("2026-11-23T10:15:00")


@dataclass(frozen=True, slots=True)
class Entry:
    """One dead letter: its place in the list, its bytes, and what they hold if that is a JSON object."""

    index: int
    raw: bytes
    fields: dict[str, Any] | None

    def text(self, name: str) -> str:
        """A field as text, empty if there is none."""
        value = (self.fields or {}).get(name)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)


@click.group()
def failed() -> None:
    """List and show dead letters: chunks that could not be folded."""


@failed.command(name="list", short_help="List dead letters: of one brand, or counts of all.")
@click.argument("brand", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Newest entries to list.")
@with_settings
def list_failed(settings: Settings, brand: str | None, limit: int) -> None:
    """List the dead letters of BRAND, oldest first; without BRAND, how many each brand has."""
    if brand is None:
        with open_redis(settings) as client:
            counts = count_all(client, settings.brand_list_keys)
        _print_counts(counts)
        return
    name = check_brand(brand)
    with open_redis(settings) as client:
        entries, total = read_entries(client, name, -limit, -1)
    _print_entries(name, entries, total)


@failed.command(short_help="Show dead letters of a brand with their payloads.")
@click.argument("brand")
@click.option("--index", type=int, help="One entry alone: 0 is the oldest, -1 the newest.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1), help="Newest entries to show.")
@click.option(
    "--json", "as_json", is_flag=True, help="The entries as they are, one a line; what is no JSON as a string."
)
@with_settings
def show(settings: Settings, brand: str, index: int | None, limit: int, *, as_json: bool) -> None:
    """Show dead letters of BRAND with the original payload; values beyond 2,000 characters are cut, --json is whole."""
    first, last = (-limit, -1) if index is None else (index, index)
    with open_redis(settings) as client:
        entries, total = read_entries(client, check_brand(brand), first, last)
    if not entries:
        place = "" if index is None or not total else f" at {index}: there are {total}"
        raise Failure(f"no dead letter of {brand!r}{place}")
    if as_json:
        click.echo("\n".join(as_json_line(entry.raw) for entry in entries))
        return
    for entry in entries:
        _print_entry(entry, total)


def read_entries(client: redis.Redis, brand: str, first: int, last: int) -> tuple[list[Entry], int]:
    """Entries *first* to *last* (negative: from the end) of *brand* with their places, and how many there are.

    Raises:
        StoreError: Redis did not answer or refused (a key of another type).
    """
    key = BrandKeys.of(brand).failed
    with translated(), client.pipeline(transaction=True) as pipeline:  # one snapshot, so that places are right
        pipeline.llen(key)
        pipeline.lrange(key, first, last)
        total, raws = (checked(reply) for reply in pipeline.execute(raise_on_error=False))
    start = max(0, first + total if first < 0 else first)
    return [Entry(start + offset, raw, _object_of(raw)) for offset, raw in enumerate(raws)], int(total)


def count_all(client: redis.Redis, registry_keys: Sequence[str]) -> dict[str, int | None]:
    """Dead letters by brand, of all brands that have some, registered or not; None: a key of another type.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        found = {_brand_of(key) for key in cast("Iterator[bytes]", client.scan_iter(match=f"{_PREFIX}*", count=1_000))}
        names = sorted(found.union(registered(client, registry_keys).brands))
        with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.llen(BrandKeys.of(name).failed)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
    lengths = {
        name: None if isinstance(reply, Exception) else int(reply) for name, reply in zip(names, replies, strict=True)
    }
    return {name: number for name, number in lengths.items() if number != 0}


def as_json_line(raw: bytes) -> str:
    """*raw* as one line of JSON: itself if it is JSON, else a string; ASCII, so that no terminal is steered."""
    try:
        return json.dumps(json.loads(raw))
    except (ValueError, RecursionError):
        return json.dumps(raw.decode(errors="backslashreplace"))


def _brand_of(key: bytes) -> str:
    return key.decode(errors="backslashreplace").removeprefix(_PREFIX)


def _object_of(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _print_counts(counts: dict[str, int | None]) -> None:
    if not counts:
        remark("No brand has dead letters.")
    elif not on_terminal():
        for name, number in counts.items():
            click.echo(f"{'wrong type' if number is None else number}\t{printable(name)}")
    else:
        table = make_table("Brand", "Dead letters", right=("Dead letters",))
        for name, number in counts.items():
            table.add_row(plain(name), "wrong type" if number is None else f"{number:,}")
        show_page(table)


def _print_entries(brand: str, entries: list[Entry], total: int) -> None:
    if not entries:
        remark(f"{brand!r} has no dead letters.")
        return
    table = make_table("#", "Received (UTC)", "Path", "Reason", right=("#",), fixed=("Received (UTC)",))
    for entry in entries:
        if entry.text("error") == OUR_ERROR:
            received = entry.text("receivedAt")[:_SECONDS_CHARS].replace("T", " ")
            path, reason = plain(entry.text("path")), plain(_shortened(entry.text("reason"), _LIST_REASON_CHARS))
        else:  # another program's: its words are not ours to interpret
            received, path = "", plain("another shape", "dim")
            reason = plain(_shortened(entry.raw.decode(errors="backslashreplace"), _LIST_REASON_CHARS))
        table.add_row(str(entry.index), plain(received), path, reason)
    show_page(table)
    if len(entries) < total:
        remark(f"The newest {len(entries)} of {counted(total, 'entry', 'entries')}; --limit shows more.")


def _print_entry(entry: Entry, total: int) -> None:
    head = plain(f"#{entry.index} of {total}", "bold")
    if entry.fields is None:
        note = plain("  not a JSON object, as it is:", "dim")
        show_page(Group(head, note, plain(_shortened(entry.raw.decode(errors="backslashreplace"), _SHOWN_CHARS)), ""))
        return
    table = make_table("", "")
    table.show_header = False
    for name, value in entry.fields.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        table.add_row(plain(f"  {name}", "dim"), plain(_shortened(shown, _SHOWN_CHARS)))
    show_page(Group(head, table, ""))


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
