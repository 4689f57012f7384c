"""What mention ids cost, by counting looks into tables: nobody can make it cost more than random ids do.

The attack is made here as it was found: texts that meet in both tables, and in one slot of them, if they are hashed
without a key.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from orchestrator.brand.mentions import KEPT_IDS
from orchestrator.contract import decode
from orchestrator.kernels.hash_keys import Hashing
from orchestrator.kernels.hashing import hash_text, unkeyed_hash
from orchestrator.kernels.rows import MentionRows
from tests.kernels.support import COMPILED

pytestmark = pytest.mark.skipif(not COMPILED, reason="the tables are those of the compiled kernels")

MASK = 2**64 - 1
SEED, STEP, LAST = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F
PRINTABLE = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')

COUNT = 2_000
CRAFTED_PER_TRY = 1 << 20


@lru_cache
def crafted_ids(count: int = COUNT) -> tuple[str, ...]:
    """Printable ids of 16 bytes whose unkeyed hashes have the same lower half and the same 16 upper bits."""
    rng, found = np.random.default_rng(16), dict[str, None]()
    printable = np.zeros(256, bool)
    printable[list(PRINTABLE)] = True
    while len(found) < count:
        first = rng.choice(np.frombuffer(PRINTABLE, np.uint8), (CRAFTED_PER_TRY, 8)).view("<u8")[:, 0]
        hashes = rng.integers(0, 2**16, CRAFTED_PER_TRY, np.uint64) << np.uint64(32) | np.uint64(0xABCD << 48 | 0x12345)
        second = _second_word(first, hashes)
        good = printable[second.view(np.uint8).reshape(-1, 8)].all(axis=1)
        pairs = np.stack([first[good], second[good]], axis=1)
        found |= dict.fromkeys(row.tobytes().decode("ascii") for row in pairs)
    return tuple(list(found)[:count])


def _second_word(first: Any, hashes: Any) -> Any:
    """The second word of 16 bytes that have the *first* one and the unkeyed hash: each of its steps has an inverse."""
    after_one = _step(np.uint64(SEED ^ (16 * LAST & MASK)) ^ first)
    value = hashes ^ hashes >> np.uint64(29) ^ hashes >> np.uint64(58)
    value = value * np.uint64(pow(LAST, -1, 2**64))
    value ^= value >> np.uint64(32)
    return value * np.uint64(pow(STEP, -1, 2**64)) ^ after_one


def _step(value: Any) -> Any:
    value = value * np.uint64(STEP)
    return value ^ value >> np.uint64(32)


def random_ids(count: int = COUNT) -> tuple[str, ...]:
    """As many ids of the same size, chosen by nobody."""
    rng = np.random.default_rng(61)
    rows = rng.choice(np.frombuffer(PRINTABLE, np.uint8), (count, 16))
    return tuple(row.tobytes().decode("ascii") for row in rows)


def item_of(texts: Sequence[str]) -> bytes:
    """A chunk whose cluster lists *texts*."""
    cluster = {"id": "c", "label": "recall of the rocket skates", "mentions": texts}
    return json.dumps({"chunkId": "c", "brand": "b", "sentiment": {"score": 0}, "clusters": [cluster]}).encode()


def ids_of_a_story() -> Any:
    """A set of ids as each story has one."""
    return importlib.import_module("orchestrator.kernels._fold").MentionIds(KEPT_IDS)


def work_of(texts: Sequence[str]) -> int:
    """Slots and groups that were passed while these became a row and a story's ids."""
    mentions = decode.decode_batch([item_of(texts)], "b").mentions
    ids = ids_of_a_story()
    assert ids.add(mentions.hashes) == len(set(texts))
    loaded = ids_of_a_story()
    loaded.load(ids.total, ids.dump(0, ids.total))
    return int(mentions.walked + ids.looks + loaded.looks)


def test_crafted_ids_are_those_of_the_attack() -> None:
    """Else the budget would be kept because nothing attacks it."""
    hashes = {unkeyed_hash(text) for text in crafted_ids()}
    assert len(hashes) > COUNT * 0.9
    assert {(number >> 48, number & 0xFFFFFFFF) for number in hashes} == {(0xABCD, 0x12345)}


def test_an_id_cannot_be_made_to_vanish() -> None:
    """Two ids with one unkeyed hash are two, for the row and for the story."""
    known: dict[int, str] = {}
    pair = next(
        [known[key], text] for text in crafted_ids() if known.setdefault(key := unkeyed_hash(text), text) != text
    )
    row = decode.decode_batch([item_of(pair)], "b").mentions
    assert len(set(pair)) == len(row.hashes) == ids_of_a_story().add(row.hashes) == 2


def test_crafted_ids_cost_what_random_ones_do() -> None:
    """At most twice as much; without a key it was a thousand times."""
    random, crafted = work_of(random_ids()), work_of(crafted_ids())
    assert COUNT / 10 < random < 3 * COUNT
    assert crafted <= 2 * random


def test_ids_that_meet_all_the_same_are_spread_anew() -> None:
    """Hashes of one lower half, as a leaked key would allow them: no walk is long, whether they are added or loaded."""
    count = 9_000
    hashes = np.random.default_rng(3).integers(1, 2**32, count, np.uint64) << np.uint64(32) | np.uint64(7)
    hashes = np.unique(hashes)
    ids = ids_of_a_story()
    for part in np.array_split(hashes, 5):
        ids.add(part)
    loaded = ids_of_a_story()
    loaded.load(ids.total, ids.dump(0, ids.total))
    assert ids.total == len(hashes)
    assert loaded.add(hashes) == 0
    assert max(ids.looks, loaded.looks) < 2 * count


def test_a_row_whose_ids_meet_is_sorted() -> None:
    """Texts of one slot, as a leaked key would allow them: the row is the same, and no walk is long."""
    key, count, slots = bytes(range(16)), 400, 1 << 10
    aimed = [text for number in range(slots * count) if hash_text(text := f"t{number}", key) % slots == 5]
    texts = [*aimed, "other", *aimed[::-1], "last"]
    found = decode.decode_batch([item_of(texts)], "b", hashing=Hashing(key, old_too=True)).mentions
    expected = MentionRows.of([texts], Hashing(key, old_too=True))
    assert found.walked <= 9 * len(texts) + slots
    assert found.hashes.tolist() == expected.hashes.tolist()
    assert found.old_hashes.tolist() == expected.old_hashes.tolist()
