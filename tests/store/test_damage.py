"""What is not as the last commit left it is noticed: by acquire, which names it, and by the next commit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import fakeredis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.errors import (
    BrandBusyError,
    DamagedMetaError,
    InvalidStateError,
    NewerStateError,
    StaleStateError,
    StoreRefusedError,
    WrongSizeError,
    WrongTypeError,
)
from orchestrator.fleet.parking import Code, code_of
from orchestrator.store import Store, damage, scripts
from orchestrator.store.damage import Damage, damages
from orchestrator.store.types import Remember
from tests.redis_server import RedisServer
from tests.store.world import World, added, commit_of

if TYPE_CHECKING:
    import redis

NUMBERS = (
    *("epoch", "version", "attempts", "suspects", "due", "format", "seen_since", "check0", "check1", "conflicts"),
    "segments",
    *("fields", "digests0", "digests1", "seen0", "seen1"),
)
NO_NUMBERS = (b"", b"inf", b"nan", b"-nan", b"1e3", b"1e300", b"0x10", b"-5", b"1.0", b" 1", b"abc", b"\xff\xfe")
HUGE = (b"9223372036854775807", b"1" * 300)
D1, D2, D3 = (bytes([number]) * 16 for number in (1, 2, 3))

DAMAGE: dict[str, list[tuple[str | bytes, ...]]] = {
    "state": [("delete",), ("hdel", "field"), ("hset", "stranger", "1")],
    "digests0": [("delete",), ("set", D1[1:]), ("append", "stranger")],
    "digests1": [("delete",), ("set", D2), ("append", "stranger")],
}
"""Keys that a commit leaves in a known size, and what may happen to each."""

_damage = pytest.mark.parametrize(("part", "change"), [(part, one) for part, all_ in DAMAGE.items() for one in all_])


def committed(world: World) -> None:
    """Leave the brand with a state, a younger and an older generation, and nobody's lease."""
    lease, peek = world.holding(b"a")
    world.store.commit(lease, commit_of(peek, put={b"field": b"1", b"other": b"2"}, digests=added(D2, D3)))
    world.push(b"b")
    peek = world.store.peek(lease, 1)
    world.store.commit(lease, commit_of(peek, digests=added(D1, how=Remember.ROTATE)))
    world.store.release(lease)


@pytest.fixture
def world(any_client: redis.Redis, brand: str) -> World:
    """A brand on any server."""
    return World(any_client, Store(any_client), brand)


@pytest.fixture
def fake_world() -> World:
    """The same in memory, quick enough for many examples."""
    client: redis.Redis = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    return World(client, Store(client), "nike")


@pytest.mark.parametrize("field", NUMBERS)
def test_acquire_refuses_what_is_no_number_of_ours(world: World, field: str) -> None:
    """The error names the field, its value and what would be right; nothing changes."""
    committed(world)
    for value in NO_NUMBERS + HUGE:
        world.client.hset(world.keys.meta, field, value)
        with world.refused(InvalidStateError):
            world.lease()
        with pytest.raises(InvalidStateError, match=f"{field}.*{re.escape(repr(value[:40]))}.*15 digits"):
            world.lease()


def test_acquire_refuses_what_is_no_cid(world: World) -> None:
    """It would be looked for in memory, logged, and compared by every commit."""
    committed(world)
    for value in (b"\xff", b"a b", b"x" * 65, b"a\n"):
        world.client.hset(world.keys.meta, "cid", value)
        with world.refused(InvalidStateError):
            world.lease()


@pytest.mark.parametrize("field", [*NUMBERS, "cid"])
def test_without_the_damaged_field_a_brand_goes_on(world: World, field: str) -> None:
    """The remedy of an operator: each field has a meaning where it is missing, and the next commit writes it."""
    committed(world)
    world.client.hset(world.keys.meta, field, "in\xf6")
    world.client.hdel(world.keys.meta, field)
    lease, peek = world.holding(b"b")
    assert world.store.commit(lease, commit_of(peek)).queued == 0
    world.store.release(lease)
    world.lease()


def test_acquire_leaves_a_damaged_brand_to_the_one_who_holds_it(world: World) -> None:
    """Its next commit will notice; until then nobody has to be called."""
    world.lease()
    world.client.hset(world.keys.meta, "version", "nan")
    with world.refused(BrandBusyError):
        world.lease()


def test_acquire_does_not_take_a_damaged_format_for_a_newer_one(world: World) -> None:
    """A brand that is left to a newer version raises no alarm, and no such version exists."""
    world.lease()
    for value in ("inf", "1e300"):
        world.client.hset(world.keys.meta, "format", value)
        with world.refused(InvalidStateError):
            world.lease()


def test_acquire_does_not_judge_the_meta_of_a_newer_version(world: World) -> None:
    """That may have numbers of another shape there."""
    world.client.hset(world.keys.meta, mapping={"format": STATE_FORMAT + 1, "version": "1.5"})
    with world.refused(NewerStateError):
        world.lease()


@_damage
def test_acquire_refuses_a_key_of_another_size(world: World, part: str, change: tuple[str | bytes, ...]) -> None:
    """What was lost or added is named with both sizes: a state cannot be loaded as if it were whole."""
    committed(world)
    command, *arguments = change
    getattr(world.client, str(command))(getattr(world.keys, part), *arguments)
    with world.refused(InvalidStateError):
        world.lease()
    with pytest.raises(InvalidStateError, match=f"{re.escape(getattr(world.keys, part))}.* has .* left"):
        world.lease()


@_damage
def test_commit_on_top_of_a_key_of_another_size_is_stale(
    world: World, part: str, change: tuple[str | bytes, ...]
) -> None:
    """Warm memory hides that its copy in Redis is gone: written on top, the next load would find but the rest."""
    committed(world)
    lease, peek = world.holding(b"c")
    command, *arguments = change
    getattr(world.client, str(command))(getattr(world.keys, part), *arguments)
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(peek, digests=added(D3)))
    with pytest.raises(StaleStateError, match=re.escape(getattr(world.keys, part))):
        world.store.commit(lease, commit_of(peek, digests=added(D3)))


def test_commit_on_top_of_a_damaged_size_is_stale(world: World) -> None:
    """Also where the text would be no text."""
    committed(world)
    lease, peek = world.holding(b"c")
    world.client.hset(world.keys.meta, "fields", b"\xff")
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(peek))


def test_a_brand_whose_sizes_no_version_noted_is_acquired(world: World) -> None:
    """States of before do not have them; the next commit notes them."""
    committed(world)
    world.client.hdel(world.keys.meta, "fields", "digests0", "digests1")
    world.client.hdel(world.keys.state, "other")
    lease, peek = world.holding(b"c")
    world.store.commit(lease, commit_of(peek))
    world.store.release(lease)
    world.client.delete(world.keys.state)
    with world.refused(InvalidStateError):
        world.lease()


def test_every_commit_notes_the_sizes_that_it_leaves(world: World) -> None:
    """Whatever it puts, removes or rotates."""
    lease = world.lease()
    for number, (put, remove, digests) in enumerate(
        [
            ({b"a": b"1", b"b": b"1"}, [], added(D1)),
            ({b"c": b"1"}, [b"a", b"never there"], added(D2)),
            ({b"c": b"2"}, [b"c"], added(D1, D3, how=Remember.ROTATE)),
            ({}, [], added(D2, how=Remember.REPLACE, older=D1)),
            ({}, [], None),
        ]
    ):
        peek = world.store.peek(lease, 1)
        world.store.commit(lease, commit_of(peek, put=put, remove=remove, digests=digests))
        noted = world.client.hmget(world.keys.meta, "fields", "digests0", "digests1")
        found = (
            world.client.hlen(world.keys.state),
            world.client.strlen(world.keys.digests0),
            world.client.strlen(world.keys.digests1),
        )
        assert noted == [b"%d" % size for size in found], number


def test_a_duplicate_is_answered_even_if_the_version_was_damaged(world: World) -> None:
    """The commit is in; what is wrong with the brand is for the next lease to say."""
    lease, peek = world.holding(b"a")
    commit = commit_of(peek)
    world.store.commit(lease, commit)
    world.client.hset(world.keys.meta, "version", "abc")
    assert world.store.commit(lease, commit).version == 1


def test_a_cid_that_is_no_text_is_another_one(world: World) -> None:
    """It was damaged under the lease: the peek tells of it, and the commit does not stand on it."""
    committed(world)
    lease, peek = world.holding(b"a")
    world.client.hset(world.keys.meta, "cid", b"\xff")
    assert world.store.peek(lease, 1).cid not in ("", peek.cid)
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(peek))


def test_claim_names_a_brand_whose_due_is_damaged(world: World) -> None:
    """It would never be refreshed, and nobody would know; acquire says what is wrong."""
    committed(world)
    world.client.delete(world.keys.queue)
    assert world.store.claim([world.brand]).ready == []
    for due in NO_NUMBERS:
        world.client.hset(world.keys.meta, "due", due)
        assert world.store.claim([world.brand]).ready == [world.brand]


def test_damages_names_what_acquire_refuses(world: World) -> None:
    """By the same rule, without a lease: each number, the cid, each key."""
    committed(world)
    assert damages(world.client, [world.brand, "never committed"]) == {}
    healthy = world.client.hgetall(world.keys.meta)
    for field in NUMBERS:
        for value in NO_NUMBERS + HUGE:
            world.client.hset(world.keys.meta, field, value)
            assert damages(world.client, [world.brand]) == {
                world.brand: Damage(Code.META, f"its {field} is {value[:40]!r}")
            }, value
        world.client.hdel(world.keys.meta, field)
        world.client.hset(world.keys.meta, mapping=cast("Any", healthy))
    world.client.hset(world.keys.meta, "cid", b"\xff")
    assert "cid" in damages(world.client, [world.brand])[world.brand].said
    world.client.hset(world.keys.meta, mapping=cast("Any", healthy))
    assert set(NUMBERS) == set(damage.NUMBERS)


@_damage
def test_damages_names_a_key_of_another_size(world: World, part: str, change: tuple[str | bytes, ...]) -> None:
    """With both sizes; a key of a foreign type is another trouble, and a newer version's brand is not judged."""
    committed(world)
    command, *arguments = change
    getattr(world.client, str(command))(getattr(world.keys, part), *arguments)
    found = damages(world.client, [world.brand])[world.brand]
    assert (found.code, getattr(world.keys, part) in found.said) == (Code.SIZE, True)
    world.client.hset(world.keys.meta, "format", STATE_FORMAT + 1)
    assert damages(world.client, [world.brand]) == {}


def test_damages_does_not_take_a_commit_for_damage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen once and not a second time happened between two questions."""
    committed(world)
    looks = iter([{world.brand: Damage(Code.SIZE, "state has 3 members")}, {}])
    monkeypatch.setattr(damage, "_look", lambda _client, _brands: next(looks))
    assert damages(world.client, [world.brand]) == {}


def test_forget_names_the_last_commit_anew(world: World) -> None:
    """What is removed is gone, and the name and the time are others, also where these were damaged."""
    committed(world)
    before = cast("dict[bytes, bytes]", world.client.hgetall(world.keys.meta))
    world.store.forget(world.brand, ("cid", "due", "fields"))
    after = cast("dict[bytes, bytes]", world.client.hgetall(world.keys.meta))
    assert before.keys() - after.keys() == {b"fields"}
    assert after[b"cid"] != before[b"cid"]
    assert after[b"due"] == b"1"
    assert world.lease().cid == after[b"cid"].decode()


def test_forget_goes_through_at_maxmemory() -> None:
    """Half of it would be worse than nothing: without the sizes but with its name, warm memory fits what is gone."""
    with RedisServer() as server:
        client = server.client()
        world = World(client, Store(client), "nike")
        committed(world)
        before = world.lease().cid
        client.config_set("maxmemory", 1)
        world.store.forget(world.brand, ("fields", "digests0"))
        cid, fields, digests0, due = cast(
            "list[bytes | None]", client.hmget(world.keys.meta, "cid", "fields", "digests0", "due")
        )
        assert (fields, digests0, due) == (None, None, b"1")
        assert cid not in (None, before.encode())
        client.close()


@pytest.mark.parametrize("command", ["hset", "hdel"])
def test_forget_changes_nothing_where_a_command_is_taken_away(command: str) -> None:
    """By an ACL or rename-command: all of it or nothing."""
    with RedisServer() as server:
        client = server.client()
        world = World(client, Store(client), "nike")
        committed(world)
        client.execute_command("ACL", "SETUSER", "default", f"-{command}")  # type: ignore[no-untyped-call]
        with world.refused(StoreRefusedError):
            world.store.forget(world.brand, ("fields", "digests0"))
        client.close()


def test_forget_refuses_a_key_of_a_foreign_type(world: World) -> None:
    """It is named, and left as it is."""
    world.client.set(world.keys.meta, "mine")
    with world.refused(WrongTypeError):
        world.store.forget(world.brand, ("fields",))


_SHOWN = st.one_of(
    st.sampled_from(
        [None, b"", b"0", b"1", b"-1", b"inf", b"nan", b"1e3", b"0x1", b" 1", b"1\n", b"1" * 15, b"1" * 16]
    ),
    st.binary(max_size=17),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    meta=st.dictionaries(st.sampled_from([*NUMBERS, "cid"]), _SHOWN, max_size=3), gone=st.sampled_from(["", *DAMAGE])
)
def test_damages_and_acquire_go_by_one_rule(fake_world: World, meta: dict[str, bytes | None], gone: str) -> None:
    """It stands in a script and in Python; here both judge whatever meta may hold, keys that are gone included."""
    world = fake_world
    world.client.flushdb()
    committed(world)
    for field, value in meta.items():
        if value is None:
            world.client.hdel(world.keys.meta, field)
        else:
            world.client.hset(world.keys.meta, field, value)
    if gone:
        world.client.delete(getattr(world.keys, gone))
    found = damages(world.client, [world.brand]).get(world.brand)
    assert _refusal(world) in ("format", None if found is None else found.code)


def _refusal(world: World) -> Code | str | None:
    """What acquire refuses: a damaged brand by its code, nothing, or a format that is not ours to judge."""
    try:
        world.lease()
    except (DamagedMetaError, WrongSizeError) as error:
        return code_of(error)
    except (NewerStateError, InvalidStateError):
        return "format"
    return None


def test_damages_and_acquire_look_at_the_same_numbers() -> None:
    """In the same order, the sizes last."""
    names = re.search(r"local numbers =\s*\{([^}]*)\}", scripts.ACQUIRE.text)
    assert names is not None
    assert tuple(re.findall(r"'(\w+)'", names.group(1))) == damage.NUMBERS
