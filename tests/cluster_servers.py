"""A real Redis Cluster of a test's own: masters, replicas, and slots that move.

Built by hand, as ``CLUSTER MEET``, ``ADDSLOTSRANGE`` and ``REPLICATE`` want it, because the command line tool asks for
replicas, takes seconds, and speaks no ACL. Every node has a folder of its own: a replica's full synchronisation leaves
a snapshot in it, which the next server would load.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING, Any, Self, cast

from orchestrator.errors import StoreError
from orchestrator.store import Login, checked, connect, translated
from orchestrator.store.line import exchange
from tests.redis_server import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    import redis

    from orchestrator.store.client import Pool

SLOTS = 16_384
START_TIMEOUT_S = 20.0
NODE_TIMEOUT_MS = 1_000
"""Silence after which a node is taken to be dead."""


@dataclass(frozen=True)
class ClusterGuise:
    """What TLS and access lists add.

    Attributes:
        arguments: of every node.
        scheme: of its address.
        query: behind its address.
        login: of the tests' own clients, who may do everything.
        prefix: of the option that names a port: ``tls-`` for TLS.
    """

    arguments: Sequence[str] = ()
    scheme: str = "redis"
    query: str = ""
    login: Login = field(default_factory=Login)
    prefix: str = ""


class ClusterNode:
    """One node on ports of the loopback device; the same ones after a restart."""

    def __init__(self, program: Path, port: int, bus_port: int, guise: ClusterGuise) -> None:
        self.program = program
        self.port = port
        self.bus_port = bus_port
        self.guise = guise
        self.folder = Path(tempfile.mkdtemp(prefix="orchestrator-node-"))
        self.process: Popen[bytes] | None = None
        self.stopped = False

    @property
    def address(self) -> str:
        """As the cluster names it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Of this node alone."""
        return f"{self.guise.scheme}://{self.address}{self.guise.query}"

    def spawn(self) -> None:
        """Start it; :meth:`await_answer` says when it answers."""
        command = [
            *(
                str(self.program),
                "--port",
                "0",
                f"--{self.guise.prefix}port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(self.folder),
            ),
            *("--save", "", "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
            *("--cluster-port", str(self.bus_port), "--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
            *("--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"),
            *("--repl-diskless-sync-delay", "0", *self.guise.arguments),
        ]
        with (self.folder / "node.log").open("ab") as log:
            self.process = Popen(command, stdin=DEVNULL, stdout=log, stderr=log, process_group=0)

    def await_answer(self) -> None:
        """Return when it answers."""
        wait_for(self.answers, f"an answer of {self.address}: {self.folder / 'node.log'}")

    def answers(self) -> bool:
        """Whether it answers a command."""
        with suppress(StoreError):
            return bool(self.ask("PING"))
        return False

    def client(self) -> redis.Redis:
        """A plain client of this node, which follows no redirections."""
        return connect(self.url, timeout_s=10.0, pool_size=2, login=self.guise.login)

    def ask(self, *command: Any) -> Any:
        """What it answers, as it stands on the wire."""
        with self.client() as client, translated():
            return checked(exchange(cast("Pool", client.connection_pool), [command])[0])

    @property
    def node_id(self) -> str:
        """As the cluster knows it."""
        return str(self.ask("CLUSTER", "MYID").decode())

    def kill(self) -> None:
        """Kill -9 and reap it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Have it hang: it is there and answers nobody."""
        assert self.process is not None
        self.process.send_signal(SIGSTOP)
        self.stopped = True

    def go_on(self) -> None:
        """Have it go on."""
        assert self.process is not None
        self.process.send_signal(SIGCONT)
        self.stopped = False


class ClusterServers:
    """Masters that share all slots evenly, each with so many replicas.

    Args:
        masters: how many.
        replicas: of each master.
        program: which server; the first of :func:`tests.redis_server.servers` if None.
        guise: how they are set up beyond that.
    """

    def __init__(
        self, masters: int = 3, replicas: int = 0, *, program: Path | None = None, guise: ClusterGuise | None = None
    ) -> None:
        self._masters = masters
        self._replicas = replicas
        self.program = program or servers()[0]
        self.guise = guise or ClusterGuise()
        ports = free_ports(2 * masters * (1 + replicas))
        self.nodes = [
            ClusterNode(self.program, port, bus, self.guise) for port, bus in zip(ports[::2], ports[1::2], strict=True)
        ]

    @property
    def url(self) -> str:
        """Of the cluster."""
        return f"{self.guise.scheme}+cluster://" + ",".join(node.address for node in self.nodes) + self.guise.query

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._remove)
            for node in self.nodes:
                node.spawn()
            for node in self.nodes:
                node.await_answer()
            self._join()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        for node in self.nodes:
            node.kill()
            shutil.rmtree(node.folder, ignore_errors=True)

    def _join(self) -> None:
        masters, first = self.nodes[: self._masters], self.nodes[0]
        bounds = [SLOTS * number // len(masters) for number in range(len(masters) + 1)]
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for number, node in enumerate(masters):
            node.ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        wait_for(lambda: all(self._knows(node) == len(self.nodes) for node in self.nodes), "all nodes to know all")
        for number, node in enumerate(self.nodes[self._masters :]):
            node.ask("CLUSTER", "REPLICATE", masters[number % len(masters)].node_id)
        wait_for(lambda: all(map(self._serves, self.nodes)), "the cluster to serve")

    def _knows(self, node: ClusterNode) -> int:
        lines = node.ask("CLUSTER", "NODES").decode().splitlines()
        return sum("handshake" not in line and " connected" in line for line in lines)

    def _serves(self, node: ClusterNode) -> bool:
        info = node.ask("CLUSTER", "INFO").decode()
        replication = node.ask("INFO", "replication").decode()
        is_linked = "role:master" in replication or "master_link_status:up" in replication
        replicas = node.ask("CLUSTER", "NODES").decode().count("slave")
        known = f"cluster_size:{self._masters}" in info and replicas == self._masters * self._replicas
        return "cluster_state:ok" in info and is_linked and known

    def whole(self) -> bool:
        """Whether all nodes serve, and every replica has what its master has."""
        return all(map(self._serves, self.nodes))

    # -- who has what

    def alive(self) -> list[ClusterNode]:
        """The nodes that run."""
        return [node for node in self.nodes if node.process is not None and not node.stopped]

    def owner(self, slot: int) -> ClusterNode:
        """The master of *slot*, as the first node that answers has it."""
        for low, high, (_, port, *_), *_ in self.alive()[0].ask("CLUSTER", "SLOTS"):
            if low <= slot <= high:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody has slot {slot}")

    def masters(self) -> list[ClusterNode]:
        """The nodes that have slots and run."""
        return [node for node in self.alive() if b"role:master" in node.ask("INFO", "replication")]

    def replica_of(self, master: ClusterNode) -> ClusterNode:
        """A node that follows *master*."""
        follows = f"master_port:{master.port}\r".encode()
        return next(node for node in self.alive() if follows in node.ask("INFO", "replication"))

    def other_than(self, node: ClusterNode) -> ClusterNode:
        """Another master."""
        return next(other for other in self.masters() if other is not node)

    # -- moving slots

    def open_slot(self, slot: int) -> tuple[ClusterNode, ClusterNode]:
        """Have *slot* half way between its owner and another master, without moving a key; these two."""
        source = self.owner(slot)
        target = self.other_than(source)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.node_id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.node_id)
        return source, target

    def move_keys(self, slot: int, source: ClusterNode, target: ClusterNode, *names: str) -> None:
        """Move those keys of the open *slot*, all if none is named."""
        keys: Iterator[Any] = iter(names or source.ask("CLUSTER", "GETKEYSINSLOT", slot, 10_000))
        for key in keys:
            source.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 10_000)

    def close_slot(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Give *slot* to *target*: it learns of that first, so that at no time nobody has it."""
        for node in (target, source, *(one for one in self.masters() if one not in {source, target})):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.node_id)
        wait_for(lambda: self.owner(slot) is target, f"slot {slot} to have its new owner everywhere")

    def move_slot(self, slot: int) -> ClusterNode:
        """Move *slot* with its keys to another master, which is returned."""
        source, target = self.open_slot(slot)
        self.move_keys(slot, source, target)
        self.close_slot(slot, source, target)
        return target


def free_ports(count: int) -> list[int]:
    """Ports of the loopback device that nobody listens on, and that the system hands out to nobody by itself."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for(met: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Poll until *met*."""
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
