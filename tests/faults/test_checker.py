"""The checker and the proxy must be able to fail: each kind of damage is reported, each answer counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import redis

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.decode import Limits
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import LeaseLostError, StoreUnavailableError
from orchestrator.lane.session import BrandSession
from orchestrator.lane.session_config import SessionConfig
from orchestrator.store import Store, connect
from tests.faults.lossy_failovers import fates_of
from tests.faults.proxy import Fault, Proxy
from tests.faults.traffic import Traffic, comparable, fold_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.redis_server import RedisServer

CONFIG = SessionConfig("checker", FoldConfig(), Limits())


@pytest.fixture
def traffic(redis_client: redis.Redis, brand: str) -> Traffic:
    """A brand with a hundred items, all of them folded."""
    traffic = Traffic(3, [brand], garbage_rate=0.1)
    traffic.push(redis_client, 100)
    session = BrandSession(Store(redis_client), CONFIG, brand)
    session.open()
    while not session.step().idle:
        pass
    session.release()
    return traffic


def _summary(change: Callable[[dict[str, Any]], None]) -> Callable[[redis.Redis, BrandKeys], Any]:
    def damage(client: redis.Redis, keys: BrandKeys) -> None:
        summary = json.loads(client.get(keys.summary) or b"")
        change(summary)
        client.set(keys.summary, json.dumps(summary))

    return damage


DAMAGES: dict[str, Callable[[redis.Redis, BrandKeys], Any]] = {
    "a chunk is lost": _summary(lambda summary: summary.update(totalChunks=summary["totalChunks"] - 1)),
    "a mention is doubled": _summary(lambda summary: summary.update(totalMentions=summary["totalMentions"] + 1)),
    "one for another": _summary(lambda summary: summary["sentiment"].update(neutral=7)),
    "a dead letter is lost": lambda client, keys: client.lpop(keys.failed),
    "a dead letter is doubled": lambda client, keys: client.rpush(keys.failed, client.lindex(keys.failed, 0) or b""),
    "an item is left": lambda client, keys: client.rpush(keys.queue, "x"),
    "the summary is gone": lambda client, keys: client.delete(keys.summary),
}


def test_recount_accepts_a_brand_that_was_forgotten_altogether(redis_client: redis.Redis, brand: str) -> None:
    """Nothing pushed and nothing there is no problem; anything left of a brand without a summary is."""
    forgotten = Traffic(3, [brand])
    assert forgotten.problems(redis_client) == []
    redis_client.rpush(BrandKeys.of(brand).queue, "x")
    assert len(forgotten.problems(redis_client)) == 1


def test_recount_is_content_with_a_sound_brand(traffic: Traffic, redis_client: redis.Redis, brand: str) -> None:
    """Nothing to report, and the summary is the fold of everything pushed."""
    assert traffic.problems(redis_client) == []
    summary = redis_client.get(BrandKeys.of(brand).summary)
    assert isinstance(summary, bytes)
    now_ms = 1_700_000_000_000
    assert comparable(summary) == fold_of(traffic.books[brand], now_ms)


@pytest.mark.parametrize("damage", DAMAGES)
def test_recount_reports_damage(traffic: Traffic, redis_client: redis.Redis, brand: str, damage: str) -> None:
    """Each kind of loss or doubling has its report."""
    DAMAGES[damage](redis_client, BrandKeys.of(brand))
    assert len(traffic.problems(redis_client)) == 1


def test_examine_finds_the_surviving_prefix_and_rewinds(
    traffic: Traffic, redis_client: redis.Redis, brand: str
) -> None:
    """Items that Redis never heard of leave the books."""
    lost = [traffic.make(brand) for _ in range(7)]
    assert traffic.examine(redis_client) == len(lost)
    assert len(traffic.books[brand].items) == 100
    assert traffic.problems(redis_client) == []


def test_examine_refuses_a_state_that_is_no_prefix(traffic: Traffic, redis_client: redis.Redis, brand: str) -> None:
    """A queue that lost an item which the state does not contain fits nothing that was pushed."""
    redis_client.rpush(BrandKeys.of(brand).queue, *[traffic.make(brand) for _ in range(5)])
    redis_client.lpop(BrandKeys.of(brand).queue)
    with pytest.raises(AssertionError, match="fit no prefix"):
        traffic.examine(redis_client)


def test_proxy_passes_everything_and_counts_answers(redis_server: RedisServer, brand: str) -> None:
    """Without faults it is transparent."""
    with Proxy(redis_server.socket) as proxy:
        client = connect(proxy.url, timeout_s=5.0, pool_size=2)
        store = Store(client)
        lease = store.acquire(brand, "t")
        client.delete(BrandKeys.of(brand).lock)
        with pytest.raises(LeaseLostError):
            store.peek(lease, 1)
        client.set("large", b"x" * 3_000_000)
        assert client.get("large") == b"x" * 3_000_000
        client.delete("large")
        client.close()
    assert (proxy.codes["OK"], proxy.codes["FENCED"], proxy.faults.total()) == (1, 1, 0)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.TRICKLE])
def test_proxy_breaks_what_it_is_told_to(redis_server: RedisServer, fault: Fault) -> None:
    """Each kind of fault reaches the client as no answer, and afterwards all is well."""
    with Proxy(redis_server.socket, hold_s=0.3) as proxy:
        client = connect(proxy.url, timeout_s=0.1, pool_size=1)
        store = Store(client)
        store.ping()
        proxy.inject(1.0, (fault,))
        with pytest.raises(StoreUnavailableError):
            store.ping()
        proxy.inject(0)
        store.ping()
        client.close()
    assert proxy.faults[fault] == 1
    assert len(proxy.log) == 1


def test_proxy_trickles_without_harm(redis_server: RedisServer) -> None:
    """An answer that comes byte by byte is an answer."""
    with Proxy(redis_server.socket) as proxy:
        client = connect(proxy.url, timeout_s=5.0, pool_size=1)
        proxy.inject(1.0, (Fault.TRICKLE,))
        assert client.echo("slow but sure") == b"slow but sure"
        client.close()
    assert proxy.faults[Fault.TRICKLE] >= 1


@pytest.mark.parametrize(
    ("survived", "known", "fate"),
    [
        (True, {"queue_died": False, "list_died": False, "queued": False, "listed": False}, (1, 1)),
        (True, {"queue_died": True, "list_died": False, "queued": True, "listed": False}, (1, 2)),
        (True, {"queue_died": True, "list_died": False, "queued": False, "listed": False}, (1, 1)),
        (False, {"queue_died": True, "list_died": False, "queued": False, "listed": False}, (0, 1)),
        (True, {"queue_died": True, "list_died": True, "queued": True, "listed": False}, (1, 1)),
        (True, {"queue_died": False, "list_died": True, "queued": False, "listed": True}, (1, 1)),
        (True, {"queue_died": False, "list_died": True, "queued": False, "listed": False}, (0, 1)),
    ],
)
def test_a_letter_may_come_twice_or_be_gone_only_where_a_server_forgot_it(
    survived: bool,  # noqa: FBT001 - a table of cases
    known: dict[str, bool],
    fate: tuple[int, int],
) -> None:
    """Twice: its queue forgot that it was taken. Gone: its push or its list was forgotten. Else it is there once."""
    assert fates_of(survived, **known) == fate
