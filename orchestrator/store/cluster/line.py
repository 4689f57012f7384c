"""A line on a cluster: its connection leads to the node that has the slot of the brand's queue.

What that node did not execute, because the slot moves or has moved, is sent again before anybody is told, with all that
follows it on the line: every command on a line may come twice. The connection is then made to the new node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from orchestrator.store.cluster.exchange import exchange
from orchestrator.store.cluster.redirects import redirect_of
from orchestrator.store.line import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.connection import Connection, ConnectionInterface

    from orchestrator.contract.address import Node
    from orchestrator.store.client import Pool
    from orchestrator.store.cluster.topology import Topology
    from orchestrator.store.line import Reply


class Place:
    """Where a line's connection comes from: the node that has the *slot* by then. For one line."""

    def __init__(self, topology: Topology, slot: int) -> None:
        self._topology = topology
        self._slot = slot
        self._node: Node | None = None
        self._pool: Pool | None = None

    @property
    def node(self) -> Node | None:
        """That of the last connection."""
        return self._node

    def get_connection(self) -> Connection:
        """A connection to the owner of the slot."""
        self._node = self._topology.owner(self._slot)
        self._pool, connection = self._topology.connection(self._node)
        return connection

    def release(self, connection: ConnectionInterface) -> None:
        """Take it back."""
        if self._pool is not None:
            self._pool.release(connection)

    def renew(self) -> None:
        """A replica of a cluster sends on, and refuses nothing: there is nothing to make anew."""

    def failed(self, error: Exception) -> None:
        """The exchange broke off."""
        if self._node is not None and isinstance(error, RedisError | OSError):
            self._topology.failed(self._node, error)


class ClusterLine(Line):
    """One connection of one session on a cluster."""

    def __init__(self, topology: Topology, slot: int) -> None:
        self._place = Place(topology, slot)
        self._topology = topology
        super().__init__(self._place)

    @property
    def server(self) -> str:
        """The node of the last connection."""
        return str(self._place.node or "")

    def _heard(self, connection: Connection, reply: Reply[Any], replies: list[Any]) -> None:
        """Send again what was not executed, and all that was sent after it, so that it still comes after it."""
        node = self._place.node
        at = next((place for place, one in enumerate(replies) if node and redirect_of(one, node)), None)
        if at is None:
            return
        following: Sequence[Reply[Any]] = list(self._unread)
        for one in following:
            one.take(connection)  # what came too early
        commands = [*reply.commands[at:], *(command for one in following for command in one.commands)]
        found = exchange(self._topology, commands)
        first = len(reply.commands) - at
        replies[at:], rest = found[:first], found[first:]
        for one in following:
            one.have(rest[: len(one.commands)])
            rest = rest[len(one.commands) :]
        self._unread.clear()

    def _broken(self, error: Exception) -> None:
        self._place.failed(error)
