"""What readers saw at a time, and which chunks made it: from what live sessions left, and of made-up records."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.archive import explain as explaining
from orchestrator.archive.explain import Heading, Journal, Question, story_of
from orchestrator.archive.record import Item, Record
from orchestrator.archive.refold import Refold, config_of_base
from orchestrator.archive.retell import Retold, retell
from orchestrator.brand.panes import HOUR_MS
from orchestrator.contract.consumed import Fate
from orchestrator.contract.explanation import Explanation
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.times import iso_utc
from orchestrator.errors import ArchiveError, NothingToExplainError
from orchestrator.store import Store
from tests.archive.recorder import SETTINGS, Recorder
from tests.archive.test_refold import live
from tests.lane.support import Brand
from tests.lane.test_session_model import HISTORIES, World

_NUMBERS = itertools.count(1)
NOW_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z
MINUTE_MS = 60_000
SMALL = dict(SETTINGS) | {"SUMMARY_WINDOW_SEC": 6 * 3_600, "MAX_STORIES": 4}
LABELS = ("door recall", "recall of the door", "summer launch", "refund wait", "app crash", "-1_the_to", "strike")
TOPICS = ("recall", "launch", "#Recall", "door handles", "handles door", "app")


def payload(
    name: str,
    *clusters: tuple[str, str, list[str]],
    at_ms: int | None = NOW_MS,
    topics: Sequence[object] = (),
    **more: Any,
) -> bytes:
    """A chunk as a worker sends it; a cluster is an id, a label and its mentions."""
    parts = [{"id": id_, "label": label, "mentions": mentions} for id_, label, mentions in clusters]
    chunk = {"chunkId": name, "brand": "nike", "sentiment": {"score": 0.5}, "clusters": parts, "topics": topics}
    return json.dumps(chunk | ({} if at_ms is None else {"processedAt": iso_utc(at_ms)}) | more).encode()


def records(
    batches: Sequence[tuple[int, Sequence[bytes]]], rules: Mapping[str, int | float] | None = None, brand: str = "nike"
) -> list[Record]:
    """A chain of commits, each with the time of its batch."""
    made: list[Record] = []
    for version, (now_ms, items) in enumerate(batches, 1):
        clock_ms = max([now_ms, *[one.clock_ms for one in made]])
        previous = made[-1].cid if made else ""
        told = (now_ms, clock_ms, now_ms, SMALL if rules is None else rules)
        made.append(Record(brand, f"c{version}", previous, 1, version, *told, [Item(item) for item in items]))
    return made


def named(chain: Sequence[Record]) -> list[tuple[Record, str]]:
    """With the objects that they lie in."""
    return [(one, f"object {one.version}") for one in chain]


def told(
    chain: Sequence[Record], question: Question | None = None, base: Any = None, **options: Any
) -> tuple[Retold, Journal]:
    """What was seen after *chain*, and the journal for *question*."""
    journal = Journal(question or Question("story"))
    return retell("nike", base, named(chain), journal=journal, **options), journal


def explained(
    chain: Sequence[Record], question: Question, order: Any = "newest", limit: int = 100, **options: Any
) -> Explanation:
    """The answer to *question* after *chain*."""
    retold, journal = told(chain, question, **options)
    return journal.answer(retold.state, retold.heading, order, limit)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=HISTORIES)
def test_retold_is_what_sessions_left(
    redis_client: redis.Redis, store: Store, recorder: Recorder, history: list[tuple[list[Any], tuple[str, Any]]]
) -> None:
    """The summary byte for byte, from the first commit and from a base in the middle; every mention has its chunk."""
    number = next(_NUMBERS)
    world = World(Brand(redis_client, store, f"explain {number}"), (1, 3, 512)[number % 3], bool(number % 2))
    does: dict[str, Callable[[Any], None]] = {
        "visit": world.visit,
        "cut short": world.cut_short,
        "another orchestrator": lambda _: world.another(),
        "die": world.die,
    }
    for pushes, (name, argument) in history:
        world.push(pushes)
        does[name](argument)
    world.visit("")
    _, _, summary, cid = live(world.queue)
    chain = recorder.chain(cid)[1]
    if summary is None:
        return
    journal = Journal(Question("total"))
    retold = retell(world.queue.name, None, named(chain), journal=journal)
    assert retold.summary == summary
    answer = journal.answer(retold.state, retold.heading, "newest", 10)
    assert (answer.mentions, answer.explained) == (json.loads(summary)["totalMentions"],) * 2
    middle = len(chain) // 2
    before = Refold(world.queue.name)
    for record in chain[:middle]:
        before.take(record)
    if middle:
        base = before.snapshot()
        assert json.loads(retell(world.queue.name, base, named(chain[middle:])).summary) == json.loads(summary)


ITEMS = st.tuples(
    st.lists(
        st.tuples(
            st.sampled_from(["0", "s", "t"]), st.sampled_from(LABELS), st.lists(st.sampled_from("abcdef"), max_size=4)
        ),
        max_size=3,
    ),
    st.none() | st.integers(-7 * HOUR_MS, 4 * MINUTE_MS) | st.integers(-30 * HOUR_MS, 0),
    st.lists(st.sampled_from(TOPICS), max_size=3),
)
GAPS = st.sampled_from([0, MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 9 * HOUR_MS])
BATCHES = st.lists(st.tuples(GAPS, st.lists(ITEMS, max_size=4)), min_size=1, max_size=8)


def chain_of(batches: list[Any]) -> list[Record]:
    """Records of *batches*, each some time after the one before."""
    now_ms, made, count = NOW_MS, [], 0
    for gap_ms, items in batches:
        now_ms += gap_ms
        payloads = []
        for clusters, offset_ms, topics in items:
            count += 1
            at_ms = None if offset_ms is None else now_ms + offset_ms
            payloads.append(payload(f"k{count}", *clusters, at_ms=at_ms, topics=topics))
        made.append((now_ms, payloads))
    return records(made)


@settings(deadline=None)
@given(batches=BATCHES, order=st.sampled_from(["newest", "largest"]))
def test_chunks_add_up_to_what_is_shown(batches: list[Any], order: Any) -> None:
    """The total, every story, every topic and every hour; each chunk is where it is said to be."""
    chain = chain_of(batches)
    retold, journal = told(chain)
    shown = json.loads(retold.summary)
    answers = list(journal.answers(retold.state, retold.heading, order, 100))
    assert [(one.id, one.mentions) for one in answers] == [(one["id"], one["mentions"]) for one in shown["clusters"]]
    total = explained(chain, Question("total"), order)
    assert (total.mentions, total.chunks) == (shown["totalMentions"], shown["totalChunks"])
    answers += [total, *[explained(chain, Question("topic", one["topic"]), order) for one in shown["topics"]]]
    hours = {one.at[:13] for one in total.contributions}
    for hour in hours:
        hour_ms = next(
            ms for ms in range(NOW_MS - 48 * HOUR_MS, NOW_MS + 96 * HOUR_MS, HOUR_MS) if iso_utc(ms)[:13] == hour
        )
        answers.append(explained(chain, Question("hour", hour_ms=hour_ms + 5), order))
    by_cid = {record.cid: record for record in chain}
    for answer in answers:
        assert (answer.explained, answer.older) == (answer.mentions, 0)
        assert answer.explained == sum(one.mentions for one in answer.contributions)
        for one in answer.contributions:
            item = json.loads(by_cid[one.commit].items[one.item].payload)
            assert (item["chunkId"], item.get("processedAt")) == (one.chunk_id, one.processed_at)
            assert one.object == f"object {one.version}"
        ranks = [
            (one.mentions if order == "largest" else 0, one.at, one.version, one.item) for one in answer.contributions
        ]
        assert ranks == sorted(ranks, reverse=True)


@settings(deadline=None)
@given(batches=BATCHES, cut=st.integers(0, 8))
def test_what_a_base_had_already_is_the_rest(batches: list[Any], cut: int) -> None:
    """From a base on the same numbers come out, and what its state had of them is told as older."""
    chain = chain_of(batches)
    cut = min(cut, len(chain) - 1)
    if not cut:
        return
    whole, journal = told(chain)
    before = Refold("nike")
    for record in chain[:cut]:
        before.take(record)
    later, rest = told(chain[cut:], base=before.snapshot())
    assert later.summary == whole.summary
    early = {one.cid for one in chain[:cut]}
    pairs = zip(
        journal.answers(whole.state, whole.heading, "newest", 100),
        rest.answers(later.state, later.heading, "newest", 100),
        strict=True,
    )
    for all_of_it, after in pairs:
        assert after.contributions == [one for one in all_of_it.contributions if one.commit not in early]
        assert after.older == sum(one.mentions for one in all_of_it.contributions if one.commit in early)


@settings(deadline=None)
@given(batches=BATCHES, places=st.sets(st.integers(0, 7)), shows=st.sets(st.integers(0, 7)))
def test_retold_is_what_commits_wrote(batches: list[Any], places: set[int], shows: set[int]) -> None:
    """Byte for byte, whatever settings changed on the way, and whichever commits had no summary."""
    other = dict(SMALL) | {"SUMMARY_WINDOW_SEC": 3_600, "MAX_STORIES": 2}
    chain = [
        replace(one, settings=other if place in places else SMALL, summary_ms=0 if place in shows else one.summary_ms)
        for place, one in enumerate(chain_of(batches))
    ]
    refold = Refold("nike", bytes(16))
    for record in chain:
        refold.take(record)
    if refold.summary() is None:
        with pytest.raises(NothingToExplainError):
            retell("nike", None, named(chain))
        return
    retold, journal = told(chain)
    assert retold.summary == refold.summary()
    for answer in journal.answers(retold.state, retold.heading, "newest", 100):
        assert answer.explained == sum(one.mentions for one in answer.contributions)
    middle = len(chain) // 2
    if middle:
        before = Refold("nike", bytes(16))
        for record in chain[:middle]:
            before.take(record)
        if any(record.summary_ms for record in chain[middle:]):
            assert retell("nike", before.snapshot(), named(chain[middle:])).summary == refold.summary()


def test_item_that_cannot_be_folded_any_more_is_told() -> None:
    """By its commit and place; one of another commit or brand is refused, too."""
    chain = two_stories()
    broken = replace(chain[1], items=[Item(b"{", Fate.DEAD_LETTER), Item(b"{")])
    with pytest.raises(ArchiveError, match="commit 'c2': item 1 cannot be folded any more"):
        told([chain[0], broken])
    with pytest.raises(ArchiveError, match="stands on 'c1', and the last one of 'nike' is ''"):
        told(chain[1:])
    with pytest.raises(ArchiveError, match="of brand 'puma'"):
        told([replace(chain[0], brand="puma")])


def test_summary_is_that_of_the_last_commit_before() -> None:
    """Not of a commit whose summary came later, nor of one that carried none; before the first there is nothing."""
    chain = records([(NOW_MS + minute * MINUTE_MS, [payload(f"k{minute}")]) for minute in range(4)])
    chain[2] = replace(chain[2], summary_ms=0)
    seen = [told(chain, at_ms=NOW_MS + seconds * 1_000)[0].heading.cid for seconds in (0, 59, 60, 130, 179, 180)]
    assert seen == ["c1", "c1", "c2", "c2", "c2", "c4"]
    assert told(chain)[0].heading == Heading("nike", NOW_MS + 3 * MINUTE_MS, "c4", 4)
    with pytest.raises(NothingToExplainError, match="had no summary then"):
        told(chain, at_ms=NOW_MS - 1)


def test_base_alone_has_a_summary() -> None:
    """Where no record follows, as of the state's own time."""
    before = Refold("nike")
    for record in records([(NOW_MS, [payload("k1", ("s", "door recall", ["a"]))])]):
        before.take(record)
    retold = retell("nike", before.snapshot(), [])
    assert json.loads(retold.summary) == json.loads(before.summary() or b"")
    assert retold.heading.cid == "c1"
    own = Fingerprint(SMALL, {"MAX_STORIES": 7}).text().encode()
    assert config_of_base(replace(before.snapshot(), settings=own)).max_stories == 7
    with pytest.raises(ArchiveError, match="no fingerprint"):
        retell("nike", replace(before.snapshot(), settings=b"{"), [])


def two_stories() -> list[Record]:
    """Of two stories whose headlines share a word."""
    return records(
        [
            (NOW_MS, [payload("k1", ("s", "door recall", ["a", "b"]), ("t", "door opening", ["c"]))]),
            (NOW_MS + MINUTE_MS, [payload("k2", ("x", "door recall", ["b", "d"]), topics=["door"])]),
        ]
    )


def test_story_is_named_by_its_id_or_a_part_of_its_headline() -> None:
    """Whoever means none or several is told which there are."""
    state = told(two_stories())[0].state
    assert {story_of(state, name)[1].id for name in ("s", "Door  Recall", "recall")} == {"s"}
    with pytest.raises(
        NothingToExplainError, match=r"2 stories have 'door' .*s \('door recall'\); t \('door opening'\)"
    ):
        story_of(state, "door")
    for nobody in ("zebra", "", " "):
        with pytest.raises(NothingToExplainError, match="has no story"):
            story_of(state, nobody)
    with pytest.raises(NothingToExplainError, match="no topic 'zebra'; it shows 'door'"):
        explained(two_stories(), Question("topic", "zebra"))


def test_known_mentions_add_nothing_and_are_told() -> None:
    """A chunk that repeats mentions of its story is there with those that are new."""
    answer = explained(two_stories(), Question("story", "s"), "largest")
    assert [(one.chunk_id, one.mentions, one.chunk_mentions) for one in answer.contributions] == [
        ("k1", 2, 3),
        ("k2", 1, 2),
    ]
    assert (answer.of, answer.id, answer.label, answer.mentions, answer.commit) == (
        "story",
        "s",
        "door recall",
        3,
        "c2",
    )
    assert [one.chunk_id for one in explained(two_stories(), Question("story", "s"), limit=1).contributions] == ["k2"]


def test_story_that_came_back_is_another_one() -> None:
    """Under the same id; what the one before had is not told of it."""
    first = (NOW_MS, [payload("k1", ("s", "door recall", ["a", "b"]))])
    later = NOW_MS + 8 * HOUR_MS
    again = (later, [payload("k2", ("s", "door recall", ["c"]), at_ms=later)])
    answer = explained(records([first, again]), Question("story", "s"))
    assert [one.chunk_id for one in answer.contributions] == ["k2"]
    # Also within the window, where it had to leave for others.
    many = [payload(f"m{n}", (f"o{n}", f"word{n} thing{n}", list("abcdef"))) for n in range(4)]
    answer = explained(
        records([first, (NOW_MS + 1, many), (NOW_MS + 2, [payload("k3", ("s", "door recall", list("pqrstuvw")))])]),
        Question("story", "s"),
    )
    assert [one.chunk_id for one in answer.contributions] == ["k3"]


def test_window_that_grows_brings_back_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the state: what the window before had counts again, and what stories have lost is gone."""
    monkeypatch.setattr(explaining, "_LEAST_PRUNED", 0)
    narrow, later = dict(SMALL) | {"SUMMARY_WINDOW_SEC": 3_600}, NOW_MS + 61 * MINUTE_MS
    late = payload("late", ("s", "door recall", ["z"]), at_ms=NOW_MS - 90 * MINUTE_MS)
    first = (NOW_MS, [payload("k1", ("s", "door recall", ["a"])), late])
    middle = (later, [payload("k2", ("s", "door recall", ["b"]), at_ms=later)])
    silent = [payload(name, at_ms=later) for name in ("k5", "k6")]  # so many that old ones are dropped behind them
    made = records([first, middle, (NOW_MS + 100 * MINUTE_MS, silent)], narrow)
    last = records([(NOW_MS + 101 * MINUTE_MS, [payload("k3", ("s", "door recall", ["c"]), at_ms=later)])], SMALL)[0]
    chain = [*made, replace(last, cid="c4", previous="c3", version=4)]
    for question, chunks in (
        (Question("total"), ["k3", "k6", "k5", "k2", "k1"]),
        (Question("story", "s"), ["k3", "k2", "k1"]),
    ):
        answer = explained(chain, question)
        assert answer.older == 0
        assert [one.chunk_id for one in answer.contributions] == chunks
    # Where the story was written without what it had lost, that stays lost.
    lost = [(NOW_MS + 99 * MINUTE_MS, [payload("k4", ("s", "door recall", ["d"]), at_ms=later)])]
    chain = [*records([first, middle, *lost], narrow), replace(chain[-1], previous="c3")]
    for question, chunks in (
        (Question("total"), ["k3", "k4", "k2", "k1"]),
        (Question("story", "s"), ["k3", "k4", "k2"]),
    ):
        answer = explained(chain, question)
        assert answer.older == 0
        assert [one.chunk_id for one in answer.contributions] == chunks


def test_late_chunk_does_not_count_in_a_larger_window() -> None:
    """It was no part of the window when it came, so the state has it in none."""
    narrow, soon = dict(SMALL) | {"SUMMARY_WINDOW_SEC": 3_600}, NOW_MS + MINUTE_MS
    late = payload("late", ("s", "door recall", ["z"]), at_ms=NOW_MS - 90 * MINUTE_MS)
    made = records([(NOW_MS, [payload("k1", ("s", "door recall", ["a"])), late])], narrow)
    last = records([(soon, [payload("k2", ("s", "door recall", ["b"]), at_ms=soon)])], SMALL)[0]
    answer = explained([*made, replace(last, cid="c2", previous="c1", version=2)], Question("total"))
    assert ([one.chunk_id for one in answer.contributions], answer.older) == (["k2", "k1"], 0)


def test_late_chunk_is_told_in_its_hour() -> None:
    """And nowhere else."""
    late = payload("k2", ("s", "door recall", ["z"]), at_ms=NOW_MS - 20 * HOUR_MS)
    chain = records([(NOW_MS, [payload("k1", ("s", "door recall", ["a"])), late])])
    (one,) = explained(chain, Question("hour", hour_ms=NOW_MS - 20 * HOUR_MS)).contributions
    assert (one.chunk_id, one.late, one.at) == ("k2", True, iso_utc(NOW_MS - 20 * HOUR_MS))
    assert [one.chunk_id for one in explained(chain, Question("total")).contributions] == ["k1"]


def test_journal_is_bounded() -> None:
    """What left the window is dropped while records are read; more than can be kept is refused with words."""
    silent = [
        (NOW_MS + hour * HOUR_MS, [payload(f"k{hour}-{n}", at_ms=NOW_MS + hour * HOUR_MS) for n in range(600)])
        for hour in (0, 20, 40)
    ]
    retold, journal = told(records(silent), Question("total"))
    assert len(journal._rows) <= 2 * 600
    assert journal.answer(retold.state, retold.heading, "newest", 1).chunks == 600
    small = Journal(Question("total"), most=3)
    with pytest.raises(ArchiveError, match="more than 3 chunks"):
        retell("nike", None, named(records(silent[:1])), journal=small)


def test_wrong_clock_and_odd_times_are_shown_as_they_were_said() -> None:
    """Cut, and as text."""
    chain = records(
        [(NOW_MS, [payload("k1", at_ms=None, processedAt="x" * 500), payload("k2", at_ms=None, processedAt=NOW_MS)])]
    )
    first, second = explained(chain, Question("total"), limit=2).contributions[::-1]
    assert (first.processed_at, first.at) == ("x" * 64, iso_utc(NOW_MS))
    assert second.processed_at == str(NOW_MS)
