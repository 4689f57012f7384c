"""The command tree, and what becomes of errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from orchestrator import __version__
from orchestrator.cli.program import program
from orchestrator.errors import EmbeddedRedisError, OrchestratorError, SettingsError, StoreUnavailableError
from tests.cli.conftest import Invoke

ROOT = Path(__file__).parent.parent.parent


def commands_of(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of *command* and of all commands below it."""
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    children = ((name, command.get_command(context, name)) for name in command.list_commands(context))
    return [path, *(found for name, child in children if child for found in commands_of(child, (*path, name)))]


@pytest.mark.parametrize("path", commands_of(program), ids=" ".join)
def test_every_command_explains_itself(offline: Invoke, path: tuple[str, ...]) -> None:
    """Each command of the tree has a help text, and a short one that is not cut off."""
    result = offline(*path, "--help")
    assert result.exit_code == 0
    assert "Usage: orchestrator" in result.stdout
    assert "..." not in result.stdout.partition("Commands:")[2]


def test_version_is_the_packages(offline: Invoke) -> None:
    """``--version`` names program and version."""
    assert offline("--version").stdout == f"orchestrator, version {__version__}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("summary",), ("push",), ("brands", "add"), ("schema", "x")])
def test_wrong_usage_is_exit_code_two(offline: Invoke, arguments: tuple[str, ...]) -> None:
    """Unknown commands and missing arguments end with usage on standard error."""
    result = offline(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (SettingsError("X=1 is refused\nY=2 is refused"), 2),
        (StoreUnavailableError("gone"), 1),
        (EmbeddedRedisError("no program"), 1),
        (PermissionError(13, "Permission denied", "/data"), 1),
        (ExceptionGroup("nursery", [ExceptionGroup("nursery", [SettingsError("port taken")])]), 2),
    ],
)
def test_expected_errors_are_lines_and_exit_codes(
    monkeypatch: pytest.MonkeyPatch, offline: Invoke, error: Exception, exit_code: int
) -> None:
    """An error that the project raises on purpose never shows a traceback, whatever it is wrapped in."""

    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(program, "get_command", lambda _context, _name: failing)
    result = offline("run")
    assert result.exit_code == exit_code
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_unexpected_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """A defect is not dressed up as the user's mistake, even beside an expected error."""

    @click.command()
    def failing() -> None:
        raise ExceptionGroup("nursery", [OrchestratorError("expected"), ZeroDivisionError()])

    monkeypatch.setattr(program, "get_command", lambda _context, _name: failing)
    assert isinstance(offline("run").exception, ExceptionGroup)


def test_without_a_command_the_service_runs(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """Bare ``orchestrator`` is ``orchestrator run``."""
    monkeypatch.setenv("HTTP_PORT", "none")
    assert offline().stderr == offline("run").stderr
    assert "HTTP_PORT=none (environment) is refused" in offline().stderr


def test_module_and_console_script_are_the_same_program(tmp_path: Path) -> None:
    """``python -m orchestrator`` runs the command line."""
    command = [sys.executable, "-m", "orchestrator", "--version"]
    environment = {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == f"orchestrator, version {__version__}\n"


def test_help_loads_no_service() -> None:
    """Every command's module is named once and exists; none of them imports the service or the merge kernel."""
    code = (
        "import sys, importlib\n"
        "from orchestrator.cli.program import COMMANDS\n"
        "[importlib.import_module(target.partition(':')[0]) for target in COMMANDS.values()]\n"
        "late = ('trio', 'quart', 'scipy', 'orchestrator.kernels.choice', 'orchestrator.contract.decode')\n"
        "print([name for name in late if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
