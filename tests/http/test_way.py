"""The whole way by keyboard alone, from the list of brands to what somebody said, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.http.test_brand_page import fill, hour
from tests.http.test_browser import browse

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.http.conftest import Served

MOST_STOPS = 60
"""Tabs within which everything on the way is reached."""


def tab_to(page: Page, condition: str) -> None:
    """Press Tab until *condition* holds of the focused element ``at``; fail if it never does."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate(f"(() => {{ const at = document.activeElement; return {condition}; }})()"):
            return
    raise AssertionError(f"no element with {condition} within {MOST_STOPS} stops")


async def test_from_the_overview_to_a_quote_by_keyboard_alone(served: Served) -> None:
    """Brand, chart (one stop, then arrows), hour, story, quote: the focus goes where the link leads."""
    fill(served.service, stories=3)
    then = hour(2)

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        tab_to(page, "at.textContent.trim() === 'nike'")
        page.keyboard.press("Enter")
        page.wait_for_url("**/brands/nike")
        tab_to(page, "at.matches('a.slot')")
        for _ in range(2):
            page.keyboard.press("ArrowLeft")
        value = page.locator("#chart-value")
        assert f"{then:%H}:00 to" in value.inner_text()
        assert "102 mentions" in value.inner_text()
        assert page.locator("svg.plot a.slot[tabindex='0']").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**at=*")
        assert page.evaluate("document.activeElement.id") == "then"
        tab_to(page, "at.textContent === 'Story 1' && at.closest('#then') !== null")
        page.keyboard.press("Enter")
        page.wait_for_url("**story=s1*")
        assert page.evaluate("document.activeElement.id") == "story"
        assert page.locator("#story blockquote").first.inner_text() == "Quote 1"

    assert await browse(visit) == []


async def test_the_chart_keeps_its_place_when_the_page_is_fetched_anew(served: Served) -> None:
    """The focused bar stays focused, and the arrows go on from it."""
    fill(served.service)

    def visit(page: Page) -> None:
        page.goto(served.url + "/brands/nike?period=24h")
        page.locator("svg.plot a.slot").last.focus()
        page.keyboard.press("Home")
        before = page.evaluate("document.activeElement.getAttribute('href')")
        page.evaluate("document.querySelector('h1').dataset.old = 'yes'")
        page.evaluate("document.getElementById('refresh').dispatchEvent(new Event('change'))")
        page.locator("h1[data-old]").wait_for(state="detached")
        assert page.evaluate("document.activeElement.getAttribute('href')") == before
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.getAttribute('href')") != before

    assert await browse(visit) == []


async def test_times_are_the_readers_own_and_say_so(served: Served) -> None:
    """With script and another zone the axis begins its days there; in UTC nothing is changed."""
    fill(served.service)
    zones: list[str] = []

    def visit(page: Page) -> None:
        browser = page.context.browser
        assert browser is not None
        for zone in ("Asia/Kolkata", "UTC"):
            with browser.new_context(timezone_id=zone) as context:
                other = context.new_page()
                other.goto(served.url + "/brands/nike?period=8d")
                zones.append(other.locator("#zone").inner_text())
                assert other.locator("svg.times text").count() >= 6

    assert await browse(visit) == []
    assert "Asia/Kolkata" in zones[0] or "Asia/Calcutta" in zones[0]
    assert zones[1] == "Times are UTC."
