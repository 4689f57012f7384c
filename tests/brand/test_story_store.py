"""Stories and mention ids in storage: what is loaded is what was there, whatever was cleaned in between."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand import mentions, segments, story_store
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.stories import StoryBook
from orchestrator.contract.chunk import Cluster
from orchestrator.errors import InvalidStateError
from orchestrator.kernels.fold import PART_BYTES, pack_stories
from tests.brand.support import batch_of, chunk, is_segment, listed, meaning_of_stories

PANE = 1_000
MOST = 6  # stories
LABELS = [f"word{number}" for number in range(9)]

Fields = dict[bytes, bytes]


def fold(book: StoryBook, number: int, clusters: Sequence[tuple[str, Sequence[int]]]) -> None:
    """One chunk whose clusters have these labels and mention ids."""
    made = [Cluster("", label, listed(*(f"m{one}" for one in ids))) for label, ids in clusters]
    book.fold_batch(batch_of([chunk(clusters=made, chunk_id=f"c{number}")]), [PANE * PANE_MS], [PANE])


def commit(book: StoryBook, fields: Fields) -> int:
    """Let *fields* be what the book has to store; how many bytes that wrote."""
    put: Fields = {}
    remove: list[bytes] = []
    book.take_changes(put, remove)
    assert not set(filter(is_segment, put)) & set(fields), "a segment was written twice"
    for name in remove:
        del fields[name]
    fields |= put
    return sum(map(len, put.values()))


def stored(fields: Fields) -> int:
    """Bytes of segments."""
    return sum(len(value) for name, value in fields.items() if is_segment(name))


def living(book: StoryBook) -> int:
    """Bytes that the stories take when each is written once."""
    sizes = pack_stories(list(book.records.values()), book.index, [])[1]
    return sum(sizes) + sum(len(ids) + PART_BYTES for _, ids in meaning_of_stories(book).values())


@contextmanager
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Segments without slack, cleaned in small portions, so that cleaning never stops."""
    with monkeypatch.context() as patched:
        patched.setattr(segments, "SLACK_BYTES", 64)
        patched.setattr(segments, "MOST_CLEANED_BYTES", 2_000)
        yield


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with small(monkeypatch):
        yield


COMMITS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(LABELS), st.lists(st.integers(0, 40), max_size=6)), max_size=5),
        st.booleans(),
    ),
    max_size=40,
)


@given(commits=COMMITS)
def test_loading_gives_what_was_there(commits: list[Any]) -> None:
    """After every commit: the same stories, the same ids in the same order, and none that left; restarts or not."""
    with pytest.MonkeyPatch.context() as patched, small(patched):
        book, fields = StoryBook(0.75, MOST), Fields()
        for number, (clusters, restart) in enumerate(commits):
            fold(book, number, clusters)
            commit(book, fields)
            loaded = StoryBook.load(0.75, MOST, fields)
            assert meaning_of_stories(loaded) == meaning_of_stories(book)
            if restart:
                book = loaded


@pytest.mark.usefixtures("_small")
def test_log_stays_within_twice_what_lives() -> None:
    """However often a story is written: the rest is cleaned, ids in single parts included."""
    book, fields = StoryBook(0.75, MOST), Fields()
    for number in range(400):
        fold(book, number, [(LABELS[number % 5], [number])])
        written = commit(book, fields)
        assert stored(fields) <= 2 * living(book) + 2 * 64 + 2 * written


@pytest.mark.usefixtures("_small")
def test_stories_that_left_take_no_room() -> None:
    """However many came and went with their ids, storage holds those that are there."""
    book, fields = StoryBook(0.75, MOST), Fields()
    for number in range(300):
        fold(book, number, [(f"label{number}", range(number * 20, number * 20 + 20))])
        written = commit(book, fields)
        assert stored(fields) <= 2 * living(book) + 2 * 64 + 2 * written


def test_commits_cost_what_they_change() -> None:
    """A story that gets an id a commit is no reason to write everything again: twice as long, twice as much."""
    book, fields = StoryBook(0.75, 100), Fields()
    for label in range(100):
        fold(book, label, [(f"label{label}", range(label * 100, label * 100 + 100))])
    commit(book, fields)
    written = []
    for number in range(4_000):
        fold(book, number, [(f"label{number % 100}", [100_000 + number])])
        written.append(commit(book, fields))
    first, second = sum(written[:2_000]), sum(written[2_000:])
    assert second < 1.5 * first
    assert second < 4 * 2_000 * 250  # a story takes some 200 bytes, an id in a part of its own 32


def test_ids_cost_what_is_added() -> None:
    """Few ids a commit for many stories: an id is written four times over with its part, and not much more often."""
    book, fields = StoryBook(0.75, 200), Fields()
    written = added = 0
    for number in range(1_500):
        fold(book, number, [(f"label{(number * 20 + place) % 200}", [number * 20 + place]) for place in range(20)])
        before = {name for name in fields if name.startswith(mentions.PREFIX)}
        commit(book, fields)
        written += sum(len(fields[name]) for name in fields if name.startswith(mentions.PREFIX) and name not in before)
        added += 20 * 8
    assert written < 12 * added


def test_ids_that_are_forgotten_are_not_stored_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a story with more ids than are remembered, storage holds twice the remembered ones at most."""
    for module in (mentions, story_store):
        monkeypatch.setattr(module, "KEPT_IDS", 500)
    monkeypatch.setattr("orchestrator.brand.stories.KEPT_IDS", 500)
    book, fields = StoryBook(0.75, 5), Fields()
    for number in range(200):
        fold(book, number, [("one", range(number * 100, number * 100 + 100))])
        commit(book, fields)
    ids = sum(len(value) for name, value in fields.items() if name.startswith(mentions.PREFIX))
    assert ids < 2 * 500 * 8 + segments.SLACK_BYTES + 2_000
    assert meaning_of_stories(StoryBook.load(0.75, 5, fields)) == meaning_of_stories(book)


def stored_book() -> Fields:
    """Three commits of two stories."""
    book, fields = StoryBook(0.75, MOST), Fields()
    for number in range(3):
        fold(book, number, [("one", [number]), ("two", [number, number + 10])])
        commit(book, fields)
    return fields


def parts_of(fields: Fields, name: bytes) -> tuple[bytes, bytes]:
    """The parts and the hashes of a segment of ids."""
    parts, hashes, keyed = msgspec.msgpack.decode(fields[name], type=tuple[bytes, bytes, bool])
    assert keyed
    return parts, hashes


@pytest.mark.parametrize(
    ("name", "damage", "named"),
    [
        (b"m:1", lambda _: None, "m:1"),
        (b"m:2", lambda _: None, "story"),
        (b"s:0", lambda value: value[:-1], "s:0"),
        (b"s:1", lambda _: b"\xc1", "s:1"),
        (b"s", lambda _: None, "'s' is older"),
        (b"f", lambda _: b"\xc1", "'f'"),
        (b"f", lambda _: b"\x08", "'b' is of 0 clusters, b'f' of 8"),
        (b"b", lambda _: msgspec.msgpack.encode((8, 1, ["a"], bytes(8))), "'b' is of 8 clusters"),
        (b"m:0", lambda _: msgspec.msgpack.encode((b"x" * 23, b"", True)), "23 bytes of parts"),
        (b"m:0", lambda value: value.replace(b"\x01\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0", 1), "m:0"),
    ],
)
def test_loading_refuses_damage(name: bytes, damage: Any, named: str) -> None:
    """What is missing, cut or foreign is an error that names the field or the story."""
    fields = stored_book()
    value = damage(fields.pop(name, b""))
    if value is not None:
        fields[name] = value
    with pytest.raises(InvalidStateError, match=named):
        StoryBook.load(0.75, MOST, fields)


def test_loading_refuses_a_background_that_makes_no_sense() -> None:
    """Words without counts would weigh anything."""
    for background, named in (
        ((8, 1, ["a"], bytes(8)), "words and counts"),
        ((8, 1, [], b"", [b"x"]), "mean direction"),
    ):
        fields = stored_book() | {b"f": b"\x08", b"b": msgspec.msgpack.encode(background)}
        with pytest.raises(InvalidStateError, match=f"'b'.*{named}"):
            StoryBook.load(0.75, MOST, fields)


def test_loading_takes_what_was_stored_before_there_was_a_background() -> None:
    """Stories without the newer fields: all words weigh alike, and the first count comes eight clusters later."""
    fields = stored_book()
    del fields[b"f"]
    for name in [name for name in fields if name.startswith(b"s:")]:
        stories, removed = msgspec.msgpack.decode(fields[name])
        fields[name] = msgspec.msgpack.encode(([story[:13] for story in stories], removed))
    book = loaded_with_keyed_ids(fields)
    assert [story.label for story in book.top(9)] == ["two", "one"]
    fold(book, 3, [("one", [3])] * 7)
    assert (len(book), book.index.renewed_at) == (2, 0)
    fold(book, 4, [("one", [3])])
    assert (len(book), book.index.renewed_at) == (2, 8)
    commit(book, fields)
    assert meaning_of_stories(loaded_with_keyed_ids(fields)) == meaning_of_stories(book)


def loaded_with_keyed_ids(fields: Fields) -> StoryBook:
    """The book of *fields*; stories that do not say so would pass for having ids from before there was a key."""
    book = StoryBook.load(0.75, MOST, fields)
    for story in book.records.values():
        story.old_ids = 0
    return book


def test_loading_brings_the_headline_back() -> None:
    """With what its spellings have won, and with its words: it goes on as if nothing had happened."""
    book, fields = StoryBook(0.75, MOST), Fields()
    for number, label in enumerate(["late flight", "late flight", "Late flight", "Late flight"]):
        fold(book, number, [(label, [number])])
    commit(book, fields)
    for next_label in ("Late flight", "late", "late flight!"):
        loaded = StoryBook.load(0.75, MOST, fields)
        fold(loaded, 5, [(next_label, [5])] * 2)
        (story,) = [story for story in loaded.records.values() if "flight" in story.label]
        assert story.label == ("Late flight" if next_label == "Late flight" else "late flight")


def test_loading_takes_the_label_of_an_older_version_for_the_headline() -> None:
    """It was that of the heaviest member, and stays until another label or another spelling has more."""
    fields = stored_book()
    for name in [name for name in fields if name.startswith(b"s:")]:
        stories, removed = msgspec.msgpack.decode(fields[name])
        fields[name] = msgspec.msgpack.encode(([story[:16] for story in stories], removed))
    book = StoryBook.load(0.75, MOST, fields)
    two = next(story for story in book.records.values() if story.label == "two")
    assert (two.label_mentions, two.spellings) == (two.heaviest, ())
    for number in range(two.heaviest + 1):
        assert "two" in [story.label for story in book.top(9)]
        fold(book, 3 + number, [("Two", [3])])
    assert sorted(story.label for story in book.top(9)) == ["Two", "one"]
    commit(book, fields)
    again = StoryBook.load(0.75, MOST, fields)
    assert meaning_of_stories(again) == meaning_of_stories(book)


def test_loading_refuses_hashes_that_do_not_fit_their_parts() -> None:
    """A segment has as many hashes as its parts say."""
    fields = stored_book()
    parts, hashes = parts_of(fields, b"m:1")
    for cut in (hashes[:-8], hashes + b"x" * 8, hashes[:-1]):
        fields[b"m:1"] = msgspec.msgpack.encode((parts, cut, True))
        with pytest.raises(InvalidStateError, match="m:1"):
            StoryBook.load(0.75, MOST, fields)


def test_loading_refuses_ids_that_a_story_has_not() -> None:
    """A part after a story's last id would be read from outside its ring when its segment is cleaned."""
    fields = stored_book()
    beyond = struct.pack("<3q", 0, 7, 9)
    fields[b"m:3"] = msgspec.msgpack.encode((beyond, bytes(16), True))
    with pytest.raises(InvalidStateError, match="story 0: there is an id number 9"):
        StoryBook.load(0.75, MOST, fields)


def test_story_that_left_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from the segment that spoke of it last, however much is cleaned before and after."""
    with small(monkeypatch):
        book, fields = StoryBook(0.75, 2), Fields()
        for number in range(60):
            fold(book, number, [(f"label{number}", range(number * 9, number * 9 + 2 + number % 3))])
            commit(book, fields)
            assert set(StoryBook.load(0.75, 2, fields).records) == set(book.records)
