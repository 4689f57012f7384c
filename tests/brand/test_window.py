"""Tests of panes, totals and the comparison with the window before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.codec import pack
from orchestrator.brand.measures import Measures
from orchestrator.brand.sentiment import Tally
from orchestrator.brand.topics import MAX_TOPICS
from orchestrator.brand.window import Window
from orchestrator.contract.chunk import Chunk
from tests.brand.support import DAY_MS, chunk

SPAN = 96  # panes of a day


def window_of(*rows: tuple[int, int, list[str]], first: int = 0) -> Window:
    """A window of a day with a chunk for each row of pane, mentions and topics, then advanced."""
    window = Window(DAY_MS)
    fold(window, rows)
    window.advance(first)
    return window


def fold(window: Window, rows: Sequence[tuple[int, int, list[str]]]) -> None:
    """Fold a chunk for each of *rows* into *window*; their only cluster is small and called story a."""
    chunks: list[Chunk] = [chunk(topics=row[2]) for row in rows]
    mentions, ones = [row[1] for row in rows], [1] * len(rows)
    apart = [max(0, count - 1) for count in mentions]
    measures = Measures(mentions, apart, ones, list(range(1, len(rows) + 1)), {"story a"}, chunks)
    window.fold([row[0] for row in rows], chunks, measures)


def views(window: Window) -> list[tuple[str, int, int | None]]:
    """The topics shown."""
    return [(view.topic, view.mentions, view.before) for view in window.heaviest_topics(10)]


def test_window_is_the_sum_of_its_panes() -> None:
    """Panes before the first no longer count."""
    window = window_of((5, 10, []), (6, 20, []), (7, 40, []), first=6)
    assert (window.total.chunks, window.total.mentions) == (2, 60)


def test_topics_show_their_most_frequent_spelling() -> None:
    """Weight decides between spellings, the alphabet between equals."""
    window = window_of((5, 10, ["launch"]), (6, 20, ["Launch"]), (6, 5, ["b"]), (7, 5, ["B"]))
    assert views(window) == [("Launch", 30, None), ("B", 10, None)]


def test_mentions_in_no_story_leave_with_their_pane() -> None:
    """Each of these chunks has one mention in a story; the others count as long as the window has their pane."""
    window = window_of((5, 10, []), (6, 20, []), (7, 1, []), first=6)
    assert window.in_no_story == 19
    put: dict[bytes, bytes] = {}
    window.take_changes(put, [])
    loaded = Window.load(DAY_MS, put, 5)
    loaded.advance(6)
    assert loaded.in_no_story == 19


def test_a_pane_of_the_format_before_can_be_read() -> None:
    """It knew no mentions in no story, and of topics only the size of their chunks."""
    fields = {b"p:5": pack([Tally(1, 10).to_fields(), [("launch", 10, {"Launch": 10})]])}
    window = Window.load(DAY_MS, fields, 5)
    [view] = window.heaviest_topics(9)
    assert (view.topic, view.mentions, view.in_chunks_of) == ("Launch", 10, 10)
    assert window.in_no_story == 0


def test_topics_count_what_is_counted_and_tell_the_rest() -> None:
    """What is only known to be in chunks of so many is told beside it, and alone where nothing is counted."""
    window = window_of((5, 50, ["story a", "launch"]), (6, 70, ["launch", "a story"]))
    assert [(view.topic, view.mentions, view.in_chunks_of) for view in window.heaviest_topics(9)] == [
        ("a story", 2, 0),
        ("launch", 120, 120),
    ]


def test_topics_compare_in_the_same_measure() -> None:
    """Counted mentions with counted ones, chunks with chunks."""
    window = window_of((100, 10, ["story", "launch"]), (196, 15, ["story", "launch"]), first=196)
    assert [(view.topic, view.change) for view in window.heaviest_topics(2)] == [("story", 0.0), ("launch", 0.5)]


def test_topics_compare_with_the_window_before() -> None:
    """Mentions of panes that left the window are what the topic's change is measured against."""
    window = window_of((100, 10, ["launch"]), (196, 15, ["Launch", "new"]), first=196)
    launch, new = window.heaviest_topics(2)
    assert (launch.topic, launch.mentions, launch.change) == ("Launch", 15, 0.5)
    assert (new.topic, new.before, new.change, new.new) == ("new", 0, None, True)
    assert not launch.new


def test_topics_have_no_change_before_two_windows_are_over() -> None:
    """A brand first seen within the window before has nothing fair to compare with."""
    window = window_of((105, 10, ["launch"]), (196, 15, ["launch"]), first=196)
    assert views(window) == [("launch", 15, None)]


def test_panes_leave_for_good_after_two_windows() -> None:
    """The state of a pane is deleted when neither window has it."""
    window = window_of((100, 10, ["launch"]), (200, 10, []))
    window.take_changes({}, [])
    window.advance(100 + SPAN)
    removed: list[bytes] = []
    window.take_changes({}, removed)
    assert removed == []
    window.advance(101 + SPAN)
    window.take_changes({}, removed)
    assert removed == [b"p:100"]


def test_topics_of_a_pane_are_bounded() -> None:
    """Ten thousand topics in one pane leave a bounded state, and the totals are those of what is left."""
    rows = [(5, number % 7, [f"t{number * 10 + place}" for place in range(10)]) for number in range(1000)]
    window = window_of(*rows)
    put: dict[bytes, bytes] = {}
    window.take_changes(put, [])
    assert len(put[b"p:5"]) < 2 * MAX_TOPICS * 30
    loaded = Window.load(DAY_MS, put, 5)
    assert views(loaded) == views(window)


many_topics = st.lists(
    st.tuples(
        st.integers(5, 6),
        st.integers(0, 9),
        st.lists(st.integers(0, 900).map("t{}".format), min_size=100, max_size=200),
    ),
    min_size=4,
    max_size=10,
)


@settings(max_examples=20)  # each example is a thousand topics
@given(many_topics, st.integers(1, 5))
def test_pruning_does_not_depend_on_batch_cuts(rows: list[tuple[int, int, list[str]]], cut: int) -> None:
    """Which topics a full pane keeps is decided chunk by chunk, however the batches are cut."""
    at_once, in_parts = Window(DAY_MS), Window(DAY_MS)
    for window, size in ((at_once, len(rows)), (in_parts, cut)):
        for start in range(0, len(rows), size):
            fold(window, rows[start : start + size])
    left: dict[bytes, bytes] = {}
    right: dict[bytes, bytes] = {}
    at_once.take_changes(left, [])
    in_parts.take_changes(right, [])
    assert left == right


@pytest.mark.parametrize(
    ("rows", "first", "due"),
    [
        ([(160, 1, [])], 150, 161),  # the oldest pane leaves the window
        ([(100, 1, ["a"]), (240, 1, ["a"])], 192, 197),  # the oldest pane leaves the window before
        ([(139, 1, ["a"]), (250, 1, ["a"])], 200, 231),  # the window before has been watched from (nearly) its start
        ([(100, 1, [])], 150, None),  # nothing in the window: there is nothing to compare
    ],
)
def test_due_first_is_the_next_window_that_tells_otherwise(
    rows: list[tuple[int, int, list[str]]], first: int, due: int | None
) -> None:
    """What is told changes when a pane leaves either window, and when the comparison becomes fair."""
    assert window_of(*rows, first=first).due_first() == due


def test_a_fair_comparison_appears_when_it_is_due() -> None:
    """The change of a topic is told from the window on that has a watched one before it."""
    window = window_of((139, 10, ["a"]), (250, 15, ["a"]), first=230)
    assert window.heaviest_topics(1)[0].change is None
    window.advance(231)
    assert window.heaviest_topics(1)[0].change == 0.5
