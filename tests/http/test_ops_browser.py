"""The operators' pages in a real browser: signed in, letters sent again, a brand paused, taken, resumed and removed.

All pages are also held to what axe-core finds, in light, in dark and as wide as a phone, and to whole words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from orchestrator.fleet.view import Standing
from tests.http.operators import TOKEN, letter
from tests.http.test_browser import ATTACK, browse

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.http.conftest import Served

LIVE = re.compile(r"^live, \d+ s ago$")
TURNED = "\N{RIGHT-TO-LEFT OVERRIDE}edirrevo"
MESSAGE = "[DOM] Password forms"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

BROKEN_WORDS = """() => {
  const broken = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!parent.checkVisibility() || parent.closest("pre, code, .visually-hidden, .skip")) continue;
    for (const match of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      if (new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size > 1) broken.push(match[0]);
    }
  }
  return broken;
}"""
"""The words on a page of which a part stands on the next line."""


def sign_in(page: Page, url: str) -> None:
    """As somebody does it."""
    page.goto(f"{url}/ops")
    page.get_by_role("link", name="Sign in to act").click()
    page.get_by_label("Operator's token").fill(TOKEN)
    page.get_by_label("Who you are").fill("ann")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Signed in as ann").wait_for()


async def test_an_operator_mends_what_failed(served: Served) -> None:
    """Signs in, sends a group again after a look, pauses, takes, resumes and removes a brand, signs out."""
    operator = served.operator
    operator.add_all_kinds()

    def visit(page: Page) -> None:
        sign_in(page, served.url)
        page.get_by_text(LIVE).wait_for()
        row = page.get_by_role("row").filter(has_text="no brand").filter(has_text="orchestrator")
        row.get_by_role("link", name="Retry…").click()
        page.get_by_text("3 letters").first.wait_for()
        page.get_by_role("button", name="Send 3 letters again").click()
        page.get_by_text("3 letters sent again.").wait_for()
        assert len(operator.queues["acme"]) == 3
        page.reload()
        assert len(operator.queues["acme"]) == 3
        page.get_by_label("Reason", exact=True).fill("deploy")
        page.get_by_label("Hours").fill("2")
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("acme is paused for 2 h").wait_for()
        page.get_by_role("button", name="Take it from worker-host-1").click()
        page.get_by_text("acme is taken from worker-host-1").wait_for()
        page.get_by_role("button", name="Resume acme").click()
        page.get_by_text("acme goes on.").wait_for()
        page.get_by_role("link", name="Remove this brand").click()
        page.get_by_label("its dead letters, too").check()
        page.get_by_role("button", name="Remove it for good").click()
        page.get_by_text("acme is registered no more").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in to act").wait_for()

    complaints = await browse(visit)
    assert [told for told in complaints if MESSAGE not in told] == []
    assert [act.action for act in operator.written[1:]] == ["retry", "pause", "locks break", "resume", "purge"]
    assert "acme" not in operator.brands


async def test_an_operator_orders_a_process(served: Served) -> None:
    """Quiet and lanes, from the page of the process."""
    operator = served.operator
    operator.add_all_kinds()

    def visit(page: Page) -> None:
        sign_in(page, served.url)
        page.get_by_role("link", name="worker-host-1").click()
        page.get_by_role("button", name="Quiet").click()
        page.get_by_text("worker-host-1: asked to be quiet.").wait_for()
        page.get_by_role("link", name="All processes").click()
        page.get_by_label("Lanes, 1 to 1000").fill("9")
        page.get_by_role("button", name="Set lanes").click()
        page.get_by_text("worker-host-1: asked for 9 lanes.").wait_for()

    assert [told for told in await browse(visit) if MESSAGE not in told] == []
    assert [act.action for act in operator.written[1:]] == ["processes quiet", "processes lanes"]


async def test_everything_works_without_script(served: Served) -> None:
    """Links and forms are enough."""
    operator = served.operator
    operator.add_all_kinds()

    def visit(page: Page) -> None:
        browser = page.context.browser
        assert browser is not None
        plain = browser.new_context(java_script_enabled=False).new_page()
        sign_in(plain, served.url)
        plain.get_by_role("button", name="Resume delta").click()
        plain.get_by_text("delta goes on.").wait_for()
        assert plain.get_by_text(LIVE).count() == 0

    assert await browse(visit) == []
    assert operator.brands["delta"].standing is Standing.WAITING


async def test_an_open_page_follows_and_keeps_what_is_open(served: Served) -> None:
    """What waits changes in place; an opened letter stays open; nothing moves under somebody who types."""
    operator = served.operator
    operator.add("acme", queued=5)
    operator.dead["acme"] = [letter("payload of the first")]

    def visit(page: Page) -> None:
        page.goto(f"{served.url}/ops/brand?name=acme")
        page.locator("details summary").click()
        page.get_by_text("payload of the first").wait_for()
        operator.add("acme", queued=4_321)
        page.get_by_text("4321").wait_for()
        assert page.get_by_text("payload of the first").is_visible()

    assert await browse(visit) == []


async def test_hostile_texts_are_shown_and_run_nothing(served: Served) -> None:
    """Markup stands there as text; what would turn the text around is shown as an escape, in titles, too."""
    operator = served.operator
    operator.add_all_kinds(TURNED, f"{ATTACK} {TURNED}")
    operator.dead[TURNED].append(b"\xff\x00" + ATTACK.encode())
    titles: list[str] = []

    def visit(page: Page) -> None:
        sign_in(page, served.url)
        page.get_by_text(ATTACK).first.wait_for()
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.inner_text("body")
        page.get_by_role("link", name="\\u202eedirrevo").first.click()
        page.get_by_role("heading", name="\\u202eedirrevo").wait_for()
        titles.append(page.title())
        for summary in page.locator("details summary").all():
            summary.click()
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.inner_text("body")
        assert page.locator("img").count() == 0

    complaints = await browse(visit)
    assert [told for told in complaints if MESSAGE not in told] == []
    assert titles == ["\\u202eedirrevo \N{EN DASH} operations"]


async def test_a_form_of_another_page_does_nothing(served: Served) -> None:
    """A page under another name lets the browser send our form: no cookie comes along, and nothing is done."""
    operator = served.operator
    operator.add_all_kinds()

    def visit(page: Page) -> None:
        sign_in(page, served.url)
        form = (
            f'<form id="f" method="post" action="{served.url}/ops/brands"><input name="action" value="pause">'
            '<input name="brand" value="beta"></form><script>document.getElementById("f").submit()</script>'
        )
        page.route("http://evil.example/", lambda route: route.fulfill(body=form, content_type="text/html"))
        page.goto("http://evil.example/")
        page.get_by_text("This form was not sent by a page of this service.").wait_for()

    await browse(visit)
    assert len(operator.written) == 1


PATHS = (
    *("/", "/brands/nike", "/ops", "/ops/brand?name=acme", "/ops/look?action=drop&brand=acme&all=yes"),
    *("/ops?history=week", "/ops?history=month"),
    *("/ops/process?name=0a1b2c3d4e5f6071", "/ops/process"),
    *("/ops/purge?name=acme", "/ops/sign-in", "/ops/nothing"),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(served: Served, scheme: str) -> None:
    """No page has what keeps people from using it, on a desk or a phone, signed in or not."""
    served.operator.add_all_kinds()
    served.service.add("nike")
    served.service.registered.append("waiting")

    def visit(page: Page) -> None:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for signed_in in (False, True):
            if signed_in:
                sign_in(page, served.url)
            for size in (DESK, PHONE):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                for path in PATHS:
                    page.goto(served.url + path)
                    found = Axe().run(page).response["violations"]
                    assert [(path, each["id"], each["nodes"][0]["html"]) for each in found] == []

    await browse(visit)


async def test_words_stay_whole_on_a_phone(served: Served) -> None:
    """A table may scroll; no word of it is broken in the middle, and the page itself does not scroll sideways."""
    served.operator.add_all_kinds()
    topics = [{"topic": word, "mentions": 5, "change": 0.5} for word in ("complaints", "Delivery", "announcements")]
    served.service.add("nike", topics=topics)

    def visit(page: Page) -> None:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        sign_in(page, served.url)
        for path in PATHS:
            page.goto(served.url + path)
            assert (path, page.evaluate(BROKEN_WORDS)) == (path, [])
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path

    await browse(visit)


OUT_OF_SIGHT = """() => [...document.querySelectorAll("main .scroll, main a, main button")]
  .filter((each) => each.matches(".scroll") ? each.scrollWidth > each.clientWidth
    : each.checkVisibility() && each.getBoundingClientRect().right > innerWidth)
  .map((each) => each.outerHTML.slice(0, 200))"""
"""What scrolls sideways, and what can be pressed but only after that."""


@pytest.mark.parametrize("reason", ["no brand", "x" * 200])
async def test_what_can_be_done_is_in_sight_on_a_phone(served: Served, reason: str) -> None:
    """Nothing for operators scrolls sideways there, however long its words: each cell has its column's name with it."""
    served.operator.add_all_kinds(reason=reason)
    labels: list[str] = []

    def visit(page: Page) -> None:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        sign_in(page, served.url)
        for path in PATHS[2:]:
            page.goto(served.url + path)
            assert (path, page.evaluate(OUT_OF_SIGHT)) == (path, [])
        page.goto(f"{served.url}/ops")
        for table in page.locator("table.ops").all():
            columns = table.locator("thead th").all_text_contents()
            cells = table.locator("tbody tr").first.locator("td:not(.actions)").all()
            told = [cell.get_attribute("data-label") or "" for cell in cells]
            assert told == columns[1 : len(told) + 1]
            labels.extend(told)

    await browse(visit)
    assert {"Chunks", "Letters", "Heard", "Details"} <= set(labels)
