"""How commands speak: consoles, untrusted text, errors.

Everything from Redis, a file or an argument passes :func:`plain` or
:func:`orchestrator.process.masking.printable` before it is printed: no markup, no escape
sequences. Results go to standard output, remarks and errors to standard error.
"""

from __future__ import annotations

import sys

import click
from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.process.masking import printable

ROOMY = 72
"""Columns from which on tables have all of their columns; on fewer ones names and what is most urgent have the room."""

PIPE_WIDTH = 120  # of a page that is not shown on a terminal; rich would assume 80 and cut tables short


class Failure(click.ClickException):
    """An error that ends the command with one line on standard error and exit code 1: something is not as needed."""


class Misuse(Failure):
    """Raised when the caller is wrong; exit code 2, as for click's own usage errors."""

    exit_code = 2


def on_terminal() -> bool:
    """Whether somebody is looking at standard output."""
    return sys.stdout.isatty()


def make_console() -> Console:
    """A console on standard output that takes text as it is."""
    width = None if on_terminal() else PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def page_width() -> int:
    """Columns that a page may fill."""
    return make_console().width


def show_page(page: RenderableType) -> None:
    """Print *page* on standard output; in a pipe without the blanks that fill up a terminal's lines."""
    console = make_console()
    if on_terminal():
        console.print(page)
        return
    with console.capture() as capture:
        console.print(page)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def make_table(*columns: str, right: tuple[str, ...] = (), fixed: tuple[str, ...] = ()) -> Table:
    """A borderless table; the columns named in *right* are numbers, neither they nor those in *fixed* are wrapped."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        justify: JustifyMethod = "right" if name in right else "left"
        table.add_column(name, justify=justify, no_wrap=name in right + fixed, overflow="fold")
    return table


def plain(text: object, style: str = "") -> Text:
    """*text* from outside, fit for a console."""
    return Text(printable(str(text)), style=style)


def remark(text: str) -> None:
    """One line on standard error."""
    click.echo(printable(text), err=True)


def counted(number: int, singular: str, plural: str = "") -> str:
    """``1 chunk``, ``2,000 chunks``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def minute(moment: str) -> str:
    """``2026-11-23T10:15:00.000Z`` as ``2026-11-23 10:15``."""
    return moment[:16].replace("T", " ")
