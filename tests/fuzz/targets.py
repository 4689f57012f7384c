"""Random input for the compiled kernels; every answer must be the twin's.

Each target makes its input from a seed alone, so a failure is repeated by its seed. Under AddressSanitizer
(:mod:`tests.fuzz.__main__`) a read or write outside a buffer ends the process with a report.
"""

from __future__ import annotations

import importlib
import random
import struct
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import numpy as np

from orchestrator.contract import decode
from orchestrator.contract.chunk import Cluster
from orchestrator.errors import InvalidChunkError, InvalidStateError
from orchestrator.kernels import fold_py, merge_py, scan_py
from orchestrator.kernels.hash_keys import KEY_BYTES, Hashing
from orchestrator.kernels.rows import Centroids
from tests.fuzz import documents

_fold: Any = importlib.import_module("orchestrator.kernels._fold")
_merge: Any = importlib.import_module("orchestrator._merge")
_scan: Any = importlib.import_module("orchestrator.kernels._scan")

FOLDS: tuple[Any, Any] = (_fold, fold_py)
MAX_ITEM_BYTES = 10**6

_AHEAD_SHARE = 0.1
_OLD_SHARE = 0.2  # of batches for brands that had ids before they had a key
_AHEAD_BYTES = 1 << 18  # makes a batch large enough to be scanned on a thread of its own
_SHOWN_BYTES = 10_000


def scan(seed: int) -> None:
    """A batch of damaged documents decodes the same by both twins."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    items = [documents.damaged(rng, documents.document(rng)) for _ in range(rng.randint(1, 4))]
    if ahead := rng.random() < _AHEAD_SHARE:
        items.append(b" " * _AHEAD_BYTES)
    hashing = Hashing(rng.randbytes(KEY_BYTES), old_too=rng.random() < _OLD_SHARE)
    found, expected = _decoded(_scan, items, hashing, ahead=ahead), _decoded(scan_py, items, hashing)
    assert found == expected, f"scan, seed {seed}: {[item[:_SHOWN_BYTES] for item in items]!r}"


def _decoded(kernel: Any, items: list[bytes], hashing: Hashing, *, ahead: bool = False) -> list[Any]:
    """What became of each item: its chunk with what stands in the rows in place of their numbers, or the error."""
    slowly = partial(decode._decode_slowly, MAX_ITEM_BYTES)
    found = kernel.decode_items(
        kernel.Scan(items, MAX_ITEM_BYTES, hashing, ahead=ahead), "b", decode._chunk_decoder.decode, slowly
    )
    chunks, indices, errors, centroids, mentions = found
    outcome: list[Any] = [None] * len(items)
    for index, chunk in zip(indices, chunks, strict=True):
        clusters = [
            (
                part.label,
                None if part.centroid is None else centroids.row(part.centroid).tobytes(),
                mentions.hashes[mentions.offsets[part.mentions] : mentions.offsets[part.mentions + 1]].tolist(),
                mentions.old_hashes[mentions.offsets[part.mentions] : mentions.offsets[part.mentions + 1]].tolist(),
                mentions.first(part.mentions),
            )
            for part in chunk.clusters
        ]
        outcome[index] = (repr(chunk.sentiment), clusters)
    for index, error in errors:
        assert isinstance(error, InvalidChunkError)
        outcome[index] = (error.reason, error.path)
    return outcome


def stories(seed: int) -> None:
    """Any sequence of matches, joins, removals and reloads leaves both indexes with the same bytes."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    threshold, width = rng.choice([0.0, 0.3, 0.75, 1.0]), rng.choice([1, 3, 16, 17, 50])
    thresholds = threshold, rng.choice([0.0, 0.175, 0.5, 1.0])
    indexes = [_merge.StoryIndex(*thresholds), merge_py.StoryIndex(*thresholds)]
    vocabulary, most_words = rng.choice([(list("abcdefgh"), 5), ([f"w{number}" for number in range(300)], 60)])
    keys: list[int] = []
    for step in range(rng.randint(1, 40)):
        rows = [
            [rng.choice([-1.0, 0.0, 1.0, rng.gauss(0, 1)]) for _ in range(rng.choice([width, width, 2]))]
            for _ in range(rng.randint(0, 5))
        ]
        batch = Centroids.of(rows)
        for index in indexes:
            index.begin(batch.values, batch.offsets)
        for row in range(-1, len(rows)):
            words = tuple(sorted(rng.sample(vocabulary, rng.randint(0, most_words))))
            found = [index.match(words, row) for index in indexes]
            assert found[0] == found[1], f"stories, seed {seed}"
            key = found[0] if found[0] >= 0 else max(keys, default=0) + 1
            keys += [] if key in keys else [key]
            weight = float(rng.choice([1, 1, 7, 10**9]))
            for index in indexes:
                index.join(key, words, row, weight)
            if rng.random() < 0.2:
                _leave(rng, indexes, keys, reload=step % 2 == 0)
        dumps = [[index.dump(key) for key in keys] for index in indexes]
        assert dumps[0] == dumps[1], f"stories, seed {seed}"
        assert indexes[0].dump_background() == indexes[1].dump_background(), f"stories, seed {seed}"


def _leave(rng: random.Random, indexes: list[Any], keys: list[int], *, reload: bool) -> None:
    key = keys.pop(rng.randrange(len(keys)))
    for index in indexes:
        kept = index.dump(key)
        index.remove(key)
        if reload:
            index.load(key, *kept)
    if reload:
        keys.append(key)


def _hashes(rng: random.Random, most: int) -> Any:
    """Different hashes; most come again and again, and meet others in a table by their low bits, their tag or both."""
    kinds: list[Callable[[], int]] = [
        lambda: rng.randrange(64),
        lambda: rng.choice([0, 1, 0xFFFF]) << 48 | rng.randrange(64) << 32 | rng.choice([0, 1, 0xFFFFFF]),
        lambda: rng.getrandbits(64),
    ]
    kind = rng.choice(kinds)
    return np.array(list({kind() for _ in range(rng.randint(0, most))}), np.uint64)


def mentions(seed: int) -> None:
    """Any sequence of additions and reloads leaves both sets of ids the same."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    capacity = rng.choice([1, 2, 7, 8, 33, 100, 1_000])
    sets = [kernel.MentionIds(capacity) for kernel in FOLDS]
    for _ in range(rng.randint(1, 40)):
        hashes = _hashes(rng, rng.choice([3, 50, 3 * capacity]))
        old = _hashes(rng, 2 * len(hashes)) if rng.random() < _OLD_SHARE else hashes[:0]
        old = old[: len(hashes)] if 0 < len(hashes) <= len(old) else None
        added = [ids.add(hashes, old) for ids in sets]
        assert added[0] == added[1], f"mentions, seed {seed}"
        start = rng.randint(-1, sets[0].total)
        stop = start + rng.choice([0, 1, 7, 10**6])
        told = [(ids.total, ids.known, ids.dump(start, stop), ids.dump(0, 10**6)) for ids in sets]
        assert told[0] == told[1], f"mentions, seed {seed}"
        if rng.random() < 0.2:
            kept = sets[0].total + rng.choice([0, 0, 5]), sets[0].dump(start, 10**6)
            sets = [kernel.MentionIds(capacity) for kernel in FOLDS]
            for ids in sets:
                ids.load(*kept)


def segments(seed: int) -> None:
    """What stories tell storage of themselves and their ids is the same, byte for byte, whatever happens to them."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    capacity = rng.choice([1, 3, 8, 40])
    indexes = [_merge.StoryIndex(0.75, 0.175), merge_py.StoryIndex(0.75, 0.175)]
    shelves: list[dict[int, Any]] = [{}, {}]
    told: list[bytes] = []
    for _ in range(rng.randint(1, 15)):
        _found(rng, shelves, indexes, capacity)
        for key in rng.sample(list(shelves[0]), rng.randint(0, len(shelves[0]))):
            _grow(rng, [shelf[key] for shelf in shelves])
        touched = rng.sample(list(shelves[0]), rng.randint(0, len(shelves[0])))
        new = [
            kernel.take_new_ids([shelf[key] for key in touched]) for kernel, shelf in zip(FOLDS, shelves, strict=True)
        ]
        assert new[0] == new[1], f"segments, seed {seed}"
        told.append(new[0][0])
        old = array("q", b"".join(told.pop(rng.randrange(len(told))) for _ in range(rng.randint(0, len(told)))))
        living = [kernel.remembered_bytes(shelf, old) for kernel, shelf in zip(FOLDS, shelves, strict=True)]
        assert living[0] == living[1], f"segments, seed {seed}"
        saved = [kernel.rescue_ids(shelf, old) for kernel, shelf in zip(FOLDS, shelves, strict=True)]
        assert saved[0] == saved[1], f"segments, seed {seed}"
        told.append(saved[0][0])
        removed = [rng.getrandbits(rng.choice([6, 7, 8, 16, 32, 63])) for _ in range(rng.randint(0, 20))]
        packed = [
            kernel.pack_stories([shelf[key] for key in touched], index, removed)
            for kernel, shelf, index in zip(FOLDS, shelves, indexes, strict=True)
        ]
        assert packed[0] == packed[1], f"segments, seed {seed}"
        if shelves[0] and rng.random() < 0.3:
            key = rng.choice(list(shelves[0]))
            for shelf, index in zip(shelves, indexes, strict=True):
                index.remove(key)
                del shelf[key]


def _found(rng: random.Random, shelves: list[dict[int, Any]], indexes: list[Any], capacity: int) -> None:
    """A story more, of whatever key and texts; it may have words, a direction, both or neither."""
    key, name = rng.getrandbits(rng.choice([4, 7, 8, 16, 32, 62])), rng.choice(documents.TEXTS) * rng.randint(0, 400)
    if key in shelves[0]:
        return
    for kernel, shelf in zip(FOLDS, shelves, strict=True):
        shelf[key] = kernel.Story(key, name, kernel.MentionIds(capacity))
    batch = Centroids.of([[rng.gauss(0, 1) for _ in range(rng.choice([1, 8, 70]))]])
    words = tuple(sorted({rng.choice(documents.TEXTS) for _ in range(rng.randint(0, 20))}))
    member = key, words, rng.choice([0, merge_py.NOBODY]), rng.choice([1, 10**9])
    for index in indexes:
        index.begin(batch.values, batch.offsets)
        index.join(*member)


def _grow(rng: random.Random, twins: list[Any]) -> None:
    """Both of a story's *twins* get a member."""
    cluster = Cluster(
        "", rng.choice(documents.TEXTS), 0, rng.choice([None, rng.gauss(0, 1e6)]), spike=rng.choice([None, True])
    )
    member = rng.getrandbits(rng.choice([7, 8, 16, 32, 41])), rng.randint(-3, 30), rng.randint(1, 10**9)
    examples = tuple(rng.sample(documents.TEXTS, rng.randint(0, 3)))
    hashes = _hashes(rng, 60)
    for story in twins:
        story.add(cluster, *member, story.ids.add(hashes))
        story.examples = examples


_MOST = 2**63 - 1
_WRONG: tuple[Any, ...] = (
    *(
        -1,
        0,
        1,
        23,
        2**31 - 1,
        2**31,
        2**32,
        2**62,
        2**62 + 1,
        _MOST,
        _MOST + 1,
        2**64 - 1,
        None,
        "",
        "\u00e4",
        b"",
        b"\xff" * 8,
        b"\0" * 48,
    ),
    *(0.0, -0.0, 1.5, float("inf"), float("nan"), 5e-324, 1e308, [], ["word", "word"], [["x", 1]], bytes(800)),
)


def loads(seed: int) -> None:
    """Damaged segments of stories and of their ids are read alike, or refused in the same words."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    capacity = rng.choice([1, 3, 8, 40])
    stored: list[bytes] = []
    ids: list[tuple[bytes, bytes]] = []
    indexes = [_merge.StoryIndex(0.75, 0.175), merge_py.StoryIndex(0.75, 0.175)]
    shelves: list[dict[int, Any]] = [{}, {}]
    for _ in range(rng.randint(1, 5)):
        _found(rng, shelves, indexes, capacity)
        for key, story in shelves[0].items():
            if not story.panes() or rng.random() < 0.5:
                _grow(rng, [shelf[key] for shelf in shelves])
        ids.append(_fold.take_new_ids(shelves[0].values())[:2])
        stored.append(_fold.pack_stories(shelves[0].values(), indexes[0], rng.sample(range(20), rng.randint(0, 2)))[0])
    place = rng.randrange(len(stored))
    stored[place] = rng.choice([_cut, _with_another_field, _with_other_numbers])(rng, stored[place])
    parts, hashes = ids[place]
    if rng.random() < 0.2:
        ids[place] = _cut(rng, parts), hashes
    told = [
        _loaded(kernel, index, capacity, stored, ids)
        for kernel, index in zip(FOLDS, [_merge.StoryIndex(0.75, 0.175), merge_py.StoryIndex(0.75, 0.175)], strict=True)
    ]
    assert told[0] == told[1], f"loads, seed {seed}"


def _with_another_field(rng: random.Random, segment: bytes) -> bytes:
    """*segment* with a field of a story that is anything, or with a story twice."""
    stories, removed = msgspec.msgpack.decode(segment)
    if stories:
        story = rng.choice(stories)
        story[rng.randrange(len(story))] = rng.choice(_WRONG)
        stories += [rng.choice(stories)] * rng.choice([0, 0, 0, 1])
    return msgspec.msgpack.encode((stories, removed))


def _with_other_numbers(rng: random.Random, segment: bytes) -> bytes:
    """*segment* with panes, words or directions of a story that are of the right size and cannot be."""
    stories, removed = msgspec.msgpack.decode(segment)
    for story in stories[:2]:
        _, _, _, _, _, _, _, _, panes, _, total, words, weights, *_ = story
        wild = struct.pack("<d", rng.choice([0.0, 1e300, 5e-324, float("inf"), float("nan"), -1.0]))
        word = struct.pack("<q", rng.choice([-1, _MOST, -_MOST - 1, 0]))
        match rng.randrange(5):
            case 0:
                story[8] = panes * 2
            case 1:
                place = 8 * rng.randrange(len(panes) // 8) if panes else 0
                story[8] = panes[:place] + word + panes[place + 8 :]
            case 2:
                story[10] = wild * (len(total) // 8) + total[len(total) // 8 * 8 :]
            case 3:
                story[12] = wild * len(words)
            case 4:
                story[11], story[12] = words * 2, weights * 2
    return msgspec.msgpack.encode((stories, removed))


def _cut(rng: random.Random, data: bytes) -> bytes:
    """*data* with a few bytes changed, missing, doubled or added."""
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        start = rng.randint(0, len(damaged))
        stop = start + rng.choice([0, 1, 1, 8, 24])
        damaged[start:stop] = rng.choice(
            [b"", rng.randbytes(1), rng.randbytes(8), damaged[start:stop] * 2, b"\xdd\xff\xff\xff\xff"]
        )
    return bytes(damaged)


def _loaded(kernel: Any, index: Any, capacity: int, stored: list[bytes], ids: list[tuple[bytes, bytes]]) -> Any:
    """What *kernel* finds, and what it would store of that; or what is wrong."""
    found, own_ids = kernel.StoredStories(b"s:"), kernel.StoredIds(capacity)
    try:
        keys = [found.take(number, segment) for number, segment in enumerate(stored)]
        for parts, hashes in ids:
            own_ids.take(parts, hashes)
        last = found.last_key()
        stories, *sizes = found.restore(own_ids, index)
    except (InvalidStateError, ValueError) as error:
        return type(error), str(error)
    kept = [(story.key, story.segment, story.stored_bytes, story.stored_ids, story.ids.total) for story in stories]
    panes = [(story.panes(), story.mentions, story.ids.dump(0, story.ids.total)) for story in stories]
    return keys, last, sizes, kept, panes, kernel.pack_stories(stories, index, [])


TARGETS: dict[str, Callable[[int], None]] = {
    "scan": scan,
    "stories": stories,
    "mentions": mentions,
    "segments": segments,
    "loads": loads,
}
