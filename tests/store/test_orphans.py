"""Queues of nobody's: found by bounded looks, written down for all, and untrusted when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from orchestrator.contract.keys import ORPHANS_KEY, queue_key
from orchestrator.store import orphans
from orchestrator.store.orphans import Found, Report, Search, Turn, read_report, search, tell, told
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server of its own: a search looks through all names."""
    with RedisServer() as started:
        yield started


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """Its only client; nothing is left for the next test."""
    with server.client() as connected:
        yield connected
        for key in connected.scan_iter():
            connected.delete(key)


def push(client: redis.Redis, name: str | bytes, chunks: int, size: int = 100) -> None:
    """What a producer does whose name of the brand may be wrong."""
    key = b"result:brand:" + name + b":chunks" if isinstance(name, bytes) else queue_key(name)
    client.rpush(key, *([b"x" * size] * chunks))


def test_search_finds_what_nobody_reads_and_says_why(client: redis.Redis) -> None:
    """Queues of registered brands and keys that are no queue are left out; the fullest come first."""
    push(client, "acme", 7)
    push(client, "acme ", 3)
    push(client, "other", 5)
    push(client, b"\xff", 1)
    client.set(queue_key("foreign"), "x")
    client.set("result:brand:note", "x")
    found = search(client, ["acme"])
    assert [(one.name, one.chunks) for one in found.named] == [("other", 5), ("acme ", 3), ("\\xff", 1)]
    assert (found.queues, found.chunks, found.complete) == (3, 9, True)
    assert found.named[1].why == "'acme ' differs from the registered brand 'acme' by a trailing blank"


def test_search_weighs_what_it_finds(client: redis.Redis) -> None:
    """Bytes are the server's own figure: those of the payload and a little more."""
    push(client, "other", 100, size=1000)
    found = search(client, [])
    assert found.size == found.named[0].size
    assert found.size is not None
    assert 100_000 < found.size < 150_000


def test_search_counts_where_it_may_not_weigh(client: redis.Redis, server: RedisServer) -> None:
    """An access list need not allow MEMORY: then bytes are unknown, and chunks counted all the same."""
    push(client, "other", 4)
    client.acl_setuser("narrow", enabled=True, nopass=True, keys=["*"], categories=["+@all"], commands=["-memory"])
    with server.client() as narrow:
        narrow.execute_command("AUTH", "narrow", "")
        going = Search(narrow, frozenset())
        while going.step():
            pass
        report = going.report(1)
    client.acl_deluser("narrow")
    assert report.named == (Found(b"other", 4, None),)
    assert told(report, [], {b"other": 4}).size is None


def test_search_asks_once_where_it_may_not_weigh(
    client: redis.Redis, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that is refused fills the server's log of refusals, and is not sent for every slice of names."""
    monkeypatch.setattr(orphans, "SLICE_KEYS", 1)
    for number in range(100):
        push(client, f"nobody {number}", 1)
    client.acl_setuser("narrow", enabled=True, nopass=True, keys=["*"], categories=["+@all"], commands=["-memory"])
    client.config_resetstat()
    with server.client() as narrow:
        narrow.execute_command("AUTH", "narrow", "")
        going = Search(narrow, frozenset())
        while going.step():
            pass
    client.acl_deluser("narrow")
    statistics = client.info("commandstats")
    asked = sum(one["rejected_calls"] for name, one in statistics.items() if name.startswith("cmdstat_memory"))
    assert 0 < asked < 20


def test_search_leaves_out_what_is_registered(client: redis.Redis) -> None:
    """Already in the report: the fullest queues are those of brands, and would take the places of all others."""
    push(client, "acme", 7)
    push(client, "other", 1)
    going = Search(client, frozenset({"acme"}))
    while going.step():
        pass
    assert [one.name for one in going.report(1).named] == [b"other"]


def test_search_takes_many_looks_of_bounded_work(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """No look goes through more names than a slice has, and none is missed between two."""
    monkeypatch.setattr(orphans, "SLICE_KEYS", 10)
    with client.pipeline() as pipe:
        for number in range(200):
            pipe.set(f"foreign {number}", "x")
        pipe.execute()
    for number in range(20):
        push(client, f"nobody {number}", 1)
    going, steps = Search(client, frozenset()), 1
    while going.step():
        steps += 1
    assert steps > 10
    assert going.report(1).queues + len(going.report(1).named) == 20


def test_search_names_the_fullest_and_counts_the_rest(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of names fills neither the report nor the log; its chunks and bytes are in the sums."""
    monkeypatch.setattr(orphans, "MAX_NAMED", 2)
    monkeypatch.setattr(orphans, "MAX_WEIGHED", 3)
    for chunks in range(1, 6):
        push(client, f"nobody {chunks}", chunks)
    found = search(client, [])
    assert [one.chunks for one in found.named] == [5, 4]
    assert (found.queues, found.chunks) == (5, 15)
    assert found.size is not None
    assert 1_500 < found.size < 6_000


@pytest.mark.parametrize("bound", ["MAX_KEYS", "MAX_FOUND"])
def test_search_ends_at_its_bounds_and_says_so(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """What was not looked through may hold more."""
    monkeypatch.setattr(orphans, "SLICE_KEYS", 1)
    monkeypatch.setattr(orphans, bound, 2)
    for number in range(50):
        push(client, f"nobody {number}", 1)
    found = search(client, [])
    assert not found.complete
    assert 0 < found.queues < 50


def test_what_was_found_is_told_as_it_is_now(client: redis.Redis) -> None:
    """A brand that was registered since, or a queue that was emptied, is told of no more, without a new search."""
    for name in ("a", "b", "c"):
        push(client, name, 10)
    search(client, [])
    report = read_report(client)
    assert report is not None
    client.delete(queue_key("a"))
    client.ltrim(queue_key("c"), 0, 3)
    found = tell(client, report, ["b"])
    assert [(one.name, one.chunks) for one in found.named] == [("c", 4)]
    assert (found.queues, found.chunks) == (1, 4)
    assert found.size is not None
    assert report.named[2].size is not None
    assert found.size < report.named[2].size


def test_one_process_searches_at_a_time(client: redis.Redis) -> None:
    """The turn is another's until that one ends it, or is gone."""
    first, second = Turn(client), Turn(client)
    assert first.take()
    assert not second.take()
    first.keep()
    assert 0 < client.pttl("orchestrator:orphans:turn") <= 60_000
    first.end(Report(1))
    assert second.take()
    assert read_report(client) == Report(1)
    assert client.pttl(ORPHANS_KEY) > 3_600_000


@pytest.mark.parametrize(
    "document",
    [
        b"nonsense",
        b'{"atMs": "x"}',
        b"\xff" * 10,
        b"[" * 100_000,
        msgspec.json.encode(Report(1, named=tuple(Found(b"%d" % number, 1) for number in range(101)))),
        b'{"atMs": 1}' + b" " * 1024 * 1024,
        b'{"atMs": 253402300800000}',
        b'{"atMs": -1}',
        b'{"atMs": 1, "queues": -1}',
        b'{"atMs": 1, "chunks": 9007199254740993}',
        b'{"atMs": 1, "named": [{"name": "eA==", "chunks": 1, "bytes": -1}]}',
    ],
)
def test_a_report_of_somebody_elses_is_none(client: redis.Redis, document: bytes) -> None:
    """What stands in the key is untrusted: it is searched anew."""
    client.set(ORPHANS_KEY, document)
    assert read_report(client) is None
