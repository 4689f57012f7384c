"""``orchestrator brands``: which brands are registered, and what is to become of them."""

from __future__ import annotations

import click

from orchestrator.cli.brands_list import list_brands
from orchestrator.cli.brands_pause import pause, resume
from orchestrator.cli.brands_remove import remove
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import remark
from orchestrator.contract.brands import check_brand
from orchestrator.contract.pauses import resuming
from orchestrator.settings import Settings
from orchestrator.store import pauses
from orchestrator.store.registration import register


@click.group()
def brands() -> None:
    """Add, remove and list registered brands; pause and resume them."""


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
        for brand, paused in pauses.paused(client, wanted).items():
            remark(f"{brand} is {paused}; '{resuming(brand)}' lets it go on.")


for command in (list_brands, remove, pause, resume):
    brands.add_command(command)
