"""Brands side by side: the document, its page, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orchestrator.http.compare_view import comparison_view
from orchestrator.http.comparison import compared, side_of, tag_of
from orchestrator.http.movement import NONE
from orchestrator.http.span import iso, last_hours
from orchestrator.store.documents import MAX_DOCUMENT_BYTES
from tests.http.test_pages import ATTACKS, Outline, poisoned
from tests.http.test_span import STORED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

    from orchestrator.http.api_documents import CompareDocument
    from tests.http.conftest import MemoryService

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FOUR = ("one x", "three x", "five x", "nine x")
TOPICS = [
    {"topic": "Café", "mentions": 30, "change": 0.5},
    {"topic": "price", "mentions": 5, "change": None, "new": True},
]


def document(*raws: Mapping[str, Any] | bytes | None, hours: int = 3) -> CompareDocument:
    """The comparison of brands a, b, … with these summaries, without trends."""
    sides = [side_of(json.dumps(raw).encode() if isinstance(raw, dict) else raw) for raw in raws]  # type: ignore[arg-type]
    span = last_hours(hours, NOW)
    return compared("abcdefgh"[: len(raws)], sides, span, [span.points([None] * hours)] * len(raws))


def test_share_of_voice_is_of_the_compared_ones() -> None:
    """They add up to one; a brand without a summary has none, and takes none."""
    found = document({"totalMentions": 75}, {"totalMentions": 25}, None, {"totalMentions": 0})
    assert [brand.share_of_voice for brand in found.brands] == [0.75, 0.25, None, 0.0]
    assert [brand.mentions for brand in found.brands] == [75, 25, None, 0]
    assert document({}, {}).brands[0].share_of_voice is None


def test_changes_are_those_of_the_summary() -> None:
    """One that does not say has none: it is no zero."""
    changes = {"mentions": -0.25, "netSentiment": 0.1}
    found = document({"changes": changes, "netSentiment": 0.5}, {}, {"changes": None}, {"changes": {"mentions": None}})
    assert [(brand.change, brand.net_sentiment_change) for brand in found.brands] == [(-0.25, 0.1), *[(None, None)] * 3]
    assert found.brands[0].net_sentiment == 0.5


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff", b"[" * 100_000, b" " * MAX_DOCUMENT_BYTES + b"{}", b'{"totalMentions": "many"}']
)
def test_a_summary_that_is_none_is_said_to_be_unreadable(raw: bytes) -> None:
    """It has no numbers, and no tag, since no version says what it is."""
    found = document({"totalMentions": 5}, raw)
    assert [brand.state for brand in found.brands] == ["ready", "unreadable"]
    assert found.brands[1].mentions is None
    assert tag_of("ab", [side_of(b"{}"), side_of(raw)], last_hours(1, NOW)) is None


def test_numbers_stay_within_their_bounds() -> None:
    """Whatever somebody has stored."""
    wild = {"totalMentions": 1e300, "netSentiment": -7, "generatedAt": "9999-12-31T23:59:59-23:00"}
    wild |= {"topics": [{"topic": "x" * 9_999, "mentions": -1}], "changes": {"netSentiment": 99}}
    [first, _] = document(wild, {}).brands
    assert (first.mentions, first.net_sentiment, first.updated) == (2**53 - 1, -1, None)
    assert (len(first.topics[0].topic), first.topics[0].mentions, first.net_sentiment_change) == (200, 0, 2)


def test_topics_in_common_are_found_whatever_their_accents() -> None:
    """Those of most brands first; of one brand alone none."""
    other = [{"topic": "PRICE", "mentions": 7}, {"topic": "cafe", "mentions": 1}, {"topic": "alone", "mentions": 99}]
    found = document({"topics": TOPICS}, {"topics": other}, {"topics": [{"topic": "price", "mentions": 2}]})
    assert [(each.topic, each.mentions) for each in found.common_topics] == [
        ("price", [5, 7, 2]),
        ("Café", [30, 1, None]),
    ]
    assert [(each.topic, each.new) for each in found.brands[0].topics] == [("Café", False), ("price", True)]


async def test_trends_stand_on_the_same_hours(client: TestClientProtocol, service: MemoryService) -> None:
    """Each brand's n-th number is of the same instant."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for brand, back in (("a", 1), ("b", 2)):
        service.add(brand)
        field = f"hour:{iso(hour - timedelta(hours=back))}"
        service.trends[brand] = {field.encode(): json.dumps(STORED).encode()}
    found = await (await client.get("/v1/compare?brands=b,a&hours=3")).get_json()
    assert found["hours"] == [iso(hour - timedelta(hours=back)) for back in (2, 1, 0)]
    assert [(each["brand"], each["trend"]["mentions"]) for each in found["brands"]] == [
        ("b", [7, 0, 0]),
        ("a", [0, 7, 0]),
    ]
    assert found["brands"][0]["trend"]["netSentiment"] == [0.2, None, None]


async def test_names_come_in_two_forms(client: TestClientProtocol, service: MemoryService) -> None:
    """A name with a comma by itself; the same one twice is one."""
    for brand in ("a", "b", "c, d"):
        service.add(brand)
    query = "brands=a,b,,a&brand=c%2C%20d&brand=b"
    found = await (await client.get(f"/v1/compare?{query}")).get_json()
    assert [each["brand"] for each in found["brands"]] == ["a", "b", "c, d"]
    outline = Outline(await (await client.get(f"/compare?{query}")).get_data(as_text=True))
    assert "c, d" in outline.text
    page = await client.get("/compare?brands=a,%20a")
    assert (await page.get_data(as_text=True)).count('aria-label="Take a away"') == 1


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("brands=a", 400, "brands must be 2 to 8 different names between commas, and not 1"),
        ("", 400, "and not 0"),
        ("brands=a,a", 400, "and not 1"),
        ("brands=1,2,3,4,5,6,7,8,9", 400, "at most 8 different names, and not 9"),
        ("brands=a,B%C3%A4r", 404, "There is no brand 'Bär'. Did you mean 'bar'?"),
        ("brands=a,BARN", 404, "Did you mean 'bårn'?"),
        ("brands=a,e%20x", 404, "Did you mean 'five x' or 'nine x' or 'one x'?"),
        (f"brands=a,{'z' * 65}", 404, f"There is no brand '{'z' * 64}'."),
        (f"brands=a,{'y' * 80}", 404, f"Did you mean '{'y' * 64}'?"),
        ("brands=a,foot", 404, "Did you mean 'football' or 'footwear'?"),
        ("brands=a,zzz", 404, "There is no brand 'zzz'. /v1/brands?search= finds names by their parts."),
        ("brands=a,%20b", 404, "No brand can have this name."),
        ("brands=a,bar&hours=0", 400, "hours must be a whole number from 1 to 168"),
        ("brands=a,bar&hours=169", 400, "hours must be a whole number from 1 to 168"),
        ("brands=a,bar&brands=a,bar", 400, "stands there 2 times"),
        ("names=a", 400, "known are brands, hours, brand"),
    ],
)
async def test_compare_says_what_is_wrong(
    client: TestClientProtocol, service: MemoryService, query: str, status: int, said: str
) -> None:
    """And what would be right."""
    for brand in (*("a", "bar", "bårn", "barn 2", "football", "footwear", "y" * 99), *FOUR):
        service.add(brand)
    response = await client.get(f"/v1/compare?{query}")
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert said in json.loads(await response.get_data(as_text=False))["detail"]


@pytest.mark.parametrize("path", ["/v1/compare", "/compare"])
async def test_comparison_is_tagged(client: TestClientProtocol, service: MemoryService, path: str) -> None:
    """A 304 until one of the brands commits, or others or other hours are asked for."""
    service.add("a")
    service.add("b")
    service.add("c")
    tag = {"If-None-Match": (await client.get(f"{path}?brands=a,b")).headers["ETag"]}
    assert (await client.get(f"{path}?brands=a,b", headers=tag)).status_code == 304
    assert (await client.get(f"{path}?brands=a,c", headers=tag)).status_code == 200
    assert (await client.get(f"{path}?brands=a,b&hours=24", headers=tag)).status_code == 200
    service.add("b", version=42)
    assert (await client.get(f"{path}?brands=a,b", headers=tag)).status_code == 200


async def test_a_registered_brand_without_a_summary_is_compared(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """It is there, it only has no numbers yet."""
    service.add("a")
    service.registered.append("new")
    found = await (await client.get("/v1/compare?brands=a,new")).get_json()
    assert [(each["state"], each["mentions"]) for each in found["brands"]] == [("ready", 1480), ("waiting", None)]
    text = Outline(await (await client.get("/compare?brands=a,new")).get_data(as_text=True)).text
    assert "waits for its first chunk" in text


async def test_brand_that_has_a_summary_is_looked_up_nowhere(
    client: TestClientProtocol, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who is absent is looked for, and of the others none is refused."""
    service.add("a")
    service.add("b")
    service.registered.clear()
    service.registered.append("new")
    assert (await client.get("/v1/compare?brands=a,new")).status_code == 200
    monkeypatch.setattr(service, "brands", pytest.fail)
    assert (await client.get("/v1/compare?brands=a,b")).status_code == 200


@pytest.mark.parametrize("path", ["/v1/compare", "/compare"])
async def test_comparison_with_what_cannot_be_read_has_no_tag(
    client: TestClientProtocol, service: MemoryService, path: str
) -> None:
    """No version says what it is."""
    service.add("a")
    service.add("b")
    service.stored["b"] = b"{"
    response = await client.get(f"{path}?brands=a,b")
    assert (response.status_code, "ETag" in response.headers) == (200, False)


async def test_commit_during_a_comparison_leaves_it_the_older_tag(
    client: TestClientProtocol, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the newer one the older numbers would stay with their reader."""
    service.add("a")
    service.add("b")
    tag = (await client.get("/v1/compare?brands=a,b")).headers["ETag"]
    points = service.trend_points

    async def commits(*asked: Any) -> Any:
        service.add("b", version=42)
        return await points(*asked)

    monkeypatch.setattr(service, "trend_points", commits)
    assert (await client.get("/v1/compare?brands=a,b")).headers["ETag"] == tag


async def test_page_of_another_edition_is_sent_again(app: QuartTrio, service: MemoryService) -> None:
    """What surrounds the numbers may look otherwise after an update."""
    service.add("a")
    service.add("b")
    client = app.test_client()
    tag = (await client.get("/compare?brands=a,b")).headers["ETag"]
    app.extensions["edition"] = "another"
    assert (await client.get("/compare?brands=a,b", headers={"If-None-Match": tag})).status_code == 200


def trends(hours: int, *amounts: Sequence[int]) -> CompareDocument:
    """Brands with these mentions by the hour."""
    found = document(*[None] * len(amounts), hours=hours)
    brands = [
        msgspec.structs.replace(brand, trend=msgspec.structs.replace(brand.trend, mentions=each))
        for brand, each in zip(found.brands, amounts, strict=True)
    ]
    return msgspec.structs.replace(found, brands=brands)


def test_values_of_many_hours_are_added_up() -> None:
    """No hour is left out, also where they do not come out even; fewer hours stand by themselves."""
    found = comparison_view(trends(50, [1] * 50, [2] * 50), 50)
    assert (len(found.values), found.each, found.values[0][1], found.highest) == (25, "2 hours", ["2", "4"], "2")
    assert len(comparison_view(trends(168, [1] * 168), 168).values) == 42
    found = comparison_view(trends(3, [0, 5, 0]), 3)
    assert (found.each, [amounts for _, amounts in found.values]) == ("hour", [["0"], ["5"], ["0"]])


def test_drawings_have_one_scale_and_the_hours_of_the_document() -> None:
    """A bar of half the height has half the mentions, whosever it is; where there is none there is no scale."""
    view = comparison_view(trends(3, [0, 10, 0], [0, 5, 0]), 3)
    assert [column.spark.path for column in view.columns] == ["M0 100H1V0H2V100H3V100Z", "M0 100H1V50H2V100H3V100Z"]
    assert [column.highest for column in view.columns] == ["10", "5"]
    assert view.first is not None
    assert view.last is not None
    assert (view.first.iso, view.last.iso) == ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z")
    assert comparison_view(trends(3, [0, 0, 0]), 3).highest == ""
    assert [period.words for period, chosen in comparison_view(trends(48, [0] * 48), 48).periods if chosen] == ["48 h"]


def test_page_shows_nothing_unknown_as_a_number() -> None:
    """A dash for what a brand does not say; a topic that was not there before is new, and has no growth."""
    other = {"totalMentions": 0, "topics": [{"topic": "price", "mentions": 2}]}
    view = comparison_view(document({"totalMentions": 5, "topics": TOPICS}, other, None), 3)
    assert [(row.share, row.mentions) for row in view.rows] == [("100.0 %", "5"), ("0.0 %", "0"), (NONE, NONE)]
    assert view.common == [("price", ["5", "2", NONE])]
    assert [(topic.change, topic.direction) for topic in view.columns[0].topics] == [("+50 %", "up"), ("new", "up")]


async def test_page_says_how_to_choose(client: TestClientProtocol, service: MemoryService) -> None:
    """With no brand, and with one, which can get company; with eight there is no room for another."""
    assert "Choose 2 to 8 brands" in Outline(await (await client.get("/compare")).get_data(as_text=True)).text
    for brand in "abcdefgh":
        service.add(brand)
    one = Outline(await (await client.get("/compare?brand=%20a%20&brand=")).get_data(as_text=True))
    assert "Choose 2 to 8 brands" in one.text
    assert "/compare" in one.actions
    eight = Outline(await (await client.get("/compare?brands=a,b,c,d,e,f,g,h")).get_data(as_text=True))
    assert eight.actions == []
    assert "/compare?brand=b&brand=c&brand=d&brand=e&brand=f&brand=g&brand=h&hours=48" in eight.links


@pytest.mark.parametrize("attack", ATTACKS)
async def test_nothing_foreign_becomes_markup(client: TestClientProtocol, service: MemoryService, attack: str) -> None:
    """Names and topics, of both brands, are text."""
    service.add("clean")
    service.add("clean 2")
    clean = Outline(
        await (await client.get("/compare", query_string={"brand": ["clean", "clean 2"]})).get_data(as_text=True)
    )
    service.add(attack, **poisoned(attack))
    page = await (await client.get("/compare", query_string={"brand": ["clean", attack]})).get_data(as_text=True)
    outline = Outline(page)
    assert set(outline.tags) <= set(clean.tags)
    assert outline.attributes <= clean.attributes
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in outline.text
    missing = await (await client.get("/compare", query_string={"brand": [f"{attack} x"]})).get_data(as_text=True)
    unknown = await (await client.get("/compare", query_string={"brand": ["unknown"]})).get_data(as_text=True)
    assert Outline(missing).tags == Outline(unknown).tags
