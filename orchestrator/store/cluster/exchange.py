"""Pipelines on a cluster: each command goes to the node of its key, all replies come back in order.

Owns the sending again of what was not executed, within :data:`TRIES` and :data:`PATIENCE_S`: after that the commands
are unavailable, and the lane's own pauses take over. What got no answer is never sent again. Commands of one slot stay
in their order. Thread-safe.

A node that gives no answer costs its own commands: the error stands in place of their replies. Only if no command at
all got a reply it is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from time import sleep as pause
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ClusterCrossSlotError, NoScriptError, RedisError

from orchestrator.errors import StoreError, StoreUnavailableError
from orchestrator.store import scripts
from orchestrator.store.cluster.command_keys import slot_of_command
from orchestrator.store.cluster.redirects import Redirect, of_transaction, redirect_of
from orchestrator.store.cluster.topology import named
from orchestrator.store.line import read_reply, transmit

if TYPE_CHECKING:
    from redis.connection import Connection

    from orchestrator.contract.address import Node
    from orchestrator.store.client import Pool
    from orchestrator.store.cluster.topology import Topology
    from orchestrator.store.wire import Command

TRIES: Final = 6
"""Times that a command is sent: after a move it takes two, after one of a slot that moves three."""

PATIENCE_S: Final = 0.5
"""How long a call goes on trying: a slot is half way for milliseconds, or for so long that a lane had better wait."""

FIRST_PAUSE_S: Final = 0.005
"""Before the first repetition of what needs a moment; each one after that is twice as long."""

_ASKING: Final = ("ASKING",)
_LOADING: Final = tuple(("SCRIPT", "LOAD", script.text) for script in scripts.ALL)


@dataclass(slots=True)
class _Sent:
    """One command that has no reply yet.

    Attributes:
        place: in the pipeline.
        command: its arguments.
        slot: of its key; those without a key go where the one before them goes.
        node: where it is to be sent; None: to the owner of its slot.
        asking: whether that node takes it only after ``ASKING``.
        bound: whether it is for that node alone.
    """

    place: int
    command: Command
    slot: int
    node: Node | None = None
    asking: bool = False
    bound: bool = False


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a node said: the replies to what was sent to it, or why there are none."""

    node: Node
    sent: Sequence[_Sent]
    replies: Sequence[Any]
    error: StoreError | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """One reply, and where its command is to be sent instead; None: nowhere."""

    sent: _Sent
    reply: Any
    redirect: Redirect | None


def exchange(
    topology: Topology,
    commands: Sequence[Command],
    *,
    nodes: Sequence[Node | None] = (),
    scripted: bool = True,
    patience_s: float = PATIENCE_S,
) -> list[Any]:
    """Send *commands*, and wait for their replies; error replies are exceptions in the list.

    Args:
        topology: of which cluster.
        commands: one pipeline, which is no transaction.
        nodes: for each where to send it, and nowhere else; None: to the node of its key, as all are if there are none.
        scripted: whether every command may come twice. Then those are sent again, too, that follow in its slot on one
            that was not executed, so that they still follow on it; and scripts that a node does not know are loaded.
        patience_s: how long to wait for a slot that is half way; where it is now known to be is found out in any case.

    Raises:
        StoreError: there is no reply to any of them.
    """
    replies: list[Any] = [None] * len(commands)
    waiting = _addressed(topology, commands, nodes or [None] * len(commands))
    until_s, pause_s, reason = monotonic() + patience_s, FIRST_PAUSE_S, ""
    for attempt in range(1, TRIES + 1):
        answers: list[_Answer] = []
        for heard in _round_trip(topology, waiting):
            if heard.error is not None:
                _fill(replies, heard.sent, heard.error)
            else:
                answers += _answers(topology, heard, scripted=scripted)
        waiting = _again(answers, replies, scripted=scripted)
        found = [answer.redirect for answer in answers if answer.redirect is not None]
        later = any(redirect.later for redirect in found)
        reason = found[-1].reason if found else reason
        if not waiting:
            break
        if attempt == TRIES or (later and monotonic() + pause_s > until_s):
            _fill(replies, waiting, StoreUnavailableError(f"not executed, tried {attempt} times: {reason}"))
            break
        if later:
            pause(pause_s)
            pause_s *= 2
    if replies and all(isinstance(reply, StoreError) for reply in replies):
        raise replies[0]
    return replies


def transact(topology: Topology, commands: Sequence[Command]) -> list[Any]:
    """Send *commands* as one transaction, whose keys share a slot; the replies, those that failed as exceptions.

    Raises:
        StoreError: it was not executed, or nobody knows.
        RedisError: one of its commands was refused before it began, so none was executed.
    """
    slots = {slot for slot in map(slot_of_command, commands) if slot is not None}
    if len(slots) > 1:
        raise ClusterCrossSlotError("the keys of a transaction must share a slot")
    target = _Sent(0, (), next(iter(slots)) if slots else topology.any_slot())
    block = [("MULTI",), *commands, ("EXEC",)]
    until_s, pause_s = monotonic() + PATIENCE_S, FIRST_PAUSE_S
    for attempt in range(1, TRIES + 1):
        sent = [_ASKING, *block] if target.asking else block
        heard, *_ = _round_trip(topology, [_Sent(0, command, target.slot, target.node) for command in sent])
        if heard.error is not None:
            raise heard.error
        replies = heard.replies[len(sent) - len(block) :]
        found = of_transaction(replies, heard.node)
        if found is None:
            break
        _follow(topology, found)
        target.node, target.asking = found.node, found.asking
        if attempt == TRIES or (found.later and monotonic() + pause_s > until_s):
            raise StoreUnavailableError(f"not executed, tried {attempt} times: {found.reason}")
        if found.later:
            pause(pause_s)
            pause_s *= 2
    executed = replies[-1]
    if isinstance(executed, Exception):
        raise next((reply for reply in replies if isinstance(reply, Exception)), executed)
    return list(executed)


def load(topology: Topology, nodes: Iterable[Node]) -> None:
    """Teach *nodes* all scripts; one that gives no answer learns them when it is needed."""
    for heard in _round_trip(topology, [_Sent(0, command, 0, node) for node in nodes for command in _LOADING]):
        for reply in heard.replies:
            if isinstance(reply, Exception):
                raise named(heard.node, reply)


def _addressed(topology: Topology, commands: Sequence[Command], nodes: Sequence[Node | None]) -> list[_Sent]:
    """*commands* with their slots; those without a key go where the one before them goes, or the first that has one."""
    slots = [None if node else slot_of_command(command) for command, node in zip(commands, nodes, strict=True)]
    at = next((slot for slot in slots if slot is not None), None)
    if at is None:
        at = 0 if all(nodes) else topology.any_slot()
    found: list[_Sent] = []
    for place, (command, slot, node) in enumerate(zip(commands, slots, nodes, strict=True)):
        at = at if slot is None else slot
        found.append(_Sent(place, command, at, node, bound=node is not None))
    return found


def _round_trip(topology: Topology, waiting: Sequence[_Sent]) -> list[_Heard]:
    """Send to every node what waits for it before any of them is listened to."""
    heard: list[_Heard] = []
    groups: dict[Node, list[_Sent]] = {}
    for sent in waiting:
        try:
            groups.setdefault(sent.node or topology.owner(sent.slot), []).append(sent)
        except StoreUnavailableError as error:
            heard.append(_Heard(_NOWHERE, [sent], (), error))
    calls = [_Call(topology, node, group) for node, group in groups.items()]
    try:
        for call in calls:
            call.send()
        return [*heard, *(call.read() for call in calls)]
    finally:
        for call in calls:
            call.end()


_NOWHERE: Any = None
"""In place of a node, where there is none."""


class _Call:
    """What goes to one node and what comes from it."""

    def __init__(self, topology: Topology, node: Node, sent: Sequence[_Sent]) -> None:
        self._topology = topology
        self._node = node
        self._sent = sent
        self._held: tuple[Pool, Connection] | None = None
        self._error: StoreError | None = None
        self._unread = 0

    def send(self) -> None:
        commands = [
            command for sent in self._sent for command in ((_ASKING, sent.command) if sent.asking else (sent.command,))
        ]
        try:
            self._held = self._topology.connection(self._node)
            self._unread = len(commands)
            transmit(self._held[1], commands)
        except StoreError as error:
            self._error = error
        except (RedisError, OSError) as error:
            self._fail(error)

    def read(self) -> _Heard:
        replies: list[Any] = []
        if self._error is None and self._held is not None:
            try:
                for sent in self._sent:
                    if sent.asking:
                        read_reply(self._held[1])
                    replies.append(read_reply(self._held[1]))
                self._unread = 0
            except (RedisError, OSError) as error:
                self._fail(error)
        return _Heard(self._node, self._sent, replies, self._error)

    def end(self) -> None:
        """Give the connection back, closed unless everything on it was read."""
        if self._held is not None:
            pool, connection = self._held
            if self._unread:
                connection.disconnect()  # type: ignore[no-untyped-call]
            pool.release(connection)

    def _fail(self, error: Exception) -> None:
        self._error = named(self._node, error)
        self._topology.failed(self._node, error)


def _answers(topology: Topology, heard: _Heard, *, scripted: bool) -> list[_Answer]:
    """What a node said; where it sent on is known to the topology, and scripts that it did not know are loaded."""
    answers, loaded = [], False
    for sent, reply in zip(heard.sent, heard.replies, strict=True):
        found = None if sent.bound else redirect_of(reply, heard.node)
        if found is None and scripted and isinstance(reply, NoScriptError):
            if not loaded:  # all of them at once, however many it did not know
                load(topology, [heard.node])
            loaded = True
            found = Redirect(heard.node, asking=sent.asking, reason=f"NOSCRIPT {reply}")
        if found is not None:
            _follow(topology, found)
        answers.append(_Answer(sent, reply, found))
    return answers


def _again(answers: Iterable[_Answer], replies: list[Any], *, scripted: bool) -> list[_Sent]:
    """Take what was answered; what is to be sent again, in its order."""
    again: list[_Sent] = []
    followed: set[tuple[int, Node | None]] = set()
    # Over all nodes: while a slot is half way, what follows may have been answered by another one, too early.
    for answer in sorted(answers, key=lambda answer: answer.sent.place):
        sent, found = answer.sent, answer.redirect
        line = (sent.slot, sent.node if sent.bound else None)
        if found is not None:
            again.append(replace(sent, node=found.node, asking=found.asking))
            followed.add(line)
        elif scripted and line in followed:
            again.append(replace(sent, node=sent.node if sent.bound else None, asking=False))
        else:
            replies[sent.place] = answer.reply
    return again


def _follow(topology: Topology, redirect: Redirect) -> None:
    """Have the topology know what *redirect* says."""
    if redirect.slot >= 0 and redirect.node is not None:
        topology.moved(redirect.slot, redirect.node)
    elif redirect.later:
        topology.doubt()


def _fill(replies: list[Any], sent: Iterable[_Sent], error: StoreError) -> None:
    for each in sent:
        replies[each.place] = error
