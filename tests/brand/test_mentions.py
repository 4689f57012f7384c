"""Mention ids in storage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.mentions import KEPT_IDS, SEGMENT_IDS, MentionLog
from orchestrator.errors import InvalidStateError
from orchestrator.merge import Mentions


def ids(start: int, stop: int) -> Mentions:
    """Different ids."""
    mentions = Mentions()
    mentions.read([f"m{number}" for number in range(start, stop)])
    return mentions


def commit(log: MentionLog, fields: dict[bytes, bytes]) -> tuple[int, int]:
    """Apply the log's changes to *fields*; how many fields were set and removed."""
    put: dict[bytes, bytes] = {}
    remove: list[bytes] = []
    log.take_changes(put, remove)
    assert not set(put) & set(remove)
    fields.update(put)
    for name in remove:
        del fields[name]
    assert set(log.stored_fields()) == set(fields)
    return len(put), len(remove)


def test_take_changes_writes_only_touched_segments() -> None:
    """A full segment is written once; a commit costs what it adds."""
    log, fields = MentionLog(5), dict[bytes, bytes]()
    log.ids.add(ids(0, 3 * SEGMENT_IDS + 1))
    assert commit(log, fields) == (4, 0)
    assert set(fields) == {b"m:5:0", b"m:5:1", b"m:5:2", b"m:5:3"}
    log.ids.add(ids(0, 3 * SEGMENT_IDS + 2))
    assert commit(log, fields) == (1, 0)
    log.ids.add(ids(0, 10))
    assert commit(log, fields) == (0, 0)


def test_take_changes_removes_forgotten_segments() -> None:
    """Storage holds the newest ids and at most a segment more."""
    log, fields = MentionLog(5), dict[bytes, bytes]()
    for start in range(0, 5 * KEPT_IDS, 777):
        log.ids.add(ids(start, start + 777))
        commit(log, fields)
        assert len(fields) <= KEPT_IDS // SEGMENT_IDS + 2


@given(sizes=st.lists(st.sampled_from([1, 100, SEGMENT_IDS, 3_000, KEPT_IDS + 5]), min_size=1, max_size=6))
def test_load_brings_back_the_newest_ids(sizes: list[int]) -> None:
    """Whatever was added between commits, the loaded log holds the same ids and goes on the same."""
    log, fields, total = MentionLog(5), dict[bytes, bytes](), 0
    for size in sizes:
        log.ids.add(ids(total, total + size))
        total += size
        commit(log, fields)
    other = MentionLog(5)
    other.load(total, fields)
    assert other.ids.dump(0, total) == log.ids.dump(0, total)
    assert set(other.stored_fields()) == set(fields)
    again = ids(max(0, total - KEPT_IDS - 2), total + 5)
    assert other.ids.add(again) == log.ids.add(again)


@pytest.mark.parametrize("damage", [{}, {b"m:5:0": b"1234567"}, {b"m:5:0": b"12345678"}])
def test_load_refuses_damaged_segments(damage: dict[bytes, bytes]) -> None:
    """Missing and short segments are an error that names the story's fields."""
    with pytest.raises(InvalidStateError, match="m:5"):
        MentionLog(5).load(3, damage)
