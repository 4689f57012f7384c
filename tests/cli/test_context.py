"""How commands find Redis, and what they say when they do not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.cli.context import load_kernel, read_settings
from orchestrator.cli.terminal import Failure
from orchestrator.store.embedded import EmbeddedRedis
from tests.cli.conftest import Invoke
from tests.redis_server import RedisServer

NEEDING_REDIS = [
    ("brands", "list"),
    ("brands", "add", "x"),
    ("brands", "remove", "x"),
    ("summary", "x"),
    ("failed", "list"),
    ("failed", "list", "x"),
    ("failed", "show", "x"),
    ("push", "-"),
]


@pytest.mark.parametrize("arguments", NEEDING_REDIS, ids=" ".join)
def test_commands_say_that_redis_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, offline: Invoke, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """One line with the address, exit code 1, no traceback."""
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none.sock")
    line = b'{"chunkId":"c","brand":"x","sentiment":{"score":1},"clusters":[]}'
    result = offline(*arguments, stdin=line)
    assert result.exit_code == 1
    error = result.stderr.splitlines()[-1]
    assert error.startswith(f"Error: Redis at unix://{tmp_path}/none.sock does not answer: ")


def test_commands_never_show_the_password(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """The address in an error is masked."""
    monkeypatch.setenv("REDIS_URL", "redis://app:s3cret@localhost:1")
    result = offline("brands", "list")
    assert "redis://app:***@localhost:1 does not answer" in result.stderr
    assert "s3cret" not in result.output


def test_commands_have_patience_with_sentinels(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """During a failover nobody is the primary; a command does not wait, and says that it is worth another try."""
    monkeypatch.setenv("REDIS_SENTINELS", "localhost:1")
    monkeypatch.setenv("REDIS_SENTINEL_MASTER", "mymaster")
    monkeypatch.setenv("REDIS_URL", "redis://app:s3cret@")
    error = offline("brands", "list").stderr
    assert error.startswith("Error: Redis at redis+sentinel://app:***@localhost:1/mymaster does not answer: ")
    assert error.endswith(
        "no sentinel answers: localhost:1: Error 111 connecting to localhost:1. Connection refused.; "
        "sentinels may be choosing another primary: try again in some seconds\n"
    )


def test_commands_on_a_replica_name_the_doctor(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """It knows what to write instead."""
    with RedisServer(arguments=["--replicaof", "127.0.0.1", "1"]) as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        error = offline("brands", "add", "x").stderr
    assert "READONLY" in error
    assert error.endswith("; 'orchestrator doctor' says what answers there\n")


def test_commands_refuse_a_nameless_embedded_server(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """A server in a temporary folder cannot be found by its address; the remedy is named."""
    monkeypatch.setenv("REDIS_URL", "embedded://")
    result = offline("brands", "list")
    assert result.exit_code == 2
    assert "embedded:///" in result.stderr


def test_commands_keep_data_in_an_embedded_folder(
    monkeypatch: pytest.MonkeyPatch, offline: Invoke, tmp_path: Path
) -> None:
    """Without a running service the server is started for each command, and its data stay."""
    monkeypatch.setenv("REDIS_URL", f"embedded://{tmp_path}/data")
    offline("brands", "add", "nike")
    assert offline("brands", "list").stdout == "nike\n"


def test_commands_join_a_running_embedded_server(
    monkeypatch: pytest.MonkeyPatch, offline: Invoke, tmp_path: Path
) -> None:
    """While the service runs on the folder, commands use its server and leave it running."""
    monkeypatch.setenv("REDIS_URL", f"embedded://{tmp_path}/data")
    with EmbeddedRedis(f"embedded://{tmp_path}/data") as server:
        offline("brands", "add", "nike")
        monkeypatch.setenv("REDIS_URL", server.url)
        assert offline("brands", "list").stdout == "nike\n"


def test_read_settings_hands_the_merge_switch_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's module reads the environment alone; a switch in .env reaches it all the same."""
    Path(".env").write_text("ORCHESTRATOR_MERGE=python\n")
    monkeypatch.setenv("ORCHESTRATOR_MERGE", "")
    read_settings()
    assert os.environ["ORCHESTRATOR_MERGE"] == "python"


def test_load_kernel_says_what_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled kernel that is demanded and missing is one line."""
    monkeypatch.setenv("ORCHESTRATOR_MERGE", "cython")
    monkeypatch.setitem(sys.modules, "orchestrator.kernels.choice", None)  # makes the import fail
    with pytest.raises(Failure, match="ORCHESTRATOR_MERGE=cython, but the merge kernel does not load"):
        load_kernel()
