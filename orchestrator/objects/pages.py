"""How large the pages of a Parquet file are when they are unpacked, read from their own headers before anybody does.

The file's footer says sizes, too, and whoever made the file by hand can have it say anything: a reader takes the memory
that the header of the page names. So headers are gone through first, which costs nothing beside the unpacking. Headers
are Thrift's compact protocol, of which the little that is needed is here. Pure.

Source: ``parquet.thrift`` and ``Encryption.md`` of the Parquet format, ``thrift-compact-protocol.md`` of Thrift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from orchestrator.errors import ArchiveError

MAX_DICTIONARY_BYTES: Final = 4 << 20
"""Of a dictionary page, unpacked: writers begin no further value after one MiB."""

MAX_ROWS: Final = 10_000_000
"""Of a file: rows of nothing take no bytes in it."""

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_VARINT_BITS: Final = 63
_FIELDS: Final = 64
_DEPTH: Final = 4
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 12


class Page(NamedTuple):
    """What the header of a page says.

    Attributes:
        kind: 0 data, 2 dictionary, 3 data of the second version.
        unpacked: bytes.
        packed: bytes that follow the header.
        begins: where they begin.
    """

    kind: int
    unpacked: int
    packed: int
    begins: int


def check_pages(data: bytes, metadata: Any, names: Collection[str], plain: Collection[str], most: int) -> None:
    """Refuse a file whose columns *names* have more than *most* bytes unpacked.

    Args:
        data: the file.
        metadata: its footer, as pyarrow read it.
        names: of the columns that are to be read.
        plain: those of them that are unpacked whole: of a dictionary one value may become as many as there are rows.
        most: bytes.

    Raises:
        ArchiveError: there are more, or the pages are not where the footer says.
    """
    if metadata.num_rows > MAX_ROWS:
        raise ArchiveError(f"a Parquet file tells of {metadata.num_rows} rows, and {MAX_ROWS} are the most")
    unpacked = 0
    for group in range(metadata.num_row_groups):
        about = metadata.row_group(group)
        for place in range(about.num_columns):
            column = about.column(place)
            name = column.path_in_schema.partition(".")[0]
            if name not in names:
                continue
            begins, size = _start(column), column.total_compressed_size
            if begins < 0 or size < 0 or begins + size > len(data):
                raise ArchiveError(f"a Parquet file of {len(data)} bytes has column {name!r} beyond its end")
            for page in pages(data, begins, begins + size):
                times = about.num_rows if page.kind == _DICTIONARY and name in plain else 1
                if page.kind == _DICTIONARY and times == 1 and page.unpacked > MAX_DICTIONARY_BYTES:
                    raise ArchiveError(f"a Parquet file has a dictionary of {page.unpacked} bytes for column {name!r}")
                unpacked += page.unpacked * max(1, times)
                if unpacked > most:
                    raise ArchiveError(f"a file of {len(data)} bytes has more than {most} when unpacked")


def pages(data: bytes, begins: int, ends: int) -> Iterator[Page]:
    """The pages that lie in *data* between *begins* and *ends*, one behind the other.

    Raises:
        ArchiveError: something else does.
    """
    at = begins
    while at < ends:
        try:
            page = _header(data, at, ends)
        except (IndexError, KeyError):
            raise ArchiveError(f"a Parquet file has no header of a page at byte {at}") from None
        if page.kind not in {_DATA, _DICTIONARY, _DATA_V2} or min(page.unpacked, page.packed) < 0:
            raise ArchiveError(f"a Parquet file has a page at byte {at} that cannot be: {page}")
        at = page.begins + page.packed
        if at > ends:
            raise ArchiveError(f"a Parquet file has a page at byte {page.begins} that ends beyond its column")
        yield page


def _start(column: Any) -> int:
    """As pyarrow's reader finds it."""
    begins = column.data_page_offset
    dictionary = column.dictionary_page_offset if column.has_dictionary_page else None
    return int(dictionary if dictionary is not None and 0 < dictionary < begins else begins)


def _header(data: bytes, at: int, ends: int) -> Page:
    """A ``PageHeader``: fields 1 to 3 are kind, unpacked and packed size."""
    found: dict[int, int] = {}
    at = _struct(data, at, ends, found, 0)
    return Page(found[1], found[2], found[3], at)


def _struct(data: bytes, at: int, ends: int, found: dict[int, int] | None, depth: int) -> int:
    """Go through a struct to behind it; whole numbers of its fields go to *found*."""
    field = 0
    for _ in range(_FIELDS):
        if at >= ends:
            raise IndexError
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if kind == _STOP:
            return at
        if step:
            field += step
        else:
            field, at = _number(data, at)
        if kind in {_I16, _I32, _I64}:
            value, at = _number(data, at)
            if found is not None:
                if field in found:  # of two a reader takes the last one
                    raise KeyError
                found[field] = value
        else:
            at = _skip(data, at, ends, kind, depth)
    raise KeyError


def _skip(data: bytes, at: int, ends: int, kind: int, depth: int) -> int:
    if kind in {_TRUE, _FALSE}:
        return at
    if kind == _BYTE:
        return at + 1
    if kind == _DOUBLE:
        return at + 8
    if kind == _BINARY:
        size, at = _varint(data, at)
        return at + size
    if kind == _STRUCT and depth < _DEPTH:
        return _struct(data, at, ends, None, depth + 1)
    raise KeyError  # a header has neither lists nor maps


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A whole number, and where it ends."""
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _VARINT_BITS + 1, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004 - the last one has no eighth bit
            return value, at
    raise KeyError
