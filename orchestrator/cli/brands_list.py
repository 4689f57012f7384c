"""``orchestrator brands list``: which brands are registered, and how they stand, the ones that need somebody first."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click
import redis
from rich.table import Table

from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import make_table, on_terminal, plain, remark, show_page
from orchestrator.contract.pauses import Pause
from orchestrator.fleet.document import parked_document
from orchestrator.fleet.view import BrandStatus, Standing
from orchestrator.settings import Settings
from orchestrator.store.fleet import read_brands
from orchestrator.store.heads import first_times
from orchestrator.store.registry import registered

_ALONE: Final = frozenset({Standing.PARKED, Standing.NEWER, Standing.FAILING})
_UNITS_S: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class BrandRow:
    """How one brand stands; a count is None where the key has a foreign type, or is no number.

    Attributes:
        oldest_s: age of the first chunk in the queue, as its worker says; None: it does not, or nobody asked.
        paused: that an operator paused it.
        alone: how a brand stands that processes leave alone, or cannot get done.
    """

    brand: str
    queued: int | None
    failed: int | None
    commits: int | None
    summary: bool
    oldest_s: float | None = None
    paused: Pause | None = None
    alone: BrandStatus | None = None

    def document(self) -> dict[str, object]:
        """The row as JSON."""
        return {
            **{name: getattr(self, name) for name in ("brand", "queued", "failed", "commits", "summary")},
            "oldestSeconds": self.oldest_s,
            "paused": None if self.paused is None else json.loads(self.paused.mark()),
            "parked": None if self.alone is None else parked_document(self.alone),
        }

    @property
    def held_up(self) -> str:
        """What keeps the brand from going on; empty if nothing does."""
        if self.paused is not None:
            return str(self.paused)
        if self.alone is None or self.alone.parked is None:
            return ""
        return f"{self.alone.standing}: {self.alone.parked.told(self.brand)}"


def _first(number: float | None) -> float:
    """A key that puts the greatest number first, but before it what cannot be counted."""
    return float("-inf") if number is None else -number


SORTS: Final = {
    "name": lambda row: (row.brand,),
    "backlog": lambda row: (_first(row.queued), row.brand),
    "oldest": lambda row: (-(row.oldest_s or 0), _first(row.queued), row.brand),
    "dead": lambda row: (_first(row.failed), row.brand),
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
        show_page(_table(rows, ages=sort == "oldest"))
    else:
        click.echo("\n".join(row.brand for row in rows) if rows else "\n".join(registry.brands))


def look_at(client: redis.Redis, names: Sequence[str], *, ages: bool = False) -> list[BrandRow]:
    """How each of *names* stands, as all other surfaces say; with *ages* also how old their chunks are.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = read_brands(client, names)
    times = _ages_s(client, [status.brand for status in found if status.queued]) if ages else {}
    return [
        BrandRow(
            *(status.brand, status.queued, status.failed, status.commits, status.summarised),
            oldest_s=times.get(status.brand),
            paused=status.paused,
            alone=status if status.standing in _ALONE else None,
        )
        for status in found
    ]


def _ages_s(client: redis.Redis, names: Sequence[str]) -> Mapping[str, float]:
    now_ms = time.time_ns() // 1_000_000
    # A worker's clock may be ahead.
    return {name: max(0.0, (now_ms - at_ms) / 1000) for name, at_ms in first_times(client, names).items()}


def _table(rows: Sequence[BrandRow], *, ages: bool) -> Table:
    oldest = ("Oldest",) if ages else ()
    right = ("Queued", *oldest, "Failed", "Commits")
    table = make_table("Brand", *right, "Summary", "Held up", right=right)
    for row in rows:
        table.add_row(
            plain(row.brand),
            _cell(row.queued),
            *((_age(row.oldest_s),) if ages else ()),
            _cell(row.failed),
            _cell(row.commits),
            "yes" if row.summary else "no",
            plain(row.held_up),
            style="red" if None in {row.queued, row.failed, row.commits} else "",
        )
    return table


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "not told"
    size, unit = next(((size, unit) for size, unit in _UNITS_S if seconds >= size), (1, "s"))
    return f"{int(seconds // size):,} {unit}"


def _cell(number: int | None) -> str:
    return "unreadable" if number is None else f"{number:,}"
