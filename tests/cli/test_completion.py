"""Shells complete brands: those that are registered and harmless, and nothing at all where Redis is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import redis

from orchestrator.cli import completion
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.program import program
from tests.cli.conftest import Invoke


def offered(incomplete: str = "") -> list[str]:
    """What a shell would be told."""
    command = click.Command("any")
    return complete_brand(click.Context(command), click.Argument(["brand"]), incomplete)


def test_complete_brand_offers_what_begins_so(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """In order; a name that a shell would read as more than a word is not put on a command line."""
    redis_client.sadd(registry_key, "nike", "nikon", "acme", "n i", "n$(id)", "n;id", "-n", "n\x07", "n`id`", "né")
    assert offered("n") == ["nike", "nikon", "né"]
    assert offered("x") == []
    del invoke


def test_complete_brand_offers_a_bounded_number(
    invoke: Invoke, redis_client: redis.Redis, registry_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads thousands of them."""
    redis_client.sadd(registry_key, "a", "b", "c")
    monkeypatch.setattr(completion, "MOST", 2)
    assert offered() == ["a", "b"]
    del invoke


@pytest.mark.parametrize("url", ["unix:///nonexistent/redis.sock", "embedded:///nonexistent/folder", "nonsense://"])
def test_complete_brand_is_silent_without_redis(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A shell that waits for a word is shown no error, and no server is started for it."""
    monkeypatch.setenv("REDIS_URL", url)
    assert offered() == []
    assert not Path("/nonexistent").exists()


def commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below *command*, with its words."""
    yield path.strip(), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}")


def test_every_brand_of_a_command_completes() -> None:
    """No command that takes registered brands was forgotten; `brands add` takes those that are not."""
    without = {
        path
        for path, command in commands(program)
        for parameter in command.params
        if isinstance(parameter, click.Argument) and (parameter.name == "brand" or parameter.metavar == "BRAND...")
        if parameter._custom_shell_complete is not complete_brand
    }
    assert without == {"brands add"}
