"""``orchestrator locks``: who holds which brand, and taking a brand from a holder that does no good."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.table import Table

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import Failure, make_table, plain, remark, show_page
from orchestrator.cli.who import write_down
from orchestrator.contract.brands import check_brand
from orchestrator.fleet.document import lock_document
from orchestrator.fleet.view import BrandStatus, FleetView, Holder
from orchestrator.fleet.words import lasting, lives, since
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store.fleet import read_brand, read_fleet
from orchestrator.store.locks import break_lock


@click.group()
def locks() -> None:
    """Show who holds which brand, and break a lock."""


@locks.command(name="list", short_help="List who holds which brand.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_locks(settings: Settings, *, as_json: bool) -> None:
    """List who holds which brand: the process, since when, when its lock expires, and whether it lives."""
    with open_redis(settings) as client:
        view = read_fleet(client, settings.brand_list_keys)
    held = [brand for brand in view.brands if brand.holder is not None]
    if as_json:
        click.echo(json.dumps([lock_document(brand) for brand in held], indent=2))
    elif held:
        show_page(locks_table(view, held))
    else:
        remark("No brand is held.")


def locks_table(view: FleetView, held: Sequence[BrandStatus]) -> Table:
    """A row for each brand that is *held*."""
    table = make_table("Brand", "Held by", "Process", "Since", "Expires in", right=("Since", "Expires in"))
    for brand in held:
        holder = brand.holder
        if holder is not None:
            table.add_row(
                plain(brand.brand), plain(holder), lives(holder), since(view.as_of_ms, holder.since_ms), _left(holder)
            )
    return table


def _left(holder: Holder) -> str:
    return "never" if holder.left_ms is None else lasting(holder.left_ms / 1000)


@locks.command(name="break", short_help="Take a brand from who holds it.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def break_one(settings: Settings, brand: str, *, yes: bool) -> None:
    """Take BRAND from who holds it, for a holder that does no good.

    Nothing is lost and nothing counted twice: the holder's next commit changes nothing, its chunks are in the
    queue, and the next free lane of any process goes on with them. Only the lock that is shown is broken.
    """
    name = check_brand(brand)
    with open_redis(settings) as client:
        status = read_brand(client, name)
        holder = status.holder
        if holder is None:
            raise Failure(f"{name!r} is held by nobody")
        if not holder.breakable:
            raise Failure(f"the lock of {name!r} holds no token of ours; it expires within LOCK_TTL_SEC once it is met")
        if not yes:
            click.confirm(printable(_question(name, holder)), abort=True, err=True)
        write_down(client, "locks break", name, holder=holder.name or None, id=holder.id or None)
        if not break_lock(client, name, holder.token):
            raise Failure(
                f"nothing was done: {name!r} is not held any more by who was shown; see 'orchestrator locks list'"
            )
    click.echo(f"{printable(name)}: taken from {printable(str(holder))}")
    remark("Its next commit changes nothing; the chunks that it had in hand are in the queue, and count once.")


def _question(name: str, holder: Holder) -> str:
    said = {
        True: "which lives: it drops the brand at its next commit, which changes nothing",
        False: "a process that is gone: the lock would expire by itself",
        None: "of which nobody can say whether it lives",
    }[holder.lives]
    left = "for ever" if holder.left_ms is None else f"for {lasting(holder.left_ms / 1000)} more"
    return f"{name!r} is held by {holder}, {said}; its lock stands {left} unless it is renewed. Take it away?"
