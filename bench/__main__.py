"""``python -m bench NAME``: one subcommand per module here that has a ``command``."""

from __future__ import annotations

import importlib
import pkgutil

import click

import bench


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure the service's parts beside what else could do the job; every figure is of this run."""


@main.command("all")
@click.pass_context
def run_all(context: click.Context) -> None:
    """Run every benchmark with its defaults."""
    for name, command in sorted(main.commands.items()):
        if name != "all":
            click.secho(f"\n{name}", bold=True)
            context.invoke(command)


def _register() -> None:
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_"):
            command = getattr(importlib.import_module(f"bench.{module.name}"), "command", None)
            if isinstance(command, click.Command):
                main.add_command(command, module.name)


if __name__ == "__main__":
    _register()
    main(prog_name="python -m bench")
