"""After a rebuild the chunks behind a number are named, those from before the swap too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.archive.explain import Journal, Question
from orchestrator.archive.record import Record
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot, decode, encode
from orchestrator.brand.panes import HOUR_MS
from orchestrator.contract.explanation import Explanation
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.errors import ArchiveError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.looking_back import Moment, chunks_behind
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.task import Folding, Task, rebuild, state_of
from tests.archive.test_explain import NOW_MS, SMALL, payload, records
from tests.rebuild.support import KEY, url_of

OWN = (("LABEL_SIMILARITY_THRESHOLD", 1.0),)
"""Under which labels that are alike are two stories."""

LABELS = ("door recall", "door recall spring", "summer launch", "refund wait", "app crash")
RULES = dict(SMALL) | {"MAX_STORIES": 40}
WINDOW_MS = 6 * HOUR_MS
SWAPPED = 30
"""Commits before the swap, which is half an hour after the last of them."""

HALF_MS = HOUR_MS // 2

QUESTIONS = (Question("total"), Question("topic", "recall"), Question("hour", hour_ms=NOW_MS + 27 * HOUR_MS))


def hourly(hours: int = 40) -> list[Record]:
    """Two clusters each hour, of labels that take turns."""
    told = [
        payload(
            f"k{n}",
            (f"s{n % 3}", LABELS[n % 3], [f"m{n}"]),
            (f"t{n % 5}", LABELS[n % 2 + 3], [f"n{n}"]),
            at_ms=NOW_MS + n * HOUR_MS,
            topics=["recall"],
        )
        for n in range(hours)
    ]
    return records([(NOW_MS + n * HOUR_MS, [item]) for n, item in enumerate(told)], rules=RULES)


class World:
    """A brand that was rebuilt under settings of its own and goes on, with its archive."""

    def __init__(self, folder: Path, own: Sequence[tuple[str, float]] = OWN, since: int = 0) -> None:
        self.url, self.place_url = url_of(folder / "archive"), url_of(folder / "place")
        self.archive = BrandArchive(Objects.open(self.url), "nike")
        self.place = Objects.open(self.place_url)
        chain = hourly()
        before = chain[:SWAPPED]
        if since:
            self.archive.put_base(folded(before[:since]).snapshot())
        self.archive.put(before[since:])
        task = Task(self.url, self.place_url, "nike", before[-1].cid, tuple(own), hash_key=KEY)
        rebuild(task)
        state = state_of(self.place, task)
        at = before[-1]
        settings = {**RULES, **dict(own)}
        swap = replace(at, cid="swap", previous=at.cid, version=at.version + 1, items=(), replaces=True)
        at_ms = at.now_ms + HALF_MS
        self.swap = replace(swap, settings=settings, now_ms=at_ms, clock_ms=at_ms, summary_ms=at_ms)
        text = Fingerprint(RULES, dict(own)).text().encode()
        self.base = replace(state, cid="swap", version=swap.version, settings=text)
        rest = [replace(one, version=one.version + 1, settings=settings) for one in chain[SWAPPED:]]
        self.rest = [self.swap, replace(rest[0], previous="swap"), *rest[1:]]

    def swapped(self, base: Snapshot | None = None) -> None:
        """What a swap and the writer put."""
        self.archive.put_base(base or self.base)
        self.archive.put(self.rest)

    def explained(
        self, question: Question, hour: int | None = None, cid: str = "c40", tail: Sequence[Record] = ()
    ) -> list[Explanation]:
        """Of the story, or of all where none is named."""
        at_ms = None if hour is None else NOW_MS + hour * HOUR_MS + 5
        journal = Journal(question)
        now_ms = tail[-1].now_ms if tail else NOW_MS + (39 if hour is None else hour) * HOUR_MS
        found = chunks_behind(self.archive, Moment(cid, at_ms, now_ms, WINDOW_MS), question, journal, tail)
        if question.kind == "story":
            return list(journal.answers(found.state, found.heading, "newest", 100))
        return [journal.answer(found.state, found.heading, "newest", 100)]


def folded(chain: Sequence[Record]) -> Refold:
    """What they left."""
    refold = Refold("nike", KEY)
    for record in chain:
        refold.take(record)
    return refold


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A rebuilt brand, nothing of it in the archive yet since the swap."""
    (tmp_path / "archive").mkdir()
    return World(tmp_path)


@pytest.mark.parametrize("hour", [None, 29, 30, 33, 36])
@pytest.mark.parametrize("question", [Question("story"), *QUESTIONS])
def test_chunks_from_before_the_swap_are_named(world: World, question: Question, hour: int | None) -> None:
    """All of a window that the swap lies in, each with the story that it has since."""
    world.swapped()
    told = world.explained(question, hour)
    assert told
    for one in told:
        assert (one.older, one.explained) == (0, one.mentions)
        assert sum(each.mentions for each in one.contributions) == one.mentions
    if question.kind in {"story", "total"}:
        assert len({each.commit for one in told for each in one.contributions}) == 7


def test_stories_are_those_of_the_rebuild(world: World) -> None:
    """Which differ from those that the live commits made, or the tests here would show nothing."""
    world.swapped()
    before, after = (world.explained(Question("story"), hour) for hour in (29, 30))
    assert len(before) < len(after)
    assert all(one.older == 0 for one in (*before, *after))


@pytest.mark.parametrize("since", [3, 27])
def test_rebuild_that_began_with_a_base_is_led_to_from_there(tmp_path: Path, since: int) -> None:
    """From before the window as from the first commit; else what the archive begins with is the rest."""
    (tmp_path / "archive").mkdir()
    world = World(tmp_path, since=since)
    world.swapped()
    (told,) = world.explained(Question("total"), 30)
    assert (told.mentions, told.older > 0) == (14, since == 27)
    assert told.chunks == (7 if since == 3 else 4)


@pytest.mark.parametrize("archived", [0, 1, 2, 5])
def test_swap_that_waits_for_the_archive_is_led_to_as_well(world: World, archived: int) -> None:
    """Its base is there before it."""
    world.archive.put_base(world.base)
    world.archive.put(world.rest[:archived])
    cid = world.rest[archived - 1].cid if archived else "c30"
    told = world.explained(Question("story"), cid=cid, tail=world.rest[archived : archived + 2])
    assert told
    assert all((one.older, one.explained) == (0, one.mentions) for one in told)


def test_state_without_an_earlier_one_is_where_the_chunks_begin(world: World) -> None:
    """As after an import; an hour that both states count alike is explained all the same."""
    world.swapped(replace(world.base, earlier=None))
    (told,) = world.explained(Question("total"), 33)
    assert (told.explained, told.mentions, told.chunks) == (8, 14, 4)
    (hour,) = world.explained(QUESTIONS[2], 33)
    assert (hour.older, hour.chunks) == (0, 1)


def test_hour_that_the_states_count_otherwise_is_the_rest(world: World) -> None:
    """The chunks of the one are not those of the other."""
    other = folded(hourly()[:20]).snapshot()
    world.swapped(replace(world.base, stored=other.stored, earlier=None))
    (hour,) = world.explained(QUESTIONS[2], 33)
    assert (hour.chunks, hour.mentions) == (0, 0)


@pytest.mark.parametrize("what", ["settings", "place"])
def test_earlier_state_that_leads_elsewhere_names_nothing(world: World, what: str) -> None:
    """Chunks are named if they lead to what is in place, and not if they might."""
    earlier = world.base.earlier
    assert earlier is not None
    if what == "settings":
        wrong = replace(earlier, settings=Fingerprint(RULES, {"LABEL_SIMILARITY_THRESHOLD": 0.0}).text().encode())
    else:
        wrong = replace(earlier, cid="nowhere")
    world.swapped(replace(world.base, earlier=wrong))
    told = world.explained(Question("story"), 33)
    assert sum(one.explained for one in told) == 8
    assert sum(one.older for one in told) == 6


def test_settings_that_change_after_the_swap_change_nothing_before_it(world: World) -> None:
    """All begins again commit by commit, and what led to the swap with it, once."""
    world.rest[4] = replace(world.rest[4], settings={**world.swap.settings, "MAX_STORIES": 60})
    world.swapped()
    (told,) = world.explained(Question("total"), 35)
    assert (told.older, told.explained, told.chunks) == (0, 14, 7)


def test_second_rebuild_is_led_to_through_the_first_one(world: World) -> None:
    """Its fold went through that, and so do its chunks."""
    world.swapped()
    task = Task(world.url, world.place_url, "nike", "c35", (("LABEL_SIMILARITY_THRESHOLD", 0.175),), hash_key=KEY)
    rebuild(task)
    text = Fingerprint(RULES, dict(task.own)).text().encode()
    base = replace(state_of(world.place, task), cid="again", version=37, settings=text)
    last = world.rest[5]
    assert last.cid == "c35"
    world.archive.put_base(base)
    again = replace(last, cid="again", previous="c35", version=37, items=(), replaces=True, settings=RULES)
    world.archive.put([again])
    journal = Journal(Question("story"))
    found = chunks_behind(world.archive, Moment("again", None, last.now_ms, WINDOW_MS), Question("story"), journal)
    told = list(journal.answers(found.state, found.heading, "newest", 100))
    assert told
    assert all((one.older, one.explained) == (0, one.mentions) for one in told)
    assert found.records == 0


def test_earlier_state_goes_along_with_the_file(world: World) -> None:
    """And with what is folded on top of it; one of another brand is none."""
    assert decode(encode(world.base)) == world.base
    world.archive.put_base(folded(hourly()[:20]).snapshot())
    task = Task("", "", "nike", "c30", OWN)
    folding = Folding(task, world.archive, replace(world.base, cid="c30"), world.base.earlier)
    folding.take(replace(world.rest[1], previous="c30"))
    assert folding.snapshot().earlier == world.base.earlier
    folding.take(replace(world.swap, cid="c20", previous=folding.cid))  # an import: what is in place is that
    assert folding.snapshot().earlier is None
    assert world.base.earlier is not None
    other = replace(world.base, earlier=replace(world.base.earlier, brand="puma"))
    with pytest.raises(ArchiveError, match="it holds one of 'puma' as well"):
        decode(encode(other))
