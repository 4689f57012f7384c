"""A worker that uses the package, and the real service: what it pushes counts, once."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.worker import Chunk, Cluster, Pusher, Sentiment, Topic, input_id
from tests.redis_server import RedisServer
from tests.service_process import Updates, running_service

BRAND = "Grüße {a} 🚀"


def made_of(mentions: list[str], score: float) -> Chunk:
    """What a worker makes of *mentions*; not the same each time."""
    return Chunk(
        brand=BRAND,
        chunk_id=input_id(BRAND, mentions),
        sentiment=Sentiment(score=score, positive=2, neutral=0, negative=1, unit="counts"),
        clusters=[Cluster(label="Late delivery", mentions=mentions, centroid=[0.5, -0.25, 1.0], spike=True)],
        processed_at=time.time(),
        topics=[Topic(topic="delivery", mentions=3), "price"],
        mention_count=3,
    )


async def test_service_counts_what_a_worker_pushed_once(tmp_path: Path) -> None:
    """Pushed, pushed again, and made again of the same mentions with another result: one chunk, as it came first."""
    with RedisServer() as server, server.client() as client:
        updates = Updates(client)
        async with running_service(tmp_path, server.url) as service:
            await service.logged("redis answers")
            pusher = Pusher(client, registers=True)
            pusher.push(made_of(["m1", "m2", "m3"], 1))
            summary = await updates.until(BRAND, lambda found: found["totalChunks"] == 1)
            assert (summary["totalMentions"], summary["sentiment"]["score"]) == (3, 1)
            assert [story["label"] for story in summary["clusters"]] == ["Late delivery"]
            pusher.push(made_of(["m3", "m1", "m2"], -1))
            pusher.push(made_of(["m4", "m5", "m6"], 2))
            summary = await updates.until(BRAND, lambda found: found["totalChunks"] > 1)
            assert (summary["totalChunks"], summary["totalMentions"], summary["sentiment"]["score"]) == (2, 6, 3)
            assert summary["clusterCount"] == 1
            assert client.exists(f"failed:brand:{BRAND}") == 0
        updates.close()
