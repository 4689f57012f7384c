"""Redis servers on ports of the loopback device: one by itself, or masters of a cluster, reached in the same way.

No unix socket for the one: a cluster has none, and what a socket saves would count against the cluster.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis

from bench._service import free_port
from orchestrator.store.embedded import find_servers

SLOTS = 16_384
_DEADLINE_S = 30.0
_POLL_S = 0.02
_SCRIPTS = (
    "cmdstat_evalsha"  # what scripts call in their turn is counted by itself as well: the sum of all would be too much
)


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs.

    Attributes:
        url: for the service and its clients.
        nodes: a plain client of each server.
    """

    url: str
    nodes: Sequence[redis.Redis]

    def cpu_s(self) -> float:
        """Seconds of processor time of the servers so far."""
        infos: list[Any] = [node.info("cpu") for node in self.nodes]
        return sum(float(info["used_cpu_user"]) + float(info["used_cpu_sys"]) for info in infos)

    def scripts(self) -> tuple[int, float]:
        """How many scripts were called so far, and seconds that they took by the servers' own account."""
        told = [scripts_of(node) for node in self.nodes]
        return sum(calls for calls, _ in told), sum(seconds for _, seconds in told)


def scripts_of(node: redis.Redis) -> tuple[int, float]:
    """How many scripts were called at *node* so far, and seconds that they took by its own account."""
    info: Any = node.info("commandstats")
    told = info.get(_SCRIPTS, {"calls": 0, "usec": 0})
    return int(told["calls"]), float(told["usec"]) / 1e6


@contextmanager
def servers(masters: int) -> Iterator[Servers]:
    """Servers without an append-only file, gone at the end.

    Args:
        masters: of a cluster; 0: one server that is none.
    """
    with ExitStack() as stack:
        ports = [free_port() for _ in range(max(1, masters))]
        for port in ports:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-node-")))
            stack.callback(_ended, _started(folder, port, free_port() if masters else 0))
        nodes = [redis.Redis(port=port, socket_timeout=None) for port in ports]
        for node in nodes:
            stack.callback(node.close)
            _wait_for(node.ping)
        if masters:
            _join(nodes, ports)
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Servers(f"redis+cluster://{hosts}" if masters else f"redis://{hosts}", nodes)


def _started(folder: Path, port: int, bus_port: int) -> subprocess.Popen[bytes]:
    command = [str(find_servers()[0]), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    if bus_port:
        command += ["--cluster-enabled", "yes", "--cluster-port", str(bus_port)]
        command += ["--cluster-require-full-coverage", "no"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _join(nodes: Sequence[redis.Redis], ports: Sequence[int]) -> None:
    bus_port: Any = nodes[0].config_get("cluster-port")
    for number, node in enumerate(nodes):
        low, high = (SLOTS * end // len(nodes) for end in (number, number + 1))
        _tell(node, "CLUSTER SET-CONFIG-EPOCH", number + 1)
        _tell(node, "CLUSTER ADDSLOTSRANGE", low, high - 1)
        if number:
            _tell(node, "CLUSTER MEET", "127.0.0.1", ports[0], bus_port["cluster-port"])
    for node in nodes:
        _wait_for(partial(_serves, node, len(nodes)))


def _serves(node: redis.Redis, masters: int) -> bool:
    info: Any = _tell(node, "CLUSTER INFO")
    told = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return told["cluster_state"] == "ok" and int(told["cluster_size"]) == masters


def _tell(node: redis.Redis, *command: Any) -> Any:
    return node.execute_command(*command)  # type: ignore[no-untyped-call]


def _wait_for(met: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline_s:
        with suppress(redis.ConnectionError):
            if met():
                return
        time.sleep(_POLL_S)
    raise RuntimeError(f"the servers are not ready after {_DEADLINE_S:g} s")
