"""The digests kernel: both twins against each other, against hashlib, and against a list of what came."""

from __future__ import annotations

import json
from hashlib import blake2b
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.decode import decode_batch
from orchestrator.kernels.digests_py import ENTRY_BYTES, NUMBERS_BYTES
from tests.kernels.support import twins_of

TWINS = [import_module(name) for name in twins_of("digests")]
both = pytest.mark.parametrize("kernel", TWINS, ids=lambda kernel: str(kernel.IMPLEMENTATION))

IDS = st.lists(st.text(alphabet="ab", max_size=3), max_size=12)
STEPS = st.lists(st.tuples(IDS, st.randoms(use_true_random=False), st.integers(-1, 12)), max_size=12)


def entry(name: str, numbers: int = 0) -> bytes:
    """What is stored of a chunk."""
    return blake2b(name.encode(), digest_size=12).digest() + numbers.to_bytes(NUMBERS_BYTES, "little")


@both
@pytest.mark.parametrize("size", [*range(4), 127, 128, 129, 255, 256, 257, 1_000])
def test_digest_is_that_of_the_standard(kernel: ModuleType, size: int) -> None:
    """Blocks of 128 bytes, the last one whole or not; texts are UTF-8."""
    for text in ("x" * size, "日" * size):
        assert kernel.digest(text) == blake2b(text.encode(), digest_size=12).digest()


@both
def test_digests_keep_to_a_list_of_what_came(kernel: ModuleType) -> None:
    """A slow and obvious account of two generations says the same."""

    @given(steps=STEPS)
    def check(steps: list[tuple[list[str], object, int]]) -> None:
        table = kernel.Digests()
        younger: list[tuple[str, int]] = []
        older: list[tuple[str, int]] = []
        for ids, random, kept in steps:
            numbers = [random.randrange(3) for _ in ids]  # type: ignore[attr-defined]
            fresh, known, conflicts = [], [], []
            for place, (name, number) in enumerate(zip(ids, numbers, strict=True)):
                found = [had for other, had in younger + older if other == name]
                if not found:
                    younger.append((name, number))
                    fresh.append(entry(name, number))
                    continue
                known.append(place)
                if found[0] and number and found[0] != number:
                    conflicts.append(place)
            packed = b"".join(number.to_bytes(NUMBERS_BYTES, "little") for number in numbers)
            assert table.take(ids, packed) == (b"".join(fresh), known, conflicts)
            if 0 <= kept <= len(younger):
                table.rotate(kept)
                older, younger = younger[: len(younger) - kept], younger[len(younger) - kept :]
            assert (table.younger, table.older) == (len(younger), len(older))
            assert table.dump() == tuple(b"".join(entry(*one) for one in part) for part in (younger, older))

    check()


@both
def test_digests_are_loaded_as_they_are_stored(kernel: ModuleType) -> None:
    """Of entries with one digest the first counts; whatever was there before is gone."""
    table = kernel.Digests()
    table.take(["gone"])
    table.load(entry("a", 1) + entry("b") + entry("a", 2), entry("c"))
    assert table.dump() == (entry("a", 1) + entry("b"), entry("c"))
    assert table.take(["a", "b", "c", "gone"], b"\2\0\0\0" * 4) == (entry("gone", 2), [0, 1, 2], [0])
    table.load(b"", b"")
    assert (table.younger, table.older, table.dump()) == (0, 0, (b"", b""))


@both
def test_chunks_without_numbers_contradict_nobody(kernel: ModuleType) -> None:
    """What is known of neither form is unknown, and the first numbers stay."""
    table = kernel.Digests()
    table.take(["a", "b"], b"\1\0\0\0\0\0\0\0")
    assert table.take(["a", "b"]) == (b"", [0, 1], [])
    assert table.take(["a", "b"], b"\2\0\0\0\2\0\0\0") == (b"", [0, 1], [0])


@both
def test_digests_find_all_of_many(kernel: ModuleType) -> None:
    """Tables grow, are cut by a rotation, and lose nobody; a process that loads them finds the same."""
    table = kernel.Digests()
    names = [f"chunk {number}" for number in range(5_000)]
    for start in range(0, 5_000, 500):
        assert table.take(names[start : start + 500])[1] == []
    table.rotate(700)
    assert (table.younger, table.older) == (700, 4_300)
    assert table.take(names) == (b"", list(range(5_000)), [])
    other = kernel.Digests()
    other.load(*table.dump())
    assert other.take([*names, "new"]) == (entry("new"), list(range(5_000)), [])


@both
def test_what_makes_no_sense_is_refused(kernel: ModuleType) -> None:
    """Half an entry, numbers of other chunks, more entries than there are, ids that are no texts."""
    table = kernel.Digests()
    table.take(["a"])
    with pytest.raises(ValueError, match="17 and 0 bytes"):
        table.load(bytes(ENTRY_BYTES + 1), b"")
    with pytest.raises(ValueError, match="0 and 15 bytes"):
        table.load(b"", bytes(ENTRY_BYTES - 1))
    with pytest.raises(ValueError, match="4 bytes of numbers of 2 chunks"):
        table.take(["a", "b"], bytes(4))
    with pytest.raises(ValueError, match="2 of 1 entries"):
        table.rotate(2)
    assert table.dump() == (entry("a"), b"")


@pytest.mark.skipif(len(TWINS) == 1, reason="the twin keeps objects")
def test_entries_cost_less_than_the_sets_of_redis() -> None:
    """16 bytes an entry, its place, and room to grow: less than 40, where a member of a set of Redis takes 55."""
    table = TWINS[-1].Digests()
    for start in range(0, 100_000, 1_000):
        table.take([str(number) for number in range(start, start + 1_000)])
    assert 16 <= table.held_bytes / 100_000 < 40


def document(**changes: Any) -> dict[str, Any]:
    """A chunk as a worker writes it."""
    return {
        "chunkId": "c-1",
        "brand": "nike",
        "processedAt": "2026-01-01T00:00:00Z",
        "sentiment": {"positive": 5, "neutral": 2.5, "negative": 1, "score": -3.25},
        "topics": ["launch"],
        "summary": "s",
        "clusters": [
            {"id": "a", "label": "A", "mentions": ["m1", "m2"], "sentimentScore": 0.25},
            {"id": "b", "label": "B", "mentions": ["m3"]},
        ],
        "meta": {"mentionCount": 9},
    } | changes


def numbers_of(kernel: ModuleType, *documents: dict[str, Any]) -> list[bytes]:
    """What stands for the numbers of each."""
    batch = decode_batch([json.dumps(one).encode() for one in documents], "nike")
    assert not batch.rejected
    numbers = kernel.numbers_of(batch.chunks, batch.mentions.counts)
    return [numbers[at : at + NUMBERS_BYTES] for at in range(0, len(numbers), NUMBERS_BYTES)]


CLUSTERS: Any = document()["clusters"]
SENTIMENT: Any = document()["sentiment"]

SAME: dict[str, dict[str, Any]] = {
    "another time": {"processedAt": None},
    "another wording": {"summary": "t", "topics": ["start", {"topic": "x", "mentions": 3}]},
    "other labels": {"clusters": [cluster | {"label": "C", "id": "c"} for cluster in CLUSTERS]},
    "other order": {"clusters": CLUSTERS[::-1]},
    "other ids, as many": {"clusters": [CLUSTERS[0] | {"mentions": ["x", "y"]}, CLUSTERS[1]]},
    "said what it has": {"clusters": [CLUSTERS[0] | {"mentionCount": 2}, CLUSTERS[1]]},
    "flags": {"spikeDetected": True},
    "a float that was rounded": {"sentiment": SENTIMENT | {"score": -3.25 + 1e-7, "neutral": 2.4999999}},
    "centroids": {"clusters": [CLUSTERS[0] | {"centroid": [1.0, 2.0]}, CLUSTERS[1]]},
}
OTHER: dict[str, dict[str, Any]] = {
    "mentions": {"meta": {"mentionCount": 10}},
    "mentions of the clusters": {"meta": {}},
    "positive": {"sentiment": SENTIMENT | {"positive": 6}},
    "swapped": {"sentiment": SENTIMENT | {"positive": 1, "negative": 5}},
    "score": {"sentiment": SENTIMENT | {"score": 3.25}},
    "a little": {"sentiment": SENTIMENT | {"score": -3.24}},
    "a story more": {"clusters": [*CLUSTERS, CLUSTERS[1]]},
    "none": {"clusters": []},
    "a story's size": {"clusters": [CLUSTERS[0] | {"mentions": ["m1"]}, CLUSTERS[1]]},
    "sizes that changed places with scores": {
        "clusters": [CLUSTERS[0] | {"mentions": ["m3"]}, CLUSTERS[1] | {"mentions": ["m1", "m2"]}]
    },
    "a story's score": {"clusters": [CLUSTERS[0] | {"sentimentScore": 0.5}, CLUSTERS[1]]},
    "a score of zero": {"clusters": [CLUSTERS[0], CLUSTERS[1] | {"sentimentScore": 0}]},
}


@both
@pytest.mark.parametrize("change", SAME)
def test_the_same_numbers_in_other_words_are_the_same(kernel: ModuleType, change: str) -> None:
    """A worker that does a chunk again contradicts nobody."""
    first, second = numbers_of(kernel, document(), document(**SAME[change]))
    assert first == second != bytes(NUMBERS_BYTES)


@both
@pytest.mark.parametrize("change", OTHER)
def test_other_numbers_are_others(kernel: ModuleType, change: str) -> None:
    """Each number that counts is among them."""
    first, second = numbers_of(kernel, document(), document(**OTHER[change]))
    assert first != second


_VALUES = st.one_of(st.integers(0, 10**9), st.floats(0, 1e9), st.floats(0, 1), st.none())
_DOCUMENTS = st.builds(
    lambda values, score, sizes, said: document(
        sentiment=dict(zip(("positive", "neutral", "negative"), values, strict=True)) | {"score": score},
        clusters=[
            {"id": "c", "label": "l", "mentions": list(map(str, range(size))), "sentimentScore": value}
            for size, value in sizes
        ],
        meta={"mentionCount": said},
    ),
    st.tuples(_VALUES, _VALUES, _VALUES),
    st.floats(-1e9, 1e9),
    st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.floats(-1, 1))), max_size=4),
    st.one_of(st.none(), st.integers(0, 10**9)),
)


@given(documents=st.lists(_DOCUMENTS, max_size=5))
def test_twins_say_the_same_of_all_numbers(documents: list[dict[str, Any]]) -> None:
    """Bit by bit, or a brand that moves between two processes would be full of conflicts."""
    assert len({tuple(numbers_of(kernel, *documents)) for kernel in TWINS}) == 1


@both
def test_numbers_of_a_row_that_is_not_there_are_refused(kernel: ModuleType) -> None:
    """As where chunks are measured."""
    batch = decode_batch([json.dumps(document()).encode()], "nike")
    with pytest.raises(IndexError, match="of a batch of 1"):
        kernel.numbers_of(batch.chunks, [2])
