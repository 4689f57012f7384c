"""Who lives, by the server's clock, whatever else stands in the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import MEMBERS_KEY
from orchestrator.errors import StoreError, WrongTypeError
from orchestrator.fleet.members import TTL_S, Share
from orchestrator.store.members import (
    MAX_ENTRY_BYTES,
    MAX_MEMBERS,
    Heard,
    Told,
    ToldLoad,
    ToldRates,
    ToldShare,
    beat,
    earlier,
    fitting,
    gone_s,
    leave,
    pause_s,
    read_members,
)
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

SETTINGS = Fingerprint({"SUMMARY_WINDOW_SEC": 900, "MAX_STORIES": 7})


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without members, before and after."""
    any_client.delete(MEMBERS_KEY)
    yield any_client
    any_client.delete(MEMBERS_KEY)


def told(name: str = "o-1", **changes: Any) -> Told:
    """What a process says."""
    values: dict[str, Any] = {"version": "1", "format": 4, "lanes": 5, "active": 2}
    return Told(id=name, settings=msgspec.Raw(SETTINGS.text().encode()), **(values | changes))


def heard(client: redis.Redis, name: str, since_ms: int = 0) -> Heard:
    """A beat of the process *name*."""
    return beat(client, name, since_ms, told(name))


def names(client: redis.Redis) -> list[str]:
    """Who lives."""
    return [member.name for member in read_members(client)]


def now_ms(client: redis.Redis) -> int:
    """The server's clock."""
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000


def put(client: redis.Redis, name: str, since_ms: int, seen_ms: int, document: bytes | None = None) -> None:
    """An entry as a beat at *seen_ms* left it."""
    entry = document if document is not None else msgspec.json.encode(told(name))
    client.hset(MEMBERS_KEY, name, b"%d %d %b" % (since_ms, seen_ms, entry))


def test_beat_tells_and_hears(client: redis.Redis) -> None:
    """What a process says of itself reaches the others, with the times of the server."""
    before = now_ms(client)
    first = heard(client, "a")
    (member,) = first.members
    assert (member.name, member.id, member.version, member.format) == ("a", "a", "1", 4)
    assert (member.lanes, member.active, member.fingerprint) == (5, 2, SETTINGS)
    assert before <= member.since_ms == first.since_ms <= now_ms(client)
    assert 0 <= member.age_ms < 5_000
    assert read_members(client)[0].fingerprint == SETTINGS


def test_beat_keeps_since_when_a_process_lives(client: redis.Redis) -> None:
    """Also if the list was lost: the process itself remembers."""
    since_ms = heard(client, "a").since_ms
    assert heard(client, "a", since_ms).since_ms == since_ms
    client.delete(MEMBERS_KEY)
    assert heard(client, "a", since_ms).members[0].since_ms == since_ms


def test_members_come_the_oldest_first(client: redis.Redis) -> None:
    """So each of them knows who was there before it."""
    now = now_ms(client)
    put(client, "b", now - 10, now)
    put(client, "c", now - 20, now)
    put(client, "a", now - 10, now)
    members = read_members(client)
    assert [member.name for member in members] == ["c", "a", "b"]
    assert [member.name for member in earlier(members, "a")] == ["c"]
    assert earlier(members, "c") == ()
    assert earlier(members, "somebody new") == members


@pytest.mark.parametrize("ago_s", [TTL_S + 1, -TTL_S - 1])
def test_who_says_nothing_is_gone(client: redis.Redis, ago_s: float) -> None:
    """By the server's clock, also when that was ahead for a while; the next beat removes the entry."""
    now = now_ms(client)
    put(client, "dead", now - 99_000, now - round(ago_s * 1000))
    put(client, "quiet", now - 99_000, now - 15_000)
    assert names(client) == ["quiet"]
    assert [member.name for member in heard(client, "a").members] == ["quiet", "a"]
    assert sorted(client.hkeys(MEMBERS_KEY)) == [b"a", b"quiet"]


def test_without_processes_the_key_expires(client: redis.Redis) -> None:
    """Each beat lets it live for as long as the process counts as alive."""
    heard(client, "a")
    assert 10_000 < client.pttl(MEMBERS_KEY) <= TTL_S * 1000
    client.pexpire(MEMBERS_KEY, 99)
    heard(client, "a")
    assert 10_000 < client.pttl(MEMBERS_KEY) <= TTL_S * 1000


def test_leave_takes_a_process_out_at_once(client: redis.Redis) -> None:
    """And twice does no harm."""
    heard(client, "a")
    heard(client, "b")
    leave(client, "a")
    leave(client, "a")
    assert names(client) == ["b"]


FOREIGN = [
    b"",
    b"x",
    b"1 2",
    b"nan inf {}",
    b"-1 -1 {}",
    b"1e3 1e3 {}",
]


@pytest.mark.parametrize("entry", FOREIGN)
def test_what_is_no_entry_is_removed(client: redis.Redis, entry: bytes) -> None:
    """Somebody else wrote it; whoever beats next takes it out."""
    client.hset(MEMBERS_KEY, "foreign", entry)
    assert names(client) == []
    assert [member.name for member in heard(client, "a").members] == ["a"]
    assert client.hkeys(MEMBERS_KEY) == [b"a"]


DOCUMENTS = [
    b"",
    b"\xff",
    b"{}",
    b"[" * 3_000,
    b'{"id":1}',
    b'{"id":"x","version":"1"}',
    b'{"id":"x","version":"1","format":4,"settings":{"MAX_STORIES":-1},"lanes":5,"active":2}',
    b'{"id":"x","version":"1","format":4,"settings":7,"lanes":5,"active":2}',
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_cannot_be_read_is_no_member(client: redis.Redis, document: bytes) -> None:
    """A process of another version may say what we do not know; it lives and is left in peace."""
    now = now_ms(client)
    put(client, "other", now, now, document)
    assert [member.name for member in heard(client, "a").members] == ["a"]
    assert names(client) == ["a"]


def test_names_are_fit_to_be_shown(client: redis.Redis) -> None:
    """No control characters and no right-to-left marks reach a log or a terminal, and no more than a line."""
    now = now_ms(client)
    put(client, "x", now, now, msgspec.json.encode(told("a\x1b[2J\u202eb" + "x" * 999, version="\n")))
    (member,) = read_members(client)
    assert member.id.startswith("a?[2J?bxxx")
    assert (len(member.id), member.version) == (128, "?")


def test_an_entry_that_is_too_large_goes(client: redis.Redis) -> None:
    """Nobody who beats has to read it twice."""
    now = now_ms(client)
    put(client, "x", now, now, msgspec.json.encode(told("x")) + b" " * MAX_ENTRY_BYTES)
    assert names(client) == []
    heard(client, "a")
    assert client.hkeys(MEMBERS_KEY) == [b"a"]


def test_a_key_that_somebody_filled_is_emptied(client: redis.Redis) -> None:
    """A beat costs the same whatever stands there; those who live are in it again with their next one."""
    now = now_ms(client)
    for number in range(2 * MAX_MEMBERS + 1):
        put(client, f"x{number}", now, now)
    assert names(client) == []
    assert [member.name for member in heard(client, "a").members] == ["a"]
    assert client.hlen(MEMBERS_KEY) == 1


def test_beat_leaves_a_key_of_a_foreign_type_alone(client: redis.Redis) -> None:
    """It is named, and neither changed nor made to expire."""
    client.set(MEMBERS_KEY, "mine")
    with pytest.raises(WrongTypeError, match="orchestrator:members"):
        heard(client, "a")
    with pytest.raises(StoreError):
        read_members(client)
    assert (client.get(MEMBERS_KEY), client.pttl(MEMBERS_KEY)) == (b"mine", -1)


def test_beat_goes_through_at_maxmemory() -> None:
    """A full Redis is when an operator wants to know who is there."""
    with RedisServer() as server:
        client = server.client()
        heard(client, "a")
        client.config_set("maxmemory", 1)
        assert [member.name for member in heard(client, "a").members] == ["a"]
        client.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"load": {"lanes": -0.1, "cpu": 0, "memoryBytes": 1}},
        {"load": {"lanes": 0, "cpu": 1e16, "memoryBytes": 1}},
        {"rates": {"chunks": -1, "mentions": 0, "brands": 0, "duplicates": 0, "deadLetters": 0}},
        {"oldest": -1},
        {"holds": ["\x07", " a", ""]},
    ],
)
def test_numbers_and_names_that_cannot_be_are_not_believed(client: redis.Redis, changes: dict[str, Any]) -> None:
    """The process is told of all the same."""
    document = msgspec.json.decode(msgspec.json.encode(told("a"))) | changes
    put(client, "a", now_ms(client), now_ms(client), msgspec.json.encode(document))
    (member,) = read_members(client)
    assert (member.load, member.rates, member.oldest_s, member.holds) == (None, None, None, ())


def test_a_process_names_as_many_brands_as_fit() -> None:
    """Whatever their names are made of: the entry must stay one of ours."""
    assert fitting(["a", "b"]) == ("a", "b")
    for name in ("x" * 256, '"' * 256, "é" * 128, "\N{PILE OF POO}" * 64):
        holds = fitting([name] * 99)
        assert 1 <= len(holds) <= 4
        entry = msgspec.json.encode(
            told("o" * 128, load=ToldLoad(1, 9, 2**40), rates=ToldRates(*[1e9] * 5), holds=holds)
        )
        assert len(entry) + 40 < MAX_ENTRY_BYTES - 4_096 // 2


def test_an_older_version_says_less(client: redis.Redis) -> None:
    """And is told of all the same; a newer one may say more."""
    document = {"id": "o", "version": "0", "format": 3, "settings": {}, "lanes": 1, "active": 0}
    put(client, "old", now_ms(client), now_ms(client), msgspec.json.encode(document))
    put(client, "new", now_ms(client), now_ms(client), msgspec.json.encode(document | {"more": [1]}))
    assert {member.name: member.load for member in read_members(client)} == {"old": None, "new": None}


def test_a_share_is_passed_on_if_it_can_be_true(client: redis.Redis) -> None:
    """With names that can be shown; numbers that nobody counts make none."""
    told_share = ToldShare("r\n", "v", 7, 3, 1, 2.5, 0.25, strained=True)
    beat(client, "a", 0, told("a", share=told_share))
    beat(client, "b", 0, told("b", share=msgspec.structs.replace(told_share, chunks=-1)))
    beat(client, "c", 0, told("c", share=msgspec.structs.replace(told_share, age=1e99)))
    (first, *others) = read_members(client)
    assert first.share == Share("r?", "v", 7, 3, 1, 2.5, 0.25, strained=True)
    assert [member.share for member in others] == [None, None]


def test_many_processes_beat_more_slowly() -> None:
    """Each hears all others: what all of them read a second does not grow with their number beyond what it must."""
    assert pause_s(1) > pause_s(2) == pause_s(10) < pause_s(20) < pause_s(MAX_MEMBERS) < TTL_S / 3
    for members in (1, 2, 10, 20, 50, MAX_MEMBERS):
        assert gone_s(members) >= min(TTL_S, 4 * pause_s(members) + 1.0)
    assert gone_s(2) <= 6.0
