"""Episodes of mood and of stories where nothing happens, and where something does: on drawn counts and on a folder's.

Counts have neither sentiment nor stories. So negative mentions are drawn chunk by chunk around a stated share that
wanders, and mentions are shared out chunk by chunk to stories whose parts differ and wander. Ours is what the service
runs, from the pane's numbers to the episode that opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench._traffic import PANES_PER_DAY, Counts, Traffic
from orchestrator.brand.moods import Moods
from orchestrator.brand.story_episodes import Pane, StoryEpisodes
from orchestrator.contract.summary import Drivers

SHARES = (0.1, 0.25, 0.5)
JUMP, JUMP_PANES = 2.5, 6
"""A jump: so many times the share, up to nine in ten, at the usual volume, for so many panes."""

WANDER, WANDER_PANES = 0.25, 16
"""The odds of the share wander by so much (standard deviation of their logarithm), and forget it in so many panes."""

CLUMP = 0.1
"""How alike the mentions of a chunk are: the variance of its share, as a part of what is possible."""

STORIES = 13
STORY_GROWTH = 3.0
"""A story that grows has so many times the usual mentions of the whole brand, beside them, for as many panes."""

QUIET_DAYS, EVENT_DAY, MONTH_DAYS = 21, 8, 30
CHUNK = 25
"""Mentions of a chunk, for counts of a folder."""

Draws = NDArray[np.float64]


def wandering(panes: int, size: float, rng: np.random.Generator) -> Draws:
    """An offset of the log-odds for each pane: a first-order process of that standard deviation."""
    keep = np.exp(-1 / WANDER_PANES)
    steps = rng.normal(0, size * np.sqrt(1 - keep * keep), panes)
    found = np.zeros(panes)
    for pane in range(1, panes):
        found[pane] = keep * found[pane - 1] + steps[pane]
    return found


def negatives(counts: Counts, share: float, rng: np.random.Generator, chunk: int, jump: slice | None = None) -> Counts:
    """How many of *counts* are negative, drawn chunk by chunk; in *jump* the share is *JUMP* times as large."""
    odds = np.log(share / (1 - share)) + wandering(len(counts), WANDER, rng)
    shares = 1 / (1 + np.exp(-odds))
    if jump is not None:
        shares[jump] = np.minimum(0.9, JUMP * shares[jump])
    found = np.zeros(len(counts), dtype=np.int64)
    size = (1 - CLUMP) / CLUMP
    for pane, count in enumerate(counts.tolist()):
        sizes = [chunk] * (count // chunk) + [count % chunk] * bool(count % chunk)
        if sizes:
            its = rng.beta(shares[pane] * size, (1 - shares[pane]) * size, len(sizes)) if chunk > 1 else shares[pane]
            found[pane] = rng.binomial(sizes, its).sum()
    return found


def mood_openings(counts: Counts, negative: Counts) -> list[int]:
    """Ours: the panes at which an episode of mood opens."""
    moods, since, found = Moods(), "", list[int]()
    for pane in range(len(counts)):
        moods.begin(pane)
        moods.advance(pane + 2, lambda at: (int(negative[at]), int(counts[at])), lambda _: Drivers())
        episode = moods.open_episode()
        if episode is not None and episode.timestamp != since:
            found.append(pane)
            since = episode.timestamp
    return found


@dataclass(slots=True)
class Told:
    """What the rule of stories' episodes asks of a story."""

    key: int
    had: dict[int, int] = field(default_factory=dict)
    id: str = ""
    label: str = ""

    def panes(self) -> list[tuple[int, int, int, int, int]]:
        """As :meth:`orchestrator.kernels.fold.Story.panes`, of the last hour."""
        return [(pane, 1, count, 0, 0) for pane, count in list(self.had.items())[-4:]]


def shared_out(counts: Counts, rng: np.random.Generator, chunk: int) -> NDArray[np.int64]:
    """Mentions of each story in each pane, drawn chunk by chunk."""
    parts = rng.dirichlet(np.full(STORIES, 2.0))
    found = np.zeros((len(counts), STORIES), dtype=np.int64)
    offsets = np.stack([wandering(len(counts), 0.5, rng) for _ in range(STORIES)], axis=1)
    weights = parts * np.exp(offsets)
    shares = weights / weights.sum(1, keepdims=True)
    for pane, count in enumerate(counts.tolist()):
        for size in [chunk] * (count // chunk) + [count % chunk] * bool(count % chunk):
            its = rng.dirichlet(shares[pane] * 12 + 1e-6) if chunk > 1 else shares[pane]
            found[pane] += rng.multinomial(size, its)
    return found


def story_openings(counts: Counts, stories: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Ours: the panes at which an episode of a story opens, and which story that is."""
    watched, told = StoryEpisodes(), [Told(key, id=str(key)) for key in range(stories.shape[1])]
    found: list[tuple[int, int]] = []
    seen: set[str] = set()
    for pane in range(len(counts)):
        for story in told:
            if stories[pane, story.key]:
                story.had[pane] = int(stories[pane, story.key])
                story.had.pop(pane - 8, None)
        largest = sorted((one for one in told if stories[pane, one.key]), key=lambda one: -stories[pane, one.key])

        def count(at: int, most: int, largest: Sequence[Told] = largest) -> Pane:
            return Pane(int(counts[at]), list(largest[:most]))  # type: ignore[arg-type]

        watched.begin(pane)
        watched.advance(pane + 2, count, dict(enumerate(told)).get, lambda *_: Drivers())  # type: ignore[arg-type]
        for episode in watched.open_episodes():
            if str(episode.story_id) not in seen:
                seen.add(str(episode.story_id))
                found.append((pane, int(str(episode.story_id))))
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on drawn counts.

    Attributes:
        false: episodes a brand-month where nothing happened.
        recall: part of the events that were found within half an hour of their end.
    """

    false: float
    recall: float


def of_mood(traffic: Traffic, share: float, brands: int) -> Found:
    """Quiet days, and a jump of the negative share at the usual volume."""
    rng, false, hits = np.random.default_rng(5), 0, 0
    for _ in range(brands):
        counts = traffic.draw(traffic.rates(QUIET_DAYS, rng), rng)
        false += len(mood_openings(counts, negatives(counts, share, rng, traffic.chunk)))
        counts, event = _with_event(traffic, rng)
        opened = mood_openings(counts, negatives(counts, share, rng, traffic.chunk, event))
        hits += _hit(opened, event)
    return Found(false / _months(brands), hits / brands)


def of_stories(traffic: Traffic, brands: int) -> Found:
    """Quiet days, and a story that brings mentions of its own."""
    rng, false, hits = np.random.default_rng(6), 0, 0
    for _ in range(brands):
        counts = traffic.draw(traffic.rates(QUIET_DAYS, rng), rng)
        false += len(story_openings(counts, shared_out(counts, rng, traffic.chunk)))
        counts, event = _with_event(traffic, rng)
        stories = shared_out(counts, rng, traffic.chunk)
        more = traffic.draw(np.full(JUMP_PANES, traffic.mean * STORY_GROWTH), rng)
        stories[event, int(rng.integers(STORIES))] += more
        counts[event] += more
        hits += _hit([pane for pane, _ in story_openings(counts, stories)], event)
    return Found(false / _months(brands), hits / brands)


def _with_event(traffic: Traffic, rng: np.random.Generator) -> tuple[Counts, slice]:
    start = EVENT_DAY * PANES_PER_DAY + int(rng.integers(PANES_PER_DAY - JUMP_PANES))
    return traffic.draw(traffic.rates(EVENT_DAY + 1, rng), rng), slice(start, start + JUMP_PANES)


def _hit(opened: Sequence[int], event: slice) -> bool:
    return any(event.start <= pane < event.stop + 2 for pane in opened)


def _months(brands: int) -> float:
    return brands * (QUIET_DAYS - 1) / MONTH_DAYS


def of_counts(counts: Counts, share: float) -> tuple[int, int]:
    """Episodes of mood and of stories on *counts* of panes, whose sentiment and stories are drawn."""
    rng = np.random.default_rng(7)
    mood = mood_openings(counts, negatives(counts, share, rng, CHUNK))
    return len(mood), len(story_openings(counts, shared_out(counts, rng, CHUNK)))
