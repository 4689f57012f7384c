"""The generated pages of the reference are those of the code as it is."""

from __future__ import annotations

import re

import pytest

from orchestrator.cli.program import COMMANDS
from orchestrator.settings import Settings
from tools import reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_page_is_fresh(name: str) -> None:
    """Nobody changed the code without the page."""
    assert (reference.FOLDER / name).read_text() == reference.PAGES[name](), "write it anew with `make schemas`"


def test_pages_hold_everything() -> None:
    """Each setting, each metric with its help, each command and those below it."""
    assert [name for name, _, _ in reference.setting_rows()] == [name.upper() for name in Settings.model_fields]
    metrics = reference.metrics_page()
    assert "| `orchestrator_route_alerts_total` | counter | `route`, `outcome` | " in metrics
    assert re.findall(r"\|  ?\|$", metrics, re.MULTILINE) == []
    headings = re.findall(r"^## orchestrator (.*)$", reference.commands_page(), re.MULTILINE)
    assert set(COMMANDS) <= set(headings)
    assert {"brands add", "processes quiet", "config show"} <= set(headings)
