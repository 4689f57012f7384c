"""The rules of a cluster that need none: the map of slots, redirections, where commands go, and who is away."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any, cast

import pytest
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ExecAbortError,
    MovedError,
    ResponseError,
    TryAgainError,
)

from orchestrator.contract.address import Node
from orchestrator.contract.slots import SLOTS, slot_of
from orchestrator.store.clock import ServerClock
from orchestrator.store.cluster import slot_map
from orchestrator.store.cluster.away import FIRST_S, LONGEST_S, Away
from orchestrator.store.cluster.command_keys import slot_of_command
from orchestrator.store.cluster.redirects import Redirect, names_foreign_key, of_transaction, redirect_of
from orchestrator.store.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

A, B, C = Node("a", 1), Node("b", 2), Node("c", 3)


def told(first: int, last: int, *nodes: Node) -> list[Any]:
    """One range of CLUSTER SLOTS."""
    return [first, last, *([node.host.encode(), node.port, b"id", []] for node in nodes)]


def test_map_says_who_has_each_slot_and_who_follows_whom() -> None:
    """Ranges of one master may be several; a slot that nobody has is nobody's."""
    found = slot_map.read([told(0, 9, A, C), told(20, SLOTS - 1, B), told(10, 10, A, C)], A)
    assert [found.owners[slot] for slot in (0, 9, 10, 11, 20, SLOTS - 1)] == [A, A, A, None, B, B]
    assert found.masters == (A, B)
    assert found.nodes == {A, B, C}
    assert found.replicas[A] == (C,)
    assert found.shares[A] == 11 / SLOTS


def test_masters_come_in_the_order_of_their_first_slots() -> None:
    """However the ranges were told, and wherever a slot went since."""
    found = slot_map.read([told(20, SLOTS - 1, B), told(0, 9, C), told(10, 19, A)], A)
    assert found.masters == (C, A, B)
    assert found.moved(0, B).masters == (B, C, A)
    assert slot_map.read([told(7, 7, A)], A).moved(7, B).masters == (B,)
    assert slot_map.NOBODY.masters == ()


@pytest.mark.parametrize("name", [b"", None, b"?"])
def test_map_takes_a_nameless_node_for_the_one_that_was_asked(name: bytes | None) -> None:
    """A node that does not know how it is reached says so."""
    assert slot_map.read([[0, 1, [name, 7, b"id"]]], A).owners[0] == Node("a", 7)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [1],
        [[0]],
        [[0, 1]],
        [[0, SLOTS, [b"a", 1]]],
        [[-1, 1, [b"a", 1]]],
        [[2, 1, [b"a", 1]]],
        [[0, 1, [b"a", 0]]],
        [[0, 1, [b"a", b"1"]]],
        [[0, 1, [b"\xff", 1]]],
        [[0, 1, [b"a..b", 1]]],
        [[0, 1, [5, 65536]]],
        [[0, 1, [5, 7]]],
        [[0, SLOTS - 1, [b"a", 1]], [0, 0, [b"a", 1]]],
    ],
)
def test_map_refuses_what_is_none(reply: object) -> None:
    """What a server sends is untrusted."""
    with pytest.raises(ValueError, match="CLUSTER SLOTS"):
        slot_map.read(reply, A)


def test_map_with_one_slot_elsewhere_differs_in_that_alone() -> None:
    """As a node says that had it."""
    before = slot_map.read([told(0, SLOTS - 1, A)], A)
    after = before.moved(7, B)
    assert [after.owners[slot] for slot in (6, 7, 8)] == [A, B, A]
    assert before.owners[7] == A
    assert not after.same(before)
    assert after.moved(7, A).same(before)
    assert before.moved(7, A) is before


@pytest.mark.parametrize(
    ("reply", "redirect"),
    [
        (MovedError("7 b:2"), Redirect(B, slot=7, reason="MOVED 7 b:2")),
        (MovedError("7 :2"), Redirect(Node("a", 2), slot=7, reason="MOVED 7 :2")),
        (MovedError("7 ?:2"), Redirect(Node("a", 2), slot=7, reason="MOVED 7 ?:2")),
        (MovedError(f"{SLOTS} b:2"), None),
        (MovedError("-1 b:2"), None),
        (MovedError("7 b:65536"), None),
        (MovedError("7 b..c:2"), None),
        (AskError("7 b:2"), Redirect(B, asking=True, reason="ASK 7 b:2")),
        (TryAgainError("x"), Redirect(None, later=True, reason="TRYAGAIN x")),
        (ClusterDownError("x"), Redirect(None, later=True, reason="CLUSTERDOWN x")),
        (ResponseError("x"), None),
        (b"MOVED 7 b:2", None),
    ],
)
def test_only_replies_of_what_was_not_executed_redirect(reply: object, redirect: Redirect | None) -> None:
    """Everything else is an answer, and so is what names a slot or a port that there is not."""
    assert redirect_of(reply, A) == redirect


def test_transaction_is_redirected_where_one_of_its_commands_was() -> None:
    """EXEC then says only that there was an error; one that was refused for another reason is not sent again."""
    assert of_transaction([b"OK", MovedError("7 b:2"), ExecAbortError("x")], A) == Redirect(
        B, slot=7, reason="MOVED 7 b:2"
    )
    assert of_transaction([b"OK", ResponseError("x"), ExecAbortError("x")], A) is None
    assert of_transaction([b"OK", b"QUEUED", [1]], A) is None
    assert of_transaction([b"OK", b"QUEUED", TryAgainError("x")], A) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Script attempted to access a non local key in a cluster node script: 65, on @user_script:1.",
        "Attempted to access a non local key in a cluster node script: on @user_script:1.",
    ],
)
def test_script_that_met_a_foreign_key_is_known_by_what_redis_and_valkey_say(text: str) -> None:
    """Redis 7.0 and Valkey 9.1, word by word."""
    assert names_foreign_key(ResponseError(text))
    assert not names_foreign_key(text)


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("GET", "k"), "k"),
        (("get", b"\xff"), b"\xff"),
        (("EVALSHA", "sha", 2, "k", "l", "x"), "k"),
        (("EVALSHA", "sha", 0, "x"), None),
        (("EVALSHA", "sha", 2, bulk([b"k", b"longer"]), "x"), "k"),
        (("EXISTS", bulk([b"kk", b"l"])), "kk"),
        (("MEMORY", "USAGE", "k", "SAMPLES", 5), "k"),
        (("TIME",), None),
        (("PUBLISH", "channel", "x"), None),
        (("SCRIPT", "LOAD", "x"), None),
        (("CLIENT", "TRACKING", "OFF"), None),
    ],
)
def test_command_goes_where_its_first_key_is(command: tuple[Any, ...], key: str | bytes | None) -> None:
    """A channel, a script and a digest are no keys."""
    assert slot_of_command(command) == (None if key is None else slot_of(key))


def test_node_that_is_away_is_looked_at_by_one_after_each_pause() -> None:
    """All others are told at once why it is not asked; pauses grow up to a bound, and end with its first answer."""
    away = Away()
    assert away.why_not(A, 0.0) == ""
    away.failed(A, "why", 0.0)
    assert (A in away, B in away) == (True, False)
    assert away.why_not(A, FIRST_S - 0.01) == "why"
    assert away.why_not(A, FIRST_S) == ""
    assert away.why_not(A, FIRST_S) == "why"  # somebody else looks
    for _ in range(10):
        away.failed(A, "still", 100.0)
    assert away.why_not(A, 100.0 + LONGEST_S - 0.01) == "still"
    assert away.why_not(A, 100.0 + LONGEST_S) == ""
    away.failed(B, "why", 0.0)
    away.forget({A})
    assert away.reasons() == {A: "still"}
    away.answered(A)
    assert away.reasons() == {}


class Meanwhile(Container[object]):
    """Holds *names*; while somebody looks into it, another thread does *what* it does."""

    def __init__(self, names: Collection[object], what: Callable[[], None]) -> None:
        self._names = names
        self._what = what

    def __contains__(self, name: object) -> bool:
        self._what()
        return name in self._names


def test_node_that_fails_while_others_are_forgotten_disturbs_nobody() -> None:
    """Any thread may tell of one at any time."""
    away = Away()
    away.failed(A, "why", 0.0)
    away.forget(cast("Collection[Node]", Meanwhile([B], lambda: away.failed(B, "why", 0.0))))
    assert away.reasons() == {B: "why"}


def test_server_that_is_met_while_others_are_forgotten_disturbs_nobody() -> None:
    """A lane met one that was promoted just now, while a claim sorts out who is there."""
    clock = ServerClock(60.0)
    clock.compare(clock.now_ms(), clock.now_ms(), "gone")
    clock.keep(cast("Collection[str]", Meanwhile(["new"], lambda: clock.compare(0, clock.now_ms(), "new"))))
    assert list(clock._last) == ["new"]
