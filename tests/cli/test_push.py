"""Chunks from files to queues: the good ones in order, the others reported."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.cli import push as push_module
from orchestrator.contract.keys import queue_key
from tests.cli.conftest import Invoke


def chunk(brand: str, number: int = 1, **changes: Any) -> bytes:
    """Return a small chunk as a line."""
    fields = {"chunkId": f"c-{number}", "brand": brand, "sentiment": {"score": 0.5}, "clusters": []}
    return json.dumps({**fields, **changes}).encode() + b"\n"


def test_push_fills_queues_in_order(invoke: Invoke, redis_client: redis.Redis, brand: str, tmp_path: Path) -> None:
    """Every chunk lands in its own brand's queue, byte for byte, in the file's order."""
    lines = [chunk(brand, 1), chunk(f"{brand} 2", 2), chunk(brand, 3)]
    file = tmp_path / "chunks.ndjson"
    file.write_bytes(b"".join(lines))
    result = invoke("push", str(file))
    assert result.exit_code == 0
    assert result.stdout == "Pushed 3 chunks of 2 brands.\n"
    assert redis_client.lrange(queue_key(brand), 0, -1) == [lines[0].strip(), lines[2].strip()]
    assert redis_client.lrange(queue_key(f"{brand} 2"), 0, -1) == [lines[1].strip()]


def test_push_reports_bad_lines_and_pushes_the_rest(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Number, JSON path and reason of each refused line; the exit code says that something was left out."""
    bad = [
        b"nonsense\n",
        b"\n",
        chunk(brand, sentiment={"score": "high"}),
        b'{"chunkId": "\xff"}\n',
        chunk(" padded "),
        chunk("a\x1b[2J"),
        chunk(""),
    ]
    result = invoke("push", "-", stdin=b"".join([chunk(brand, 1), *bad, chunk(brand, 2)]))
    assert result.exit_code == 1
    reports = [line for line in result.stderr.splitlines() if line.startswith("line ")]
    assert [line.split(": ")[:2] for line in reports] == [
        ["line 2", "$"],
        ["line 4", "$.sentiment.score"],
        ["line 5", "$"],
        ["line 6", "$.brand"],
        ["line 7", "$.brand"],
        ["line 8", "$.brand"],
    ]
    assert "\x1b" not in result.stderr
    assert "Error: 6 lines left out" in result.stderr
    assert redis_client.llen(queue_key(brand)) == 2


def test_push_as_a_dry_run_checks_alike_and_asks_no_redis(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's tests have no Redis: the same lines are refused for the same reasons, and nothing is sent."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # nobody listens there
    lines = b"".join([chunk("nike"), b"nonsense\n", chunk("nike", 2), chunk("puma", 3)])
    result = invoke("push", "--dry-run", "-", stdin=lines)
    assert (result.exit_code, result.stdout) == (1, "Would push 3 chunks of 2 brands.\n")
    assert "line 2: $: " in result.stderr
    assert invoke("push", "--dry-run", "-", stdin=chunk("nike")).exit_code == 0


def test_push_refuses_chunks_beyond_the_limit(monkeypatch: pytest.MonkeyPatch, invoke: Invoke, brand: str) -> None:
    """What the service would refuse for its size is refused here, before Redis has it."""
    monkeypatch.setenv("MAX_CHUNK_BYTES", "1024")
    result = invoke("push", "-", stdin=chunk(brand, summary="x" * 1_024) + chunk(brand))
    assert "line 1: $: the chunk is larger than MAX_CHUNK_BYTES=1024" in result.stderr
    assert result.stdout == "Pushed 1 chunk of 1 brand.\n"


def test_push_registers_brands_if_told_to(invoke: Invoke, brand: str) -> None:
    """With --register the brands are registered, without it a warning says that nobody will fold them."""
    assert f"brand {brand!r} is not registered" in invoke("push", "-", stdin=chunk(brand)).stderr
    assert invoke("brands", "list").stdout == ""
    assert invoke("push", "-", "--register", stdin=chunk(brand)).stderr == ""
    assert invoke("brands", "list").stdout == f"{brand}\n"


def test_push_sends_in_bounded_batches(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """Batches end by number and by bytes, and nothing is lost between them."""
    monkeypatch.setattr(push_module, "BATCH_ITEMS", 3)
    monkeypatch.setattr(push_module, "BATCH_BYTES", 300)
    lines = [chunk(brand, number, summary="x" * (number % 5) * 60) for number in range(20)]
    assert invoke("push", "-", stdin=b"".join(lines)).exit_code == 0
    assert redis_client.lrange(queue_key(brand), 0, -1) == [line.strip() for line in lines]


def test_push_says_how_far_it_came(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """A queue of a foreign type stops it with one line, and says that a second try is safe."""
    redis_client.set(queue_key(f"{brand} 2"), "not a list")
    result = invoke("push", "-", stdin=chunk(brand) + chunk(f"{brand} 2"))
    assert result.exit_code == 1
    assert "Stopped after 1 chunk; pushing all again is safe" in result.stderr
    assert "WRONGTYPE" in result.stderr
    assert "Traceback" not in result.stderr


def test_push_of_a_missing_file_is_wrong_usage(invoke: Invoke) -> None:
    """The file is named, the exit code is 2."""
    result = invoke("push", "no-such-file.ndjson")
    assert result.exit_code == 2
    assert "no-such-file.ndjson" in result.stderr


def test_push_knows_the_size_of_files_alone() -> None:
    """A progress bar needs a size, which a pipe does not have."""
    assert push_module.size_of(io.BytesIO(b"abc")) == 0
    with Path(__file__).open("rb") as file:
        assert push_module.size_of(file) == Path(__file__).stat().st_size


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (json.dumps(json.loads(chunk("nike")), indent=2).encode(), "'jq -c .' "),
        (b"\n\n{\n}\n", "'jq -c .' "),
        (b"[" + chunk("nike").strip() + b"]", "'jq -c .[]'"),
        (json.dumps([json.loads(chunk("nike"))], indent=2).encode(), "'jq -c .[]'"),
    ],
)
def test_push_says_once_how_spread_json_becomes_lines(
    invoke: Invoke, redis_client: redis.Redis, brand: str, text: bytes, remedy: str
) -> None:
    """And not once for each of its lines; nothing is pushed."""
    result = invoke("push", "-", stdin=text + b"\n" + chunk(brand))
    assert result.exit_code == 1
    assert remedy in result.stderr
    assert result.stderr.count("\n") == 1
    assert redis_client.llen(queue_key(brand)) == 0


def test_push_reports_a_brace_among_chunks_as_any_bad_line(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """What began well goes on."""
    result = invoke("push", "-", stdin=chunk(brand) + b"{\n" + chunk(brand, 2))
    assert "line 2: $" in result.stderr
    assert redis_client.llen(queue_key(brand)) == 2
