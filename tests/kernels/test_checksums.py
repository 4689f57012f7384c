"""The checksum of seals is zlib's: stored states hold it, and every version compares."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.checksums import crc32


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_it_is_the_one_of_zlib(data: bytes, before: int) -> None:
    """From the start and after what was there before."""
    assert crc32(data, before) == zlib.crc32(data, before)
    assert crc32(data) == zlib.crc32(data)


def test_every_length_is_right() -> None:
    """Those that are folded, 64 bytes at a time and 16, and what is left of them."""
    data = bytes(place * 7 % 251 for place in range(70_000))
    for size in (*range(400), 4_095, 4_096, 65_537, len(data)):
        assert crc32(data[:size], size) == zlib.crc32(data[:size], size)
