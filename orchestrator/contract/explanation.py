"""Why a number is what it is, as a document: the chunks that made it, and where an archive has them.

Made by :mod:`orchestrator.archive.explain`, shown by the program, the API and the pages.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from orchestrator.contract.summary import Time

ExplainedKind = Literal["story", "total", "hour", "topic"]
ExplainedOrder = Literal["newest", "largest"]

MAX_SHOWN: Final = 1_000
"""Chunks of one explanation."""

MAX_SAID_CHARS: Final = 64
"""Of a time as a worker wrote it."""


class Contribution(Struct, frozen=True, rename="camel"):
    """What one chunk added to the number.

    ``mentions`` are those that it added, of ``chunkMentions`` that it has; ``clusters`` how many of its clusters joined
    the story, or all of them. ``at`` is the time that counts, ``processedAt`` what its worker said, ``late`` that it
    came too late for the window. ``committedAt``, ``commit``, ``version`` and ``item``, from 0 on, say when and where
    it was taken from the queue, ``object`` which object of the archive has it; empty: it waits for the archive.
    """

    chunk_id: str
    mentions: int
    chunk_mentions: int
    clusters: int
    at: Time
    processed_at: str | None
    late: bool
    committed_at: Time
    commit: str
    version: int
    item: int
    object: str


class Explanation(Struct, frozen=True, rename="camel"):
    """Which chunks made a number of a summary.

    ``mentions`` is the number as the summary of ``commit`` shows it, ``explained`` what ``chunks`` chunks of the
    archive add up to, and ``older`` the rest: of chunks from before the archive begins, or before another state took
    this one's place. ``contributions`` are the first of them in ``order``.
    """

    brand: str
    of: ExplainedKind
    id: str | None
    label: str
    as_of: Time
    commit: str
    version: int
    mentions: int
    explained: int
    older: int
    chunks: int
    order: ExplainedOrder
    contributions: list[Contribution]
