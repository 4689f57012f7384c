"""What operators do through the service: on a real Redis, written down first, shared and bounded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from orchestrator.contract.alert_routes import RouteState, RouteStates
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.history import Period
from orchestrator.contract.keys import AUDIT_KEY, MEMBERS_KEY, ORDERS_KEY, BrandKeys, signed_out_key
from orchestrator.contract.letters import Selection, Writer, group_name
from orchestrator.contract.lock_token import MAX_TOKEN_BYTES
from orchestrator.contract.process_orders import Wanted
from orchestrator.errors import PauseError, ProcessUnknownError, StoreError, TooManyLettersError
from orchestrator.fleet.view import Standing
from orchestrator.letters import Action, Order
from orchestrator.service import operator as module
from orchestrator.service.operator import Operator, Shared
from orchestrator.store.audit import read_audit
from orchestrator.store.members import Told, ToldObedience, beat
from orchestrator.store.pauses import paused

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

REGISTRY = "brands:test:operator"


def letter(number: int, reason: str = "bad") -> bytes:
    """An entry of ours."""
    fields = {"error": "invalid_chunk_result", "reason": reason, "path": "$.x", "payload": f'{{"n":{number}}}'}
    return json.dumps(fields).encode()


def ours(action: Action = Action.RETRY, **selection: Any) -> Order:
    """An order about letters of ours."""
    return Order(action, Selection(writer=Writer.ORCHESTRATOR, **selection), "ann (page, here)")


@pytest.fixture
def keys(brand: str, redis_client: redis.Redis) -> Iterator[BrandKeys]:
    """The brand's keys: it is registered, and has five dead letters in two groups."""
    keys = BrandKeys.of(brand)
    redis_client.delete(REGISTRY)
    redis_client.sadd(REGISTRY, brand)
    redis_client.rpush(keys.failed, *[letter(number) for number in range(4)], letter(4, "poison"))
    yield keys
    redis_client.delete(REGISTRY)


@pytest.fixture
def operator(redis_client: redis.Redis) -> Operator:
    """The operators' side of a service."""
    return Operator(redis_client, [REGISTRY])


def acts(client: redis.Redis, brand: str) -> list[tuple[str, dict[str, object]]]:
    """What was written down about *brand*, the newest first."""
    return [(act.action, dict(act.details)) for act in read_audit(client, 20) if act.brand == brand]


async def test_a_group_is_looked_at_and_sent_again(
    operator: Operator, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """Looking changes nothing; moving takes just the group, and says so in the audit list."""
    order = ours(group=group_name(Writer.ORCHESTRATOR, "bad", "$.x"))
    assert (await operator.look(keys.brand, order)).tally.total == 4
    assert redis_client.llen(keys.failed) == 5
    moved = await operator.move(keys.brand, order, 4)
    assert (moved.moved, moved.gone, moved.left, moved.refused) == (4, 0, 0, 0)
    assert redis_client.lrange(keys.queue, 0, -1) == [b'{"n":%d}' % number for number in range(4)]
    assert redis_client.llen(keys.failed) == 1
    [(action, details)] = acts(redis_client, keys.brand)
    assert (action, details["letters"]) == ("retry", 4)


async def test_without_a_brand_all_registered_ones_are_meant(
    operator: Operator, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """One entry in the audit list, for all."""
    moved = await operator.move(None, ours(Action.DROP, reason="poison"), None)
    assert moved.moved == 1
    assert redis_client.llen(keys.failed) == 4
    newest = read_audit(redis_client, 1)[0]
    assert (newest.action, newest.brand, newest.by) == ("drop", None, "ann (page, here)")


async def test_more_letters_than_were_agreed_to_stay(
    operator: Operator, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """Who said yes to three did not say yes to what came since."""
    with pytest.raises(TooManyLettersError):
        await operator.move(keys.brand, ours(Action.DROP), 3)
    assert redis_client.llen(keys.failed) == 5
    assert acts(redis_client, keys.brand) == []


async def test_nothing_is_done_that_cannot_be_written_down(
    operator: Operator, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """Where the audit list is no list, letters and brands stay as they are."""
    redis_client.delete(AUDIT_KEY)
    redis_client.set(AUDIT_KEY, "x")
    try:
        with pytest.raises(StoreError):
            await operator.move(keys.brand, ours(Action.DROP), None)
        with pytest.raises(StoreError):
            await operator.pause(keys.brand, "ann", "deploy", None)
        assert redis_client.llen(keys.failed) == 5
        assert paused(redis_client, [keys.brand]) == {}
    finally:
        redis_client.delete(AUDIT_KEY)


async def test_a_brand_is_paused_and_resumed(operator: Operator, keys: BrandKeys, redis_client: redis.Redis) -> None:
    """The picture says so at once, although it is shared for a second."""
    assert (await operator.fleet()).brands[0].standing is not Standing.PAUSED
    await operator.pause(keys.brand, "ann (page, here)", "deploy", 3_600_000)
    pause = paused(redis_client, [keys.brand])[keys.brand]
    assert (pause.by, pause.reason) == ("ann (page, here)", "deploy")
    assert pause.until_ms is not None
    assert (await operator.fleet()).brands[0].standing is Standing.PAUSED
    assert await operator.resume(keys.brand, "ann")
    assert not await operator.resume(keys.brand, "ann")
    assert [action for action, _ in acts(redis_client, keys.brand)] == ["resume", "resume", "pause"]


@pytest.mark.parametrize("token", [b"0a1b2c3d4e5f6071:bits", b"x" * 200])
async def test_a_lock_is_broken_if_it_is_that_of_the_holder(
    operator: Operator, keys: BrandKeys, redis_client: redis.Redis, token: bytes
) -> None:
    """And if all of it was read: what is cut off could be another lock's. Who asked is written down each time."""
    redis_client.set(keys.lock, token, px=30_000)
    [status] = (await operator.fleet()).brands
    holder = str(status.holder)
    assert not await operator.take(keys.brand, "ann", "somebody")
    assert redis_client.get(keys.lock) == token
    ours = len(token) < MAX_TOKEN_BYTES
    assert await operator.take(keys.brand, "ann", holder) == ours
    assert redis_client.exists(keys.lock) == (not ours)
    [status] = (await operator.fleet()).brands
    assert (status.holder is None) == ours
    written = [("locks break", {"holder": holder}), ("locks break", {"holder": "somebody"})]
    assert acts(redis_client, keys.brand) == written


async def test_a_brand_is_purged(operator: Operator, keys: BrandKeys, redis_client: redis.Redis) -> None:
    """It leaves the registry, its state goes, and its dead letters stay unless somebody says so."""
    redis_client.hset(keys.meta, "version", 3)
    assert (await operator.holdings(keys.brand)).commits == 3
    purged = await operator.purge(keys.brand, "ann", queue=False, letters=False)
    assert purged.letters == 0
    assert not redis_client.sismember(REGISTRY, keys.brand)
    assert redis_client.llen(keys.failed) == 5
    assert (await operator.purge(keys.brand, "ann", queue=True, letters=True)).letters == 5
    assert [action for action, _ in acts(redis_client, keys.brand)] == ["purge", "purge"]


async def test_a_purge_holds_a_brand_no_longer_than_a_lock_lives(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """A lock that outlives its ttl is shortened by whoever meets it, with a warning."""
    operator = Operator(redis_client, [REGISTRY], lock_ttl_s=2.0)
    await operator.purge(keys.brand, "ann", queue=False, letters=False)
    assert 0 < redis_client.pttl(keys.lock) <= 2_000


@pytest.mark.parametrize("reason", ["two\nlines", "x" * 300])
async def test_a_reason_that_is_no_line_is_refused(operator: Operator, keys: BrandKeys, reason: str) -> None:
    """Before anything is done."""
    with pytest.raises(PauseError):
        await operator.pause(keys.brand, "ann", reason, None)


async def test_letters_are_grouped_as_far_as_there_is_time(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """What was not read is counted all the same; looking at one brand has its own time."""
    operator = Operator(redis_client, [REGISTRY])
    found = await operator.groups(None)
    assert (found.read, found.total) == (5, 5)
    assert sorted(found.tally.groups.values()) == [1, 4]
    ticks = iter([0.0, 0.5, 1.0, module.READ_S + 1.0])
    hurried = Operator(redis_client, [REGISTRY], clock=lambda: next(ticks))
    found = await hurried.groups(None)
    assert (found.read, found.total) == (2, 5)
    assert keys.brand in {group.brand for group in found.tally.groups}


async def test_the_newest_letters_come_first(operator: Operator, keys: BrandKeys) -> None:
    """With their places in the list."""
    page = await operator.letters(keys.brand, Selection(), 2)
    assert ([one.index for one in page.letters], page.total) == ([4, 3], 5)


async def test_history_and_acts_are_read(operator: Operator) -> None:
    """Empty or not, they are lists."""
    for period in Period:
        assert isinstance(await operator.history(period), list)
    assert isinstance(await operator.acts(5), list)


async def test_many_who_ask_at_once_share_one_answer(autojump_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    """Ten readers of a page cost one read a second."""
    asked: list[float] = []
    shared: Shared[int] = Shared(1.0)
    limiter = trio.CapacityLimiter(2)

    def call() -> int:
        asked.append(0.0)
        return len(asked)

    async def get(into: list[int]) -> None:
        into.append(await shared.get(call, limiter))

    answers: list[int] = []
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(get, answers)
    assert (answers, len(asked)) == ([1] * 10, 1)
    await trio.sleep(1.0)
    assert await shared.get(call, limiter) == 2
    shared.forget()
    assert await shared.get(call, limiter) == 3


async def test_processes_are_ordered_and_each_is_written_down(operator: Operator, redis_client: redis.Redis) -> None:
    """By id or name, or all; nobody is ordered, and nothing written, where one of them cannot be."""
    settings = msgspec.Raw(Fingerprint({}).text().encode())
    names = ["00000000000000aa", "00000000000000bb"]
    for name in names:
        told = Told(f"o-{name[-1]}", "1", 4, settings, 5, 0, orders=ToldObedience(5))
        beat(redis_client, name, 0, told)
    before = len(read_audit(redis_client, 1_000))
    with pytest.raises(ProcessUnknownError):
        await operator.order("o-c", Wanted.QUIET, "ann")
    assert len(read_audit(redis_client, 1_000)) == before
    [one] = await operator.order("o-b", Wanted.LANES, "ann", 3)
    assert one.name == names[1]
    assert len(await operator.order(None, Wanted.QUIET, "bob")) == 2
    asked = {member.name: [str(order) for order in member.asked] for member in (await operator.fleet()).members}
    newest = [(act.by, act.action, act.details) for act in read_audit(redis_client, 3)]
    redis_client.delete(MEMBERS_KEY, ORDERS_KEY)
    assert asked == {names[0]: ["quiet"], names[1]: ["lanes 3", "quiet"]}
    assert newest == [
        ("bob", "processes quiet", {"process": names[1], "id": "o-b"}),
        ("bob", "processes quiet", {"process": names[0], "id": "o-a"}),
        ("ann", "processes lanes", {"process": names[1], "id": "o-b", "lanes": 3}),
    ]


async def test_a_session_that_was_ended_is_none_for_everybody(operator: Operator, redis_client: redis.Redis) -> None:
    """For as long as its cookie would live; others are not touched."""
    other = Operator(redis_client, [REGISTRY])
    await operator.sign_out("nonce-of-tests", 60_000)
    assert await other.signed_out("nonce-of-tests")
    assert not await other.signed_out("another")
    assert 0 < redis_client.pttl(signed_out_key("nonce-of-tests")) <= 60_000
    redis_client.delete(signed_out_key("nonce-of-tests"))


class FixedAlerts:
    """Alerts with one route, whose endpoint is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def states(self) -> RouteStates:
        """The one."""
        return RouteStates([RouteState(name="desk", address="x", chooses="y")])

    async def test(self, route: str) -> str:
        """Answer, once it was written down."""
        await trio.lowlevel.checkpoint()
        (newest,) = read_audit(self._client, 1)
        assert (newest.action, newest.by, newest.details) == ("alerts test", "ann", {"route": route})
        return "ConnectError"


async def test_a_route_is_tested_once_that_is_written_down(operator: Operator, redis_client: redis.Redis) -> None:
    """Without alerts, or of another name, there is none, and nothing is written."""
    redis_client.delete(AUDIT_KEY)
    assert await operator.test_route("desk", "ann") is None
    alerts: Any = FixedAlerts(redis_client)
    operator.alerts = alerts
    assert await operator.test_route("x", "ann") is None
    assert read_audit(redis_client, 1) == []
    assert await operator.test_route("desk", "ann") == "ConnectError"
    redis_client.delete(AUDIT_KEY)
