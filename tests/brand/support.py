"""Chunks, batches and a stand-in for the Redis keys that a commit writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from orchestrator.brand import mentions, story_store
from orchestrator.brand.outputs import Changes, FoldConfig
from orchestrator.brand.panes import first_pane
from orchestrator.brand.seals import seal_all, unseal_all
from orchestrator.brand.state import GENERAL_FIELD, BrandState
from orchestrator.brand.stories import StoryBook
from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment
from orchestrator.contract.decode import ChunkBatch, decode_batch
from orchestrator.contract.times import iso_utc
from orchestrator.kernels.fold import Story, pack_stories
from orchestrator.kernels.hash_keys import Hashing
from orchestrator.kernels.rows import Centroids, MentionRows

DATA = Path(__file__).parents[1] / "data"
CASES = DATA / "cases"
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
    moods: list[bytes] = field(default_factory=list)
    stories: list[bytes] = field(default_factory=list)
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
        self.moods = self.moods if changes.moods is None else list(changes.moods)
        self.stories = self.stories if changes.stories is None else list(changes.stories)
        self.recent = [*self.recent, *changes.recent][-50:]

    def differences(self, other: Keys, config: FoldConfig) -> list[object]:
        """What is not the same in *other*; easier to read than two whole brands. States are compared by meaning."""
        pairs = ((meaning(self.state, config), meaning(other.state, config)), (self.trend, other.trend))
        found: list[object] = [
            (name, mine.get(name), its.get(name))
            for mine, its in pairs
            for name in sorted({*mine, *its})
            if mine.get(name) != its.get(name)
        ]
        lists = ("spikes", "moods", "stories", "recent")
        return found + [
            (getattr(self, name), getattr(other, name)) for name in lists if getattr(self, name) != getattr(other, name)
        ]


def opened(fields: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What the state's *fields* hold, without their seals."""
    return unseal_all(fields, bare=b"")


def edit(fields: dict[bytes, bytes], name: bytes, value: object) -> None:
    """Let a field hold another *value*, sealed as if it had been committed."""
    changed = {name: msgspec.msgpack.encode(value)}
    seal_all(changed)
    fields.update(changed)


def meaning(fields: Mapping[bytes, bytes], config: FoldConfig) -> dict[bytes, object]:
    """What the state's *fields* say, whatever their commits cut them into.

    Segments are replaced by what a new state makes of them: one entry a story, as it would be written now, with its
    remembered ids in their order. All other fields depend on the chunks alone and stay as they are.
    """
    fields = opened(fields)
    told: dict[bytes, object] = {name: value for name, value in fields.items() if not is_segment(name)}
    book = StoryBook.load(config.similarity_threshold, config.max_stories, fields)
    if GENERAL_FIELD in fields:
        clock_ms = msgspec.msgpack.decode(fields[GENERAL_FIELD])[1]
        # a story that lost a pane is not written again for it: the pane leaves when the state is loaded
        book.advance(first_pane(clock_ms, config.window_ms))
    return told | meaning_of_stories(book)


def meaning_of_stories(book: StoryBook) -> dict[bytes, tuple[tuple[object, ...], bytes]]:
    """What a book holds, as :func:`meaning` tells it: each story's fields, and its remembered ids."""
    return {
        b"story %d" % key: (_stored_fields(story, book), story.ids.dump(0, story.ids.total))
        for key, story in book.records.items()
    }


def _stored_fields(story: Story, book: StoryBook) -> tuple[object, ...]:
    """A story's fields as storage would hold them."""
    segment: Any = msgspec.msgpack.decode(pack_stories([story], book.index, [])[0])
    return tuple(segment[0][0])


def is_segment(name: bytes) -> bool:
    """Whether that field holds what a commit changed of stories or mention ids."""
    return name.startswith((story_store.PREFIX, mentions.PREFIX))


class Listed(int):
    """What a cluster lists, standing where its row number will be; no row has that number.

    Decoding turns texts into rows (:class:`MentionRows`), and a cluster has but the number. Tests write the texts down
    where they are read; :func:`batch_of` does the rest.
    """

    texts: tuple[str, ...]


def listed(*texts: str) -> Listed:
    """The ``mentions`` of a cluster that lists *texts*."""
    row = Listed(-1)
    row.texts = texts
    return row


def chunk(number: int = 0, **fields: Any) -> Chunk:
    """A chunk with one cluster, except for what *fields* says; ``mentions`` sets ``meta.mentionCount``."""
    size = fields.pop("mentions", None)
    fields.setdefault("sentiment", Sentiment(0.0, 1.0, 1.0, 0.0))
    fields.setdefault("clusters", [Cluster("story-a", "story a", listed(f"m{number}"))])
    if size is not None:
        fields["meta"] = Meta(size)
    return Chunk(fields.pop("chunk_id", f"c{number}"), fields.pop("brand", "nike"), **fields)


def chunk_at(at_ms: int, **fields: Any) -> Chunk:
    """A chunk processed at that time."""
    return chunk(processed_at=iso_utc(at_ms), **fields)


def batch_of(
    chunks: Sequence[Chunk], rows: Sequence[Sequence[float]] = (), hashing: Hashing | None = None
) -> ChunkBatch:
    """A batch of *chunks* whose centroids are *rows*, and whose mentions are :func:`listed`."""
    texts: list[Sequence[str]] = []
    numbered = [replace(one, clusters=[_numbered(part, texts) for part in one.clusters]) for one in chunks]
    return ChunkBatch(numbered, list(range(len(chunks))), Centroids.of(rows), MentionRows.of(texts, hashing))


def _numbered(cluster: Cluster, texts: list[Sequence[str]]) -> Cluster:
    """*cluster* with the number of its row, which is appended to *texts*."""
    assert isinstance(cluster.mentions, Listed)
    texts.append(cluster.mentions.texts)
    return replace(cluster, mentions=len(texts) - 1)


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


def folded_sample(name: str, brand: str) -> BrandState:
    """A new state with the chunks of *brand* in a sample file folded at once."""
    state = BrandState.empty(FoldConfig())
    state.fold(sample(name, brand), NOW_MS)
    return state


def as_far_as(told: Any, earlier: Any) -> Any:
    """*told* without the fields that *earlier* has not: what is told in addition is told no otherwise."""
    if isinstance(told, dict) and isinstance(earlier, dict):
        return {name: as_far_as(told[name], value) for name, value in earlier.items() if name in told}
    if isinstance(told, list) and isinstance(earlier, list) and len(told) == len(earlier):
        return [as_far_as(one, other) for one, other in zip(told, earlier, strict=True)]
    return told
