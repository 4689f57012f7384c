"""Lines out of any stream of bytes, in bounded memory."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.ndjson import read_lines

MAX_BYTES = 10


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n \r\n\n", []),
        (b"a", [(1, b"a")]),
        (b"a\n\nb\r\n", [(1, b"a"), (3, b"b")]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [(1, b"a"), (2, b"\xef\xbb\xbfb")]),
        (b"0123456789\r\nb", [(1, b"0123456789"), (2, b"b")]),
        (b"0123456789", [(1, b"0123456789")]),
    ],
)
def test_read_lines_numbers_and_trims(data: bytes, lines: list[tuple[int, bytes]]) -> None:
    """Blank lines count but are not lines of data; line ends of every system and a byte order mark vanish."""
    assert [(line.number, line.item) for line in read_lines(io.BytesIO(data), MAX_BYTES)] == lines


def test_read_lines_skips_what_is_too_long() -> None:
    """A long line is reported once, whatever its length, and the next one is read in full."""
    data = b"x" * (MAX_BYTES + 1) + b"\n" + b"y" * 10_000 + b"\nz\n" + b"w" * 10_000
    lines = list(read_lines(io.BytesIO(data), MAX_BYTES))
    assert [(line.number, line.too_long, line.item) for line in lines] == [
        (1, True, b""),
        (2, True, b""),
        (3, False, b"z"),
        (4, True, b""),
    ]
    assert lines[-1].end_offset == len(data)


@given(st.lists(st.binary(max_size=MAX_BYTES * 3).map(lambda line: line.replace(b"\n", b"")), max_size=8))
def test_read_lines_agrees_with_splitting(raw_lines: list[bytes]) -> None:
    """Against the obvious way: split at newlines, trim, drop blanks; long ones are marked."""
    data = b"".join(line + b"\n" for line in raw_lines)
    expected = [
        (number, stripped)
        for number, raw in enumerate(raw_lines, 1)
        if (stripped := (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip())
    ]
    found = list(read_lines(io.BytesIO(data), MAX_BYTES))
    short = [(line.number, line.item) for line in found if not line.too_long]
    padded = {line.number for line in found if line.too_long}
    assert short == [(number, item) for number, item in expected if number not in padded]
    assert all(len(raw_lines[number - 1]) > MAX_BYTES for number in padded)
    assert all(len(item) <= MAX_BYTES for _, item in short)
