"""From chunks to the message at the endpoint, by kind: detector, lane, alerts, routes and settings wired together."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import redis
import trio

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Cluster, Sentiment
from orchestrator.contract.keys import BrandKeys
from orchestrator.service import app
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.types import Commit
from tests.brand.support import batch_of, chunk_at, listed
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


def sour(now_ms: int, *, since: int, until: int) -> BrandState:
    """A brand of even volume whose mood fell, with one new story, from *since* to *until* panes before *now_ms*.

    Its last chunk came two panes before *now_ms*: neither that pane nor the one before is settled.
    """
    state = BrandState.empty(FoldConfig())
    for back in range(HISTORY_PANES // 2, 1, -1):
        at_ms, fallen = now_ms - back * PANE_MS, until <= back <= since
        sizes = {"refund": 45} if fallen else {"battery": 9 + back % 3, "colour": 8}
        clusters = [
            Cluster(f"{name}-id", name, listed(*(f"{name} {back} {one}" for one in range(size))), -0.5)
            for name, size in sizes.items()
        ]
        said = Sentiment(0.0, 5.0, 0.0, 45.0) if fallen else Sentiment(0.0, 30.0, 10.0, 10.0)
        one = chunk_at(at_ms, chunk_id=f"past-{back}", clusters=clusters, sentiment=said, mentions=50)
        state.fold(batch_of([one], hashing=state.hashing), at_ms)
    return state


def store_state(client: redis.Redis, brand: str, state_at: Callable[[int], BrandState] = watched_for_days) -> None:
    """Store such a brand in Redis, as an orchestrator that stopped would."""
    store = Store(client)
    lease = store.acquire(brand, "0" * 32)
    peek = store.peek(lease, 1)
    changes = state_at(peek.now_ms).take_changes()
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


@pytest.mark.usefixtures("_own_collector")
async def test_episodes_of_each_kind_reach_the_routes_of_that_kind(tmp_path: Path) -> None:
    """One chunk settles what came before it: a fall of mood and a story open at one brand and close at another."""
    receivers = {kind: Receiver() for kind in ("volume", "mood", "story")}
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        store_state(client, "opens", partial(sour, since=3, until=2))
        store_state(client, "closes", partial(sour, since=8, until=7))
        client.sadd("brands:set", "opens", "closes")
        async with AsyncExitStack() as stack:
            lines = []
            for kind, receiver in receivers.items():
                url = await stack.enter_async_context(receiving(receiver))
                lines += ["[[route]]", f'name = "{kind}"', f'url = "{url}"', f'kinds = ["{kind}"]']
            routes = tmp_path / "routes.toml"
            routes.write_text("\n".join(lines))
            settings = Settings(http_host="127.0.0.1", http_port=0, prometheus_port=0, alert_routes_file=str(routes))
            nursery = await stack.enter_async_context(trio.open_nursery())
            await nursery.start(partial(app.serve, settings, redis_url=server.url))
            keys = [BrandKeys.of("opens"), BrandKeys.of("closes")]
            for own in keys:
                client.rpush(own.queue, item(own.brand, "now"))
            await until(
                lambda: (
                    all(len(receivers[kind].requests) > 1 for kind in ("mood", "story"))
                    and not any(client.exists(own.queue, own.outbox, own.told) for own in keys)
                )
            )
            nursery.cancel_scope.cancel()
        published = [client.llen(key) for own in keys for key in (own.mood, own.stories, own.spike)]
    told = {kind: [json.loads(body) for _, body in receiver.requests] for kind, receiver in receivers.items()}
    assert {
        kind: sorted((one["type"], one["data"]["brand"], one["data"]["episode"]["kind"]) for one in messages)
        for kind, messages in told.items()
    } == {
        "volume": [],
        "mood": [("mood.closed", "closes", "mood"), ("mood.opened", "opens", "mood")],
        "story": [("story.closed", "closes", "story"), ("story.opened", "opens", "story")],
    }
    assert published == [1, 1, 0, 1, 1, 0]
