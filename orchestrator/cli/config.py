"""``orchestrator config``: the settings in force and where they come from, a complete ``.env``, and a yes to others."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

import click

from orchestrator.cli.adoption import adopt_for
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.terminal import Failure, Misuse, make_console, make_table, on_terminal, plain, show_page
from orchestrator.cli.who import write_down
from orchestrator.contract.brands import check_brand
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.process.masking import printable
from orchestrator.settings import ALIASES, Settings, allowed
from orchestrator.store.registry import registered
from orchestrator.store.stored_settings import stored_settings

_COMMENT_WIDTH = 110
_MEANING_WIDTH = 130  # columns of a terminal from which on the meanings fit beside the values
_EXAMPLE_HEADER = """\
Settings of the orchestrator, each with its default; printed by 'orchestrator config example'.
Copy to .env in the directory in which the service starts and change what should differ. The environment
comes before this file. An empty value means the default."""


@click.group()
def config() -> None:
    """Show settings, and adopt them for brands that would lose history."""


@config.command(short_help="Show the settings in force and where each comes from.")
@click.argument("brand", required=False, shell_complete=complete_brand)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def show(settings: Settings, brand: str | None, *, as_json: bool) -> None:
    """Show the settings in force and where each comes from; secrets are masked.

    With BRAND those that it is folded with: what it has of its own comes from "the brand", and counts in every process.
    `orchestrator rebuild` gives and takes them.
    """
    own = {} if brand is None else _own_settings(settings, check_brand(brand))
    rows = [
        (name, own.get(name, value), "the brand" if name in own else settings.origin(name.lower()))
        for name, value in settings.masked().items()
    ]
    if as_json:
        click.echo(json.dumps({name: {"value": value, "from": origin} for name, value, origin in rows}, indent=2))
        return
    if not on_terminal():
        for name, value, origin in rows:
            click.echo(f"{name}={printable(as_text(value))}  # {origin}")
        return
    wide = make_console().width >= _MEANING_WIDTH
    table = make_table("Setting", "Value", "From", *(["Meaning"] if wide else []), fixed=("Setting",))
    for name, value, origin in rows:
        style = "" if origin == "default" else "bold"
        cells = [plain(name, style), plain(as_text(value), style), plain(origin, style)]
        meaning = plain(Settings.model_fields[name.lower()].description, "dim")
        table.add_row(*cells, *([meaning] if wide else []))
    show_page(table)


@config.command(short_help="Print a .env file with all settings and defaults.")
def example() -> None:
    """Print a .env file with all settings, their meanings and defaults."""
    click.echo(example_text(), nl=False)


@config.command(name="adopt", short_help="Let brands lose the history that the settings in force do not keep.")
@click.argument("names", nargs=-1, metavar="BRAND...", shell_complete=complete_brand)
@click.option("--all", "every", is_flag=True, help="All registered brands.")
@with_settings
def adopt_settings(settings: Settings, names: tuple[str, ...], *, every: bool) -> None:
    """Say yes to the history that brands lose under the settings in force here.

    The service refuses a brand whose state was written with a larger window or more stories than it keeps itself. After
    this, a service with exactly the settings of this command goes on with it, and what does not fit is gone for good.
    """
    if every == bool(names):
        raise Misuse("name the brands, or give --all")
    wanted = list(dict.fromkeys(check_brand(name) for name in names))
    with open_redis(settings) as client:
        brands = registered(client, settings.brand_list_keys).brands if every else wanted
        for brand in [None] if every else wanted:
            write_down(client, "adopt", brand, settings=settings.fingerprint.text())
        for brand, outcome in adopt_for(client, brands, settings.fingerprint, tell_all=not every):
            click.echo(f"{printable(brand)}: {outcome}")


def _own_settings(settings: Settings, brand: str) -> Mapping[str, int | float]:
    with open_redis(settings) as client:
        found = stored_settings(client, [brand]).get(brand)
    try:
        return {} if found is None else Fingerprint.read(found.settings).own
    except ValueError as error:
        told = printable(f"the settings of {brand!r} cannot be read: {error}")
        raise Failure(f"{told}; 'orchestrator config adopt' goes on with the processes'") from None


def example_text() -> str:
    """The content of ``.env.example``: all settings commented out, so that a copy changes nothing."""
    parts = [_comment(_EXAMPLE_HEADER), ""]
    for name, info in Settings.model_fields.items():
        default = "" if info.default_factory is not None else as_text(info.default)
        bounds = allowed(name)
        meaning = f"{info.description} ({bounds})" if "number" in bounds else str(info.description)
        parts += [_comment(meaning), f"#{name.upper()}={default}", ""]
    parts.append(_comment("Names of the platform's other files, accepted in place of the above:"))
    parts += [_comment(f"{alias.name} (for {alias.field.upper()})") for alias in ALIASES]
    return "\n".join(parts) + "\n"


def as_text(value: object) -> str:
    """*value* as one would write it in a file: ``30``, not ``30.0``."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _comment(text: str) -> str:
    lines = (line for part in text.splitlines() for line in textwrap.wrap(part, _COMMENT_WIDTH))
    return "\n".join(f"# {line}" for line in lines)
