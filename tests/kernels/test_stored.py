"""Stories in storage: one suite for both twins, which read the same from whatever bytes, or refuse them alike."""

from __future__ import annotations

import importlib
import re
import struct
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.chunk import Cluster
from orchestrator.errors import InvalidStateError
from orchestrator.kernels import fold_py, merge_py
from tests.kernels.support import COMPILED, twins_of

KERNELS = twins_of("fold")
CAPACITY = 5
PANES = struct.pack("<6q", 7, 1, 3, 0, 0, 0)
PREFIX = b"s:"

Segment = tuple[Sequence[Any], Sequence[int]]


@pytest.fixture(params=KERNELS, scope="module")
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


def index_of(kernel: ModuleType) -> Any:
    """An index of the same kind as *kernel*."""
    return (merge_py if kernel is fold_py else importlib.import_module("orchestrator._merge")).StoryIndex(0.75, 0.175)


def stored(key: int, **fields: Any) -> fold_py.StoredStory:
    """A story in storage, but for what *fields* say without ids or words."""
    usual: dict[str, Any] = dict.fromkeys(("heaviest", "first_seen_ms", "last_seen_ms"), 3)
    usual |= dict.fromkeys(("panes",), PANES) | dict.fromkeys(("total", "weights"), b"")
    usual |= {"id": f"id{key}", "label": "a label", "flagged_at_ms": None, "ids_total": 0, "examples": (), "words": []}
    return fold_py.StoredStory(key, **(usual | {"old_ids": 0} | fields))


def packed(*segments: Segment) -> list[bytes]:
    """Segments as MessagePack."""
    return [msgspec.msgpack.encode(segment) for segment in segments]


def told(kernel: ModuleType, segments: Sequence[bytes], ids: Sequence[tuple[bytes, bytes]] = ()) -> Any:
    """All that *segments* and *ids* hold, or what is wrong with them."""
    found, own_ids, index = kernel.StoredStories(PREFIX), kernel.StoredIds(CAPACITY), index_of(kernel)
    try:
        keys = [found.take(number, value) for number, value in enumerate(segments)]
        for parts, hashes in ids:
            own_ids.take(parts, hashes)
        last = found.last_key()
        stories, story_bytes, id_bytes = found.restore(own_ids, index)
    except (InvalidStateError, ValueError) as error:
        return type(error), str(error)
    return keys, last, [_told(story, index) for story in stories], story_bytes, id_bytes


def _told(story: Any, index: Any) -> tuple[Any, ...]:
    fields = "key id label label_mentions spellings words heaviest first_seen_ms last_seen_ms flagged_at_ms examples"
    heard = "told told_lead told_pane before before_lead before_pane"
    numbers = "segment stored_bytes stored_ids old_ids mentions"
    own = tuple(getattr(story, name) for name in f"{fields} {heard} {numbers}".split())
    return *own, story.panes(), story.ids.total, story.ids.dump(0, story.ids.total), index.dump(story.key)


def story_of(kernel: ModuleType, story: Any, ids: Sequence[tuple[bytes, bytes]] = ()) -> Any:
    """The only story in a segment; anything that msgspec writes as one."""
    found, own_ids = kernel.StoredStories(PREFIX), kernel.StoredIds(CAPACITY)
    found.take(0, msgspec.msgpack.encode(([story], [])))
    for parts, hashes in ids:
        own_ids.take(parts, hashes)
    found.last_key()
    ((own,), *_) = found.restore(own_ids, index_of(kernel))
    return own


def parts(*threes: tuple[int, int, int]) -> bytes:
    """Parts of ids as storage has them."""
    return b"".join(struct.pack("<3q", *three) for three in threes)


def hashes(*numbers: int) -> bytes:
    """Hashes likewise."""
    return struct.pack(f"<{len(numbers)}Q", *numbers)


TEXTS = st.text(max_size=40)
WORDS = st.integers(0, 2**62)
WEIGHTS = st.lists(
    st.tuples(st.text(min_size=1, max_size=5), st.floats(0.5, 1e6)), max_size=4, unique_by=lambda one: one[0]
)
CENTROIDS = st.lists(st.floats(-100, 100, width=32), max_size=3)


@st.composite
def stories(draw: st.DrawFn) -> list[Any]:
    """A story as a list of its fields, of which older versions knew fewer."""
    pairs = draw(WEIGHTS)
    numbers = draw(CENTROIDS)
    return [
        draw(st.integers(0, 4)),
        draw(TEXTS),
        draw(TEXTS),
        *draw(st.tuples(WORDS, WORDS, WORDS)),
        draw(st.none() | WORDS),
        0,
        PANES,
        draw(st.lists(TEXTS, max_size=4)),
        struct.pack(f"<{len(numbers)}f", *numbers),
        [word for word, _ in pairs],
        struct.pack(f"<{len(pairs)}d", *(weight for _, weight in pairs)),
        draw(st.integers(0, 2**31 - 1)),
        draw(st.floats(0, 1e9)),
        draw(st.none() | st.just(0)),
        draw(st.none() | WORDS),
        draw(st.lists(st.tuples(TEXTS, WORDS), max_size=3)),
        *draw(st.tuples(st.none() | WORDS, st.none() | WORDS)),
        draw(st.lists(st.tuples(TEXTS, WORDS), max_size=3)),
    ][: draw(st.sampled_from([13, 15, 16, 18, 18, 21, 21, 21]))]


SEGMENTS = st.lists(st.tuples(st.lists(stories(), max_size=4), st.lists(st.integers(0, 4), max_size=2)), max_size=4)


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(SEGMENTS)
def test_twins_read_the_same(segments: list[Segment]) -> None:
    """Of all versions' stories: the newest of each key, unless it has left since."""
    pure, compiled = (told(importlib.import_module(name), packed(*segments)) for name in KERNELS)
    assert pure == compiled
    assert isinstance(pure[0], list)


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(st.data())
def test_twins_refuse_the_same(data: st.DataObject) -> None:
    """Any byte may be another, or the end; what can still be read is read alike."""
    own = data.draw(st.lists(st.builds(stored, st.integers(0, 3), label=TEXTS, examples=st.tuples(TEXTS)), max_size=3))
    (value,) = packed((own, [1]))
    place, other = data.draw(st.integers(0, len(value) - 1)), data.draw(st.binary(max_size=2))
    value = value[:place] + other + value[place + data.draw(st.integers(0, 3)) :]
    pure, compiled = (told(importlib.import_module(name), [value]) for name in KERNELS)
    assert pure == compiled


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(st.lists(st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 6), st.integers(-1, 9)), max_size=3), max_size=3))
def test_twins_piece_ids_together_alike(segments: list[list[tuple[int, int, int]]]) -> None:
    """Whatever parts there are, in whichever order: the same ids, or the same is missing."""
    taken = [
        (
            parts(*segment),
            hashes(*[100 * number + place + 2 for *_, first, stop in segment for place in range(first, stop)]),
        )
        for number, segment in enumerate(segments)
    ]
    (value,) = packed(([stored(0, ids_total=7), stored(1)], []))
    pure, compiled = (told(importlib.import_module(name), [value], taken) for name in KERNELS)
    assert pure == compiled


def test_a_story_is_what_was_written(kernel: ModuleType) -> None:
    """To the last field; its words are found out when somebody asks."""
    ids = [(parts((3, 0, 2)), hashes(8, 9))]
    story = story_of(
        kernel,
        stored(3, ids_total=2, label_mentions=5, spellings=(("A Label", 2),), flagged_at_ms=9, examples=("x", "ü")),
        ids,
    )
    assert (story.key, story.id, story.label, story.flagged_at_ms) == (3, "id3", "a label", 9)
    assert (story.label_mentions, story.spellings, story.words) == (5, (("A Label", 2),), None)
    assert (story.examples, story.mentions, story.ids.dump(0, 2)) == (("x", "ü"), 3, hashes(8, 9))
    assert story.has_old_ids() is False
    assert story.ids.add(np.array([8, 9, 10], "<u8")) == 1


def test_what_older_versions_did_not_say_is_what_it_was_then(kernel: ModuleType) -> None:
    """A label was the heaviest member's, and no id was under a key."""
    whole = msgspec.to_builtins(stored(0, ids_total=2, heaviest=6), builtin_types=(bytes,))
    story = story_of(kernel, whole[:13], [(parts((0, 0, 2)), hashes(8, 9))])
    assert (story.label_mentions, story.spellings, story.old_ids, story.has_old_ids()) == (6, (), 2, True)
    assert (story.told, story.told_pane, story.before, story.before_pane) == ("", -1, "", -1)


def test_what_a_story_is_told_as_is_read_again(kernel: ModuleType) -> None:
    """And what has no place among two panes is nothing that this version wrote."""
    votes = (("a", 5), ("b", 2))
    story = story_of(kernel, stored(0, told_pane=9, before_pane=7, told=votes))
    assert (story.told_pane, story.told, story.told_lead) == (9, "a", 5)
    assert (story.before_pane, story.before, story.before_lead) == (7, "b", 2)
    assert story_of(kernel, stored(0, told_pane=9, told=votes)).before_pane == -1
    assert story_of(kernel, stored(0, told_pane=9, told=votes[:1])).told_pane == -1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"old_ids": 1}, "story 0: 1 of 0 ids are old"),
        ({"panes": b""}, "story 0 in state field b's:0': 0 bytes are no panes"),
        ({"weights": bytes(8)}, "story 0 in state field b's:0': words, weights and sum do not fit"),
        ({"total": b"123"}, "story 0 in state field b's:0': words, weights and sum do not fit"),
        ({"ids_total": 1}, "story 0: id number 0 of 1 is missing"),
        ({"heaviest": -1}, "'s:0'.*>= 0"),
        *(({name: 2**62 + 1}, "'s:0'.*<=") for name in ("heaviest", "ids_total", "label_mentions", "old_ids")),
        ({"mass": float("nan")}, "'s:0'.*>= 0"),
        ({"longest": 2**31}, "'s:0'.*<="),
        ({"label": b"\xff"}, "'s:0' cannot be read"),
        ({"panes": PANES * 2}, "story 0 in state field b's:0': a pane twice"),
        ({"panes": PANES + struct.pack("<6q", 8, 1, 2**63 - 3, 0, 0, 0)}, "'s:0': a pane twice, or a number"),
        ({"panes": struct.pack("<6q", 7, 1, -1, 0, 0, 0)}, "'s:0': a pane twice, or a number"),
        *(
            ({"panes": struct.pack("<6q", 7, *numbers)}, "'s:0': a pane twice, or a number")
            for numbers in (
                (2**62 + 1, 3, 0, 0, 0),
                (1, 2**62 + 1, 0, 0, 0),
                (1, 3, 2**62 + 1, 0, 0),
                (1, 3, 0, 1, 2**62),
                (1, 3, 0, -1, -(2**62) - 1),
                (1, 3, 0, 0, -(2**63)),
            )
        ),
        ({"words": ["w", "w"], "weights": bytes(16)}, "story 0 in state field b's:0': a word twice"),
        *(
            ({"words": ["w"], "weights": struct.pack("<d", number)}, "'s:0': a word twice, or a number")
            for number in (float("nan"), float("inf"), -1e300)
        ),
        *(
            ({"total": struct.pack("<f", number)}, "'s:0': a word twice, or a number")
            for number in (float("nan"), float("inf"), 3e38)
        ),
        ({"total": struct.pack("<f", 1), "mass": float("inf")}, "'s:0': a word twice, or a number"),
    ],
)
def test_what_does_not_fit_is_refused(kernel: ModuleType, fields: dict[str, Any], named: str) -> None:
    """By name of the story and of the field that holds it."""
    kind, text = told(kernel, packed(([stored(0, **fields)], [])))
    assert kind is InvalidStateError
    assert re.search(named, text), text


def test_the_greatest_numbers_can_be_counted_on_from(kernel: ModuleType) -> None:
    """Whoever made them up: none of them overflows."""
    most = 2**62
    panes = struct.pack("<6q", 7, most, most, most, 0, 2**62)
    story = story_of(
        kernel,
        stored(0, **dict.fromkeys(("heaviest", "ids_total", "label_mentions", "old_ids"), most), panes=panes),
        [(parts((0, most - 5, most)), hashes(5, 6, 7, 8, 9))],
    )
    assert story.ids.add(np.array([10, 8], "<u8")) == 1
    assert not story.add(Cluster("", "", 0, 1e9), 5, 7, 10**9, 1)
    assert (story.ids.total, story.mentions) == (most + 1, most + 1)
    assert story.ids.dump(0, most + 1) == hashes(6, 7, 8, 9, 10)
    assert story.panes() == [(7, most + 1, most + 1, most + 10**9, 2**126 + 10**18 * 2**32)]


@pytest.mark.parametrize(
    "text", [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"a\x80", b"\xc3"]
)
def test_texts_are_utf_8_and_nothing_else(kernel: ModuleType, text: bytes) -> None:
    """As Python says it, also in a story that is out of date."""
    (value,) = packed(([stored(0, label="#" * len(text)), stored(0)], []))
    assert told(kernel, [value.replace(b"#" * len(text), text)])[0] is InvalidStateError


@pytest.mark.parametrize(
    ("own_parts", "own_hashes", "named"),
    [
        (parts((0, 0, 2)), hashes(1), "8 bytes of hashes, expected 16"),
        (parts((0, 0, 1)), hashes(1, 2), "16 bytes of hashes, expected 8"),
        (parts((0, 2, 2)), b"", "a part from id 2 to 2"),
        (parts((0, -1, 2)), hashes(1, 2, 3), "a part from id -1 to 2"),
        (parts((0, 0, 2**63 - 1)), b"", "0 bytes of hashes, expected 73786976294838206456"),
        (b"x" * 23, b"", "23 bytes of parts"),
        (b"", b"1234567", "7 bytes of hashes"),
    ],
)
def test_parts_and_hashes_have_to_fit(kernel: ModuleType, own_parts: bytes, own_hashes: bytes, named: str) -> None:
    """Or hashes would be read that are not there."""
    with pytest.raises(ValueError, match=f"^{named}$"):
        kernel.StoredIds(CAPACITY).take(own_parts, own_hashes)


def test_ids_of_a_story_are_its_newest(kernel: ModuleType) -> None:
    """However its parts overlap; none may be behind its last one."""
    taken = [(parts((0, 0, 4), (0, 4, 9)), hashes(*range(9))), (parts((0, 3, 6)), hashes(3, 4, 5))]
    story = story_of(kernel, stored(0, ids_total=9), taken)
    assert (story.ids.total, story.ids.dump(0, 9)) == (9, hashes(4, 5, 6, 7, 8))
    kind, text = told(kernel, packed(([stored(0, ids_total=8)], [])), taken)
    assert (kind, text) == (InvalidStateError, "story 0: there is an id number 9 of 8")


def test_a_story_takes_as_much_after_a_restart_as_when_it_was_written(kernel: ModuleType) -> None:
    """Its own bytes, also from a version that knew less: by these a log is cleaned."""
    own = [stored(0), stored(1, label="a longer label"), stored(2, id="x" * 300)]
    older = [msgspec.structs.astuple(story)[:13] for story in own]
    value, sizes = msgspec.msgpack.encode((older, [7])), [len(msgspec.msgpack.encode(one)) for one in older]
    for _ in range(2):
        found, index = kernel.StoredStories(PREFIX), index_of(kernel)
        found.take(0, value)
        found.last_key()
        stories, total, _ = found.restore(kernel.StoredIds(CAPACITY), index)
        assert ([story.stored_bytes for story in stories], total) == (sizes, sum(sizes))
        value, sizes = kernel.pack_stories(stories, index, [7, 8, 9])


def test_stories_that_left_are_no_more(kernel: ModuleType) -> None:
    """Unless they are in a later segment; the greatest key is that of those that are there."""
    segments = packed(([stored(0), stored(7)], [0]), ([stored(0, label="again"), stored(2)], [7, 2**64 - 1, -5]))
    keys, last, found, *_ = told(kernel, segments)
    assert keys == [struct.pack("<2q", 0, 7), struct.pack("<2q", 0, 2)]
    assert (last, [(story[0], story[2]) for story in found]) == (2, [(0, "again"), (2, "a label")])
    assert told(kernel, packed(([], [])))[1] == -1


def test_centroids_of_several_sizes_are_loaded(kernel: ModuleType) -> None:
    """Each to the stories of its own size, in any order."""
    sizes = [3, 2, 0, 3, 70]
    own = [stored(key, total=struct.pack(f"<{size}f", *range(1, size + 1))) for key, size in enumerate(sizes)]
    found = told(kernel, packed((own, [])))[2]
    assert [len(story[-1][0]) // 4 for story in found] == sizes


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
def test_stories_that_come_one_by_one_take_little_more_room_than_loaded_ones() -> None:
    """Directions are most of what a brand takes: doubled, half of it might be empty."""
    kernel = importlib.import_module("orchestrator.kernels._fold")
    count, size = 1_030, 384
    grown, loaded = index_of(kernel), kernel.StoredStories(PREFIX)
    total = struct.pack(f"<{size}f", *range(1, size + 1))
    for key in range(count):
        grown.load(key, total, [], b"", 0, 0.0)
    loaded.take(0, packed(([stored(key, total=total) for key in range(count)], []))[0])
    loaded.last_key()
    whole = index_of(kernel)
    loaded.restore(kernel.StoredIds(CAPACITY), whole)
    assert whole.held_bytes() < grown.held_bytes() < 1.2 * whole.held_bytes()


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@pytest.mark.parametrize("count", [10, 44, 200, 3_000])
def test_ids_that_are_known_take_no_room(count: int) -> None:
    """A story that hears of the same mentions again and again stays what it is, from the second time on."""
    kernel = importlib.import_module("orchestrator.kernels._fold")
    own = np.random.default_rng(7).integers(1, 2**63, count, np.uint64)
    story = kernel.Story(0, "id", kernel.MentionIds(10_000))
    assert story.ids.add(own) == count
    story.ids.load(count, story.ids.dump(0, count))
    kernel.grown_bytes([story])
    assert story.ids.add(own) == 0
    assert kernel.grown_bytes([story]) <= 20 * count + 200  # the table, which is made only now
    for _ in range(3):
        assert story.ids.add(own) == 0
        assert kernel.grown_bytes([story]) == 0


def test_words_in_any_script_are_one_word_each(kernel: ModuleType) -> None:
    """Whether the background knew them or a story comes with them first."""
    index = index_of(kernel)
    index.load_background((8, 8), 1, ["ascii", "übel"], struct.pack("<2q", 1, 1), [])
    own = [
        stored(key, words=["ascii", "übel", "neu", "größe"], weights=struct.pack("<4d", 1, 2, 3, 4)) for key in (0, 1)
    ]
    found, ids = kernel.StoredStories(PREFIX), kernel.StoredIds(CAPACITY)
    found.take(0, packed((own, []))[0])
    found.last_key()
    found.restore(ids, index)
    assert (
        index.dump(0)[1:3] == index.dump(1)[1:3] == (["ascii", "übel", "neu", "größe"], struct.pack("<4d", 1, 2, 3, 4))
    )
    assert index.match(("größe", "neu"), -1) == 0
    assert index.dump_background()[1] == ["ascii", "übel"]
