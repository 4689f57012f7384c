"""Letters leave their list and reach a queue in one step, or nothing happens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.errors import StoreRefusedError, WrongTypeError
from orchestrator.store import letters
from orchestrator.store.letters import MARK_TTL_S, Sent, Walk, marks, mend
from tests.redis_server import RedisServer, servers
from tests.store.world import World

if TYPE_CHECKING:
    from pathlib import Path

    import redis


def held(world: World) -> tuple[list[bytes], list[bytes]]:
    """The dead letters and the queue."""
    client: Any = world.client
    return client.lrange(world.keys.failed, 0, -1), client.lrange(world.keys.queue, 0, -1)


def retry(world: World, *sent: Sent, who: str = "ann@desk") -> list[bool]:
    """Send *sent* again."""
    return mend(world.client, world.brand, sent, who=who, queue=world.keys.queue)


def test_a_retry_moves_just_these_letters(world: World) -> None:
    """Others keep their order; payloads are pushed in the order of their letters, behind what waits."""
    world.push(b"waits")
    world.client.rpush(world.keys.failed, "a", "b", "c", "d")
    assert retry(world, Sent(0, b"a", payload=b"A"), Sent(2, b"c", payload=b"C")) == [True, True]
    assert held(world) == ([b"b", b"d"], [b"waits", b"A", b"C"])


def test_a_letter_that_stands_elsewhere_stays(world: World) -> None:
    """A place where another entry stands by now moves nothing, so that two retries at once double nothing."""
    world.client.rpush(world.keys.failed, "b", "a")
    assert retry(world, Sent(0, b"a", payload=b"A"), Sent(1, b"a", payload=b"A")) == [False, True]
    assert retry(world, Sent(1, b"a", payload=b"A")) == [False]
    assert held(world) == ([b"b"], [b"A"])


def test_one_place_is_one_letter(world: World) -> None:
    """Named twice, it is moved once; equal entries at two places are two letters."""
    world.client.rpush(world.keys.failed, "a", "a", "a")
    sent = Sent(1, b"a", payload=b"A")
    assert retry(world, sent, sent) == [True, False]
    assert held(world) == ([b"a", b"a"], [b"A"])
    assert retry(world, Sent(0, b"a", payload=b"A"), Sent(1, b"a", payload=b"A")) == [True, True]
    assert held(world) == ([], [b"A", b"A", b"A"])


def test_a_drop_pushes_nothing(world: World) -> None:
    """It leaves no mark either."""
    world.client.rpush(world.keys.failed, "a", "b")
    assert mend(world.client, world.brand, [Sent(1, b"b")], who="ann", queue=None) == [True]
    assert held(world) == ([b"a"], [])
    assert not world.client.exists(world.keys.retried)


def test_a_mark_says_who_when_and_how_often(world: World) -> None:
    """It belongs to the payload, follows it when it is mended, and ends some days after the last retry."""
    for who, before, after in (("ann", b"A", b"A"), ("bob", b"A", b"A"), ("cy x", b"A", b"mended")):
        world.client.rpush(world.keys.failed, "a")
        retry(world, Sent(0, b"a", before=before, payload=after), who=who)
        assert world.client.pttl(world.keys.retried) > 0  # from the first one on
    now_ms = cast("Any", world.client.time())[0] * 1000
    mended, plain, none = marks(world.client, world.brand, [b"mended", b"A", b"other"])
    assert (mended and (mended.times, mended.who), plain and (plain.times, plain.who)) == ((3, "cy x"), (2, "bob"))
    assert none is None
    assert mended is not None
    assert abs(mended.at_ms - now_ms) < 60_000
    assert world.client.hlen(world.keys.retried) == 2
    assert 0 < world.client.pttl(world.keys.retried) <= MARK_TTL_S * 1000


@pytest.mark.parametrize("value", [b"", b"1", b"x 1 y", b"1 x y", b"1 100000000000000 x", b"1" * 5_000 + b" 1 x"])
def test_a_mark_of_somebody_elses_is_none(world: World, value: bytes) -> None:
    """Nor is it a time that no date can show, or a number that Python does not read."""
    world.client.rpush(world.keys.failed, "a")
    retry(world, Sent(0, b"a", before=b"A", payload=b"A"))
    assert marks(world.client, world.brand, [b"A"]) != [None]
    for field in cast("list[bytes]", world.client.hkeys(world.keys.retried)):
        world.client.hset(world.keys.retried, field.decode(), value)
    assert marks(world.client, world.brand, [b"A"]) == [None]


def test_marks_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many begin anew."""
    monkeypatch.setattr(letters, "MAX_MARKS", 2)
    for number in range(3):
        world.client.rpush(world.keys.failed, "a")
        retry(world, Sent(0, b"a", payload=b"%d" % number))
    assert world.client.hlen(world.keys.retried) == 1


@pytest.mark.parametrize("part", ["failed", "queue", "retried"])
def test_a_foreign_type_moves_nothing(world: World, part: str) -> None:
    """The error names the key."""
    world.client.rpush(world.keys.failed, "a")
    name = getattr(world.keys, part)
    world.client.delete(name)
    world.client.set(name, "foreign")
    before = world.dump()
    with pytest.raises(WrongTypeError, match=part if part != "queue" else "chunks"):
        retry(world, Sent(0, b"a", payload=b"A"))
    assert world.dump() == before


@pytest.mark.parametrize(
    "command", ["pexpire", "lrem", "lset", "llen", "hset", "hdel", "hlen", "rpush", "hget", "lindex", "time"]
)
@pytest.mark.parametrize("program", servers()[:1], ids=str)
def test_a_refused_command_changes_nothing(program: Path, command: str) -> None:
    """Whichever command an access list forbids, it is refused before the first change."""
    with RedisServer(program) as server:
        admin = server.client()
        rules = ["reset", "on", ">pw", "~*", "&*", "+@all", f"-{command}"]
        admin.execute_command("ACL", "SETUSER", "limited", *rules)  # type: ignore[no-untyped-call]
        world = World(admin, cast("Any", None), "b")
        admin.rpush(world.keys.failed, "a")
        admin.hset(world.keys.retried, "old", "1 1 x")
        client = server.client(username="limited", password="pw")  # noqa: S106 - of a server that lives for a second
        with pytest.raises(StoreRefusedError):
            mend(client, "b", [Sent(0, b"a", payload=b"A")], who="ann", queue=world.keys.queue)
        assert held(world) == ([b"a"], [])
        assert (admin.hgetall(world.keys.retried), admin.pttl(world.keys.retried) > 0) in (
            ({b"old": b"1 1 x"}, False),
            ({b"old": b"1 1 x"}, True),  # a mark may live longer
        )
        client.close()
        admin.close()


def test_a_walk_reads_all_in_bounded_slices(world: World) -> None:
    """In number, and in bytes also where large entries follow upon small ones."""
    small, large = [b"%d" % number for number in range(300)], [bytes(300_000)] * 20
    world.client.rpush(world.keys.failed, *small, *large, *small)
    walk = Walk(world.client, world.brand)
    found: list[bytes] = []
    slices = []
    while raws := walk.read():
        found += raws
        walk.place += len(raws)
        slices.append(raws)
    assert found == small + large + small
    assert max(map(len, slices)) == letters.MAX_LETTERS
    few = 8  # are taken at a time while they are small
    assert max(sum(map(len, raws)) for raws in slices) <= letters.SLICE_BYTES + few * 300_000


def test_a_walk_over_a_foreign_type_is_refused(world: World) -> None:
    """The error names the key."""
    world.client.set(world.keys.failed, "foreign")
    with pytest.raises(WrongTypeError, match="is a string, expected a list"):
        Walk(world.client, world.brand).read()


@pytest.mark.parametrize("start", [0, 40, 93])
def test_letters_anywhere_in_the_list_are_moved(world: World, start: int) -> None:
    """At the oldest end, in the middle and at the newest one, next to each other or not."""
    entries = [b"%d" % number for number in range(100)]
    world.client.rpush(world.keys.failed, *entries)
    places = [start, start + 1, start + 4, start + 6]
    assert retry(world, *(Sent(place, entries[place], payload=entries[place]) for place in places)) == [True] * 4
    assert held(world) == (
        [entry for place, entry in enumerate(entries) if place not in places],
        [entries[place] for place in places],
    )


def test_a_full_memory_does_not_keep_letters(brand: str) -> None:
    """A Redis that is full takes a retry all the same: it needs no more room."""
    with RedisServer(servers()[0]) as server:
        client: redis.Redis = server.client()
        world = World(client, cast("Any", None), brand)
        client.rpush(world.keys.failed, "a")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        assert retry(world, Sent(0, b"a", payload=b"A")) == [True]
        client.config_set("maxmemory", 0)
        assert held(world) == ([], [b"A"])
        client.close()
