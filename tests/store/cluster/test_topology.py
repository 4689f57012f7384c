"""Whose answer about the map of slots is taken."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.address import Node
from orchestrator.contract.slots import SLOTS, slot_of
from orchestrator.errors import StoreUnavailableError
from orchestrator.store.cluster import slot_map
from orchestrator.store.cluster.exchange import transact
from orchestrator.store.cluster.topology import Topology
from tests.store.cluster.test_rules import told

if TYPE_CHECKING:
    from collections.abc import Mapping

A, B = Node("a", 1), Node("b", 2)
BLANK: list[Any] = []
WHOLE = [told(0, 99, A), told(100, SLOTS - 1, B)]


class Told(Topology):
    """Of nodes that answer as the test says; each reading of its clock is a second later.

    Attributes:
        answers: of each node to ``CLUSTER SLOTS``.
    """

    def __init__(self, answers: Mapping[Node, list[Any]]) -> None:
        seconds = count()
        super().__init__(tuple(answers), make_pool=_none, clock=lambda: float(next(seconds)))
        self.answers = dict(answers)

    def _observe(self, node: Node, *_commands: tuple[str, ...]) -> list[Any]:
        return [self.answers[node]]


def _none(node: Node, _within_s: float | None) -> Any:
    raise AssertionError(f"nobody connects to {node}")


def test_node_that_left_the_cluster_is_passed_over() -> None:
    """The first one of the address was taken out and still answers: the others know."""
    topology = Told({A: BLANK, B: [told(0, SLOTS - 1, B)]})
    assert {topology.owner(slot) for slot in (0, SLOTS - 1)} == {B}


def test_master_that_came_back_blank_takes_no_slot_from_the_others() -> None:
    """It lost its file, and answers that nobody has any slot; whoever is in doubt asks it in its turn."""
    topology = Told({A: WHOLE, B: WHOLE})
    assert topology.owner(100) == B
    topology.answers[A] = BLANK
    for _ in range(4):
        topology.doubt()
        assert topology.owner(100) == B
    topology.answers[B] = BLANK
    topology.doubt()
    assert topology.owner(100) == B  # nobody knows better


def test_an_answer_that_came_before_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes twice a second. Another one is read, and so is the same of a node that leaves its own name out."""
    nameless = [told(0, SLOTS - 1, Node("", 1))]
    topology = Told({A: nameless, B: nameless})
    read: list[Node] = []
    real = slot_map.read

    def reading(reply: Any, node: Node) -> slot_map.SlotMap:
        read.append(node)
        return real(reply, node)

    monkeypatch.setattr(slot_map, "read", reading)
    for _ in range(3):
        assert topology.look_again() == (A,)
    assert read == [A]
    topology.moved(7, B)
    assert topology.look_again() == (A,)  # it is asked, and says what it said
    topology.answers[A] = WHOLE
    assert topology.look_again() == (A, B)
    topology.answers[A] = nameless
    assert topology.look_again() == (A,)
    topology.answers[A] = BLANK
    assert topology.look_again() == (Node("b", 1),)
    assert read[-1] == B


def test_cluster_without_slots_says_so() -> None:
    """It was started, and no slots were given to anybody."""
    with pytest.raises(StoreUnavailableError, match="b:2 knows of no master that has slots"):
        Told({A: BLANK, B: BLANK}).owner(0)


def test_transaction_in_a_slot_that_nobody_has_is_unavailable() -> None:
    """As any command there."""
    slot = slot_of("k")
    topology = Told({A: [told(0, slot - 1, A), told(slot + 1, SLOTS - 1, A)]})
    with pytest.raises(StoreUnavailableError, match=f"has slot {slot}:"):
        transact(topology, [("SET", "k", 1), ("GET", "k")])
