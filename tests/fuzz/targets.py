"""Random input for the compiled kernels; every answer must be the twin's.

Each target makes its input from a seed alone, so a failure is repeated by its seed. Under AddressSanitizer
(:mod:`tests.fuzz.__main__`) a read or write outside a buffer ends the process with a report.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any

from orchestrator import _merge_py, _splice_py
from orchestrator.contract import decode
from orchestrator.errors import InvalidChunkError
from tests.fuzz import documents

_merge: Any = importlib.import_module("orchestrator._merge")
_splice: Any = importlib.import_module("orchestrator._splice")


def splice(seed: int) -> None:
    """A batch of damaged documents decodes the same by both twins."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    items = [documents.damaged(rng, documents.document(rng)) for _ in range(rng.randint(1, 4))]
    assert _decoded(_splice, items) == _decoded(_splice_py, items), f"splice, seed {seed}: {items!r}"


def _decoded(kernel: Any, items: list[bytes]) -> list[Any]:
    """What became of each item: its chunk with the centroids' bytes in place of row numbers, or the error."""
    slowly = lambda *arguments: decode._decode_slowly(10**6, *arguments)  # noqa: E731 - stays with its use
    found = kernel.decode_items(items, "b", 10**6, decode._chunk_decoder.decode, slowly)
    chunks, indices, errors, values, offsets = found
    rows = decode.Centroids(values, offsets)
    outcome: list[Any] = [None] * len(items)
    for index, chunk in zip(indices, chunks, strict=True):
        named = [None if part.centroid is None else rows.row(part.centroid).tobytes() for part in chunk.clusters]
        outcome[index] = (repr(chunk.sentiment), [part.label for part in chunk.clusters], named)
    for index, error in errors:
        assert isinstance(error, InvalidChunkError)
        outcome[index] = (error.reason, error.path)
    return outcome


def stories(seed: int) -> None:
    """Any sequence of matches, joins, removals and reloads leaves both indexes with the same bytes."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    threshold, width = rng.choice([0.0, 0.3, 0.75, 1.0]), rng.choice([1, 3, 16, 17, 50])
    indexes = [_merge.StoryIndex(threshold), _merge_py.StoryIndex(threshold)]
    keys: list[int] = []
    for step in range(rng.randint(1, 40)):
        rows = [
            [rng.choice([-1.0, 0.0, 1.0, rng.gauss(0, 1)]) for _ in range(rng.choice([width, width, 2]))]
            for _ in range(rng.randint(0, 5))
        ]
        batch = decode.Centroids.of(rows)
        for index in indexes:
            index.begin(batch.values, batch.offsets)
        for row in range(-1, len(rows)):
            words = tuple(sorted(rng.sample("abcdefgh", rng.randint(0, 5))))
            found = [index.match(words, row) for index in indexes]
            assert found[0] == found[1], f"stories, seed {seed}"
            key = found[0] if found[0] >= 0 else max(keys, default=0) + 1
            keys += [] if key in keys else [key]
            for index in indexes:
                index.join(key, words, row, float(rng.choice([1, 1])))
            if rng.random() < 0.2:
                _leave(rng, indexes, keys, reload=step % 2 == 0)
        dumps = [[index.dump(key) for key in keys] for index in indexes]
        assert dumps[0] == dumps[1], f"stories, seed {seed}"


def _leave(rng: random.Random, indexes: list[Any], keys: list[int], *, reload: bool) -> None:
    key = keys.pop(rng.randrange(len(keys)))
    for index in indexes:
        kept = index.dump(key)
        index.remove(key)
        if reload:
            index.load(key, *kept)
    if reload:
        keys.append(key)


def mentions(seed: int) -> None:
    """Any sequence of additions and reloads leaves both sets of ids the same."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    capacity, names = rng.choice([1, 2, 7, 100]), rng.choice([3, 30, 3_000])
    sets: list[Any] = [_merge.MentionIds(capacity), _merge_py.MentionIds(capacity)]
    for _ in range(rng.randint(1, 30)):
        batch = [rng.choice("mü") * rng.randint(0, 12) + str(rng.randrange(names)) for _ in range(rng.randint(0, 50))]
        lists: list[Any] = [_merge.Mentions(), _merge_py.Mentions()]
        assert [each.read(batch) for each in lists] == [len(set(batch))] * 2, f"mentions, seed {seed}"
        assert sets[0].add(lists[0]) == sets[1].add(lists[1]), f"mentions, seed {seed}"
        start = rng.randint(0, sets[0].total)
        dumps = [ids.dump(start, start + rng.choice([0, 1, 10**6])) for ids in sets[:1]]
        assert dumps[0] in (sets[1].dump(start, start + size) for size in (0, 1, 10**6))
        if rng.random() < 0.2:
            kept = sets[0].total, sets[0].dump(0, 10**9)
            sets[0] = _merge.MentionIds(capacity)
            sets[0].load(*kept)


TARGETS: dict[str, Callable[[int], None]] = {"splice": splice, "stories": stories, "mentions": mentions}
