"""The pictures of the documents are there, small, and shown; and what they are made of is the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.http.conftest import MemoryService
from tests.screenshots import FOLDER, SHOTS, fill

ROOT = Path(__file__).parent.parent
MAX_BYTES = 250_000
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_is_there_and_shown(name: str) -> None:
    """Each in the README or in a document, as wide as it is said to be, and small enough for a repository."""
    data = (FOLDER / f"{name}.png").read_bytes()
    assert data.startswith(PNG)
    assert len(data) <= MAX_BYTES
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == SHOTS[name][2:]
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(f"images/{name}.png" in document.read_text(encoding="utf-8") for document in documents)


def test_no_picture_is_left_over() -> None:
    """One that nobody makes any more goes."""
    assert {path.stem for path in FOLDER.iterdir()} == set(SHOTS)


def test_the_pictures_show_the_story_that_breaks() -> None:
    """The demo's data at the fixed time have an open episode with its cause, and closed ones."""
    service = MemoryService()
    fill(service)
    spikes = {name: json.loads(summary)["spike"] for name, summary in service.stored.items()}
    assert [name for name, spike in spikes.items() if spike] == ["Nimbus Bikes"]
    assert "Battery recall" in spikes["Nimbus Bikes"]["drivers"]["stories"][0]["label"]
    assert sum(len(episodes) for episodes in service.episodes.values()) >= 4
