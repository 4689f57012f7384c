"""A state as a file comes back as it was, and nothing else is taken for one."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive import snapshot as snapshots
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot, decode, encode, left_by, opened
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.errors import ArchiveError, InvalidStateError
from orchestrator.store.types import NO_DIGESTS, Commit, DigestChange, Lease, Remember, Stored, StoredDigests
from tests.archive.test_refold import record


def snapshot() -> Snapshot:
    """Of a brand with one chunk."""
    refold = Refold("nike")
    refold.take(record())
    return Snapshot("nike", "a", 1, 1, 5, b"{}", record().now_ms, refold.result, {b"h:1": b"{}"}, [b"newest", b"older"])


def test_snapshot_comes_back() -> None:
    """Byte for byte, with a first line that says what the file is."""
    assert encode(snapshot()).startswith(b"orchestrator state 1\n")
    found = snapshot()
    assert decode(encode(found)) == found
    state, ledger = opened(decode(encode(found)), FoldConfig())
    assert state.clock_ms == record().now_ms
    assert ledger.held_bytes > 0


@given(st.data())
def test_changed_file_is_refused(data: st.DataObject) -> None:
    """No byte can be another one, and none missing or too much, but in gzip's header, which nobody reads."""
    file = FILE
    head = file.index(b"\n") + 1
    place = data.draw(st.one_of(st.integers(0, head - 1), st.integers(head + 10, len(file) - 1)))
    changed = file[:place] + bytes([file[place] ^ data.draw(st.integers(1, 255))]) + file[place + 1 :]
    with pytest.raises(ArchiveError):
        decode(changed)


FILE = encode(snapshot())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no state that"),
        (b"orchestrator state x\n", "no state that"),
        (b"orchestrator state 2\n" + FILE.partition(b"\n")[2], "in version 2"),
        (FILE[:-9], "cut off"),
        (FILE + b"x", "cut off, or something follows"),
        (b"orchestrator state 1\n" + zlib.compress(b"\xc1", wbits=31), "is damaged"),
    ],
)
def test_file_that_is_none_is_refused(data: bytes, told: str) -> None:
    """Another file, one of a newer version, one that was cut off."""
    with pytest.raises(ArchiveError, match=told):
        decode(data)


def test_file_that_says_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers below 0, names that are no brand's, fields without their seal, digests that are not those, a bomb."""
    for changes, told in (({"epoch": -1}, "below 0"), ({"brand": ""}, "is damaged")):
        with pytest.raises(ArchiveError, match=told):
            decode(encode(replace(snapshot(), **changes)))
    stored = snapshot().stored
    swapped = Stored(stored.fields | {b"g": b"\x00"}, stored.digests)
    with pytest.raises(InvalidStateError):
        opened(replace(snapshot(), stored=swapped), FoldConfig())
    lost = Stored(stored.fields, replace(stored.digests, younger=b""))
    with pytest.raises(ArchiveError, match="damaged"):
        opened(replace(snapshot(), stored=lost), FoldConfig())
    old = Stored(stored.fields, replace(NO_DIGESTS, younger_set=frozenset({b"x" * 12})))
    with pytest.raises(ArchiveError, match="before format 5"):
        encode(replace(snapshot(), stored=old))
    monkeypatch.setattr(snapshots, "MAX_BYTES", 100)
    with pytest.raises(ArchiveError, match="more than 100 bytes"):
        decode(FILE)


def test_what_a_commit_leaves_is_what_its_script_writes() -> None:
    """Fields are written, then removed; days removed, then written; digests all, or as they were; chunks added."""
    before, lease = snapshot(), Lease("nike", "t", 7, 1, "a", 0, 0, 9, 0)
    change = DigestChange(Remember.REPLACE, b"y" * 16, 5, 1, 2, b"o" * 16)
    commit = Commit(
        "b",
        "a",
        2,
        put={b"x": b"1", b"y": b"2"},
        remove=[b"y", b"g"],
        digests=change,
        trend_put={b"h:1": b"new"},
        trend_remove=[b"h:1"],
        recent=[b"%d" % number for number in range(MAX_RECENT - 1)],
    )
    found = left_by(commit, lease, b"mine", before)
    assert found.stored.fields == {name: value for name, value in before.stored.fields.items() if name != b"g"} | {
        b"x": b"1"
    }
    assert found.stored.digests == StoredDigests(b"y" * 16, b"o" * 16, 5, 1, 2)
    assert (found.cid, found.epoch, found.version, found.settings, found.taken_ms) == ("b", 7, 2, b"mine", 9)
    assert found.trend == {b"h:1": b"new"}
    assert found.recent[:2] == [b"older", b"0"]
    assert left_by(replace(commit, digests=None), lease, b"", before).stored.digests == before.stored.digests
    with pytest.raises(ValueError, match="all digests, or none"):
        left_by(replace(commit, digests=replace(change, how=Remember.APPEND)), lease, b"", before)
