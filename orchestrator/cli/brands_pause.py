"""``orchestrator brands pause`` and ``resume``: whose chunks wait because somebody says so, and whose no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
import redis

from orchestrator.cli.brands_named import check_registered, wanted_names
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.durations import duration_ms
from orchestrator.cli.past_times import why_not
from orchestrator.cli.terminal import Failure, Misuse, counted, remark
from orchestrator.cli.who import who, write_down
from orchestrator.contract.pauses import Pause, check_reason, resuming
from orchestrator.contract.times import iso_utc_seconds, typed_ms
from orchestrator.errors import PauseError
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store import pauses
from orchestrator.store.registry import registered

_SHOWN: Final = 20
"""Brands that are named one by one; more are counted."""

_names = click.argument("names", nargs=-1, metavar="BRAND...", shell_complete=complete_brand)


@click.command(short_help="Let the chunks of brands wait.")
@_names
@click.option("--all", "everything", is_flag=True, help="All brands that are registered now.")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown wherever the brand is.")
@click.option("--until", metavar="TIME", help="When it ends by itself: 30m, 2h, 3d (from now), or ISO 8601 in UTC.")
@with_settings
def pause(settings: Settings, names: tuple[str, ...], *, everything: bool, reason: str, until: str | None) -> None:
    """Let the chunks of brands wait. From the answer on nothing more of them is committed.

    What is being folded just then is folded again later, and counts once. A brand that is paused already gets this
    pause instead.
    """
    wanted, end = wanted_names(names, everything=everything), _end(until)
    try:
        why = check_reason(reason)
    except PauseError as error:
        raise Misuse(f"--reason: {error}") from None
    with open_redis(settings) as client:
        brands = _registered(client, settings) if wanted is None else wanted
        check_registered(client, settings, brands)
        for brand in [None] if everything else brands:
            write_down(client, "pause", brand, reason=why or None, until=until)
        try:
            held = pauses.pause(client, brands, by=who(), reason=why, **end)
        except PauseError as error:
            raise Misuse(f"--until: {error}") from None
        first = pauses.paused(client, brands[:1]).get(brands[0])
    for brand in brands[:_SHOWN]:
        click.echo(f"{printable(brand)}: paused{_end_told(first)}")
    if len(brands) > _SHOWN:
        click.echo(f"... and {counted(len(brands) - _SHOWN, 'brand')} more: paused")
    if working := sum(held.values()):
        remark(f"{counted(working, 'brand')} of them in work: what was under way is folded again later.")
    remark(f"'{'orchestrator brands resume --all' if everything else resuming(brands[0])}' lets them go on.")


@click.command(short_help="Let paused brands go on.")
@_names
@click.option("--all", "everything", is_flag=True, help="All brands that are paused.")
@with_settings
def resume(settings: Settings, names: tuple[str, ...], *, everything: bool) -> None:
    """Let paused brands go on; their chunks are folded within a second, as lanes are free."""
    wanted = wanted_names(names, everything=everything)
    with open_redis(settings) as client:
        brands = pauses.all_paused(client) if wanted is None else wanted
        holding = pauses.paused(client, brands)
        if wanted is not None:
            check_registered(client, settings, [brand for brand in wanted if brand not in holding])
        for brand in [None] if everything else brands:
            write_down(client, "resume", brand)
        pauses.resume(client, brands)
    for brand in brands[:_SHOWN]:
        told = f"resumed; it was {holding[brand]}" if brand in holding else "is not paused"
        click.echo(f"{printable(brand)}: {printable(told)}")
    if len(brands) > _SHOWN:
        click.echo(f"... and {counted(len(brands) - _SHOWN, 'brand')} more: resumed")
    if not brands:
        click.echo("No brand is paused.")


def _registered(client: redis.Redis, settings: Settings) -> Sequence[str]:
    known = registered(client, settings.brand_list_keys).brands
    if not known:
        raise Failure("no brand is registered; 'orchestrator brands add BRAND' does it")
    return known


def _end(until: str | None) -> dict[str, int]:
    """The end of a pause as :func:`orchestrator.store.pauses.pause` takes it."""
    if until is None:
        return {}
    from_now_ms = duration_ms(until)
    if from_now_ms is not None:
        return {"for_ms": from_now_ms}
    at_ms = typed_ms(until)
    if at_ms is None:
        raise Misuse(
            f"--until is {until!r}{why_not(until)}, expected a time such as 30m, 2h, 3d or 2026-11-23T10:15:00Z"
        )
    return {"until_ms": at_ms}


def _end_told(pause: Pause | None) -> str:
    return "" if pause is None or pause.until_ms is None else f" until {iso_utc_seconds(pause.until_ms)}"
