"""A state is put in place once, on top of all that was committed meanwhile, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.archive.record import Item, Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError, BrandBusyError, StaleStateError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.swapping import TRIES, Swapped, swap
from orchestrator.rebuild.tail import archived_cid
from orchestrator.rebuild.task import Task, rebuild, state_of
from tests.rebuild.fake_live import FakeLive
from tests.rebuild.support import KEY, LOOSER, archived, chunk, folded, following, history, url_of

OWN = dict(LOOSER)


@dataclass
class World:
    """A brand whose first records are archived and folded anew, and that goes on."""

    task: Task
    state: Snapshot
    objects: Objects
    live: FakeLive
    slept: list[float]

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
        archive = BrandArchive(self.objects, "nike")
        return swap(self.task, self.state, OWN, archive, self.live, sleep=self.slept.append)

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
    return World(task, state, Objects.open(url), FakeLive({"nike": list(records)}), [])


def test_brand_that_rests_is_swapped_at_once(world: World) -> None:
    """Nothing is folded on top, nobody is kept still."""
    over = world.records[-1].cid
    assert world.swap() == Swapped(over, 8, 0, 0, 1, still=False)
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
    assert (done.tail, done.tries, done.still) == (3, 3, False)
    world.assert_swapped()
    assert world.slept == [0.05, 0.1]


@pytest.mark.parametrize("how", ["commits", "works"])
def test_brand_that_never_rests_is_kept_still_for_the_last_try(world: World, how: str) -> None:
    """And goes on afterwards."""
    if how == "commits":
        world.live.meanwhile = lambda _: world.commits()
    else:
        world.live.busy = 1_000
    done = world.swap()
    assert (done.tries, done.still) == (TRIES + 1, True)
    assert world.live.does == ["try"] * TRIES + ["keep nike still", "try", "let go"]
    world.assert_swapped()


@pytest.mark.parametrize("error", [StaleStateError("another swap"), BrandBusyError("another swap")])
def test_brand_that_somebody_else_swaps_is_let_go(world: World, error: Exception) -> None:
    """Nothing is tried for ever, and it does not stay still."""

    def refuse(*_: object, **__: object) -> int:
        raise error

    world.live.swap_in = refuse  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        world.swap()
    assert world.live.does == ["keep nike still", "let go"]


def test_state_that_another_one_took_the_place_of_meanwhile_is_not_put_in(world: World) -> None:
    """An import, or another rebuild, does not stand on what was folded."""
    world.records.append(following("nike", world.records, [], replaces=True))
    world.live.waits["nike"] = 1
    world.commits()
    with pytest.raises(ArchiveError, match="put another state of brand 'nike' in place meanwhile: rebuild it again"):
        world.swap()
    world.archives(2)
    with pytest.raises(ArchiveError, match="in place meanwhile"):
        world.swap()
    assert world.live.does == []


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
