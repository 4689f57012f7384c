"""What commits leave for the archive, who may take it there, and how it leaves Redis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.consumed import RECORD_BYTES, Head, Held, Kept, Note, Waiting, encode, encode_note, note_of
from orchestrator.errors import (
    ArchiveBehindError,
    LeaseLostError,
    NewerRecordError,
    QueueMovedError,
    StaleStateError,
    StoreRefusedError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.store import ArchivePolicy, Commit, Store, StoreOptions, scripts
from orchestrator.store.consumed import MOST_HOLD_S, Consumed
from orchestrator.store.purge import look, purge
from orchestrator.store.runner import ScriptRunner
from tests.redis_server import RedisServer
from tests.store.world import World, commit_of

if TYPE_CHECKING:
    import redis

    from orchestrator.store import Lease, Peek

HOLD_S = 30.0
BOUND = 1_000_000
NOW_MS = 1_764_300_000_000


@pytest.fixture
def archive(any_client: redis.Redis, brand: str) -> World:
    """One brand on any server, with an archive."""
    return World(any_client, Store(any_client, StoreOptions(failed_max=3, archive_bytes=BOUND)), brand)


@pytest.fixture
def consumed(archive: World) -> Consumed:
    """What waits there."""
    return Consumed(archive.client)


def recorded(lease: Lease, peek: Peek, **changes: Any) -> Commit:
    """A commit with its record, which takes all of *peek*."""
    commit = commit_of(peek, **changes)
    size = sum(map(len, peek.items[: commit.consumed]))
    return replace(commit, record=head_of(lease, commit, items=commit.consumed, size=size))


def head_of(lease: Lease, commit: Commit, **changes: Any) -> Head:
    """What such a commit tells the archive."""
    times = (NOW_MS + commit.version, NOW_MS, 0)
    return Head(commit.cid, commit.expected_cid, lease.epoch, commit.version, *times, {"MAX_STORIES": 1}, **changes)


def kept(commit: Commit, *payloads: bytes) -> Kept:
    """What is to be read of *commit*."""
    assert commit.record is not None
    size = len(encode(commit.record)) + sum(map(len, payloads)) + RECORD_BYTES
    return Kept(commit.record, list(payloads), size)


def make(world: World, *batches: list[bytes]) -> list[Commit]:
    """A commit for each of *batches*, under one lease."""
    lease, commits = world.lease(), []
    for items in batches:
        if items:
            world.push(*items)
        peek = world.store.peek(lease, 100)
        commits.append(recorded(lease, peek))
        world.store.commit(lease, commits[-1])
    world.store.release(lease)
    return commits


# -- what a commit leaves


def test_commit_leaves_what_it_took(archive: World, consumed: Consumed) -> None:
    """In the queue's order, with a head each; a refresh leaves a head alone."""
    one, two, three = make(archive, [b"a", b"b"], [], [b"c" * 3_000])
    told = [kept(one, b"a", b"b"), kept(two), kept(three, b"c" * 3_000)]
    assert consumed.read(archive.brand, "t", BOUND) == told
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert waiting == Waiting(sum(each.size for each in told), NOW_MS + 1, 3, 0, 0, "")


def test_commit_leaves_the_rest_of_the_queue(archive: World, consumed: Consumed) -> None:
    """What it did not take is neither lost nor archived."""
    lease, peek = archive.holding(b"a", b"b", b"c")
    commit = recorded(lease, peek, consumed=2, tail=b"b")
    archive.store.commit(lease, commit)
    assert consumed.read(archive.brand, "t", BOUND) == [kept(commit, b"a", b"b")]
    assert archive.client.lrange(archive.keys.queue, 0, -1) == [b"c"]


def test_what_a_commit_leaves_never_expires(archive: World, consumed: Consumed) -> None:
    """A worker may have set an expiry on its queue: taken along, records would be gone before they are archived."""
    archive.push(b"a", b"b")
    archive.client.expire(archive.keys.queue, 100)
    (commit,) = make(archive, [])
    assert consumed.read(archive.brand, "t", BOUND) == [kept(commit, b"a", b"b")]
    assert archive.client.pttl(archive.keys.consumed(commit.cid)) == -1
    assert not archive.client.exists(archive.keys.queue)


def test_commit_tells_how_much_waits(archive: World) -> None:
    """In its answer, and the next lease is told as well."""
    lease, peek = archive.holding(b"a")
    commit = recorded(lease, peek)
    reply = archive.store.commit(lease, commit)
    assert (reply.unarchived, reply.skipped) == (kept(commit, b"a").size, False)
    archive.store.release(lease)
    assert archive.lease().unarchived == reply.unarchived


def test_commit_delivered_twice_leaves_one_record(archive: World, consumed: Consumed) -> None:
    """The second delivery says that it is in already."""
    lease, peek = archive.holding(b"a")
    commit = recorded(lease, peek)
    assert [archive.store.commit(lease, commit).duplicate for _ in range(2)] == [False, True]
    assert consumed.read(archive.brand, "t", BOUND) == [kept(commit, b"a")]


def test_commit_that_is_refused_leaves_nothing(archive: World) -> None:
    """Fenced, stale, or with another queue: no record, no payload, no number."""
    lease, peek = archive.holding(b"a", b"b")
    for error, commit in (
        (StaleStateError, recorded(lease, peek, expected_cid="other")),
        (QueueMovedError, recorded(lease, peek, head=b"other")),
        (QueueMovedError, recorded(lease, peek, tail=b"other")),
    ):
        with archive.refused(error):
            archive.store.commit(lease, commit)
    with archive.refused(LeaseLostError):
        archive.store.commit(replace(lease, token="other"), recorded(lease, peek))  # noqa: S106 - of a lease
    assert archive.consumed() == []


def test_commit_without_an_archive_touches_none_of_its_keys(world: World) -> None:
    """Even if it is given a record."""
    lease, peek = world.holding(b"a")
    world.client.set(world.keys.records, "somebody's")
    assert world.store.commit(lease, recorded(lease, peek)).unarchived == 0
    assert world.client.get(world.keys.records) == b"somebody's"
    assert not world.client.exists(world.keys.archiving)


@pytest.mark.parametrize("part", ["records", "archiving"])
def test_commit_refuses_a_key_of_a_foreign_type_by_its_name(archive: World, part: str) -> None:
    """As for every other key of the brand, which then parks."""
    archive.client.set(getattr(archive.keys, part), "somebody's")
    lease, peek = archive.holding(b"a")
    with archive.refused(WrongTypeError):
        archive.store.commit(lease, recorded(lease, peek))
    with pytest.raises(WrongTypeError, match=f":{part}' is a string, expected a (list|hash)"):
        archive.store.commit(lease, recorded(lease, peek))


def test_commit_stops_where_as_much_waits_as_may(archive: World) -> None:
    """By the policy pause nothing changes until there is room."""
    lease, peek = archive.holding(b"a", b"b")
    archive.client.hset(archive.keys.archiving, "bytes", BOUND)
    with archive.refused(ArchiveBehindError):
        archive.store.commit(lease, recorded(lease, peek))
    assert isinstance(archive.store.behind(lease, BOUND), ArchiveBehindError)
    archive.client.hset(archive.keys.archiving, "bytes", BOUND - 1)
    assert archive.store.behind(lease, BOUND - 1) is None
    assert archive.store.commit(lease, recorded(lease, peek)).unarchived > BOUND


def test_commit_goes_on_without_a_record_where_it_may(archive: World, consumed: Consumed) -> None:
    """By the policy skip; each is counted, and the next record tells of the gap."""
    options = replace(archive.store.options, archive_policy=ArchivePolicy.SKIP)
    skipping = World(archive.client, Store(archive.client, options), archive.brand)
    make(skipping, [b"x"])
    archive.client.hset(archive.keys.archiving, "bytes", BOUND)
    assert [skipping.store.behind(skipping.lease(), BOUND)] == [None]
    archive.client.delete(archive.keys.lock)
    make(skipping, [b"a"], [b"b"])
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert (waiting.records, waiting.bytes, waiting.skipped, waiting.gaps) == (1, BOUND, 2, 0)
    archive.client.hset(archive.keys.archiving, "bytes", 0)
    (commit,) = make(skipping, [b"c"])
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert (waiting.records, waiting.skipped, waiting.gaps, waiting.gap) == (2, 2, 1, commit.cid)


def test_commit_of_a_process_without_an_archive_makes_a_gap(archive: World, consumed: Consumed) -> None:
    """One of two processes archives: the record after the other one's commit does not stand on the last record."""
    other = World(archive.client, Store(archive.client), archive.brand)
    make(archive, [b"a"])
    make(other, [b"b"])
    commits = make(archive, [b"c"], [b"d"])
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert (waiting.records, waiting.gaps, waiting.gap) == (3, 1, commits[0].cid)


def test_an_archive_that_begins_with_a_brand_that_has_a_state_is_no_gap(archive: World, consumed: Consumed) -> None:
    """Nothing was forgotten: before it there was no archive."""
    make(World(archive.client, Store(archive.client), archive.brand), [b"a"])
    make(archive, [b"b"], [b"c"])
    assert consumed.waiting([archive.brand])[archive.brand].gaps == 0


def test_commit_ignores_numbers_that_are_none(archive: World, consumed: Consumed) -> None:
    """What stands there is anybody's: it counts from zero again."""
    for name in ("bytes", "since", "gaps", "skipped"):
        archive.client.hset(archive.keys.archiving, name, "many")
    make(archive, [b"a"])
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert (waiting.records, waiting.skipped, waiting.gaps) == (1, 0, 0)
    assert waiting.bytes > 0


# -- who may take it


def test_take_is_for_one_at_a_time(archive: World, consumed: Consumed) -> None:
    """Until it gives the right back, or its time is over."""
    make(archive, [b"a"])
    assert consumed.take(archive.brand, "a", HOLD_S) == Held(None)
    assert consumed.take(archive.brand, "b", HOLD_S) is None
    consumed.leave(archive.brand, "b")
    assert consumed.take(archive.brand, "b", HOLD_S) is None
    consumed.leave(archive.brand, "a")
    assert consumed.take(archive.brand, "b", HOLD_S) == Held(None)
    archive.client.hset(archive.keys.archiving, "until", 1)
    assert consumed.take(archive.brand, "a", HOLD_S) == Held(None)


def test_hold_is_for_who_has_the_right(archive: World, consumed: Consumed) -> None:
    """Others do not lengthen it, and who lost it learns of that."""
    assert not consumed.hold(archive.brand, "a", HOLD_S)
    consumed.take(archive.brand, "a", HOLD_S)
    before = int(archive.client.hget(archive.keys.archiving, "until") or 0)
    assert (consumed.hold(archive.brand, "b", HOLD_S), consumed.hold(archive.brand, "a", 2 * HOLD_S)) == (False, True)
    assert int(archive.client.hget(archive.keys.archiving, "until") or 0) >= before + HOLD_S * 1000


def test_take_shortens_a_hold_that_no_process_would_have(archive: World, consumed: Consumed) -> None:
    """A clock that was set back must not keep the records for as long."""
    consumed.take(archive.brand, "a", 10 * MOST_HOLD_S)
    long = int(archive.client.hget(archive.keys.archiving, "until") or 0)
    assert consumed.take(archive.brand, "b", HOLD_S) is None
    assert int(archive.client.hget(archive.keys.archiving, "until") or 0) <= long - 9 * MOST_HOLD_S * 1000 + 5_000


def test_note_is_for_who_has_the_right_and_of_what_waits(archive: World, consumed: Consumed) -> None:
    """Both ends of the range are looked at."""
    make(archive, [b"a"], [b"b"])
    note = note_of(consumed.read(archive.brand, "a", BOUND))
    assert not consumed.note(archive.brand, "a", note)
    consumed.take(archive.brand, "a", HOLD_S)
    assert not consumed.note(archive.brand, "b", note)
    for wrong in (replace(note, first="x"), replace(note, last="x"), replace(note, records=1)):
        assert not consumed.note(archive.brand, "a", wrong)
    assert consumed.note(archive.brand, "a", note)
    archive.client.hset(archive.keys.archiving, "until", 1)
    assert not consumed.note(archive.brand, "a", note)
    assert consumed.take(archive.brand, "b", HOLD_S) == Held(note)


def test_take_forgets_a_note_of_what_is_gone(archive: World, consumed: Consumed) -> None:
    """The brand was purged and began anew: the note is of no record that waits."""
    make(archive, [b"a"])
    archive.client.hset(archive.keys.archiving, "note", encode_note(Note("x", "y", 1, 1, 1)))
    assert consumed.take(archive.brand, "a", HOLD_S) == Held(None)
    assert not archive.client.hexists(archive.keys.archiving, "note")
    archive.client.hset(archive.keys.archiving, "note", "no note")
    assert consumed.take(archive.brand, "a", HOLD_S) == Held(None)


def test_take_forgets_bytes_of_which_nothing_is_there(archive: World, consumed: Consumed) -> None:
    """Somebody took the list away, or a log was cut: the brand would stand still at its bound for ever."""
    make(archive, [b"a"])
    archive.client.hset(archive.keys.archiving, "bytes", BOUND)
    archive.client.delete(archive.keys.records)
    assert consumed.waiting([archive.brand])[archive.brand].there
    assert archive.store.roomy([archive.brand]) == []
    consumed.take(archive.brand, "a", HOLD_S)
    assert archive.store.roomy([archive.brand]) == [archive.brand]
    assert not any(consumed.waiting([archive.brand])[archive.brand])


def test_what_waits_leaves_redis_at_maxmemory() -> None:
    """It may be what fills it. What comes first in each script is let through, and opens the door for the rest."""
    with RedisServer() as server:
        client = server.client()
        world = World(client, Store(client, StoreOptions(archive_bytes=BOUND)), "nike")
        make(world, [b"a"], [])
        consumed = Consumed(client)
        client.config_set("maxmemory", 1)
        assert consumed.take("nike", "t", HOLD_S) == Held(None)
        assert consumed.hold("nike", "t", HOLD_S)
        note = note_of(consumed.read("nike", "t", BOUND))
        assert consumed.note("nike", "t", note)
        assert consumed.remove("nike", "t", note)
        consumed.leave("nike", "t")
        assert (any(consumed.waiting(["nike"])["nike"]), world.consumed()) == (False, [])
        client.close()


def test_nothing_is_half_done_where_a_command_is_taken_away() -> None:
    """By an ACL: no right without its note forgotten, no record out whose note stays."""
    with RedisServer() as server:
        client = server.client()
        world = World(client, Store(client, StoreOptions(archive_bytes=BOUND)), "nike")
        make(world, [b"a"])
        consumed = Consumed(client)
        consumed.take("nike", "t", HOLD_S)
        note = note_of(consumed.read("nike", "t", BOUND))
        assert consumed.note("nike", "t", note)
        client.execute_command("ACL SETUSER default -hdel")  # type: ignore[no-untyped-call]
        with world.refused(StoreRefusedError):
            consumed.remove("nike", "t", note)
        client.hset(world.keys.archiving, "note", "no note")
        with world.refused(StoreRefusedError):
            consumed.hold("nike", "t", 2 * HOLD_S)
        with world.refused(StoreRefusedError):
            consumed.note("nike", "t", note)
        client.close()


# -- a brand that is purged


def test_a_purge_takes_what_waits_with_it(archive: World, consumed: Consumed) -> None:
    """Records, payloads, and the right of who was about to put them."""
    make(archive, [b"a"], [], [b"b"])
    archive.client.rpush(archive.keys.records, "no head")
    consumed.take(archive.brand, "t", HOLD_S)
    note = note_of(consumed.read(archive.brand, "t", 1))
    assert consumed.note(archive.brand, "t", note)
    assert look(archive.client, archive.brand).unarchived == 4
    assert not purge(archive.client, archive.brand, hold_s=0.001).held
    assert archive.consumed() == []
    assert not archive.client.exists(archive.keys.records, archive.keys.archiving)
    assert not consumed.remove(archive.brand, "t", note)
    assert not consumed.hold(archive.brand, "t", HOLD_S)


def test_a_purge_takes_what_is_committed_meanwhile(archive: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its look at what waits and its step: from the first step on nobody commits any more."""
    make(archive, [b"a"])
    lease, peek = archive.holding(b"b")
    run, commits = ScriptRunner.run, [recorded(lease, peek)]

    def and_commit(runner: ScriptRunner, commands: Any) -> Any:
        replies = run(runner, commands)
        if commits and any(command[:2] == ("LRANGE", archive.keys.records) for command in commands):
            archive.store.commit(lease, commits.pop())
        return replies

    monkeypatch.setattr(ScriptRunner, "run", and_commit)
    assert purge(archive.client, archive.brand).held
    assert commits == []
    assert archive.consumed() == []


def test_a_purge_that_never_learns_what_waits_says_so(archive: World) -> None:
    """Somebody else's value in place of an id of ours would keep the payloads for ever."""
    make(archive, [b"a"])
    run = ScriptRunner.run
    with pytest.MonkeyPatch.context() as patch:

        def late(runner: ScriptRunner, commands: Any) -> Any:
            replies = run(runner, commands)
            archive.client.hincrby(archive.keys.archiving, "last", 1)
            return replies

        archive.client.hset(archive.keys.archiving, "last", 1)
        patch.setattr(ScriptRunner, "run", late)
        with pytest.raises(StoreUnavailableError, match="call again"):
            purge(archive.client, archive.brand)
    assert archive.client.exists(archive.keys.meta)


# -- reading and taking out


def test_read_takes_whole_records_that_fit(archive: World, consumed: Consumed) -> None:
    """One at least; more come the next time."""
    commits = make(archive, [b"a" * 1_000], [b"b"], [b"c"])
    told = [kept(commit, item) for commit, item in zip(commits, (b"a" * 1_000, b"b", b"c"), strict=True)]
    assert consumed.read(archive.brand, "t", 1) == told[:1]
    assert consumed.read(archive.brand, "t", told[0].size + told[1].size) == told[:2]
    assert consumed.read(archive.brand, "t", told[0].size + told[1].size - 1) == told[:1]
    assert consumed.read("nobody", "t", BOUND) == []


def test_read_goes_on_over_many_heads(archive: World, consumed: Consumed) -> None:
    """They are looked at page by page."""
    commits = make(archive, *[[]] * 300)
    assert [one.head.cid for one in consumed.read(archive.brand, "t", BOUND * 10)] == [one.cid for one in commits]


def test_read_takes_just_the_range_of_a_note(archive: World, consumed: Consumed) -> None:
    """What was added since is left, so that the same object is made again; a range that is not there is none."""
    _, second = make(archive, [b"a"], [b"b"])
    found = consumed.read(archive.brand, "t", BOUND)
    make(archive, [b"c"])
    note = note_of(found)
    assert consumed.read(archive.brand, "t", 1, note) == found
    for wrong in (replace(note, first="x"), replace(note, last="x"), replace(note, records=9)):
        assert consumed.read(archive.brand, "t", BOUND, wrong) == []
    archive.client.delete(archive.keys.consumed(second.cid))
    assert consumed.read(archive.brand, "t", BOUND, note) == [], "an object of half of it would be another one"


def test_remove_takes_out_just_what_was_noted(archive: World, consumed: Consumed) -> None:
    """Once; the numbers are those of the rest."""
    commits = make(archive, [b"a"], [b"b"], [b"c"])
    consumed.take(archive.brand, "t", HOLD_S)
    note = note_of(consumed.read(archive.brand, "t", BOUND)[:2])
    assert not consumed.remove(archive.brand, "t", note)
    consumed.note(archive.brand, "t", note)
    assert not consumed.remove(archive.brand, "t", replace(note, bytes=1))
    assert [consumed.remove(archive.brand, "t", note) for _ in range(2)] == [True, False]
    last = kept(commits[2], b"c")
    assert consumed.read(archive.brand, "t", BOUND) == [last]
    assert archive.consumed() == [archive.keys.consumed(commits[2].cid).encode()]
    assert consumed.waiting([archive.brand])[archive.brand] == Waiting(last.size, NOW_MS + 3, 1, 0, 0, "")
    note = note_of([last])
    archive.client.hincrby(archive.keys.archiving, "bytes", 7)  # somebody's: of nothing no bytes are left
    assert consumed.note(archive.brand, "t", note)
    assert consumed.remove(archive.brand, "t", note)
    assert not any(consumed.waiting([archive.brand])[archive.brand])
    assert archive.consumed() == []


def test_remove_by_who_comes_late_removes_nothing_of_others(archive: World, consumed: Consumed) -> None:
    """Somebody else put and removed the range meanwhile, and more was consumed since."""
    make(archive, [b"a"])
    consumed.take(archive.brand, "late", HOLD_S)
    note = note_of(consumed.read(archive.brand, "late", BOUND))
    consumed.note(archive.brand, "late", note)
    archive.client.hset(archive.keys.archiving, "until", 1)
    assert consumed.take(archive.brand, "other", HOLD_S) == Held(note)
    assert consumed.remove(archive.brand, "other", note)
    (commit,) = make(archive, [b"b"])
    assert not consumed.remove(archive.brand, "late", note)
    assert consumed.read(archive.brand, "other", BOUND) == [kept(commit, b"b")]


def test_records_after_a_removal_stand_on_the_last_one(archive: World, consumed: Consumed) -> None:
    """An empty list is no gap."""
    make(archive, [b"a"])
    consumed.take(archive.brand, "t", HOLD_S)
    note = note_of(consumed.read(archive.brand, "t", BOUND))
    assert consumed.note(archive.brand, "t", note)
    assert consumed.remove(archive.brand, "t", note)
    make(archive, [b"b"])
    assert consumed.waiting([archive.brand])[archive.brand].gaps == 0


@pytest.mark.parametrize("damage", ["gone", "short", "foreign", "head"])
def test_read_takes_out_what_cannot_be_read_and_counts_it(archive: World, consumed: Consumed, damage: str) -> None:
    """Else it would stand before all that follow; only who has the right does so."""
    first, second = make(archive, [b"a", b"b"], [b"c"])
    key = archive.keys.consumed(first.cid)
    if damage == "gone":
        archive.client.delete(key)
    elif damage == "short":
        archive.client.lpop(key)
    elif damage == "foreign":
        archive.client.set(key, "x")
    else:
        archive.client.lset(archive.keys.records, 0, "no head")
    assert consumed.read(archive.brand, "t", BOUND) == []
    consumed.take(archive.brand, "t", HOLD_S)
    assert consumed.read(archive.brand, "t", BOUND) == [kept(second, b"c")]
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert (waiting.records, waiting.skipped) == (1, 1)


@pytest.mark.parametrize("head", ["", "no head", '{"cid":"' + "c" * 65 + '"}'], ids=["whole", "none", "long"])
def test_what_is_taken_out_twice_takes_nothing_else(
    archive: World, consumed: Consumed, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    """The second delivery finds another record at that place, also where the first one took out what has no id."""
    first, second = make(archive, [b"a"], [b"b"])
    archive.client.delete(archive.keys.consumed(first.cid))
    if head:
        archive.client.lset(archive.keys.records, 0, head)
    consumed.take(archive.brand, "t", HOLD_S)
    run, removed = ScriptRunner.run, 0

    def twice(runner: ScriptRunner, commands: Any) -> Any:
        nonlocal removed
        if commands[0][:2] != ("EVALSHA", scripts.REMOVE.digest):
            return run(runner, commands)
        removed += 1
        run(runner, commands)
        return run(runner, commands)

    monkeypatch.setattr(ScriptRunner, "run", twice)
    assert consumed.read(archive.brand, "t", BOUND) == []
    assert consumed.read(archive.brand, "t", BOUND) == [kept(second, b"b")]
    assert removed == 1
    waiting = consumed.waiting([archive.brand])[archive.brand]
    assert (waiting.records, waiting.skipped) == (1, 1)


def test_nothing_is_taken_out_of_an_empty_list(
    archive: World, consumed: Consumed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor counted as skipped a second time."""
    make(archive, [b"a"])
    archive.client.lset(archive.keys.records, 0, "no head")
    consumed.take(archive.brand, "t", HOLD_S)
    run = ScriptRunner.run

    def twice(runner: ScriptRunner, commands: Any) -> Any:
        if commands[0][:2] == ("EVALSHA", scripts.REMOVE.digest):
            run(runner, commands)
        return run(runner, commands)

    monkeypatch.setattr(ScriptRunner, "run", twice)
    assert consumed.read(archive.brand, "t", BOUND) == []
    assert consumed.waiting([archive.brand])[archive.brand].skipped == 1


def test_who_notes_and_removes_names_a_key_of_a_foreign_type(archive: World, consumed: Consumed) -> None:
    """Whatever the right and the note say."""
    make(archive, [b"a"])
    note = note_of(consumed.read(archive.brand, "t", BOUND))
    archive.client.set(archive.keys.archiving, "x")
    with pytest.raises(WrongTypeError, match=":archiving' is a string, expected a hash"):
        consumed.note(archive.brand, "t", note)
    with pytest.raises(WrongTypeError, match=":archiving' is a string, expected a hash"):
        consumed.remove(archive.brand, "t", note)
    archive.client.delete(archive.keys.archiving)
    archive.client.set(archive.keys.records, "x")
    with pytest.raises(WrongTypeError, match=":records' is a string, expected a list"):
        consumed.note(archive.brand, "t", note)


def test_read_stops_before_what_cannot_be_read(archive: World, consumed: Consumed) -> None:
    """What is before it is put first."""
    first, second = make(archive, [b"a"], [b"b"])
    archive.client.delete(archive.keys.consumed(second.cid))
    assert consumed.read(archive.brand, "t", BOUND) == [kept(first, b"a")]


def test_read_leaves_what_a_newer_version_left(archive: World, consumed: Consumed) -> None:
    """It is no damage: processes of that version put it into the archive."""
    first, second = make(archive, [b"a"], [b"b"])
    newer = encode(second.record or head_of(archive.lease(), second)).replace(b'"record":1', b'"record":2').decode()
    archive.client.lset(archive.keys.records, 1, newer)
    consumed.take(archive.brand, "t", HOLD_S)
    assert consumed.read(archive.brand, "t", BOUND) == [kept(first, b"a")]
    archive.client.lset(archive.keys.records, 0, newer)
    with archive.refused(NewerRecordError):
        consumed.read(archive.brand, "t", BOUND)


def test_waiting_looks_at_many_brands_and_past_foreign_keys(archive: World, consumed: Consumed) -> None:
    """Of a brand with a foreign key, or without any, nothing waits."""
    make(archive, [b"a"])
    others = [f"{archive.brand}-{number}" for number in range(3)]
    for brand, part in zip(others, ("records", "archiving"), strict=False):
        archive.client.set(getattr(World(archive.client, archive.store, brand).keys, part), "x")
    found = consumed.waiting([*others, archive.brand])
    assert {brand for brand, waiting in found.items() if any(waiting)} == {archive.brand}
    assert len(found) == 4
    with pytest.raises(WrongTypeError, match=":records' is a string, expected a list"):
        consumed.take(others[0], "t", HOLD_S)
    with pytest.raises(WrongTypeError, match=":archiving' is a string, expected a hash"):
        consumed.take(others[1], "t", HOLD_S)


def test_waiting_reads_numbers_that_are_none_as_nothing(archive: World, consumed: Consumed) -> None:
    """They come from Redis, and are anybody's."""
    make(archive, [b"a"])
    for wrong in ("9" * 16 + "\x00x", "9" * 5_000):
        for name in ("bytes", "since", "skipped", "gap"):
            archive.client.hset(archive.keys.archiving, name, wrong)
        assert consumed.waiting([archive.brand])[archive.brand] == Waiting(0, 0, 1, 0, 0, "")
