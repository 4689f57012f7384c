"""The examples of ``docs/workers.md`` do what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.contract.decode import decode_batch
from tests.redis_server import RedisServer

PAGE = Path(__file__).parents[2] / "docs" / "workers.md"


def test_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, as they stand there; the chunk that both pushers push is one that the service takes."""
    names: dict[str, Any] = {}
    with RedisServer() as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        for example in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
            exec(example, names)  # noqa: S102 - text of this repository
        with redis.Redis.from_url(server.url) as client:
            items: Any = client.lrange("result:brand:nike:chunks", 0, -1)
            assert client.smembers("brands:list") == {b"nike"}
        names["client"].close()
    batch = decode_batch(items, "nike")
    assert [chunk.chunk_id for chunk in batch.chunks] == [names["chunk"].chunk_id] * 2
