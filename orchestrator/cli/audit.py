"""``orchestrator audit``: what operators did, or asked for, from any shell, page or program."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
import msgspec
from rich.table import Table

from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import make_table, plain, remark, show_page
from orchestrator.contract.acts import Act
from orchestrator.settings import Settings
from orchestrator.store.audit import MAX_ACTS, read_audit


@click.command(short_help="Show what operators did, the newest first.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_ACTS),
    default=20,
    show_default=True,
    metavar="NUMBER",
    help=f"Newest acts to show; {MAX_ACTS:,} are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def audit(settings: Settings, *, limit: int, as_json: bool) -> None:
    """Show what operators did, the newest first: by shell, page or API.

    An act is written down before it is tried: what came of it is in the answer that its operator got, and in the log.
    """
    with open_redis(settings) as client:
        acts = read_audit(client, limit)
    if as_json:
        click.echo(json.dumps([msgspec.to_builtins(act) for act in acts], indent=2))
    elif acts:
        show_page(_table(acts))
    else:
        remark("Nothing was done yet.")


def _table(acts: Sequence[Act]) -> Table:
    table = make_table("When (UTC)", "By", "What", "Brand", "Details", fixed=("When (UTC)",))
    for act in acts:
        details = ", ".join(f"{name} {value}" for name, value in act.details.items())
        brand = "" if act.brand is None else act.brand
        table.add_row(
            plain(act.at[:19].replace("T", " ")), plain(act.by), plain(act.action), plain(brand), plain(details)
        )
    return table
