"""The pages: what they say, and that nothing untrusted becomes markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.contract.pauses import Pause
from orchestrator.errors import StoreUnavailableError
from orchestrator.http import build_app
from orchestrator.http.application import READERS_TEMPLATES
from orchestrator.http.service_view import Notice, Status
from orchestrator.http.span import iso
from orchestrator.process.metrics import Metrics
from tests.http.conftest import MemoryService, summary_document
from tests.http.test_span import STORED

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "javascript:alert(1)",
    "</title><svg onload=alert(1)>",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
]


class Outline(HTMLParser):
    """The tags, attribute names and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.actions: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]
        self.actions += [value for name, value in attrs if name == "action" and value]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


async def page(client: TestClientProtocol, path: str, status: int = 200, **query: str) -> Outline:
    """Fetch and outline a page."""
    response = await client.get(path, query_string=query)
    assert response.status_code == status
    assert response.content_type == "text/html; charset=utf-8"
    return Outline(await response.get_data(as_text=True))


def poisoned(text: str) -> dict[str, Any]:
    """A summary with *text* wherever a worker's text can stand."""
    document = summary_document("nike")
    for story in document["clusters"]:
        story |= {"id": text, "label": text, "firstSeen": text}
    for topic in document["topics"]:
        topic["topic"] = text
    return document | {
        "brand": text,
        "generatedAt": text,
        "summary": f"{text}\n{text}",
        "chunkSummaries": [text],
        "spike": {"timestamp": text, "mentionCount": text, text: text},
    }


async def test_overview_lists_brands_with_their_numbers(client: TestClientProtocol, service: MemoryService) -> None:
    """Each registered brand has a row, with or without a summary."""
    service.add("nike")
    service.registered.append("adidas")
    outline = await page(client, "/")
    assert "1,480" in outline.text
    assert "Waiting for its first chunk" in outline.text
    assert {"/brands/nike", "/brands/adidas"} <= set(outline.links)


async def test_overview_shows_one_page_of_many_brands(client: TestClientProtocol, service: MemoryService) -> None:
    """The 51st brand is on the second page, by a cursor, by offset too, and the way leads back."""
    service.registered += [f"brand {number:02}" for number in range(60)]
    first = await page(client, "/", sort="name")
    assert "brand 50" not in first.text
    [following] = [link for link in first.links if "cursor=" in link]
    for address in (following, "/?sort=name&offset=50"):
        second = Outline(await (await client.get(address)).get_data(as_text=True))
        assert "brand 50" in second.text
        assert "51\N{EN DASH}60 of 60" in second.text
    [back] = [link for link in second.links if "before=" in link]
    assert "1\N{EN DASH}50 of 60" in Outline(await (await client.get(back)).get_data(as_text=True)).text


async def test_overview_beyond_the_end_says_so(client: TestClientProtocol, service: MemoryService) -> None:
    """A page that is not there is not called a search without a result."""
    service.registered += ["Nike", "Adidas"]
    outline = await page(client, "/", offset="99999")
    assert "There are 2 brands, and this page would begin after 99999" in outline.text
    assert "None of" not in outline.text
    assert "There is 1 brand that matches" in (await page(client, "/", search="nike", offset="50")).text


async def test_overview_begins_with_what_moved(client: TestClientProtocol, service: MemoryService) -> None:
    """Spiking first, with the cause in a line; what an older summary does not say is a dash and no zero."""
    spike = {"mentionCount": 480, "expected": 10, "windowSec": 900, "drivers": {"stories": [{"label": "Refunds <b>"}]}}
    service.add("a calm one", spikeDetected=False)
    service.add("b mover", spikeDetected=False, totalMentions=3_000, changes={"mentions": -0.5, "netSentiment": 0.1})
    service.add("c spiking", spike=spike)
    outline = await page(client, "/")
    assert outline.text.index("c spiking") < outline.text.index("b mover") < outline.text.index("a calm one")
    assert "480 mentions in 15 min instead of 10: “Refunds <b>”" in outline.text
    assert "\N{MINUS SIGN}50 %" in outline.text
    assert "0 %" not in outline.text.split("a calm one")[1].split("launch")[0]


async def test_overview_sums_over_all_brands(client: TestClientProtocol, service: MemoryService) -> None:
    """Also over those that are not on the page: mentions against before, spikes, mood, what waits, dead letters."""
    service.add("calm", spikeDetected=False, totalMentions=1_000, netSentiment=-0.5, changes={"mentions": 1.0})
    service.add("old", spikeDetected=True, totalMentions=1_000, netSentiment=0.1)
    service.queued["calm"], service.dead["old"] = 12, 7
    outline = await page(client, "/", filter="dead")
    for expected in (
        "2,000",
        "+100 % against the window before, of 1 brand",
        "\N{MINUS SIGN}0.20",
        "chunks of 1 brand",
        "7",
    ):
        assert expected in outline.text
    assert {"/?filter=spiking", "/?filter=dead"} <= set(outline.links)


async def test_overview_is_shown_before_all_is_read(
    client: TestClientProtocol, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page does not wait for thousands of summaries: it says how many are missing, and looks again soon."""
    monkeypatch.setattr("orchestrator.http.brand_index.HURRY_S", 0.0)
    service.add("nike")
    text = await (await client.get("/")).get_data(as_text=True)
    assert "The summary of 1 brand is still being read" in text
    assert 'data-every="2"' in text
    assert "1,480" in text


async def test_overview_without_redis_is_a_list_of_names(client: TestClientProtocol, service: MemoryService) -> None:
    """By name, without numbers; what only Redis can tell is a 503, and nothing else instead of it."""
    service.add("nike")

    async def fleet() -> None:
        raise StoreUnavailableError("secret-host:6379 refused")

    service.fleet = service.summaries = service.trend_points = lambda *_: fleet()  # type: ignore[assignment,method-assign]
    outline = await page(client, "/")
    assert "nike" in outline.text
    assert "Summary not readable at the moment" in outline.text
    await page(client, "/", 503, filter="spiking")
    await page(client, "/", 503, sort="-mentions")


async def test_overview_columns_sort_in_both_directions(client: TestClientProtocol, service: MemoryService) -> None:
    """By links, which keep search and filter; the header says how the list is sorted."""
    service.add("nike")
    first = await page(client, "/", search="nik", filter="spiking")
    assert "/?search=nik&sort=-mentions&filter=spiking" in first.links
    assert "aria-sort" not in first.attributes
    text = await (await client.get("/?sort=-mentions")).get_data(as_text=True)
    assert text.count('aria-sort="descending"') == text.count("aria-sort") == 1
    assert 'aria-sort="ascending"' in await (await client.get("/?sort=name")).get_data(as_text=True)
    assert "/?search=&sort=mentions&filter=" in Outline(text).links


async def test_templates_are_compiled_before_the_first_request(app: QuartTrio) -> None:
    """The first reader of a page does not hold up everybody else by it."""
    async with app.test_app():
        compiled = [name for _, name in app.jinja_env.cache or ()]
    assert set(READERS_TEMPLATES) <= set(compiled)


async def test_overview_draws_the_last_day(client: TestClientProtocol, service: MemoryService) -> None:
    """A bar an hour, and what they show in words."""
    service.add("nike")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    service.trends["nike"] = {f"hour:{iso(hour)}".encode(): json.dumps(STORED).encode()}
    text = await (await client.get("/")).get_data(as_text=True)
    assert f"7 mentions in the last 24 hours, most from {hour:%H:%M} UTC: 7" in text
    assert '<path d="M0 100H23V0H24V100Z">' in text


async def test_overview_sorts_and_filters(client: TestClientProtocol, service: MemoryService) -> None:
    """In the order and with the brands that the API would give; what waits is told where it was looked at."""
    service.add("quiet", totalMentions=1, spikeDetected=False)
    service.add("loud", totalMentions=2_000)
    loudest = (await page(client, "/", sort="-mentions")).text
    assert loudest.index("loud") < loudest.index("quiet")
    assert "/brands/quiet" not in (await page(client, "/", filter="spiking", sort="name")).links
    service.queued["quiet"], service.dead["quiet"], service.parked["quiet"] = 1_234, 56, "full"
    parked = await page(client, "/", filter="parked", q="")
    assert "/brands/loud" not in parked.links
    for expected in ("1,234", "56", "Parked"):
        assert expected in parked.text
    empty = await page(client, "/", filter="failing")
    assert "None of the 2 brands is in \N{LEFT DOUBLE QUOTATION MARK}Failing" in empty.text


async def test_overview_keeps_sort_and_filter_on_the_next_page(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """And the form shows what is chosen, also an order that it does not offer."""
    for number in range(60):
        service.add(f"brand {number}", totalMentions=number)
    first = await page(client, "/", sort="mentions", filter="spiking", search="brand")
    [following] = [link for link in first.links if "cursor=" in link]
    second = Outline(await (await client.get(following)).get_data(as_text=True))
    assert "51\N{EN DASH}60 of 60" in second.text
    assert second.text.index("brand 50") < second.text.index("brand 59")


@pytest.mark.parametrize("query", [{"sort": "size"}, {"filter": "spikes"}, {"cursor": "x"}, {"limit": "1"}])
async def test_overview_refuses_unknown_orders_and_filters(client: TestClientProtocol, query: dict[str, str]) -> None:
    """On a page, too, nothing that was asked is passed over."""
    text = (await page(client, "/", 400, **query)).text
    assert any(words in text for words in ("must be one of", "no parameter", "cursor must be the next"))


async def test_overview_finds_brands_by_part_of_their_name(client: TestClientProtocol, service: MemoryService) -> None:
    """The search folds case and says so when nothing matches."""
    service.registered += ["Nike", "Adidas"]
    assert "Adidas" not in (await page(client, "/", q="nIk")).text
    assert "None of the 2 brands" in (await page(client, "/", q="puma")).text


async def test_overview_without_brands_says_how_to_add_one(client: TestClientProtocol) -> None:
    """A fresh service is not an empty table."""
    assert "orchestrator brands add" in (await page(client, "/")).text


async def test_overview_keeps_rows_of_unreadable_summaries(client: TestClientProtocol, service: MemoryService) -> None:
    """One damaged document does not hide the other brands."""
    service.add("nike")
    service.registered.append("broken")
    service.stored["broken"] = b"\xff"
    outline = await page(client, "/")
    assert "Summary not readable" in outline.text
    assert "1,480" in outline.text


async def test_overview_says_that_redis_is_away(client: TestClientProtocol, service: MemoryService) -> None:
    """While the service is not ready the page warns."""
    service.status = Status.UNAVAILABLE
    assert "unavailable at the moment" in (await page(client, "/")).text


async def test_brand_page_shows_the_summary(client: TestClientProtocol, service: MemoryService) -> None:
    """Numbers, topics, stories, text and spike are there."""
    service.add("nike")
    text = (await page(client, "/brands/nike")).text
    for expected in ["1,480", "+0.28", "launch", "Parcels arrive late", "Most is about", "flagged a spike", "47.3 %"]:
        assert expected in text


async def test_brand_page_of_a_registered_brand_without_summary_waits(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """Registered but empty is a page of its own, not an error."""
    service.registered.append("new")
    assert "waits for its first chunk" in (await page(client, "/brands/new")).text


@pytest.mark.parametrize("path", ["/brands/nobody", "/brands/%01", "/brands/" + "x" * 300])
async def test_brand_page_of_nobody_is_404(client: TestClientProtocol, path: str) -> None:
    """Unknown and impossible names get a readable page."""
    assert "Not Found" in (await page(client, path, 404)).text


async def test_brand_page_without_redis_is_503(client: TestClientProtocol, service: MemoryService) -> None:
    """The reader is told to come back, and nothing of the error's text."""
    service.error = StoreUnavailableError("secret-host:6379 refused")
    response = await client.get("/brands/nike")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "secret" not in await response.get_data(as_text=True)


async def test_brand_page_is_not_sent_twice(client: TestClientProtocol, service: MemoryService) -> None:
    """A browser that has this version gets 304."""
    service.add("nike")
    tag = (await client.get("/brands/nike")).headers["ETag"]
    assert (await client.get("/brands/nike", headers={"If-None-Match": tag})).status_code == 304


async def test_brand_by_name_without_name_leads_home(client: TestClientProtocol) -> None:
    """The bare address of the form shows the list."""
    response = await client.get("/brands")
    assert (response.status_code, response.headers["Location"]) == (302, "/")


@pytest.mark.parametrize("attack", ATTACKS)
async def test_pages_show_markup_as_text(client: TestClientProtocol, service: MemoryService, attack: str) -> None:
    """Markup in any untrusted place adds no element, no attribute and no foreign link."""
    service.add("nike")
    clean = await page(client, "/brands/nike")
    clean_list = await page(client, "/")
    service.registered.clear()
    service.add(attack, **poisoned(attack))
    for outline, reference in [
        (await page(client, "/brands", name=attack), clean),
        (await page(client, "/", q=attack), clean_list),
    ]:
        assert attack in outline.text
        assert set(outline.tags) <= set(reference.tags) | {"strong", "time"}
        assert outline.attributes <= reference.attributes
        own = [link for link in outline.links if link.startswith("/") and not link.startswith("//")]
        assert set(outline.links) - set(own) == {"#content"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_pages_never_fail_on_texts(text: str) -> None:
    """Whatever a worker writes, the page is 200 and has the elements that it always has."""

    async def show() -> None:
        service = MemoryService()
        service.add("nike", **poisoned(text))
        outline = await page(build_app(service, Metrics()).test_client(), "/brands/nike")
        assert not {"img", "iframe", "object"} & set(outline.tags)
        assert outline.tags.count("script") == 3

    trio.run(show)


async def test_pages_name_a_parked_brand_and_why(client: TestClientProtocol, service: MemoryService) -> None:
    """On the list, on its page, and where it has no summary yet; text of whoever damaged it stays text."""
    service.add("nike")
    service.registered.append("new")
    before = await client.get("/brands/nike")
    service.parked = {"nike": "why", "new": "because"}
    service.notices = {"nike": Notice("Parked.", "<b>why</b>"), "new": Notice("Paused.", "because", 7)}
    assert "<b>why</b>" in (await page(client, "/brands/nike")).text
    new = await page(client, "/brands/new")
    assert "because" in new.text
    assert "waits for its first chunk" not in new.text
    assert "2 brands are parked by this process" in (await page(client, "/")).text
    again = await client.get("/brands/nike", headers={"If-None-Match": before.headers["ETag"]})
    assert again.status_code == 200  # a browser that has the page of before does not keep it
    service.parked = {}
    service.notices = {"new": Notice(queued=7)}
    assert "chunks that wait: 7" in (await page(client, "/brands/new")).text
    assert "until somebody acts" not in (await page(client, "/")).text


async def test_the_page_of_a_brand_tells_of_conflicts(client: TestClientProtocol, service: MemoryService) -> None:
    """Whoever reads its numbers should know that some did not count."""
    service.add("nike")
    assert "contradict" not in (await page(client, "/brands/nike")).text
    service.notices = {"nike": Notice(conflicts="3 chunks had <b>it</b>")}
    assert "3 chunks had <b>it</b>" in (await page(client, "/brands/nike")).text


async def test_pages_name_a_paused_brand_and_how_it_goes_on(client: TestClientProtocol, service: MemoryService) -> None:
    """On the list, on its page, and where it has no summary yet; who paused it is for operators."""
    service.add("nike")
    service.registered.append("new")
    before = await client.get("/brands/nike")
    service.paused = {name: Pause("<b>why</b>", "ops@secret-host", 1_735_689_600_000, None) for name in ("nike", "new")}
    for name in ("nike", "new"):
        shown = (await page(client, f"/brands/{name}")).text
        assert "paused since 2025-01-01T00:00:00Z: <b>why</b>" in shown
        assert f"orchestrator brands resume {name}" in shown
        assert "waits for its first chunk" not in shown
        assert "secret-host" not in shown
    assert "2 brands are paused, their chunks wait: nike, new" in (await page(client, "/")).text
    again = await client.get("/brands/nike", headers={"If-None-Match": before.headers["ETag"]})
    assert again.status_code == 200  # a browser that has the page of before does not keep it
    service.paused = {}
    assert "their chunks wait" not in (await page(client, "/")).text


async def test_overview_says_that_settings_are_disputed(client: TestClientProtocol, service: MemoryService) -> None:
    """The page of the process that came later."""
    service.add("nike")
    service.disputed = "'o-1': MAX_STORIES is 1 here and 9 there"
    assert service.disputed in (await page(client, "/")).text


async def test_a_name_that_would_turn_around_is_shown_as_it_is_written(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """On the list, on its page and in the title the mark stands as an escape; the link leads to the brand."""
    name = "\N{RIGHT-TO-LEFT OVERRIDE}edirrevo"
    service.add(name)
    for path in ("/", "/brands/%E2%80%AEedirrevo"):
        outline = await page(client, path)
        assert "\\u202eedirrevo" in outline.text
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in outline.text
    assert "/brands/%E2%80%AEedirrevo" in (await page(client, "/")).links
