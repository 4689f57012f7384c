"""``orchestrator status``: all processes and brands at a glance, once or again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

import click
import redis
from rich.console import RenderableType

from orchestrator.cli.alerts import in_words, states_of
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.status_page import make_page
from orchestrator.cli.terminal import Failure, make_console, on_terminal, remark, show_page
from orchestrator.contract.alert_routes import RouteStates
from orchestrator.fleet.document import fleet_document
from orchestrator.fleet.view import FleetView
from orchestrator.settings import Settings
from orchestrator.store.fleet import read_fleet
from orchestrator.store.unarchived import Unarchived, unarchived

_ANEW: Final = "\x1b[H\x1b[2J\x1b[3J"
"""To the upper left corner of a terminal that is empty from now on."""

_SHORTEST_S: Final = 0.5


@click.command(short_help="Show all processes, who holds which brand, and what waits.")
@click.option("--watch", is_flag=True, help="Again and again, until Ctrl-C.")
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(min=_SHORTEST_S),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: from one look to the next.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document; with --watch one on each line.")
@with_settings
def status(settings: Settings, *, watch: bool, interval_s: float, as_json: bool) -> None:
    """Show all processes, who holds which brand since when, what waits and what is left alone, with what helps.

    Reads Redis alone: nothing has to run for it, and it changes nothing.
    """
    if not watch:
        with open_redis(settings) as client:
            picture = _look(client, settings)
        if as_json:
            click.echo(json.dumps(_document(picture), indent=2))
        else:
            show_page(_page(picture))
        return
    with suppress(KeyboardInterrupt):  # how one leaves it
        for last, failure in looks(settings, lambda: time.sleep(interval_s)):
            _show(last, failure, as_json=as_json)


class Picture(NamedTuple):
    """What one look found: processes and brands, how routes of alerts stand, and what waits for the archive."""

    view: FleetView
    alerts: RouteStates | None
    archive: Unarchived


def _look(client: redis.Redis, settings: Settings) -> Picture:
    view = read_fleet(client, settings.brand_list_keys)
    brands = [brand.brand for brand in view.brands]
    waits = unarchived(client, brands, settings.archive_outbox_mb << 20)
    return Picture(view, states_of(client, settings, brands), waits)


def _page(picture: Picture) -> RenderableType:
    return make_page(picture.view, in_words(picture.alerts), picture.archive.said(picture.view.as_of_ms))


def _document(picture: Picture) -> dict[str, Any]:
    waits = picture.archive
    archive = {
        "bytes": waits.bytes,
        "brands": waits.brands,
        "fullBrands": waits.full,
        "oldestSeconds": round(waits.age_s(picture.view.as_of_ms), 3),
        "skippedRecords": waits.skipped,
        "gaps": waits.gaps,
    }
    return fleet_document(picture.view, picture.alerts) | {"archive": archive}


def looks(settings: Settings, wait: Callable[[], object]) -> Iterator[tuple[Picture | None, str]]:
    """Look again and again, after each time that *wait* returns: the last picture, and why it is not of now."""
    picture: Picture | None = None
    while True:
        try:
            with open_redis(settings) as client:
                while True:
                    picture = _look(client, settings)
                    yield picture, ""
                    wait()
        except Failure as failure:
            yield picture, failure.message
        wait()


def _show(picture: Picture | None, failure: str, *, as_json: bool) -> None:
    if as_json:
        if not failure and picture is not None:
            click.echo(json.dumps(_document(picture)))
        else:
            remark(failure)
        return
    console = make_console()
    with console.capture() as capture:
        if picture is not None:
            console.print(_page(picture))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    if failure:
        lines = [f"{failure}; what follows is the last picture" if lines else failure, "", *lines]
    if on_terminal():
        # No more than fits: a page that scrolls cannot be drawn anew in its place.
        click.echo(_ANEW + "\n".join(lines[: console.height - 1]), color=True)
    else:
        click.echo("\n".join([*lines, ""]))
