"""The command tree, and the boundary where an expected error becomes one line and an exit code.

Exit codes: 0 done; 1 something is not as the command needs it (Redis down, no such summary, refused lines);
2 the caller is wrong (usage, settings, a name that cannot be a brand). Anything else is a defect and keeps its
traceback.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from orchestrator import __version__
from orchestrator.cli.terminal import Failure, Misuse
from orchestrator.errors import InvalidBrandError, OrchestratorError, SettingsError
from orchestrator.process import memory
from orchestrator.process.masking import mask_text, printable

COMMANDS = {
    "run": "orchestrator.cli.run:run",
    "demo": "orchestrator.cli.run:demo",
    "brands": "orchestrator.cli.brands:brands",
    "status": "orchestrator.cli.status:status",
    "processes": "orchestrator.cli.processes:processes",
    "locks": "orchestrator.cli.locks:locks",
    "alerts": "orchestrator.cli.alerts:alerts",
    "audit": "orchestrator.cli.audit:audit",
    "push": "orchestrator.cli.push:push",
    "summary": "orchestrator.cli.summary:summary",
    "explain": "orchestrator.cli.explain:explain",
    "spikes": "orchestrator.cli.spikes:spikes",
    "failed": "orchestrator.cli.failed:failed",
    "archive": "orchestrator.cli.archive:archive",
    "state": "orchestrator.cli.state:state",
    "rebuild": "orchestrator.cli.rebuild:rebuild",
    "repair": "orchestrator.cli.repair:repair",
    "doctor": "orchestrator.cli.doctor:doctor",
    "config": "orchestrator.cli.config:config",
    "schema": "orchestrator.cli.schema:schema",
}


class Program(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help text."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None if there is none."""
        del ctx
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors that this project raises on purpose, and the system's, end it with one line.

        Raises:
            Failure: in place of every :class:`OrchestratorError` and :class:`OSError`.
        """
        try:
            return super().invoke(ctx)
        except OrchestratorError as error:
            raise _as_failure(error) from None
        except BrokenPipeError:  # the reader of a pipe has seen enough; click ends quietly
            raise
        except OSError as error:  # a full disk, a folder without permission
            raise Failure(printable(mask_text(str(error)))) from None
        except ExceptionGroup as group:  # what ends a nursery comes in groups; only a wholly expected one is a line
            expected, unexpected = group.split(OrchestratorError)
            if expected is None or unexpected is not None:
                raise
            raise _as_failure(_first_leaf(expected)) from None


def _first_leaf(group: ExceptionGroup[OrchestratorError]) -> OrchestratorError:
    first = group.exceptions[0]
    return _first_leaf(first) if isinstance(first, ExceptionGroup) else first


def _as_failure(error: OrchestratorError) -> Failure:
    wrong_caller = isinstance(error, SettingsError | InvalidBrandError)
    return Misuse(_line(error)) if wrong_caller else Failure(_line(error))


def _line(error: OrchestratorError) -> str:
    return printable(mask_text(str(error)), keep="\n")  # several bad settings are several lines


@click.group(
    cls=Program,
    invoke_without_command=True,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="orchestrator")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Fold chunk results from Redis into one live summary per brand.

    Without a command: run. Settings come from the environment and from .env; see
    'orchestrator config show'.
    """
    if ctx.invoked_subcommand is None:
        command = program.get_command(ctx, "run")
        if command is not None:
            ctx.invoke(command)


def main() -> None:
    """Entry point of the console script and of ``python -m orchestrator``."""
    memory.limit_threads()
    memory.collect_rarely()
    program(prog_name="orchestrator")
