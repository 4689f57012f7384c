"""What single chunks added: the sums are the numbers that readers see, and nothing depends on whether somebody asks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.contributions import Counted, TopicName
from orchestrator.brand.panes import HOUR_MS, PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Chunk, Cluster, TopicCount
from tests.brand.support import DAY_MS, NOW_MS, Keys, batch_of, chunk, listed
from tests.brand.test_state import ROWS, SMALL, arrivals


def watched(rows: Sequence[tuple[Chunk, int]], state: BrandState, keys: Keys | None = None) -> list[Counted]:
    """Fold *rows*, those that come at one time in one batch, and note what each chunk adds."""
    seen: list[Counted] = []
    for now_ms in dict.fromkeys(at_ms for _, at_ms in rows):
        batch = batch_of([one for one, at_ms in rows if at_ms == now_ms], ROWS, state.hashing)
        state.fold(batch, now_ms, seen.extend)
        if keys is not None:
            keys.commit(state.take_changes())
    return seen


@settings(deadline=None)
@given(rows=arrivals())
def test_state_does_not_depend_on_whether_somebody_watches(rows: list[tuple[Chunk, int]]) -> None:
    """Byte for byte, and chunks are told in their order."""
    state, plain = BrandState(SMALL, bytes(16)), BrandState(SMALL, bytes(16))
    seen: list[Counted] = []
    for one, now_ms in rows:
        for this, watch in ((state, seen.extend), (plain, None)):
            this.fold(batch_of([one], ROWS, this.hashing), now_ms, watch)
    assert state.take_changes() == plain.take_changes()
    assert [one.chunk.chunk_id for one in seen] == [one.chunk_id for one, _ in rows]


@settings(deadline=None)
@given(rows=arrivals(), silence_ms=st.sampled_from([0, PANE_MS, 3 * HOUR_MS, DAY_MS]))
def test_sums_are_what_the_summary_shows(rows: list[tuple[Chunk, int]], silence_ms: int) -> None:
    """The total, each story, each hour, each topic: what chunks of the window added, whatever the batches."""
    state = BrandState(SMALL, bytes(16))
    seen = watched(rows, state)
    shown = json.loads(state.summary("nike", rows[-1][1] + silence_ms, 1, 1))
    inside = [one for one in seen if not one.late and one.at_ms // PANE_MS >= state.first_pane]
    assert (shown["totalChunks"], shown["totalMentions"]) == state.totals
    assert state.totals == (len(inside), sum(one.mentions for one in inside))
    members: Counter[int] = Counter(key for one in inside for key, _ in one.joined)
    mentions: Counter[int] = Counter()
    for one in inside:
        for key, brought in one.joined:
            mentions[key] += brought
    stories = {story["id"]: story for story in shown["clusters"]}
    for key, view in state.story_views().items():
        assert (members[key], mentions[key]) == (view.members, view.mentions)
        assert (stories[view.id]["members"], stories[view.id]["mentions"]) == (view.members, view.mentions)
    hours: Counter[int] = Counter()
    for one in seen:
        hours[one.at_ms // HOUR_MS] += one.mentions
    for hour in [hour for hour in hours if state.totals_of_hour(hour)[0]]:
        assert state.totals_of_hour(hour)[1] == hours[hour]
    for topic in shown["topics"]:
        told = [TopicName(topic["topic"]).mentions_in(one) for one in inside]
        counted, in_chunks_of = (sum(pair[place] for pair in told) for place in (0, 1))
        assert (topic["mentions"], topic["inChunksOf"]) == (counted or in_chunks_of, in_chunks_of)


def test_late_and_nameless_add_to_what_they_count_in() -> None:
    """A late chunk joins no story; a cluster without a name is in none; one whose ids are known brings nothing."""
    state = BrandState.empty(SMALL)
    parts = [Cluster("0", "door recall", listed("a", "b")), Cluster("1", "-1_the_to", listed("c"))]
    rows = [
        (chunk(1, clusters=parts, topics=[TopicCount("recall", 2), "door"]), NOW_MS),
        (chunk(2, clusters=parts, processed_at=NOW_MS - 20 * HOUR_MS, topics=["recall"]), NOW_MS),
        (chunk(3, clusters=parts), NOW_MS),
    ]
    first, late, again = watched(rows, state)
    assert [len(one.joined) for one in (first, late, again)] == [1, 0, 1]
    assert [[brought for _, brought in one.joined] for one in (first, again)] == [[2], [0]]
    assert (late.late, late.sizes, late.mentions) == (True, [2, 1], 3)
    recall = TopicName("#Recall")
    assert [recall.mentions_in(one) for one in (first, late, again)] == [(2, 0), (0, 0), (0, 0)]
    assert TopicName("the").mentions_in(first) == (0, 0)


def test_nobody_watches_after_a_fold_that_was_watched() -> None:
    """The next fold notes nothing: what is noted takes memory."""
    state = BrandState.empty(SMALL)
    watched([(chunk(1, clusters=[Cluster("0", "door recall", listed("a"))]), NOW_MS)], state)
    assert state._stories.joined is None
