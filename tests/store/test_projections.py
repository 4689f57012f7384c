"""Projections: what readers see never goes back, letters come once, and what is missing is found, on either side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.contract.layout import CLUSTER, SHADOWED, guard_key
from orchestrator.errors import StoreUnavailableError
from orchestrator.store import FailedPolicy, Lease, Store, StoreOptions
from orchestrator.store.codes import Code
from orchestrator.store.projections import (
    NOWHERE,
    OWED_MS,
    Answer,
    Buried,
    Part,
    Position,
    Projection,
    Projections,
    Shown,
    Standing,
    decode_shown,
    encode_shown,
    inward,
)
from orchestrator.store.runner import ScriptRunner
from orchestrator.store.types import Commit
from tests.store.world import World, commit_of

if TYPE_CHECKING:
    import redis

V1, V2, V3 = (Position(1_000, version) for version in (1, 2, 3))
LATER = Position(2_000, 1)
OPTIONS = StoreOptions(failed_max=3, recent_max=2)


@pytest.fixture
def spread(any_client: redis.Redis, brand: str) -> World:
    """A brand whose keys are laid out as on a cluster."""
    setattr(any_client, "layout", CLUSTER)  # noqa: B010 - what a client of a cluster has by itself
    world = World(any_client, Store(any_client, OPTIONS), brand)
    world.keys = CLUSTER.inner(brand)
    return world


def projections(world: World) -> Projections:
    """What shows the brand."""
    assert world.store.projections is not None
    return world.store.projections


def show(world: World, *each: Projection) -> list[Answer]:
    """Show *each* under a lease of nobody; guards know positions alone."""
    return projections(world).show(Lease(world.brand, "t", 1_000, 0, "", 0, 0, 0, 0), each)[0]


def outward(world: World, part: str) -> str:
    """What readers know."""
    key: str = getattr(CLUSTER.keys(world.brand), part)
    return key


def seen(world: World, part: str) -> Any:
    """What readers see of it."""
    key = outward(world, part)
    kind: Any = world.client.type(key)
    readers: dict[bytes, Any] = {
        b"none": lambda _: None,
        b"string": world.client.get,
        b"hash": world.client.hgetall,
        b"list": lambda name: world.client.lrange(name, 0, -1),
    }
    return readers[kind](key)


# -- project


def test_each_part_is_shown_with_the_commit_that_it_shows(spread: World) -> None:
    """Value and guard live for as long, and readers are told of a summary once they can read it."""
    listener = cast("Any", spread.client).pubsub(ignore_subscribe_messages=True)
    listener.subscribe("summary:updates")
    listener.get_message(timeout=1.0)
    listener.get_message(timeout=0.1)
    answers = show(
        spread,
        Projection(Part.SUMMARY, V1, [b"{}"]),
        Projection(Part.TREND, V1, [b"h", b"1"]),
        Projection(Part.RECENT, V1, [b"a", b"b", b"c"]),
        Projection(Part.SPIKE, V1, [b"s", b"t"]),
    )
    assert answers == [Answer(Code.OK)] * 4
    assert [seen(spread, part) for part in ("summary", "trend", "recent", "spike")] == [
        b"{}", {b"h": b"1"}, [b"b", b"c"], [b"s", b"t"]
    ]  # fmt: skip
    for part, ttl_s in (("summary", OPTIONS.summary_ttl_s), ("trend", OPTIONS.trend_ttl_s)):
        key = outward(spread, part)
        assert spread.client.hgetall(guard_key(key)) == {b"e": b"1000", b"v": b"1"}
        for name in (key, guard_key(key)):
            assert 0 <= ttl_s * 1000 - int(str(spread.client.pttl(name))) < 60_000
    message: Any = listener.get_message(timeout=1.0)
    assert (spread.brand.split(":")[0] in message["data"].decode(), b'"version":1' in message["data"]) == (True, True)
    listener.close()


@pytest.mark.parametrize("position", [V1, V2, Position(999, 9)])
def test_an_older_projection_changes_nothing(spread: World, position: Position) -> None:
    """Schedule 1: A sleeps before it shows v1, B takes over and shows (e2, v2). Schedule 2: it comes twice."""
    show(spread, Projection(Part.SUMMARY, V2, [b"new"]))
    for part, value in ((Part.SUMMARY, b"old"), (Part.SPIKE, b"old")):
        show(spread, Projection(part, V2, [b"new"]))
        assert show(spread, Projection(part, position, [value])) == [Answer(Code.OLD, V2)]
        assert seen(spread, part) in (b"new", [b"new"])


def test_a_later_lease_comes_after_every_version_of_an_earlier_one(spread: World) -> None:
    """Epochs come first."""
    show(spread, Projection(Part.SUMMARY, Position(1_000, 900), [b"old"]))
    assert show(spread, Projection(Part.SUMMARY, LATER, [b"new"])) == [Answer(Code.OK)]
    assert seen(spread, "summary") == b"new"


@pytest.mark.parametrize("part", [Part.TREND, Part.RECENT])
def test_a_change_is_made_only_on_top_of_what_it_was_made_from(spread: World, part: Part) -> None:
    """Schedule 3: v2 never arrived, and v3 is a change of it: readers would miss what v2 added."""
    show(spread, Projection(part, V1, [b"a", b"1"]))
    before = seen(spread, part)
    assert show(spread, Projection(part, V3, [b"c", b"3"], base=V2)) == [Answer(Code.BEHIND, V1)]
    assert show(spread, Projection(part, LATER, [b"c", b"3"], base=Position(999, 1))) == [Answer(Code.BEHIND, V1)]
    assert seen(spread, part) == before
    assert show(spread, Projection(part, V2, [b"b", b"2"], base=V1)) == [Answer(Code.OK)]
    assert seen(spread, part) == ({b"a": b"1", b"b": b"2"} if part is Part.TREND else [b"b", b"2"])


def test_a_change_of_nothing_is_no_change(spread: World) -> None:
    """Somebody deleted the key, and the guard is there: what was added last would look like all there is."""
    show(spread, Projection(Part.TREND, V1, [b"a", b"1"]))
    spread.client.delete(outward(spread, "trend"))
    assert show(spread, Projection(Part.TREND, V2, [b"b", b"2"], base=V1)) == [Answer(Code.BEHIND, V1)]
    assert seen(spread, "trend") is None


def test_a_change_takes_fields_out_before_it_puts_others_in(spread: World) -> None:
    """As commits do."""
    show(spread, Projection(Part.TREND, V1, [b"a", b"1", b"b", b"1"]))
    show(spread, Projection(Part.TREND, V2, [b"b", b"2", b"c", b"2"], [b"a", b"b"], base=V1))
    assert seen(spread, "trend") == {b"b": b"2", b"c": b"2"}


def test_the_whole_replaces_what_is_there(spread: World) -> None:
    """Nothing of a forgotten lineage stays beside it, and large ones go in slices."""
    fields = [b"%d" % number for number in range(9_000)]
    show(spread, Projection(Part.TREND, V1, [b"gone", b"1"]), Projection(Part.SPIKE, V1, [b"gone"]))
    show(spread, Projection(Part.TREND, V2, fields), Projection(Part.SPIKE, V2, fields))
    assert len(seen(spread, "trend")) == 4_500
    assert seen(spread, "spike") == fields
    show(spread, Projection(Part.SPIKE, V3, []))
    assert seen(spread, "spike") is None
    assert show(spread, Projection(Part.SPIKE, V2, [b"late"])) == [Answer(Code.OLD, V3)]


def test_what_is_gone_stays_gone(spread: World) -> None:
    """A purge shows that there is nothing: what a slow process sends after it is old."""
    show(spread, Projection(Part.SUMMARY, V1, [b"x"]))
    assert show(spread, Projection(Part.SUMMARY, LATER, gone=True)) == [Answer(Code.OK)]
    assert show(spread, Projection(Part.SUMMARY, V2, [b"late"])) == [Answer(Code.OLD, LATER)]
    assert seen(spread, "summary") is None


@pytest.mark.parametrize("damage", [{"e": "inf", "v": "1"}, {"e": "9" * 16, "v": "1"}, {"v": "7"}])
def test_a_damaged_guard_names_no_commit(spread: World, damage: dict[str, str]) -> None:
    """What somebody wrote there does not keep readers from what is new for ever."""
    spread.client.hset(guard_key(outward(spread, "summary")), mapping=cast("Any", damage))
    assert show(spread, Projection(Part.SUMMARY, V1, [b"new"])) == [Answer(Code.OK)]
    assert seen(spread, "summary") == b"new"


@pytest.mark.parametrize("beside", [False, True])
def test_a_foreign_type_is_named(spread: World, beside: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """And left as it is."""
    key = outward(spread, "trend")
    key = guard_key(key) if beside else key
    spread.client.set(key, "mine")
    (answer,) = show(spread, Projection(Part.TREND, V1, [b"a", b"1"]))
    assert answer.code is Code.TYPE
    assert key in str(answer.foreign)
    assert spread.client.get(key) == b"mine"


# -- bury


def letters(*numbers: int, epoch: int = 1_000) -> list[tuple[bytes, bytes]]:
    """Letters of that epoch, each with its stamp."""
    return [(b"%016d.%012d.%06d" % (epoch, 1, number), b"letter %d" % number) for number in numbers]


def bury(world: World, each: list[tuple[bytes, bytes]]) -> Buried:
    """Bury *each*, whoever holds the brand."""
    lease = Lease(world.brand, "t", 1_000, 0, "", 0, 0, 0, 0)
    buried = projections(world).show(lease, [], each)[1]
    assert buried is not None
    return buried


def test_letters_come_once_however_often_they_are_sent(spread: World) -> None:
    """Schedule 5: the death between burying and settling; the next holder finds them in the outbox."""
    first, second = letters(0, 1), letters(0, 1, 2)
    assert bury(spread, first) == Buried(Code.OK, first[-1][0], 2)
    assert bury(spread, second) == Buried(Code.OK, second[-1][0], 3)
    assert bury(spread, second) == Buried(Code.OK, second[-1][0], 3)
    assert seen(spread, "failed") == [b"letter 0", b"letter 1", b"letter 2"]


def test_letters_stop_at_the_cap_and_go_on_from_there(spread: World) -> None:
    """Schedule 11: the list holds what it may, a worker's entry among it, and none is dropped."""
    spread.client.rpush(outward(spread, "failed"), "a worker's")
    sent = letters(0, 1, 2, 3)
    assert bury(spread, sent) == Buried(Code.FULL, sent[1][0], 3)
    spread.client.delete(outward(spread, "failed"))
    assert bury(spread, sent) == Buried(Code.OK, sent[3][0], 2)
    assert seen(spread, "failed") == [b"letter 2", b"letter 3"]


def test_the_other_policy_drops_the_oldest(spread: World) -> None:
    """And says how many."""
    spread.store = Store(spread.client, replace(OPTIONS, failed_policy=FailedPolicy.DROP_OLDEST))
    sent = letters(0, 1, 2, 3, 4)
    assert bury(spread, sent) == Buried(Code.OK, sent[-1][0], 3, dropped=2)
    assert seen(spread, "failed") == [b"letter 2", b"letter 3", b"letter 4"]


def test_letters_of_a_smaller_epoch_are_not_taken_for_buried(spread: World) -> None:
    """A server whose clock is behind gave a lease too small an epoch: a single mark would swallow its letters."""
    bury(spread, letters(0, epoch=2_000))
    late = letters(5, 6)
    for _ in range(2):
        assert bury(spread, late) == Buried(Code.OK, late[-1][0], 3)
    assert seen(spread, "failed") == [b"letter 0", b"letter 5", b"letter 6"]


def test_marks_of_old_leases_go(spread: World) -> None:
    """The oldest ones, so that the guard is bounded."""
    spread.store = Store(spread.client, replace(OPTIONS, failed_max=200))
    for epoch in range(1_100, 1_000, -1):
        bury(spread, letters(0, epoch=epoch))
    kept: Any = spread.client.hkeys(guard_key(outward(spread, "failed")))
    assert sorted(kept) == [b"%016d" % epoch for epoch in range(1_037, 1_101)]


@pytest.mark.parametrize("beside", [False, True])
def test_letters_are_not_buried_in_a_foreign_type(spread: World, beside: bool) -> None:  # noqa: FBT001
    """Which is named."""
    key = outward(spread, "failed")
    key = guard_key(key) if beside else key
    spread.client.set(key, "mine")
    answer = bury(spread, letters(0))
    assert answer.code is Code.TYPE
    assert key in str(answer.foreign)


# -- settle and owe


def committed(world: World, **changes: Any) -> tuple[Lease, Commit]:
    """A lease, and a commit of one chunk that is in."""
    lease, peek = world.holding(b"x")
    commit = commit_of(peek, **{"due_ms": 77, "summary": b"{}", **changes})
    world.store.commit(lease, commit)
    return lease, commit


def meta(world: World, name: str) -> bytes | None:
    """A field of it."""
    return cast("bytes | None", world.client.hget(world.keys.meta, name))


def test_a_commit_owes_what_readers_see(spread: World) -> None:
    """It goes into the shadows, without the summary, and due at once; its letters are stamped, in order."""
    lease, _ = committed(spread, failed=[b"l", b"m"], spikes=[b"s"], moods=[b"m"], stories=[b"y"],
                         trend_put={b"h": b"1"}, recent=[b"r"])  # fmt: skip
    assert [part for part in SHADOWED if seen(spread, part) is not None] == []
    assert meta(spread, "due") == b"%d" % OWED_MS
    assert spread.client.exists(spread.keys.summary) == 0
    stored = projections(spread).letters(spread.brand, 9)
    assert stored is not None
    assert [entry for _, entry in stored] == [b"l", b"m"]
    assert [stamp[:16] for stamp, _ in stored] == [b"%016d" % lease.epoch] * 2
    assert stored == sorted(stored)
    found = projections(spread).shadows(spread.brand, "nobody", set(Part))
    assert found is None
    cid = (meta(spread, "cid") or b"").decode()
    assert projections(spread).shadows(spread.brand, cid, set(Part)) == {
        Part.SPIKE: [b"s"], Part.MOOD: [b"m"], Part.STORIES: [b"y"], Part.TREND: [b"h", b"1"], Part.RECENT: [b"r"]
    }  # fmt: skip


def test_settling_pays_what_is_owed(spread: World) -> None:
    """The real due time, what is shown, and the letters that came; it may be delivered twice: schedule 7."""
    lease, commit = committed(spread, failed=[b"l", b"m", b"n"])
    (first, _), *_ = projections(spread).letters(spread.brand, 9) or []
    for _ in range(2):
        settled = projections(spread).settle(lease, commit.cid, 77, stamp=first, shown=b"all")
        assert settled == (Code.OK, 2)
    assert (meta(spread, "due"), meta(spread, "shown")) == (b"77", b"all")
    assert [entry for _, entry in projections(spread).letters(spread.brand, 9) or []] == [b"m", b"n"]


def test_many_letters_leave_by_their_stamps(spread: World) -> None:
    """More than one slice of them, and never those of a later commit."""
    spread.store = Store(spread.client, replace(OPTIONS, failed_max=500))
    lease, commit = committed(spread, failed=[b"l%d" % number for number in range(200)])
    stored = projections(spread).letters(spread.brand, 300) or []
    assert projections(spread).settle(lease, commit.cid, 77, stamp=stored[149][0], shown=b"") == (Code.OK, 50)
    assert projections(spread).settle(lease, commit.cid, 77, stamp=stored[9][0], shown=b"") == (Code.OK, 50)
    assert projections(spread).letters(spread.brand, 1) == [stored[150]]


def test_who_lost_the_lease_settles_nothing(spread: World) -> None:
    """Schedule 7, from an old token: the next holder's letters and dues are not its business."""
    lease, commit = committed(spread, failed=[b"l"])
    spread.client.delete(spread.keys.lock)
    spread.lease()
    with spread.refused_quietly():
        settled = projections(spread).settle(lease, commit.cid, 77, stamp=b"9", shown=b"all")
    assert settled[0] is Code.FENCED


def test_what_is_due_after_a_later_commit_is_not_settled_by_an_earlier_one(spread: World) -> None:
    """Schedule 7, late: the letters that came leave, and what the later commit owes stays owed."""
    lease, commit = committed(spread, failed=[b"l"])
    spread.push(b"y")
    spread.store.commit(lease, commit_of(spread.store.peek(lease, 1)))
    assert projections(spread).settle(lease, commit.cid, 77, stamp=b"9", shown=b"all") == (Code.STALE, 0)
    assert (meta(spread, "due"), meta(spread, "shown")) == (b"%d" % OWED_MS, None)


@pytest.mark.parametrize("part", ["lock", "meta", "failed"])
def test_settling_names_no_foreign_type_its_own(spread: World, part: str) -> None:
    """And changes nothing."""
    lease, commit = committed(spread)
    spread.client.delete(getattr(spread.keys, part))
    spread.client.sadd(getattr(spread.keys, part), "x")
    with spread.refused_quietly():
        assert projections(spread).settle(lease, commit.cid, 77, stamp=b"9", shown=b"")[0] is Code.TYPE


# -- what is found


def test_a_standing_tells_the_greatest_epoch_that_readers_saw(spread: World) -> None:
    """A lease that is not later would show nothing."""
    assert projections(spread).standing(spread.brand).epoch == 0
    show(spread, Projection(Part.MOOD, LATER, []))
    assert projections(spread).standing(spread.brand).epoch == 2_000


def verified(world: World, **parts: Position) -> tuple[list[str], list[str]]:
    """What is found where meta says that *parts* are shown."""
    now_ms = int(cast("Any", world.client).time()[0]) * 1000
    noted = {Part(name): Shown(position, now_ms) for name, position in parts.items()}
    world.client.hset(world.keys.meta, "shown", encode_shown(noted))
    found = projections(world).verify([world.brand])
    return found.owed, found.held


def test_verify_finds_what_a_server_forgot(spread: World) -> None:
    """Schedules 8 and 9: the readers' server, or the one with the state; then the brand is due, and only then."""
    show(spread, Projection(Part.SUMMARY, V2, [b"x"]), Projection(Part.TREND, V1, [b"h", b"1"]))
    assert verified(spread, summary=V2, trend=V1) == ([], [])
    assert meta(spread, "due") is None
    for forgotten in ({"summary": V3, "trend": V1}, {"summary": V2, "trend": V2}, {"summary": V1, "trend": V1}):
        spread.client.hdel(spread.keys.meta, "due")
        assert verified(spread, **forgotten) == ([spread.brand], [])
        assert meta(spread, "due") == b"1"
    assert spread.store.claim([spread.brand]).ready == [spread.brand]


def test_verify_finds_readers_of_a_lineage_that_is_gone_altogether(spread: World) -> None:
    """The state's server forgot the brand: what readers see is nobody's any more."""
    show(spread, Projection(Part.SUMMARY, V2, [b"x"]))
    assert projections(spread).verify([spread.brand]).owed == [spread.brand]


def test_verify_leaves_a_brand_to_its_holder(spread: World) -> None:
    """Who shows all of it."""
    show(spread, Projection(Part.SUMMARY, V2, [b"x"]))
    spread.lease()
    assert verified(spread, summary=V1) == ([], [spread.brand])
    assert meta(spread, "due") is None


def test_verify_owes_nothing_that_was_shown_since_it_looked(spread: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody came, showed all, and went, between the question and what follows from it."""
    show(spread, Projection(Part.SUMMARY, V2, [b"x"]))
    found = projections(spread).standing(spread.brand)
    spread.client.hset(spread.keys.meta, "shown", "all")
    monkeypatch.setattr("orchestrator.store.projections._standing", lambda _: found)
    assert projections(spread).verify([spread.brand]).owed == []
    assert meta(spread, "due") is None


def test_verify_takes_no_expired_part_for_a_forgotten_one() -> None:
    """A brand that is silent for days has no summary any more, and needs none."""
    standing = Standing({Part.SUMMARY: Shown(V1, 1_000)}, {Part.SUMMARY: NOWHERE})
    assert standing.differs(1_000 + 499, {Part.SUMMARY: 500})
    assert not standing.differs(1_000 + 500, {Part.SUMMARY: 500})
    assert not Standing(None, {Part.SUMMARY: V1}).differs(0, {Part.SUMMARY: 500})
    assert not Standing({}, {Part.SUMMARY: None}).differs(0, {Part.SUMMARY: 500})


def test_owing_leaves_a_foreign_type_alone(spread: World) -> None:
    """Its lane finds it."""
    show(spread, Projection(Part.SUMMARY, V2, [b"x"]))
    spread.client.set(spread.keys.meta, "mine")
    assert projections(spread).verify([spread.brand]) == projections(spread).verify([])
    assert spread.client.get(spread.keys.meta) == b"mine"


def test_without_an_answer_nothing_is_known_and_nothing_raises(spread: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """But where nobody is asked again: a verification says so."""

    def lost(*_: object) -> Any:
        raise StoreUnavailableError("away")

    lease, commit = committed(spread)
    monkeypatch.setattr(projections(spread)._runner, "run", lost)
    assert show(spread, Projection(Part.SUMMARY, V1, [b"x"])) == [Answer(None)]
    assert bury(spread, letters(0)) == Buried(None)
    assert projections(spread).settle(lease, commit.cid, 1, stamp=b"", shown=b"") == (None, 0)
    assert projections(spread).letters(spread.brand, 1) is None
    assert projections(spread).shadows(spread.brand, commit.cid, {Part.TREND}) is None
    assert projections(spread).standing(spread.brand).epoch == 0
    assert world_room(spread, lease) is None
    with pytest.raises(StoreUnavailableError):
        projections(spread).verify([spread.brand])


def world_room(world: World, lease: Lease) -> int | None:
    """What the store says."""
    return world.store.room(lease)


def test_a_lease_is_not_used_of_which_nobody_knows_what_waits(spread: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slot moved between the two commands, and its new node is away: letters could be passed over, or worse."""
    run = ScriptRunner.run
    lost = StoreUnavailableError("away")
    monkeypatch.setattr(ScriptRunner, "run", lambda *given: [*run(*given)[:-1], lost])
    with pytest.raises(StoreUnavailableError, match="away"):
        spread.store.acquire(spread.brand, "token")


def test_room_counts_the_letters_that_wait(spread: World) -> None:
    """Those in the outbox will be in the list: a batch is cut to what both have room for."""
    lease, _ = committed(spread, failed=[b"l"])
    spread.client.rpush(outward(spread, "failed"), "w")
    assert spread.store.room(lease) == OPTIONS.failed_max - 2


def test_shown_survives_the_way_through_meta() -> None:
    """And nothing else does."""
    shown = {Part.SUMMARY: Shown(V1, 7), Part.TREND: Shown(LATER, 8)}
    assert decode_shown(encode_shown(shown)) == shown
    assert decode_shown(b"summary=1000.1.7 x=1.1.1 trend=1.1 mood=a.1.1 spike=0.1.1 \xff=1.1.1") == {
        Part.SUMMARY: shown[Part.SUMMARY]
    }
    assert decode_shown(None) == {}


def test_stamps_order_letters_as_text() -> None:
    """From letter to letter, from commit to commit, from lease to lease."""
    lease = Lease("b", "t", 999, 0, "", 0, 0, 0, 0)
    first = Commit("c", "", 9, failed=[b"x"] * 11)
    later = Commit("c", "", 10, failed=[b"x"])
    entries = [
        *inward(lease, first).failed, *inward(lease, later).failed, *inward(replace(lease, epoch=1_000), first).failed
    ]  # fmt: skip
    assert entries == sorted(entries)
    assert len(set(entries)) == len(entries)
