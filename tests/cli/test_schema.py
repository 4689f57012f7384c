"""The printed schemas are the checked-in ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.contract.schema import SCHEMAS
from tests.cli.conftest import Invoke

FOLDER = Path(__file__).parent.parent.parent / "docs" / "schemas"


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_prints_the_checked_in_file(offline: Invoke, name: str) -> None:
    """``orchestrator schema NAME > docs/schemas/NAME.json`` changes nothing."""
    assert offline("schema", name).stdout == (FOLDER / f"{name}.json").read_text()


def test_schema_prints_the_asyncapi_document(offline: Invoke) -> None:
    """As it is checked in."""
    assert offline("schema", "asyncapi").stdout == (FOLDER.parent / "asyncapi.json").read_text()
