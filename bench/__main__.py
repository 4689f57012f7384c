"""``python -m bench NAME``: one subcommand per module here that has a ``command``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shlex
from pathlib import Path

import click

import bench

# One thread of BLAS and OpenMP for every contender, and before any of them is imported: a service shares its cores,
# and on two of them a second thread made products anything from 0.6 to 1.9 times as fast.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from bench import _document  # noqa: E402
from bench._harness import Report, kept  # noqa: E402


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure the service's parts beside what else could do the job; every figure is of this run."""


@main.command("all")
@click.option("--markdown", type=click.Path(path_type=Path, exists=True), help="Make the tables of this document anew.")
@click.option("--only", multiple=True, help="Of a document: only the tables of this benchmark.")
@click.pass_context
def run_all(context: click.Context, markdown: Path | None, only: tuple[str, ...]) -> None:
    """Run every benchmark with its defaults; or those that a document names, as it says, and write their tables in."""
    if markdown is not None:
        markdown.write_text(_document.filled(markdown.read_text(), _measured, only))
        return
    for name, command in sorted(main.commands.items()):
        if name != "all":
            click.secho(f"\n{name}", bold=True)
            context.invoke(command)


def _measured(arguments: list[str]) -> list[Report]:
    click.echo(shlex.join(arguments), err=True)
    with kept() as reports:
        main(arguments, standalone_mode=False)
    return reports


def _register() -> None:
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_"):
            command = getattr(importlib.import_module(f"bench.{module.name}"), "command", None)
            if isinstance(command, click.Command):
                main.add_command(command, module.name)


if __name__ == "__main__":
    _register()
    main(prog_name="python -m bench")
