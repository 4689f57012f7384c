"""A state is put in place once, on top of all that was committed meanwhile, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.archive.record import Item, Record
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError, BrandBusyError, LeaseLostError, StaleStateError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.swapping import TRIES, Swapped, swap
from orchestrator.rebuild.tail import archived_cid
from orchestrator.rebuild.task import Folding, Task, rebuild, state_of
from tests.rebuild.fake_live import FakeLive
from tests.rebuild.support import KEY, LOOSER, archived, based, chunk, folded, following, history, url_of

OWN = dict(LOOSER)


@dataclass
class World:
    """A brand whose first records are archived and folded anew, and that goes on."""

    task: Task
    state: Snapshot | None
    objects: Objects
    live: FakeLive

    @property
    def records(self) -> list[Record]:
        """Of the brand."""
        return self.live.records["nike"]

    def commits(self, count: int = 1) -> None:
        """Somebody folds a chunk, and another one."""
        for _ in range(count):
            last = self.records[-1]
            self.records.append(following("nike", [last], [Item(chunk("nike", last.version + 100))]))
            self.live.waits["nike"] = self.live.waits.get("nike", 0) + 1

    def archives(self, count: int) -> None:
        """The archive gets the oldest of what waits."""
        waiting = list(self.live.waiting("nike"))[:count]
        BrandArchive(self.objects, "nike").put(waiting)
        self.live.waits["nike"] -= count

    def swap(self) -> Swapped:
        """Put it in place."""
        return swap(Folding(self.task, BrandArchive(self.objects, "nike"), self.state), OWN, self.live)

    def assert_swapped(self) -> None:
        """What is in place is a fold of all chunks from scratch."""
        *before, swapped = self.records
        assert swapped.replaces
        assert self.live.states["nike"].stored == folded(before, LOOSER).result
        assert self.live.own["nike"] == OWN


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Seven records, of which all are archived and folded under other settings."""
    records = history("nike")
    url = url_of(tmp_path / "archive")
    archived(url, records)
    task = Task(url, url_of(tmp_path / "place"), "nike", records[-1].cid, LOOSER, hash_key=KEY)
    rebuild(task)
    with Objects.open(task.place) as place:
        state = state_of(place, task)
    return World(task, state, Objects.open(url), FakeLive({"nike": list(records)}))


def test_brand_that_rests_is_swapped_at_once(world: World) -> None:
    """Nothing is folded on top, nobody is kept still."""
    over = world.records[-1].cid
    assert world.swap() == Swapped(over, 8, 0, 0, 1, held=False)
    world.assert_swapped()
    assert world.live.does == ["try"]


@pytest.mark.parametrize("archived_meanwhile", [0, 2, 3])
def test_what_was_committed_since_is_folded_on_top(world: World, archived_meanwhile: int) -> None:
    """Wherever it is: in Redis, in the archive, or some here and some there."""
    world.commits(3)
    world.archives(archived_meanwhile)
    done = world.swap()
    assert (done.tail, done.items, done.tries) == (3, 3, 1)
    world.assert_swapped()


def test_what_is_archived_between_two_looks_is_found(world: World) -> None:
    """What waited when it was asked for, and is in the archive by then as well, is folded once."""
    world.commits(3)
    real = world.live.waiting

    def waiting(brand: str) -> list[Record]:
        found = list(real(brand))
        world.live.waiting = real  # type: ignore[method-assign]
        world.archives(2)
        return found

    world.live.waiting = waiting  # type: ignore[method-assign]
    assert world.swap().tail == 3
    world.assert_swapped()


def test_commit_that_comes_before_the_swap_is_folded_and_the_swap_tried_again(world: World) -> None:
    """Each time what came is folded on top of what was."""
    left = [2, 1]
    world.live.meanwhile = lambda _: world.commits(left.pop()) if left else None
    done = world.swap()
    assert (done.tail, done.tries, done.held) == (3, 3, False)
    world.assert_swapped()


@pytest.mark.parametrize("how", ["commits", "works"])
def test_brand_that_never_rests_is_held_for_the_last_try(world: World, how: str) -> None:
    """And goes on afterwards."""
    if how == "commits":
        world.live.meanwhile = lambda _: world.commits()
    else:
        world.live.busy = 1_000
    done = world.swap()
    assert (done.tries, done.held) == (TRIES + 1, True)
    assert world.live.does == ["try"] * TRIES + ["hold nike", "put", "let go"]
    world.assert_swapped()


@pytest.mark.parametrize("error", [StaleStateError("somebody"), BrandBusyError("somebody"), LeaseLostError("somebody")])
def test_brand_that_somebody_else_swaps_is_let_go(world: World, error: Exception) -> None:
    """Nothing is tried for ever, and it is not held any longer."""

    def refuse(*_: object, **__: object) -> int:
        raise error

    world.live.swap_in = refuse  # type: ignore[method-assign]
    world.live.put = refuse  # type: ignore[method-assign]
    with pytest.raises(type(error)) as told:
        world.swap()
    assert ("Nothing was changed here: run this again" in str(told.value)) == (not isinstance(error, BrandBusyError))
    assert world.live.does == ["hold nike", "put", "let go"]


def test_record_on_its_way_to_the_archive_is_looked_for_again(world: World) -> None:
    """It was taken out of Redis while it was read there, and by then is in the archive."""
    world.commits(3)
    real = world.live.waiting

    def waiting(_: str) -> list[Record]:
        world.live.waiting = real  # type: ignore[method-assign]
        world.archives(1)
        return []

    world.live.waiting = waiting  # type: ignore[assignment,method-assign]
    assert world.swap().tail == 3
    world.assert_swapped()


def test_state_that_was_put_in_place_meanwhile_is_gone_on_with(world: World) -> None:
    """An import: what was folded before it counts no more; where the archive does not have it, nothing is done."""
    swap_record = following("nike", world.records, [], replaces=True)
    world.records.append(swap_record)
    world.live.waits["nike"] = 1
    world.commits()
    with pytest.raises(ArchiveError, match="put another state in place, and the archive has no base of it"):
        world.swap()
    assert world.live.does == []
    imported = folded(history("nike", commits=2)).snapshot()
    imported = replace(imported, cid=swap_record.cid, version=swap_record.version, taken_ms=swap_record.now_ms)
    BrandArchive(world.objects, "nike").put_base(imported)
    assert world.swap().tail == 1
    refold = Refold("nike", KEY, stored=imported.stored, cid=imported.cid)
    last = world.records[-2]
    refold.take(replace(last, settings={**last.settings, **OWN}))
    assert world.live.states["nike"].stored == refold.result


@pytest.mark.parametrize("archived_meanwhile", [0, 3, 7])
def test_brand_of_which_nothing_is_archived_yet_is_folded_from_redis(tmp_path: Path, archived_meanwhile: int) -> None:
    """From its first record on, wherever that is by then."""
    records = history("nike")
    url = url_of(tmp_path / "archive")
    task = Task(url, url_of(tmp_path / "place"), "nike", "", LOOSER, hash_key=KEY)
    assert (rebuild(task).cid, rebuild(task).items) == ("", 0)
    with Objects.open(url) as objects:
        world = World(task, None, objects, FakeLive({"nike": list(records)}, {"nike": 7}))
        world.archives(archived_meanwhile)
        assert world.swap().tail == 7
        world.assert_swapped()


def test_archive_that_does_not_go_back_to_the_first_record_is_told(tmp_path: Path) -> None:
    """Where nothing was in the archive when the rebuild began, and by now a base and what came after it is."""
    records = history("nike")
    url = url_of(tmp_path / "archive")
    archived(url, records[3:])
    based(url, folded(records[:3]).snapshot())
    with Objects.open(url) as objects:
        world = World(Task(url, "", "nike", "", LOOSER), None, objects, FakeLive({"nike": list(records)}))
        with pytest.raises(ArchiveError, match="does not go back to the first commit of brand 'nike'"):
            world.swap()


def test_record_that_is_nowhere_is_told(world: World) -> None:
    """What was skipped cannot be folded."""
    world.commits(2)
    world.live.waits["nike"] = 1
    with pytest.raises(ArchiveError, match="chain is broken"):
        world.swap()


@pytest.mark.parametrize(("waits", "place"), [(0, 6), (3, 3), (7, None)])
def test_archive_has_all_up_to_what_waits(waits: int, place: int | None) -> None:
    """Also where a failover left something that the last commit does not stand on."""
    records = history("nike")
    dead = replace(records[-1], cid="dead")
    waiting = [*(records[-waits:] if waits else []), dead]
    assert archived_cid(records[-1].cid, waiting) == ("" if place is None else records[place].cid)
