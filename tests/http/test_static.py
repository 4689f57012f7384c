"""Static files: known types only, names that change with the content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orchestrator.http.static import Assets

if TYPE_CHECKING:
    from pathlib import Path

    from quart.typing import TestClientProtocol


def test_load_takes_known_types_only(tmp_path: Path) -> None:
    """An editor's backup beside a file is not served."""
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "a.css~").write_text("b{}")
    assert [name.partition("-")[2] for name in Assets.load(tmp_path).content] == ["a.css"]


def test_url_changes_with_the_content(tmp_path: Path) -> None:
    """A browser that keeps a file for ever asks for the new one after a release."""
    (tmp_path / "a.css").write_text("a{}")
    before = Assets.load(tmp_path).url("a.css")
    (tmp_path / "a.css").write_text("b{}")
    assert Assets.load(tmp_path).url("a.css") != before


async def test_assets_of_a_page_are_served_for_ever(client: TestClientProtocol) -> None:
    """What the page links exists, with its type."""
    page = await (await client.get("/")).get_data(as_text=True)
    links = re.findall(r'href="(/static/[^"]+)"', page)
    assert len(links) == 2
    for link in links:
        response = await client.get(link)
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["pages.css", "..%2F__init__.py", "x"])
async def test_assets_are_found_by_their_served_name_only(client: TestClientProtocol, name: str) -> None:
    """No path leads out of the folder: files are served from memory, by name."""
    assert (await client.get(f"/static/{name}")).status_code == 404
