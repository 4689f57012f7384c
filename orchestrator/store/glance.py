"""A glance at very many brands that are believed to be idle: whether any of their queues exists, and what is due.

A claim looks at three keys of each brand in a script, which takes the server 3.3 us a brand; EXISTS of a queue takes it
0.09 us. So brands of which nothing is expected are glanced at, and those of a part that is not as expected are asked
about by a claim. Pure: the pipeline is
sent by :meth:`~orchestrator.store.store.Store.glance`. Source: ``docs/redis-protocol.md``, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from orchestrator.contract.keys import claim_keys, queue_key
from orchestrator.errors import StoreError
from orchestrator.store.wire import Bulk, bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.store.wire import Command

MAX_PARTS: Final = 16
"""Parts of one glance: 8,192 brands are 0.3 MB of names, and under a millisecond of the server's time."""

STRANGE: Final = -1
"""In place of a due time: the field is none, or the key has a foreign type; a claim says what is to be done."""

_MOST_DIGITS: Final = 15


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Brands that are glanced at together, and the names of their queues as Redis reads them.

    Attributes:
        brands: at most 512.
        queues: their names, encoded once.
    """

    brands: frozenset[str]
    queues: Bulk

    @classmethod
    def of(cls, brands: Sequence[str]) -> Self:
        """The part of *brands*."""
        return cls(frozenset(brands), bulk([queue_key(brand).encode() for brand in brands]))


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen.

    Attributes:
        now_ms: server time.
        pauses: as in :class:`~orchestrator.store.types.Claim`.
        stirred: parts of which a queue exists, or nobody knows; what a node has that is away does not count.
        dues: of each brand asked about, when its summary should be refreshed; 0: never, :data:`STRANGE`. Those whose
            node is away are not among them.
    """

    now_ms: int
    pauses: object
    stirred: Sequence[Part]
    dues: dict[str, int]


def questions(parts: Sequence[Part], dues: Sequence[str]) -> list[Command]:
    """What asks about *parts*, and when the brands of *dues* are due."""
    return [
        *(("EXISTS", part.queues) for part in parts),
        *(("HGET", claim_keys(brand)[1], "due") for brand in dues),
    ]


def due_questions(dues: Sequence[str], meta: Callable[[str], str]) -> list[Command]:
    """What asks when the brands of *dues* are due, whose *meta* has that name."""
    return [("HGET", meta(brand), "due") for brand in dues]


def dues_seen(dues: Sequence[str], replies: Sequence[Any]) -> dict[str, int]:
    """The due times, by the *replies*, but for those that did not come."""
    return {
        brand: _due_ms(reply) for brand, reply in zip(dues, replies, strict=True) if not isinstance(reply, StoreError)
    }


def stirred(parts: Sequence[Part], existing: Iterable[str]) -> list[Part]:
    """Those of *parts* with a brand whose queue is *existing*."""
    homes = {brand: place for place, part in enumerate(parts) for brand in part.brands}
    return [parts[place] for place in sorted({homes[brand] for brand in existing})]


def seen(parts: Sequence[Part], dues: Sequence[str], replies: Sequence[Any]) -> tuple[list[Part], dict[str, int]]:
    """The stirred ones of *parts*, and the due times, by the *replies* to :func:`questions`."""
    # An error is a queue for all we know.
    stirred = [part for part, reply in zip(parts, replies[: len(parts)], strict=True) if reply != 0]
    return stirred, dict(zip(dues, map(_due_ms, replies[len(parts) :]), strict=True))


def _due_ms(reply: Any) -> int:
    if reply is None:
        return 0
    return int(reply) if isinstance(reply, bytes) and reply.isdigit() and len(reply) <= _MOST_DIGITS else STRANGE
