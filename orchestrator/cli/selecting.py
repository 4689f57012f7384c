"""The options by which commands are told which dead letters are meant."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
import redis

from orchestrator.cli.past_times import past_ms
from orchestrator.cli.terminal import Misuse, remark
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.letters import Selection, Writer
from orchestrator.letters import counts

_OPTIONS: Final = (
    click.option("--reason", metavar="TEXT", help="Letters whose reason holds TEXT."),
    click.option("--path", metavar="PATH", help="Letters of this JSON path; [] stands for any place in a list."),
    click.option("--since", metavar="TIME", help="Received at TIME or later: 2h, 3d (ago), or ISO 8601 in UTC."),
    click.option("--until", metavar="TIME", help="Received before TIME."),
    click.option("--grep", metavar="REGEX", help="Letters whose payload matches."),
)


def selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, and their :class:`Selection` (of every writer) as the argument *selection*."""

    @functools.wraps(function)
    def command(
        *args: Any,
        reason: str | None,
        path: str | None,
        since: str | None,
        until: str | None,
        grep: str | None,
        **kwargs: Any,
    ) -> Any:
        selection = Selection(
            reason=reason,
            path=path,
            since_ms=past_ms("--since", since),
            until_ms=past_ms("--until", until),
            grep=_pattern(grep),
        )
        return function(*args, selection=selection, **kwargs)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_narrow(selection: Selection) -> bool:
    """Whether somebody said which letters are meant, beyond who wrote them."""
    return any(
        value is not None
        for value in (
            *(selection.reason, selection.path, selection.since_ms),
            *(selection.until_ms, selection.grep, selection.index),
        )
    )


def writer_of(name: str | None) -> Writer:
    """Whose letters are meant: ours unless others are asked for by name."""
    return Writer.ORCHESTRATOR if name is None else {"workers": Writer.WORKER, "others": Writer.OTHER}[name]


def brands_with_letters(client: redis.Redis, registry_keys: Sequence[str]) -> list[str]:
    """All brands that have dead letters; a key of another type is told of and left out.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = counts(client, registry_keys)
    for brand in found.foreign:
        remark(f"Warning: {BrandKeys.of(brand).failed!r} is no list, so {brand!r} is left out.")
    return list(found.letters)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise Misuse(f"--grep is {text!r}, which is no regular expression: {error}") from None
