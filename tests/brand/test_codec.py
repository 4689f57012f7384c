"""Tests of reading and writing state fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.codec import FieldDecoder, number_in, pack, pack_wide, unpack_wide
from orchestrator.errors import InvalidStateError


@given(st.integers(-(2**200), 2**200))
def test_pack_wide_keeps_every_integer(value: int) -> None:
    """Sums beyond 64 bits are stored exactly."""
    assert unpack_wide(pack_wide(value)) == value


@given(st.lists(st.integers(-(2**63), 2**64 - 1)))
def test_field_decoder_reads_what_was_packed(value: list[int]) -> None:
    """A value of the layout comes back as it was."""
    assert FieldDecoder(list[int]).read(b"p:1", pack(value)) == value


@pytest.mark.parametrize(
    "value", [b"", b"\xc1", b"\x91", b"\x91\xa1x", b"\x91\xa1\xff", b"\x91" * 100_000, b"\x90\x90"]
)
def test_field_decoder_names_a_damaged_field(value: bytes) -> None:
    """Bytes that are no value of the layout are an error that names the field, never anything else."""
    with pytest.raises(InvalidStateError, match="p:1"):
        FieldDecoder(list[int]).read(b"p:1", value)


def test_number_in_reads_the_number_of_a_field() -> None:
    """The number after the colon names pane, hour or story."""
    assert number_in(b"p:1994950") == 1994950


def test_number_in_refuses_foreign_names() -> None:
    """A field that nobody here wrote is an error that names it."""
    with pytest.raises(InvalidStateError, match="p:x"):
        number_in(b"p:x")
