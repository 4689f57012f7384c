"""The imitation that an embedded Redis falls back on, through the real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.decode import Limits
from orchestrator.contract.keys import BrandKeys
from orchestrator.lane.session import BrandSession
from orchestrator.lane.session_config import SessionConfig
from orchestrator.store import Store, connect
from orchestrator.store.embedded import EmbeddedRedis

SAMPLE = (Path(__file__).parents[1] / "data" / "chunks_counts.ndjson").read_bytes().splitlines()[0]


def test_embedded_redis_without_a_server_serves_an_imitation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any Redis still turns a chunk into a summary, and other clients can see it."""
    monkeypatch.setattr("orchestrator.store.embedded.find_servers", list)
    with EmbeddedRedis(last_resort=True) as server:
        client = connect(server.url, timeout_s=5.0, pool_size=2)
        keys = BrandKeys.of("nike")
        client.rpush(keys.queue, SAMPLE)
        session = BrandSession(Store(client), SessionConfig("test", FoldConfig(), Limits()), "nike")
        session.open()
        assert session.step().fold.chunks == 1
        other = connect(server.url, timeout_s=5.0, pool_size=1)
        assert b'"totalMentions":3' in (other.get(keys.summary) or b"")
        client.close()
        other.close()
