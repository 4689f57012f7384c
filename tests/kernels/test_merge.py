"""The merge kernel: one suite for both twins, and an oracle that is neither."""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels import choice, merge
from orchestrator.kernels.rows import Centroids
from tests.kernels.support import COMPILED, twins_of
from tests.story_oracle import Likeness, Member, Oracle, Tiers, check_choice

TWINS = twins_of("merge")
WORDS = 0.175  # least cosine of words


@pytest.fixture(params=TWINS, scope="module")
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


def begin(index: Any, rows: list[list[float]]) -> None:
    """Begin a batch of *rows*."""
    centroids = Centroids.of(rows)
    index.begin(centroids.values, centroids.offsets)


def test_merge_extension_is_there_where_it_can_be() -> None:
    """A machine with a compiler runs the compiled kernel; a build that silently failed must not pass."""
    if os.environ.get("ORCHESTRATOR_MERGE") == "python":
        pytest.skip("the twin was asked for")
    if not COMPILED and shutil.which("c++") is None and shutil.which("g++") is None:
        pytest.skip("no compiler on this machine")
    assert choice.FALLBACK_REASON is None
    assert choice.IMPLEMENTATION == "cython"


@pytest.mark.parametrize("wanted", ["python", "cython"])
def test_merge_switch_selects(wanted: str) -> None:
    """``ORCHESTRATOR_MERGE`` decides which twin is loaded."""
    if wanted == "cython" and not COMPILED:
        pytest.skip("no compiled kernel on this machine")
    code = "from orchestrator.kernels import choice; print(choice.IMPLEMENTATION, choice.FALLBACK_REASON)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ORCHESTRATOR_MERGE": wanted},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [wanted, "None"]


def test_merge_switch_refuses_other_words() -> None:
    """A misspelt switch stops the start and names the value."""
    code = "import orchestrator.kernels.merge"
    environment = os.environ | {"ORCHESTRATOR_MERGE": "fast"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "ORCHESTRATOR_MERGE='fast'" in run.stderr


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@pytest.mark.parametrize("change", ["merge.LAYOUT += 1", "del merge.LAYOUT"])
def test_kernels_of_different_builds_do_not_meet(change: str) -> None:
    """One that stayed behind is named when the other is loaded, where calling it would end the process."""
    code = f"import orchestrator._merge as merge; {change}; import orchestrator.kernels.fold"
    environment = os.environ | {"ORCHESTRATOR_MERGE": "cython"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "ImportError: orchestrator._merge and orchestrator.kernels._fold are not of one build" in run.stderr


def test_match_empty_index_finds_nobody(kernel: ModuleType) -> None:
    """Without stories nothing matches."""
    index = kernel.StoryIndex(0.75, WORDS)
    begin(index, [[1.0, 0.0]])
    assert index.match(("launch",), -1) == merge.NOBODY
    assert index.match((), 0) == merge.NOBODY


def test_match_prefers_greatest_similarity_then_older(kernel: ModuleType) -> None:
    """Of two stories the more similar one is joined, of equals the older one, whatever their order of storage."""
    index = kernel.StoryIndex(0.5, WORDS)
    begin(index, [[1.0, 0.0], [1.0, 1.0], [1.0, 0.9]])
    index.join(7, ("a",), 1, 1.0)
    index.join(3, ("b",), 1, 5.0)
    index.join(1, ("c",), 0, 1.0)
    assert index.match((), 2) == 3
    assert index.match((), 0) == 1


def test_match_threshold_is_inclusive(kernel: ModuleType) -> None:
    """A similarity equal to the threshold joins: three of four words give exactly 0.75."""
    index = kernel.StoryIndex(0.1, 0.75)
    index.join(0, ("a", "b", "c", "d"), -1, 1.0)
    assert index.match(("a", "b", "c", "e"), -1) == 0
    assert index.match(("a", "b", "e", "f"), -1) == merge.NOBODY


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_match_extreme_thresholds(kernel: ModuleType, threshold: float) -> None:
    """Equal directions reach a threshold of 1 in spite of rounding, and 0 is reached by orthogonal ones."""
    index = kernel.StoryIndex(threshold, threshold)
    rng = np.random.default_rng(1)
    vector = rng.normal(size=384).tolist()
    begin(index, [vector, [3 * number for number in vector]])
    for weight in (1.0, 3.0, 7.0):
        index.join(0, ("a", "b", "c"), 0, weight)
    assert index.match(("a", "b", "c"), 1) == 0
    assert index.match(("c", "b", "a"), -1) == 0


def test_match_different_dimensions_go_by_words(kernel: ModuleType) -> None:
    """Centroids of another embedding model cannot be compared, so the words decide; the story keeps its own."""
    index = kernel.StoryIndex(0.5, WORDS)
    begin(index, [[1.0, 0.0], [1.0, 0.0, 0.0]])
    index.join(0, ("a",), 0, 1.0)
    before = index.dump(0)[0]
    assert index.match(("b",), 1) == merge.NOBODY
    assert index.match(("a",), 1) == index.match(("a",), -1) == 0
    index.join(0, ("a",), 1, 5.0)
    assert index.dump(0)[0] == before


def test_match_centroids_come_first(kernel: ModuleType) -> None:
    """Where a centroid is similar enough, no likeness of words matters; where none is, stories without one are left."""
    index = kernel.StoryIndex(0.5, WORDS)
    begin(index, [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    index.join(0, ("a",), -1, 1.0)
    index.join(1, ("b",), 0, 1.0)
    assert index.match(("a",), 1) == 1
    assert index.match(("a", "b"), 2) == merge.NOBODY
    assert index.match(("a",), 2) == 0


def test_match_leaves_out_what_all_stories_have_in_common(kernel: ModuleType) -> None:
    """Directions that differ in a little only are told apart once their mean is known; equal ones stay equal."""
    index = kernel.StoryIndex(0.75, WORDS)
    rows = [[2.0, *(float(place == axis) for axis in range(8))] for place in range(8)]
    begin(index, [*rows, [2.0, 1.0, 0.3, 0, 0, 0, 0, 0, 0], [3.0, 0.0, 0, 0, 0, 0, 0, 0, 0]])
    for key in range(7):
        index.join(key, (), key, float(key + 1))
    assert index.match((), 7) == 0  # 0.8 similar to all of them
    index.join(7, (), 7, 1.0)
    assert index.renewed_at == 8
    assert [index.match((), row) for row in range(8)] == list(range(8))
    assert index.match((), 8) == 0
    assert index.match((), 9) == merge.NOBODY


def test_match_of_a_new_dimension_is_plain(kernel: ModuleType) -> None:
    """Until a dimension's mean direction is taken there is nothing in common to leave out, and nothing to allow for."""
    index = kernel.StoryIndex(0.75, WORDS)
    begin(index, [[1.0, 0.0], [1.0, 0.0, 0.0], [0.72, 0.694, 0.0], [0.8, 0.6, 0.0]])
    for _ in range(8):
        index.join(0, (), 0, 1.0)
    index.join(1, (), 1, 1.0)
    assert [len(centre) // 4 for centre in index.dump_background()[3]] == [2]
    assert (index.match((), 2), index.match((), 3)) == (merge.NOBODY, 1)
    index.join(1, (), 1, 1.0)
    assert [len(centre) // 4 for centre in index.dump_background()[3]] == [2, 3]
    assert index.match((), 2) == 1


def test_load_takes_sums_of_unknown_weight(kernel: ModuleType) -> None:
    """What was stored without it: the members are taken as pointing all the same way."""
    index = kernel.StoryIndex(0.75, WORDS)
    index.load(0, np.array([3.0, 4.0], "<f4").tobytes(), [], b"", 0, 0.0)
    assert index.dump(0)[4] == 5.0


def test_match_short_words_need_more(kernel: ModuleType) -> None:
    """Where neither side ever had four words, they say too little: "iPhone 17" is not "iPhone 16"."""
    index = kernel.StoryIndex(0.5, WORDS)
    index.join(0, ("16", "iphone"), -1, 1.0)
    assert index.match(("17", "iphone"), -1) == merge.NOBODY
    assert index.match(("16", "iphone"), -1) == 0
    assert index.match(("17", "as", "battery", "iphone"), -1) == 0
    index.join(0, ("16", "a", "iphone", "slow"), -1, 1.0)
    assert index.match(("17", "iphone"), -1) == 0


def test_match_weighs_words_by_rarity(kernel: ModuleType) -> None:
    """After eight clusters a word that all stories have tells them apart no longer; one that few have does."""
    index = kernel.StoryIndex(0.5, 0.5)
    for key in range(7):
        index.join(key, ("brand", f"a{key}", f"b{key}", f"c{key}"), -1, 1.0)
    asked = ("brand", "news", "other", "said")
    assert index.match(("a1", "brand", "news"), -1) == 1
    before = index.match(("brand", "d", "e"), -1), index.renewed_at
    index.join(7, asked, -1, 1.0)
    assert (before, index.renewed_at) == ((merge.NOBODY, 0), 8)
    assert index.match(("brand", "x"), -1) == merge.NOBODY
    assert index.match(("a1", "brand"), -1) == 1


def test_renewal_follows_the_clusters_ever_folded(kernel: ModuleType) -> None:
    """First after eight clusters, then whenever a quarter more have come, whoever has left."""
    index = kernel.StoryIndex(0.5, WORDS)
    renewed = []
    for key in range(40):
        index.join(key, ("a", f"w{key}"), -1, 1.0)
        if index.renewed_at == key + 1:
            renewed.append((index.folded, index.dump_background()[0]))
        index.remove(key)
    assert renewed == [(8, 1), (10, 1), (12, 1), (15, 1), (18, 1), (22, 1), (27, 1), (33, 1)]


@pytest.mark.parametrize("row", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_match_without_direction_goes_by_label(kernel: ModuleType, row: list[float]) -> None:
    """Zero and non-finite centroids count as absent."""
    index = kernel.StoryIndex(0.5, WORDS)
    begin(index, [[1.0, 0.0], row])
    index.join(0, ("a",), 0, 1.0)
    assert index.match(("a",), 1) == 0
    index.join(1, ("b",), 1, 1.0)
    assert index.dump(1)[0] == b""


def test_match_cancelled_direction_is_similar_to_nothing(kernel: ModuleType) -> None:
    """Members that point against each other leave a story without direction, not with NaN."""
    index = kernel.StoryIndex(0.5, WORDS)
    begin(index, [[1.0, 0.0], [-1.0, 0.0]])
    index.join(0, ("a",), 0, 2.0)
    index.join(0, ("a",), 1, 2.0)
    assert index.match(("a",), 0) == merge.NOBODY


def test_join_keeps_the_heaviest_words(kernel: ModuleType) -> None:
    """A full story gives up its lightest words, the newest among equals, and keeps the order of the others."""
    index = kernel.StoryIndex(0.5, WORDS)
    first = tuple(f"w{number:03}" for number in range(merge.MAX_WORDS))
    index.join(0, first, -1, 1.0)
    index.join(0, ("w000", "zzz"), -1, 0.01)
    assert index.dump(0)[1] == list(first)
    index.join(0, ("w000", "yyy", "zzz"), -1, 9.0)
    _, words, weights, longest, _ = index.dump(0)
    assert (words, longest) == ([*first[:-2], "yyy", "zzz"], merge.MAX_WORDS)
    assert np.frombuffer(weights)[0] > np.frombuffer(weights)[-1] > np.frombuffer(weights)[1]
    assert index.match((first[-1],), -1) == merge.NOBODY
    assert index.match((first[-3],), -1) == merge.NOBODY  # one word of so many
    assert index.match(("w000", "yyy", "zzz"), -1) == 0


def test_remove_leaves_the_others_alone(kernel: ModuleType) -> None:
    """Removing stories keeps every other story's words and direction."""
    index = kernel.StoryIndex(0.9, WORDS)
    begin(index, np.eye(6, dtype=np.float32).tolist())
    for key in range(6):
        index.join(key, ("common", f"own{key}"), key, 1.0)
    before = {key: index.dump(key) for key in range(6)}
    for key in (0, 5, 2):
        index.remove(key)
    assert len(index) == 3
    assert [index.match((), key) for key in range(6)] == [-1, 1, -1, 3, 4, -1]
    assert {key: index.dump(key) for key in (1, 3, 4)} == {key: before[key] for key in (1, 3, 4)}
    assert index.match(("common", "own3"), -1) == 3
    assert index.match(("common", "own5"), -1) == merge.NOBODY
    with pytest.raises(KeyError):
        index.dump(0)


def test_load_takes_the_length_for_a_weight_that_was_not_stored(kernel: ModuleType) -> None:
    """To the last bit, because it is stored again."""
    index, total = kernel.StoryIndex(0.9, WORDS), b"\x04\0\0\0\xc6\xd9\x9c@\x0f\x07\xc6B"
    index.load(0, total, [], b"", 0, 0.0)
    assert index.dump(0)[-1] == 99.13503620367355


def test_load_refuses_what_does_not_fit(kernel: ModuleType) -> None:
    """Words without weights, or a sum that is no array of float32, are refused."""
    index = kernel.StoryIndex(0.9, WORDS)
    with pytest.raises(ValueError, match="do not fit"):
        index.load(0, b"", ["a"], b"", 0, 0.0)
    with pytest.raises(ValueError, match="do not fit"):
        index.load(1, b"123", [], b"", 0, 0.0)
    for counts in (b"", bytes(8), b"\xff" * 8, (2**62 + 1).to_bytes(8, "little")):
        with pytest.raises(ValueError, match="do not fit"):
            index.load_background((8, 8), 1, ["a"], counts, [])
    for centre in (b"", b"123"):
        with pytest.raises(ValueError, match="mean direction"):
            index.load_background((8, 8), 1, [], b"", [centre])
    index.join(0, ("a",), -1, 1.0)
    with pytest.raises(ValueError, match="stories already"):
        index.load_background((8, 8), 1, [], b"", [])


VECTORS = st.lists(st.sampled_from([-2.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0]), min_size=3, max_size=3)
CLUSTERS = st.tuples(
    st.frozensets(st.sampled_from("abcdefgh"), max_size=6),
    st.none() | VECTORS | st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=2),
    st.sampled_from([1.0, 1.0, 2.0, 7.0, 1000.0]),
)
STEPS = st.lists(CLUSTERS | st.integers(0, 9), max_size=60)
THRESHOLDS = st.tuples(st.sampled_from([0.3, 0.5, 0.75, 1.0]), st.sampled_from([0.0, 0.175, 0.5, 0.9]))


def run_against_oracle(kernel: ModuleType, thresholds: tuple[float, float], steps: list[Any]) -> Any:
    """Fold *steps* (a cluster, or a number: remove one story), judge each choice; the choices and all bytes."""
    index, oracle = kernel.StoryIndex(*thresholds), Oracle(*thresholds)
    choices, next_key = [], 0
    for step in steps:
        if isinstance(step, int):
            for key in [key for key in oracle.stories if key % 10 == step]:
                del oracle.stories[key]
                index.remove(key)
            continue
        words, centroid, weight = step
        centroid = None if centroid is None else np.asarray(centroid, dtype=np.float32).tolist()
        member = Member(words, centroid and tuple(centroid), weight)
        begin(index, [centroid] if centroid else [])
        row = 0 if centroid else -1
        chosen = index.match(tuple(sorted(words)), row)
        check_choice(oracle.compare(member), None if chosen < 0 else chosen)
        key, next_key = (chosen, next_key) if chosen >= 0 else (next_key, next_key + 1)
        index.join(key, tuple(sorted(words)), row, weight)
        oracle.join(key, member)
        choices.append(key)
    check_sums(index, oracle)
    return choices, [index.dump(key) for key in sorted(oracle.stories)], index.dump_background()


def check_sums(index: Any, oracle: Oracle) -> None:
    """The stored directions are the oracle's, to the precision of float32."""
    for key, story in oracle.stories.items():
        total, words, weights, longest, _ = index.dump(key)
        assert np.frombuffer(total, "<f4").tolist() == pytest.approx(story.centroid() or [], rel=1e-5, abs=1e-3)
        assert dict(zip(words, np.frombuffer(weights).tolist(), strict=True)) == pytest.approx(story.label())
        assert longest == max(len(member.words) for member in story.members)


@given(thresholds=THRESHOLDS, steps=STEPS)
def test_index_follows_the_rule(kernel: ModuleType, thresholds: tuple[float, float], steps: list[Any]) -> None:
    """Whatever comes and goes, each cluster joins the story that the rule names."""
    run_against_oracle(kernel, thresholds, steps)


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(thresholds=THRESHOLDS, steps=STEPS)
def test_index_twins_agree(thresholds: tuple[float, float], steps: list[Any]) -> None:
    """Both twins choose alike, near ties included, and hold the same bytes afterwards."""
    choices = [run_against_oracle(importlib.import_module(name), thresholds, steps) for name in TWINS]
    assert choices[0] == choices[1]


@given(seed=st.integers(0, 2**32), dimension=st.integers(1, 40))
def test_match_of_one_direction_is_a_tie(kernel: ModuleType, seed: int, dimension: int) -> None:
    """Stories of one direction are equally similar, however their sums were rounded: the oldest is joined."""
    rng = np.random.default_rng(seed)
    index = kernel.StoryIndex(0.999, WORDS)
    vector = rng.normal(size=dimension)
    begin(index, [(vector * factor).tolist() for factor in rng.uniform(0.01, 100, size=6)])
    for row in range(5):
        for _ in range(row + 1):
            index.join(9 - row, (), row, float(rng.integers(1, 10**6)))
    assert index.match((), 5) == 5


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(seed=st.integers(0, 2**32), dimension=st.integers(1, 100), count=st.integers(1, 60))
def test_index_twins_hold_the_same_bytes(seed: int, dimension: int, count: int) -> None:
    """Random directions of any dimension: the twins' choices and stored sums are equal bit by bit."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, dimension))
    rows = (centres[rng.integers(4, size=count)] + rng.normal(size=(count, dimension)) * 0.5).tolist()
    weights = rng.integers(1, 1000, size=count).tolist()
    outcomes = []
    for name in TWINS:
        index = importlib.import_module(name).StoryIndex(0.7, WORDS)
        begin(index, rows)
        keys = []
        for row in range(count):
            found = index.match((), row)
            keys.append(row if found < 0 else found)
            index.join(keys[-1], (), row, weights[row])
        outcomes.append((keys, [index.dump(key) for key in sorted(set(keys))]))
    assert outcomes[0] == outcomes[1]


def assign(index: Any, rows: Any, cuts: list[int], first_key: int) -> list[int]:
    """Let *rows* join or found stories, a new batch at each of *cuts*; the keys."""
    keys = []
    for start, stop in pairwise(sorted({0, len(rows), *cuts})):
        begin(index, list(rows[start:stop]))
        for row in range(stop - start):
            found = index.match((), row)
            keys.append(first_key + start + row if found < 0 else found)
            index.join(keys[-1], (), row, 1.0)
    return keys


def assign_exactly(stories: Any, rows: Any, threshold: float) -> list[int]:
    """The same in float64 and one by one, with whole matrices: an oracle for sizes that the other is too slow for."""
    sums = np.concatenate([stories, np.zeros_like(rows)]).astype(np.float64)
    masses = np.concatenate([np.ones(len(stories)), np.zeros(len(rows))])
    count, keys, centre, next_renewal = len(stories), [], np.zeros(rows.shape[1]), 8
    for number, row in enumerate(rows / np.linalg.norm(rows, axis=1, keepdims=True)):
        own, others = row - centre, sums[:count] - masses[:count, None] * centre
        similarities = others @ own / np.linalg.norm(others, axis=1) / np.linalg.norm(own)
        best = int(np.argmax(similarities))
        if similarities[best] < (1 - 1.6 * (1 - threshold) if centre.any() else threshold):
            best, count = count, count + 1
        keys.append(best)
        sums[best] += row
        masses[best] += 1
        if number + 1 == next_renewal:
            next_renewal = int(next_renewal * 1.25)
            centre = (sums[:count] / np.linalg.norm(sums[:count], axis=1, keepdims=True)).sum(axis=0) / (count + 5)
    names = {key: len(stories) + keys.index(key) for key in keys if key >= len(stories)}
    return [names.get(key, key) for key in keys]


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize(
    ("count", "noise", "threshold"), [(7, 0.5, 0.75), (300, 0.6, 0.75), (300, 3.0, 0.2), (1000, 0, 0.99)]
)
def test_filter_loses_no_story(level: int, count: int, noise: float, threshold: float) -> None:
    """With whatever instructions, the filtered search assigns 400 clusters as comparing with every story does."""
    kernel = importlib.import_module("orchestrator._merge")
    rng = np.random.default_rng(count)
    stories = rng.normal(size=(count, 96)).astype(np.float32)
    picked = stories[rng.integers(count, size=400)]
    rows = (picked + noise * rng.normal(size=picked.shape)).astype(np.float32)
    unit = (stories / np.linalg.norm(stories, axis=1, keepdims=True)).astype(np.float32)
    previous = kernel.use_instructions(level)
    try:
        outcomes = []
        for cuts in ([], [1, 2, 3, 150], list(range(0, 400, 9))):
            index = kernel.StoryIndex(threshold, WORDS)
            for key, story in enumerate(unit):
                index.load(key, story.tobytes(), [], b"", 0, 1.0)
            outcomes.append(assign(index, rows, cuts, count))
    finally:
        kernel.use_instructions(previous)
    assert outcomes[0] == assign_exactly(unit, rows, threshold)
    assert outcomes[1:] == outcomes[:1] * 2


@given(steps=STEPS, cut=st.integers(0, 60), order=st.randoms())
def test_index_survives_storage(kernel: ModuleType, steps: list[Any], cut: int, order: Any) -> None:
    """An index brought back from its dump at any point, in any order, goes on as if nothing had happened."""
    outcomes = []
    for stored_at in (-1, cut):
        index = kernel.StoryIndex(0.6, WORDS)
        keys: dict[int, None] = {}
        for number, step in enumerate(steps):
            if number == stored_at:
                index = reloaded(kernel, index, order.sample(list(keys), len(keys)))
            if isinstance(step, int):
                for key in [key for key in keys if key % 10 == step]:
                    index.remove(key)
                    del keys[key]
                continue
            words, centroid, weight = step
            begin(index, [centroid] if centroid else [])
            arguments = (tuple(sorted(words)), 0 if centroid else -1)
            found = index.match(*arguments)
            key = number if found < 0 else found
            keys[key] = None
            index.join(key, *arguments, weight)
        outcomes.append(([index.dump(key) for key in sorted(keys)], index.dump_background(), index.folded))
    assert outcomes[0] == outcomes[1]


def reloaded(kernel: ModuleType, index: Any, keys: list[int]) -> Any:
    """A new index with what *index* holds."""
    fresh = kernel.StoryIndex(0.6, WORDS)
    fresh.load_background((index.folded, index.renewed_at), *index.dump_background())
    for key in keys:
        fresh.load(key, *index.dump(key))
    return fresh


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@pytest.mark.parametrize("threshold", [0.05, 0.175, 0.5, 0.9])
def test_word_search_loses_no_story(threshold: float) -> None:
    """A thousand clusters of words as frequent as words are: full stories, guesses, left out words, and stories that
    leave; the pruned search assigns them as comparing with every story does, and both twins hold the same.
    """
    rng = np.random.default_rng(5)
    frequencies = 1 / (np.arange(3_000) + 3.0)
    clusters = [
        tuple(f"w{word}" for word in dict.fromkeys(rng.choice(3_000, size, p=frequencies / frequencies.sum())))
        for size in rng.integers(1, 25, size=1_000).tolist()
    ]
    outcomes = []
    for name in TWINS:
        index, keys = importlib.import_module(name).StoryIndex(0.5, threshold), []
        for number, words in enumerate(clusters):
            found = index.match(words, -1)
            keys.append(number if found < 0 else found)
            index.join(keys[-1], words, -1, float(number % 7 + 1))
            if number % 10 == 9:
                gone = keys[-5]
                index.remove(gone)
                keys = [key for key in keys if key != gone]
        outcomes.append((keys, [index.dump(key) for key in sorted(set(keys))], index.dump_background()))
    assert outcomes[0] == outcomes[1]


def likeness(similarities: dict[int, float], threshold: float = 0.75) -> dict[int, Likeness]:
    """The *similarities* of one tier."""
    return {key: Likeness(similarity, threshold) for key, similarity in similarities.items()}


@pytest.mark.parametrize(
    ("similarities", "chosen"),
    [({0: 0.9}, None), ({0: 0.5}, 0), ({0: 0.9, 1: 0.8}, 1), ({0: 0.9, 1: 0.9}, 1), ({0: 0.9}, 3), ({0: 0.5}, 3)],
)
def test_check_choice_notices_wrong_choices(similarities: dict[int, float], chosen: int | None) -> None:
    """The comparator fails on a missed story, a too distant one, a second best, a younger twin, a stranger."""
    both: list[Tiers] = [(likeness(similarities), {}), ({}, likeness(similarities))]
    for tiers in both:
        with pytest.raises(AssertionError):
            check_choice(tiers, chosen)
    with pytest.raises(AssertionError):
        check_choice((likeness({5: 0.9}), likeness({0: 1.0})), 0)
