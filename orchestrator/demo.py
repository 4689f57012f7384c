"""Plausible chunks of three demo brands, in both dialects, at a gentle rate.

Owns the content of the demo and the thread that pushes it, with RPUSH as workers do. One brand has the counts
dialect with centroids, one counts without, one shares, so that the demo shows all of the input contract. Nothing
here is random in a way that matters: the generator is seeded, the words are fixed.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.times import iso_utc
from orchestrator.errors import StoreError
from orchestrator.store import connect, translated

HISTORY_CHUNKS = 60  # pushed at once, spread over the past, so that the first page is not empty
HISTORY_HOURS = 20
DIMENSIONS = 48
_NOISE = 0.05
_POLL_S = 0.1
_REDIS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Theme:
    """What people say about a brand: a label and its variants, a topic, a mean sentiment (-1 to 1), example texts."""

    labels: tuple[str, ...]
    topic: str
    mood: float
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoBrand:
    """A brand of the demo and the dialect of its worker."""

    name: str
    shares: bool
    centroids: bool
    themes: tuple[Theme, ...]


BRANDS = (
    DemoBrand(
        "Aurora Coffee",
        shares=False,
        centroids=True,
        themes=(
            Theme(
                ("Winter blend launch", "Launch of the winter blend", "New winter roast"),
                "winter blend",
                0.7,
                ("The winter blend tastes like a cabin in the snow", "Finally a dark roast that is not bitter"),
            ),
            Theme(
                ("Queues at the counter", "Long waits in the morning", "Slow service"),
                "service",
                -0.5,
                ("Twenty minutes for a flat white, really?", "Order ahead was not ready again"),
            ),
            Theme(
                ("Oat milk surcharge", "Extra charge for oat milk"),
                "prices",
                -0.6,
                ("Why is oat milk still extra", "The surcharge is a tax on being kind to cows"),
            ),
            Theme(
                ("Loyalty app", "New rewards in the app"),
                "app",
                0.3,
                ("Got a free cup from the app today", "The new stamps screen is neat"),
            ),
        ),
    ),
    DemoBrand(
        "Nimbus Bikes",
        shares=True,
        centroids=False,
        themes=(
            Theme(
                ("battery range complaints", "complaints battery range", "Battery Range Complaints"),
                "battery",
                -0.6,
                ("Range halves below five degrees", "Needed a tow home, battery said 30 percent"),
            ),
            Theme(
                ("city commute praise", "praise city commute"),
                "commuting",
                0.6,
                ("Sold the second car, the bike does it all", "Best commute I ever had"),
            ),
            Theme(
                ("delivery delays", "Delivery delays"),
                "delivery",
                -0.4,
                ("Third time they move the date", "Still waiting for my order from August"),
            ),
        ),
    ),
    DemoBrand(
        "Kestrel Audio",
        shares=False,
        centroids=False,
        themes=(
            Theme(
                ("Noise cancelling praise", "Praise noise cancelling"),
                "noise cancelling",
                0.8,
                ("The train is simply gone", "Babies on planes are no match for these"),
            ),
            Theme(
                ("Firmware update breaks pairing", "Firmware update broke pairing"),
                "firmware",
                -0.8,
                ("Since the update they pair with my neighbour's TV", "Rolled back, works again"),
            ),
            Theme(
                ("Studio microphone review", "Review studio microphone"),
                "reviews",
                0.4,
                ("Warm, quiet, and under two hundred", "Compared it to the classic, kept this one"),
            ),
        ),
    ),
)


class ChunkMaker:
    """Makes chunks of the demo brands; the same seed makes the same chunks."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a demonstration
        self._number = 0
        self._centres = {
            theme.topic: [self._random.gauss(0, 1) for _ in range(DIMENSIONS)]
            for brand in BRANDS
            for theme in brand.themes
        }

    def make(self, brand: DemoBrand, at_ms: int) -> bytes:
        """One chunk of *brand*, processed at *at_ms*."""
        self._number += 1
        themes = self._random.sample(brand.themes, self._random.randint(1, 2))
        clusters = [self._cluster(brand, theme, position) for position, theme in enumerate(themes)]
        sizes = [self._size_of(cluster) for cluster in clusters]
        mood = sum(theme.mood * size for theme, size in zip(themes, sizes, strict=True)) / sum(sizes)
        chunk = {
            "chunkId": f"demo-{at_ms}-{self._number}",
            "brand": brand.name,
            "processedAt": iso_utc(at_ms),
            "sentiment": self._sentiment(brand, mood, sum(sizes)),
            "topics": [theme.topic for theme in themes],
            "clusters": clusters,
            "summary": f"People talk about {' and '.join(theme.labels[0].lower() for theme in themes)}.",
            "meta": {"mentionCount": sum(sizes)},
        }
        return json.dumps(chunk).encode()

    def _cluster(self, brand: DemoBrand, theme: Theme, position: int) -> dict[str, Any]:
        size = self._random.randint(2, 9)
        cluster: dict[str, Any] = {
            "label": self._random.choice(theme.labels),
            "sentimentScore": round(min(1.0, max(-1.0, self._random.gauss(theme.mood, 0.15))), 3),
        }
        if brand.shares:  # ids that count within the chunk, example texts, the true size apart
            return {**cluster, "id": str(position), "mentions": list(theme.texts), "mentionCount": size}
        cluster["id"] = theme.topic.replace(" ", "-")
        cluster["mentions"] = [f"m{self._number}-{position}-{mention}" for mention in range(size)]
        if brand.centroids:
            centre = self._centres[theme.topic]
            cluster["centroid"] = [round(value + self._random.gauss(0, _NOISE), 5) for value in centre]
        return cluster

    def _size_of(self, cluster: dict[str, Any]) -> int:
        return int(cluster.get("mentionCount", len(cluster["mentions"])))

    def _sentiment(self, brand: DemoBrand, mood: float, mentions: int) -> dict[str, float]:
        positive = round(mentions * (0.45 + 0.4 * mood))
        negative = round(mentions * (0.45 - 0.4 * mood))
        neutral = max(0, mentions - positive - negative)
        if not brand.shares:
            return {"positive": positive, "neutral": neutral, "negative": negative, "score": positive - negative}
        whole = positive + neutral + negative
        shares = {"positive": positive / whole, "neutral": neutral / whole, "negative": negative / whole}
        return {name: round(value, 4) for name, value in shares.items()} | {"score": round(mood, 4)}


class DemoWorker:
    """Pushes demo chunks from a thread of its own while the context is open.

    Args:
        url: the demo's Redis.
        registry_key: where its brands are registered.
        rate_per_s: chunks in a second, of all brands together.
        on_ready: called once, in the worker's thread, with a brand whose summary can be seen.
    """

    def __init__(self, url: str, registry_key: str, rate_per_s: float, on_ready: Callable[[str], None]) -> None:
        self._client = connect(url, timeout_s=_REDIS_TIMEOUT_S, pool_size=1)
        self._registry_key = registry_key
        self._interval_s = 1 / rate_per_s
        self._on_ready = on_ready
        self._maker = ChunkMaker()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="demo-worker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=_REDIS_TIMEOUT_S)
        self._client.close()

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def _work(self) -> None:
        try:
            with translated():
                self._client.sadd(self._registry_key, *(brand.name for brand in BRANDS))
                for brand, item in history(self._maker, _now_ms()):
                    self._client.rpush(BrandKeys.of(brand.name).queue, item)
                if self._await_summary():
                    self._on_ready(BRANDS[0].name)
                self._push_for_ever()
        except StoreError:
            # The demo's Redis went away with the service, whose log tells why; there is nobody left to push to.
            return

    def _await_summary(self) -> bool:
        while not self._client.exists(BrandKeys.of(BRANDS[0].name).summary):
            if self._stopping.wait(_POLL_S):
                return False
        return True

    def _push_for_ever(self) -> None:
        turn = 0
        while not self._stopping.wait(self._interval_s):
            brand = BRANDS[turn % len(BRANDS)]
            self._client.rpush(BrandKeys.of(brand.name).queue, self._maker.make(brand, _now_ms()))
            turn += 1


def history(maker: ChunkMaker, now_ms: int) -> Iterator[tuple[DemoBrand, bytes]]:
    """Chunks of all brands spread over the hours before *now_ms*, oldest first."""
    step_ms = HISTORY_HOURS * 3_600_000 // HISTORY_CHUNKS
    for number in range(HISTORY_CHUNKS, 0, -1):
        brand = BRANDS[number % len(BRANDS)]
        yield brand, maker.make(brand, now_ms - number * step_ms)


def _now_ms() -> int:
    return int(time.time() * 1_000)
