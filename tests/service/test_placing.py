"""Nothing is put anywhere but into the archive that Redis knows, whatever is mounted, moved or emptied meanwhile."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis.exceptions import NoPermissionError

from orchestrator.archive.snapshot import Snapshot
from orchestrator.contract.keys import ARCHIVE_KEY, BrandKeys, archive_next_key
from orchestrator.errors import ArchiveMisplacedError, ArchiveRefusedError, ArchiveUnavailableError
from orchestrator.objects.looking_back import Moment
from orchestrator.objects.marker import MARKER, read_marker, write_marker
from orchestrator.objects.objects import Objects
from orchestrator.service import placing
from orchestrator.service.archiving import ThreadedShelf
from orchestrator.service.bases import keep_base
from orchestrator.service.placing import LOOK_S, Placing, adopt, must_fit
from orchestrator.service.retelling import Request, reply_to
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.archive_id import keep_id, known_id
from orchestrator.store.runner import ScriptRunner
from orchestrator.store.types import NO_DIGESTS, Stored
from tests.archivist.support import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import redis

BRAND = "nike placed"
ONE, OTHER = "1" * 32, "2" * 32
_NUMBERS = itertools.count(1)


@pytest.fixture(params=["file", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    """A place that nobody has used."""
    url = f"file://{tmp_path}/archive" if request.param == "file" else f"memory://placing-{next(_NUMBERS)}"
    with Objects.open(url) as found:
        yield found


@pytest.fixture
def chained(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """A Redis that tells of a record that was archived."""
    redis_client.hset(BrandKeys.of(BRAND).archiving, "last", "c7")
    yield redis_client
    redis_client.delete(BrandKeys.of(BRAND).archiving)


def brands() -> list[str]:
    """The registered ones."""
    return ["none of it", BRAND]


def test_first_use_marks_the_place(redis_client: redis.Redis, objects: Objects) -> None:
    """And Redis knows it from then on; the same again changes nothing."""
    for _ in range(2):
        Placing(redis_client, objects, brands).check()
    assert known_id(redis_client) == read_marker(objects) != ""


def test_emptied_redis_takes_the_id_of_the_place(chained: redis.Redis, objects: Objects) -> None:
    """Restored from before there was one, or emptied: nobody has to say anything."""
    write_marker(objects, ONE)
    Placing(chained, objects, brands).check()
    assert known_id(chained) == ONE


def test_archive_of_before_there_were_markers_is_taken_over(chained: redis.Redis, objects: Objects) -> None:
    """It has something, so it is no folder beneath a volume."""
    objects.put("brand=nike/bases/x.state", b"x")
    Placing(chained, objects, brands).check()
    assert known_id(chained) == read_marker(objects) != ""


def test_empty_place_of_a_chain_is_not_taken_over(chained: redis.Redis, objects: Objects) -> None:
    """Of an upgrade with the volume not mounted; and nothing is made there."""
    with pytest.raises(ArchiveMisplacedError, match=r"is empty, and Redis tells of .*mount the volume.*archive adopt"):
        Placing(chained, objects, brands).check()
    assert (known_id(chained), read_marker(objects)) == ("", "")


@pytest.mark.parametrize("found", ["", OTHER])
def test_another_place_is_told_until_somebody_says_yes(redis_client: redis.Redis, objects: Objects, found: str) -> None:
    """With the remedy; a yes is to the place as it is."""
    keep_id(redis_client, ONE)
    if found:
        write_marker(objects, found)
    looked = Placing(redis_client, objects, brands)
    for look in (looked.check, looked.check, lambda: must_fit(redis_client, objects)):
        with pytest.raises(ArchiveMisplacedError, match=r"so nothing is put there: mount the volume, .*archive adopt"):
            look()
    assert read_marker(objects) == found
    taken = adopt(redis_client, objects)
    assert (taken, known_id(redis_client)) == (read_marker(objects), taken)
    assert not found or taken == found
    looked.check()
    must_fit(redis_client, objects)


def test_who_marks_a_place_at_the_same_time_agrees(
    redis_client: redis.Redis, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the store knows no condition, and the last marker is the one that stays."""
    put = Objects.put
    monkeypatch.setattr(Objects, "put_new", put)
    write = write_marker

    def late(where: Objects, archive: str) -> str:
        monkeypatch.setattr(placing, "write_marker", write)
        Placing(redis_client, where, brands).check()  # another process, from its first look to its end
        return write(where, archive)

    monkeypatch.setattr(placing, "write_marker", late)
    Placing(redis_client, objects, brands).check()
    assert known_id(redis_client) == read_marker(objects)


def test_who_claims_another_place_at_the_same_time_is_told(
    redis_client: redis.Redis, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes with two places: the one whose id Redis got is right."""
    monkeypatch.setattr(placing, "keep_id", lambda client, _: keep_id(client, OTHER))
    with pytest.raises(ArchiveMisplacedError, match=f"and Redis knows the archive {OTHER}"):
        Placing(redis_client, objects, brands).check()


def test_user_without_rights_on_the_id_is_told_of_the_place(
    redis_client: redis.Redis, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of the key; each of thousands of brands would say the same."""
    refusal = NoPermissionError("this user has no permissions to access one of the keys used as arguments")
    monkeypatch.setattr(ScriptRunner, "run", lambda *_: [refusal])
    with pytest.raises(ArchiveRefusedError, match=f"nothing is put into .*'{ARCHIVE_KEY}' cannot be read"):
        Placing(redis_client, objects, brands).check()


def test_bucket_is_looked_at_twice_a_minute_and_a_folder_each_time(redis_client: redis.Redis, objects: Objects) -> None:
    """A bucket asks money for each request; a volume may go from one object to the next."""
    now_s = 0.0
    looked = Placing(redis_client, objects, brands, monotonic=lambda: now_s)
    looked.check()
    objects.remove([MARKER])
    if objects.mounted:
        with pytest.raises(ArchiveMisplacedError, match="has no marker"):
            looked.check()
    else:
        looked.check()
        now_s = LOOK_S
        with pytest.raises(ArchiveMisplacedError, match="has no marker"):
            looked.check()


def test_place_that_redis_does_not_know_any_more_is_noticed(redis_client: redis.Redis, objects: Objects) -> None:
    """Somebody said yes to another one."""
    now_s = 0.0
    looked = Placing(redis_client, objects, brands, monotonic=lambda: now_s)
    looked.check()
    keep_id(redis_client, OTHER, anew=True)
    looked.check()
    now_s = LOOK_S
    with pytest.raises(ArchiveMisplacedError, match=f"Redis knows the archive {OTHER}"):
        looked.check()


def test_place_without_an_answer_is_not_another_one(
    redis_client: redis.Redis, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again, and nothing is claimed."""

    def away(*_: object) -> bytes:
        raise ArchiveUnavailableError("no answer")

    monkeypatch.setattr(Objects, "get", away)
    with pytest.raises(ArchiveUnavailableError, match="no answer") as caught:
        Placing(redis_client, objects, brands).check()
    assert not isinstance(caught.value, ArchiveMisplacedError)
    assert known_id(redis_client) == ""


@pytest.mark.parametrize("call", ["put", "tail", "base"])
async def test_shelf_puts_nothing_beneath_a_volume(redis_client: redis.Redis, objects: Objects, call: str) -> None:
    """Neither records nor a base, and no end of a chain is looked for there."""
    keep_id(redis_client, ONE)
    shelf = ThreadedShelf(objects, redis_client, Settings(), brands)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "put": lambda: shelf.put(BRAND, [record(1)]),
        "tail": lambda: shelf.tail(BRAND, record(1).head),
        "base": lambda: shelf.put_base(BRAND),
    }
    with pytest.raises(ArchiveMisplacedError):
        await calls[call]()
    with pytest.raises(ArchiveMisplacedError):
        await shelf.check()
    assert read_marker(objects) == ""


def test_base_of_a_commit_that_is_to_come_goes_nowhere_else(
    redis_client: redis.Redis, store: Store, brand: str, tmp_path: Path
) -> None:
    """Or the commit would be made, and the archive had no way over it."""
    keep_id(redis_client, ONE)
    lease = store.acquire(brand, store.new_token())
    base = Snapshot(brand, "c1", 1, 1, 0, b"", 0, Stored({}, NO_DIGESTS), {}, ())
    with pytest.raises(ArchiveMisplacedError):
        keep_base(redis_client, store, lease, base, Settings(archive_url=f"file://{tmp_path}/archive"))


def test_past_of_a_folder_that_vanished_is_misplaced(tmp_path: Path) -> None:
    """Also where Redis knows no archive: nothing is damaged, and there is no gap."""
    moment = Moment("c1", None, 1, 1)
    url = f"file://{tmp_path}/archive"
    for known in ("", ONE):
        assert reply_to(Request(url, BRAND, moment, known=known)).trouble == "misplaced"
    with Objects.open(url) as objects:
        write_marker(objects, ONE)
    assert reply_to(Request(url, BRAND, moment, known=ONE)).trouble == "damaged"
    assert reply_to(Request(url, BRAND, moment, known=OTHER)).trouble == "misplaced"


PLACES = ("volume", "beneath", "another")


class Placed(RuleBasedStateMachine):
    """What is mounted at one folder changes; whoever puts, puts into the archive that Redis knows, or nothing."""

    client: redis.Redis

    @initialize()
    def begin(self) -> None:
        """A link is the mount: it leads to one of three folders."""
        self.root = Path(tempfile.mkdtemp(prefix="orchestrator-placing-"))
        for name in PLACES:
            (self.root / name).mkdir()
        self.link, self.at = self.root / "archive", ""
        self.ids = dict.fromkeys(PLACES, "")
        self.puts = dict.fromkeys(PLACES, 0)
        self.known, self.chain = "", False
        self.client.delete(ARCHIVE_KEY, BrandKeys.of(BRAND).archiving)
        self.objects = Objects.open(f"file://{self.link}")
        self.client.delete(archive_next_key(self.objects.digest))
        self.now_s = 0.0
        self.process = Placing(self.client, self.objects, brands, monotonic=lambda: self.now_s)
        self.seen, self.until_s = "", -1.0
        self.mount("volume")

    @rule(name=st.sampled_from(PLACES))
    def mount(self, name: str) -> None:
        """Another folder is seen there."""
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(self.root / name)
        self.at = name

    @rule()
    def empty_redis(self) -> None:
        """A new one, or one without an append-only file."""
        self.client.delete(ARCHIVE_KEY, BrandKeys.of(BRAND).archiving, archive_next_key(self.objects.digest))
        self.known, self.chain = "", False

    @rule()
    def restore_redis_of_before(self) -> None:
        """A backup from before there were markers."""
        self.client.delete(ARCHIVE_KEY)
        self.client.hset(BrandKeys.of(BRAND).archiving, "last", "c1")
        self.known, self.chain = "", True

    @rule()
    def adopt(self) -> None:
        """An operator says that it is right so."""
        self.known = self.ids[self.at] = adopt(self.client, self.objects)

    @rule(anew=st.booleans(), later=st.booleans())
    def put(self, *, anew: bool, later: bool) -> None:
        """A process puts an object, if it may."""
        self.now_s += LOOK_S if later else 1.0
        process = Placing(self.client, self.objects, brands) if anew else self.process
        looks = anew or self.now_s >= self.until_s
        known = self.known if looks else self.seen
        right = self._is_right(known)
        try:
            process.check()
        except ArchiveMisplacedError:
            assert not right
            if looks and not anew:
                self.until_s = -1.0
            return
        assert right
        self.objects.put(f"brand={BRAND.replace(' ', '%20')}/bases/{self.puts[self.at]}.state", b"x")
        self.puts[self.at] += 1
        if looks:
            self.known = self.ids[self.at] = read_marker(self.objects)
            if not anew:
                self.seen, self.until_s = self.known, self.now_s + LOOK_S

    def _is_right(self, known: str) -> bool:
        if known:
            return self.ids[self.at] == known
        return bool(self.ids[self.at] or self.puts[self.at] or not self.chain)

    @invariant()
    def nothing_lies_anywhere_else(self) -> None:
        """Each folder has what was put there when it was right, and the marker that it had then."""
        for name in PLACES:
            there = sorted(path.name for path in (self.root / name).rglob("*.state"))
            assert len(there) == self.puts[name]
            assert (self.root / name / MARKER).exists() == bool(self.ids[name])

    def teardown(self) -> None:
        """Nothing stays."""
        shutil.rmtree(self.root)
        self.client.delete(ARCHIVE_KEY, BrandKeys.of(BRAND).archiving, archive_next_key(self.objects.digest))


def test_nothing_is_put_beneath_a_volume_whatever_happens(redis_client: redis.Redis) -> None:
    """The model says when it may."""

    class Machine(Placed):
        client = redis_client

    run_state_machine_as_test(Machine, settings=hypothesis_settings(stateful_step_count=25))
