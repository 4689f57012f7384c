"""Every example of a file of routes in the documents is one that the service takes."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from orchestrator.alerts import routes_file
from orchestrator.alerts.routes_file import parse_routes

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "alerts.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_file_of_routes(example: str, tmp_path: Path) -> None:
    """With the files that it names in its own folder."""
    for name, text in (
        ("slack_url", "https://hooks.example.com/x"),
        ("pager_secret", "whsec_" + base64.b64encode(bytes(24)).decode()),
    ):
        (tmp_path / name).write_text(text)
    assert parse_routes(example.replace("/run/secrets/", "").encode(), folder=tmp_path, cooldown_s=900)


def test_the_document_has_examples_and_every_field() -> None:
    """The table and the reader of the file do not drift apart."""
    source = Path(routes_file.__file__).read_text()
    fields = set(re.findall(r'self\._field\("([a-z_]+)"', source))
    table = TEXT.partition("| field |")[2].partition("\n\n")[0]
    assert len(EXAMPLES) >= 4
    assert set(re.findall(r"^\| `([a-z_]+)`(?: or `([a-z_]+)`)?", table, re.MULTILINE)) >= {("name", "")}
    named = {name for pair in re.findall(r"^\| `([a-z_]+)`(?: or `([a-z_]+)`)?", table, re.MULTILINE) for name in pair}
    assert named - {""} == fields
