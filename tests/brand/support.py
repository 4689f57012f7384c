"""Chunks, batches and a stand-in for the Redis keys that a commit writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.brand.outputs import Changes, FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment
from orchestrator.contract.decode import Centroids, ChunkBatch, decode_batch
from orchestrator.contract.times import iso_utc

DATA = Path(__file__).parents[1] / "data"
NOW_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z, the start of a pane and of an hour
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass
class Keys:
    """What Redis holds of one brand after some commits."""

    state: dict[bytes, bytes] = field(default_factory=dict)
    trend: dict[bytes, bytes] = field(default_factory=dict)
    spikes: list[bytes] = field(default_factory=list)
    recent: list[bytes] = field(default_factory=list)

    def commit(self, changes: Changes) -> None:
        """Apply *changes* as the commit script does."""
        assert not set(changes.put) & set(changes.remove)
        self.state.update(changes.put)
        for name in changes.remove:
            self.state.pop(name, None)  # may never have been stored
        self.trend.update(changes.trend_put)
        for name in changes.trend_remove:
            self.trend.pop(name, None)
        if changes.spikes is not None:
            self.spikes = list(changes.spikes)
        self.recent = [*self.recent, *changes.recent][-50:]

    def differences(self, other: Keys) -> list[object]:
        """What is not the same in *other*; easier to read than two whole brands.

        The story fields are left out: they may still hold panes that have left the window, until
        the story changes again. Whether they say the same is seen by loading them.
        """
        hashes = ((_without_stories(self.state), _without_stories(other.state)), (self.trend, other.trend))
        found: list[object] = [
            (name, mine.get(name), its.get(name))
            for mine, its in hashes
            for name in sorted({*mine, *its})
            if mine.get(name) != its.get(name)
        ]
        return found + [
            pair for pair in ((self.spikes, other.spikes), (self.recent, other.recent)) if pair[0] != pair[1]
        ]


def _without_stories(fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: value for name, value in fields.items() if not name.startswith(b"s:")}


def chunk(number: int = 0, **fields: Any) -> Chunk:
    """A chunk with one cluster, except for what *fields* says; ``mentions`` sets ``meta.mentionCount``."""
    mentions = fields.pop("mentions", None)
    fields.setdefault("sentiment", Sentiment(0.0, 1.0, 1.0, 0.0))
    fields.setdefault("clusters", [Cluster("story-a", "story a", [f"m{number}"])])
    if mentions is not None:
        fields["meta"] = Meta(mentions)
    return Chunk(fields.pop("chunk_id", f"c{number}"), fields.pop("brand", "nike"), **fields)


def chunk_at(at_ms: int, **fields: Any) -> Chunk:
    """A chunk processed at that time."""
    return chunk(processed_at=iso_utc(at_ms), **fields)


def batch_of(chunks: Sequence[Chunk], rows: Sequence[Sequence[float]] = ()) -> ChunkBatch:
    """A batch of *chunks* whose centroids are *rows*."""
    return ChunkBatch(list(chunks), list(range(len(chunks))), Centroids.of(rows))


def folded(*chunks: Chunk, now_ms: int = NOW_MS, config: FoldConfig | None = None) -> BrandState:
    """A new state with *chunks* folded at once."""
    state = BrandState.empty(config or FoldConfig())
    state.fold(batch_of(chunks), now_ms)
    return state


def summary_of(state: BrandState, now_ms: int = NOW_MS) -> Any:
    """The decoded summary."""
    return json.loads(state.summary("nike", now_ms, 1, 1))


def sample(name: str, brand: str) -> ChunkBatch:
    """The chunks of *brand* in a sample file."""
    lines = (DATA / name).read_bytes().splitlines()
    batch = decode_batch([line for line in lines if json.loads(line)["brand"] == brand], brand)
    assert batch.chunks
    assert not batch.rejected
    return batch
