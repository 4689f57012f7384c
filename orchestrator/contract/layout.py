"""Layouts: which names the keys of a brand have on one server, and on a cluster.

On one server acquire and commit take the keys that readers know, in one step with the state. On a cluster those keys do
not share a slot. There acquire and commit take *shadows* in the slot of the queue in their place, and what lies in the
shadows is shown to readers after the commit. The layout follows from what the address leads to. No setting chooses it,
because with the other one a state that is there would not be found.

Names that readers and workers know are the same in both. Names of this service's own differ for brands with braces
alone, and only on a cluster, where today's do not share a slot. Source: ``docs/redis-protocol.md``, section 14.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from orchestrator.contract.keys import MEMBERS_KEY, ORDERS_KEY, PAUSED_KEY, BrandKeys, claim_keys, failed_key, queue_key
from orchestrator.contract.slots import sibling

if TYPE_CHECKING:
    from collections.abc import Callable

SHADOWED: Final = ("failed", "summary", "spike", "trend", "recent", "mood", "stories")
"""Attributes of :class:`BrandKeys` in whose place acquire and commit take a shadow, on a cluster."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of one way to lay keys out.

    Attributes:
        spread: keys of a brand are spread over slots: every command takes keys of one slot, and what readers see is
            shown to them after the commit.
        keys: of a brand, as readers, workers and operators find them.
        inner: of a brand, as acquire and commit take them.
        claim: lock, meta and queue of a brand, as in *keys*.
        paused: the HASH in which acquire looks for the mark of a brand that is paused.
        orders: the HASH of orders to processes, which a beat reads beside that of members.
    """

    spread: bool
    keys: Callable[[str], BrandKeys]
    inner: Callable[[str], BrandKeys]
    claim: Callable[[str], tuple[str, str, str]]
    paused: Callable[[str], str]
    orders: str


def shadow_key(brand: str, part: str) -> str:
    """What acquire and commit take in place of the *part* of :data:`SHADOWED`, on a cluster."""
    return f"{sibling(queue_key(brand))}out:{part}"


def guard_key(outward: str) -> str:
    """Name of the HASH beside the key *outward*, in its slot, that says which commit it shows."""
    return f"{sibling(outward)}at"


def moving_key(failed: str) -> str:
    """Name of the LIST beside the dead letters *failed* that holds those on their way into a queue."""
    return f"{sibling(failed)}moving"


def moved_key(queue: str) -> str:
    """Name of the HASH beside *queue* that says which letters on their way have arrived in it."""
    return f"{sibling(queue)}moved"


def absent_key(key: str) -> str:
    """A key that is never there, in the slot of *key*: for commands that take one more than there is."""
    return f"{sibling(key)}none"


def _spread_keys(brand: str) -> BrandKeys:
    # Marks of letters are made in the step in which they leave their list.
    return replace(BrandKeys.of(brand, sibling(queue_key(brand))), retried=f"{sibling(failed_key(brand))}retried")


def _spread_inner(brand: str) -> BrandKeys:
    own = sibling(queue_key(brand))
    return replace(_spread_keys(brand), **{part: f"{own}out:{part}" for part in SHADOWED})


def _spread_claim(brand: str) -> tuple[str, str, str]:
    queue = queue_key(brand)
    own = sibling(queue)
    return f"{own}lock", f"{own}meta", queue


def _paused_of_all(_brand: str) -> str:
    return PAUSED_KEY


def _spread_paused(brand: str) -> str:
    return f"{sibling(queue_key(brand))}paused"


STANDALONE: Final = Layout(
    spread=False,
    keys=BrandKeys.of,
    inner=BrandKeys.of,
    claim=claim_keys,
    paused=_paused_of_all,
    orders=ORDERS_KEY,
)
"""One server, also behind a sentinel."""

CLUSTER: Final = Layout(
    spread=True,
    keys=_spread_keys,
    inner=_spread_inner,
    claim=_spread_claim,
    paused=_spread_paused,
    orders=f"{sibling(MEMBERS_KEY)}orders",
)
"""A cluster, or one server in tests of what happens on one."""
