"""Pages of the past: a brand as it was, and what a story is from; there only where an archive is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe

from orchestrator.contract.explanation import Contribution, Explanation
from orchestrator.errors import NothingToExplainError
from orchestrator.http import AppOptions, build_app
from orchestrator.http.past_view import PastDocument, Wanted
from tests.http.conftest import MemoryPast, MemoryService, summary_document
from tests.http.test_browser import ATTACK, browse
from tests.http.test_direction import FOREIGN, ForeignText
from tests.http.test_pages import page
from tests.http.test_sight import DESK, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

    from orchestrator.process.metrics import Metrics
    from tests.http.conftest import Served

pytestmark = pytest.mark.trio

AT = "2026-03-01T12:00:00Z"
AT_MS = 1_772_366_400_000
BRAND = "a/b & co"


class Past(MemoryPast):
    """A summary, and a story of two chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.label = "Launch buzz"
        self.older = 0
        self.chunks = 70
        self.object = "brand=a/day=2026-03-01/0000-0001--c9.ndjson.gz"

    async def summary(self, brand: str, at_ms: int) -> PastDocument:
        """That of the other tests."""
        self.asked.append((brand, at_ms))
        clusters = [{"id": self.label, "label": self.label, "mentions": 9, "spike": False}]
        document = summary_document(brand) | {"clusters": clusters, "clusterCount": 1, "totalMentions": 1_234}
        return PastDocument(json.dumps(document).encode(), self.settled)

    async def explain(self, brand: str, wanted: Wanted) -> PastDocument:
        """The newest chunk first."""
        self.asked.append((brand, wanted))
        if self.error is not None:
            raise self.error
        rows = [contribution(f"{self.label} {place}", 3 - place, self.object) for place in range(2)]
        number = 5 + self.older
        told: dict[str, Any] = {"mentions": number, "explained": 5, "older": self.older, "chunks": self.chunks}
        explanation = Explanation(
            brand=brand,
            of="story",
            id=wanted.name,
            label=self.label,
            as_of=AT,
            commit="c9",
            version=9,
            order=wanted.order,
            contributions=rows,
            **told,
        )
        return PastDocument(msgspec.json.encode(explanation), self.settled)


def contribution(name: str, mentions: int, archived: str) -> Contribution:
    """A chunk."""
    return Contribution(
        chunk_id=name,
        mentions=mentions,
        chunk_mentions=1_500,
        clusters=1,
        at=AT,
        processed_at=AT,
        late=False,
        committed_at="2026-03-01T12:00:07.000Z",
        commit="c9",
        version=9,
        item=4,
        object=archived,
    )


@pytest.fixture
def archive(service: MemoryService) -> Past:
    """That of the service."""
    service.kept = Past()
    service.add(BRAND)
    return service.kept


async def test_brand_page_leads_to_the_past_where_there_is_one(
    client: TestClientProtocol, service: MemoryService, archive: Past
) -> None:
    """A field for a time, and a link of a story; without an archive neither."""
    shown = await page(client, "/brands/a%2Fb%20%26%20co", story="launch-positive")
    chunks = "/past/chunks?name=a%2Fb+%26+co&story=launch-positive"
    assert chunks in shown.links
    assert "As it was at an earlier time" in shown.text
    assert archive.asked == []
    service.kept = None
    shown = await page(client, "/brands/a%2Fb%20%26%20co", story="launch-positive")
    assert chunks not in shown.links
    assert "earlier time" not in shown.text


async def test_page_shows_the_brand_as_it_was(client: TestClientProtocol, archive: Past) -> None:
    """Its numbers, its stories with their chunks as of then, other times, and the way back to now."""
    shown = await page(client, "/past", name=BRAND, at="2026-03-01T12:00")
    assert archive.asked == [(BRAND, AT_MS)]
    assert "1,234" in shown.text
    assert "What readers saw at 01 Mar 2026, 12:00 UTC." in " ".join(shown.text.split())
    at = "2026-03-01T12%3A00%3A00Z"
    for link in (
        f"/past/chunks?name=a%2Fb+%26+co&story=Launch+buzz&at={at}",
        "/past?name=a%2Fb+%26+co&at=2026-03-01T11%3A00%3A00Z",
        "/brands/a%2Fb%20%26%20co",
        "/v1/brands/a%2Fb%20%26%20co/at/2026-03-01T12:00:00Z",
    ):
        assert link in shown.links
    assert (await client.get("/past", query_string={"name": BRAND})).status_code == 302
    await page(client, "/past", name=" b ", at=AT)
    assert archive.asked[-1] == ("b", AT_MS)


async def test_no_step_leads_to_a_time_to_come(client: TestClientProtocol, archive: Past) -> None:
    """That would be refused."""
    assert archive.asked == []
    at = datetime.now(UTC) - timedelta(hours=12)
    text = (await page(client, "/past", name=BRAND, at=at.isoformat()[:19])).text
    assert "an hour later" in text
    assert "a day later" not in text


async def test_brand_without_a_time_is_that_of_now_also_under_a_root(
    service: MemoryService, metrics: Metrics, archive: Past
) -> None:
    """The way there keeps the path that the service stands under."""
    client = build_app(service, metrics, options=AppOptions(root_path="/sums")).test_client()
    response = await client.get("/sums/past?name=b")
    assert (response.status_code, response.headers["Location"], archive.asked) == (302, "/sums/brands/b", [])


async def test_chunks_of_a_story_are_listed(client: TestClientProtocol, archive: Past) -> None:
    """With mentions, times and places; how many more there are, and what is from before."""
    archive.older = 40
    shown = await page(client, "/past/chunks", name=BRAND, story="s 1", order="largest", at=AT)
    assert archive.asked == [(BRAND, Wanted("story", "s 1", 0, AT_MS, "largest", 50))]
    text = " ".join(shown.text.split())
    for told in (
        "45 mentions from 70 chunks",
        "Launch buzz 0",
        "1,500",
        "01 Mar 2026, 12:00 UTC",
        "0000-0001--c9.ndjson.gz, commit c9, item 4",
        "and 68 more",
        "40 of these mentions are from before",
    ):
        assert told in text
    assert any(link.startswith("/v1/brands/a%2Fb%20%26%20co/explain?story=s+1&order=largest") for link in shown.links)
    assert any(link.endswith("limit=1000&at=2026-03-01T12%3A00%3A00Z") for link in shown.links)
    archive.older = 0
    assert "are from before" not in (await page(client, "/past/chunks", name=BRAND, story="s")).text


async def test_story_is_shown_as_far_as_it_is_known(client: TestClientProtocol, archive: Past) -> None:
    """By its label, else by its id; a chunk of no object is not archived yet, and all chunks are no part of them."""
    shown = await page(client, "/past/chunks", name=BRAND, story="s 1")
    assert "Where this is from: Launch buzz" in shown.text
    archive.label, archive.chunks, archive.object = "", 2, ""
    text = (await page(client, "/past/chunks", name=BRAND, story="s 1")).text
    assert "Where this is from: s 1" in text
    assert "not archived yet, commit c9" in text
    assert "more:" not in text


async def test_page_of_another_edition_is_sent_again(app: QuartTrio, archive: Past) -> None:
    """What surrounds the past may look otherwise after an update."""
    archive.settled = True
    path, client = f"/past?name=b&at={AT}", app.test_client()
    tag = (await client.get(path)).headers["ETag"]
    app.extensions["edition"] = "another"
    assert (await client.get(path, headers={"If-None-Match": tag})).status_code == 200


async def test_settled_pages_may_be_kept(client: TestClientProtocol, archive: Past) -> None:
    """By their reader; others are asked for again."""
    paths = (f"/past?name=b&at={AT}", "/past/chunks?name=b&story=s")
    for settled, cache in ((False, "no-cache"), (True, "private, max-age=3600")):
        archive.settled = settled
        for path in paths:
            response = await client.get(path)
            assert (response.status_code, response.headers["Cache-Control"]) == (200, cache)
            again = await client.get(path, headers={"If-None-Match": response.headers["ETag"]})
            assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/past?at=2026-03-01", 404, "no brand without a name"),
        ("/past?name=b&at=soon", 400, "at must be a time"),
        ("/past?name=b&at=2199-01-01", 400, "time to come"),
        ("/past?name=b&at=2026-03-01&what=1", 400, "There is no parameter"),
        ("/past/chunks?name=b&story=s&what=1", 400, "There is no parameter"),
        ("/past/chunks?name=b", 400, "story must be an id"),
        (f"/past/chunks?name=b&story={'s' * 1_001}", 400, "story must be an id"),
        ("/past/chunks?name=b&story=s&order=x", 400, "order must be one of"),
        ("/past/chunks?name=b&story=gone", 404, "No such story."),
    ],
)
async def test_errors_are_pages(client: TestClientProtocol, archive: Past, path: str, status: int, words: str) -> None:
    """In words, for people."""
    archive.error = NothingToExplainError("no such story")
    response = await client.get(path)
    assert response.status_code == status
    assert words in await response.get_data(as_text=True)


async def test_without_an_archive_there_are_no_such_pages(client: TestClientProtocol) -> None:
    """A page says so."""
    for path in (f"/past?name=b&at={AT}", "/past/chunks?name=b&story=s"):
        response = await client.get(path)
        assert (response.status_code, response.content_type) == (404, "text/html; charset=utf-8")
        assert "has no archive" in await response.get_data(as_text=True)


async def test_foreign_texts_turn_no_line(client: TestClientProtocol, service: MemoryService, archive: Past) -> None:
    """Brand, story, chunk and object, wherever they stand; also the field on the brand's page."""
    archive.label = FOREIGN
    service.add(FOREIGN)
    for path, query in (
        ("/past", {"name": FOREIGN, "at": AT}),
        ("/past/chunks", {"name": FOREIGN, "story": FOREIGN, "at": AT}),
        ("/brands", {"name": FOREIGN}),
    ):
        found = ForeignText(await (await client.get(path, query_string=query)).get_data(as_text=True))
        assert found.seen
        assert found.loose == []


async def test_past_is_found_without_script_and_runs_none(served: Served) -> None:
    """From the brand's page to a time, to a story's chunks and back; hostile texts are shown and run nothing."""
    past = Past()
    past.label = ATTACK
    served.service.kept = past
    served.service.add(BRAND)

    def visit(shown: Page) -> None:
        shown.goto(f"{served.url}/brands/a%2Fb%20%26%20co")
        shown.get_by_label("Time (UTC)").fill("2026-03-01T12:00")
        shown.get_by_role("button", name="Show").click()
        shown.get_by_role("heading", name=f"{BRAND} as it was").wait_for()
        shown.get_by_role("link", name=ATTACK).click()
        shown.get_by_role("heading", name="5 mentions from 70 chunks").wait_for()
        shown.get_by_text(f"{ATTACK} 0").wait_for()
        assert shown.locator("img").count() == 0
        shown.get_by_role("link", name="Largest first").click()
        shown.get_by_role("link", name="Largest first").and_(shown.locator("[aria-current]")).wait_for()
        shown.get_by_role("link", name=BRAND).click()
        shown.get_by_role("heading", name=f"{BRAND} as it was").wait_for()

    assert await browse(visit) == []
    assert past.asked[0] == (BRAND, AT_MS)


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", DESK)], ids=["light-phone", "dark-desk"])
async def test_axe_finds_nothing_in_the_past(served: Served, scheme: str, size: dict[str, int]) -> None:
    """In each colour, on a desk or a phone; nothing is wider than the phone."""
    served.service.kept = Past()
    served.service.add("b")
    found: list[str] = []

    def visit(shown: Page) -> None:
        shown.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        shown.set_viewport_size(size)  # type: ignore[arg-type]
        for path in (f"/past?name=b&at={AT}", "/past/chunks?name=b&story=s", "/brands/b?story=launch-positive"):
            shown.goto(served.url + path)
            violations = Axe().run(shown).response["violations"]
            found.extend(f"{path} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in violations)
            assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path

    await browse(visit)
    assert found == []
