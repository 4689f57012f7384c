"""A queue that turns from tiny items to huge ones: what that costs a real process in memory, on a real server.

Redis cannot bound a reply in bytes. Before it was looked at what will be read, 1,008 items came in one reply, with all
huge ones among them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from orchestrator.lane.sizer import UNSEEN_ITEMS
from tests.lane.support import item

if TYPE_CHECKING:
    import redis

    from tests.redis_server import RedisServer

MOST_GROWN_BYTES = 100 * 10**6
TINY, HUGE = 1_503, 16
"""The turn is amid a stretch of which one item is looked at. 16 huge items are 128 MB."""


def _huge(brand: str, number: int) -> bytes:
    """A chunk of 8 MB, all of it ids of mentions."""
    mentions = [f"tweet-{number:06}{place:012}" for place in range(28_500)]
    clusters = [{"id": f"c{part}", "label": f"news number {part}", "mentions": mentions} for part in range(10)]
    return item(brand, f"huge-{number}", clusters=clusters)


def test_a_queue_that_turns_huge_never_makes_the_process_large(
    redis_server: RedisServer, redis_client: redis.Redis, brand: str
) -> None:
    """The process grows by less than 100 MB, and everything is folded."""
    queue = f"result:brand:{brand}:chunks"
    redis_client.rpush(queue, *(item(brand, f"tiny-{number}") for number in range(TINY)))
    for number in range(HUGE):
        redis_client.rpush(queue, _huge(brand, number))
    program = [sys.executable, "-m", "tests.lane.memory_probe", redis_server.url, brand]
    probe = json.loads(subprocess.run(program, check=True, capture_output=True, timeout=300).stdout)
    assert probe["grown"] <= MOST_GROWN_BYTES
    assert sum(probe["items"]) == TINY + HUGE
    assert max(probe["items"][:-HUGE]) > 32 * UNSEEN_ITEMS  # tiny ones still come in large batches
