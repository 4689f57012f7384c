"""``orchestrator repair``: put right what is wrong with a brand's state and is not put right by itself."""

from __future__ import annotations

import importlib

import click

from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.terminal import remark
from orchestrator.contract.brands import check_brand
from orchestrator.process.masking import printable
from orchestrator.settings import Settings


@click.command(short_help="Put right a brand whose state a wrong clock took into the future.")
@click.argument("brand")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@with_settings
def repair(settings: Settings, brand: str, *, dry_run: bool) -> None:
    """Put right the state of BRAND, where /health says that it is parked and that this helps.

    What was counted at a time that is still to come counts in the present quarter of an hour. Nothing else
    changes. The brand must be worked on by nobody; a parked one is not.
    """
    name = check_brand(brand)
    load_kernel()  # before the service, which loads the kernels without a word about a failure
    service = importlib.import_module("orchestrator.service")
    with open_redis(settings) as client:
        done = service.repair(client, settings, name, dry_run=dry_run)
    for sentence in done:
        click.echo(printable(f"{name!r}: {sentence}"))
    if not done:
        remark(f"{name!r} needs no repair.")
    elif dry_run:
        remark("Nothing was changed.")
