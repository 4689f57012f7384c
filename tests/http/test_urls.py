"""Links to brands of any name, there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import Map, Rule

from orchestrator.contract.brands import check_brand
from orchestrator.errors import InvalidBrandError
from orchestrator.http.urls import BrandConverter, brand_api_url, brand_page_url

if TYPE_CHECKING:
    from tests.http.conftest import Served

AWKWARD = [
    "a/b",
    "/a",
    "a/",
    "//",
    "a//b",
    "a/summary",
    "summary",
    "a?b#c",
    "100%",
    "%2F",
    "a b",
    "{x}:*",
    "..",
    ".",
    "a/../b",
    "ünï ブランド 🏃",
    "<script>alert(1)</script>",
    "\"'&;",
    "a\\b",
    "+",
    "a+b c",
    "brands",
    "?name=x",
]


def is_brand(name: str) -> bool:
    """Whether the registry would take *name* as it is."""
    try:
        return check_brand(name) == name
    except InvalidBrandError:
        return False


brands = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(is_brand)


@given(brands)
def test_brand_converter_takes_any_name(name: str) -> None:
    """The decoded path matches the rule with the whole name, even if that looks like another path."""
    rule = Rule("/v1/brands/<brand:name>/summary", endpoint="summary")
    urls = Map([rule], converters={"brand": BrandConverter}, merge_slashes=False).bind("host")
    assert urls.match(f"/v1/brands/{name}/summary") == ("summary", {"name": name})


@pytest.mark.parametrize("name", AWKWARD)
async def test_brand_links_lead_to_the_brand(served: Served, name: str) -> None:
    """Page and API answer for exactly the brand that was linked, through a real server and client."""
    served.service.add(name)
    async with httpx2.AsyncClient(base_url=served.url) as client:
        page = await client.get(brand_page_url(name))
        assert page.status_code == 200
        if name not in {".", ".."}:  # clients resolve these before they ask
            document = await client.get(brand_api_url(name, "summary"))
            assert document.json()["brand"] == name
