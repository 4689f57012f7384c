"""A brand's history over HTTP: JSON and CSV, conditions, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.http.test_span import STORED

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService

BRAND = "=a/b, ünï"
PATH = "/v1/brands/%3Da%2Fb%2C%20%C3%BCn%C3%AF/history"


def day(back: int) -> str:
    """The date so many days ago."""
    return str((datetime.now(UTC) - timedelta(days=back)).date())


@pytest.fixture
def history(service: MemoryService) -> MemoryService:
    """A brand with a point of yesterday."""
    service.add(BRAND)
    service.trends[BRAND] = {f"day:{day(1)}".encode(): json.dumps(STORED).encode(), b"foreign": b"{"}
    return service


async def test_history_has_a_point_for_each_day(client: TestClientProtocol, history: MemoryService) -> None:
    """Also for those without a mention."""
    del history
    response = await client.get(PATH, query_string={"step": "day", "from": day(2)})
    document = await response.get_json()
    assert response.status_code == 200
    assert [point["mentions"] for point in document["points"]] == [0, 7, 0]
    assert [point["start"] for point in document["points"]] == [f"{day(back)}T00:00:00Z" for back in (2, 1, 0)]
    assert (document["from"], document["to"]) == (f"{day(2)}T00:00:00Z", f"{day(-1)}T00:00:00Z")
    assert (document["brand"], document["step"]) == (BRAND, "day")
    assert document["firstCounted"] == f"{day(1)}T00:00:00Z"


async def test_history_is_seven_days_of_hours_by_default(client: TestClientProtocol, history: MemoryService) -> None:
    """168 of them; a form's empty fields are as good as none."""
    del history
    document = await (await client.get(f"{PATH}?from=&to=&step=&format=")).get_json()
    assert len(document["points"]) == 168
    assert document["firstCounted"] is None
    assert document["step"] == "hour"


@pytest.mark.parametrize(
    ("query", "accept"), [("?format=csv", "application/json"), ("?step=", "text/csv"), ("?format=csv", "")]
)
async def test_history_comes_as_csv(
    client: TestClientProtocol, history: MemoryService, query: str, accept: str
) -> None:
    """As the address says, or else as the reader accepts; a name that is a formula is none in a spreadsheet."""
    del history
    response = await client.get(f"{PATH}{query}&from={day(1)}", headers={"Accept": accept} if accept else {})
    lines = (await response.get_data(as_text=True)).split("\r\n")
    assert response.content_type == "text/csv; charset=utf-8; header=present"
    assert "attachment" in response.headers["Content-Disposition"]
    assert lines[0] == "brand,start,chunks,mentions,positive,neutral,negative,score,netSentiment"
    assert lines[1] == f'"\'{BRAND}",{day(1)}T00:00:00Z,0,0,0.0,0.0,0.0,0.0,'


async def test_history_of_a_browser_is_json(client: TestClientProtocol, history: MemoryService) -> None:
    """Who takes anything gets JSON."""
    del history
    response = await client.get(PATH, headers={"Accept": "text/html,*/*;q=0.8"})
    assert response.content_type == "application/json"
    assert "Accept" in response.headers["Vary"].replace(" ", "").split(",")


async def test_history_is_tagged_by_form(client: TestClientProtocol, history: MemoryService) -> None:
    """The same version is a 304 until the brand commits; the tag of one form is not that of the other."""
    first = await client.get(PATH)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert (await client.get(PATH, headers=tag)).status_code == 304
    assert (await client.get(f"{PATH}?format=csv", headers=tag)).status_code == 200
    history.add(BRAND, version=42)
    assert (await client.get(PATH, headers=tag)).status_code == 200


async def test_history_without_a_commit_is_zeros_without_a_tag(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """A registered brand exists; what nobody registered does not."""
    service.registered.append("new")
    response = await client.get("/v1/brands/new/history?step=day")
    assert {point["mentions"] for point in (await response.get_json())["points"]} == {0}
    assert "ETag" not in response.headers
    assert (await client.get("/v1/brands/unknown/history")).status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("step=week", "step must be one of hour, day"),
        ("format=xml", "format must be one of json, csv"),
        ("from=soon", "from must be a time"),
        ("since=2026-01-01", "known are from, to, step, format"),
    ],
)
async def test_history_names_what_is_wrong(
    client: TestClientProtocol, history: MemoryService, query: str, said: str
) -> None:
    """400, with the words that would be right."""
    del history
    response = await client.get(f"{PATH}?{query}")
    assert response.status_code == 400
    assert said in (await response.get_json(force=True))["detail"]
