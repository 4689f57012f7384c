"""From a plan to what is in place: each brand's trouble is its own, and what is done is not done again."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.archive.record import Item, Record
from orchestrator.brand.outputs import FoldConfig
from orchestrator.errors import ArchiveError
from orchestrator.objects.objects import Objects
from orchestrator.rebuild import plan as plans
from orchestrator.rebuild.course import Course, Outcome
from orchestrator.rebuild.engines import Here
from orchestrator.rebuild.plan import Plan, folded_with
from orchestrator.rebuild.report import Seen, compared
from tests.archive.recorder import SETTINGS
from tests.rebuild.fake_live import FakeLive
from tests.rebuild.support import START_MS, archived, chunk, folded, following, history, url_of

CHANGES = {"MERGE_SIMILARITY_THRESHOLD": 0.3}
HOUR_MS = 3_600_000


@dataclass
class World:
    """Three brands with an archive, a fourth one of which half is lost, a fifth one without anything."""

    course: Course
    live: FakeLive

    def plan(self, *brands: str, until_ms: int | None = None, **changes: Any) -> tuple[Plan, list[Outcome]]:
        """For *brands*."""
        return self.course.plan(brands, changes or CHANGES, until_ms, ["asked"])

    def folded(self, plan: Plan) -> dict[str, Outcome]:
        """By brand."""
        return {outcome.brand: outcome for outcome in self.course.folded(plan, Here())}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """See above; two records of each still wait."""
    brands = ["nike", "puma", "h&m", "half"]
    records = {brand: history(brand) for brand in brands}
    url, place = url_of(tmp_path / "archive"), url_of(tmp_path / "place")
    archived(url, *(records[brand][:5] for brand in brands[:3]), records["half"][2:5])
    live = FakeLive({**{brand: list(records[brand]) for brand in brands}, "new": []}, dict.fromkeys(brands, 2))
    course = Course(live, Objects.open(url), Objects.open(place), url, place, FoldConfig(), SETTINGS)
    return World(course, live)


def test_brands_are_folded_compared_and_put_in_place(world: World) -> None:
    """What waits in Redis is in it, too; and the brand has the settings of its own from then on."""
    plan, failed = world.plan("nike", "puma")
    assert failed == []
    assert {brand.cid for brand in plan.brands.values()} == {"c000000000000005"}
    found = world.folded(plan)
    assert set(found) == {"nike", "puma"}
    outcome = found["nike"]
    assert outcome.compared is not None
    assert (outcome.compared.before.chunks, outcome.compared.after.chunks) == (18, 18)
    assert outcome.compared.after.stories < outcome.compared.before.stories
    assert outcome.compared.seen
    done = world.course.swapped(plan, outcome)
    assert done.swapped is not None
    assert (done.swapped.tail, done.fault) == (2, "")
    *before, _ = world.live.records["nike"]
    assert world.live.states["nike"].stored == folded(before, tuple(CHANGES.items())).result
    assert world.live.own == {"nike": CHANGES}


def test_trouble_of_one_brand_is_told_and_the_others_go_on(world: World) -> None:
    """Its records are lost, or nothing was ever committed; at the swap as well."""
    plan, failed = world.plan("new", "half", "nike")
    assert failed == [Outcome("new", fault="nothing was committed yet")]
    found = world.folded(plan)
    assert "chain is broken" in found["half"].fault
    assert found["nike"].fault == ""
    world.live.waits["nike"] = 0
    assert "chain is broken" in world.course.swapped(plan, found["nike"]).fault


def test_what_is_the_same_already_is_left_alone(world: World) -> None:
    """Without other settings a rebuild gives what is there; with the brand's own value taken away it may not."""
    plan, _ = world.plan("nike", MAX_STORIES=None)
    outcome = world.folded(plan)["nike"]
    assert outcome.compared is not None
    assert outcome.compared.same
    assert world.course.swapped(plan, outcome).told == "it is the same already"
    assert world.live.does == []
    world.live.own["nike"] = {"MAX_STORIES": 5_000}
    plan, _ = world.plan("nike", MAX_STORIES=None)
    assert plan.brands["nike"].fold == {"MAX_STORIES": 5_000}
    assert world.course.swapped(plan, world.folded(plan)["nike"]).swapped is not None
    assert world.live.own["nike"] == {}


def test_setting_that_is_taken_away_is_that_of_the_brands_processes(world: World) -> None:
    """With which it goes on then; not that of the shell in which the rebuild runs, unless that is meant."""
    world.live.own["nike"] = {"MAX_STORIES": 9}
    for adopts, most in ((False, 5_000), (True, 7)):
        world.course = replace(world.course, process={**SETTINGS, "MAX_STORIES": 7}, adopts=adopts)
        world.live.states["nike"] = folded(world.live.records["nike"]).snapshot()
        plan, _ = world.plan("nike", MAX_STORIES=None)
        assert plan.brands["nike"].fold == {"MAX_STORIES": most}


def test_what_would_have_been_is_beside_what_was(world: World) -> None:
    """As of an earlier time both are folded, and nothing of now is in either; without settings it is beside now."""
    plan, _ = world.plan("nike", until_ms=START_MS + 2 * HOUR_MS)
    outcome = world.folded(plan)["nike"]
    assert outcome.compared is not None
    assert outcome.rebuilt is not None
    assert (outcome.compared.before.chunks, outcome.compared.after.chunks, outcome.rebuilt.commits) == (9, 9, 3)
    assert outcome.compared.after.stories < outcome.compared.before.stories
    plan = replace_changes(plan)
    found = world.folded(plan)["nike"].compared
    assert found is not None
    assert (found.before.chunks, found.after.chunks) == (18, 9)


def replace_changes(plan: Plan) -> Plan:
    """The same without settings that count instead."""
    brands = {name: plans.Brand(brand.cid, {}, {}) for name, brand in plan.brands.items()}
    return Plan(plan.plan, plan.version, plan.archive, plan.asked, plan.until_ms, brands)


def test_rebuild_that_is_gone_on_with_does_what_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put in place is passed over, what was folded is not folded again, though the brand has moved on."""
    plan, _ = world.plan("nike", "puma")
    plans.keep(world.course.place, plan)
    found = world.folded(plan)
    assert world.course.swapped(plan, found["nike"]).swapped
    last = world.live.records["puma"][-1]
    world.live.records["puma"].append(following("puma", [last], [Item(chunk("puma", 99))]))
    world.live.waits["puma"] = 3
    kept = plans.kept(world.course.place)
    assert kept == plan
    again = replace_course(world.course)
    assert [task.brand for task in again._tasks(kept, [])] == ["puma"]
    monkeypatch.setattr("orchestrator.rebuild.task._folded", None)  # called, it would be a fault
    (outcome,) = again.folded(kept, Here())
    assert outcome.rebuilt == found["puma"].rebuilt
    done = again.swapped(kept, outcome).swapped
    assert done is not None
    assert done.tail == 3


def replace_course(course: Course) -> Course:
    """Another process goes on."""
    return replace(course, resumed=True, _keys={})


def test_brand_that_cannot_be_looked_at_any_more_is_told(world: World) -> None:
    """Of a rebuild that is gone on with."""
    plan, _ = world.plan("nike", "puma")
    course = replace_course(world.course)
    look = world.live.look

    def refuse(brand: str) -> Any:
        if brand == "nike":
            raise ArchiveError("its meta is damaged")
        return look(brand)

    world.live.look = refuse  # type: ignore[method-assign]
    found = {outcome.brand: outcome.fault for outcome in course.folded(plan, Here())}
    assert found == {"nike": "its meta is damaged", "puma": ""}


def test_nothing_is_left_of_what_is_forgotten(world: World, tmp_path: Path) -> None:
    """Neither the state nor what is told of it."""
    plan, _ = world.plan("nike", until_ms=START_MS + 2 * HOUR_MS)
    assert world.folded(plan)
    files = [name for _, _, names in os.walk(tmp_path / "place") for name in names]
    assert len(files) == 4
    assert world.course.state(plan, "nike").cid == "c000000000000003"
    world.course.forget(plan, "nike")
    assert [name for _, _, names in os.walk(tmp_path / "place") for name in names] == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "is no plan of a rebuild"),
        (b'{"plan":2,"version":"9","archive":"","asked":[],"untilMs":null,"brands":{}}', "a rebuild of version 9"),
        (b" " * 101, "has 101 bytes"),
    ],
)
def test_plan_that_is_none_is_refused(world: World, monkeypatch: pytest.MonkeyPatch, data: bytes, told: str) -> None:
    """Whoever put it there."""
    assert plans.kept(world.course.place) is None
    monkeypatch.setattr(plans, "MAX_BYTES", 100)
    world.course.place.put(plans.NAME, data)
    with pytest.raises(ArchiveError, match=told):
        plans.kept(world.course.place)


def test_settings_that_count_are_the_brands_own_and_those_that_change() -> None:
    """One that is taken away counts as this process has it."""
    own = {"MAX_STORIES": 9, "SUMMARY_WINDOW_SEC": 900}
    process = {"MAX_STORIES": 5_000, "SUMMARY_WINDOW_SEC": 86_400, "MERGE_SIMILARITY_THRESHOLD": 0.75}
    changes = {"MAX_STORIES": None, "MERGE_SIMILARITY_THRESHOLD": 0.6}
    assert folded_with(own, changes, process) == {
        "MAX_STORIES": 5_000,
        "SUMMARY_WINDOW_SEC": 900,
        "MERGE_SIMILARITY_THRESHOLD": 0.6,
    }


def test_report_counts_what_readers_see_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads of both summaries as of the same time; of many differences no more than somebody reads."""
    records: list[Record] = history("nike")
    one, other = folded(records).snapshot(), folded(records, tuple(CHANGES.items())).snapshot()
    found = compared(one, other, FoldConfig())
    assert found.before == Seen(18, 36, 4, 3, found.before.largest)
    assert found.after.largest[1] > found.before.largest[1]
    assert (found.same, found.more) == (False, False)
    assert 0 < found.seen < len(found.differences)
    assert compared(one, one, FoldConfig()).same
    monkeypatch.setattr("orchestrator.rebuild.report.MAX_DIFFERENCES", 3)
    few = compared(one, other, FoldConfig())
    assert (len(few.differences), few.more) == (3, True)
    assert Seen.of({"totalChunks": 0, "totalMentions": 0, "clusterCount": 0, "topics": [], "clusters": []}).largest == (
        "",
        0,
    )
