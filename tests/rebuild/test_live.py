"""The same against a real Redis: what commits leave for the archive, and a swap while somebody works on the brand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.archive.snapshot import opened
from orchestrator.errors import ArchiveError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.course import Course, Outcome
from orchestrator.rebuild.engines import Here
from orchestrator.rebuild.live import RedisLive
from orchestrator.rebuild.plan import Plan
from orchestrator.rebuild.swapping import TRIES
from orchestrator.service import take_snapshot
from orchestrator.settings import Settings
from tests.rebuild.archiving import Archiving
from tests.rebuild.support import LOOSER, url_of

LOOSE = dict(LOOSER)
OF_ALL = ("totalChunks", "totalMentions", "clusterCount", "topics", "clusters", "sentiment")


@pytest.fixture
def world(redis_client: redis.Redis, brand: str, tmp_path: Path) -> Archiving:
    """A brand with nine chunks in five commits, of which the first three are in the archive."""
    world = Archiving(redis_client, Settings(archive_url=url_of(tmp_path / "archive")), brand)
    world.commits(*range(9), each=2)
    world.archives(3)
    return world


@pytest.fixture
def course(world: Archiving, tmp_path: Path) -> Iterator[Course]:
    """A rebuild."""
    place = url_of(tmp_path / "place")
    live, url = RedisLive(world.client, world.settings), world.settings.archive_url
    with Objects.open(url) as archive, Objects.open(place) as results:
        yield Course(live, archive, results, url, place, live.config, world.settings.fingerprint.values)


def folded(course: Course, world: Archiving) -> tuple[Plan, Outcome]:
    """Under looser settings."""
    plan, failed = course.plan([world.name], LOOSE, None, [])
    assert failed == []
    (outcome,) = course.folded(plan, Here())
    assert outcome.fault == ""
    return plan, outcome


def summary(world: Archiving) -> dict[str, Any]:
    """What readers see of all chunks."""
    found = world.queue.summary()
    return {name: found[name] for name in OF_ALL}


def from_scratch(world: Archiving, other: str, numbers: int) -> dict[str, Any]:
    """What readers see of a brand that was folded under the looser settings from the beginning."""
    settings = world.settings.model_copy(update={"merge_similarity_threshold": 0.3})
    beside = Archiving(world.client, settings, other)
    beside.commits(*range(numbers))
    return summary(beside)


def test_rebuild_of_a_brand_that_rests(course: Course, world: Archiving) -> None:
    """Readers see what a fold from scratch gives; the brand's own threshold is in force for what comes after."""
    plan, outcome = folded(course, world)
    assert outcome.compared is not None
    assert outcome.compared.after.stories < outcome.compared.before.stories
    done = course.swapped(plan, outcome)
    assert done.swapped is not None
    assert (done.fault, done.swapped.tail, done.swapped.version) == ("", 2, 6)
    assert summary(world) == from_scratch(world, f"{world.name} beside", 9)
    world.commits(3, 9, 10)
    assert summary(world) == from_scratch(world, f"{world.name} beside it", 11), "a duplicate is known as one"
    _, own = RedisLive(world.client, world.settings).look(world.name)
    assert own == LOOSE


def test_archive_leads_through_a_rebuild(course: Course, world: Archiving) -> None:
    """The state is a base there, from which on it can be refolded; and a second rebuild begins with the first chunk."""
    plan, outcome = folded(course, world)
    course.swapped(plan, outcome)
    world.commits(9, 10)
    world.archives()
    way = BrandArchive(course.archive, world.name).way_to(world.cid())
    assert way.base is not None
    assert way.base.version == 6
    back, _ = course.plan([world.name], {"MERGE_SIMILARITY_THRESHOLD": None}, None, [])
    (outcome,) = course.folded(back, Here())
    assert outcome.rebuilt is not None
    assert (outcome.rebuilt.base_cid, outcome.rebuilt.items, outcome.rebuilt.parted) == ("", 11, 0)
    assert course.swapped(back, outcome).fault == ""
    beside = Archiving(world.client, world.settings, f"{world.name} beside")
    beside.commits(*range(11))
    assert summary(world) == summary(beside)
    assert RedisLive(world.client, world.settings).look(world.name)[1] == {}


def test_state_that_was_changed_by_nobody_is_rebuilt_byte_for_byte(course: Course, world: Archiving) -> None:
    """Without other settings all is the same: fields, digests, trend and newest chunks."""
    plan, failed = course.plan([world.name], {}, None, [])
    assert failed == []
    (outcome,) = course.folded(plan, Here())
    assert outcome.compared is not None
    assert outcome.compared.same
    assert course.swapped(plan, outcome).told == "it is the same already"


def test_commits_between_fold_and_swap_are_in_it(course: Course, world: Archiving) -> None:
    """Some of them in the archive by then, some not."""
    plan, outcome = folded(course, world)
    world.commits(9, 10, 11)
    world.archives(4)
    done = course.swapped(plan, outcome).swapped
    assert done is not None
    assert (done.tail, done.items) == (5, 6)
    assert summary(world) == from_scratch(world, f"{world.name} beside", 12)


def test_brand_that_is_committed_to_all_the_time_is_held(course: Course, world: Archiving) -> None:
    """What a process had in hand when its lease was taken it folds again: nothing is lost, nothing is counted twice."""
    plan, outcome = folded(course, world)
    live, number = course.live, iter(range(9, 100))
    real = live.swap_in

    def swap_in(*arguments: Any, **named: Any) -> int:
        world.commits(next(number))
        return real(*arguments, **named)

    live.swap_in = swap_in  # type: ignore[method-assign]
    done = course.swapped(plan, outcome).swapped
    assert done is not None
    assert (done.tries, done.held, done.tail) == (TRIES + 1, True, 2 + TRIES)
    assert summary(world) == from_scratch(world, f"{world.name} beside", 9 + TRIES)


def test_brand_whose_state_is_damaged_is_told(course: Course, world: Archiving) -> None:
    """It cannot be looked at, so it cannot be compared."""
    world.client.hset(world.queue.keys.meta, "settings", "[")
    with pytest.raises(ArchiveError, match=r"meta\.settings"):
        RedisLive(world.client, world.settings).look(world.name)
    _, failed = course.plan([world.name], {}, None, [])
    assert "meta.settings" in failed[0].fault


def test_looking_disturbs_nobody(course: Course, world: Archiving) -> None:
    """What waits for the archive still waits, also a record that cannot be read."""
    before = world.client.lrange(world.queue.keys.records, 0, -1)
    assert len(list(course.live.waiting(world.name))) == 2
    world.client.lset(world.queue.keys.records, 0, "{")
    assert list(course.live.waiting(world.name)) == []
    assert world.client.llen(world.queue.keys.records) == len(before)
    state, _ = opened(take_snapshot(world.client, world.settings, world.name), course.config)
    assert state.story_count
