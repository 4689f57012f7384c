"""Who has which slot, as one node told it; a value that is replaced as a whole.

Pure. Source: ``CLUSTER SLOTS`` in the documentation of Redis.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.address import Node, is_host
from orchestrator.contract.slots import SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_PORT: Final = 65_535

NAMELESS: Final = frozenset({"", "?"})
"""In place of the name of a node that is not known yet: it is reached as the one that was asked."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotMap:
    """Who has which slot.

    Attributes:
        owners: the master of each slot; None: nobody has it.
        replicas: of each master.
        masters: those that have slots, in the order of their first. Kept, because every claim asks for them, and
            a walk through all slots takes a millisecond.
    """

    owners: tuple[Node | None, ...]
    replicas: Mapping[Node, tuple[Node, ...]]
    masters: tuple[Node, ...]

    @property
    def shares(self) -> dict[Node, float]:
        """Which part of all slots each master has."""
        counts = Counter(node for node in self.owners if node is not None)
        return {node: slots / SLOTS for node, slots in counts.items()}

    @property
    def nodes(self) -> frozenset[Node]:
        """Masters and replicas."""
        return frozenset(self.masters).union(*self.replicas.values())

    def moved(self, slot: int, node: Node) -> SlotMap:
        """The map with *slot* at *node*."""
        if self.owners[slot] == node:
            return self
        owners = (*self.owners[:slot], node, *self.owners[slot + 1 :])
        return SlotMap(owners, self.replicas, tuple(dict.fromkeys(filter(None, owners))))

    def same(self, other: SlotMap) -> bool:
        """Whether each slot has the same master in *other*."""
        return self.owners == other.owners


NOBODY: Final = SlotMap((None,) * SLOTS, {}, ())
"""Before anybody was asked."""


def read(reply: Any, asked: Node) -> SlotMap:
    """What *asked* answered to ``CLUSTER SLOTS``. It does not know its own name for us, and leaves it out then.

    Raises:
        ValueError: that is no such answer.
    """
    owners: list[Node | None] = [None] * SLOTS
    replicas: dict[Node, tuple[Node, ...]] = {}
    begins: list[tuple[int, Node]] = []
    told = 0
    try:
        for first, last, master, *others in reply:
            owner, slots = _node(master, asked), _slots(first, last, SLOTS - told)
            told += len(slots)
            owners[slots.start : slots.stop] = [owner] * len(slots)
            begins.append((first, owner))
            replicas[owner] = tuple(_node(other, asked) for other in others)
    except (TypeError, IndexError, AttributeError, ValueError):
        raise ValueError("the answer to CLUSTER SLOTS is none") from None
    return SlotMap(tuple(owners), replicas, tuple(dict.fromkeys(owner for _, owner in sorted(begins))))


def _slots(first: int, last: int, most: int) -> range:
    """Those from *first* to *last*, *most* at most: no node tells any twice, and an answer may have any length."""
    if not 0 <= first <= last < SLOTS or last - first >= most:
        raise ValueError(first, last)
    return range(first, last + 1)


def _node(told: Sequence[Any], asked: Node) -> Node:
    host, port = told[0], told[1]
    node = node_at(host.decode() if isinstance(host, bytes) else host or "", port, asked)
    if node is None:
        raise ValueError(host, port)
    return node


def node_at(host: str, port: int, asked: Node) -> Node | None:
    """The node that *asked* says to be at *host* and *port*; None: nobody can be reached there."""
    if not 0 < port <= MOST_PORT:
        return None
    node = Node(asked.host if host in NAMELESS else host, port)
    return node if ":" in node.host or is_host(node.host) else None
