"""Chunks of three sizes, as workers push them: (a) small counts, (b) with centroids, (c) without.

(a) is the README's sample, about 280 B. (b) has 8 clusters with a 384-dimensional
centroid each, about 69 KB. (c) is (b) without centroids, about 4.4 KB, most of it
mention ids.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import numpy as np

from bench._vectors import DIMENSIONS, Matrix, noisy, unit

CLUSTERS = 8
MENTIONS = 44
WORDS = [
    head + tail for head in ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru") for tail in "bcdfglmnprst"
]
BRAND = "bench"


def small(count: int, brand: str = BRAND) -> Iterator[bytes]:
    """Payload (a): the README's sample with an id of its own."""
    for number in range(count):
        yield msgspec.json.encode(
            {
                "chunkId": f"{brand}-{number}",
                "brand": brand,
                "processedAt": "2025-01-01T00:00:00Z",
                "sentiment": {"positive": 5, "neutral": 2, "negative": 1, "score": 4},
                "topics": ["launch"],
                "clusters": [
                    {
                        "id": "launch-positive",
                        "label": "Launch Buzz",
                        "mentions": [f"m{2 * number}", f"m{2 * number + 1}"],
                        "spike": True,
                    }
                ],
                "meta": {"mentionCount": 3},
            }
        )


def large(
    count: int, brand: str = BRAND, *, stories: int = 1_000, centroids: bool = True, seed: int = 1
) -> Iterator[bytes]:
    """Payload (b), or (c) without *centroids*: each cluster belongs to one of *stories*."""
    rng = np.random.default_rng(seed)
    labels = story_labels(stories, seed)
    centres = unit(rng.normal(size=(stories, DIMENSIONS)))
    for number in range(count):
        members = rng.integers(stories, size=CLUSTERS)
        vectors = noisy(centres[members], 0.4, rng) if centroids else None
        yield msgspec.json.encode(_large_chunk(number, brand, [labels[member] for member in members], vectors))


def _large_chunk(number: int, brand: str, labels: list[str], vectors: Matrix | None) -> dict[str, object]:
    clusters = []
    for place, label in enumerate(labels):
        first = (number * CLUSTERS + place) * MENTIONS
        cluster: dict[str, object] = {
            "id": f"{number}-{place}",
            "label": label,
            "mentions": [f"m{first + offset:07d}" for offset in range(MENTIONS)],
            "sentimentScore": 0.25,
            "spike": False,
        }
        if vectors is not None:
            cluster["centroid"] = vectors[place].tolist()
        clusters.append(cluster)
    return {
        "chunkId": f"{brand}-{number}",
        "brand": brand,
        "processedAt": "2025-01-01T00:00:00Z",
        "sentiment": {"positive": 150, "neutral": 120, "negative": 82, "score": 68},
        "topics": ["support", "quality", "launch"],
        "summary": f"Chunk {number} talks about quality, reviews and support.",
        "spikeDetected": False,
        "clusters": clusters,
        "meta": {"mentionCount": CLUSTERS * MENTIONS},
    }


def story_labels(count: int, seed: int) -> list[str]:
    """*count* labels of four words, hardly any two of which share three."""
    rng = random.Random(seed)
    return [" ".join(rng.sample(WORDS, 4)).title() for _ in range(count)]
