"""How many items the next peek asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lane.sizer import (
    FIRST_ITEMS,
    MAX_ITEMS,
    MOST_BYTES,
    TARGET_BYTES,
    UNSEEN_BYTES,
    UNSEEN_ITEMS,
    BatchSizer,
    keep,
    unseen_items,
)

SMALL = b"x" * 276


def _grown() -> BatchSizer:
    sizer = BatchSizer()
    for _ in range(12):
        sizer.saw([SMALL] * sizer.items)
    return sizer


def test_sizer_starts_before_any_size_is_known() -> None:
    """The first batch is small enough for the largest usual items."""
    assert BatchSizer().items == FIRST_ITEMS
    assert BatchSizer(max_items=3).items == 3


def test_sizer_grows_at_most_twofold() -> None:
    """Small items let the batch grow step by step up to the most items."""
    sizer = BatchSizer()
    sizes = []
    for _ in range(7):
        sizer.saw([SMALL] * sizer.items)
        sizes.append(sizer.items)
    assert sizes == [32, 64, 128, 256, 512, 1024, 1024]
    assert sizes[-1] == MAX_ITEMS


def test_sizer_aims_at_bytes_when_items_get_large() -> None:
    """One look at large items is enough to come down to the target."""
    sizer = _grown()
    sizer.saw([b"x" * 69_000] * 4)
    assert sizer.items == TARGET_BYTES // 69_000


def test_sizer_peeks_one_item_that_is_larger_than_the_target() -> None:
    """A batch is never empty."""
    sizer = BatchSizer(target_bytes=10)
    sizer.saw([b"x" * 1_000])
    assert sizer.items == 1


def test_sizer_learns_nothing_from_an_empty_queue() -> None:
    """No items, no change."""
    sizer = _grown()
    sizer.saw([])
    assert sizer.items == MAX_ITEMS


def test_sizer_shrinks_after_a_commit_that_did_not_pass() -> None:
    """Halving ends at one; a restart goes there at once, and both can grow again."""
    sizer = _grown()
    sizer.halve()
    assert sizer.items == MAX_ITEMS // 2
    sizer.restart()
    sizer.halve()
    assert sizer.items == 1
    sizer.saw([SMALL])
    assert sizer.items == 2


def test_sizer_reads_another_batch_ahead_once_it_has_grown() -> None:
    """While batches grow, or after one did not pass, whatever is read is the next batch."""
    sizer = BatchSizer(max_items=32)
    ahead = [sizer.ahead]
    for shrink in (sizer.halve, sizer.restart):
        sizer.saw([SMALL] * 16)
        ahead.append(sizer.ahead)
        shrink()
        ahead.append(sizer.ahead)
    sizer.saw([SMALL])
    assert [*ahead, sizer.ahead] == [0, 32, 0, 32, 0, 0]


@given(st.lists(st.lists(st.binary(max_size=50), max_size=20), max_size=30), st.integers(1, 64), st.integers(1, 500))
def test_sizer_stays_within_its_bounds(batches: list[list[bytes]], max_items: int, target_bytes: int) -> None:
    """Whatever it sees, the next batch has between one and the most items."""
    sizer = BatchSizer(max_items=max_items, target_bytes=target_bytes)
    for batch in batches:
        before = sizer.items
        sizer.saw(batch)
        assert 1 <= sizer.items <= min(max_items, 2 * before)


def test_sizer_looks_at_as_much_as_the_next_read_may_want() -> None:
    """One batch while another one is held, else two; and while they grow, twice as many, within the most items."""
    sizer = BatchSizer(max_items=64)
    looks = [sizer.look(1, held=True).wanted]
    for _ in range(4):
        sizer.saw([SMALL] * sizer.items)
        looks += [sizer.look(1, held=held).wanted for held in (False, True)]
    assert looks == [64, 128, 128, 128, 64, 128, 64, 128, 64]


@given(st.integers(1, 2**40))
def test_unseen_items_are_few(max_chunk_bytes: int) -> None:
    """At least one, and if no item is larger than a chunk may be, so much as fits one reply."""
    items = unseen_items(max_chunk_bytes)
    assert 1 <= items <= UNSEEN_ITEMS
    assert items == 1 or items * max_chunk_bytes <= UNSEEN_BYTES


@given(st.lists(st.integers(0, 2 * MOST_BYTES).map(bytes), max_size=6))
def test_keep_gives_the_first_items_within_the_most_bytes(items: list[bytes]) -> None:
    """One at least, and no more that would have fit."""
    kept = list(keep(items))
    assert kept == items[: len(kept)]
    assert len(kept) == len(items) or kept
    assert len(kept) <= 1 or sum(map(len, kept)) <= MOST_BYTES
    assert len(kept) == len(items) or sum(map(len, items[: len(kept) + 1])) > MOST_BYTES
