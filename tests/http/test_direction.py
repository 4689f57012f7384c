"""Whatever people write, the lines of the pages are read in the direction in which we wrote them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from orchestrator.http.direction import isolated, undirected

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService

FOREIGN = "\N{RIGHT-TO-LEFT OVERRIDE}foreign"
ORDERS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
VOID = {"meta", "link", "input", "br", "rect"}


class ForeignText(HTMLParser):
    """Where foreign text stands: what of it stands outside of <bdi>, and what of it turns a line of ours."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen = 0
        self.loose: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An attribute that is shown must have a direction of its own."""
        if tag not in VOID:
            self.open.append(tag)
        shown = [value for name, value in attrs if name in {"title", "alt", "aria-label", "placeholder", "value"}]
        if ("dir", "auto") not in attrs:
            self.loose += [value for value in shown if value and "foreign" in value]

    def handle_endtag(self, tag: str) -> None:
        """Leave it and what was left open in it."""
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """A text of a page."""
        if "foreign" not in data:
            return
        self.seen += 1
        alone = data.strip().startswith(FOREIGN)
        marked = "bdi" in self.open or data.startswith("\N{FIRST STRONG ISOLATE}")
        if not marked or (any(order in data for order in ORDERS[:-2]) and not alone):
            self.loose.append(data)


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("/", 5),  # two brands in the list with a topic each, and one that waits
        (f"/?q={quote(FOREIGN)}-nobody", 1),
        ("/brands/brand", 6),  # title, heading, topic, line, story, chunk
        ("/brands/waits", 2),
        ("/brands/nobody", 0),
    ],
)
async def test_foreign_text_is_isolated_in_every_template(
    client: TestClientProtocol, service: MemoryService, path: str, texts: int
) -> None:
    """Wherever a brand, topic, label, line or query stands, it cannot turn what stands around it."""
    story = {"id": "a", "label": FOREIGN, "mentions": 5, "members": 1}
    for name in (FOREIGN, f"{FOREIGN}2"):
        service.add(
            name,
            topics=[{"topic": FOREIGN, "mentions": 1, "change": 0}],
            dominantTopics=[FOREIGN],
            clusters=[story],
            summary=f"Notable mentions: {FOREIGN} (620)",
            chunkSummaries=[f"About {FOREIGN} and more."],
        )
    service.registered.append(f"{FOREIGN}-waits")
    path = path.replace("/brands/brand", f"/brands/{FOREIGN}").replace("/brands/waits", f"/brands/{FOREIGN}-waits")
    found = ForeignText(await (await client.get(path)).get_data(as_text=True))
    assert found.loose == []
    assert found.seen == texts


def test_undirected_takes_out_what_orders_a_direction_and_nothing_else() -> None:
    """Letters of all scripts stay, joiners and emoji too."""
    kept = "a \u05d0\u05d1 \u0645\u200c\u0646 \U0001f469\u200d\U0001f4bb 5"
    assert undirected(ORDERS.join(kept)) == kept


def test_isolated_cannot_be_left_from_inside() -> None:
    """A text that closes the isolate closes nothing."""
    assert isolated("a\u2069b") == "\u2068ab\u2069"
