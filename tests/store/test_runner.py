"""Pipelines that are waited for: every reply reaches the one who asked, and scripts are taught again."""

from __future__ import annotations

import pytest
from redis import exceptions

from orchestrator.errors import StoreUnavailableError
from orchestrator.store import connect, scripts
from orchestrator.store.runner import ScriptRunner, evalsha


def test_runner_discards_a_connection_after_a_timeout(redis_url: str) -> None:
    """The same for a pipeline that was sent in one piece: its second reply may come after its time-out."""
    client = connect(redis_url, timeout_s=0.2, pool_size=1)
    runner = ScriptRunner(client)
    with pytest.raises(StoreUnavailableError):
        runner.run([("ECHO", b"late"), ("BLPOP", "no such list", "0.4")])
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]
    client.close()


def test_runner_returns_an_error_reply_in_its_place(redis_url: str) -> None:
    """One refused command neither hides the replies of the others nor leaves one of them on the connection."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    runner = ScriptRunner(client)
    first, refused, last = runner.run([("ECHO", b"1"), ("LPUSH", b"no value"), ("ECHO", b"3")])
    assert (first, type(refused), last) == (b"1", exceptions.ResponseError, b"3")
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]
    client.close()


def test_runner_passes_push_messages_over(redis_url: str, brand: str) -> None:
    """A connection that Redis also sends invalidations on still gives each command its own reply."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    runner = ScriptRunner(client)
    runner.run([("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", brand)])
    assert runner.run([("SET", brand, b"1"), ("ECHO", b"mine")]) == [b"OK", b"mine"]
    runner.run([("CLIENT", "TRACKING", "OFF")])
    client.close()


def test_runner_sends_a_pipeline_again_whose_script_was_unknown(redis_url: str, brand: str) -> None:
    """As a whole: what stands beside the script runs twice, as every command of the protocol may."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    runner = ScriptRunner(client)
    client.script_flush()
    release = evalsha(scripts.RELEASE, [f"lock of {brand}", f"meta of {brand}"], "token", 0)
    released, count = runner.run([release, ("INCR", f"count of {brand}")])
    assert released[0] == b"FENCED"
    assert count == 2
    client.close()
