"""A client of a cluster that looks to everybody else like one of a single server.

Commands go where their keys are. Those without a key go to any master that answers; ``SCAN`` goes through all of them,
and ``SCRIPT LOAD`` to all. A transaction has keys of one slot. Nothing is sent again that may have been executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.exceptions import RedisError

from orchestrator.contract.layout import CLUSTER
from orchestrator.contract.slots import slot_of
from orchestrator.errors import StoreError
from orchestrator.store.client import Pool, connection_options
from orchestrator.store.cluster import exchange as exchanges
from orchestrator.store.cluster.line import ClusterLine
from orchestrator.store.cluster.topology import Topology

if TYPE_CHECKING:
    from redis.connection import Connection, ConnectionInterface

    from orchestrator.contract.address import Address, Node
    from orchestrator.store.client import Login
    from orchestrator.store.line import Line
    from orchestrator.store.wire import Command

_MASTER_BITS: Final = 10
"""Of a cursor of SCAN, for the place of the master among all; the rest is the cursor of that master."""


class ClusterPool(Pool):
    """What stands in the place of a pool: the way to all nodes.

    Args:
        topology: of the cluster.
        options: of connections, as redis-py wants to see them; none is made with them.
    """

    def __init__(self, topology: Topology, **options: Any) -> None:
        super().__init__(**options)
        self.topology = topology
        self._lent: dict[ConnectionInterface, Pool] = {}

    def get_connection(self, command_name: str | None = None, *keys: object, **options: object) -> Connection:
        """A connection to any master that answers: for subscriptions, which hear what any node publishes."""
        del command_name, keys, options
        pool, connection = self.topology.connection(self.topology.any_master())
        self._lent[connection] = pool
        return connection

    def release(self, connection: ConnectionInterface) -> None:
        """Take *connection* back; one that was given back already is nobody's to give."""
        pool = self._lent.pop(connection, None)
        if pool is not None:
            pool.release(connection)

    def renew(self) -> None:
        """Make every connection anew before its next use, and find out again who has which slot."""
        self.renewals += 1
        self.topology.renew()

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as the library has it
        """Close every connection."""
        del inuse_connections
        self.topology.close()

    def exchange(self, commands: Sequence[Command], *, patient: bool = True) -> list[Any]:
        """See :func:`~orchestrator.store.cluster.exchange.exchange`."""
        return exchanges.exchange(self.topology, commands, patience_s=exchanges.PATIENCE_S if patient else 0.0)

    def line(self, key: str) -> Line:
        """A line to the node of *key*."""
        return ClusterLine(self.topology, slot_of(key))

    def load(self) -> None:
        """Teach all masters that answer the scripts."""
        away = self.topology.away
        exchanges.load(self.topology, [node for node in self.topology.masters() if node not in away])


class ClusterClient(redis.Redis):
    """A client of a cluster; made by :func:`connect_cluster`.

    Attributes:
        layout: of keys.
    """

    layout = CLUSTER
    connection_pool: ClusterPool

    @property
    def topology(self) -> Topology:
        """Who has which slot."""
        return self.connection_pool.topology

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command to where it belongs, and return what its reply means."""
        name = args[0]
        if name == "SCAN":
            return self._scan(*args, **options)
        if name == "SCRIPT LOAD":
            self.connection_pool.load()
            return ""
        (reply,) = exchanges.exchange(self.topology, [_words(args)], scripted=False)
        return self._meaning(args, options, reply)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> ClusterPipeline:  # noqa: FBT001, FBT002
        """As the library's; a transaction has keys of one slot."""
        return ClusterPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def on(self, node: Node) -> redis.Redis:
        """A client of *node* alone, which follows no redirections."""
        return redis.Redis(connection_pool=self.topology.pool(node))

    def _scan(self, name: str, told: str, *args: Any, **options: Any) -> Any:
        """One step through the names of all masters, one after the other."""
        masters, cursor = self.topology.masters(), int(told)
        place, within = cursor & ((1 << _MASTER_BITS) - 1), cursor >> _MASTER_BITS
        if place >= len(masters):  # there were more when it began
            return 0, []
        (reply,) = exchanges.exchange(self.topology, [(name, within, *args)], nodes=[masters[place]])
        within, found = self._meaning((name,), options, reply)
        if within:
            return within << _MASTER_BITS | place, found
        return (place + 1 if place + 1 < len(masters) else 0), found

    def _meaning(self, args: Sequence[Any], options: dict[str, Any], reply: Any) -> Any:
        if isinstance(reply, Exception):
            raise reply
        return _meant(self.response_callbacks, args, options, reply)


class ClusterPipeline(redis.client.Pipeline):
    """Commands that are sent together, each to where its key is; or one transaction, in one slot."""

    connection_pool: ClusterPool

    def immediate_execute_command(self, *_args: Any, **_options: Any) -> Any:
        """WATCH, and what comes between it and MULTI, is not for a cluster here."""
        raise RedisError("WATCH is not used on a cluster: use a script")

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - as the library has it
        """Send all, and return what the replies mean; errors raise, or are among them."""
        stack = self.command_stack
        if not stack:
            return []
        commands = [_words(args) for args, _ in stack]
        topology = self.connection_pool.topology
        try:
            if bool(self.transaction):  # an argument, whose name is a method's in the library
                replies = exchanges.transact(topology, commands)
            else:
                replies = exchanges.exchange(topology, commands, scripted=False)
        finally:
            self.reset()
        if raise_on_error:
            for number, reply in enumerate(replies):
                if isinstance(reply, StoreError):
                    raise reply
                if isinstance(reply, Exception):
                    self.annotate_exception(reply, number + 1, stack[number][0])  # type: ignore[no-untyped-call]
                    raise reply
        return [
            reply if isinstance(reply, Exception) else _meant(self.response_callbacks, args, options, reply)
            for (args, options), reply in zip(stack, replies, strict=True)
        ]


def connect_cluster(address: Address, *, timeout_s: float, pool_size: int, login: Login) -> ClusterClient:
    """A client of the cluster at *address*, with at most *pool_size* connections to each node. Nothing is sent yet."""
    options = connection_options(address, timeout_s=timeout_s, login=login)
    topology = Topology(address.nodes, partial(_pool, options, pool_size, timeout_s))
    first = address.nodes[0]._asdict()
    client = ClusterClient(connection_pool=ClusterPool(topology, **options, **first, max_connections=1, timeout=0))
    client.auto_close_connection_pool = True
    return client


def _pool(options: dict[str, Any], pool_size: int, timeout_s: float, node: Node, within_s: float | None) -> Pool:
    """Connections to *node*; those of a look at it end *within_s*."""
    if within_s is not None:
        timeout_s, pool_size = min(timeout_s, within_s), 2
    limits = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    return Pool(**options | limits | node._asdict() | {"max_connections": pool_size, "timeout": timeout_s})


def _words(args: Sequence[Any]) -> Command:
    """*args* with the words of the command apart, as it is sent."""
    return (*str(args[0]).split(), *args[1:])


def _meant(callbacks: Any, args: Sequence[Any], options: dict[str, Any], reply: Any) -> Any:
    """What the library makes of *reply*."""
    callback = callbacks.get(args[0])
    wanted = {name: value for name, value in options.items() if name != "keys"}
    return reply if callback is None else callback(reply, **wanted)
