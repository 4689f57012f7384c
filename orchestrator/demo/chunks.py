"""Chunks of the demo's brands, as workers would send them: both dialects, sizes as told, words from the themes."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, Final

from orchestrator.contract.times import iso_utc
from orchestrator.demo.brands import BRANDS, DemoBrand, Theme

DIMENSIONS: Final = 48
MAX_CLUSTERS: Final = 3
_NOISE: Final = 0.05
_UNNAMED: Final = 0.1
"""The share of mentions that no cluster has: small talk."""


class ChunkMaker:
    """Makes chunks of the demo's brands; the same seed and the same calls make the same chunks."""

    def __init__(self, seed: int = 7) -> None:
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - a demonstration
        self._number = 0
        self._centres = {
            (brand.name, theme.topic): [self._random.gauss(0, 1) for _ in range(DIMENSIONS)]
            for brand in BRANDS
            for theme in brand.themes
        }

    def make(self, brand: DemoBrand, at_ms: int, amounts: Mapping[Theme, float]) -> bytes:
        """A chunk of *brand*, processed at *at_ms*, with about as many mentions of each theme; empty if of none.

        What is too many themes for one chunk counts for those that it has.
        """
        whole = self._rounded(sum(amounts.values()))
        sizes = self._sizes(amounts, whole)
        if not sizes:
            return b""
        self._number += 1
        themes = list(sizes)
        mood = sum(theme.mood * size for theme, size in sizes.items()) / sum(sizes.values())
        chunk = {
            "chunkId": f"demo-{at_ms}-{self._number}",
            "brand": brand.name,
            "processedAt": iso_utc(at_ms),
            "sentiment": self._sentiment(brand, mood, whole),
            "topics": [theme.topic for theme in themes],
            "clusters": [self._cluster(brand, theme, size, place) for place, (theme, size) in enumerate(sizes.items())],
            "summary": " ".join(theme.told for theme in themes[:2]),
            "meta": {"mentionCount": whole},
        }
        return json.dumps(chunk).encode()

    def _rounded(self, amount: float) -> int:
        """A whole number, in the mean the same."""
        return int(amount) + (self._random.random() < amount % 1)

    def _sizes(self, amounts: Mapping[Theme, float], whole: int) -> dict[Theme, int]:
        """The themes of a chunk of so many mentions, heaviest first, each with some; a few mentions have none."""
        chances = {theme: amount * self._random.uniform(0.4, 1.6) for theme, amount in amounts.items() if amount > 0}
        chosen = sorted(chances, key=chances.__getitem__, reverse=True)[:MAX_CLUSTERS]
        total = sum(amounts[theme] for theme in chosen)
        named = whole - round(whole * _UNNAMED)
        sizes, given, sought = {}, 0, 0.0
        for theme in chosen:  # what rounding takes from one the next one gets, so that few are not none
            sought += named * amounts[theme] / total
            sizes[theme] = round(sought) - given
            given += sizes[theme]
        return {theme: size for theme, size in sizes.items() if size > 0}

    def _cluster(self, brand: DemoBrand, theme: Theme, size: int, place: int) -> dict[str, Any]:
        said = self._random.sample(theme.texts, min(size, 3, len(theme.texts)))
        cluster: dict[str, Any] = {
            "id": str(place) if brand.shares else theme.topic.replace(" ", "-"),
            "label": self._random.choice(theme.labels),
            "sentimentScore": round(min(1.0, max(-1.0, self._random.gauss(theme.mood, 0.1))), 3),
            "mentions": said,  # examples; how many there were stands beside them
            "mentionCount": size,
        }
        if brand.centroids:
            centre = self._centres[brand.name, theme.topic]
            cluster["centroid"] = [round(value + self._random.gauss(0, _NOISE), 5) for value in centre]
        return cluster

    def _sentiment(self, brand: DemoBrand, mood: float, mentions: int) -> dict[str, float]:
        mood = min(1.0, max(-1.0, self._random.gauss(mood, 0.03)))
        positive, negative = round(mentions * (0.35 + 0.35 * mood)), round(mentions * (0.35 - 0.35 * mood))
        positive = min(positive, mentions - negative)
        neutral = mentions - positive - negative
        if not brand.shares:
            return {"positive": positive, "neutral": neutral, "negative": negative, "score": positive - negative}
        shares = {"positive": positive / mentions, "neutral": neutral / mentions, "negative": negative / mentions}
        return {name: round(value, 4) for name, value in shares.items()} | {"score": round(mood, 4)}
