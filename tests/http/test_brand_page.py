"""A brand's page: what an address asks to see is there, whatever is stored; small, and useful without script."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec
import pytest

from orchestrator.contract.insights import ExpectedHour, TrendPoint
from orchestrator.contract.summary import Drivers, SpikeEpisode, StoryDriver
from orchestrator.http.span import iso
from tests.http.conftest import MemoryService, summary_document
from tests.http.test_pages import page

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

MAX_PAGE_BYTES = 60_000
"""Of a page as it is sent, gzip."""


def hour(back: int) -> datetime:
    """The beginning of the hour so many hours ago."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)


def fill(service: MemoryService, brand: str = "nike", stories: int = 2, text: str = "") -> None:
    """A brand with a course of eight days, a closed episode, and so many stories with examples."""
    trend = {}
    for back in range(192):
        start = iso(hour(back))
        point = TrendPoint(start, 3, 100 + back, 40.0, 30.0, 30.0 + back, 10.0, 0.1)
        trend[f"hour:{start}".encode()] = msgspec.json.encode(point)
        trend[f"expected:{start}".encode()] = msgspec.json.encode(ExpectedHour(start, 150.0, 260))
    service.trends[brand] = trend
    drivers = Drivers(stories=[StoryDriver("s0", "Story 0", 80, 4.0)], quotes=["Wow, that is loud"])
    episode = SpikeEpisode(iso(hour(5)), 50.0, 900, 34.0, 10.0, 40, 900, iso(hour(4)), drivers)
    service.episodes[brand] = [msgspec.json.encode(episode)] * 12
    clusters = [
        {
            "id": f"s{place}",
            "label": f"Story {place} {text}".strip(),
            "mentions": 50 - place % 50,
            "spike": False,
            "sentimentScore": -0.5,
            "members": 3,
            "firstSeen": iso(hour(20)),
            "lastSeen": iso(hour(0)),
            "examples": [f"Quote {place} {text}".strip(), "Another"],
            "state": "growing",
            "change": 0.25,
            "curve": list(range(24)),
        }
        for place in range(stories)
    ]
    window = {"windowStart": iso(hour(24)), "windowEnd": iso(hour(0)), "generatedAt": iso(hour(0))}
    service.add(brand, clusters=clusters, clusterCount=stories, mentionsInNoStory=148, **window)


@pytest.mark.parametrize("period", ["24h", "48h", "8d"])
async def test_the_page_shows_the_chosen_period(
    client: TestClientProtocol, service: MemoryService, period: str
) -> None:
    """Each bar is a link with its value in its name; the other periods are links."""
    fill(service)
    shown = await page(client, "/brands/nike", period=period)
    bars = [link for link in shown.links if f"period={period}" in link and link.endswith("#then")]
    assert len(bars) >= {"24h": 24, "48h": 48, "8d": 57}[period]
    assert {f"/brands/nike?period={each}" for each in ("24h", "48h", "8d")} <= set(shown.links)
    assert "In no story" in shown.text
    assert "10 %" in shown.text


@pytest.mark.parametrize("query", [{"period": "9d"}, {"at": "x"}, {"at": "2020-01-01"}, {"year": "1"}])
async def test_what_cannot_be_shown_is_refused(
    client: TestClientProtocol, service: MemoryService, query: dict[str, str]
) -> None:
    """The answer names the parameter."""
    fill(service)
    response = await client.get("/brands/nike", query_string=query)
    assert response.status_code == 400
    assert next(iter(query)) in await response.get_data(as_text=True)


async def test_a_bar_leads_to_what_was_said_then(client: TestClientProtocol, service: MemoryService) -> None:
    """Its episode with its quotes, its stories with theirs, and what is not kept."""
    fill(service)
    shown = await page(client, "/brands/nike", at=iso(hour(5)), period="24h")
    for expected in [
        "What was said",
        "Wow, that is loud",
        "18 then",
        "Quote 1",
        "No chunk of this brand is kept any more",
    ]:
        assert expected in shown.text


async def test_a_story_leads_to_its_course_and_quotes(client: TestClientProtocol, service: MemoryService) -> None:
    """Its state, change, mood and episodes; one that is gone is said to be."""
    fill(service)
    shown = await page(client, "/brands/nike", story="s0")
    for expected in ["Its last 24 hours", "Growing", "+25 %", "Quote 0", "Spike episode"]:
        assert expected in shown.text
    assert "not listed any more" in (await page(client, "/brands/nike", story="s99")).text


async def test_open_episodes_of_mood_and_stories_are_told(client: TestClientProtocol, service: MemoryService) -> None:
    """Each with its sentence and its mark in the chart; what is none is left out."""
    fill(service)
    one = {"timestamp": iso(hour(1)), "spikeScore": 40.0, "mentionCount": 90, "threshold": 34.0, "expected": 10.2}
    one |= {"upperBound": 40, "windowSec": 900}
    story = one | {"kind": "story", "storyId": "s1", "label": "Story <b>1"}
    service.add("nike", mood=one | {"kind": "mood"}, storyEpisodes=[story, {"kind": "story"}, one | {"kind": "x"}])
    shown = await page(client, "/brands/nike", period="24h")
    assert "The mood has turned: 90 negative mentions where 10 were expected" in shown.text
    assert "A story outgrows what is usual: “Story <b>1”: 90 mentions where 10 were expected" in shown.text
    assert "Mood episode" in shown.text
    assert "Story episode" in shown.text


async def test_past_episodes_of_every_kind_are_shown(client: TestClientProtocol, service: MemoryService) -> None:
    """In the chart, in the table and where their hours are chosen; one that is open in list and summary comes once."""
    fill(service)
    one = {"timestamp": iso(hour(4)), "spikeScore": 40.0, "mentionCount": 70, "threshold": 34.0, "expected": 20.2}
    one |= {"upperBound": 40, "windowSec": 900, "kind": "mood"}
    past, still_open = one | {"endedAt": iso(hour(3))}, one | {"timestamp": iso(hour(1)), "mentionCount": 77}
    story = past | {"kind": "story", "storyId": "s1", "label": "Story <b>1", "mentionCount": 71}
    service.episodes["mood of nike"] = [json.dumps(each).encode() for each in (past, still_open)]
    service.episodes["story of nike"] = [json.dumps(story).encode()]
    service.add("nike", mood=still_open)
    shown = await page(client, "/brands/nike", period="24h", at=iso(hour(4)))
    body = await (await client.get("/brands/nike", query_string={"period": "24h"})).get_data(as_text=True)
    assert "70 negative mentions where 20 were expected" in shown.text
    assert "71 mentions of “Story <b>1” where 20 were expected" in shown.text
    marks = re.findall(r'class="mark"[^>]*aria-label="(\w+) episode', body)
    assert (marks.count("Mood"), marks.count("Story")) == (2, 1)
    assert (body.count("<td>Mood</td>"), body.count("<td>Story</td>")) == (2, 1)


async def test_stories_for_a_spreadsheet_run_nothing(client: TestClientProtocol, service: MemoryService) -> None:
    """A label that a spreadsheet would take for a formula is text."""
    fill(service, stories=1)
    [story] = summary_document("nike")["clusters"][:1]
    service.add("nike", clusters=[story | {"label": '=HYPERLINK("x")', "examples": ["+1"]}])
    response = await client.get("/stories.csv", query_string={"name": "nike"})
    assert response.content_type == "text/csv; charset=utf-8; header=present"
    assert "attachment" in response.headers["Content-Disposition"]
    [row] = csv.DictReader(io.StringIO(await response.get_data(as_text=True)))
    assert (row["story"], row["example"], row["mentions"]) == ('\'=HYPERLINK("x")', "'+1", "620")
    assert (await client.get("/stories.csv")).status_code == 404
    assert (await client.get("/stories.csv", query_string={"name": "nobody"})).status_code == 404


@pytest.mark.parametrize("period", ["48h", "8d"])
async def test_the_page_stays_small(client: TestClientProtocol, service: MemoryService, period: str) -> None:
    """With as many stories as are listed, long labels and quotes, a stretch and a story chosen."""
    fill(service, stories=100, text="ünï " * 30)
    query = {"period": period, "at": iso(hour(5)), "story": "s3"}
    response = await client.get("/brands/nike", query_string=query)
    body = await response.get_data(as_text=False)
    assert len(gzip.compress(body, 6)) <= MAX_PAGE_BYTES


async def test_links_of_awkward_brands_lead_back_to_them(client: TestClientProtocol, service: MemoryService) -> None:
    """Also of those that no path can hold."""
    fill(service, brand="..")
    shown = await page(client, "/brands", name="..")
    assert {unquote(link) for link in shown.links if "period=24h" in link and "at=" not in link} >= {
        "/brands?name=..&period=24h"
    }
