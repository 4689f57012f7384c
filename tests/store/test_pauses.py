"""Pausing brands on every server: from the answer on nothing is committed, and nothing is lost or counted twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.keys import PAUSED_KEY, BrandKeys
from orchestrator.contract.pauses import Pause
from orchestrator.errors import BrandPausedError, LeaseLostError, PauseError, StoreRefusedError, WrongTypeError
from orchestrator.store import Store, pauses
from tests.redis_server import RedisServer, servers
from tests.store.world import commit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from tests.store.world import World

FAR_MS = 253_402_300_000_000
OVER = b'{"untilMs":1,"sinceMs":1,"reason":"","by":"x"}'


@pytest.fixture(autouse=True)
def _nothing_paused(any_client: redis.Redis) -> Iterator[None]:
    """The key is of all brands: what one test leaves there is none of the next one's business."""
    any_client.delete(PAUSED_KEY)
    yield
    any_client.delete(PAUSED_KEY)


def pause(world: World, **how: Any) -> dict[str, bool]:
    """Pause the world's brand."""
    return pauses.pause(world.client, [world.brand], **{"by": "ops@host", **how})


def resume(world: World) -> Pause | None:
    """Resume it."""
    return pauses.resume(world.client, [world.brand])[world.brand]


# -- the guard


def test_a_paused_brand_cannot_be_acquired(world: World) -> None:
    """And acquiring it changes nothing; the error says who, why and what would help."""
    world.push(b"x")
    assert pause(world, reason="a bad deploy") == {world.brand: False}
    with (
        world.refused_quietly(),
        pytest.raises(BrandPausedError, match=r"by ops@host since .*: a bad deploy; .*resume"),
    ):
        world.lease()
    assert world.client.llen(world.keys.queue) == 1


def test_who_holds_a_brand_that_is_paused_commits_nothing_more(world: World) -> None:
    """The lease is gone in the step that sets the mark: a batch that is folded already stays in the queue."""
    lease, peek = world.holding(b"x")
    assert pause(world) == {world.brand: True}
    with world.refused(LeaseLostError):
        world.store.commit(lease, commit_of(peek))
    with world.refused(LeaseLostError):
        world.store.peek(lease, 1)
    assert world.store.renew([lease]) == [lease]


def test_a_commit_that_was_in_before_the_pause_stays_and_is_a_duplicate(world: World) -> None:
    """Its reply was lost; who sends it again hears that it is in."""
    lease, peek = world.holding(b"x")
    commit = commit_of(peek)
    world.store.commit(lease, commit)
    pause(world)
    assert world.store.commit(lease, commit).duplicate


def test_a_resumed_brand_goes_on_where_it_was(world: World) -> None:
    """With its state, under a new lease; the answer tells which pause it was."""
    lease, peek = world.holding(b"x", b"y")
    world.store.commit(lease, commit_of(peek))
    pause(world, reason="r")
    ended = resume(world)
    assert ended is not None
    assert (ended.reason, ended.by) == ("r", "ops@host")
    assert world.lease().version == 1
    assert resume(world) is None


def test_without_paused_brands_the_key_is_gone(world: World) -> None:
    """Nothing is left behind; while another brand is paused its mark stays."""
    pauses.pause(world.client, [world.brand, "other"], by="x")
    resume(world)
    assert list(pauses.paused(world.client, [world.brand, "other"])) == ["other"]
    pauses.resume(world.client, ["other"])
    assert not world.client.exists(PAUSED_KEY)


def test_a_pause_ends_by_the_clock_of_the_server(world: World) -> None:
    """Then the brand is acquired, and what is over is removed with that."""
    pause(world, for_ms=FAR_MS)
    with pytest.raises(BrandPausedError):
        world.lease()
    world.client.hset(PAUSED_KEY, world.brand, OVER)
    assert pauses.paused(world.client, [world.brand]) == {}
    assert world.lease().epoch
    assert not world.client.hexists(PAUSED_KEY, world.brand)


def test_a_pause_that_is_over_stays_until_somebody_acquires(world: World) -> None:
    """Who is refused the lease changes nothing."""
    world.client.hset(PAUSED_KEY, world.brand, OVER)
    world.client.set(world.keys.lock, "somebody", px=1000)
    with pytest.raises(Exception, match="leased"):
        world.lease()
    assert world.client.hget(PAUSED_KEY, world.brand) == OVER


@pytest.mark.parametrize(
    "mark",
    [
        b"",
        b"\xff",
        b"[]",
        b'{ "untilMs":1,"by":"x"}',
        b'{"by":"x","untilMs":1}',
        b'{"untilMs":-1,"by":"x"}',
        b'{"untilMs":1e300,"by":"x"}',
        b'{"untilMs":' + b"9" * 4000 + b',"by":"x"}',
        b'{"untilMs":null,"reason":"' + b"x" * 100_000 + b'"}',
    ],
)
def test_a_foreign_mark_pauses_until_somebody_resumes(world: World, mark: bytes) -> None:
    """Whoever put it there: the guard and those who read agree that it has no end, and nothing long comes back."""
    world.client.hset(PAUSED_KEY, world.brand, mark)
    with pytest.raises(BrandPausedError) as caught:
        world.lease()
    assert len(str(caught.value)) < 1_000
    (found,) = pauses.paused(world.client, [world.brand]).values()
    assert len(found.reason) <= 256
    resume(world)
    assert world.lease().epoch


def test_operators_acquire_a_paused_brand_if_they_say_so(world: World) -> None:
    """Repair works on a brand that was paused for it; the pause stays."""
    pause(world)
    assert world.store.acquire(world.brand, "t", even_paused=True).epoch
    with pytest.raises(BrandPausedError):
        world.store.acquire(world.brand, "u")


def test_the_key_of_pauses_may_have_a_foreign_type(world: World) -> None:
    """It then holds no pauses: brands go on; and who pauses is told what is in the way."""
    world.client.set(PAUSED_KEY, "x")
    assert world.lease().epoch
    assert pauses.paused(world.client, [world.brand]) == {}
    assert world.store.paused([world.brand]) == {}
    for act in (pause, resume):
        with pytest.raises(WrongTypeError, match="orchestrator:paused"):
            act(world)
    assert world.client.get(PAUSED_KEY) == b"x"


# -- how it is asked for


def test_a_pause_tells_who_why_since_when_and_until_when(world: World) -> None:
    """By the server's clock, whichever way the end was named."""
    pause(world, reason=" a reason ", for_ms=60_000)
    (found,) = pauses.paused(world.client, [world.brand]).values()
    assert (found.reason, found.by) == ("a reason", "ops@host")
    assert found.until_ms == found.since_ms + 60_000
    pause(world, until_ms=FAR_MS)
    (found,) = pauses.paused(world.client, [world.brand]).values()
    assert (found.reason, found.until_ms) == ("", FAR_MS)


def test_an_end_that_is_past_is_refused(world: World) -> None:
    """Nothing is paused, and the message has both times."""
    with pytest.raises(PauseError, match=r"1970-01-01T00:00:01Z is past, Redis's clock says 20"):
        pause(world, until_ms=1_000)
    with pytest.raises(PauseError, match="is past"):
        pause(world, for_ms=0)
    assert not world.client.exists(PAUSED_KEY)


@pytest.mark.parametrize(
    ("field", "value"), [("reason", "a\nb"), ("reason", "x" * 257), ("by", "a\x1bb"), ("by", "x" * 129)]
)
def test_what_is_no_line_of_text_is_refused(world: World, field: str, value: str) -> None:
    """Before anything is written."""
    with pytest.raises(PauseError):
        pause(world, **{field: value})
    assert not world.client.exists(PAUSED_KEY)


def test_many_brands_are_paused_in_slices(world: World) -> None:
    """More than one call takes, each once; and all of them are found again."""
    names = [f"{world.brand} {number}" for number in range(2 * pauses.SLICE + 1)]
    lock = BrandKeys.of(names[-1]).lock
    world.client.set(lock, "held")
    held = pauses.pause(world.client, [*names, names[0]], by="x")
    assert [name for name, was in held.items() if was] == [names[-1]]
    assert not world.client.exists(lock)
    assert set(pauses.paused(world.client, names)) == set(names)
    assert pauses.all_paused(world.client) == sorted(names)
    assert all(pauses.resume(world.client, names).values())
    assert pauses.all_paused(world.client) == []


def test_names_that_are_no_brands_are_not_told(world: World) -> None:
    """Somebody else put them there."""
    world.client.hset(PAUSED_KEY, b"\xff", b"x")
    assert pauses.all_paused(world.client) == []


def test_a_claim_tells_of_a_pause_and_a_resumption_between_two_looks(world: World) -> None:
    """As many brands are paused as before, and the last change was of the same kind: others are paused all the same."""
    stamps = []
    pauses.pause(world.client, ["a", "b", "c"], by="x")
    for paused, resumed in (("d", "a"), ("e", "b")):
        pauses.pause(world.client, [paused], by="x")
        pauses.resume(world.client, [resumed])
        stamps.append(world.store.claim([world.brand]).pauses)
    assert stamps[0] != stamps[1]


def test_a_claim_tells_that_pauses_changed(world: World) -> None:
    """After each pause, resume and change by hand, and not without one."""
    stamps = []

    def look() -> None:
        stamps.append(world.store.claim([world.brand]).pauses)

    look()
    for change in (
        lambda: pause(world),
        lambda: pause(world),
        lambda: world.client.hset(PAUSED_KEY, "by hand", "x"),
        lambda: resume(world),
        lambda: world.client.set(PAUSED_KEY, "x"),
    ):
        change()
        look()
        before = stamps[-1]
        look()
        assert stamps.pop() == before
    assert len(set(stamps)) == 6
    assert world.store.claim([world.brand]).now_ms > 0


@pytest.mark.parametrize("program", servers(), ids=str)
@pytest.mark.parametrize("command", ["hset", "hdel", "del", "type"])
def test_a_forbidden_command_pauses_nothing(program: Any, command: str, brand: str) -> None:
    """Either the brand is paused and its lease gone, or neither."""
    with RedisServer(program) as server:
        admin = server.client()
        admin.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all", f"-{command}")  # type: ignore[no-untyped-call]
        client = server.client(username="limited", password="pw")  # noqa: S106 - of a server that lives for a second
        lease = Store(admin).acquire(brand, "t")
        with pytest.raises(StoreRefusedError):
            pauses.pause(client, [brand], by="x")
        assert pauses.paused(admin, [brand]) == {}
        assert Store(admin).renew([lease]) == []
        client.close()
        admin.close()


@pytest.mark.parametrize("program", servers(), ids=str)
def test_a_full_redis_can_be_paused(program: Any, brand: str) -> None:
    """At maxmemory an operator needs it most."""
    with RedisServer(program) as server:
        client = server.client()
        client.config_set("maxmemory", 1)
        pauses.pause(client, [brand], by="x")
        assert list(pauses.paused(client, [brand])) == [brand]
        pauses.resume(client, [brand])
        assert not client.exists(PAUSED_KEY)
        client.close()
