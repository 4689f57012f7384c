"""From a burst of chunks to the message at the endpoint: detector, lane, alerts and settings wired together."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from functools import partial

import pytest
import redis
import trio

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.contract.keys import BrandKeys
from orchestrator.service import app
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.types import Commit
from tests.brand.support import batch_of, chunk_at
from tests.lane.support import item
from tests.polling import until
from tests.redis_server import RedisServer
from tests.webhook_receiver import Receiver, receiving

DEADLINE_S = 60.0
HISTORY_PANES = 3 * 96  # the detector warms up for a day
USUAL_MENTIONS = (18, 22, 20, 19, 21)
BURST_CHUNKS, BURST_MENTIONS = 3, 200
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the standard's published example
QUEUE = "result:brand:nike:chunks"


@pytest.fixture
def _own_collector() -> Iterator[None]:
    """Serving freezes what is alive and retunes the collector, for the whole process."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def watched_for_days(now_ms: int) -> BrandState:
    """A brand that has had three days of even traffic at *now_ms*."""
    state = BrandState.empty(FoldConfig())
    for back in range(HISTORY_PANES, 0, -1):
        at_ms = now_ms - back * PANE_MS
        mentions = USUAL_MENTIONS[back % len(USUAL_MENTIONS)]
        state.fold(batch_of([chunk_at(at_ms, chunk_id=f"past-{back}", mentions=mentions)]), at_ms)
    return state


def store_state(client: redis.Redis, brand: str) -> None:
    """Store such a brand in Redis, as an orchestrator that stopped would."""
    store = Store(client)
    lease = store.acquire(brand, "0" * 32)
    peek = store.peek(lease, 1)
    changes = watched_for_days(peek.now_ms).take_changes()
    store.commit(lease, Commit(cid="past", expected_cid=peek.cid, version=peek.version + 1, put=changes.put))
    store.release(lease)


@pytest.mark.usefixtures("_own_collector")
async def test_a_burst_rings_the_endpoint_once() -> None:
    """Thirty times the usual mentions open an episode, and the endpoint hears of it, signed."""
    receiver = Receiver()
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        store_state(client, "nike")
        client.sadd("brands:set", "nike")
        async with receiving(receiver) as url, trio.open_nursery() as nursery:
            settings = Settings(
                http_host="127.0.0.1",
                http_port=0,
                prometheus_port=0,
                alert_webhook_url=url,
                alert_webhook_secret=SECRET,
            )
            await nursery.start(partial(app.serve, settings, redis_url=server.url))
            for number in range(BURST_CHUNKS):
                client.rpush(QUEUE, item("nike", f"burst-{number}", meta={"mentionCount": BURST_MENTIONS}))
            outbox = BrandKeys.of("nike").outbox
            await until(lambda: receiver.requests and not client.llen(QUEUE) and not client.llen(outbox))
            nursery.cancel_scope.cancel()
    headers, body = receiver.requests[0]
    message = json.loads(body)
    assert (message["type"], message["data"]["brand"], message["data"]["number"]) == ("spike.opened", "nike", 1)
    assert message["data"]["episode"]["expected"] == pytest.approx(20, abs=10)
    assert headers["webhook-signature"].startswith("v1,")
    assert len(receiver.requests) == 1
