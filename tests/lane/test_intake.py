"""From peeked items to what is folded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.decode import decode_batch
from orchestrator.lane.intake import DIGEST_BYTES, admit, dead_letters, digest
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
def test_admit_keeps_each_new_id_once_in_order(ids: list[str], known: set[str]) -> None:
    """What is admitted is the first appearance of every id that Redis does not know; the rest are duplicates."""
    batch = decode_batch([item(BRAND, name) for name in ids], BRAND)
    intake = admit(batch, [digest(name) for name in ids], [name in known for name in ids])
    expected = [name for name in dict.fromkeys(ids) if name not in known]
    assert [chunk.chunk_id for chunk in intake.batch.chunks] == expected
    assert intake.digests == [digest(name) for name in expected]
    assert intake.duplicates + len(intake.batch) == len(ids)


def test_admit_wants_an_answer_about_each_digest() -> None:
    """No answers would make every chunk a new one."""
    batch = decode_batch([item(BRAND, "a")], BRAND)
    with pytest.raises(ValueError, match="0 answers about 1 digests"):
        admit(batch, [digest("a")], [])


def test_admit_takes_a_batch_without_duplicates_as_it_is() -> None:
    """The usual case copies nothing."""
    batch = decode_batch([item(BRAND, "a"), item(BRAND, "b")], BRAND)
    assert admit(batch, [b"1", b"2"], [False, False]).batch is batch


def test_dead_letters_name_reason_path_and_payload() -> None:
    """Each rejected item becomes one entry, with its own bytes, and accepted items become none."""
    items = [item(BRAND, "a"), b"{", b'{"chunkId":7}']
    batch = decode_batch(items, BRAND)
    entries = dead_letters(items, batch.rejected, brand=BRAND, now_ms=0, orchestrator_id="o-1")
    documents = [json.loads(entry) for entry in entries]
    assert [document["payload"] for document in documents] == ["{", '{"chunkId":7}']
    assert [document["path"] for document in documents] == ["$", "$.chunkId"]
    assert all(document["reason"] for document in documents)
    assert {document["orchestratorId"] for document in documents} == {"o-1"}
