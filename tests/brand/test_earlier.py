"""What stories had in the window before: noted once, kept for a window, and the same after any restart."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.codec import pack
from orchestrator.brand.earlier import HEAD_FIELD, PREFIX, Earlier
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Cluster
from orchestrator.errors import InvalidStateError
from tests.brand.support import HOUR_MS, NOW_MS, Keys, batch_of, chunk_at, listed, summary_of

CONFIG = FoldConfig(window_ms=4 * HOUR_MS)
HALF_DAY = FoldConfig(window_ms=12 * HOUR_MS)
SPAN = 16
LATE = 4  # a brand that came so much later was watched for the whole window
START_MS = NOW_MS - NOW_MS % HOUR_MS

Rows = list[tuple[int, dict[str, int]]]


def push(state: BrandState, number: int, at_ms: int, sizes: dict[str, int]) -> None:
    """Fold a chunk of that time with a cluster for each label, of so many different mentions."""
    clusters = [
        Cluster(f"{label}-id", label, listed(*(f"{number}-{label}-{one}" for one in range(size))))
        for label, size in sizes.items()
    ]
    state.fold(batch_of([chunk_at(at_ms, chunk_id=f"c{number}", clusters=clusters)], hashing=state.hashing), at_ms)


def stories(state: BrandState, now_ms: int) -> dict[str, Any]:
    """The stories of the summary by their label."""
    return {story["label"]: story for story in summary_of(state, now_ms)["clusters"]}


def test_a_story_tells_its_change() -> None:
    """Against its mentions in the window before, as soon as that is known; what is new has none."""
    state = BrandState.empty(CONFIG)
    for quarter in range(33):
        push(state, quarter, START_MS + quarter * HOUR_MS // 4, {"battery": 2 if quarter < 16 else 3})
        if quarter == 27:
            assert stories(state, START_MS + quarter * HOUR_MS // 4)["battery"]["change"] is None
    push(state, 99, START_MS + 8 * HOUR_MS, {"refund": 5})
    found = stories(state, START_MS + 8 * HOUR_MS)
    assert found["battery"]["change"] == pytest.approx((17 * 3 - 16 * 2) / (16 * 2))
    assert (found["refund"]["change"], found["refund"]["state"]) == (None, "new")


def test_panes_that_leave_at_once_leave_one_after_the_other() -> None:
    """The oldest first, whichever a late chunk opened: what is noted is the same as if time had stopped at each."""
    keys, pane = Keys(), START_MS // PANE_MS
    state = BrandState.empty(CONFIG)
    push(state, 0, START_MS, {"battery": 2})
    late = chunk_at(START_MS - PANE_MS, chunk_id="c1", clusters=[Cluster("battery-id", "battery", listed("m"))])
    state.fold(batch_of([late], hashing=state.hashing), START_MS)
    keys.commit(state.take_changes())
    state.advance(START_MS + 5 * HOUR_MS)  # both panes have left, and the story with the younger one
    keys.commit(state.take_changes())
    assert [name for name in keys.state if name.startswith(PREFIX)] == [b"%b%d" % (PREFIX, pane - 1)]


def test_a_story_stands_the_same_after_a_restart() -> None:
    """By its settled quarters alone: a huge chunk says nothing of how large usual ones are until it is settled."""
    config = FoldConfig()
    state, keys = BrandState.empty(config), Keys()
    for number in range(200):
        quarter = number // 5
        push(state, number, START_MS + quarter * PANE_MS, {"battery": 4 if quarter < 34 else 16})
    now_ms = START_MS + 39 * PANE_MS
    assert stories(state, now_ms)["battery"]["state"] == "growing"
    push(state, 999, now_ms, {"battery": 5_000})
    keys.commit(state.take_changes())
    found = [stories(one, now_ms)["battery"]["state"] for one in (state, BrandState.load(config, keys.state))]
    assert found == ["growing", "growing"]


def quiet_story(panes: dict[int, int]) -> tuple[BrandState, int]:
    """A story with so many mentions in panes of a window of twelve hours, and the hour in which it is quiet, Unix ms.

    It began in an hour before that window, so its course has all panes of it.
    """
    state, begin = BrandState.empty(HALF_DAY), START_MS - 12 * HOUR_MS
    numbers = itertools.count()
    for pane, mentions in {-4: 1, **panes}.items():
        for _ in range(mentions):
            push(state, next(numbers), begin + pane * PANE_MS, {"battery": 1})
    state.advance(START_MS)
    return state, START_MS


def test_a_quiet_story_stands_the_same_all_hour() -> None:
    """Its course has as many panes at the end of the hour as at its beginning."""
    state, now_ms = quiet_story({3: 20, 5: 10})
    keys = Keys()
    keys.commit(state.take_changes())
    loaded = [BrandState.load(HALF_DAY, keys.state) for _ in range(4)]
    found = [stories(one, now_ms + quarter * PANE_MS)["battery"]["state"] for quarter, one in enumerate(loaded)]
    assert found == ["steady"] * 4


def test_state_is_found_anew_where_a_late_chunk_makes_up_for_a_pane() -> None:
    """As many mentions in as many clusters, but in other panes."""
    state, now_ms = quiet_story({0: 9, 3: 20, 5: 10})
    before, keys = stories(state, now_ms)["battery"]["state"], Keys()
    late = [
        chunk_at(
            now_ms - 7 * HOUR_MS, chunk_id=f"late {number}", clusters=[Cluster("x", "battery", listed(f"{number}"))]
        )
        for number in range(9)
    ]
    state.fold(batch_of(late, hashing=state.hashing), now_ms + PANE_MS)
    keys.commit(state.take_changes())
    loaded = BrandState.load(HALF_DAY, keys.state)
    found = [stories(one, now_ms + PANE_MS)["battery"] for one in (state, loaded)]
    assert [story["mentions"] for story in found] == [39, 39]
    assert found[0]["state"] == found[1]["state"] != before


def test_the_curve_is_by_the_hour() -> None:
    """Of 24 hours, the running one last; what a worker's clock is ahead counts in that one."""
    state = BrandState.empty(CONFIG)
    for hour, size in ((0, 1), (1, 2), (3, 4)):
        push(state, hour, START_MS + hour * HOUR_MS, {"battery": size})
    assert stories(state, START_MS + 3 * HOUR_MS)["battery"]["curve"] == [0] * 20 + [1, 2, 0, 4]
    assert stories(state, START_MS + 4 * HOUR_MS)["battery"]["curve"] == [0] * 19 + [1, 2, 0, 4, 0]
    push(state, 9, START_MS + 4 * HOUR_MS + 59 * HOUR_MS // 60, {"battery": 8})
    now_ms = START_MS + 5 * HOUR_MS - 120_000
    state.fold(batch_of([chunk_at(now_ms + 180_000, clusters=[Cluster("x", "battery", listed("n"))])]), now_ms)
    assert stories(state, now_ms)["battery"]["curve"][-1] == 9


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.dictionaries(st.sampled_from(["refund", "colour", "delay"]), st.integers(1, 4), max_size=3),
        )
    )
)
def test_notes_and_stories_add_up(rows: Rows) -> None:
    """Of a story that never leaves, window and window before have all there was; restarts change nothing."""
    state, keys = BrandState.empty(CONFIG), Keys()
    sent: dict[str, list[tuple[int, int]]] = {}
    pane = 0
    for number, (pause, sizes) in enumerate([*rows, (1, {"refund": 1})] * 3):
        pane += pause
        push(state, number, START_MS + pane * HOUR_MS // 4, {"battery": 1, **sizes})
        sent.setdefault("battery", []).append((pane, 1))
        keys.commit(state.take_changes())
        if number % 2:
            state = BrandState.load(CONFIG, keys.state)
    found = stories(state, START_MS + pane * HOUR_MS // 4)["battery"]
    inside = sum(size for at, size in sent["battery"] if at >= pane - SPAN)
    before = sum(size for at, size in sent["battery"] if pane - 2 * SPAN <= at < pane - SPAN)
    assert found["mentions"] == inside
    assert found["change"] == (
        None
        if not before or pane - sent["battery"][0][0] < 2 * SPAN - LATE
        else pytest.approx(inside / before - 1, abs=1e-6)
    )


def test_nothing_noted_outlives_its_window() -> None:
    """A pane's note goes one window after the pane, from memory and from the state."""
    state, keys = BrandState.empty(CONFIG), Keys()
    for hour in range(30):
        push(state, hour, START_MS + hour * HOUR_MS, {"battery": 1})
        keys.commit(state.take_changes())
    assert len([name for name in keys.state if name.startswith(PREFIX)]) == 4
    state.advance(START_MS + 60 * HOUR_MS)
    keys.commit(state.take_changes())
    assert not [name for name in keys.state if name.startswith(PREFIX)]


def test_a_state_without_notes_knows_nothing_for_a_window() -> None:
    """Of an older version, of another window: a change is told when a whole window was noted."""
    earlier = Earlier.load(SPAN, {})
    known = [earlier.known]
    earlier.begin(100)
    for first in (100 + SPAN - 1, 100 + SPAN):
        earlier.advance(first)
        known.append(earlier.known)
    assert known == [False, False, True]
    put: dict[bytes, bytes] = {}
    earlier.note(100, {7: 3})
    earlier.take_changes(put, [])
    assert (Earlier.load(SPAN, put).known, Earlier.load(SPAN, put).mentions(7)) == (True, 3)
    removed: list[bytes] = []
    other = Earlier.load(SPAN + 1, put)
    other.take_changes({}, removed)
    assert (other.known, other.mentions(7), removed) == (False, 0, [b"q:100"])


def test_what_had_left_when_it_was_stored_is_not_noted_again() -> None:
    """A story that lost a pane is not stored for it, so the pane leaves once more after loading."""
    earlier = Earlier(SPAN)
    assert not earlier.notes(5)
    earlier.begin(5)
    assert (earlier.notes(4), earlier.notes(5)) == (False, True)


@pytest.mark.parametrize("fields", [{HEAD_FIELD: b"\xc1"}, {HEAD_FIELD: b"\x93\x01\x01\x10", b"q:x": b"\x80"}])
def test_damage_is_told(fields: dict[bytes, bytes]) -> None:
    """A field that cannot be read is named."""
    with pytest.raises(InvalidStateError, match="q"):
        Earlier.load(SPAN, fields)


def test_changes_of_the_window_are_in_the_summary() -> None:
    """Mentions by their ratio, net sentiment by its difference; a topic that is new says so."""
    state = BrandState.empty(CONFIG)
    for quarter in range(33):
        push(state, quarter, START_MS + quarter * HOUR_MS // 4, {"battery": 2 if quarter < 16 else 3})
    document = summary_of(state, START_MS + 8 * HOUR_MS)
    assert document["changes"] == {"mentions": pytest.approx(17 * 3 / 32 - 1, abs=1e-6), "netSentiment": 0.0}
    assert json.loads(BrandState.empty(CONFIG).summary("x", NOW_MS, 1, 1))["changes"] == {
        "mentions": None,
        "netSentiment": None,
    }


def test_note_does_not_tell_the_order_of_stories() -> None:
    """After a restart stories have another order in memory; the stored bytes are the same."""
    puts: list[dict[bytes, bytes]] = [{}, {}]
    for put, had in zip(puts, ({1: 2, 300: 4}, {300: 4, 1: 2}), strict=True):
        earlier = Earlier(SPAN)
        earlier.begin(5)
        earlier.note(5, had)
        earlier.take_changes(put, [])
    assert puts[0] == puts[1]


@pytest.mark.parametrize("mentions", [0, -3])
def test_note_with_a_number_that_none_can_have_is_refused(mentions: int) -> None:
    """A sum that came to nothing early would be looked for in vain when the next note leaves."""
    put: dict[bytes, bytes] = {}
    earlier = Earlier(SPAN)
    earlier.begin(5)
    earlier.note(5, {1: 3})
    earlier.take_changes(put, [])
    put[PREFIX + b"6"] = pack({1: mentions})
    with pytest.raises(InvalidStateError, match="q:6"):
        Earlier.load(SPAN, put)
