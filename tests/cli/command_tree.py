"""Command lines as texts name them, held against the command tree: what is named exists, with its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import click

from orchestrator.cli.program import program

_CODE = re.compile(r"(?<!log line )`([^`]+)`|<code>([^<]+)</code>|'(orchestrator [a-z][^'\n]*)'")
_TYPED = re.compile(r"^ *(?:\$ |- |.*\| )?(?:python -m )?orchestrator ([a-z][^|>#\n]*)", re.MULTILINE)
_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def named(text: str) -> Iterator[list[str]]:
    """The command lines in *text*, without the program's name: in code of a sentence, in quotes, or typed in a block.

    In a sentence the program's name may be left out if two words or more are said; log lines are in code, too.
    """
    for block in _FENCE.finditer(text):
        yield from map(_split, _TYPED.findall(block[0]))
    for found in _CODE.finditer(_FENCE.sub("", text)):
        words = _split(next(filter(None, found.groups())))
        if words[:1] == ["orchestrator"] and len(words) > 1:
            yield words[1:]
        elif words and words[0] in program.list_commands(click.Context(program)) and len(words) > 1:
            yield words


def unknown(words: Sequence[str]) -> str:
    """What of a command line does not exist: a command, or an option; empty if all does."""
    command: click.Command = program
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        names, known = rest.pop(0).split("|"), _commands(command)
        if missing := [name for name in names if name not in known]:
            return missing[0]
        command = known[names[0]]
    options = {
        "--help",
        *(name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)),
    }
    said = [word.partition("=")[0] for words in rest for word in words.split("|") if word.startswith("--")]
    return next((option for option in said if option not in options), "")


def _commands(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    return {name: command for name, command in found if command is not None}


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that a sentence goes on with
        return line.split()
