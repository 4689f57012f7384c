"""Makes the pictures of the documents: ``python -m tests.screenshots [FOLDER]``, by default ``docs/images``.

The demo's brands at a fixed time, folded by the service's own rules, on pages that are served and looked at in
Chromium. Nothing of it depends on the day on which it is run, so a picture changes only with the pages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Final, Self
from unittest.mock import patch

import trio
from playwright.sync_api import Page, sync_playwright

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.demo import BRANDS, BREAKING, ChunkMaker, DemoBrand, history
from orchestrator.demo.course import HOUR_MS, Course, breaking
from orchestrator.http import Access, AccessOptions, build_app, serve
from orchestrator.kernels.hash_keys import KEY_BYTES
from orchestrator.process.metrics import Metrics
from tests.http.conftest import MemoryService
from tests.http.test_browser import ARGUMENTS

FOLDER: Final = Path(__file__).parent.parent / "docs" / "images"
NOW_MS: Final = 1_795_707_000_000  # Thursday, 26 November 2026, 15:30 UTC
STORY_AGE_S: Final = 100
"""For how long the story has been broken."""

SPAN_S: Final = 5
SHOTS: Final = {
    "overview-light": ("/", "light", 1280, 820),
    "overview-dark": ("/", "dark", 1280, 820),
    "brand-light": ("/brands/Nimbus%20Bikes?period=48h", "light", 1280, 1230),
    "brand-dark": ("/brands/Halcyon%20Air?period=8d", "dark", 1280, 900),
    "brand-phone": ("/brands/Nimbus%20Bikes?period=24h", "light", 390, 1300),
}
"""By the picture's name: address, colour scheme, width, height."""


class FixedTime(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The time of the pictures."""
        return cls.fromtimestamp(NOW_MS / 1000, tz or UTC)


def told(maker: ChunkMaker, brand: DemoBrand) -> list[bytes]:
    """What was said since the story broke; of other brands nothing."""
    theme = breaking(brand)
    if theme is None:
        return []
    course, items = Course(brand, NOW_MS, NOW_MS - 1000 * STORY_AGE_S), []
    for at_ms in range(NOW_MS - 1000 * STORY_AGE_S, NOW_MS, 1000 * SPAN_S):
        amounts = course.amounts(at_ms, SPAN_S * 1000 / HOUR_MS)
        amounts[theme] += course.broken(at_ms, SPAN_S)
        items.append(maker.make(brand, at_ms, amounts))
    return [item for item in items if item]


def fill(service: MemoryService) -> None:
    """Fold the demo's past and present into what the pages read."""
    maker = ChunkMaker()
    for brand in BRANDS:
        state = BrandState(FoldConfig(), hash_key=bytes(KEY_BYTES))
        past = [*history(maker, brand, NOW_MS), (NOW_MS, told(maker, brand))]
        for at_ms, items in past:
            if items:
                state.fold(decode_batch(items, brand.name, hashing=state.hashing), at_ms)
        summary = state.summary(brand.name, NOW_MS, 1, 1)
        changes = state.take_changes()
        service.add(brand.name)
        service.stored[brand.name] = summary
        service.trends[brand.name] = dict(changes.trend_put)
        service.episodes[brand.name] = list(changes.spikes or ())
        service.recents[brand.name] = list(changes.recent)


@contextmanager
def standing_clock() -> Iterator[None]:
    """Let the pages believe that it is the time of the pictures."""
    with (
        patch("orchestrator.http.brand_page.datetime", FixedTime),
        patch("orchestrator.http.overview.datetime", FixedTime),
    ):
        yield


def shoot(folder: Path, url: str, binary: str) -> None:
    """Take all pictures of the pages at *url*."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        for name, (path, scheme, width, height) in SHOTS.items():
            page: Page = browser.new_page(viewport={"width": width, "height": height}, timezone_id="UTC")
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(url + path)
            page.evaluate("document.fonts.ready")
            page.screenshot(path=folder / f"{name}.png")
        browser.close()


async def main(folder: Path, binary: str = "/usr/bin/chromium") -> None:
    """Serve the demo's data, take the pictures, and end."""
    service, stop = MemoryService(), trio.Event()
    fill(service)
    assert BREAKING[0].name in service.registered
    app = build_app(service, Metrics(merge_implementation="python"), stop=stop, access=Access(AccessOptions()))
    with standing_clock():
        async with trio.open_nursery() as nursery:
            port = await nursery.start(partial(serve, app, "127.0.0.1", 0, shutdown=stop))
            await trio.to_thread.run_sync(shoot, folder, f"http://127.0.0.1:{port}", binary)
            stop.set()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
