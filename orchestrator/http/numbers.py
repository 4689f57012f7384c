"""The few numbers of a brand that lists sort by and show, taken from its stored summary.

Pure. A summary has tens of kilobytes, these have less than one: what of 5,000 brands is kept is this. Foreign texts are
cut, numbers stay within what JSON's readers can hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.contract.times import iso_utc, parse_ms
from orchestrator.http.moves import move_of
from orchestrator.store.documents import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TOPIC_CHARS: Final = 200
MOST: Final = 2**53 - 1
"""The greatest whole number that every reader of JSON holds."""


class _Topic(msgspec.Struct, frozen=True):
    topic: str


class _Changes(msgspec.Struct, frozen=True, rename="camel"):
    mentions: float | None = None
    net_sentiment: float | None = None


class _Excerpt(msgspec.Struct, frozen=True, rename="camel"):
    """What of a summary is read; all else is passed over, which costs a tenth of decoding it."""

    generated_at: str = ""
    total_mentions: float = 0
    net_sentiment: float | None = None
    topics: list[_Topic] = msgspec.field(default_factory=list)
    clusters: list[msgspec.Raw] = msgspec.field(default_factory=list)
    cluster_count: int = 0
    spike_detected: bool = False
    spike: dict[str, Any] | None = None
    changes: _Changes | None = None
    mood: dict[str, Any] | None = None
    story_episodes: list[dict[str, Any]] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a list says of a brand that has a summary.

    Attributes:
        mentions: in the window.
        net: net sentiment, from -1 to 1; None without mentions.
        spiking: whether worker flags or our detector say that something is up.
        stories: in the window.
        top_topic: the heaviest one, empty if there is none.
        updated: when the summary was made, ISO 8601; empty if it does not say.
        updated_ms: the same in Unix ms, None if it is no time.
        change: growth of mentions against the window before; None, here and below, where the summary does not say.
        net_change: how the net sentiment differs from that of the window before.
        episodes: kinds of its open episodes, ``volume``, ``mood`` and ``story``.
        cause: the most urgent of them in a line, foreign text in it; empty without any.
        moved: how far it moved, see :mod:`orchestrator.http.moves`.
    """

    mentions: int
    net: float | None
    spiking: bool
    stories: int
    top_topic: str
    updated: str
    updated_ms: int | None
    change: float | None = None
    net_change: float | None = None
    episodes: Sequence[str] = ()
    cause: str = ""
    moved: float = 0.0


_decoder = msgspec.json.Decoder(_Excerpt)


def numbers_of(raw: bytes | None) -> Numbers | None:
    """The numbers in a stored summary; None where there is none, or it is not readable."""
    if raw is None or len(raw) > MAX_DOCUMENT_BYTES:
        return None
    try:
        return _numbers(_decoder.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _numbers(found: _Excerpt) -> Numbers:
    net = found.net_sentiment
    updated_ms, updated = _time(found.generated_at)
    changes, mentions = found.changes or _Changes(), whole(found.total_mentions)
    move = move_of(
        found.spike,
        found.mood,
        found.story_episodes,
        flagged=found.spike_detected,
        mentions=mentions,
        change=changes.mentions,
    )
    return Numbers(
        mentions=mentions,
        net=None if net is None else max(-1.0, min(1.0, net)),
        spiking=found.spike_detected or found.spike is not None,
        stories=whole(found.cluster_count or len(found.clusters)),
        top_topic=found.topics[0].topic[:MAX_TOPIC_CHARS] if found.topics else "",
        updated=updated,
        updated_ms=updated_ms,
        change=changes.mentions,
        net_change=None if changes.net_sentiment is None else max(-2.0, min(2.0, changes.net_sentiment)),
        episodes=move.kinds,
        cause=move.cause,
        moved=move.rank,
    )


def _time(text: str) -> tuple[int | None, str]:
    at_ms = parse_ms(text)
    if at_ms is None:
        return None, ""
    try:
        return at_ms, iso_utc(at_ms)
    except OverflowError:  # with its offset it lies outside the years that datetime knows
        return None, ""


def whole(value: float) -> int:
    """*value* as a count that every reader of JSON holds."""
    return int(max(0, min(value, MOST)))
