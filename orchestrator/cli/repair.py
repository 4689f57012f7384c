"""``orchestrator repair``: put right what is wrong with a brand's state and is not put right by itself."""

from __future__ import annotations

import importlib

import click

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.terminal import Failure, remark
from orchestrator.cli.who import write_down
from orchestrator.contract.brands import check_brand
from orchestrator.errors import InvalidStateError, NewerStateError, WrongTypeError
from orchestrator.fleet.parking import told
from orchestrator.process.masking import printable
from orchestrator.settings import Settings


@click.command(short_help="Put right a brand that a wrong clock or damaged keys have parked.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--accept-loss", is_flag=True, help="Go on with what is there, where keys lost or gained members.")
@with_settings
def repair(settings: Settings, brand: str, *, dry_run: bool, accept_loss: bool) -> None:
    """Put right the state of BRAND, where /health says that it is parked and that this helps.

    What was counted at a time that is still to come counts in the present quarter of an hour. Numbers of meta
    that no commit writes begin anew. Nothing else changes, and nothing that is gone comes back. The brand must
    be worked on by nobody; a parked one is not.
    """
    name = check_brand(brand)
    load_kernel()  # before the service, which loads the kernels without a word about a failure
    service = importlib.import_module("orchestrator.service")
    with open_redis(settings) as client:
        if not dry_run:
            write_down(client, "repair", name, acceptLoss=accept_loss or None)
        try:
            done = service.repair(client, settings, name, dry_run=dry_run, accept_loss=accept_loss)
        except (InvalidStateError, NewerStateError, WrongTypeError) as error:
            raise Failure(told(error, name)) from None
    for sentence in done:
        click.echo(printable(f"{name!r}: {sentence}"))
    if not done:
        remark(f"{name!r} needs no repair.")
    elif dry_run:
        remark("Nothing was changed.")
