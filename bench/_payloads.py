"""Chunks as workers push them: (a) small counts, (b) with centroids, (c) without, (d) with texts.

(a) is the README's sample, about 280 B. (b) has 8 clusters with a 384-dimensional
centroid each, about 69 KB. (c) is (b) without centroids, about 4.9 KB, most of it
mention ids. (f32) is (b) with packed centroids, about 21 KB. (d) is what a worker without
embeddings sends, about 3.7 KB: shares, counts of mentions, and three texts of each cluster
as examples.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench._vectors import DIMENSIONS, noisy, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLUSTERS = 8
MENTIONS = 44
EXAMPLES = 3
COMMON = ["the", "a", "is", "was", "and", "of", "my", "they", "at", "with", "so", "that"]
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


def founding(stories: int) -> int:
    """How many chunks of :func:`large` it takes until each of *stories* has come."""
    return -(-stories // CLUSTERS)


def large(
    count: int, brand: str = BRAND, *, stories: int = 1_000, centroids: bool = True, packed: bool = False, seed: int = 1
) -> Iterator[bytes]:
    """Payload (b), or (f32) if centroids are *packed*, or (c) without *centroids*.

    Each of *stories* comes once in turn, then they come at random.
    """
    rng = np.random.default_rng(seed)
    labels = [label.encode() for label in story_labels(stories, seed)]
    centres = unit(rng.normal(size=(stories, DIMENSIONS)))
    template = _large_template(brand, centroids=centroids, packed=packed)
    for number in range(count):
        if number < founding(stories):
            members = np.arange(number * CLUSTERS, (number + 1) * CLUSTERS) % stories
        else:
            members = rng.integers(stories, size=CLUSTERS)
        vectors = noisy(centres[members], 0.4, rng) if centroids else ()
        values: list[object] = [number, number]
        for place, member in enumerate(members.tolist()):
            first = (number * CLUSTERS + place) * MENTIONS
            values += [number, place, labels[member], *range(first, first + MENTIONS)]
            values += [_written(vectors[place], packed=packed)] if centroids else ()
        yield template % tuple(values)


def _written(vector: NDArray[Any], *, packed: bool) -> bytes:
    return b64encode(vector.astype("<f4").tobytes()) if packed else msgspec.json.encode(vector.tolist())


def texts(count: int, brand: str = BRAND, *, stories: int = 1_000, seed: int = 1) -> Iterator[bytes]:
    """Payload (d): each of *stories* comes once in turn, then they come at random; no text comes twice."""
    rng = random.Random(seed)
    labels, others = story_labels(2 * stories, seed)[:stories], story_labels(2 * stories, seed)[stories:]
    for number in range(count):
        if number < founding(stories):
            members = [(number * CLUSTERS + place) % stories for place in range(CLUSTERS)]
        else:
            members = rng.choices(range(stories), k=CLUSTERS)
        clusters = [
            {
                "id": str(place),
                "label": labels[member],
                "mentions": [_text(labels[member], others[member], rng) for _ in range(EXAMPLES)],
                "mentionCount": MENTIONS,
                "sentimentScore": -0.25,
                "spike": False,
            }
            for place, member in enumerate(members)
        ]
        yield msgspec.json.encode(
            {
                "chunkId": f"{brand}-{number}",
                "brand": brand,
                "processedAt": "2025-01-01T00:00:00Z",
                "sentiment": {"positive": 0.25, "neutral": 0.5, "negative": 0.25, "score": -0.125},
                "topics": [labels[member] for member in members[:3]],
                "summary": f"Chunk {number}: " + ". ".join(labels[member] for member in members[:3]),
                "spikeDetected": False,
                "clusters": clusters,
                "meta": {"mentionCount": CLUSTERS * MENTIONS},
            }
        )


def _text(label: str, others: str, rng: random.Random) -> str:
    """What somebody writes of a story: its words and some that all use, in any order."""
    words = [*label.lower().split(), *others.lower().split(), *rng.choices(COMMON, k=6)]
    rng.shuffle(words)
    return f"{' '.join(words)} {rng.randrange(10**9)}"


def _large_template(brand: str, *, centroids: bool, packed: bool) -> bytes:
    """A chunk with a placeholder for whatever differs: filling that in takes less than half of what encoding does."""
    centroid = {"centroidF32": msgspec.Raw(b'"%b"')} if packed else {"centroid": msgspec.Raw(b"%b")}
    cluster = {
        "id": "%d-%d",
        "label": "%b",
        "mentions": ["m%07d"] * MENTIONS,
        "sentimentScore": 0.25,
        "spike": False,
        **(centroid if centroids else {}),
    }
    name = brand.replace("%", "%%")
    return msgspec.json.encode(
        {
            "chunkId": f"{name}-%d",
            "brand": name,
            "processedAt": "2025-01-01T00:00:00Z",
            "sentiment": {"positive": 150, "neutral": 120, "negative": 82, "score": 68},
            "topics": ["support", "quality", "launch"],
            "summary": "Chunk %d talks about quality, reviews and support.",
            "spikeDetected": False,
            "clusters": [cluster] * CLUSTERS,
            "meta": {"mentionCount": CLUSTERS * MENTIONS},
        }
    )


def story_labels(count: int, seed: int) -> list[str]:
    """*count* labels of four words that no other label has: so many stories by any rule that goes by words."""
    rng = random.Random(seed)
    pairs = len(WORDS) ** 2
    numbers = rng.sample(range(pairs if 4 * count <= pairs else pairs**2), 4 * count)
    words = [_word(number) for number in numbers]
    return [" ".join(words[first : first + 4]).title() for first in range(0, 4 * count, 4)]


def _word(number: int) -> str:
    """Another word for every number."""
    rest, last = divmod(number, len(WORDS))
    return (_word(rest) if rest >= len(WORDS) else WORDS[rest]) + WORDS[last]
