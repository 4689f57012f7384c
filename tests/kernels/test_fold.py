"""The fold kernel: one suite for both twins; sets of ids and accounts beside slow definitions of them."""

from __future__ import annotations

import importlib
import json
import os
import struct
import subprocess
import sys
from array import array as Parts  # noqa: N812 - array() here makes what a set takes
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.labels import words as normal_words
from orchestrator.brand.normal_form import PLAIN
from orchestrator.contract.chunk import Chunk, Cluster, Sentiment
from orchestrator.contract.decode import ChunkBatch
from orchestrator.kernels import choice, fold_py, measure
from orchestrator.kernels.fold import PART_BYTES, stored_id_bytes
from orchestrator.kernels.hash_keys import Hashing
from orchestrator.kernels.hashing_py import hash_text
from orchestrator.kernels.rows import Centroids, MentionRows
from tests.brand.support import batch_of, listed
from tests.kernels.support import COMPILED, twins_of

KERNELS = twins_of("fold")


@pytest.fixture(params=KERNELS, scope="module")
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@pytest.mark.parametrize("missing", choice.COMPILED)
def test_kernels_are_compiled_all_or_none(missing: str) -> None:
    """Where one of them is missing all twins are in use, and the reason is told; who insists gets an error."""
    code = f"""
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "{missing}" else real(name, *rest)
sys.modules["{missing}"] = None
from orchestrator.kernels import choice, fold, measure, merge, scan
used = merge.StoryIndex, fold.StoryFolder, measure.measure_chunks, scan.decode_items
print(*[one.__module__.rpartition(".")[2] for one in used])
print(choice.IMPLEMENTATION, choice.FALLBACK_REASON)
"""
    for wanted in ("", "cython"):
        environment = os.environ | {"ORCHESTRATOR_MERGE": wanted}
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if wanted:
            assert "ImportError" in run.stderr or "ModuleNotFoundError" in run.stderr
            continue
        modules, reason = run.stdout.splitlines()
        assert modules == "merge_py fold_py measure_py scan_py"
        assert reason.startswith("python ")
        assert missing in reason


def hashed(mentions: Iterable[str]) -> Any:
    """The different ones of *mentions* as a set takes them."""
    return array(hash_text(text, bytes(16)) for text in dict.fromkeys(mentions))


def array(hashes: Iterable[int]) -> Any:
    """*hashes* as a set takes them."""
    return np.array(list(hashes), np.uint64)


class NewestIds:
    """The definition: a list of the newest different ids."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.newest: list[int] = []
        self.total = 0

    def add(self, hashes: Sequence[int], old: Sequence[int] | None = None) -> int:
        """Remember *hashes*; how many were not among the newest when it was their turn, nor had an *old* one there."""
        before = self.total
        for key, other in zip(hashes, hashes if old is None else old, strict=True):
            if key not in self.newest and other not in self.newest:
                self.newest = [*self.newest, key][-self.capacity :]
                self.total += 1
        return self.total - before

    def dump(self) -> bytes:
        """All of them, as they are stored."""
        return b"".join(key.to_bytes(8, "little") for key in self.newest)

    def load(self, total: int, hashes: list[int]) -> None:
        """Hold the newest of *hashes*."""
        self.newest, self.total = hashes[-self.capacity :], total


# Hashes that meet in a small table (lower halves nearly equal), whose tags (the top 16 bits) are equal or not; the hash
# of everything and that of nothing.
COLLIDING = st.builds(
    lambda tag, middle, low: tag << 48 | middle << 24 | low,
    st.sampled_from([0, 1, 0xFFFF]),
    st.integers(0, 7),
    st.sampled_from([0, 1, 5, 0xFFFFFF]),
)
HASHES = COLLIDING | st.integers(0, 40) | st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**64 - 1])
ADDED = st.lists(HASHES, max_size=40, unique=True)
LOADED = st.tuples(st.integers(0, 30), st.lists(HASHES | COLLIDING, max_size=30))  # in damaged storage one twice
STEPS = st.lists(ADDED | st.just("reload") | LOADED, max_size=25)
CAPACITIES = st.sampled_from([1, 2, 3, 5, 7, 16, 17, 33, 100])


@given(steps=STEPS, capacity=CAPACITIES)
def test_mention_ids_are_the_newest(kernel: ModuleType, steps: list[Any], capacity: int) -> None:
    """Whatever is added, stored and loaded: an id counts if it is not among the newest; the oldest leaves first."""
    ids, slow = kernel.MentionIds(capacity), NewestIds(capacity)
    for step in steps:
        if step == "reload":
            kept = ids.total, ids.dump(0, ids.total)
            ids = kernel.MentionIds(capacity)
            ids.load(*kept)
        elif isinstance(step, tuple):
            forgotten, hashes = step
            ids.load(forgotten + len(hashes), array(hashes).tobytes())
            slow.load(forgotten + len(hashes), hashes)
        else:
            assert ids.add(array(step)) == slow.add(step)
        assert (ids.total, ids.known, ids.dump(0, ids.total)) == (slow.total, len(slow.newest), slow.dump())


@given(steps=st.lists(st.lists(st.tuples(HASHES, HASHES), max_size=40), max_size=12), capacity=CAPACITIES)
def test_mention_ids_may_be_known_by_old_hashes(kernel: ModuleType, steps: list[Any], capacity: int) -> None:
    """What is remembered under either of its hashes is not new; what is new is remembered under the first."""
    ids, slow = kernel.MentionIds(capacity), NewestIds(capacity)
    for step in steps:
        hashes = dict(step)
        keys, old = list(hashes), list(hashes.values())
        assert ids.add(array(keys), array(old)) == slow.add(keys, old)
        assert (ids.total, ids.known, ids.dump(0, ids.total)) == (slow.total, len(slow.newest), slow.dump())


def test_mention_ids_find_an_old_hash_behind_a_group_that_a_known_id_passed(kernel: ModuleType) -> None:
    """The mark of a full group tells who passed it last; an id that was known passed it and never came."""
    ids, slow = kernel.MentionIds(40), NewestIds(40)
    steps = [
        list(range(1, 6)),
        list(range(6, 17)),  # they all meet in one group of fifteen: the last one stands in another
        [1 << 63, 16],  # the known one passes the full group
    ]
    for step in steps:
        assert ids.add(array(step), array([*step[1:], 0])) == slow.add(step, [*step[1:], 0])
    assert ids.add(array([17]), array([16])) == slow.add([17], [16]) == 0


def test_mention_ids_refuse_old_hashes_that_are_not_theirs(kernel: ModuleType) -> None:
    """Each id has one; another number of them would be read beyond their end."""
    with pytest.raises(ValueError, match="1 old hashes of 2 ids"):
        kernel.MentionIds(9).add(array([1, 2]), array([3]))


def test_story_has_old_ids_as_long_as_it_remembers_one(kernel: ModuleType) -> None:
    """From then on no second hash of anything is looked up for it."""
    story = kernel.Story(1, "s", kernel.MentionIds(3))
    assert not story.has_old_ids()
    story.ids.add(array([1, 2]))
    story.old_ids = 2
    for key, left in ((3, True), (4, True), (5, False)):
        story.ids.add(array([key]))
        assert story.has_old_ids() == left


@pytest.mark.parametrize("capacity", [1, 100, 1_000, 10_000, 65_535])
def test_mention_ids_remember_their_capacity(kernel: ModuleType, capacity: int) -> None:
    """Full sets, the largest among them, know the newest ids and no others, over many rounds of the ring."""
    ids, rng, total = kernel.MentionIds(capacity), np.random.default_rng(capacity), 0
    hashes = rng.integers(1, 2**64, size=3 * capacity + 50, dtype=np.uint64)
    for size in (capacity // 3 + 1, 1, capacity // 2 + 1, capacity + 1):
        assert ids.add(hashes[total : total + size]) == size
        total += size
    assert ids.total == total
    assert ids.known == capacity
    assert ids.dump(0, total) == hashes[total - capacity : total].tobytes()
    assert ids.add(hashes[total - capacity : total]) == 0
    assert ids.add(hashes[total - capacity - 1 : total - capacity]) == 1


@pytest.mark.parametrize(("capacity", "crowded"), [(400, True), (400, False), (10_000, False), (60_000, False)])
def test_mention_ids_outlast_their_numbers(kernel: ModuleType, capacity: int, crowded: bool) -> None:  # noqa: FBT001
    """Slots are told apart by 16 bits of a number: what is known stays exact long after these began anew."""
    rng, ids = np.random.default_rng(capacity), kernel.MentionIds(capacity)
    newest: OrderedDict[int, None] = OrderedDict()
    for _ in range(400):
        hashes = rng.integers(0, 4 * capacity, size=700, dtype=np.uint64)
        if not crowded:
            hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes = np.unique(hashes)
        rng.shuffle(hashes)
        fresh = 0
        for key in hashes.tolist():
            if key not in newest:
                fresh += 1
                newest[key] = None
                if len(newest) > capacity:
                    newest.popitem(last=False)
        assert ids.add(hashes) == fresh
    assert ids.total > 2 * 65_536
    assert ids.dump(0, ids.total) == array(list(newest)).tobytes()


def test_mention_ids_may_have_a_gap(kernel: ModuleType) -> None:
    """A set that got fewer ids back than it could hold goes on as one that has forgotten the others."""
    ids, slow, hashes = kernel.MentionIds(100), NewestIds(100), range(1, 1_000)
    for loaded in (ids, slow):
        loaded.load(50, array(hashes[:3]).tobytes() if loaded is ids else list(hashes[:3]))
    for start in range(3, 400, 9):
        assert ids.add(array(hashes[start : start + 9])) == slow.add(hashes[start : start + 9])
        assert (ids.total, ids.known, ids.dump(0, 10**6)) == (slow.total, len(slow.newest), slow.dump())


@pytest.mark.parametrize("capacity", [0, -1, 65_536])
def test_mention_ids_refuse_impossible_capacities(kernel: ModuleType, capacity: int) -> None:
    """The table numbers its ids in 16 bits."""
    with pytest.raises(ValueError, match="capacity"):
        kernel.MentionIds(capacity)


@pytest.mark.parametrize(("total", "data"), [(1, bytes(16)), (-1, b""), (9, b"1234567"), (9, bytes(17))])
def test_mention_ids_refuse_what_cannot_be(kernel: ModuleType, total: int, data: bytes) -> None:
    """There are no more ids than were ever added, and each has eight bytes; the set stays as it was."""
    ids = kernel.MentionIds(10)
    ids.add(array([7, 8]))
    with pytest.raises(ValueError, match="bytes of hashes"):
        ids.load(total, data)
    assert (ids.total, ids.known, ids.dump(0, 9)) == (2, 2, array([7, 8]).tobytes())


def test_mention_ids_dump_parts_make_up_the_whole(kernel: ModuleType) -> None:
    """Ids are cut by number, and what is out of range is left out."""
    ids = kernel.MentionIds(100)
    ids.add(hashed(str(number) for number in range(250)))
    parts = [ids.dump(start, stop) for start, stop in pairwise(range(0, 301, 50))]
    assert [len(part) // 8 for part in parts] == [0, 0, 0, 50, 50, 0]
    assert b"".join(parts) == ids.dump(0, 1000)


@given(
    additions=st.lists(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(1, 99), unique=True)), max_size=5)),
)
def test_take_new_ids_tells_each_once(kernel: ModuleType, additions: list[list[tuple[int, list[int]]]]) -> None:
    """Between two calls each story's new ids are told, but for those that are forgotten by then; and only once."""
    stories = [kernel.Story(10 + number, f"s{number}", kernel.MentionIds(7)) for number in range(4)]
    for step in additions:
        told = [story.stored_ids for story in stories]
        for number, hashes in step:
            stories[number].ids.add(array(hashes))
        parts, hashes, grown = kernel.take_new_ids(reversed(stories))
        expected = [
            (story.key, max(start, story.ids.total - 7), story.ids.total)
            for story, start in reversed(list(zip(stories, told, strict=True)))
            if story.ids.total > start
        ]
        assert list(struct.iter_unpack("<3q", parts)) == expected
        assert hashes == b"".join(stories[key - 10].ids.dump(start, stop) for key, start, stop in expected)
        after = [story.ids.total for story in stories]
        assert grown == sum(stored_id_bytes(total, 7) for total in after) - sum(stored_id_bytes(n, 7) for n in told)
        assert kernel.take_new_ids(stories) == (b"", b"", 0)


MEMBERS = st.tuples(
    st.builds(
        Cluster,
        id=st.just(""),
        label=st.sampled_from("abc"),
        mentions=st.just(0),
        sentiment_score=st.none() | st.floats(-1e9, 1e9),
        spike=st.none() | st.booleans(),
    ),
    st.integers(0, 2**41),
    st.integers(-3, 3),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
)


@given(members=st.lists(MEMBERS, max_size=20), dropped=st.integers(-3, 3))
def test_account_adds_up_its_panes(kernel: ModuleType, members: list[Any], dropped: int) -> None:
    """What an account tells is what its members' panes add up to, also after a pane has left and storage."""
    account = kernel.Account()
    seen: set[int] = set()
    for member in members:
        assert account.add(*member) == (member[2] not in seen)
        seen.add(member[2])
    panes = dict.fromkeys(member[2] for member in members)
    expected = [expected_tally(pane, [member for member in members if member[2] == pane]) for pane in panes]
    assert account.panes() == expected
    if members:
        assert account.heaviest == max(member[3] for member in members)
        assert (account.first_seen_ms, account.last_seen_ms) == (min(m[1] for m in members), max(m[1] for m in members))
        assert account.flagged_at_ms == max((m[1] for m in members if m[0].spike), default=None)
    if dropped in seen:
        assert account.drop(dropped) == (seen == {dropped})
        expected = [tally for tally in expected if tally[0] != dropped]
    assert account.mentions == sum(tally[2] for tally in expected)
    if expected:
        other = kernel.Account()
        other.load(account.dump())
        assert (other.panes(), other.mentions) == (expected, account.mentions)
        assert account.dump() == reference_dump(expected)


def expected_tally(pane: int, members: list[Any]) -> tuple[int, int, int, int, int]:
    """The tally of a pane's members, by the definition."""
    scores = [(weight, cluster.sentiment_score) for cluster, _, _, weight, _ in members]
    scored = [(weight, score) for weight, score in scores if score is not None]
    total = sum(round(score * weight * measure.FIXED_ONE) for weight, score in scored)
    return pane, len(members), sum(member[4] for member in members), sum(weight for weight, _ in scored), total


def reference_dump(tallies: list[Any]) -> bytes:
    """The storage format of panes."""
    return b"".join(struct.pack("<4q", *tally[:4]) + tally[4].to_bytes(16, "little", signed=True) for tally in tallies)


@pytest.mark.parametrize("data", [b"", b"x" * 47, b"x" * 49])
def test_account_refuses_what_are_no_panes(kernel: ModuleType, data: bytes) -> None:
    """Stored panes come whole, and a stored story has one at least."""
    with pytest.raises(ValueError, match="no panes"):
        kernel.Account().load(data)


def test_account_refuses_to_drop_a_pane_that_is_not_there(kernel: ModuleType) -> None:
    """Nothing is subtracted twice."""
    account = kernel.Account()
    account.add(Cluster("", "a", 0), 1, 5, 1, 1)
    with pytest.raises(KeyError):
        account.drop(6)
    assert account.mentions == 1


def simple_words(label: str) -> tuple[str, ...]:
    """What stands for the rule of words; it knows no plain text."""
    return tuple(sorted(set(label.lower().split())))


def new_book(kernel: ModuleType, most: int = 100, words: Callable[[str], tuple[str, ...]] = simple_words) -> Any:
    """The least that a folder needs: stories are named by their founders, and the one with fewest mentions leaves."""

    class Book(kernel.StoryFolder):  # type: ignore[misc,name-defined] # which twin's it is, the test decides
        def found(self, chunk: Chunk, place: int) -> Any:
            key = int(chunk.chunk_id) * 100 + place
            self.records[key] = kernel.Story(key, f"{chunk.chunk_id}/{place}", kernel.MentionIds(5))
            return self.records[key]

        def examples(self, mentions: MentionRows, row: int, share: int) -> tuple[str, ...]:
            del share
            return tuple(mentions.first(row))

        def evict(self) -> None:
            key = min(self.records, key=lambda key: (self.records[key].mentions, key))
            del self.records[key]
            self.index.remove(key)
            self.dirty.pop(key, None)

    return Book(0.75, 0.5, most, words, without_re, PLAIN if words is normal_words else None)


def without_re(label: str) -> str:
    """What stands for the rule of how a label is shown: it may take words away."""
    return label.removeprefix("re ")[:40]


def told(book: Any) -> Any:
    """Everything that a book holds."""
    stories = {
        key: (
            (story.id, story.label, story.label_mentions, story.spellings, story.words),
            (story.heaviest, story.mentions, story.examples),
            (story.told, story.told_lead, story.told_pane, story.before, story.before_lead, story.before_pane),
            (story.first_seen_ms, story.last_seen_ms, story.flagged_at_ms),
            (story.panes(), story.dump(), story.ids.total, story.ids.dump(0, story.ids.total)),
            book.index.dump(key),
        )
        for key, story in book.records.items()
    }
    return stories, list(book.dirty), {pane: [story.id for story in found] for pane, found in book.in_pane.items()}


PARTS = st.builds(
    Cluster,
    id=st.just("i"),
    label=st.sampled_from(
        [
            *("launch buzz", "Launch buzz", "buzz launch", "LAUNCH BUZZ", "buzz Launch", "re launch buzz"),
            *("launch buzz again", "price", "re price", "re re price", "price drop", ""),
        ]
    ),
    mentions=st.lists(st.sampled_from([*"abcdefghijk", "price is up", "launch été", "\u4e2d"]), max_size=8).map(
        lambda texts: listed(*texts)
    ),
    sentiment_score=st.none() | st.floats(-1e9, 1e9),
    spike=st.sampled_from([None, False, True]),
    mention_count=st.none() | st.integers(0, 9) | st.just(10**9),
    centroid=st.none() | st.integers(0, 3),
)
ROWS = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.0, 0.0]]
CHUNKS = st.lists(
    st.tuples(st.lists(PARTS, max_size=4), st.integers(0, 2**41), st.integers(-2, 2)), min_size=1, max_size=12
)


def fold_all(book: Any, chunks: list[Any], cuts: set[int]) -> list[int]:
    """Fold *chunks*, a new batch at each of *cuts*; how many clusters each batch had."""
    counts = []
    for start, stop in pairwise(sorted({0, len(chunks)} | {cut for cut in cuts if cut < len(chunks)})):
        made = [
            Chunk(str(number), "b", Sentiment(0.0), clusters) for number, (clusters, _, _) in enumerate(chunks[:stop])
        ]
        batch = batch_of(made[start:], ROWS)
        _, times, panes = zip(*chunks[start:stop], strict=True)
        counts.append(book.fold(batch.chunks, times, panes, batch.centroids, batch.mentions))
    return counts


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(chunks=CHUNKS, cuts=st.sets(st.integers(1, 11)), most=st.sampled_from([0, 1, 2, 5, 100]))
def test_folder_twins_agree(chunks: list[Any], cuts: set[int], most: int) -> None:
    """Both twins hold the same stories after the same chunks, in one batch or many, with stories leaving in between."""
    outcomes = []
    for name in KERNELS:
        for at in (set(), cuts):
            book = new_book(importlib.import_module(name), most)
            counts = fold_all(book, chunks, at)
            assert sum(counts) == sum(len(clusters) for clusters, _, _ in chunks)
            outcomes.append(told(book))
    assert outcomes == outcomes[:1] * len(outcomes)


@given(chunks=CHUNKS, most=st.sampled_from([0, 1, 100]))
def test_folder_tells_what_joined_what(chunks: list[Any], most: int) -> None:
    """Both twins say the same, cluster by cluster, the sums are the stories', and none of it changes what they hold."""
    outcomes, known = [], []
    for name in KERNELS:
        book, plain = (new_book(importlib.import_module(name), most) for _ in range(2))
        book.joined = []
        fold_all(book, chunks, {3})
        fold_all(plain, chunks, {3})
        assert told(book) == told(plain)
        assert plain.joined is None
        assert len(book.joined) == sum(len(clusters) for clusters, _, _ in chunks)
        brought: Counter[int] = Counter()
        for key, mentions in book.joined:
            brought[key] += mentions
        assert all(story.mentions == brought[key] for key, story in book.records.items())
        outcomes.append(book.joined)
        known.append(told(plain))
    assert outcomes == outcomes[:1] * len(outcomes)
    assert known == known[:1] * len(known)


def headline_of(kernel: ModuleType, *members: tuple[str, int]) -> Any:
    """The only story of a book after clusters of these labels and weights, all in one direction."""
    book = new_book(kernel)
    parts = [Cluster("", label, listed(), mention_count=weight, centroid=0) for label, weight in members]
    fold_all(book, [([part], 5, 1) for part in parts], set())
    (story,) = book.records.values()
    return story


def test_headline_is_what_most_members_say(kernel: ModuleType) -> None:
    """One heavy member with a label of its own does not name the story."""
    members = [
        ("door handle recall", 4),
        ("recall of door handle", 5),
        ("handle recall worries drivers of old cars", 8),
    ]
    assert headline_of(kernel, *members).label == "recall of door handle"


def test_headline_of_a_long_label_has_no_advantage(kernel: ModuleType) -> None:
    """A label that lists everything says less of it than one that says what is common."""
    everything = "wifi seats food crew delay refund bags"
    assert headline_of(kernel, ("delay refund", 9), (everything, 1), ("refund", 3)).label == "delay refund"


def test_headline_stays_with_the_older_of_equals(kernel: ModuleType) -> None:
    """A label that says as much as the one before does not replace it, in whichever order sums are taken."""
    assert headline_of(kernel, ("late bag", 2), ("late bus", 2)).label == "late bag"
    three = [("c b a", 1), ("x a c", 7), ("y b c", 7), ("z a b", 7)]
    assert headline_of(kernel, *three).label == headline_of(kernel, *three[:2]).label
    # Both share 23.32 with the story, but added up in the order of their words the last bits differ.
    one, other = [("ant", 1), ("bus", 2), ("car", 3)], [("dog", 3), ("elk", 2), ("fox", 1)]
    assert headline_of(kernel, ("ant bus car", 10), *one, *other, ("dog elk fox", 10)).label == "ant bus car"


def test_headline_is_in_its_most_usual_spelling(kernel: ModuleType) -> None:
    """Mentions decide between labels of the same words, and of equals the shown one stays."""
    members = [("late flight", 3), ("Late flight", 2), ("re LATE flight", 1), ("Late flight", 2)]
    story = headline_of(kernel, *members)
    assert (story.label, story.label_mentions) == ("Late flight", 4)
    assert dict(story.spellings) == {"late flight": 3, "LATE flight": 1}
    assert headline_of(kernel, *members[:2], ("Late flight", 1)).label == "late flight"


def test_headline_is_what_is_shown(kernel: ModuleType) -> None:
    """Its words are those of the label as it is shown, because storage has no others."""
    story = headline_of(kernel, ("re re price", 2))
    assert (story.label, story.words) == ("re price", ("price", "re"))
    story = headline_of(kernel, ("re price", 2), ("price", 1))
    assert (story.label, story.label_mentions, story.words) == ("price", 3, ("price",))


def test_headline_of_the_founder_needs_no_words(kernel: ModuleType) -> None:
    """What is left of it to be shown may have none of the words that it was compared by."""
    label = " ".join([*(f"z{number:02}" for number in range(12)), *(f"a{number:02}" for number in range(30))])
    story = headline_of(kernel, (label, 1))
    assert story.label == without_re(label)
    assert story.label_mentions == 1


def test_headline_of_a_loaded_story_goes_on(kernel: ModuleType) -> None:
    """Its words are found when the next member comes."""
    book = new_book(kernel)
    part = Cluster("", "late flight", listed(), mention_count=3)
    fold_all(book, [([part], 5, 1)], set())
    (story,) = book.records.values()
    story.words = None
    fold_all(book, [([part], 5, 1)], set())
    assert (story.label_mentions, story.words) == (6, ("flight", "late"))


VOTES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(1, 9)), max_size=12)


@given(votes=VOTES)
def test_what_most_of_a_pane_says_leads_in_it(votes: list[tuple[str, int, int]]) -> None:
    """In the two newest panes: whatever has more than half of the weight, by what it has more than all others."""
    for kernel in KERNELS:
        account = importlib.import_module(kernel).Account()
        sums: dict[int, Counter[str]] = {}
        for label, pane, weight in votes:
            account.tell(label, pane, weight)
            sums.setdefault(pane, Counter())[label] += weight
        leading = {
            account.told_pane: (account.told, account.told_lead),
            account.before_pane: (account.before, account.before_lead),
        }
        leading.pop(-1, None)
        assert sorted(leading) == sorted(sums)[-2:]
        # What came late for a pane that was not among the two by then is not known, so it is not asked here.
        for pane, (leader, lead) in leading.items() if _in_order(votes) else ():
            whole = sums[pane].total()
            assert 0 <= lead <= whole
            assert (whole - lead) % 2 == 0  # what does not lead goes off against as much of others
            assert all(
                leader == label and lead >= 2 * had - whole for label, had in sums[pane].items() if 2 * had > whole
            )


def _in_order(votes: list[tuple[str, int, int]]) -> bool:
    """Whether every vote is for one of the two newest panes that had one by then."""
    panes = [pane for _, pane, _ in votes]
    return all(pane >= sorted({-1, *panes[: number + 1]})[-2] for number, pane in enumerate(panes))


def test_members_tell_what_a_story_is_about(kernel: ModuleType) -> None:
    """Each by its label as it is shown, in its pane, with its weight."""
    book = new_book(kernel)
    fold_all(book, [([Cluster("", "late flight", listed(), mention_count=3)], 5, 1)], set())
    fold_all(book, [([Cluster("", "re late flight at night", listed(), mention_count=2)], 6, 2)], set())
    (story,) = book.records.values()
    assert (story.before, story.before_lead, story.before_pane) == ("late flight", 3, 1)
    assert (story.told, story.told_lead, story.told_pane) == ("late flight at night", 2, 2)


def words_seen(kernel: ModuleType, part: Cluster) -> list[str]:
    """By which words the only story of a book is known that *part* has founded."""
    book = new_book(kernel)
    fold_all(book, [([part], 5, 1)], set())
    words: list[str] = book.index.dump(0)[1]
    return words


def test_folder_compares_by_label_and_texts(kernel: ModuleType) -> None:
    """The words of a label come first, then those of the first three mentions, if these are texts and not ids."""
    part = Cluster("", "b a", listed("a long story", "id-1", "été", "not looked at"))
    assert words_seen(kernel, part) == ["a", "b", "long", "story", "été"]
    assert words_seen(kernel, Cluster("", "b a", listed("id1", "id2", "tweet:3", "a text"))) == ["a", "b"]


def test_folder_compares_by_a_bounded_number_of_words(kernel: ModuleType) -> None:
    """Long labels and texts are cut: what makes the words must not depend on how long senders are."""
    label = " ".join(f"w{number:02}" for number in range(40))
    assert words_seen(kernel, Cluster("", label, listed("x y"))) == label.split()[: fold_py.CLUSTER_WORDS]
    text = "x" * 20 + " " * fold_py.TEXT_CHARS + "late"
    assert words_seen(kernel, Cluster("", "a", listed(text))) == ["a", "x" * 20]


@pytest.mark.parametrize("text", ["\u4e00 early " + "x" * 20 + " late", "early on " + "x" * 20 + " late"])
@pytest.mark.parametrize("words", [simple_words, normal_words])
def test_folder_reads_many_texts_no_further_than_their_share(
    kernel: ModuleType, text: str, words: Callable[[str], tuple[str, ...]]
) -> None:
    """All texts of a chunk together cost what a chunk may, whoever reads them."""
    many = fold_py.CHUNK_TEXT_CHARS // fold_py.LISTED_TEXTS // 15
    assert fold_py.text_share(many) == 15
    for count, late in ((1, True), (many, False)):
        book = new_book(kernel, most=2 * many, words=words)
        fold_all(book, [([Cluster("", f"l{n}", listed(text)) for n in range(count)], 5, 1)], set())
        seen = {word for key in list(book.records)[:3] for word in book.index.dump(key)[1]}
        assert "early" in seen
        assert ("late" in seen) == late


@pytest.mark.parametrize(
    ("mentions", "texts"),
    [
        (["m1", "m2"], []),
        (["m1", "two words"], ["two words"]),
        (["m1", "caf\\u00e9"], ["café"]),
        (["caf\u00e9"], ["café"]),
        (["tab\\tulator"], []),
        ([" "], [" "]),
        ([], []),
    ],
)
def test_folder_tells_texts_from_ids_in_json(kernel: ModuleType, mentions: list[str], texts: list[str]) -> None:
    """Both ways to look at what a document lists, its bytes and its decoded strings, find the same texts."""
    document = ", ".join(f'"{mention}"' for mention in mentions).encode()
    spots = np.array([[0, 1, 1 + len(document)]], np.int64)
    rows = MentionRows(
        Hashing.of_nobody(), np.empty(0, np.uint64), np.zeros(2, np.int64), items=[b"[%b]" % document], spots=spots
    )
    assert rows.texts(0) == texts
    book = new_book(kernel)
    chunk = Chunk("0", "b", Sentiment(0.0), [Cluster("", "a", 0)])
    book.fold([chunk], [5], [1], Centroids.of([]), rows)
    assert book.index.dump(0)[1] == [*dict.fromkeys(["a", *(word for text in texts for word in text.split())])]


SAID = st.lists(
    st.text(st.characters(max_codepoint=0x2FF), max_size=12)
    | st.sampled_from(
        ["late bus", "the late bus", "News: delays", 'say "late"', "x y " * 80, "back\\slash it", "a&amp;b c"]
    ),
    max_size=5,
)


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(said=SAID, ascii_only=st.booleans(), label=st.sampled_from(["late bus", "5 %", "", "x y " * 10]))
def test_folder_reads_texts_by_the_rule_of_words(said: list[str], ascii_only: bool, label: str) -> None:  # noqa: FBT001
    """The compiled twin reads them where they stand in the document, and finds what the other one finds."""
    document = json.dumps(said, ensure_ascii=ascii_only).encode()
    first = json.dumps(said[:3], ensure_ascii=ascii_only).encode()
    rows = MentionRows(
        Hashing.of_nobody(),
        np.empty(0, np.uint64),
        np.zeros(2, np.int64),
        items=[document],
        spots=np.array([[0, 1, len(first) - 1]], np.int64),
    )
    found = []
    for name in KERNELS:
        book = new_book(importlib.import_module(name), words=normal_words)
        book.fold([Chunk("0", "b", Sentiment(0.0), [Cluster("", label, 0)])], [5], [1], Centroids.of([]), rows)
        found.append(book.index.dump(0)[1])
    assert found[1] == found[0]


def test_folder_evicts_between_chunks(kernel: ModuleType) -> None:
    """A chunk may leave more stories behind than are kept, for as long as it lasts; the next finds the least gone."""
    book = new_book(kernel, most=1)
    small, large = Cluster("", "small", listed("a")), Cluster("", "large", listed("a", "b"))
    seen: list[set[int]] = []
    evict = book.evict

    def noted(_self: Any) -> None:
        seen.append(set(book.records))
        evict()

    type(book).evict = noted
    fold_all(book, [([small, large, small], 5, 1), ([small], 6, 1)], set())
    assert seen == [{0, 1}, {1, 100}]
    assert [(story.id, story.mentions) for story in book.records.values()] == [("0/1", 2)]


def one_chunk(**fields: Any) -> ChunkBatch:
    """A batch of one cluster that lists three mentions in row 0, but for what *fields* says."""
    chunk = Chunk("0", "b", Sentiment(0.0), [Cluster("", "a", **({"mentions": 0} | fields))])
    return ChunkBatch([chunk], [0], Centroids.of([[1.0]]), MentionRows.of([["a", "b", "c"]]))


def fold_one(book: Any, batch: ChunkBatch) -> None:
    """Fold *batch*."""
    book.fold(batch.chunks, [5], [1], batch.centroids, batch.mentions)


@pytest.mark.parametrize("row", [-1, 1, 2, 2**40])
def test_folder_refuses_rows_that_are_not_there(kernel: ModuleType, row: int) -> None:
    """A number that names no row of the batch is an error, not somebody else's memory."""
    book = new_book(kernel)
    with pytest.raises(IndexError):
        fold_one(book, one_chunk(mentions=row))
    assert book.records == {}


@pytest.mark.parametrize("row", [1, 2**30])
def test_folder_refuses_centroids_that_are_not_there(kernel: ModuleType, row: int) -> None:
    """Likewise for centroids."""
    with pytest.raises(IndexError):
        fold_one(new_book(kernel), one_chunk(centroid=row))


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@pytest.mark.parametrize("offsets", [[0, 4], [-1, 2], [2, 1], [0, 2**62]])
def test_folder_reads_within_the_hashes(offsets: list[int]) -> None:
    """Rows that are not within the array are refused by the twin that reads memory."""
    batch = one_chunk()
    batch.mentions = MentionRows(batch.mentions.hashing, batch.mentions.hashes, np.array(offsets, np.int64))
    with pytest.raises(IndexError):
        fold_one(new_book(importlib.import_module("orchestrator.kernels._fold")), batch)


def test_folder_refuses_a_batch_without_the_hashes_that_a_story_needs(kernel: ModuleType) -> None:
    """All that was counted before the brand had a key would be counted again."""
    book = new_book(kernel)
    fold_one(book, one_chunk())
    (story,) = book.records.values()
    story.old_ids = 1
    with pytest.raises(ValueError, match="the batch lacks the hashes"):
        fold_one(book, one_chunk())


@pytest.mark.parametrize("columns", [([5, 6], [1]), ([5], []), ([], [])])
def test_folder_wants_a_time_and_a_pane_for_each_chunk(
    kernel: ModuleType, columns: tuple[list[int], list[int]]
) -> None:
    """Columns of different lengths are an error."""
    batch = one_chunk()
    with pytest.raises(ValueError, match="zip"):
        new_book(kernel).fold(batch.chunks, *columns, batch.centroids, batch.mentions)


def test_folder_leaves_the_rest_to_a_subclass(kernel: ModuleType) -> None:
    """On its own a folder can neither found nor let go."""
    folder = kernel.StoryFolder(0.75, 0.5, 0, lambda label: (label,), str)
    with pytest.raises(NotImplementedError):
        fold_one(folder, one_chunk())
    for call in (lambda: folder.examples(MentionRows.of([]), 0, 1), folder.evict):
        with pytest.raises(NotImplementedError):
            call()


def test_rescued_ids_are_those_that_a_story_has(kernel: ModuleType) -> None:
    """Parts are joined, forgotten ids left out, and ids that the story never had are not read from anywhere."""
    story = kernel.Story(5, "s", kernel.MentionIds(7))
    story.ids.add(array(range(1, 11)))
    parts = Parts("q", [5, 8, 10, 5, 0, 4, 5, 4, 8, 5, 10, 12, 6, 0, 3])
    rescued, hashes = kernel.rescue_ids({5: story}, parts)
    assert list(struct.iter_unpack("<3q", rescued)) == [(5, 3, 10)]
    assert hashes == story.ids.dump(3, 10)
    assert kernel.remembered_bytes({5: story}, parts) == 3 * PART_BYTES + 7 * 8
    assert kernel.rescue_ids({}, parts) == kernel.rescue_ids({5: story}, Parts("q")) == (b"", b"")
