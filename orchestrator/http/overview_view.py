"""What the page of all brands shows: a row each, and a strip over all of them. Plain values, no HTML, no I/O.

What a summary does not say is a dash and never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from orchestrator.fleet.view import Standing
from orchestrator.http.movement import NONE, growth
from orchestrator.http.numbers import Numbers, numbers_of
from orchestrator.http.spark import Spark, outline
from orchestrator.http.view import Time, mood, number, signed, time_of

if TYPE_CHECKING:
    from orchestrator.contract.insights import TrendPoint
    from orchestrator.fleet.view import BrandStatus, FleetView

SPARK_HOURS: Final = 24
TOLD_STANDINGS: Final = frozenset({Standing.PAUSED, Standing.PARKED, Standing.FAILING, Standing.NEWER})
BADGES: Final = {"volume": "Spike", "mood": "Mood", "story": "Story"}

Seen = tuple[bool, Numbers | None]
"""Whether there is a summary, and its numbers if it can be read."""

UNREADABLE: Final[Seen] = (True, None)


def seen(raw: bytes | None) -> Seen:
    """What of the stored summary *raw* a row shows."""
    return raw is not None, numbers_of(raw)


@dataclass(frozen=True, slots=True)
class Row:
    """A brand; ``state`` is ``ready``, ``waiting`` or ``unreadable``.

    Attributes:
        badges: words for its open episodes and flags.
        cause: the most urgent one in a line.
        standing: one word, where somebody may want to act.
        queued, dead: empty if nobody looked.
        spark: mentions of the last 24 hours.
    """

    name: str
    state: str
    badges: Sequence[str] = ()
    cause: str = ""
    standing: str = ""
    queued: str = ""
    dead: str = ""
    spark: Spark | None = None
    mentions: str = NONE
    change: str = NONE
    direction: str = "unknown"
    net: str = NONE
    mood: str = "none"
    top_topic: str = ""
    stories: str = NONE
    updated: Time | None = None


def spark_of(points: Sequence[TrendPoint]) -> Spark:
    """The bars of *points*, an hour each, in their own scale."""
    amounts = [max(0, point.mentions) for point in points]
    highest = max(amounts, default=0)
    if not highest:
        return Spark("", len(amounts), f"no mentions in the last {len(amounts)} hours")
    at = points[amounts.index(highest)].start[len("2026-01-31T") : len("2026-01-31T10:00")]
    described = (
        f"{number(sum(amounts))} mentions in the last {len(amounts)} hours, most from {at} UTC: {number(highest)}"
    )
    return Spark(outline(amounts, highest), len(amounts), described)


def row_of(name: str, found: Seen, status: BrandStatus | None, spark: Spark | None) -> Row:
    """The row of a brand of which this is known."""
    there, numbers = found
    standing = status.standing.value if status is not None and status.standing in TOLD_STANDINGS else ""
    queued, dead = ("", "") if status is None else (_count(status.queued), _count(status.failed))
    if numbers is None:
        return Row(name, "unreadable" if there else "waiting", standing=standing, queued=queued, dead=dead)
    change, direction = growth(numbers.change)
    return Row(
        name=name,
        state="ready",
        badges=_badges(numbers),
        cause=numbers.cause,
        standing=standing,
        queued=queued,
        dead=dead,
        spark=spark,
        mentions=number(numbers.mentions),
        change=change,
        direction=direction,
        net=signed(numbers.net),
        mood=mood(numbers.net),
        top_topic=numbers.top_topic,
        stories=number(numbers.stories),
        updated=time_of(numbers.updated),
    )


def _badges(numbers: Numbers) -> Sequence[str]:
    if numbers.spiking and "volume" not in numbers.episodes:
        return ["Spike", *(BADGES[kind] for kind in numbers.episodes)]
    return [BADGES[kind] for kind in numbers.episodes]


def _count(value: int | None) -> str:
    return NONE if value is None else number(value)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number over all brands; ``filter`` lists the brands that it counts, empty if none does."""

    name: str
    text: str
    note: str = ""
    filter: str = ""
    urgent: bool = False
    mood: str = "none"


def strip_of(numbers: Mapping[str, Numbers], fleet: FleetView) -> Sequence[Tile]:
    """The numbers over all brands; those of summaries are of the brands in *numbers*."""
    mentions, change, compared, net = _together(list(numbers.values()))
    growing, _ = growth(change)
    spiking = sum(each.spiking for each in numbers.values())
    unusual = sum("mood" in each.episodes or "story" in each.episodes for each in numbers.values())
    note = f"{growing} against the window before" if change is not None else "nothing to compare with yet"
    if change is not None and compared < len(numbers):
        note = f"{note}, of {_brands(compared)}"
    return [
        Tile("Mentions", number(mentions), note),
        Tile("Spiking", number(spiking), "brands", "spiking", urgent=spiking > 0),
        Tile("Mood or story", number(unusual), "brands with an open episode", "unusual", urgent=unusual > 0),
        Tile("Net sentiment", signed(net), "of all mentions", "negative", mood=mood(net)),
        Tile("Waiting", number(fleet.chunks), f"chunks of {_brands(fleet.brands_with_chunks)}", "waiting"),
        Tile("Dead letters", number(fleet.dead_letters), "in all", "dead", urgent=fleet.dead_letters > 0),
    ]


def _brands(count: int) -> str:
    return f"{number(count)} brand{'' if count == 1 else 's'}"


def _together(found: Sequence[Numbers]) -> tuple[int, float | None, int, float | None]:
    """Mentions of all, their growth, of how many brands that is known, and the net sentiment by mentions."""
    mentions = sum(each.mentions for each in found)
    told = [
        (each.mentions, each.mentions / (1 + each.change))
        for each in found
        if each.change is not None and isfinite(each.change) and each.change > -1
    ]
    before = sum(then for _, then in told)
    change = sum(now for now, _ in told) / before - 1 if before > 0 and isfinite(before) else None
    moods = [(each.mentions, each.net) for each in found if each.net is not None and each.mentions]
    weight = sum(amount for amount, _ in moods)
    return mentions, change, len(told), sum(amount * net for amount, net in moods) / weight if weight else None
