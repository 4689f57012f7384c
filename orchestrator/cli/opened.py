"""What commands need of an archive before they can begin, and how they say that they are still at it."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Final

import click

from orchestrator.cli.context import load_kernel
from orchestrator.cli.terminal import Failure
from orchestrator.process.masking import printable
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.objects.objects import Objects

_EVERY_S: Final = 1.0
_KIB: Final = 1024


def load(name: str) -> ModuleType:
    """A module that needs the kernels, which load with a word about a failure."""
    load_kernel()
    return importlib.import_module(name)


@contextmanager
def open_archive(settings: Settings) -> Iterator[Objects]:
    """The objects at ``ARCHIVE_URL``.

    Raises:
        Failure: none is set.
    """
    if not settings.archive_url:
        raise Failure("there is no archive: ARCHIVE_URL is not set")
    objects: Objects = load("orchestrator.objects.objects").Objects.open(settings.archive_url)
    with objects:
        yield objects


@contextmanager
def progress(doing: str, words: Callable[[int], str]) -> Iterator[Callable[[int], None]]:
    """Say about each second on a terminal's standard error how much is done; the function is given what more is."""
    visible, done, next_s = sys.stderr.isatty(), 0, time.monotonic() + _EVERY_S

    def told(more: int) -> None:
        nonlocal done, next_s
        done += more
        if visible and time.monotonic() >= next_s:
            next_s = time.monotonic() + _EVERY_S
            click.echo(f"\r\x1b[K{printable(doing)} {words(done)} …", err=True, nl=False)

    try:
        yield told
    finally:
        if visible:
            click.echo("\r\x1b[K", err=True, nl=False)


def bytes_words(size: int) -> str:
    """``812 B``, ``1.5 KiB``, ``182.0 MiB``."""
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= _KIB and len(units) > 1:
        value /= _KIB
        units.pop(0)
    return f"{value:,.0f} {units[0]}" if units[0] == "B" else f"{value:,.1f} {units[0]}"
