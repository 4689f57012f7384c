"""Shortcuts and the choice of a pace, in a real browser: kept, never in the way of typing, and to be turned off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import trio

from tests.http.test_browser import browse
from tests.http.test_live import LIVE

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.http.conftest import Served

NOW_S = 1_760_000_000

# how often the page was told of something, and how often it fetched
COUNTING = """
let told = 0;
window.asked = 0;
const fetched = window.fetch;
window.fetch = (...asked) => { window.asked += 1; return fetched(...asked); };
window.EventSource = class extends EventSource {
  addEventListener(kind, heard) {
    super.addEventListener(kind, (event) => {
      heard(event);
      if (kind === "summary") document.documentElement.dataset.told = ++told;
    });
  }
};
"""


async def test_keys_press_what_is_on_the_page(served: Served) -> None:
    """A list, two places, the search; without modifiers, which belong to the browser."""
    served.operator.add_all_kinds()
    served.service.add("nike")

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        page.get_by_text(LIVE).wait_for()
        page.keyboard.press("Control+/")
        assert page.evaluate("document.activeElement.id") != "q"
        page.keyboard.press("o")
        page.wait_for_url("**/ops")
        opener = page.get_by_role("button", name="Keyboard shortcuts")
        opener.wait_for()
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
        page.keyboard.press("b")  # a list that is open takes none
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "name"
        page.keyboard.type("bo?")
        assert page.locator("#name").input_value() == "bo?"
        assert page.get_by_role("dialog").count() == 0
        page.locator("h1").click()
        page.keyboard.press("b")  # the focus is nowhere again
        page.wait_for_url(f"{served.url}/")
        opener.wait_for()
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "q"

    assert await browse(visit) == []


async def test_who_has_just_ticked_a_box_types_nowhere(served: Served) -> None:
    """Two brands are ticked for a comparison, by hand; the search and the other place are still one key away."""
    served.operator.add_all_kinds()
    served.service.add("nike")

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        page.get_by_text(LIVE).wait_for()
        tick = page.get_by_label("Compare nike")
        tick.check()
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "q"
        tick.focus()
        page.keyboard.press("o")
        page.wait_for_url("**/ops")

    assert await browse(visit) == []


async def test_who_begins_to_type_while_a_page_is_fetched_is_not_disturbed(served: Served) -> None:
    """The answer is held back until the field has the focus; the page is fetched again once it has not."""
    served.operator.add_all_kinds()

    def visit(page: Page) -> None:
        page.goto(served.url + "/ops")
        page.get_by_text(LIVE).wait_for()

        fetched: list[str] = []

        def late(route: Route) -> None:
            if not fetched:
                page.locator("#name").fill("ty")
            fetched.append(route.request.url)
            route.continue_()

        page.route(served.url + "/ops", late)
        with page.expect_response(served.url + "/ops"):
            pass
        assert len(fetched) == 1
        with page.expect_request(served.url + "/ops"):
            page.keyboard.type("ping")
            assert page.locator("#name").input_value() == "typing"
            page.locator("h1").click()

    assert await browse(visit) == []


async def test_keys_can_be_turned_off(served: Served) -> None:
    """For who speaks to the machine; the list stays within reach, and the browser keeps the choice."""
    served.service.add("nike")

    def visit(page: Page) -> None:
        page.goto(served.url + "/")
        page.get_by_role("button", name="Keyboard shortcuts").wait_for()
        page.keyboard.press("?")
        page.get_by_label("Shortcuts are on").uncheck()
        page.get_by_role("button", name="Close").click()
        page.reload()
        page.get_by_text(LIVE).wait_for()
        for key in ("?", "o", "/"):
            page.keyboard.press(key)
        assert page.url == f"{served.url}/"
        assert page.get_by_role("dialog").count() == 0
        page.get_by_role("button", name="Keyboard shortcuts").click()
        assert not page.get_by_label("Shortcuts are on").is_checked()

    assert await browse(visit) == []


async def test_without_script_nothing_of_it_is_there(served: Served) -> None:
    """Neither the button nor the choice would do anything."""
    served.service.add("nike")

    def visit(page: Page) -> None:
        browser = page.context.browser
        assert browser is not None
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(served.url + "/")
        plain.get_by_role("link", name="nike").first.wait_for()
        assert not plain.locator("#keys-open").is_visible()
        assert not plain.locator("#refreshing").is_visible()
        assert not plain.locator("#keys").is_visible()

    assert await browse(visit) == []


async def test_a_paused_page_stays_as_it_is(served: Served) -> None:
    """And says so and how old it is, also when it is loaded again; live again it shows at once what it missed."""
    served.service.add("nike", totalMentions=100)
    token = trio.lowlevel.current_trio_token()

    def change() -> None:
        served.service.add("nike", totalMentions=2_345, version=42)
        served.service.publish("nike", 3, 42)

    def visit(page: Page) -> None:
        page.goto(served.url + "/brands/nike")
        page.get_by_text(LIVE).wait_for()
        page.get_by_label("Refresh").select_option("paused")
        page.get_by_text(re.compile(r"^paused, \d+ s old$")).wait_for()
        page.clock.install()
        page.reload()
        page.get_by_text(re.compile(r"^paused, \d+ s old$")).wait_for()
        trio.from_thread.run_sync(change, trio_token=token)
        page.clock.run_for(120_000)
        page.get_by_text("paused, 2 min old").wait_for()
        assert page.get_by_text("2,345").count() == 0
        page.locator("h1").click()
        page.keyboard.press("p")
        page.get_by_text("2,345").first.wait_for()
        page.get_by_text(LIVE).wait_for()
        assert page.get_by_label("Refresh").input_value() == "live"

    await browse(visit)


async def test_what_was_told_before_a_pause_is_not_fetched_in_it(served: Served) -> None:
    """News that came while the page was just fetched waits for the next look, and then for the end of the pause."""
    served.service.add("nike", totalMentions=100)
    token = trio.lowlevel.current_trio_token()

    def change(mentions: int, version: int) -> None:
        served.service.add("nike", totalMentions=mentions, version=version)
        served.service.publish("nike", 3, version)

    def visit(page: Page) -> None:
        page.add_init_script(COUNTING)
        page.clock.install(time=NOW_S)
        page.clock.pause_at(NOW_S + 1)  # the time between two looks ends when the test says so
        page.goto(served.url + "/brands/nike")
        page.get_by_text(LIVE).wait_for()
        trio.from_thread.run_sync(change, 2_345, 42, trio_token=token)
        page.get_by_text("2,345").first.wait_for()
        trio.from_thread.run_sync(change, 6_789, 43, trio_token=token)
        page.locator("html[data-told='2']").wait_for(state="attached")  # a function would be forbidden by our policy
        page.get_by_label("Refresh").select_option("paused")
        page.clock.run_for(120_000)
        assert page.evaluate("window.asked") == 1
        page.get_by_label("Refresh").select_option("live")
        page.get_by_text("6,789").first.wait_for()

    assert await browse(visit) == []


async def test_a_page_is_fetched_at_the_pace_that_was_chosen(served: Served) -> None:
    """Without a feed: nothing tells it, and it has what is new with its next look."""
    served.service.add("nike", totalMentions=100)
    token = trio.lowlevel.current_trio_token()

    def change() -> None:
        served.service.add("nike", totalMentions=2_345, version=42)

    def visit(page: Page) -> None:
        page.clock.install()
        page.goto(served.url + "/brands/nike")
        page.get_by_text(LIVE).wait_for()
        page.get_by_label("Refresh").select_option("10")
        page.get_by_text(re.compile(r"^every 10 s, \d+ s ago$")).wait_for()
        trio.from_thread.run_sync(change, trio_token=token)
        page.clock.run_for(12_000)
        page.get_by_text("2,345").first.wait_for()
        assert served.service.subscribers == []

    assert await browse(visit) == []
