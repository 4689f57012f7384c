"""``orchestrator brands``: which brands are registered, and how they stand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import redis
from rich.table import Table

from orchestrator.cli.brands_pause import pause, resume
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.registration import register, unregister
from orchestrator.cli.terminal import Failure, make_table, on_terminal, plain, remark, show_page
from orchestrator.contract.brands import check_brand
from orchestrator.contract.keys import BrandKeys
from orchestrator.settings import Settings
from orchestrator.store import translated
from orchestrator.store.registry import registered


@dataclass(frozen=True, slots=True)
class BrandRow:
    """How one brand stands; a count is None where the key has a foreign type, or is no number."""

    brand: str
    queued: int | None
    failed: int | None
    commits: int | None
    summary: bool


@click.group()
def brands() -> None:
    """Add, remove and list registered brands; pause and resume them."""


brands.add_command(pause)
brands.add_command(resume)


@brands.command()
@click.argument("names", nargs=-1, required=True, metavar="BRAND...")
@with_settings
def add(settings: Settings, names: tuple[str, ...]) -> None:
    """Register brands, so that their chunks are folded."""
    wanted = list(dict.fromkeys(check_brand(name) for name in names))
    with open_redis(settings) as client:
        for brand in wanted:
            new = register(client, settings.brand_list_keys, brand)
            click.echo(f"{brand}: {'registered' if new else 'is registered already'}")


@brands.command(short_help="Unregister brands; their data stay.")
@click.argument("names", nargs=-1, required=True, metavar="BRAND...")
@with_settings
def remove(settings: Settings, names: tuple[str, ...]) -> None:
    """Unregister brands. Their queues, summaries and state stay as they are."""
    wanted = list(dict.fromkeys(check_brand(name) for name in names))
    missing = []
    with open_redis(settings) as client:
        for brand in wanted:
            if unregister(client, settings.brand_list_keys, brand):
                click.echo(f"{brand}: removed")
            else:
                missing.append(brand)
    if missing:
        raise Failure(f"not registered: {', '.join(missing)}")


@brands.command(name="list", short_help="List registered brands and how they stand.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_brands(settings: Settings, *, as_json: bool) -> None:
    """List registered brands: chunks queued, dead letters, commits, and whether there is a summary.

    Off a terminal the names alone, one on each line.
    """
    with open_redis(settings) as client:
        registry = registered(client, settings.brand_list_keys)
        rows = look_at(client, registry.brands) if as_json or on_terminal() else ()
    for name, reason in registry.refused:
        remark(f"Warning: {name} is refused: {reason}")
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    elif not registry.brands:
        remark("No brand is registered; 'orchestrator brands add BRAND' does it.")
    elif on_terminal():
        show_page(_table(rows))
    else:
        click.echo("\n".join(registry.brands))


def look_at(client: redis.Redis, names: Sequence[str]) -> list[BrandRow]:
    """How each of *names* stands, in one round trip.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    width = 4
    with translated(), client.pipeline(transaction=False) as pipeline:
        for name in names:
            keys = BrandKeys.of(name)
            pipeline.llen(keys.queue)
            pipeline.llen(keys.failed)
            pipeline.hget(keys.meta, "version")
            pipeline.exists(keys.summary)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
    answers = [replies[start : start + width] for start in range(0, len(replies), width)]
    return [
        BrandRow(name, _number(queued), _number(failed), _number(version or 0), exists == 1)
        for name, (queued, failed, version, exists) in zip(names, answers, strict=True)
    ]


def _number(reply: Any) -> int | None:
    try:
        return int(reply)
    except (TypeError, ValueError):  # an error reply, or what was damaged
        return None


def _table(rows: Sequence[BrandRow]) -> Table:
    table = make_table("Brand", "Queued", "Failed", "Commits", "Summary", right=("Queued", "Failed", "Commits"))
    for row in rows:
        table.add_row(
            plain(row.brand),
            _cell(row.queued),
            _cell(row.failed),
            _cell(row.commits),
            "yes" if row.summary else "no",
            style="red" if None in {row.queued, row.failed, row.commits} else "",
        )
    return table


def _cell(number: int | None) -> str:
    return "unreadable" if number is None else f"{number:,}"
