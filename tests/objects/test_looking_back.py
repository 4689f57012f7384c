"""What an archive tells of a brand at a time: from a base or the first commit on, over gaps and other states."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.archive.explain import Journal, Question
from orchestrator.archive.record import Record
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.brand.panes import HOUR_MS
from orchestrator.contract.explanation import Explanation
from orchestrator.errors import ArchiveError, ArchiveUnavailableError, NothingToExplainError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.looking_back import Moment, chunks_behind, settled_ms, summary_at
from orchestrator.objects.objects import Objects
from orchestrator.objects.way import Way
from tests.archive.test_explain import NOW_MS, payload, records

WINDOW_MS = 6 * HOUR_MS
HOURS = 40


@pytest.fixture
def archive(tmp_path: Path) -> BrandArchive:
    """That of a brand; a folder, since what a bucket does otherwise is none of this."""
    (tmp_path / "archive").mkdir()
    return BrandArchive(Objects.open(f"file://{tmp_path}/archive"), "nike")


def hourly() -> list[Record]:
    """A chunk each hour, of the same story."""
    times = [NOW_MS + hour * HOUR_MS for hour in range(HOURS)]
    return records(
        [(at_ms, [payload(f"k{n}", ("s", "door recall", [f"m{n}"]), at_ms=at_ms)]) for n, at_ms in enumerate(times)]
    )


def state_after(chain: Sequence[Record]) -> Snapshot:
    """What they left."""
    refold = Refold("nike")
    for record in chain:
        refold.take(record)
    return refold.snapshot()


def explained(
    archive: BrandArchive, cid: str, at_ms: int | None, question: Question, now_ms: int = NOW_MS
) -> Explanation:
    """The answer, the newest first."""
    journal = Journal(question)
    found = chunks_behind(archive, Moment(cid, at_ms, now_ms, WINDOW_MS), question, journal)
    return journal.answer(found.state, found.heading, "newest", 100)


@pytest.mark.parametrize("bases", [(), (3,), (3, 10, 20), (20, 38)])
def test_every_moment_is_as_readers_saw_it(archive: BrandArchive, bases: tuple[int, ...]) -> None:
    """The same wherever bases lie; from a base no more is folded than lies behind it."""
    chain = hourly()
    archive.put(chain)
    for place in bases:
        archive.put_base(state_after(chain[: place + 1]))
    for hour in (0, 2, 3, 10, 20, 21, 39):
        refold = Refold("nike")
        for record in chain[: hour + 1]:
            refold.take(record)
        seen = summary_at(archive, chain[-1].cid, NOW_MS + hour * HOUR_MS + 5)
        assert seen.summary == refold.summary()
        assert seen.records == hour - max([base for base in bases if base < hour], default=-1)
    with pytest.raises(NothingToExplainError, match="had no summary then"):
        summary_at(archive, chain[-1].cid, NOW_MS - 1)


def test_chunks_of_the_whole_window_are_told_however_near_a_base_is(archive: BrandArchive) -> None:
    """It begins at a base from before the window, and reads no further back."""
    chain = hourly()
    archive.put(chain)
    for place in (3, 10, 29, 37):
        archive.put_base(state_after(chain[: place + 1]))
    question, until = Question("story", "s"), NOW_MS + 39 * HOUR_MS
    journal = Journal(question)
    found = chunks_behind(archive, Moment("c40", None, until, WINDOW_MS), question, journal)
    answer = journal.answer(found.state, found.heading, "newest", 100)
    assert (answer.mentions, answer.explained, answer.older, found.records) == (7, 7, 0, 10)
    assert [one.chunk_id for one in answer.contributions] == [f"k{n}" for n in range(39, 32, -1)]
    assert all(one.object.startswith("brand=nike/day=2026-11-2") for one in answer.contributions)
    earlier = explained(archive, "c40", NOW_MS + 9 * HOUR_MS, question)
    assert ([one.chunk_id for one in earlier.contributions][::6], earlier.older) == (["k9", "k3"], 0)
    hour = explained(archive, "c40", None, Question("hour", hour_ms=NOW_MS + 5 * HOUR_MS), until)
    assert [one.chunk_id for one in hour.contributions] == ["k5"]


@pytest.mark.parametrize("archived", [0, 1, 20, 40])
def test_a_tail_is_as_if_it_were_archived(archive: BrandArchive, archived: int) -> None:
    """Every moment, before it and in it, where nothing is archived too; its chunks lie in no object."""
    made = hourly()
    if archived:
        archive.put(made[:archived])
    cid, tail = (made[archived - 1].cid if archived else ""), made[archived:]
    for hour in (0, 1, 19, 20, 39):
        at_ms = NOW_MS + hour * HOUR_MS + 5
        refold = Refold("nike")
        for record in made[: hour + 1]:
            refold.take(record)
        assert summary_at(archive, cid, at_ms, tail).summary == refold.summary()
        journal = Journal(Question("total"))
        found = chunks_behind(archive, Moment(cid, at_ms, at_ms, WINDOW_MS), Question("total"), journal, tail)
        answer = journal.answer(found.state, found.heading, "newest", 100)
        assert (answer.commit, answer.mentions) == (made[hour].cid, answer.explained)
        assert bool(answer.contributions[0].object) == (hour < archived)
    with pytest.raises(NothingToExplainError, match="had no summary then"):
        summary_at(archive, cid, NOW_MS - 1, tail)
    unseen = [replace(record, summary_ms=0) for record in tail]
    if archived and unseen:
        assert summary_at(archive, cid, None, unseen).heading.cid == cid, "no reader saw what no summary shows"


def test_what_lies_before_a_gap_is_the_rest(archive: BrandArchive) -> None:
    """A base behind it is where the archive leads to; likewise where the archive begins with one."""
    chain = hourly()
    archive.put(chain[:34])
    archive.put_base(state_after(chain[:10]))
    archive.put_base(state_after(chain[:37]))
    archive.put(chain[37:])
    answer = explained(archive, "c40", None, Question("total"), NOW_MS + 39 * HOUR_MS)
    assert (answer.mentions, answer.explained, answer.older) == (7, 3, 4)
    assert answer.commit == "c40"
    assert summary_at(archive, "c40", NOW_MS + 5 * HOUR_MS).heading.cid == "c6", "before the gap the archive tells"


def test_another_state_that_was_put_in_place_begins_anew(archive: BrandArchive) -> None:
    """A rebuild with other settings: stories are those of its state, and what is behind it is the rest."""
    chain = hourly()
    swapped = replace(state_after(chain[:20]), cid="c38", version=38)
    put = replace(chain[37], items=[], replaces=True)
    archive.put(chain[:37])
    archive.put([put, *chain[38:]])
    archive.put_base(state_after(chain[:3]))
    archive.put_base(swapped)
    seen = summary_at(archive, "c40", None)
    assert (seen.heading.cid, seen.records) == ("c40", 2)
    question = Question("total")
    answer = explained(archive, "c40", None, question, NOW_MS + 39 * HOUR_MS)
    assert (answer.explained, answer.mentions) == (2, json.loads(seen.summary)["totalMentions"])
    assert summary_at(archive, "c40", NOW_MS + 36 * HOUR_MS + 1).heading.cid == "c37"
    # Whoever begins before it goes on from what was put in its place, as of then.
    then = summary_at(archive, "c40", NOW_MS + 37 * HOUR_MS)
    assert json.loads(then.summary)["generatedAt"] == "2026-11-25T01:00:00.000Z"
    before = explained(archive, "c40", NOW_MS + 37 * HOUR_MS, question)
    assert (before.commit, before.explained, before.chunks) == ("c38", 0, 0)


def test_state_in_place_of_another_that_is_not_there_is_told(archive: BrandArchive) -> None:
    """By its commit."""
    chain = hourly()
    archive.put(chain[:37])
    archive.put([replace(chain[37], replaces=True), *chain[38:]])
    with pytest.raises(ArchiveError, match="commit 'c38' put another state in place, and the archive has not that one"):
        summary_at(archive, "c40", None)


def test_base_behind_a_gap_is_what_readers_saw(archive: BrandArchive) -> None:
    """As of when its summary was nobody can tell any more, since its own record is missing."""
    chain = hourly()
    archive.put(chain[:5])
    archive.put_base(state_after(chain[:10]))
    archive.put(chain[10:])
    seen = summary_at(archive, "c40", NOW_MS + 9 * HOUR_MS + 5)
    assert (seen.heading.cid, seen.records) == ("c10", 0)
    assert json.loads(seen.summary)["totalMentions"] == 7


def test_archive_that_is_away_is_no_gap(archive: BrandArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """To go on from elsewhere would tell less than there is."""
    archive.put(hourly())
    find, away = BrandArchive.way_to, [True]

    def failing(*args: Any, **named: Any) -> Way:
        if away:
            away.clear()
            raise ArchiveUnavailableError("away")
        return find(*args, **named)

    monkeypatch.setattr(BrandArchive, "way_to", failing)
    with pytest.raises(ArchiveUnavailableError):
        explained(archive, "c40", None, Question("total"), NOW_MS + 39 * HOUR_MS)


def test_nothing_of_the_past_is_settled_before_anything_is_archived(tmp_path: Path) -> None:
    """The archive's folder need not be there yet: all waits in Redis."""
    nothing = BrandArchive(Objects.open(f"file://{tmp_path}/none"), "nike")
    assert settled_ms(nothing, "") == 0


def test_clock_that_went_back_settles_nothing_earlier(archive: BrandArchive) -> None:
    """The latest time of what is archived counts, not the last one."""
    first, second = hourly()[:2]
    archive.put([replace(first, now_ms=second.now_ms), replace(second, now_ms=first.now_ms)])
    assert settled_ms(archive, second.cid) == second.now_ms


def test_past_is_settled_up_to_the_newest_commit(archive: BrandArchive) -> None:
    """What came until then cannot change any more."""
    chain = hourly()
    archive.put(chain[:20])
    assert settled_ms(archive, "c20") == chain[19].now_ms
    archive.put_base(replace(state_after(chain[:20])))
    assert settled_ms(archive, "c20") == chain[19].now_ms
