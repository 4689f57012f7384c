"""The digests kernel: both twins against each other, against hashlib, and against a list of what came."""

from __future__ import annotations

from hashlib import blake2b
from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
