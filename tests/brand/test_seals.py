"""Seals tell a value that stands where it was put from any other."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.seals import SEAL_BYTES, is_sealed, seal_all, unseal_all
from orchestrator.errors import InvalidStateError

FIELDS = st.dictionaries(st.binary(min_size=1, max_size=8), st.binary(max_size=64), min_size=1, max_size=4)


def sealed(fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """A copy with seals."""
    copy = dict(fields)
    seal_all(copy)
    return copy


@given(FIELDS)
def test_what_was_sealed_is_read_again(fields: dict[bytes, bytes]) -> None:
    """To the byte."""
    assert unseal_all(sealed(fields), bare=b"m:") == fields


def test_a_seal_is_the_checksum_of_name_and_value() -> None:
    """What every later version has to be able to check: CRC-32 as in zlib, little endian."""
    assert sealed({b"p:7": b"value"})[b"p:7"] == b"value" + crc32(b"p:7value").to_bytes(4, "little")


@given(FIELDS, st.data())
def test_a_changed_byte_is_noticed(fields: dict[bytes, bytes], data: st.DataObject) -> None:
    """Wherever it stands, also in the seal itself."""
    name, value = data.draw(st.sampled_from(sorted(sealed(fields).items())))
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.integers(1, 255))
    assert not is_sealed(name, value[:place] + bytes([value[place] ^ other]) + value[place + 1 :])


@given(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8), st.binary(max_size=64))
def test_a_value_under_another_name_is_noticed(name: bytes, other: bytes, value: bytes) -> None:
    """So two fields cannot change places."""
    assert is_sealed(other, sealed({name: value})[name]) == (name == other)


@given(st.binary(max_size=SEAL_BYTES - 1))
def test_what_is_too_short_for_a_seal_has_none(value: bytes) -> None:
    """Down to nothing."""
    assert not is_sealed(b"g", value)


def test_only_bare_fields_may_be_without_a_seal() -> None:
    """They are read as they are."""
    fields = sealed({b"p:1": b"x"}) | {b"m:1": b"old"}
    assert unseal_all(fields, bare=b"m:") == {b"p:1": b"x", b"m:1": b"old"}
    with pytest.raises(InvalidStateError, match=r"b'p:2' is damaged: its checksum does not fit its 3 bytes"):
        unseal_all(fields | {b"p:2": b"old"}, bare=b"m:")
