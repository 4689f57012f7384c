"""What a chunk that is made to be dear can cost: counted in characters and in stories looked at, never in time."""

from __future__ import annotations

import json
import random

import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.brand.stories import StoryBook
from orchestrator.contract.chunk import CHUNK_LABEL_BYTES
from orchestrator.contract.decode import decode_batch
from orchestrator.kernels import fold_py, merge_py
from orchestrator.kernels import merge as merge_kernel
from orchestrator.kernels.rows import FIRST_TEXTS, MentionRows
from orchestrator.kernels.words_py import SEARCHED_STORIES
from tests.lane.support import item

CLUSTERS = 3_000
NOW_MS = 1_700_000_000_000


def _chunk(*labels: str) -> bytes:
    clusters = [{"id": f"c{place}", "label": label, "mentions": [f"m{place}"]} for place, label in enumerate(labels)]
    return json.dumps(json.loads(item("nike", "bomb", clusters=clusters)), ensure_ascii=False).encode()


def _labels(item_: bytes) -> list[str]:
    (chunk,) = decode_batch([item_], "nike").chunks
    return [cluster.label for cluster in chunk.clusters]


@pytest.mark.parametrize("letter", ["a", "\u0301", "\u4e00", "\ufdfa", "\U0001f600"])
def test_labels_of_a_chunk_are_cut_to_their_share(letter: str) -> None:
    """However long each is, together they have no more bytes than a chunk may; a character is never cut apart."""
    labels = _labels(_chunk(*[letter * 100] * 6_000))
    assert sum(len(label.encode()) for label in labels) <= CHUNK_LABEL_BYTES
    assert set("".join(labels)) == {letter}


def test_short_labels_stay_beside_long_ones() -> None:
    """Only what is longer than its share is cut, and nothing in a chunk of the usual size."""
    labels = _labels(_chunk(*["x" * 4_000, "Late Delivery"] * 500))
    assert labels[1::2] == ["Late Delivery"] * 500
    assert len(labels[0]) == CHUNK_LABEL_BYTES // 1_000
    assert _labels(_chunk(*["x" * 4_000] * 20)) == ["x" * 4_000] * 20


@pytest.mark.parametrize("index_type", [merge_py.StoryIndex, merge_kernel.StoryIndex], ids=["twin", "in use"])
def test_a_word_that_thousands_of_stories_have_is_not_searched(index_type: type[merge_py.StoryIndex]) -> None:
    """The rarest word of a cluster is, whatever that costs; a frequent one beside it is not."""
    index = index_type(0.75, 0.175)
    stories = SEARCHED_STORIES + 100
    for key in range(stories):
        index.load(key, b"", ["common", f"rare{key // 2}"], b"\0\0\0\0\0\0\xf0?" * 2, 2, 0.0)
    assert index.match(("common", "rare7"), -1) == 14
    assert index.looked_at == 2
    assert index.match(("common", "unheard"), -1) == -1  # too little in common: but all were looked at
    assert index.looked_at == 2 + stories


def test_clusters_times_stories_is_bounded() -> None:
    """Thousands of labels of the same few words: each looks at so many stories at most."""
    pool = [f"{first}{second}" for first in "bcdfghjklmn" for second in "bcdfghjklmnp"]
    seeded = random.Random(1)  # noqa: S311 - a test's
    state = BrandState.empty(FoldConfig())
    labels = [" ".join(seeded.sample(pool, 24)) for _ in range(CLUSTERS)]
    state.fold(decode_batch([_chunk(*labels)], "nike", hashing=state.hashing), NOW_MS)
    assert 0 < state._stories.index.looked_at <= CLUSTERS * SEARCHED_STORIES


@pytest.mark.parametrize(("clusters", "share"), [(1, 256), (83, 256), (84, 253), (1_000, 21), (10_000, 2)])
def test_texts_of_a_chunk_share_what_is_read(clusters: int, share: int) -> None:
    """Nothing is taken away from chunks of the usual size, and many texts together are read no further than a few."""
    assert fold_py.LISTED_TEXTS == FIRST_TEXTS
    assert fold_py.text_share(clusters) == share
    assert clusters * FIRST_TEXTS * share <= fold_py.CHUNK_TEXT_CHARS


def test_examples_are_compared_as_far_as_their_share() -> None:
    """Whether two texts read the same costs what reading them costs."""
    mentions = MentionRows.of([["so long and more", "so long and less", "not so"]])
    book = StoryBook(0.75, 10)
    assert book.examples(mentions, 0, 256) == ("so long and more", "so long and less", "not so")
    assert book.examples(mentions, 0, 8) == ("so long and more", "not so")
