"""Episodes whose cause is known: complaints about an airline, where one story makes the burst.

Every quarter of an hour brings a chunk with a few of twelve stories, whose shares differ and wander; after a good day
one of them, or one that nobody has heard of, is told so much more that an episode opens. Ours is asked what it is
about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.summary import SpikeEpisode
from orchestrator.contract.times import iso_utc

BRAND = "airline"
STORIES = (
    "Flight delayed for hours at the gate",
    "Lost baggage and no answer",
    "Rude crew on board",
    "Cancelled flight without rebooking",
    "Waiting on hold for customer service",
    "Broken seats and no legroom",
    "Refund still not paid",
    "Praise for a friendly pilot",
    "Website crashes during booking",
    "Upgrade with points refused",
    "Cold meals and stale snacks",
    "Security lines at the terminal",
    "Strike of the ground staff announced",
)
"""The last one is nobody's before it causes a burst."""

MENTIONS = 40.0
NOISE = 0.1
"""Of each coordinate of a cluster's centroid around that of its story."""

BURST_FACTOR = 4.0
QUIET_PANES = 110
BURST_PANES = 3
_START_MS = 1_795_435_200_000


@dataclass(frozen=True, slots=True)
class Case:
    """One burst.

    Attributes:
        cause: the label of the story that made it.
        episode: the episode that opened, None if none did.
    """

    cause: str
    episode: SpikeEpisode | None

    @property
    def named(self) -> str:
        """The label of the first driver; empty if there is none."""
        drivers = None if self.episode is None else self.episode.drivers
        return drivers.stories[0].label if drivers and drivers.stories else ""


def draw(seed: int, *, by_labels: bool = False) -> Case:
    """The burst of *seed*: fold quiet days, then the burst until an episode opens.

    *By_labels* workers send no centroids. Two pairs of labels share a word and are one story each.
    """
    rng = np.random.default_rng(seed)
    cause = int(rng.integers(len(STORIES)))
    shares = rng.dirichlet(np.full(len(STORIES) - 1, 1.5))
    state = BrandState.empty(FoldConfig())
    found: SpikeEpisode | None = None
    for pane in range(QUIET_PANES + BURST_PANES):
        usual = rng.dirichlet(shares * 60 + 0.05) * MENTIONS  # what is told wanders by itself, too
        sizes = np.append(rng.poisson(usual), 0)
        if pane >= QUIET_PANES:
            sizes[cause] += rng.poisson(BURST_FACTOR * MENTIONS)
        now_ms = _START_MS + pane * PANE_MS
        state.fold(
            decode_batch(
                [_chunk(pane, sizes.tolist(), now_ms, None if by_labels else rng)], BRAND, hashing=state.hashing
            ),
            now_ms,
        )
        for change in state.take_changes().alerts if pane >= QUIET_PANES else ():
            found = found or (change.episode if change.kind == "opened" else None)
    return Case(STORIES[cause], found)


def _chunk(number: int, sizes: list[int], at_ms: int, rng: np.random.Generator | None) -> bytes:
    clusters: list[Any] = []
    for story, size in enumerate(sizes):
        if size:
            said = [f"{number}-{story}-{mention}" for mention in range(size)]
            clusters.append({"id": str(story), "label": STORIES[story], "mentions": said})
            if rng is not None:
                near = np.eye(len(STORIES))[story] + rng.normal(0, NOISE, len(STORIES))
                clusters[-1]["centroid"] = near.tolist()
    document = {
        "chunkId": f"a{number}",
        "brand": BRAND,
        "processedAt": iso_utc(at_ms),
        "sentiment": {"positive": 1, "neutral": 1, "negative": sum(sizes), "score": -1},
        "topics": [STORIES[int(np.argmax(sizes))].split()[0]],
        "clusters": clusters,
    }
    return json.dumps(document).encode()
