"""The pages for people who see them otherwise: on a phone, without colours, in forced ones, or not at all.

In a real browser. What is measured is what it shows: computed colours, boxes of words, and the findings of axe.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from orchestrator.http.span import last_hours
from tests.http.test_browser import browse
from tests.http.test_pages import Outline
from tests.http.test_span import STORED

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.http.conftest import Served

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
LABELS = ["Battery complaints after update", "Delivery delays in Scandinavia", "Unbreakable" * 30]
COMPARED = "/compare?brand=Kaffeegesellschaft&brand=Teegesellschaft&brand=brand+1"
PATHS = ["/", "/brands/Kaffeegesellschaft", "/brands/nobody", "/?offset=99", COMPARED]

WORDS_IN_PIECES = """() => {
  const broken = [];
  const walker = document.createTreeWalker(document.getElementById("content"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("option, svg, .visually-hidden")) continue;
    for (const word of node.data.matchAll(/[^\\s\\u2013,-]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (word[0].length <= 24 && lines.size > 1) broken.push(word[0]);
    }
  }
  return broken;
}"""

COLOURS = """() => {
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  const probe = document.createElement("i");
  document.body.append(probe);
  const card = style(".card");
  probe.style.color = card.getPropertyValue("--card");
  return {
    card: getComputedStyle(probe).color,
    positive: style("rect.positive").fill,
    neutral: style("rect.neutral").fill,
    negative: style("rect.negative").fill,
    edge: style("rect.negative").stroke,
    dots: ["positive", "neutral", "negative"].map((name) => {
      const dot = style(`.dot.${name}`);
      return `${dot.backgroundColor} ${dot.borderTopWidth === "0px" ? "" : dot.borderTopColor}`;
    }),
  };
}"""


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(…)``; source: WCAG 2.2."""
    values = [float(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Their contrast, from 1 to 21; source: WCAG 2.2."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def fill(served: Served) -> None:
    """A brand with long words and every kind of bar, and a second page of brands."""
    times: dict[str, Any] = {"firstSeen": "2026-03-01T09:15:00Z", "lastSeen": "2026-03-01T09:15:00Z"}
    numbers = {"mentions": 60, "spike": True, "sentimentScore": -0.5, "members": 9}
    stories = [{"id": label, "label": label} | numbers | times for label in LABELS]
    topics = [{"topic": "customer-satisfaction", "mentions": 12, "change": -0.4}, {"topic": "x" * 99, "mentions": 3}]
    served.service.add("Kaffeegesellschaft", clusters=stories, topics=topics)
    served.service.add("Teegesellschaft", topics=topics, changes={"mentions": 0.25, "netSentiment": -0.1})
    served.service.trends["Teegesellschaft"] = {last_hours(1, datetime.now(UTC)).fields[0]: json.dumps(STORED).encode()}
    served.service.registered += [f"brand {number}" for number in range(30)]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_no_word_is_broken_in_the_middle(served: Served, size: dict[str, int]) -> None:
    """Words of up to 24 letters stand on one line, in tables, tiles and sentences; no page scrolls aside."""
    fill(served)
    found: list[Any] = []

    def visit(page: Page) -> None:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in PATHS:
            page.goto(served.url + path)
            found.extend(page.evaluate(WORDS_IN_PIECES))
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found.extend([f"{path} scrolls aside"] if wide else [])

    await browse(visit)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_moods_are_told_apart_without_colour(served: Served, scheme: str) -> None:
    """Each bar stands out from the card, full ones differ in lightness, and negative is hollow."""
    fill(served)
    seen: list[dict[str, Any]] = []

    def visit(page: Page) -> None:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(served.url + PATHS[1])
        seen.append(page.evaluate(COLOURS))

    assert await browse(visit) == []
    [colours] = seen
    for bar in ("positive", "neutral", "edge"):
        assert contrast(colours[bar], colours["card"]) >= 3, bar
    assert contrast(colours["positive"], colours["edge"]) >= 1.5
    assert contrast(colours["positive"], colours["neutral"]) >= 1.5
    assert colours["negative"] == colours["card"]
    assert len(set(colours["dots"])) == 3


async def test_moods_are_told_apart_in_forced_colours(served: Served) -> None:
    """In the two or three colours that a reader has chosen, bars and dots are still three kinds."""
    fill(served)
    seen: list[dict[str, Any]] = []

    def visit(page: Page) -> None:
        page.emulate_media(forced_colors="active")
        page.goto(served.url + PATHS[1])
        seen.append(page.evaluate(COLOURS))

    assert await browse(visit) == []
    [colours] = seen
    assert len({colours[bar] for bar in ("positive", "neutral", "negative")}) == 3
    assert colours["edge"] != colours["card"]
    assert len(set(colours["dots"])) == 3


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(served: Served, scheme: str, size: dict[str, int]) -> None:
    """Names, roles, contrast of text, landmarks: on every kind of page."""
    fill(served)
    found: list[str] = []

    def visit(page: Page) -> None:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in PATHS:
            page.goto(served.url + path)
            violations = Axe().run(page).response["violations"]
            found.extend(f"{path} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in violations)

    await browse(visit)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark", "forced"])
async def test_small_bars_stand_out_from_the_card(served: Served, scheme: str) -> None:
    """They have one colour, which is far enough from the ground, whatever colours a reader has."""
    fill(served)
    seen: list[str] = []

    def visit(page: Page) -> None:
        media: dict[str, Any] = {"forced_colors": "active"} if scheme == "forced" else {"color_scheme": scheme}
        page.emulate_media(**media)
        page.goto(served.url + COMPARED)
        seen.append(page.evaluate("getComputedStyle(document.querySelector('.spark path')).fill"))
        seen.append(page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor"))

    assert await browse(visit) == []
    assert contrast(*seen) >= 3


async def test_what_bars_show_is_told_in_words(served: Served) -> None:
    """Each bar of sentiment has its numbers in its name."""
    fill(served)
    pages: list[str] = []

    def visit(page: Page) -> None:
        page.goto(served.url + PATHS[1])
        pages.append(page.content())

    await browse(visit)
    outline = Outline(pages[0])
    for word in ("Positive", "Neutral", "Negative", "+0.28"):
        assert word in outline.text
