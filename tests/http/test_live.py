"""An open page in a real browser: it says how current it is, and comes back from whatever ended its feed."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
import trio

from orchestrator.errors import StoreUnavailableError
from orchestrator.http import events as events_module
from orchestrator.http.service_view import Status
from tests.http.test_browser import browse

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.http.conftest import MemoryService, Served

LIVE = re.compile(r"^live, \d+ s ago$")


def only(complaints: list[str], *words: str) -> bool:
    """Whether the browser complained of nothing but failed requests."""
    return all(any(word in complaint for word in words) for complaint in complaints)


async def test_a_page_says_how_current_it_is(served: Served) -> None:
    """Without script there is no such line; with it the line is there as soon as the page is."""
    served.service.add("nike")

    def visit(page: Page) -> None:
        for path in ("/", "/brands/nike"):
            page.goto(served.url + path)
            page.get_by_text(LIVE).wait_for()

    assert await browse(visit) == []


@pytest.mark.parametrize("status", [502, 503, 200])
async def test_a_feed_that_ended_for_good_is_made_anew(served: Served, status: int) -> None:
    """A proxy's error page ends an EventSource; the page says so, comes back and shows what it missed."""
    served.service.add("nike", totalMentions=100)
    token = trio.lowlevel.current_trio_token()

    def change() -> None:
        served.service.add("nike", totalMentions=2_345, version=42)

    def visit(page: Page) -> None:
        broken = threading.Event()
        broken.set()

        def proxy(route: Route) -> None:
            if broken.is_set():
                route.fulfill(status=status, body="Bad Gateway")
            else:
                route.continue_()

        page.route("**/v1/events*", proxy)
        page.goto(served.url + "/brands/nike")
        page.get_by_text(re.compile(r"^no connection for \d+ s$")).wait_for()
        trio.from_thread.run_sync(change, trio_token=token)
        broken.clear()
        page.get_by_text("2,345").first.wait_for()
        page.get_by_text(LIVE).wait_for()
        page.get_by_text("This page is live again.").wait_for()

    assert only(await browse(visit), "Failed to load resource", "MIME type")


async def test_a_full_house_of_streams_is_no_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 because there are too many readers: the page follows as soon as there is a place."""
    served.service.add("nike", totalMentions=100)
    token = trio.lowlevel.current_trio_token()
    most = events_module.MAX_SUBSCRIBERS
    monkeypatch.setattr(events_module, "MAX_SUBSCRIBERS", 0)

    def make_room() -> None:
        monkeypatch.setattr(events_module, "MAX_SUBSCRIBERS", most)

    def visit(page: Page) -> None:
        page.goto(served.url + "/brands/nike")
        page.get_by_text(re.compile("^no connection")).wait_for()
        with page.expect_response(lambda response: "/v1/events" in response.url and response.ok):
            trio.from_thread.run_sync(make_room, trio_token=token)
        page.get_by_text(LIVE).wait_for()

    assert only(await browse(visit), "503")


async def test_a_page_tells_that_the_service_is_not_available(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed lives on while Redis is away; the page does not claim to be current."""
    monkeypatch.setattr(events_module, "HEARTBEAT_S", 0.2)
    served.service.add("nike")
    token = trio.lowlevel.current_trio_token()

    def turn(status: Status) -> None:
        served.service.status = status

    def visit(page: Page) -> None:
        page.goto(served.url + "/brands/nike")
        page.get_by_text(LIVE).wait_for()
        trio.from_thread.run_sync(turn, Status.UNAVAILABLE, trio_token=token)
        page.get_by_text(re.compile(r"^service unavailable for \d+ s$")).wait_for()
        trio.from_thread.run_sync(turn, Status.DEGRADED, trio_token=token)
        page.get_by_text(LIVE).wait_for()

    assert await browse(visit) == []


async def test_an_error_page_heals_by_itself(served: Served) -> None:
    """Opened while Redis is away, it becomes the page once Redis is back."""
    served.service.add("nike")
    served.service.error = StoreUnavailableError("away")
    token = trio.lowlevel.current_trio_token()

    def mend() -> None:
        served.service.error = None

    def visit(page: Page) -> None:
        page.goto(served.url + "/brands/nike")
        page.get_by_text("Service Unavailable").first.wait_for()
        trio.from_thread.run_sync(mend, trio_token=token)
        page.get_by_text("1,480").first.wait_for()

    assert only(await browse(visit), "503")


async def test_a_new_brand_appears_on_an_open_overview(served: Served, service: MemoryService) -> None:
    """Nobody announces a registration: the page looks again by itself when its script is told to every second."""
    service.add("nike")
    token = trio.lowlevel.current_trio_token()

    def visit(page: Page) -> None:
        page.route(
            f"{served.url}/",
            lambda route: route.fulfill(body=route.fetch().text().replace('data-every="30"', 'data-every="1"')),
        )
        page.goto(served.url + "/")
        trio.from_thread.run_sync(service.add, "adidas", trio_token=token)
        page.get_by_role("link", name="adidas").wait_for()

    assert await browse(visit) == []
