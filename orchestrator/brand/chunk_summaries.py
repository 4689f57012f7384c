"""What the newest chunks said in words: their summaries, and the entries for readers of recent chunks.

Chunk summaries are part of the state and leave with the window. Recent entries are not: they are
appended to a list of their own in the commit that folds their chunks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.flags import has_flag
from orchestrator.contract.chunk import Chunk, Cluster, cluster_mentions
from orchestrator.contract.insights import RecentChunk, RecentCluster, RecentSentiment
from orchestrator.contract.times import iso_utc

FIELD = b"n"

MAX_SUMMARIES = 20
MAX_SUMMARY_CHARS = 400
MAX_RECENT = 50
MAX_RECENT_CLUSTERS = 10
MAX_RECENT_TOPICS = 20
MAX_NAME_CHARS = 200


class _Note(Struct, frozen=True, array_like=True):
    pane: int
    text: str


_decoder = FieldDecoder(list[_Note])
_encode = msgspec.json.Encoder().encode


class Notes:
    """The newest chunk summaries of the window, oldest first."""

    def __init__(self, notes: Sequence[_Note] = ()) -> None:
        self._notes = deque(notes, MAX_SUMMARIES)
        self._dirty = False

    @classmethod
    def load(cls, fields: Mapping[bytes, bytes]) -> Notes:
        """The notes among *fields*."""
        return cls(_decoder.read(FIELD, fields[FIELD])) if FIELD in fields else cls()

    def fold(self, chunks: Sequence[Chunk], panes: Sequence[int]) -> None:
        """Take in the summaries of *chunks*; their panes stand beside them."""
        for chunk, pane in zip(chunks, panes, strict=True):
            if chunk.summary and (text := clip(chunk.summary, MAX_SUMMARY_CHARS)):
                self._notes.append(_Note(pane, text))
                self._dirty = True

    def advance(self, first: int) -> None:
        """Forget summaries of panes before *first*."""
        kept = [note for note in self._notes if note.pane >= first]
        if len(kept) < len(self._notes):
            self._notes = deque(kept, MAX_SUMMARIES)
            self._dirty = True

    def newest(self) -> list[str]:
        """The summaries, newest first."""
        return [note.text for note in reversed(self._notes)]

    def take_changes(self, put: dict[bytes, bytes]) -> None:
        """Add the field to *put* if it changed."""
        if self._dirty:
            put[FIELD] = pack(list(self._notes))
            self._dirty = False


def clip(text: str, chars: int) -> str:
    """*text* on one line, in at most so many *chars*."""
    if len(text) <= chars and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nearly always: nothing but single blanks
    # cut generously before the blanks are put in order: a text may be long
    line = " ".join(text[: 4 * chars].split())
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


def recent_entry(chunk: Chunk, at_ms: int, mentions: int, counts: Sequence[int]) -> bytes:
    """The entry of one chunk, as JSON, bounded whatever the chunk holds; *counts* are those of its batch's mentions."""
    sentiment, topics, clusters = chunk.sentiment, chunk.topics or (), chunk.clusters
    sizes = [cluster_mentions(cluster, counts) for cluster in clusters]
    # by position: fifty of these a commit cost as much as folding a hundred chunks
    entry = RecentChunk(
        chunk.chunk_id,
        chunk.brand,
        iso_utc(at_ms),
        mentions,
        RecentSentiment(sentiment.score, sentiment.positive, sentiment.neutral, sentiment.negative),
        [clip(topic, MAX_NAME_CHARS) for topic in topics[:MAX_RECENT_TOPICS]],
        [_recent_cluster(clusters[place], sizes[place]) for place in _largest(sizes)],
        len(clusters),
        has_flag(chunk),
        clip(chunk.summary, MAX_SUMMARY_CHARS) if chunk.summary else "",
    )
    return _encode(entry)


def _largest(sizes: Sequence[int]) -> Sequence[int]:
    """The places of the largest, the first among equals first."""
    places = range(len(sizes))
    return sorted(places, key=sizes.__getitem__, reverse=True)[:MAX_RECENT_CLUSTERS] if len(sizes) > 1 else places


def _recent_cluster(cluster: Cluster, mentions: int) -> RecentCluster:
    return RecentCluster(
        clip(cluster.id, MAX_NAME_CHARS), clip(cluster.label, MAX_NAME_CHARS), mentions, bool(cluster.spike)
    )
