"""``orchestrator failed``: dead letters, ours and those of workers, shown and left alone.

What is to become of them is in :mod:`orchestrator.cli.failed_mend`.

Source: the contract: ``failed:brand:<brand>`` is shared, and workers append entries of other shapes. Every entry
is untrusted bytes: what is not recognised is shown as it is, what is not text is shown escaped.
"""

from __future__ import annotations

import json

import click
import redis
from rich.console import Group

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.failed_mend import drop, edit, retry
from orchestrator.cli.selecting import brands_with_letters, is_narrow, selecting
from orchestrator.cli.terminal import Failure, Misuse, counted, make_table, on_terminal, plain, remark, show_page
from orchestrator.contract.brands import check_brand
from orchestrator.contract.letters import Letter, LetterError, Selection, Writer
from orchestrator.contract.times import iso_utc
from orchestrator.letters import Counts, Tally, counts, find, groups, marks_of, slice_of
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store.letters import Mark

_SHOWN_CHARS = 2_000  # of one value; --json shows all of it
_LIST_REASON_CHARS = 160
_SECONDS_CHARS = len("2026-11-23T10:15:00")


@click.group()
def failed() -> None:
    """Show dead letters, send them again, or remove them."""


failed.add_command(retry)
failed.add_command(drop)
failed.add_command(edit)


@failed.command(name="list", short_help="List dead letters: of one brand, or counts of all.")
@click.argument("brand", required=False, shell_complete=complete_brand)
@selecting
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Newest entries to list.")
@click.option("--by-reason", is_flag=True, help="Groups of the same reason and path, the largest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_failed(
    settings: Settings, brand: str | None, *, selection: Selection, limit: int, by_reason: bool, as_json: bool
) -> None:
    """List the dead letters of BRAND, oldest first; without BRAND, how many each brand has."""
    names = None if brand is None else [check_brand(brand)]
    with open_redis(settings) as client:
        if by_reason or (names is None and is_narrow(selection)):
            wanted = names or brands_with_letters(client, settings.brand_list_keys)
            _print_groups(groups(client, wanted, selection), as_json=as_json)
        elif names is None:
            _print_counts(counts(client, settings.brand_list_keys), as_json=as_json)
        else:
            letters, total = _find(client, names[0], selection, limit)
            _print_entries(names[0], letters, total, as_json=as_json)


@failed.command(short_help="Show dead letters of a brand with their payloads.")
@click.argument("brand", shell_complete=complete_brand)
@selecting
@click.option("--index", type=int, help="One entry alone: 0 is the oldest, -1 the newest.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1), help="Newest entries to show.")
@click.option(
    "--json", "form", flag_value="json", help="The entries as they are, one a line; what is no JSON as a string."
)
@click.option("--payload", "form", flag_value="payload", help="The payload of the letter at --index, byte for byte.")
@with_settings
def show(
    settings: Settings, brand: str, *, selection: Selection, index: int | None, limit: int, form: str | None
) -> None:
    """Show dead letters of BRAND with the original payload; values beyond 2,000 characters are cut, --json is whole.

    With --payload it goes into a file or a pipe, also one of several lines or of no text; 'failed edit --payload FILE'
    sends what has become of it.
    """
    name = check_brand(brand)
    if form == "payload" and index is None:
        raise Misuse("--payload needs --index: it is of one letter")
    if form == "payload" and on_terminal():
        raise Misuse("--payload writes bytes as they are, which may steer a terminal: send them to a file or a pipe")
    with open_redis(settings) as client:
        if index is None:
            entries, total = _find(client, name, selection, limit)
        else:
            entries, total = slice_of(client, name, index, index)
        sent = marks_of(client, name, entries)
    if not entries:
        place = "" if index is None or not total else f" at {index}: there are {total}"
        raise Failure(f"no dead letter of {brand!r}{place}")
    if form == "payload":
        _write_payload(entries[0])
        return
    if form == "json":
        click.echo("\n".join(as_json_line(entry.raw) for entry in entries))
        return
    for entry in entries:
        _print_entry(entry, total, sent.get(entry.index))


def _write_payload(letter: Letter) -> None:
    try:
        payload = letter.payload()
    except LetterError as error:
        raise Failure(f"the letter at {letter.index}: {error}") from None
    click.echo(payload, nl=False)


def _find(client: redis.Redis, brand: str, selection: Selection, limit: int) -> tuple[list[Letter], int]:
    """The newest *limit* letters that are meant, and how many there are; all are read only if that is asked."""
    if is_narrow(selection):
        return find(client, brand, selection, limit)
    return slice_of(client, brand, -limit, -1)


def as_json_line(raw: bytes) -> str:
    """*raw* as one line of JSON: itself if it is JSON, else a string; ASCII, so that no terminal is steered."""
    try:
        return json.dumps(json.loads(raw))
    except (ValueError, RecursionError):
        return json.dumps(raw.decode(errors="backslashreplace"))


def _print_groups(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        found = [group._asdict() | {"letters": number} for group, number in tally.groups.most_common()]
        click.echo(json.dumps(found + [{"letters": tally.rest}] * bool(tally.rest)))
        return
    table = make_table("Letters", "Brand", "Writer", "Path", "Reason", right=("Letters",))
    for group, number in tally.groups.most_common():
        shown = plain(_shortened(group.reason, _LIST_REASON_CHARS))
        table.add_row(f"{number:,}", plain(group.brand), plain(group.writer), plain(group.path), shown)
    show_page(table)
    if tally.rest:
        remark(f"And {counted(tally.rest, 'letter')} of further groups.")


def _print_counts(found: Counts, *, as_json: bool) -> None:
    numbers: dict[str, int | None] = dict(sorted([*found.letters.items(), *dict.fromkeys(found.foreign).items()]))
    if as_json:
        click.echo(json.dumps([{"brand": name, "letters": number} for name, number in numbers.items()]))
    elif not numbers:
        remark("No brand has dead letters.")
    elif not on_terminal():
        for name, number in numbers.items():
            click.echo(f"{'wrong type' if number is None else number}\t{printable(name)}")
    else:
        table = make_table("Brand", "Dead letters", right=("Dead letters",))
        for name, number in numbers.items():
            table.add_row(plain(name), "wrong type" if number is None else f"{number:,}")
        show_page(table)


def _print_entries(brand: str, entries: list[Letter], total: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_document(entry) for entry in entries]))
        return
    if not entries:
        remark(f"{brand!r} has no dead letters.")
        return
    table = make_table("#", "Received (UTC)", "Path", "Reason", right=("#",), fixed=("Received (UTC)",))
    for entry in entries:
        if entry.writer is Writer.ORCHESTRATOR:
            received = entry.text("receivedAt")[:_SECONDS_CHARS].replace("T", " ")
            path, reason = plain(entry.text("path")), plain(_shortened(entry.text("reason"), _LIST_REASON_CHARS))
        else:  # another program's: its words are not ours to interpret
            received, path = "", plain("another shape", "dim")
            reason = plain(_shortened(entry.raw.decode(errors="backslashreplace"), _LIST_REASON_CHARS))
        table.add_row(str(entry.index), plain(received), path, reason)
    show_page(table)
    if len(entries) < total:
        remark(f"The newest {len(entries)} of {counted(total, 'entry', 'entries')}; --limit shows more.")


def _document(entry: Letter) -> dict[str, object]:
    own = {name: entry.text(name) for name in ("receivedAt", "path", "reason")}
    return {"index": entry.index, "writer": entry.writer, **own}


def _print_entry(entry: Letter, total: int, mark: Mark | None) -> None:
    head = plain(f"#{entry.index} of {total}", "bold")
    if mark is not None:
        head.append_text(plain(f"  sent again {counted(mark.times, 'time')}, last {iso_utc(mark.at_ms)} by {mark.who}"))
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
