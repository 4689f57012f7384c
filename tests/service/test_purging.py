"""What is kept of a brand goes out of Redis and out of the archive, and nothing comes back behind it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from orchestrator.archive.record import folder_of, record_of
from orchestrator.contract.consumed import note_of
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import ArchiveError, ArchiveUnavailableError, StoreUnavailableError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.compaction import compact_day
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry
from orchestrator.service import purging, right
from orchestrator.service.purging import archived, purge_brand
from orchestrator.service.right import the_right
from orchestrator.store import Store, StoreOptions
from orchestrator.store.consumed import Consumed
from orchestrator.store.purge import look, purge
from tests.objects.test_way import chain
from tests.store.test_consumed import make
from tests.store.world import World

HOLD_S = 30.0


@pytest.fixture
def world(redis_client: redis.Redis, brand: str) -> World:
    """A brand with an archive."""
    return World(redis_client, Store(redis_client, StoreOptions(archive_bytes=1_000_000)), brand)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """An empty archive."""
    return Objects.open(f"file://{tmp_path}/archive")


class Writing:
    """A writer, step by step."""

    def __init__(self, world: World, objects: Objects, token: str = "writer") -> None:  # noqa: S107 - no secret
        self.world, self.token, self.consumed = world, token, Consumed(world.client)
        self.archive = BrandArchive(objects, world.brand)

    def begin(self) -> None:
        """Take the right, read and note all that waits."""
        assert self.consumed.take(self.world.brand, self.token, HOLD_S)
        self.kept = self.consumed.read(self.world.brand, self.token, 1_000_000)
        assert self.consumed.note(self.world.brand, self.token, note_of(self.kept))

    def put(self) -> None:
        """Put what was read."""
        records = [record_of(self.world.brand, one.head, one.payloads) for one in self.kept]
        # Ids of commits have no dash, but those of tests.
        self.archive.put(
            replace(one, cid=one.cid.replace("-", ""), previous=one.previous.replace("-", "")) for one in records
        )

    def end(self) -> bool:
        """Take it out of Redis, and leave; whether it was there still."""
        try:
            return self.consumed.remove(self.world.brand, self.token, note_of(self.kept))
        finally:
            self.consumed.leave(self.world.brand, self.token)


def left(world: World) -> set[str]:
    """Attributes of the brand's keys that exist, and its payloads."""
    names = {name for name in BrandKeys.__slots__ if name != "brand" and world.client.exists(getattr(world.keys, name))}
    return names | {key.decode() for key in world.consumed()}


def test_all_of_it_goes(world: World, objects: Objects) -> None:
    """What waits for the archive, who puts it there, objects, bases, and nothing of another brand."""
    make(world, [b"a", b"b"], [b"c"])
    writing = Writing(world, objects)
    writing.begin()
    writing.put()
    writing.end()
    objects.put(f"{folder_of(world.brand)}/bases/x.state", b"of people")
    objects.put(f"{folder_of(world.brand + '2')}/bases/x.state", b"of others")
    make(world, [b"d"], [], [b"e"])
    assert look(world.client, world.brand).keys > 2
    count, size = archived(objects, world.brand)
    assert (count, size > 9) == (2, True)
    done = purge_brand(world.client, world.brand, objects)
    assert (done.objects, done.objects_size, done.remains) == (count, size, "")
    assert left(world) == {"lock"}
    assert [entry.name for entry in objects.list()] == [f"{folder_of(world.brand + '2')}/bases/x.state"]
    assert look(world.client, world.brand).keys == 0
    again = purge_brand(world.client, world.brand, objects)
    assert (again.keys, again.objects, again.remains) == (0, 0, "")


def test_without_an_archive_what_waits_goes_too(world: World) -> None:
    """It was left for one that is not set any more, or is to stay as it is."""
    make(world, [b"a"], [b"b"])
    assert purge_brand(world.client, world.brand, None).keys > 2
    assert left(world) == {"lock"}


def test_many_records_go(world: World, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files slice by slice."""
    monkeypatch.setattr(purging, "_SLICE", 2)
    for number in range(5):
        objects.put(f"{folder_of(world.brand)}/bases/{number}.state", b"x")
    make(world, *([b"a", b"b"] for _ in range(5)))
    assert purge_brand(world.client, world.brand, objects).objects == 5
    assert left(world) == {"lock"}


def test_who_is_putting_is_waited_for(world: World, objects: Objects) -> None:
    """What was in hand is put, and goes; nothing comes back behind it."""
    make(world, [b"a"])
    writing = Writing(world, objects)
    writing.begin()
    steps: list[Callable[[], object]] = [lambda: None, writing.put, writing.end]

    def sleep(_: float) -> None:
        steps.pop(0)()

    done = purge_brand(world.client, world.brand, objects, sleep=sleep)
    assert (steps, done.objects, done.remains) == ([], 1, "")
    assert list(objects.list()) == []
    assert left(world) == {"lock"}
    assert not writing.end(), "its note is of nothing any more"
    assert left(world) == {"lock"}


def test_who_never_leaves_is_told_of(world: World, objects: Objects) -> None:
    """Nothing of the archive is removed then; once it has left the same again does."""
    make(world, [b"a"])
    writing = Writing(world, objects)
    writing.begin()
    writing.put()
    done = purge_brand(world.client, world.brand, objects, wait_s=0.4, sleep=lambda _: None)
    assert done.remains.endswith("somebody put records of it for more than 0.4 s")
    assert archived(objects, world.brand)[0] == 1
    assert not writing.end()
    assert purge_brand(world.client, world.brand, objects).objects == 1
    assert left(world) == {"lock"}


class Away(Objects):
    """An archive that gives no answer now and then."""

    away = True

    def remove(self, names: Sequence[str]) -> None:
        """Or not."""
        if self.away:
            raise ArchiveUnavailableError("no answer\x1b[31m")
        super().remove(names)


def test_archive_that_is_away_is_told_and_asked_again(world: World, tmp_path: Path) -> None:
    """Redis is purged all the same, and the right is given back."""
    objects = Away.open(f"file://{tmp_path}/archive")
    assert isinstance(objects, Away)
    make(world, [b"a"])
    writing = Writing(world, objects)
    writing.begin()
    writing.put()
    writing.end()
    done = purge_brand(world.client, world.brand, objects)
    assert (done.keys > 2, done.objects) == (True, 0)
    assert "no answer" in done.remains
    assert "\x1b" not in done.remains
    objects.away = False
    assert purge_brand(world.client, world.brand, objects).objects == 1
    assert left(world) == {"lock"}


class Torn(Objects):
    """An archive that fails in the middle of a removal."""

    torn = True
    lists = True

    def remove(self, names: Sequence[str]) -> None:
        """The first two of them go."""
        super().remove(names[:2] if self.torn else names)
        if self.torn:
            self.gone = True
            raise ArchiveUnavailableError("no answer")

    def list(self, folder: str = "", after: str = "") -> Iterator[Entry]:
        """What there is, or no answer either."""
        if getattr(self, "gone", False) and not self.lists:
            raise ArchiveUnavailableError("no answer")
        return super().list(folder, after)


@pytest.mark.parametrize("lists", [True, False])
def test_what_went_before_it_failed_is_counted(world: World, tmp_path: Path, *, lists: bool) -> None:
    """Keys and objects; where nobody can tell that is told."""
    objects = Torn.open(f"file://{tmp_path}/archive")
    assert isinstance(objects, Torn)
    objects.lists = lists
    for number in range(5):
        objects.put(f"{folder_of(world.brand)}/bases/{number}.state", b"x" * 10)
    make(world, [b"a"])
    there = look(world.client, world.brand).keys
    payloads = len(world.consumed())
    done = purge_brand(world.client, world.brand, objects)
    assert done.keys == there + payloads
    assert (done.objects, done.objects_size) == ((2, 20) if lists else (0, 0))
    assert done.remains.endswith("no answer" if lists else "how many of the last 5 went before that cannot be seen")
    objects.torn, objects.lists = False, True
    again = purge_brand(world.client, world.brand, objects)
    assert (again.keys, again.objects, again.remains) == (0, 3, "")


def test_files_of_others_are_told_of(world: World, objects: Objects, tmp_path: Path) -> None:
    """A link leads elsewhere: it is not followed, and it stays."""
    objects.put(f"{folder_of(world.brand)}/bases/x.state", b"x")
    (tmp_path / "archive" / folder_of(world.brand) / "link").symlink_to(tmp_path)
    done = purge_brand(world.client, world.brand, objects)
    assert done.objects == 1
    assert done.remains.endswith(f"1 files in {folder_of(world.brand)} are none of an archive's and stay")
    assert tmp_path.exists()


class Fed(Objects):
    """An archive into which somebody else puts behind each listing."""

    times = 2

    def list(self, folder: str = "", after: str = "") -> Iterator[Entry]:
        """And then one more comes."""
        yield from list(super().list(folder, after))
        if self.times:
            self.times -= 1
            self.put(f"{folder}/bases/{self.times}.state", b"x")


def test_what_comes_meanwhile_goes_too(world: World, tmp_path: Path) -> None:
    """Until nothing is there; if that is never so, it is told."""
    (tmp_path / "archive").mkdir()
    objects = Fed.open(f"file://{tmp_path}/archive")
    assert isinstance(objects, Fed)
    objects.put(f"{folder_of(world.brand)}/bases/x.state", b"x")
    done = purge_brand(world.client, world.brand, objects)
    assert (done.objects, done.remains) == (3, "")
    objects.put(f"{folder_of(world.brand)}/bases/x.state", b"x")
    objects.times = 100
    assert "somebody else puts objects into" in purge_brand(world.client, world.brand, objects).remains


def test_killed_between_redis_and_the_archive_it_is_done_again(world: World, objects: Objects) -> None:
    """What waited is gone; the rest the next one does."""
    make(world, [b"a"], [b"b"])
    writing = Writing(world, objects)
    writing.begin()
    writing.put()
    purge(world.client, world.brand)
    assert left(world) == {"lock"}
    assert not writing.end()
    assert purge_brand(world.client, world.brand, objects).objects == 1
    assert left(world) == {"lock"}


@pytest.mark.parametrize("step", ["before", "in redis", "removing", "after"])
def test_compaction_that_has_read_puts_nothing_behind_it(world: World, objects: Objects, step: str) -> None:
    """It comes to put what it has made while the purge is at work, at any of its steps: nothing is there after it."""
    archive = BrandArchive(objects, world.brand)
    archive.put(replace(one, brand=world.brand) for one in chain(*"abcd"))
    passed = itertools.count()

    @contextmanager
    def fence() -> Iterator[bool]:
        first = not next(passed)
        if first and step == "before":
            assert not purge_brand(world.client, world.brand, objects).remains
        with the_right(world.client, world.brand, wait_s=0) as had:
            if first and step == "in redis":
                purge(world.client, world.brand)
            if first and step == "removing":
                objects.remove([entry.name for entry in objects.list(folder_of(world.brand))])
            yield had
        if first and step == "after":
            assert not purge_brand(world.client, world.brand, objects).remains

    with suppress(ArchiveError):
        compact_day(archive, "2025-11-28", fence=fence)
    if step != "in redis":
        assert list(objects.list()) == []
    assert not purge_brand(world.client, world.brand, objects).remains
    assert list(objects.list()) == []


def test_nobody_gets_the_right_while_objects_go(
    world: World, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what Redis had it went, too: it is taken anew until the archive is empty."""
    objects.put(f"{folder_of(world.brand)}/bases/x.state", b"x")
    remove, others = Objects.remove, []

    def removing(here: Objects, names: Sequence[str]) -> None:
        others.append(Consumed(world.client).take(world.brand, "other", HOLD_S))
        remove(here, names)

    monkeypatch.setattr(Objects, "remove", removing)
    assert purge_brand(world.client, world.brand, objects).objects == 1
    assert set(others) == {None}
    assert Consumed(world.client).take(world.brand, "other", HOLD_S)


def test_right_is_given_back_whatever_happens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the answer to taking it was lost; one at a time has it."""
    consumed = Consumed(world.client)
    with the_right(world.client, world.brand) as had, the_right(world.client, world.brand, wait_s=0) as other:
        assert (had, other) == (True, False)
    assert consumed.take(world.brand, "t", HOLD_S)
    consumed.leave(world.brand, "t")

    class Lossy(Consumed):
        def take(self, brand: str, token: str, hold_s: float) -> None:
            super().take(brand, token, hold_s)
            raise StoreUnavailableError("the answer is lost")

    monkeypatch.setattr(right, "Consumed", Lossy)
    with pytest.raises(StoreUnavailableError), the_right(world.client, world.brand):
        pass
    assert consumed.take(world.brand, "t", HOLD_S)
    consumed.leave(world.brand, "t")

    class Away(Consumed):
        def leave(self, brand: str, token: str) -> None:
            raise StoreUnavailableError(f"no answer about {brand} to {token}")

    monkeypatch.setattr(right, "Consumed", Away)
    with the_right(world.client, world.brand) as had:
        assert had, "what is done is done, and the right runs out by itself"
