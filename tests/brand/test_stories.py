"""Stories: who joins whom, what counts, who leaves, and that neither cuts nor restarts matter."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.labels import is_name, words
from orchestrator.brand.normal_form import normal_form, without_frame
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.stories import HEADLINE_CHARS, LABEL_THRESHOLD, StoryBook, StoryView, eviction_rank
from orchestrator.brand.story_store import BACKGROUND_FIELD, FOLDED_FIELD
from orchestrator.contract.chunk import Chunk, Cluster, Sentiment
from orchestrator.contract.decode import ChunkBatch, decode_batch
from orchestrator.errors import InvalidStateError
from orchestrator.kernels.rows import is_text
from tests.brand.support import DATA, Listed, batch_of, listed, meaning_of_stories
from tests.story_oracle import Member, Oracle, OracleHeadline, check_choice

PANE = 1_000
AT_MS = PANE * PANE_MS + 5


def cluster(label: str = "launch buzz", mentions: Sequence[str] = ("m1",), **fields: Any) -> Cluster:
    """A cluster of *label*."""
    return Cluster(id=fields.pop("id", "0"), label=label, mentions=listed(*mentions), **fields)


def chunk(*clusters: Cluster, chunk_id: str = "c") -> Chunk:
    """A chunk of *clusters*."""
    return Chunk(chunk_id=chunk_id, brand="b", sentiment=Sentiment(score=0.0), clusters=list(clusters))


def fold(book: StoryBook, chunks: Sequence[Chunk], *times: int, rows: Sequence[Sequence[float]] = ()) -> int:
    """Fold *chunks* as one batch, stamped *times*; how many clusters that were."""
    return fold_batch(book, batch_of(chunks, rows), *times)


def fold_batch(book: StoryBook, batch: ChunkBatch, *times: int) -> int:
    """The same for a batch."""
    return book.fold_batch(batch, times, [at_ms // PANE_MS for at_ms in times])


def take(book: StoryBook) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The fields that a commit would set, and those that it would remove."""
    put: dict[bytes, bytes] = {}
    remove: list[bytes] = []
    book.take_changes(put, remove)
    return put, remove


def folded(*chunks: Chunk, at_ms: int = AT_MS, max_stories: int = 100) -> StoryBook:
    """A book of *chunks*, all stamped *at_ms*."""
    book = StoryBook(0.75, max_stories)
    fold(book, chunks, *[at_ms] * len(chunks))
    return book


def folded_items(items: list[bytes]) -> StoryBook:
    """A book of what nike's queue held."""
    book, batch = StoryBook(0.75, 100), decode_batch(items, "nike")
    fold_batch(book, batch, *[AT_MS] * len(batch))
    return book


def by_label(book: StoryBook) -> dict[str, StoryView]:
    """The stories by label."""
    return {story.label: story for story in book.top(1_000)}


def test_fold_merges_near_identical_labels() -> None:
    """The README's sample and its neighbour: one story of three different mentions, and another."""
    items = (DATA / "chunks_counts.ndjson").read_bytes().splitlines()[:2]
    book = folded_items(items)
    launch, sizing = book.top(10)
    assert (launch.id, launch.label, launch.mentions, launch.members) == ("launch-positive", "Launch Buzz", 3, 2)
    assert (launch.flagged_at_ms, sizing.flagged_at_ms) == (AT_MS, None)
    assert (sizing.id, sizing.mentions) == ("sizing", 1)
    assert sizing.sentiment_score == pytest.approx(-0.6)


def test_fold_returns_the_number_of_clusters() -> None:
    """What a chunk adds to the counter of aggregated clusters."""
    assert fold(StoryBook(0.75, 10), [chunk(cluster(), cluster("other words")), chunk(cluster())], AT_MS, AT_MS) == 3
    assert fold(StoryBook(0.75, 10), [chunk()], AT_MS) == 0


def test_fold_counts_an_id_once_a_story() -> None:
    """Ids of a complete list count once; example texts are taken at the count's word."""
    complete = cluster(mentions=["a", "b", "a"])
    examples = cluster(mentions=["a", "b"], mention_count=40)
    book = folded(
        chunk(complete), chunk(complete), chunk(examples), chunk(cluster(mentions=["b", "c"], mention_count=2))
    )
    assert [story.mentions for story in book.top(9)] == [2 + 0 + 40 + 1]


def test_fold_weighs_sentiment_by_mentions() -> None:
    """A story's score is the mention-weighted mean of the members that have one."""
    book = folded(
        chunk(cluster(mention_count=30, sentiment_score=0.5)),
        chunk(cluster(mention_count=10, sentiment_score=-0.5)),
        chunk(cluster(mention_count=1000)),
    )
    assert book.top(1)[0].sentiment_score == pytest.approx(0.25)


def headline_of(*members: tuple[str, int]) -> str:
    """What a story is called whose members have these labels and weights, all in one direction."""
    parts = [cluster(label, mention_count=weight, centroid=0) for label, weight in members]
    book = StoryBook(0.75, 100)
    fold(book, [chunk(part) for part in parts], *[AT_MS] * len(parts), rows=[[1.0, 0.0]])
    return book.top(1)[0].label


def test_headline_says_what_most_members_say() -> None:
    """The heaviest member of a story may tell of a detail, in words of its own."""
    members = [
        ("Door handle recall", 4),
        ("Recall of door handles", 5),
        ("Handle recall worries drivers of old cars", 8),
    ]
    assert headline_of(*members) == "Recall of door handles"


def test_headline_has_no_prefix() -> None:
    """What is written with it and without is one spelling."""
    told = "Price cut for the Model 3 (12)", "Report: Price cut for the Model 3", "Breaking: price cut for the Model 3"
    assert headline_of((told[0], 4), (told[1], 3), (told[2], 6)) == "Price cut for the Model 3"
    assert headline_of((told[2], 6), (told[1], 3), (told[0], 4)) == "Price cut for the Model 3"


@pytest.mark.parametrize("label", ["", "-1_the_to_and", "Cluster 7", "12", "Outliers"])
def test_headline_is_never_no_name(label: str) -> None:
    """However heavy, what has no name displaces no words."""
    assert headline_of(("Refund delay", 10), (label, 60), ("late refund", 1)) == "Refund delay"


def test_headline_is_of_bounded_length() -> None:
    """A story holds several spellings, and labels may be long; the words of what is held are those compared."""
    label = "  Recall: " + " ".join(f"word{number:03}" for number in range(500))
    assert len(headline_of((label, 3))) == HEADLINE_CHARS


@pytest.mark.parametrize("brand", ["acme", "nike", "tesla"])
def test_headlines_of_the_shares_sample_are_the_usual_spelling(brand: str) -> None:
    """As the deployed workers write them: some with a prefix, a count, an exclamation mark or in lower case."""
    lines = (DATA / "chunks_shares.ndjson").read_bytes().splitlines()
    items = [line for line in lines if json.loads(line)["brand"] == brand]
    book, batch = StoryBook(0.75, 100), decode_batch(items, brand)
    fold_batch(book, batch, *[AT_MS] * len(batch))
    sums: dict[str, Counter[str]] = {}
    for one in (one for item in items for one in json.loads(item)["clusters"]):
        spelling = without_frame(one["label"])
        sums.setdefault(normal_form(spelling).key, Counter())[spelling] += one["mentionCount"]
    for story in book.top(100):
        assert story.label == sums[normal_form(story.label).key].most_common(1)[0][0]
        assert story.label[0].isupper()
        assert not re.search(r"report:|!|\(", story.label, re.IGNORECASE)


def test_label_is_the_most_usual_spelling() -> None:
    """It follows weight, and of equal weights the first."""
    book = folded(chunk(cluster("launch buzz", mention_count=5)), chunk(cluster("Launch, buzz!", mention_count=9)))
    fold(book, [chunk(cluster("BUZZ launch", mention_count=9))], AT_MS)
    assert book.top(1)[0].label == "Launch, buzz!"


@pytest.mark.parametrize("own", ["0", "17", "+1", "3.5", "", "taken"])
def test_found_hashes_ids_that_are_mere_numbers_or_taken(own: str) -> None:
    """A cluster's number within its chunk is no name; the hash depends on the founding chunk and place alone."""
    first = cluster("something else", id="taken")
    stories = by_label(folded(chunk(first), chunk(cluster("launch buzz", id=own), chunk_id="x")))
    again = by_label(folded(chunk(first), chunk(cluster("launch buzz", id=own), chunk_id="x")))
    assert stories["something else"].id == "taken"
    assert stories["launch buzz"].id not in {own, "taken"}
    assert len(stories["launch buzz"].id) == 12
    assert stories == again


def test_advance_forgets_panes_and_stories() -> None:
    """A story counts what is in the window, and leaves with its last pane."""
    book = folded(chunk(cluster(mentions=["a"])))
    fold(book, [chunk(cluster(mentions=["b", "c"], sentiment_score=1.0))], AT_MS + PANE_MS)
    fold(book, [chunk(cluster("other words"))], AT_MS)
    book.advance(PANE)
    assert [(story.mentions, story.members) for story in book.top(9)] == [(3, 2), (1, 1)]
    book.advance(PANE + 1)
    assert [(story.mentions, story.members) for story in book.top(9)] == [(2, 1)]
    book.advance(PANE + 2)
    assert len(book) == 0
    book.advance(PANE)  # time does not run backwards
    fold(book, [chunk(cluster())], AT_MS + 2 * PANE_MS)
    assert len(book) == 1


def test_advance_removes_what_was_stored() -> None:
    """What a commit stored of a story that left counts no longer; one that was never stored leaves no trace."""
    book = folded(chunk(cluster()))
    stored, _ = take(book)
    assert set(stored) == {b"s", b"s:0", b"m:0", b"f", b"q"}
    fold(book, [chunk(cluster("other words"))], AT_MS)
    book.advance(PANE + 1)
    changes, _ = take(book)
    assert set(changes) == {b"s", b"s:1", b"f", b"q"}
    assert StoryBook.load(0.75, 100, stored | changes).top(9) == []
    assert take(book) == ({}, [])


def test_fold_evicts_the_smallest_then_least_recent_then_older() -> None:
    """Beyond the bound stories leave by size, last sight and age."""
    book = folded(
        chunk(cluster("aa", mention_count=5)),
        chunk(cluster("bb", mention_count=2)),
        chunk(cluster("cc", mention_count=2)),
        max_stories=3,
    )
    fold(book, [chunk(cluster("dd", mention_count=3))], AT_MS + 1)
    assert set(by_label(book)) == {"aa", "cc", "dd"}
    fold(book, [chunk(cluster("cc", mention_count=1))], AT_MS + 2)
    fold(book, [chunk(cluster("ee", mention_count=3), cluster("ff", mention_count=9))], AT_MS + 2)
    assert set(by_label(book)) == {"aa", "ff", "ee"}


def test_top_puts_the_older_first_among_equals() -> None:
    """Largest first; ties by age."""
    book = folded(*(chunk(cluster(label, mention_count=size)) for label, size in [("a", 1), ("b", 2), ("c", 2)]))
    assert [story.label for story in book.top(2)] == ["b", "c"]


def test_fold_shares_data_merges_near_identical_labels() -> None:
    """The deployed workers' chunks: every mention is in a story, and a few labels' variants are one story each."""
    items = (DATA / "chunks_shares.ndjson").read_bytes().splitlines()
    mine = [data for data in items if json.loads(data)["brand"] == "nike"]
    book = folded_items(mine)
    sent = sum(one["mentionCount"] for data in mine for one in json.loads(data)["clusters"])
    assert sum(story.mentions for story in book.top(1_000)) == sent
    assert len(book) < 10


LABELS = [
    "launch buzz",
    "Launch: buzz",
    "Report: LAUNCH buzz",
    "buzz of the launch, a launch to remember",
    "launch review",
    "price drop",
    "price drop buzz",
    "",
    "🚀",
    "Topic 3",
    "a b c d",
    "d e f g h",
]
LISTED = [*map(str, range(9)), "the launch is late", "prices drop again, a lot"]
CENTROIDS = [None, (1.0, 0.0), (0.9, 0.1), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0)]
CLUSTERS = st.tuples(
    st.sampled_from(LABELS),
    st.sampled_from(CENTROIDS),
    st.lists(st.sampled_from(LISTED), max_size=4),
    st.sampled_from([None, None, 3, 50]),
    st.sampled_from([None, -0.5, 1.0]),
)
CHUNKS = st.lists(st.tuples(st.lists(CLUSTERS, max_size=3), st.integers(0, 3)), max_size=14)


def build(number: int, clusters: list[Any], rows: list[Any]) -> Chunk:
    """Chunk *number*; its centroids are appended to *rows*."""
    made = []
    for place, (label, centroid, mentions, count, score) in enumerate(clusters):
        row = None
        if centroid is not None:
            row = len(rows)
            rows.append(centroid)
        made.append(
            Cluster(
                f"{number}-{place}", label, listed(*mentions), score, number % 3 == 0, mention_count=count, centroid=row
            )
        )
    return chunk(*made, chunk_id=f"c{number}")


def fold_in_batches(chunks: list[Any], cuts: set[int], restarts: set[int], max_stories: int) -> Any:
    """Fold *chunks*, a new batch at each of *cuts*, a restart at each of *restarts*; what is stored says."""
    book, fields = StoryBook(0.75, max_stories), dict[bytes, bytes]()
    starts = sorted({0, len(chunks)} | {cut for cut in cuts | restarts if cut < len(chunks)})
    for start, stop in pairwise(starts):
        if start in restarts:
            names = sorted(fields, reverse=start % 2 == 0)  # Redis tells fields in any order
            book = StoryBook.load(0.75, max_stories, {name: fields[name] for name in names})
            book.advance(PANE - 1)
        rows: list[Any] = []
        batch = [build(number, chunks[number][0], rows) for number in range(start, stop)]
        fold(book, batch, *[(PANE + pane) * PANE_MS for _, pane in chunks[start:stop]], rows=rows)
        put, remove = take(book)
        fields.update(put)
        for name in remove:
            del fields[name]
    told = {name: fields.get(name) for name in (FOLDED_FIELD, BACKGROUND_FIELD)}
    return told, meaning_of_stories(StoryBook.load(0.75, max_stories, fields))


@given(chunks=CHUNKS, cuts=st.sets(st.integers(1, 13)), restarts=st.sets(st.integers(1, 13)))
def test_fold_does_not_depend_on_cuts_or_restarts(chunks: list[Any], cuts: set[int], restarts: set[int]) -> None:
    """One batch or many, warm or loaded anew in between: what is stored says the same in the end."""
    for max_stories in (2, 100):
        whole = fold_in_batches(chunks, set(), set(), max_stories)
        assert fold_in_batches(chunks, cuts, restarts, max_stories) == whole


@given(chunks=CHUNKS)
def test_fold_follows_the_rule(chunks: list[Any]) -> None:
    """Every cluster joins the story that the oracle names, and stories hold what their members add up to."""
    book, oracle = StoryBook(0.75, 100), Oracle(0.75, LABEL_THRESHOLD)
    members: dict[int, list[tuple[Cluster, int]]] = {}
    headlines: dict[int, OracleHeadline] = {}
    for number, (clusters, pane) in enumerate(chunks):
        rows: list[Any] = []
        one = build(number, clusters, rows)
        for place, part in enumerate(one.clusters):
            alone = chunk(part, chunk_id=one.chunk_id)
            member = as_member(part, clusters[place][1])
            sizes = {key: StoryView.of(story).members for key, story in book.records.items()}
            fold(book, [alone], (PANE + pane) * PANE_MS, rows=rows)
            if not is_name(part.label):
                assert {key: StoryView.of(story).members for key, story in book.records.items()} == sizes
                continue
            (key,) = [key for key, story in book.records.items() if StoryView.of(story).members != sizes.get(key, 0)]
            check_choice(oracle.compare(member), key if key in sizes else None)
            oracle.join(key, member)
            members.setdefault(key, []).append((part, pane))
            headline = headlines.setdefault(key, OracleHeadline())
            shown = without_frame(part.label)
            headline.consider(frozenset(words(shown)), shown, int(member.weight), oracle.stories[key].label())
    check_views(book, members)
    assert {key: book.records[key].label for key in members} == {key: one.shown for key, one in headlines.items()}


def as_member(part: Cluster, centroid: tuple[float, ...] | None) -> Member:
    """The cluster as the oracle sees it."""
    size = len(texts_of(part)) if part.mention_count is None else part.mention_count
    said = [part.label, *filter(is_text, part.mentions.texts[:3])] if isinstance(part.mentions, Listed) else []
    return Member(frozenset(word for text in said for word in words(text)), centroid, max(1, size))


def texts_of(part: Cluster) -> set[str]:
    """The different mentions that the cluster lists."""
    assert isinstance(part.mentions, Listed)
    return set(part.mentions.texts)


def check_views(book: StoryBook, members: dict[int, list[tuple[Cluster, int]]]) -> None:
    """Each story's view, computed anew from its members."""
    assert set(book.records) == set(members)
    for key, parts in members.items():
        view = StoryView.of(book.records[key])
        known: set[str] = set()
        mentions, weights, scores = 0, [], []
        for part, _ in parts:
            distinct = texts_of(part)
            size = len(distinct) if part.mention_count is None else part.mention_count
            mentions += len(distinct - known) if size == len(distinct) else size
            known |= distinct if size == len(distinct) else set()
            weights.append(max(1, size))
            scores.append(part.sentiment_score)
        scored = [(weight, score) for weight, score in zip(weights, scores, strict=True) if score is not None]
        mean = sum(w * s for w, s in scored) / sum(w for w, _ in scored) if scored else None
        assert (view.mentions, view.members) == (mentions, len(parts))
        assert view.sentiment_score == (mean if mean is None else pytest.approx(mean, abs=1e-8))
        panes = [PANE + pane for _, pane in parts]
        assert (view.first_seen_ms, view.last_seen_ms) == (min(panes) * PANE_MS, max(panes) * PANE_MS)


@settings(max_examples=30)
@given(
    steps=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 9), st.integers(0, 4)), max_size=60),
    max_stories=st.integers(1, 5),
)
def test_eviction_takes_the_least_of_all(steps: list[tuple[int, int, int]], max_stories: int) -> None:
    """The lazy heap removes exactly the story that a scan of all would, also after panes have left."""
    book = StoryBook(0.99, max_stories)
    now = PANE
    for number, (name, size, later) in enumerate(steps):
        now += later == 4
        book.advance(now - 1)
        ranks = {story.id: eviction_rank(story) for story in book.records.values()}
        at_ms = (now - later % 2) * PANE_MS + number
        fold(book, [chunk(cluster(f"label{name}", id=f"{name}x{number}", mention_count=size))], at_ms)
        if len(ranks) == max_stories and len(set(ranks) | {story.id for story in book.records.values()}) > max_stories:
            new = max(ranks.values())[2] + 1, f"{name}x{number}"
            ranks[new[1]] = (size, at_ms, 10**9)
            (gone,) = set(ranks) - {story.id for story in book.records.values()}
            assert ranks[gone] == min(ranks.values())


def test_load_brings_back_what_readers_see() -> None:
    """A loaded book shows the same stories and has nothing to write."""
    book = folded(chunk(cluster(sentiment_score=0.3, spike=True), cluster("other words", mention_count=10**9)))
    other = StoryBook.load(0.75, 100, take(book)[0])
    assert other.top(9) == book.top(9)
    assert take(other) == ({}, [])


def test_load_refuses_damage() -> None:
    """A field that cannot be read stops the load and is named."""
    fields, _ = take(folded(chunk(cluster())))
    with pytest.raises(InvalidStateError, match="s:0"):
        StoryBook.load(0.75, 100, fields | {b"s:0": b"\xc1"})
