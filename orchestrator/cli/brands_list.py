"""``orchestrator brands list``: which brands are registered, and how they stand, the ones that need somebody first."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click
import redis
from rich.console import Group, RenderableType
from rich.table import Table

from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import ROOMY, make_table, on_terminal, page_width, plain, remark, show_page
from orchestrator.fleet import words
from orchestrator.fleet.document import parked_document, paused_document
from orchestrator.fleet.view import BrandStatus
from orchestrator.settings import Settings
from orchestrator.store.fleet import read_brands
from orchestrator.store.heads import first_times
from orchestrator.store.registry import registered


@dataclass(frozen=True, slots=True)
class BrandRow:
    """How one brand stands, as all other surfaces say.

    Attributes:
        oldest_s: age of the first chunk in the queue, as its worker says; None: it does not, or nobody asked.
    """

    status: BrandStatus
    oldest_s: float | None = None

    def document(self) -> dict[str, object]:
        """The row as JSON; a count is null where the key has a foreign type, or is no number."""
        status = self.status
        return {
            **{name: getattr(status, name) for name in ("brand", "queued", "failed", "commits")},
            "summary": status.summarised,
            "oldestSeconds": self.oldest_s,
            "paused": paused_document(status),
            "parked": parked_document(status),
            "ownSettings": dict(status.own),
        }


def _first(number: float | None) -> float:
    """A key that puts the greatest number first, but before it what cannot be counted."""
    return float("-inf") if number is None else -number


SORTS: Final = {
    "name": lambda row: (row.status.brand,),
    "backlog": lambda row: (_first(row.status.queued), row.status.brand),
    "oldest": lambda row: (-(row.oldest_s or 0), _first(row.status.queued), row.status.brand),
    "dead": lambda row: (_first(row.status.failed), row.status.brand),
}
"""By what rows can be sorted; what is worst, or cannot be counted, comes first."""


@click.command(name="list", short_help="List registered brands and how they stand.")
@click.option("--sort", type=click.Choice(list(SORTS)), default="name", help="What is most, or longest, first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_brands(settings: Settings, *, sort: str, as_json: bool) -> None:
    """List registered brands: chunks queued, dead letters, commits, whether there is a summary, and what holds them up.

    Off a terminal the names alone, one on each line. --sort oldest looks at the first chunk of each queue and takes the
    worker's word for its age.
    """
    with open_redis(settings) as client:
        registry = registered(client, settings.brand_list_keys)
        wanted = as_json or on_terminal() or sort != "name"
        rows = look_at(client, registry.brands, ages=sort == "oldest") if wanted else []
    rows.sort(key=SORTS[sort])
    for name, reason in registry.refused:
        remark(f"Warning: {name} is refused: {reason}")
    if as_json:
        click.echo(json.dumps([row.document() for row in rows], indent=2))
    elif not registry.brands:
        remark("No brand is registered; 'orchestrator brands add BRAND' does it.")
    elif on_terminal():
        show_page(make_page(rows, page_width(), ages=sort == "oldest"))
    else:
        click.echo("\n".join(row.status.brand for row in rows) if rows else "\n".join(registry.brands))


def look_at(client: redis.Redis, names: Sequence[str], *, ages: bool = False) -> list[BrandRow]:
    """How each of *names* stands; with *ages* also how old their chunks are.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = read_brands(client, names)
    times = _ages_s(client, [status.brand for status in found if status.queued]) if ages else {}
    return [BrandRow(status, times.get(status.brand)) for status in found]


def _ages_s(client: redis.Redis, names: Sequence[str]) -> Mapping[str, float]:
    now_ms = time.time_ns() // 1_000_000
    # A worker's clock may be ahead.
    return {name: max(0.0, (now_ms - at_ms) / 1000) for name, at_ms in first_times(client, names).items()}


def make_page(rows: Sequence[BrandRow], width: int, *, ages: bool = False) -> RenderableType:
    """A table of numbers for so many columns; below it a sentence for each brand that does not go on as others do."""
    told = [*_held_up(rows), *(plain(f"{row.status.brand}: {words.own(row.status)}") for row in rows if row.status.own)]
    return Group(_table(rows, ages=ages, roomy=width >= ROOMY), *([""] if told else []), *told)


def _table(rows: Sequence[BrandRow], *, ages: bool, roomy: bool) -> Table:
    right = ("Queued", *(("Oldest",) if ages else ()), "Failed", *(("Commits",) if roomy else ()))
    table = make_table("Brand", *right, *(("Summary", "Held up") if roomy else ()), right=right)
    for row in rows:
        status = row.status
        cells = [_cell(status.queued), *((_age(row),) if ages else ()), _cell(status.failed)]
        if roomy:
            title, _ = words.alone(status)
            cells += [_cell(status.commits), "yes" if status.summarised else "no", status.standing if title else ""]
        table.add_row(plain(status.brand), *cells, style="red" if status.unreadable else "")
    return table


def _held_up(rows: Sequence[BrandRow]) -> Iterator[RenderableType]:
    for row in rows:
        _, text = words.alone(row.status)
        if text:
            yield plain(f"{row.status.brand}: {text}")


def _age(row: BrandRow) -> str:
    if row.oldest_s is not None:
        return words.lasting(row.oldest_s)
    return "not told" if row.status.queued else ""


def _cell(number: int | None) -> str:
    return "unreadable" if number is None else f"{number:,}"
