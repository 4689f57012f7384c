"""Which chunks are new: each id once, and none that was folded before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.chunk import chunk_mentions
from orchestrator.contract.decode import decode_batch
from orchestrator.lane.duplicates import DIGEST_BYTES, digest, drop_known
from tests.contract.test_cases import case
from tests.lane.support import item

BRAND = "nike"
IDS = st.lists(st.text(min_size=1, max_size=3, alphabet="abc"), max_size=20)


def test_digest_has_one_size_for_every_id() -> None:
    """A chunkId of any length or script is remembered by twelve bytes, always the same ones."""
    ids = ["a", "x" * 10_000, "日本", "a\x00b"]
    assert {len(digest(name)) for name in ids} == {DIGEST_BYTES}
    assert len({digest(name) for name in ids}) == len(ids)
    assert digest("nike-1") == digest("nike-1")


@given(ids=IDS, known=st.sets(st.text(min_size=1, max_size=3, alphabet="abc")))
def test_drop_known_keeps_each_new_id_once_in_order(ids: list[str], known: set[str]) -> None:
    """What is kept is the first appearance of every id that Redis does not know; the rest are duplicates."""
    batch = decode_batch([item(BRAND, name) for name in ids], BRAND)
    new = drop_known(batch, [digest(name) for name in ids], [name in known for name in ids])
    expected = [name for name in dict.fromkeys(ids) if name not in known]
    assert [chunk.chunk_id for chunk in new.batch.chunks] == expected
    assert new.digests == [digest(name) for name in expected]
    assert new.duplicates + len(new.batch) == len(ids)


def test_drop_known_wants_an_answer_about_each_digest() -> None:
    """No answers would make every chunk a new one."""
    batch = decode_batch([item(BRAND, "a")], BRAND)
    with pytest.raises(ValueError, match="0 answers about 1 digests"):
        drop_known(batch, [digest("a")], [])


def test_drop_known_takes_a_batch_without_duplicates_as_it_is() -> None:
    """The usual case copies nothing."""
    batch = decode_batch([item(BRAND, "a"), item(BRAND, "b")], BRAND)
    assert drop_known(batch, [b"1", b"2"], [False, False]).batch is batch


@pytest.mark.parametrize(
    ("name", "kept", "mentions", "duplicates"),
    [
        ("c20_ids", ["a", "a ", "A"], 30, 1),
        ("c31_counter_restarts", [f"chunk-{number}" for number in range(1, 6)], 50, 5),
    ],
)
def test_a_chunk_id_names_a_chunk_for_ever(name: str, kept: list[str], mentions: int, duplicates: int) -> None:
    """The first one counts, whatever is in the second: c31's worker began to count anew and lost 250 mentions so.

    They are counted as duplicates, and there is an alert for many of them.
    """
    batch = case(name)
    digests = [digest(chunk.chunk_id) for chunk in batch.chunks]
    new = drop_known(batch, digests, [False] * len(digests))
    assert [chunk.chunk_id for chunk in new.batch.chunks] == kept
    assert sum(chunk_mentions(chunk, []) for chunk in new.batch.chunks) == mentions
    assert (new.duplicates, new.digests) == (duplicates, [digest(name) for name in kept])
