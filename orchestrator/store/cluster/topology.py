"""The nodes of one cluster: who has which slot, a pool of connections to each, and which of them are away.

Owns when the map of slots is read again: when a reply or a failure says that it is out of date, and when somebody asks
for it, but never more often than :data:`REFRESH_S`, and by one thread at a time. Thread-safe. Nothing is sent to a node
here but questions about the cluster.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import AuthenticationError, AuthorizationError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from orchestrator.errors import StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store.client import NO_CONNECTION, translate, translated
from orchestrator.store.cluster import slot_map
from orchestrator.store.cluster.away import Away
from orchestrator.store.line import exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from redis.connection import Connection

    from orchestrator.contract.address import Node
    from orchestrator.store.client import Pool
    from orchestrator.store.cluster.slot_map import SlotMap

REFRESH_S: Final = 0.2
"""Least time between two readings of the map."""

LOOK_TIMEOUT_S: Final = 1.0
"""A node that has not told its map by then is passed over: another one knows it as well."""

PROBE_TIMEOUT_S: Final = 0.25
"""A node that was away has to give a sign of life within this, before anything is sent to it again."""


@dataclass(frozen=True, slots=True)
class NodeStatistics:
    """How one master stands.

    Attributes:
        node: which.
        share: of all slots that it has.
        replicas: how many it has.
        away: why it is not asked; empty while it answers.
    """

    node: Node
    share: float
    replicas: int
    away: str


@dataclass(frozen=True, slots=True)
class ClusterStatistics:
    """How a cluster stands.

    Attributes:
        masters: those that have slots.
        covered: the share of slots that somebody has.
        changes: how often slots had another owner than before.
    """

    masters: tuple[NodeStatistics, ...]
    covered: float
    changes: int


class Topology:
    """Who has which slot, and how to get there.

    Args:
        seeds: nodes to begin with.
        make_pool: makes the connections to a node, with that time-out in seconds if one is given.
        clock: seconds, monotonic.

    Attributes:
        away: nodes that do not answer.
        changes: how often slots had another owner than before.
    """

    def __init__(
        self,
        seeds: Sequence[Node],
        make_pool: Callable[[Node, float | None], Pool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.away = Away()
        self.changes = 0
        self._seeds = tuple(seeds)
        self._make_pool = make_pool
        self._clock = clock
        self._map = slot_map.NOBODY
        self._told: tuple[Node, Any] | None = None
        self._read = self._map
        self._pools: dict[Node, Pool] = {}
        self._observers: dict[Node, Pool] = {}
        self._lock = threading.Lock()  # of the pools and the map
        self._looking = threading.Lock()
        self._stale = True
        self._turn = 0
        self._looked_s = float("-inf")

    # -- the map

    def owner(self, slot: int) -> Node:
        """The master of *slot*.

        Raises:
            StoreUnavailableError: nobody has it, or no node could be asked.
            StoreRefusedError: what answers is no cluster, or refuses us.
        """
        if self._stale:
            self.refresh()
        node = self._map.owners[slot]
        if node is None:
            self.doubt()
            raise StoreUnavailableError(f"no node of the cluster has slot {slot}: every slot needs a master")
        return node

    def masters(self) -> tuple[Node, ...]:
        """The masters that have slots; raises as :meth:`owner`."""
        if self._stale:
            self.refresh()
        return self._map.masters

    def any_master(self) -> Node:
        """A master that answers, if there is one; raises as :meth:`owner`."""
        return self._map_of_masters()[1]

    def any_slot(self) -> int:
        """One of its slots."""
        now, node = self._map_of_masters()
        return now.owners.index(node)

    def _map_of_masters(self) -> tuple[SlotMap, Node]:
        if self._stale:
            self.refresh()
        now = self._map
        masters = now.masters
        if not masters:
            self.doubt()
            raise StoreUnavailableError("no node of the cluster has any slots")
        return now, next((node for node in masters if node not in self.away), masters[0])

    def nodes(self) -> list[Node]:
        """Masters and replicas, by what is known."""
        return sorted(self._map.nodes)

    def told_away(self, node: Node, reason: str) -> None:
        """Somebody found out that *node* does not answer."""
        self.doubt()
        if node not in self.away:
            self.away.failed(node, reason, self._clock())

    def statistics(self) -> ClusterStatistics:
        """How the cluster stands, by what is known; nobody is asked."""
        now, away = self._map, self.away.reasons()
        shares = now.shares
        return ClusterStatistics(
            tuple(
                NodeStatistics(node, shares[node], len(now.replicas.get(node, ())), away.get(node, ""))
                for node in now.masters
            ),
            sum(shares.values()),
            self.changes,
        )

    def count_away(self, slots: Iterable[int]) -> int:
        """How many of *slots* have no master, or one that is away; nobody is asked."""
        away, owners = self.away.reasons(), self._map.owners
        if not away and None not in owners:
            return 0
        return sum(owners[slot] is None or owners[slot] in away for slot in slots)

    def moved(self, slot: int, node: Node) -> None:
        """*slot* is at *node* now, as a node said that had it before."""
        with self._lock:
            if self._map.owners[slot] != node:
                self._map = self._map.moved(slot, node)
                self.changes += 1
        # Where one slot went others may have gone, and a promotion moves all of a master's.
        self._stale = True

    def doubt(self) -> None:
        """The map may be out of date; whoever needs it next reads it again, from another node."""
        self._turn += 1
        self._stale = True

    def refresh(self) -> None:
        """Read the map again, unless that was done just now or is being done; raises as :meth:`owner`."""
        first = self._map is slot_map.NOBODY
        if not first and self._clock() - self._looked_s < REFRESH_S:
            return
        # Whoever has a map goes on with it while somebody else reads a new one.
        if not self._looking.acquire(blocking=first):
            return
        try:
            if not first or self._map is slot_map.NOBODY:
                self._looked_s = self._clock()
                self._look()
        finally:
            self._looking.release()

    def look_again(self) -> tuple[Node, ...]:
        """The masters, by a map that is read again now if that may be; raises as :meth:`owner`."""
        self._stale = True
        return self.masters()

    def _look(self) -> None:
        self._stale = False  # before it is read: what is found out meanwhile wants another reading
        failure: StoreError = StoreUnavailableError("no node of the cluster is known")
        for node in self._in_turn():
            try:
                self._take_over(self._ask(node))
            except StoreError as error:
                failure = error
            else:
                return
        self._stale = True
        if self._map is slot_map.NOBODY:
            raise failure

    def _in_turn(self) -> list[Node]:
        """All nodes, those first that are most likely to know."""
        known = self._map.masters
        at = self._turn % max(1, len(known))
        nodes = dict.fromkeys((*known[at:], *known[:at], *sorted(self._map.nodes), *self._seeds))
        return sorted(nodes, key=lambda node: node in self.away)

    def _ask(self, node: Node) -> SlotMap:
        (reply,) = self._observe(node, ("CLUSTER", "SLOTS"))
        if isinstance(reply, Exception):
            error = translate(reply)
            if "cluster support disabled" in str(error):
                raise StoreRefusedError(
                    f"{node} is no node of a cluster: for this server REDIS_URL is redis://{node}, without +cluster"
                )
            raise error
        if (node, reply) == self._told:  # as twice a second, as long as nothing moves
            return self._read
        try:
            found = slot_map.read(reply, node)
        except ValueError as error:
            raise StoreUnavailableError(f"{node}: {error}") from None
        # One that was taken out of the cluster, or came back without its file, answers as if nobody had any.
        if not found.replicas:
            raise StoreUnavailableError(f"{node} knows of no master that has slots")
        self._told, self._read = (node, reply), found
        return found

    def _observe(self, node: Node, *commands: tuple[str, ...]) -> list[Any]:
        """What *node* says soon, on a connection that is kept for that."""
        pool = self._observers.get(node)
        if pool is None:
            pool = self._observers.setdefault(node, self._make_pool(node, LOOK_TIMEOUT_S))
        return exchange(pool, commands)

    def _take_over(self, found: SlotMap) -> None:
        with self._lock:
            before, self._map = self._map, found
            if before is not slot_map.NOBODY and not found.same(before):
                self.changes += 1
            gone = self._pools.keys() - found.nodes
            left = [self._pools.pop(node) for node in gone]
        self.away.forget(found.nodes)
        for pool in left:
            pool.renew()  # those in use are closed when they are given back
        for node in [node for node in self._observers if node not in found.nodes]:
            with suppress(RedisError, OSError):
                self._observers.pop(node).disconnect()

    # -- connections

    def connection(self, node: Node) -> tuple[Pool, Connection]:
        """A connection to *node*, to be given back to the pool that comes along.

        Raises:
            StoreUnavailableError: the node is away, or all connections are in use.
            StoreRefusedError: it refuses us.
        """
        reason = self.away.why_not(node, self._clock())
        if reason:
            self.doubt()  # it may have been replaced
            raise StoreUnavailableError(f"{node} is away: {reason}")
        if node in self.away:
            self._probe(node)
        pool = self.pool(node)
        try:
            return pool, pool.get_connection()
        except (RedisError, OSError) as error:
            if _is_about_node(error):
                self._absent(node, error)
            raise named(node, error) from None

    def apart(self, node: Node) -> Connection:
        """A connection of the caller's own, of no pool, that is still to be made."""
        return self._make_pool(node, None).make_connection()  # type: ignore[no-untyped-call, no-any-return]

    def pool(self, node: Node) -> Pool:
        """The connections to *node*."""
        pool = self._pools.get(node)
        if pool is None:
            with self._lock:
                pool = self._pools.get(node)
                if pool is None:
                    pool = self._pools[node] = self._make_pool(node, None)
        return pool

    def failed(self, node: Node, error: Exception) -> None:
        """*node* broke an exchange off with *error*, or said nothing in time."""
        if isinstance(error, RedisTimeoutError | TimeoutError):
            self._absent(node, error)
        else:  # a connection that was closed says nothing about the next one
            self.doubt()

    def _absent(self, node: Node, error: Exception) -> None:
        self.doubt()
        self.away.failed(node, str(translate(error)), self._clock())

    def _probe(self, node: Node) -> None:
        pool = self._make_pool(node, PROBE_TIMEOUT_S)
        try:
            with translated():
                connection = pool.get_connection()
                try:
                    connection.send_command("PING")  # type: ignore[no-untyped-call]
                    connection.read_response()
                finally:
                    pool.release(connection)
        except StoreUnavailableError as error:
            self.doubt()
            self.away.failed(node, str(error), self._clock())
            raise StoreUnavailableError(f"{node} is away: {error}") from None
        except StoreRefusedError:
            pass  # it answers
        finally:
            pool.disconnect()
        self.away.answered(node)

    def renew(self) -> None:
        """Make every connection anew before its next use, and read the map again."""
        with self._lock:
            pools = [*self._pools.values(), *self._observers.values()]
        for pool in pools:
            pool.renew()
        self.doubt()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            pools = [*self._pools.values(), *self._observers.values()]
            self._pools.clear()
            self._observers.clear()
        for pool in pools:
            pool.disconnect()


def named(node: Node, error: Exception) -> StoreError:
    """The error of ours that *error* of *node* means, which says of which node it is."""
    meant = translate(error)
    return type(meant)(f"{node}: {meant}")


def _is_about_node(error: Exception) -> bool:
    """Whether *error* means that the node is away: not that all connections are in use, nor that it refuses us."""
    return NO_CONNECTION not in str(error) and not isinstance(error, AuthenticationError | AuthorizationError)
