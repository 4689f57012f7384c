"""References lead to the segment that was committed, and to no other one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.segments import LARGE_BYTES, MARK, Reference, may_lie_apart, whole
from orchestrator.errors import InvalidStateError

FIELD, CID = b"s:12", "0123abcd"
VALUE = b"value of some bytes and a seal"


def test_a_reference_says_where_how_long_and_how_it_ends() -> None:
    """All of it can be read by people, but for two checksums."""
    reference = Reference.to(CID, FIELD, VALUE)
    assert reference == (b"0123abcd:s:12", len(VALUE), b"seal")
    stored = reference.stored()
    assert stored[:-4] == MARK + b"0123abcd:s:12 30 seal"
    assert len(stored) < 200  # by which the script tells it from a segment


@given(st.from_regex(r"[sm]:[0-9]{1,19}", fullmatch=True), st.from_regex(r"[0-9a-f-]{1,64}", fullmatch=True), st.data())
def test_what_is_stored_is_read(field: str, cid: str, data: st.DataObject) -> None:
    """Whatever its value ends with, line ends and spaces included."""
    value = data.draw(st.binary(min_size=4))
    reference = Reference.to(cid, field.encode(), value)
    assert Reference.read(field.encode(), reference.stored()) == reference
    assert whole({field.encode(): reference.stored()}, {reference.name: value}) == {field.encode(): value}


@given(st.integers(0), st.integers(1, 255))
def test_a_damaged_reference_is_none(place: int, change: int) -> None:
    """One byte is another one: but for the first, which tells a reference from a segment, all are noticed here."""
    stored = bytearray(Reference.to(CID, FIELD, VALUE).stored())
    stored[place % len(stored)] ^= change
    if stored[:1] != MARK:
        return
    with pytest.raises(InvalidStateError, match=r"s:12.*damaged"):
        whole({FIELD: bytes(stored)}, {b"0123abcd:s:12": VALUE})


def test_a_reference_stands_in_its_own_field() -> None:
    """Of two that changed places none leads anywhere."""
    stored = Reference.to(CID, FIELD, VALUE).stored()
    with pytest.raises(InvalidStateError, match="s:13"):
        Reference.read(b"s:13", stored)
    with pytest.raises(InvalidStateError, match="s:13"):
        Reference.read(b"s:13", Reference(b"0123abcd:s:12", 30, b"seal").stored())


@pytest.mark.parametrize("found", [None, VALUE[:-1], b"x" + VALUE, VALUE[:-1] + b"x", b""])
def test_a_segment_that_is_not_the_one_is_refused(found: bytes | None) -> None:
    """It is missing, has another length, or ends otherwise; or it is left out, if somebody says so."""
    fields = {b"g": b"general", FIELD: Reference.to(CID, FIELD, VALUE).stored()}
    segments = {} if found is None else {b"0123abcd:s:12": found}
    with pytest.raises(InvalidStateError, match=r"s:12.*0123abcd:s:12"):
        whole(fields, segments)
    lost: list[bytes] = []
    assert whole(fields, segments, lost) == {b"g": b"general"}
    assert lost == [FIELD]


def test_fields_that_hold_their_values_stay_as_they_are() -> None:
    """So states of before, and small ones, are read."""
    fields = {b"g": b"general", FIELD: VALUE, b"m:1": b""}
    assert whole(fields, {b"cid:s:12": b"of nobody"}) == fields


@pytest.mark.parametrize(
    ("field", "size", "apart"),
    [
        (b"s:0", LARGE_BYTES, True),
        (b"m:17", LARGE_BYTES, True),
        (b"s:0", LARGE_BYTES - 1, False),
        (b"s", LARGE_BYTES, False),
        (b"s:x", LARGE_BYTES, False),
        (b"s:0x", LARGE_BYTES, False),
        (b"ss:1", LARGE_BYTES, False),
        (b"b", LARGE_BYTES, False),
        (b"p:1", LARGE_BYTES, False),
    ],
)
def test_only_large_segments_may_lie_apart(field: bytes, size: int, apart: bool) -> None:  # noqa: FBT001
    """Other fields are written again and again: what they referred to would be nobody's."""
    assert may_lie_apart(field, bytes(size)) is apart
