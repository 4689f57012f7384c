"""Real servers behind real sentinels: a primary, a replica and three sentinels on ports of this machine."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING, Any, Self

import redis

from tests.redis_server import RedisServer, servers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

SERVICE = "mymaster"
DEADLINE_S = 60.0
_SENTINELS = 3


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return once *condition* holds; an error of a client means that it does not yet."""
    deadline = time.monotonic() + DEADLINE_S
    while not _holds(condition):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except (redis.RedisError, OSError):
        return False


@dataclass(frozen=True)
class Guise:
    """What TLS and access lists add.

    Attributes:
        arguments: of every server.
        lines: of every sentinel's file.
        at_servers: options of the tests' own clients of servers, a password or the like.
        at_sentinels: the same for sentinels.
        prefix: of the option that names a port: ``tls-`` for TLS.
    """

    arguments: Sequence[str] = ()
    lines: Sequence[str] = ()
    at_servers: Mapping[str, Any] = field(default_factory=dict)
    at_sentinels: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""


class Sentinel(RedisServer):
    """One sentinel; what it is told stands in its file, which it writes anew."""

    def __init__(self, program: Path, port: int, lines: Sequence[str], guise: Guise) -> None:
        super().__init__(program)
        self.port = port
        self._options = dict(guise.at_sentinels)
        self.config = self.folder / "sentinel.conf"
        self.config.write_text(
            "\n".join(["port 0", f"{guise.prefix}port {port}", "bind 127.0.0.1", f"dir {self.folder}", *lines]) + "\n"
        )

    def start(self, *arguments: str) -> None:
        """Start it on its file, and return when it answers."""
        with (self.folder / "sentinel.log").open("ab") as log:
            command = [str(self.program), str(self.config), "--sentinel", *arguments]
            self.process = process = Popen(command, stdin=DEVNULL, stdout=log, stderr=log, process_group=0)
        wait_for(lambda: self.answers() or process.poll() is not None, f"the sentinel on {self.port} answers")
        assert process.poll() is None, (self.folder / "sentinel.log").read_text()

    def client(self, **options: Any) -> redis.Redis:
        """A plain client of the test's own."""
        return redis.Redis("127.0.0.1", self.port, socket_timeout=5, **(self._options | options))


class Watched:
    """A primary with replicas, and sentinels that watch them; the first server begins as the primary.

    Args:
        program: which server; the first that tests run on if None.
        size: servers that hold data.
        down_after_ms: silence after which a sentinel takes the primary for dead.
        failover_timeout_ms: after which they try again, and half of the least time between two failovers.
        guise: how they are set up beyond that.
    """

    def __init__(
        self,
        program: Path | None = None,
        *,
        size: int = 2,
        down_after_ms: int = 300,
        failover_timeout_ms: int = 1000,
        guise: Guise | None = None,
    ) -> None:
        program, guise = program or servers()[0], guise or Guise()
        self._at_servers, self._at_sentinels = dict(guise.at_servers), dict(guise.at_sentinels)
        self.ports = free_ports(size)
        usual = [
            "--bind",
            "127.0.0.1",
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1",
            *guise.arguments,
        ]
        self.servers = [
            RedisServer(program, [f"--{guise.prefix}port", str(port), *usual, *self._following(number)])
            for number, port in enumerate(self.ports)
        ]
        told = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.ports[0]} 2",
            f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}",
            f"sentinel failover-timeout {SERVICE} {failover_timeout_ms}",
            *guise.lines,
        ]
        self.sentinels = [Sentinel(program, port, told, guise) for port in free_ports(_SENTINELS)]
        self._stack = ExitStack()

    def _following(self, number: int) -> list[str]:
        return ["--replicaof", "127.0.0.1", str(self.ports[0])] if number else []

    def __enter__(self) -> Self:
        for server in [*self.servers, *self.sentinels]:
            self._stack.enter_context(server)
        wait_for(self.ready, "the sentinels know each other and the replicas")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def hosts(self) -> str:
        """The sentinels as they stand in an address."""
        return ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)

    @property
    def url(self) -> str:
        """The address of the primary, wherever it is."""
        return f"redis+sentinel://{self.hosts}/{SERVICE}"

    def client(self, port: int) -> redis.Redis:
        """A plain client of the server on *port*."""
        return redis.Redis("127.0.0.1", port, socket_timeout=5, **self._at_servers)

    def primary(self) -> int:
        """The port of the primary, as the first sentinel says."""
        with self.sentinels[0].client(**self._at_sentinels) as client:
            _, port = client.sentinel_get_master_addr_by_name(SERVICE)
        return int(port)

    def failovers(self) -> int:
        """How many there were, asked for or not: a busy machine may keep a primary silent for too long."""
        with self.sentinels[0].client(**self._at_sentinels) as client:
            return int(client.sentinel_master(SERVICE)["config-epoch"])

    def ready(self) -> bool:
        """Whether a failover would work: all sentinels know all others, and every replica follows the primary."""
        replicas = 0
        with self.client(self.primary()) as client:
            info = client.info("replication")
            replicas = sum(1 for number in range(len(self.servers)) if _online(info.get(f"slave{number}")))
        views = [self._view(sentinel) for sentinel in self.sentinels]
        return info["role"] == "master" and replicas == len(self.servers) - 1 and all(views)

    def _view(self, sentinel: Sentinel) -> bool:
        with sentinel.client(**self._at_sentinels) as client:
            state, replicas = client.sentinel_master(SERVICE), client.sentinel_slaves(SERVICE)
        known = state["num-other-sentinels"], state["num-slaves"], len(replicas)
        fit = all(one["master-link-status"] == "ok" and not one["is_sdown"] for one in replicas)
        wanted = _SENTINELS - 1, len(self.servers) - 1, len(self.servers) - 1
        return known == wanted and fit and not (state["is_sdown"] or state["is_odown"])

    def server(self, port: int) -> RedisServer:
        """The server on *port*."""
        return self.servers[self.ports.index(port)]

    def kill_primary(self) -> tuple[int, float]:
        """Kill -9 the primary; the port of the next one, and the seconds until all sentinels name it."""
        before = self.primary()
        started = time.monotonic()
        self.server(before).kill()
        wait_for(lambda: self.primary() != before and self._serves(self.primary()), "another primary is chosen")
        return self.primary(), time.monotonic() - started

    def _serves(self, port: int) -> bool:
        with self.client(port) as client:
            return bool(client.info("replication")["role"] == "master")

    def revive(self, port: int) -> None:
        """Start the dead server on *port* again, and return when it follows the primary."""
        self.server(port).start("--replicaof", "127.0.0.1", str(self.primary()))
        wait_for(self.ready, f"the server on {port} follows")


def _online(replica: Any) -> bool:
    return isinstance(replica, dict) and replica.get("state") == "online"
