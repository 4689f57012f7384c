"""Reads a brand's summary from its stored bytes, tolerantly and within a limit.

The bytes come from Redis, where anybody may have written them. What is missing has a default, what has a wrong
type makes the document unreadable, and nothing is trusted to be short. Writing summaries is the business of the
brand's rules.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from orchestrator.http.problems import ProblemError, not_found
from orchestrator.store.documents import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from orchestrator.http.service_view import ServiceView

Count = Annotated[int, msgspec.Meta(ge=0)]


class SentimentSums(msgspec.Struct, frozen=True):
    """Sums over the window."""

    positive: float = 0.0
    neutral: float = 0.0
    negative: float = 0.0
    score: float = 0.0


class StoredTopic(msgspec.Struct, frozen=True, rename="camel"):
    """A topic, its weight in mentions and its growth against the window before, 0.5 = half as much again.

    ``in_chunks_of`` is as in the summary: if it is the same as ``mentions``, nothing was counted but chunks.
    ``new`` says that there was none of it in the window before.
    """

    topic: str
    mentions: float = 0
    change: float | None = None
    in_chunks_of: float = 0
    new: bool = False


class StoredStory(msgspec.Struct, frozen=True, rename="camel"):
    """A merged cluster as the summary shows it."""

    id: str
    label: str
    mentions: float = 0
    spike: bool = False
    sentiment_score: float | None = None
    members: int | None = None
    first_seen: str | None = None
    last_seen: str | None = None
    examples: list[str] = msgspec.field(default_factory=list)
    state: str = ""
    change: float | None = None
    curve: list[float] = msgspec.field(default_factory=list)


class StoredChanges(msgspec.Struct, frozen=True, rename="camel"):
    """The window against the one before: growth of mentions, difference of net sentiment."""

    mentions: float | None = None
    net_sentiment: float | None = None


class StoredSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of ``summary:brand:<brand>`` that the pages show."""

    brand: str = ""
    generated_at: str = ""
    epoch: Count = 0
    version: Count = 0
    window_start: str | None = None
    window_end: str | None = None
    total_chunks: Count = 0
    total_mentions: float = 0
    sentiment: SentimentSums = SentimentSums()
    net_sentiment: float | None = None
    topics: list[StoredTopic] = msgspec.field(default_factory=list)
    clusters: list[StoredStory] = msgspec.field(default_factory=list)
    cluster_count: Count = 0
    spike_detected: bool = False
    spike: dict[str, Any] | None = None
    summary: str = ""
    chunk_summaries: list[str] = msgspec.field(default_factory=list)
    implausible_chunks: Count = 0
    mentions_in_no_story: float = 0
    changes: StoredChanges = StoredChanges()
    mood: dict[str, Any] | None = None
    story_episodes: list[dict[str, Any]] = msgspec.field(default_factory=list)

    @property
    def etag(self) -> str:
        """Changes exactly when the document does: (epoch, version) never repeats."""
        return f"{self.epoch}-{self.version}"


_decoder = msgspec.json.Decoder(StoredSummary)


def parse_summary(raw: bytes) -> StoredSummary:
    """Decode a stored summary.

    Raises:
        ProblemError: it is too large or not a summary; 502, since the fault is in what this service reads.
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise ProblemError(HTTPStatus.BAD_GATEWAY, "The stored summary is larger than a summary can be.")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProblemError(HTTPStatus.BAD_GATEWAY, "The stored summary is not readable.") from None


async def read_summary(service: ServiceView, brand: str) -> tuple[bytes, StoredSummary]:
    """The stored summary of *brand*: its bytes and what they say.

    Raises:
        ProblemError: there is no summary, or it is unreadable.
        StoreError: Redis did not answer.
    """
    raw = await service.summary(brand)
    if raw is None:
        raise not_found("There is no summary of this brand.")
    return raw, parse_summary(raw)
