"""Claims and glances on a cluster: one question a master, all of them under way at once.

A script takes declared keys of one slot alone, so the names of a node's brands come as arguments; what is read so is a
hint, as on one server. Each answer stands for its own brands: those of a node that is away, refuses writes or has
another clock are told of as *away*, and all others as ever. If slots moved meanwhile, or are half way, a script meets
the key of another node and says nothing about any brand; then the map is read again and the question put once more,
for the brands of each slot apart: a slot that is half way costs its own brands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.contract.keys import queue_key
from orchestrator.contract.slots import sibling, slot_of
from orchestrator.errors import ClockSkewError, StoreError, StoreUnavailableError
from orchestrator.store.client import checked, translate
from orchestrator.store.clock import TIME, milliseconds_of
from orchestrator.store.cluster.exchange import exchange
from orchestrator.store.cluster.redirects import names_foreign_key, redirect_of

if TYPE_CHECKING:
    from orchestrator.contract.address import Node
    from orchestrator.store.clock import ServerClock
    from orchestrator.store.cluster.topology import Topology
    from orchestrator.store.wire import Command

_TRIES = 2
"""Times that a node is asked about its brands: again after slots moved."""


class Answers(NamedTuple):
    """What the masters said.

    Attributes:
        nodes: for each that answered, the brands it was asked about, and its reply.
        away: brands of which nobody said anything.
        now_ms: time of the server whose clock is ahead of the others'.
        beside: replies to the other commands.
    """

    nodes: list[tuple[list[str], Any]]
    away: list[str]
    now_ms: int
    beside: list[Any]


@lru_cache(maxsize=2**17)
def queue_slot(brand: str) -> int:
    """The slot of the queue of *brand*; found anew, of 100,000 brands, it would take a tenth of every second."""
    return slot_of(queue_key(brand))


class Masters:
    """Puts questions about many brands to those masters that have them.

    Args:
        topology: of the cluster.
        clock: compares each node's clock with ours.
    """

    def __init__(self, topology: Topology, clock: ServerClock) -> None:
        self._topology = topology
        self._clock = clock

    def partly(self) -> bool:
        """Whether some masters answer, and some do not."""
        masters = self._topology.statistics().masters
        away = sum(master.away != "" for master in masters)
        return 0 < away < len(masters)

    def ask(
        self, brands: Iterable[str], question: Callable[[list[str]], Command], beside: Sequence[Command] = ()
    ) -> Answers:
        """Ask each master the *question* about those of *brands* that it has; and everybody for the time.

        Args:
            brands: of all nodes.
            question: about some brands; its reply is given back.
            beside: commands that go where their keys are, in the same round trip.

        Raises:
            ClockSkewError: all clocks are others than ours.
            StoreError: no master said anything.
        """
        asked_ms = self._clock.now_ms()
        found = Answers([], [], 0, [])
        failure: Exception | None = None
        left, commands = list(brands), list(beside)
        for attempt in range(1, _TRIES + 1):
            round_ = self._round(left, question, commands, apart=attempt == _TRIES)
            left, commands = [], []
            for node, groups, replies in round_.said:
                error = self._error(node, replies, asked_ms)
                if error is None:
                    found = found._replace(now_ms=max(found.now_ms, milliseconds_of(replies[0])))
                failure = error or failure
                for own, answer in zip(groups, replies[2:], strict=True):
                    if error is None and attempt < _TRIES and names_foreign_key(answer):
                        left += own
                    elif error is not None or isinstance(answer, Exception):
                        failure = error or translate(answer)
                        found.away.extend(own)
                    else:
                        found.nodes.append((own, answer))
            self._clock.keep({str(node) for node, *_ in round_.said})
            found.away.extend(round_.nowhere)
            found.beside.extend(round_.beside)
            if not left:
                break
            self._topology.doubt()
        if not found.now_ms:
            raise failure or StoreUnavailableError("no node of the cluster has any slots")
        return found

    def _round(
        self, brands: list[str], question: Callable[[list[str]], Command], beside: list[Command], *, apart: bool
    ) -> _Round:
        """Ask each node once; *apart*: once for each slot, because a script fails as a whole."""
        by_node: dict[Node, dict[int, list[str]]] = defaultdict(dict)
        nowhere = []
        for brand in brands:
            slot = queue_slot(brand)
            try:
                by_node[self._topology.owner(slot)].setdefault(slot if apart else 0, []).append(brand)
            except StoreUnavailableError:
                nowhere.append(brand)
        # Those without any of the brands as well: it is from here that anybody knows whether they answer.
        groups = {node: list(by_node.get(node, {}).values()) for node in (*self._topology.masters(), *by_node)}
        commands: list[Command] = []
        nodes: list[Node | None] = []
        for node, own in groups.items():
            asked = [TIME, *([_probe(own[0][0]), *map(question, own)] if own else [])]
            commands += asked
            nodes += [node] * len(asked)
        replies = exchange(self._topology, [*commands, *beside], nodes=[*nodes, *[None] * len(beside)])
        said, at = [], 0
        for node, own in groups.items():
            count = 2 + len(own) if own else 1
            said.append((node, own, replies[at : at + count]))
            at += count
        return _Round(said, nowhere, replies[at:])

    def _error(self, node: Node, replies: Sequence[Any], asked_ms: int) -> Exception | None:
        """Why nothing may be claimed of what *node* has; None: it may."""
        # The probe is about whether it takes writes: a key that is on its way elsewhere says nothing about that.
        told = [reply for reply in replies[:2] if redirect_of(reply, node) is None]
        try:
            for reply in told:
                checked(reply)
            self._clock.compare(asked_ms, milliseconds_of(replies[0]), str(node))
        except (StoreError, ClockSkewError) as error:
            return error
        return None


class _Round(NamedTuple):
    said: list[tuple[Node, list[list[str]], list[Any]]]
    nowhere: list[str]
    beside: list[Any]


def _probe(brand: str) -> Command:
    """A write that changes nothing, of a key that does not exist, in the slot of the brand's queue."""
    return ("HDEL", f"{sibling(queue_key(brand))}probe", "")
