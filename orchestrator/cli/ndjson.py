"""Reads newline-delimited JSON line by line, in bounded memory; knows nothing of what the lines mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_BOM = b"\xef\xbb\xbf"  # editors on Windows begin files with it


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank.

    Attributes:
        number: counted from 1, blank lines included.
        item: the line without surrounding blanks; empty if it is too long.
        too_long: the line has more bytes than allowed and was skipped.
        end_offset: bytes read so far, this line included.
    """

    number: int
    item: bytes
    too_long: bool
    end_offset: int


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[Line]:
    """The lines of *stream* that are not blank; none of them costs more memory than *max_bytes*."""
    number = offset = 0
    limit = max_bytes + 2  # a line of exactly max_bytes may end with CR LF
    while raw := stream.readline(limit):
        number += 1
        offset += len(raw)
        item = raw.removeprefix(_BOM).strip() if number == 1 else raw.strip()
        skipped = _skip_line(stream, limit) if len(raw) == limit and not raw.endswith(b"\n") else 0
        offset += skipped
        if skipped or len(item) > max_bytes:
            yield Line(number, b"", too_long=True, end_offset=offset)
        elif item:
            yield Line(number, item, too_long=False, end_offset=offset)


def _skip_line(stream: BinaryIO, limit: int) -> int:
    skipped = 0
    while raw := stream.readline(limit):
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped
