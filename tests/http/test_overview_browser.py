"""From the list of brands to brands side by side in a real browser: by keyboard alone, and without script."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio

from orchestrator.http.span import last_hours
from tests.http.test_browser import browse
from tests.http.test_span import STORED

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.http.conftest import Served

SPIKE = {"mentionCount": 480, "expected": 10, "windowSec": 900, "drivers": {"stories": [{"label": "Refunds"}]}}


def focused(page: Page) -> str:
    """What the keyboard is on, by its name."""
    name: str = page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
    )
    return name


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the keyboard is on *name*."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


async def test_brands_are_compared_by_keyboard_alone(served: Served) -> None:
    """Ticks are kept while the page renews itself; side by side, one is taken away again."""
    for name in ("adidas", "nike", "puma"):
        served.service.add(name, spikeDetected=False)
    token = trio.lowlevel.current_trio_token()

    def change() -> None:
        served.service.add("puma", spike=SPIKE)
        served.service.publish("puma")

    def visit(page: Page) -> None:
        with page.expect_response("**/v1/events*"):
            page.goto(served.url + "/")
        tab_to(page, "Compare adidas")
        page.keyboard.press("Space")
        tab_to(page, "Compare nike")
        page.keyboard.press("Space")
        trio.from_thread.run_sync(change, trio_token=token)
        page.get_by_text("480 mentions in 15 min instead of 10: “Refunds”").wait_for()
        assert focused(page) == "Compare nike"
        assert page.get_by_role("checkbox", checked=True).count() == 2
        tab_to(page, "Compare the ticked")
        page.keyboard.press("Enter")
        page.wait_for_url("**/compare?brand=adidas&brand=nike")
        page.get_by_role("heading", name="Share of voice").wait_for()
        tab_to(page, "Take nike away")
        page.keyboard.press("Enter")
        page.wait_for_url("**/compare?brand=adidas&hours=48")

    assert await browse(visit) == []


async def test_list_and_comparison_work_without_script(served: Served) -> None:
    """Columns sort by links, ticks and names are sent by forms."""
    for mentions, name in enumerate(("adidas", "nike", "puma")):
        served.service.add(name, totalMentions=mentions)
    served.service.trends["nike"] = {last_hours(1, datetime.now(UTC)).fields[0]: json.dumps(STORED).encode()}

    def visit(page: Page) -> None:
        assert page.context.browser is not None
        plain = page.context.browser.new_context(java_script_enabled=False).new_page()
        plain.goto(served.url + "/")
        plain.get_by_role("link", name="Mentions").click()
        assert plain.locator("tbody th a").all_inner_texts() == ["puma", "nike", "adidas"]
        plain.get_by_label("Compare puma").check()
        plain.get_by_label("Compare nike").check()
        plain.get_by_role("button", name="Compare the ticked").click()
        plain.get_by_label("One more brand").fill("adidas")
        plain.get_by_role("button", name="Add").click()
        assert plain.url.endswith("/compare?brand=puma&brand=nike&hours=48&brand=adidas")
        plain.get_by_role("link", name="24 h").click()
        plain.get_by_text("The values, by hour").click()
        assert plain.get_by_role("row").count() > 24

    assert await browse(visit) == []


async def test_pages_lead_on_and_back(served: Served) -> None:
    """By cursors, with what was chosen."""
    for number in range(60):
        served.service.add(f"brand {number:02}", totalMentions=number)

    def visit(page: Page) -> None:
        page.goto(served.url + "/?sort=-mentions")
        page.get_by_role("link", name="Next").click()
        page.get_by_text("51\N{EN DASH}60 of 60").wait_for()
        page.get_by_role("link", name="Previous").click()
        page.get_by_text("1\N{EN DASH}50 of 60").wait_for()
        assert page.locator("tbody th a").first.inner_text() == "brand 59"

    assert await browse(visit) == []
