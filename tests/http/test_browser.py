"""The pages in a real browser: hostile texts run nothing, the page follows its brand.

The browser is driven from a thread, the server runs on trio beside it.
"""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from playwright.sync_api import Page, sync_playwright

from orchestrator.http.urls import brand_page_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.http.conftest import Served

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WAIT_MS = 60_000
ATTACK = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


async def browse(visit: Callable[[Page], None]) -> list[str]:
    """Open a page in Chromium, let *visit* use it, and return what the page complained about.

    A *visit* that routes requests never unroutes them itself: Playwright lets every request in flight
    go on as soon as a route is taken away, and the handler that still holds one then fails.
    """
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    return await trio.to_thread.run_sync(partial(_browse, binary, visit))


def _browse(binary: str, visit: Callable[[Page], None]) -> list[str]:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        visit(page)
        page.unroute_all(behavior="ignoreErrors")  # a page that is live may just have asked for something
        browser.close()
    return complaints


async def test_hostile_texts_are_shown_and_run_nothing(served: Served) -> None:
    """A brand name and a label that are markup stand on the page as text; no script of theirs runs."""
    label = {"id": "x", "label": f"label {ATTACK}", "mentions": 5, "spike": False}
    served.service.add(ATTACK, clusters=[label], summary=ATTACK, chunkSummaries=[ATTACK])
    titles: list[str] = []

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        titles.append(page.title())
        page.get_by_role("link", name=ATTACK).click()
        page.get_by_text(f"label {ATTACK}").wait_for()
        titles.append(page.title())
        assert page.locator("img").count() == 0

    assert await browse(visit) == []
    assert titles == ["Brands", f"\u2068{ATTACK}\u2069 \N{EN DASH} summary"]


async def test_page_follows_its_brand(served: Served) -> None:
    """When a new summary is announced, the numbers on the open page change without a reload."""
    served.service.add("nike", totalMentions=100)
    token = trio.lowlevel.current_trio_token()

    def change() -> None:
        served.service.add("nike", totalMentions=2_345, version=42)
        served.service.publish("nike", 3, 42)

    def visit(page: Page) -> None:
        with page.expect_response("**/v1/events*"):
            page.goto(served.url + "/brands/nike")
        page.evaluate("window.kept = true")
        assert page.get_by_text("2,345").count() == 0
        trio.from_thread.run_sync(change, trio_token=token)
        page.get_by_text("2,345").first.wait_for()
        assert page.evaluate("window.kept") is True

    assert await browse(visit) == []


async def test_waiting_page_becomes_the_summary(served: Served) -> None:
    """The first chunk of a brand shows on the page that waits for it."""
    served.service.registered.append("nike")
    token = trio.lowlevel.current_trio_token()

    def arrive() -> None:
        served.service.add("nike")
        served.service.publish("nike")

    def visit(page: Page) -> None:
        with page.expect_response("**/v1/events*"):
            page.goto(served.url + "/brands/nike")
        page.get_by_text("waits for its first chunk").wait_for()
        trio.from_thread.run_sync(arrive, trio_token=token)
        page.get_by_text("1,480").first.wait_for()

    assert await browse(visit) == []


async def test_overview_follows_all_brands_and_keeps_the_focus(served: Served) -> None:
    """Numbers change in place; the link that the keyboard is on stays the one, and typing is not disturbed."""
    served.service.add("adidas", totalMentions=1)
    served.service.add("nike", totalMentions=2)
    token = trio.lowlevel.current_trio_token()

    def change(mentions: int) -> None:
        served.service.registered.remove("nike")
        served.service.add("nike", totalMentions=mentions)
        served.service.publish("nike")

    def visit(page: Page) -> None:
        with page.expect_response("**/v1/events*"):
            page.goto(served.url + "/")
        page.get_by_role("link", name="adidas").focus()
        trio.from_thread.run_sync(change, 2_345, trio_token=token)
        page.get_by_text("2,345").first.wait_for()
        assert page.evaluate("document.activeElement.textContent") == "adidas"
        page.get_by_role("searchbox").fill("ni")
        trio.from_thread.run_sync(change, 6_789, trio_token=token)
        assert page.get_by_role("searchbox").input_value() == "ni"
        page.get_by_role("button", name="Show").focus()
        page.get_by_text("6,789").wait_for()

    assert await browse(visit) == []


@pytest.mark.parametrize("name", ["a/b", "..", "100% {x}", "ünï ブランド"])
async def test_overview_links_lead_to_awkward_brands(served: Served, name: str) -> None:
    """A click on a name leads to that brand's page, also where browsers rewrite addresses."""
    served.service.add(name)

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", name=name).first.wait_for()
        assert page.url == served.url + brand_page_url(name)

    assert await browse(visit) == []


async def test_pages_can_be_used_by_keyboard_and_screen_reader(served: Served) -> None:
    """Landmarks, one main heading, named tables and a skip link are there."""
    served.service.add("nike")

    def visit(page: Page) -> None:
        page.goto(served.url + "/brands/nike")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.locator("svg[role=img]:not([aria-label])").count() == 0
        assert page.locator("html[lang=en]").count() == 1

    assert await browse(visit) == []


async def test_overview_shows_a_new_brand_and_keeps_its_order(served: Served) -> None:
    """No event tells of a registration: the open page looks by itself, in the order that was chosen."""
    served.service.add("small", totalMentions=5)
    served.service.add("large", totalMentions=50)
    token = trio.lowlevel.current_trio_token()

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        page.get_by_label("In which order").select_option("-mentions")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**/?*sort=-mentions*")
        trio.from_thread.run_sync(partial(served.service.add, "middle", totalMentions=20), trio_token=token)
        page.get_by_role("link", name="middle").wait_for()
        names = page.locator("tbody th a").all_inner_texts()
        assert names == ["large", "middle", "small"]

    assert await browse(visit) == []
