"""A brand that is given a past holds what the service would hold, and is not told of twice."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import redis

from orchestrator.contract.insights import read_trend
from orchestrator.contract.keys import BrandKeys
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.service import write_past
from orchestrator.settings import Settings
from orchestrator.store.documents import Documents
from tests.brand.support import DAY_MS, HOUR_MS

NAME = "test-past"
KEYS = BrandKeys.of(NAME)


def chunk(at_ms: int, mentions: int) -> bytes:
    """A chunk of that time."""
    story = {"id": "s", "label": "A story", "mentions": ["said so"], "mentionCount": mentions}
    document = {
        "chunkId": f"c{at_ms}",
        "brand": NAME,
        "processedAt": at_ms,
        "sentiment": {"positive": 0, "neutral": mentions, "negative": 0, "score": 0},
        "clusters": [story],
        "meta": {"mentionCount": mentions},
    }
    return msgspec.json.encode(document)


def test_a_past_is_folded_as_of_its_times_and_written_once(
    redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Trend, episode and summary are those of a service that ran all the time; a second past is not written.

    The state's base is in the archive, where there is one.
    """
    seconds, _ = redis_client.time()
    now_ms = seconds * 1000
    quarters = [now_ms - 3 * DAY_MS + place * HOUR_MS // 4 for place in range(3 * 24 * 4)]
    burst = quarters[150]
    past = [(at_ms, [chunk(at_ms, 500 if at_ms == burst else 20)]) for at_ms in quarters]
    try:
        settings = Settings(archive_url=f"file://{tmp_path}/archive")
        assert write_past(settings, redis_url, NAME, past) == len(past)
        [base] = BrandArchive(Objects.open(settings.archive_url), NAME).bases()
        assert base.cid.encode() == redis_client.hget(KEYS.meta, "cid")
        trend = read_trend(Documents(redis_client).trend(NAME), "")
        assert sum(point.mentions for point in trend.daily) == 500 + 20 * (len(past) - 1)
        [episode] = [json.loads(entry) for entry in redis_client.lrange(KEYS.spike, 0, -1)]
        assert (episode["mentionCount"], "endedAt" in episode) == (500, True)
        raw = redis_client.get(KEYS.summary)
        assert raw is not None
        summary = json.loads(raw)
        assert summary["totalMentions"] == 20 * sum(
            at_ms // 900_000 >= (now_ms - DAY_MS) // 900_000 for at_ms in quarters
        )
        assert not redis_client.exists(KEYS.lock)
        assert write_past(Settings(), redis_url, NAME, past) == 0
        assert redis_client.get(KEYS.summary) == raw
    finally:
        redis_client.delete(KEYS.trend, KEYS.spike, KEYS.summary, KEYS.meta, KEYS.state, KEYS.recent, KEYS.segments)
