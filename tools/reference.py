"""Pages of the reference that are written from code: settings, metrics, commands.

Owns ``docs/reference/``. ``make schemas`` writes the pages; ``tests/tools/test_reference.py`` holds them to the code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click
from prometheus_client import Metric

from orchestrator.cli.program import program
from orchestrator.process.metrics import Metrics
from orchestrator.settings import Settings, allowed

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
WRITTEN: Final = "<!-- written by `make schemas`: change the code, not this page -->"
COLUMNS: Final = 100


def setting_rows() -> Iterator[tuple[str, str, str]]:
    """Name, default as text and meaning of each setting, in the order of the code; the same on every machine."""
    for name, value in (Settings(orchestrator_id="random").masked() | {"WARM_STATE_MB": "a quarter"}).items():
        default = f"{value:g}" if isinstance(value, float) else str(value)
        yield name, default, Settings.model_fields[name.lower()].description or ""


def settings_page() -> str:
    """Every setting with its default and what it may be."""
    lines = [
        "# Settings",
        WRITTEN,
        "",
        "Read from the environment and from a file `.env` in the working directory; the environment comes first.",
        "`orchestrator config show` says what is in force and where it comes from, `orchestrator config example`",
        "prints a complete `.env`.",
        "",
        "| variable | default | may be | meaning |",
        "|---|---|---|---|",
    ]
    for name, default, meaning in setting_rows():
        code = f"`{default}`" if default else ""
        lines.append(_row(f"`{name}`", code, allowed(name.lower()), meaning))
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every metric of the service's own, as the registry tells it."""
    lines = [
        "# Metrics",
        WRITTEN,
        "",
        "On `PROMETHEUS_PORT`, under `/metrics`. No metric has a brand as label. Beside these there are the usual",
        "`process_*` ones. Rules for alerts are in [deploy/alerts.yml](../../deploy/alerts.yml), what to do in the",
        "[runbooks](../runbooks).",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    metrics = Metrics(merge_implementation="python")
    for family in sorted(metrics.registry.collect(), key=lambda found: found.name):
        if family.name.startswith("orchestrator_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in _labels(metrics, family))
            lines.append(_row(f"`{name}`", family.type, labels, family.documentation))
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help text of each command."""
    lines = [
        "# Commands",
        WRITTEN,
        "",
        "`orchestrator` is `python -m orchestrator`. Exit codes: 0 done; 1 something is not as the command needs it;",
        "2 the call is wrong.",
    ]
    for path, text in _helps(program, None, "orchestrator"):
        lines += ["", f"## {path}", "", "```text", *text.splitlines(), "```"]
    return "\n".join(lines) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "commands.md": commands_page,
}


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _labels(metrics: Metrics, family: Metric) -> tuple[str, ...]:
    """The labels of *family*: also of one that has no sample yet."""
    names = metrics.registry._names_to_collectors  # noqa: SLF001 - the registry tells labels with samples alone
    return tuple(getattr(names[family.name], "_labelnames", ()))


def _helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=COLUMNS, **(command.context_settings)
    )
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _helps(found, context, below)


def main() -> None:
    """Write the pages anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")


if __name__ == "__main__":
    main()
