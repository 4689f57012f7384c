"""Another state takes a brand's place in one commit, also while a service works on the brand."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.archive.snapshot import Snapshot, opened
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.errors import (
    ArchiveError,
    ArchiveUnavailableError,
    BrandBusyError,
    LeaseLostError,
    OwnSettingError,
    SettingsRefusedError,
    StaleStateError,
    StoreUnavailableError,
)
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.process import failpoints
from orchestrator.service import Patience, held, repair, swap, swap_in, take_snapshot
from orchestrator.service import bases as service_bases
from orchestrator.service.as_committed import as_committed
from orchestrator.service.options import session_config, store_options
from orchestrator.service.purging import purge_brand
from orchestrator.service.right import the_right
from orchestrator.settings import Settings
from orchestrator.store import Commit, CommitReply, Lease, Store
from orchestrator.store.consumed import Consumed
from orchestrator.store.stored_settings import stored_settings
from tests.lane.support import Brand, Interfering, drain

SETTINGS = Settings(label_similarity_threshold=0.9)
OWN = {"LABEL_SIMILARITY_THRESHOLD": 0.2}
AT_ONCE = Patience(take=True)
SWAPS = 8
OF_OTHERS = "brand=others/bases/x.state"


@pytest.fixture
def queue(redis_client: redis.Redis, brand: str) -> Brand:
    """A brand with two commits, folded with those settings."""
    queue = Brand(redis_client, Store(redis_client, store_options(SETTINGS)), brand)
    for name in ("a", "b"):
        queue.push(chunk(queue, name))
        visit(queue)
    return queue


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    """Whatever a test armed is disarmed when it ends."""
    yield
    failpoints.arm("")


def chunk(queue: Brand, name: str) -> bytes:
    """A chunk with one story, which is its own unless words may differ."""
    cluster = {"id": name, "label": f"rocket launch harbour {name}night", "mentions": [f"m{name}"]}
    return queue.item(name, clusters=[cluster])


def session_of(queue: Brand) -> BrandSession:
    """Of a process with those settings."""
    return BrandSession(queue.store, session_config(SETTINGS), queue.name)


def visit(queue: Brand) -> None:
    """Drain the queue, as a lane does."""
    session = session_of(queue)
    session.open()
    drain(session)
    session.settle()
    assert session.release()


def snapshot_of(queue: Brand) -> Snapshot:
    """The state as it is."""
    return take_snapshot(queue.client, SETTINGS, queue.name)


def cid(queue: Brand) -> str:
    """Id of the last commit."""
    found: Any = queue.client.hget(queue.keys.meta, "cid")
    return str(found.decode())


def totals(queue: Brand) -> tuple[Any, Any]:
    """Chunks and stories of the published summary."""
    summary = queue.summary()
    return summary["totalChunks"], summary["clusterCount"]


def test_swapped_state_is_what_the_brand_goes_on_with(queue: Brand) -> None:
    """With its settings, which stay when nothing is said of them and go when they are taken away."""
    earlier = snapshot_of(queue)
    queue.push(chunk(queue, "c"))
    visit(queue)
    done = swap_in(queue.client, SETTINGS, earlier, over=cid(queue), own=OWN)
    assert (done.cid, done.version, done.own) == (cid(queue), 4, OWN)
    assert totals(queue) == (2, 2)
    assert not queue.locked()
    queue.push(chunk(queue, "c"))
    visit(queue)
    assert totals(queue) == (3, 2), "it joins a story under the brand's own threshold, and was forgotten"
    same = swap_in(queue.client, SETTINGS, snapshot_of(queue), over=cid(queue))
    assert same.own == OWN
    none = swap_in(queue.client, SETTINGS, snapshot_of(queue), over=cid(queue), own={})
    assert none.own == {}
    assert stored_settings(queue.client, [queue.name])[queue.name].settings == SETTINGS.fingerprint.text().encode()
    queue.push(chunk(queue, "d"))
    visit(queue)
    assert totals(queue) == (4, 3)


@pytest.mark.parametrize("over", ["", "feed"])
def test_another_commit_is_stale_and_disturbs_nobody(queue: Brand, over: str) -> None:
    """It is looked at before the lease is taken from whoever works on the brand."""
    session = session_of(queue)
    session.open()
    with pytest.raises(StaleStateError, match="its last commit is"):
        swap_in(queue.client, SETTINGS, snapshot_of(queue), over=over, patience=AT_ONCE)
    queue.push(chunk(queue, "c"))
    drain(session)
    assert session.release()
    assert totals(queue) == (3, 3)


def test_commit_between_the_look_and_the_lease_is_stale(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is put over it."""
    last, snapshot = cid(queue), snapshot_of(queue)
    acquire = Store.acquire

    def late(store: Store, *args: Any, **named: Any) -> Any:
        monkeypatch.setattr(Store, "acquire", acquire)
        queue.push(chunk(queue, "c"))
        visit(queue)
        return store.acquire(*args, **named)

    monkeypatch.setattr(Store, "acquire", late)
    with pytest.raises(StaleStateError):
        swap_in(queue.client, SETTINGS, snapshot, over=last)
    assert totals(queue) == (3, 3)
    assert not queue.locked()


def test_brand_is_taken_from_a_lane_that_loses_nothing(queue: Brand) -> None:
    """What it had in hand is folded again on top of the new state, once, and no attempt is held against it."""
    earlier = snapshot_of(queue)
    queue.push(chunk(queue, "c"), chunk(queue, "d"))
    lane = session_of(queue)
    lease = lane.open()
    queue.store.peek(lease, 1)
    assert queue.meta("attempts") == 1
    with pytest.raises(BrandBusyError):
        swap_in(queue.client, SETTINGS, earlier, over=cid(queue), patience=Patience())
    with pytest.raises(StaleStateError), held(queue.client, SETTINGS, queue.name, patience=AT_ONCE):
        raise StaleStateError("something came")
    assert queue.meta("attempts") == 0
    done = swap_in(queue.client, SETTINGS, earlier, over=cid(queue), own=OWN, patience=AT_ONCE)
    with pytest.raises(LeaseLostError):
        drain(lane)
    assert not lane.release()
    assert cid(queue) == done.cid
    visit(queue)
    assert totals(queue) == (4, 2)
    assert queue.queued() == 0


def test_brand_that_is_let_go_is_not_taken(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for a moment."""
    lane = session_of(queue)
    lane.open()

    asked: list[float] = []

    def let_go(seconds: float) -> None:
        asked.append(seconds)
        lane.settle()
        assert lane.release()

    monkeypatch.setattr("orchestrator.service.swap.time.sleep", let_go)
    swap_in(queue.client, SETTINGS, snapshot_of(queue), over=cid(queue))
    assert (queue.meta("version"), len(asked)) == (3, 1)


def test_paused_brand_is_swapped_and_stays_paused(queue: Brand) -> None:
    """Who rebuilds a brand may have paused it before."""
    queue.client.hset("orchestrator:paused", queue.name, '{"untilMs":null,"sinceMs":1,"reason":"","by":"x"}')
    swap_in(queue.client, SETTINGS, snapshot_of(queue), over=cid(queue))
    assert queue.client.hdel("orchestrator:paused", queue.name) == 1


def test_who_loses_the_lease_puts_nothing_in_place(queue: Brand) -> None:
    """Of two rebuilds at once the second one takes the brand, and the first one finds that it has none."""
    earlier = snapshot_of(queue)
    with held(queue.client, SETTINGS, queue.name) as first:
        swap_in(queue.client, SETTINGS, earlier, over=cid(queue), own=OWN, patience=AT_ONCE)
        with pytest.raises(LeaseLostError):
            first.put(earlier, own={})
    assert queue.meta("version") == 3
    assert stored_settings(queue.client, [queue.name])[queue.name].settings.startswith(b"[")
    with pytest.raises(StaleStateError):
        swap_in(queue.client, SETTINGS, earlier, over=earlier.cid)


def test_held_brand_stays_held(queue: Brand) -> None:
    """Its lease is renewed every third of its ttl, for a time; then the ttl ends it, so that the brand goes on."""
    waited: list[float] = []
    lease = queue.store.acquire(queue.name, "t")

    def over(seconds: float) -> bool:
        waited.append(seconds)
        return len(waited) > 3  # where nothing else ends it

    times = iter([0.0, 0.0, swap.MOST_HELD_S - 1, swap.MOST_HELD_S])
    with held(queue.client, SETTINGS, queue.name, patience=AT_ONCE) as brand:
        queue.client.pexpire(queue.keys.lock, 500)
        swap._renew(queue.store, brand.lease, over, lambda: next(times))
        left_ms: Any = queue.client.pttl(queue.keys.lock)
        assert left_ms > 500
    assert waited == [queue.store.options.lock_ttl_s / 3] * 3
    assert not queue.store.release(lease)
    swap._renew(queue.store, brand.lease, lambda _seconds: True)
    assert not queue.locked()


def test_what_the_state_would_lose_is_refused(queue: Brand) -> None:
    """By the bounds that it was folded with, whatever its settings say; and a window that outlives its summary."""
    earlier, last = snapshot_of(queue), cid(queue)
    with pytest.raises(SettingsRefusedError, match="MAX_STORIES is 9 here and 5000 there"):
        swap_in(queue.client, SETTINGS, earlier, over=last, own={"MAX_STORIES": 9})
    with pytest.raises(OwnSettingError, match="MAX_STORIES must be"):
        swap_in(queue.client, SETTINGS, earlier, over=last, own={"MAX_STORIES": 0})
    with pytest.raises(OwnSettingError, match="more than SUMMARY_TTL_SEC here"):
        swap_in(queue.client, SETTINGS, earlier, over=last, own={"SUMMARY_WINDOW_SEC": 604_800})
    with held(queue.client, SETTINGS, queue.name) as brand, pytest.raises(ArchiveError, match="not of"):
        brand.put(replace(earlier, brand="another"))
    yes = SETTINGS.model_copy(update={"settings_adopt": True})
    assert swap_in(queue.client, yes, earlier, over=last, own={"MAX_STORIES": 9}).version == 3
    wide = Settings(label_similarity_threshold=0.9, max_stories=9_000)
    assert swap_in(queue.client, wide, snapshot_of(queue), over=cid(queue), own={}).own == {}


def test_shell_with_other_settings_changes_nothing_about_the_brand(queue: Brand) -> None:
    """The processes go on with theirs, and are not refused their brand; a yes for every brand means the shell's."""
    other = Settings(label_similarity_threshold=0.1, max_stories=9_000, summary_window_sec=90_000)
    earlier = snapshot_of(queue)
    swap_in(queue.client, other, earlier, over=cid(queue), own=OWN)
    found = stored_settings(queue.client, [queue.name])[queue.name].settings
    assert found == SETTINGS.fingerprint.owning(OWN).text().encode()
    assert as_committed(queue.client, other, queue.name).label_similarity_threshold == 0.9, "not the brand's own"
    visit(queue)
    yes = other.model_copy(update={"settings_adopt": True})
    swap_in(queue.client, yes, earlier, over=cid(queue), own={})
    found = stored_settings(queue.client, [queue.name])[queue.name].settings
    assert found == other.fingerprint.text().encode()
    queue.client.hset(queue.keys.meta, "settings", '{"MAX_STORIES":0}')
    assert as_committed(queue.client, other, queue.name) is other
    queue.client.hset(queue.keys.meta, "settings", "damage")
    assert as_committed(queue.client, other, queue.name) is other


def test_lost_answer_is_asked_for_again(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same commit, so it is in once."""
    commit, lost = Store.commit, [1, 1]

    def losing(store: Store, *args: Any) -> CommitReply:
        reply = commit(store, *args)
        if lost:
            lost.pop()
            raise StoreUnavailableError("lost")
        return reply

    monkeypatch.setattr(Store, "commit", losing)
    done = swap_in(queue.client, SETTINGS, snapshot_of(queue), over=cid(queue))
    assert (done.version, cid(queue), lost) == (3, done.cid, [])
    lost += [1, 1, 1]
    with pytest.raises(StoreUnavailableError):
        swap_in(queue.client, SETTINGS, snapshot_of(queue), over=cid(queue))
    assert not queue.locked()


def test_nobody_is_alerted_of_history_and_recent_chunks_are_those_of_the_state(queue: Brand) -> None:
    """The outbox stays as it is; the list of recent chunks is the state's, where it is full."""
    queue.client.rpush(queue.keys.outbox, "untold")
    mine = [b'{"chunkId":"%d"}' % number for number in range(MAX_RECENT)]
    queue.client.rpush(queue.keys.recent, mine[3])
    swap_in(queue.client, SETTINGS, replace(snapshot_of(queue), recent=mine), over=cid(queue))
    assert queue.client.lrange(queue.keys.recent, 0, -1) == mine
    assert queue.client.lrange(queue.keys.outbox, 0, -1) == [b"untold"]
    before = snapshot_of(queue)
    swap_in(queue.client, SETTINGS, before, over=cid(queue))
    assert snapshot_of(queue).recent == mine


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_swap_beside_a_commit_under_way(queue: Brand, when: str, nth: int, *, ahead: bool) -> None:
    """It is in before the new state, or refused and folded again on top of it; read ahead or not, it counts once."""
    commits = itertools.count(1)

    def swap_now() -> None:
        with held(queue.client, SETTINGS, queue.name, patience=AT_ONCE) as brand:
            brand.put(snapshot_of(queue), own=OWN)

    class Beside(Interfering):
        def before_commit(self, lease: Lease, commit: Commit) -> None:
            """The commit is built."""
            del lease, commit
            if when == "before" and next(commits) == nth:
                swap_now()

        def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
            """It was sent; whoever comes later comes after it, and its answer is not read yet."""
            del lease, commit
            if when == "after" and next(commits) == nth:
                swap_now()
            return read()

    queue.push(*(chunk(queue, f"c{number}") for number in range(5)))
    store = Beside(queue.client, store_options(SETTINGS))
    session = BrandSession(store, session_config(SETTINGS), queue.name, Warm(BatchSizer(max_items=2)))
    session.open()
    steps = iter(partial(session.step, fold_ahead=ahead), None)
    with pytest.raises(LeaseLostError):
        next(step for step in steps if step.idle)
    session.abandon()
    assert not session.release()
    visit(queue)
    assert (queue.queued(), totals(queue)[0], queue.failed()) == (0, 7, [])
    assert stored_settings(queue.client, [queue.name])[queue.name].settings.startswith(b"[")


def test_swaps_under_live_traffic_lose_nothing(queue: Brand) -> None:
    """Lanes fold what comes while the state is replaced by itself again and again, under other settings each time."""
    over, names = threading.Event(), itertools.count()

    def lane() -> None:
        while not over.is_set():
            queue.push(chunk(queue, f"live {next(names)}"))
            session = session_of(queue)
            try:
                session.open(begin=True)
                drain(session)
                session.settle()
            except (BrandBusyError, LeaseLostError, StaleStateError):
                session.abandon()
            session.release()

    threads = [threading.Thread(target=lane) for _ in range(2)]
    for thread in threads:
        thread.start()
    swapped = 0
    try:
        for number in range(SWAPS):
            own = OWN if number % 2 else {}
            with suppress(StaleStateError, LeaseLostError):
                snapshot = snapshot_of(queue)
                swap_in(queue.client, SETTINGS, snapshot, over=snapshot.cid, own=own, patience=AT_ONCE)
                swapped += 1
            with suppress(LeaseLostError), held(queue.client, SETTINGS, queue.name, patience=AT_ONCE) as brand:
                brand.put(snapshot_of(queue), own=own)
                swapped += 1
    finally:
        over.set()
        for thread in threads:
            thread.join()
    visit(queue)
    assert queue.queued() == 0
    assert totals(queue)[0] == 2 + next(names)
    assert queue.failed() == []
    assert queue.meta("version") >= swapped > 0


# -- with an archive


@pytest.fixture
def archived(tmp_path: Path) -> Settings:
    """Settings with an archive in a folder."""
    return SETTINGS.model_copy(update={"archive_url": f"file://{tmp_path}/archive"})


def bases(queue: Brand, settings: Settings) -> list[Snapshot]:
    """All of the brand, the oldest first."""
    archive = BrandArchive(Objects.open(settings.archive_url), queue.name)
    return [archive.base(ref) for ref in archive.bases()]


def move_into_the_future(queue: Brand) -> None:
    """The state is of a clock that was a year ahead."""
    snapshot = snapshot_of(queue)
    state = BrandState.load(FoldConfig(max_stories=6_000), snapshot.stored.fields)
    state.advance(snapshot.taken_ms + 400 * 86_400_000)
    changes = state.take_changes()
    lease = queue.store.acquire(queue.name, "t")
    put = Commit("ahead", lease.cid, lease.version + 1, put=changes.put, remove=changes.remove)
    queue.store.commit(lease, put)
    queue.store.release(lease)


def test_base_is_what_the_commit_leaves(queue: Brand, archived: Settings) -> None:
    """Byte for byte, so that a refold goes on from it as lanes go on from Redis."""
    queue.push(chunk(queue, "c"))
    visit(queue)
    for own in (OWN, {}):
        swap_in(queue.client, archived, snapshot_of(queue), over=cid(queue), own=own)
        found, base = snapshot_of(queue), bases(queue, archived)[-1]
        assert replace(base, taken_ms=0) == replace(found, taken_ms=0)
        assert opened(base, FoldConfig())[0].clock_ms


def test_killed_between_base_and_commit_nothing_has_happened(queue: Brand, archived: Settings) -> None:
    """The base is there, of a commit that never was; the next try puts another one."""
    before = snapshot_of(queue)
    failpoints.arm("swap.based=bug")
    with pytest.raises(RuntimeError):
        swap_in(queue.client, archived, before, over=cid(queue), own=OWN)
    assert replace(snapshot_of(queue), taken_ms=0, epoch=0) == replace(before, taken_ms=0, epoch=0)
    (dead,) = bases(queue, archived)
    done = swap_in(queue.client, archived, before, over=cid(queue), own=OWN)
    assert [base.cid for base in bases(queue, archived)] == [dead.cid, done.cid]


def test_without_its_base_no_state_is_put_in_place(
    queue: Brand, archived: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no refold would lead over it."""

    def away(_archive: BrandArchive, _snapshot: Snapshot) -> str:
        raise ArchiveUnavailableError("away")

    monkeypatch.setattr(BrandArchive, "put_base", away)
    with pytest.raises(ArchiveUnavailableError):
        swap_in(queue.client, archived, snapshot_of(queue), over=cid(queue))
    assert queue.meta("version") == 2
    assert not queue.locked()


@pytest.mark.parametrize("how", ["swap", "repair"])
def test_nothing_is_put_behind_a_purge(
    queue: Brand, archived: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The brand was purged between the lease and the base: the archive stays empty, and the brand as well."""
    objects, before, over = Objects.open(archived.archive_url), snapshot_of(queue), cid(queue)
    objects.put(OF_OTHERS, b"of others")
    if how == "repair":
        move_into_the_future(queue)
    asked: Callable[[], object] = partial(swap_in, queue.client, archived, before, over=over)
    if how == "repair":
        asked = partial(repair, queue.client, archived, queue.name, dry_run=False)

    @contextmanager
    def purged_before(client: redis.Redis, brand: str, *, wait_s: float) -> Iterator[bool]:
        assert purge_brand(queue.client, queue.name, objects).remains == ""
        with the_right(client, brand, wait_s=wait_s) as had:
            yield had

    monkeypatch.setattr(service_bases, "the_right", purged_before)
    with pytest.raises(LeaseLostError, match="or purged: nothing was put"):
        asked()
    assert [entry.name for entry in objects.list()] == [OF_OTHERS]
    assert queue.meta("version") == 0


def test_purge_waits_for_a_base_and_removes_it(
    queue: Brand, archived: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began while the base was put; what it took away is not committed any more."""
    objects, real, looks = Objects.open(archived.archive_url), BrandArchive.put_base, list[float]()
    objects.put(OF_OTHERS, b"of others")
    done = threading.Event()
    purge: list[threading.Thread] = []

    def put(archive: BrandArchive, snapshot: Snapshot) -> str:
        waits = threading.Event()

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            waits.set()
            done.wait(seconds)

        purge.append(threading.Thread(target=lambda: purge_brand(queue.client, queue.name, objects, sleep=sleep)))
        purge[0].start()
        assert waits.wait(10)
        return real(archive, snapshot)

    monkeypatch.setattr(BrandArchive, "put_base", put)
    # Between base and commit the purge comes to its end.
    monkeypatch.setattr(failpoints, "hit", lambda name: purge[0].join() if name == "swap.based" else None)
    with pytest.raises(LeaseLostError):
        swap_in(queue.client, archived, snapshot_of(queue), over=cid(queue))
    assert looks
    assert [entry.name for entry in objects.list()] == [OF_OTHERS]


def test_base_waits_for_who_puts_records(queue: Brand, archived: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever: the command says so, and nothing is changed."""
    monkeypatch.setattr(service_bases.keep_base, "__kwdefaults__", {"wait_s": 0.2})
    assert Consumed(queue.client).take(queue.name, "writer", 30) is not None
    with pytest.raises(ArchiveUnavailableError, match=r"puts records of brand .* for more than 0\.2 s; try again"):
        swap_in(queue.client, archived, snapshot_of(queue), over=cid(queue))
    assert queue.meta("version") == 2


def test_records_tell_what_the_brand_is_folded_with(queue: Brand, archived: Settings) -> None:
    """Its own settings, beside the others: also in the record of the commit that gives them."""
    store = Store(queue.client, store_options(archived))
    owned = replace(queue, store=store)
    swap_in(queue.client, archived, snapshot_of(queue), over=cid(queue), own=OWN)
    owned.push(chunk(queue, "c"))
    session = BrandSession(store, session_config(archived), queue.name)
    session.open()
    drain(session)
    assert session.release()
    consumed = Consumed(queue.client)
    consumed.take(queue.name, "t", 9)
    put, folded = [one.head for one in consumed.read(queue.name, "t", 1 << 20)]
    assert put.settings == folded.settings == {**SETTINGS.fingerprint.values, **OWN}
    assert (put.replaces, folded.replaces) == (True, False)


def test_repair_puts_the_base_of_what_nobody_folded(queue: Brand, archived: Settings) -> None:
    """Under the brand's own settings: what it leaves is what the archive has."""
    swap_in(queue.client, archived, snapshot_of(queue), over=cid(queue), own={"MAX_STORIES": 6_000})
    move_into_the_future(queue)
    shell = archived.model_copy(update={"max_stories": 9_000})
    assert repair(queue.client, shell, queue.name, dry_run=False)
    found, base = snapshot_of(queue), bases(queue, archived)[-1]
    assert replace(base, taken_ms=0) == replace(found, taken_ms=0)
    assert base.settings == SETTINGS.fingerprint.owning({"MAX_STORIES": 6_000}).text().encode()
    assert opened(base, FoldConfig())[0].bounds["MAX_STORIES"] == 6_000
