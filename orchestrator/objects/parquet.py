"""Records as one Parquet file, and back: the form in which closed days lie in an archive.

A row is an item of a record, and a record without items is a row too. Each row has what its record says, which costs
next to nothing in columns; what the item says stands in columns beside the payload, so that any tool that reads Parquet
can be asked (``docs/archive.md``). Records are made again of the payload and of what was decided then, and of nothing
else, and each has its checksum.

What is read is foreign: bounded, typed, and no page of it is unpacked before its size is known
(:mod:`orchestrator.objects.pages`). pyarrow, the extra ``archive``, is imported when it is needed.
Source: ``docs/decisions/0101-closed-days-as-parquet.md``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from orchestrator.archive.record import (
    MAX_HEAD_BYTES,
    MAX_ITEMS,
    MAX_OBJECT_BYTES,
    Fate,
    Item,
    Link,
    Record,
    check_of,
    plain,
)
from orchestrator.archive.told import Told, told
from orchestrator.errors import ArchiveError
from orchestrator.objects.pages import check_pages
from orchestrator.process.extras import extra_helps

FORMAT: Final = 1
"""Of the files. A reader takes its own and older ones; columns that it does not know say nothing."""

SUFFIX: Final = ".parquet"
GROUP_ROWS: Final = 65_536
GROUP_BYTES: Final = 8 << 20
"""Of payloads in a row group: what a writer holds, and a reader at a time."""

_MARK: Final = b"orchestrator.records"
_BRAND: Final = b"orchestrator.brand"
_LEVEL: Final = 9
_BATCH_ROWS: Final = 1_024
_PAGE_BYTES: Final = 1 << 20
_MAX_FOOTER: Final = 64 << 20

_HEAD: Final = (
    ("brand", "string"),
    ("cid", "string"),
    ("previous", "string"),
    ("epoch", "int64"),
    ("version", "int64"),
    ("committed_at", "time"),
    ("clock_ms", "int64"),
    ("summary_ms", "int64"),
    ("replaces", "bool"),
    ("settings", "string"),
    ("items", "int64"),
    ("check", "int64"),
)
"""Columns of a record, the same in each of its rows, and never null."""

_ITEM: Final = (
    ("place", "int64"),
    ("fate", "string"),
    ("reason", "string"),
    ("path", "string"),
    ("payload", "string"),
    ("payload_bytes", "binary"),
)
"""Columns of an item, null where a record has none; a payload that is no UTF-8 is in the last one."""

_TOLD: Final = (
    ("chunk_id", "string"),
    ("counted_at", "time"),
    ("late", "bool"),
    ("mentions", "int64"),
    ("positive", "double"),
    ("neutral", "double"),
    ("negative", "double"),
    ("score", "double"),
    ("topics", "strings"),
)
"""Columns that are for people alone, null where an item is no chunk."""

_HEAD_NAMES: Final = tuple(name for name, _ in _HEAD)
_READ: Final = (*_HEAD_NAMES, *(name for name, _ in _ITEM))
_REPEATED: Final = ["brand", "cid", "previous", "settings", "fate", "reason", "path"]
_APART: Final = {"payload", "payload_bytes", "chunk_id", "topics", "settings"}
"""Columns of which no smallest and largest value is noted: they are long, or say nothing."""

_settings_decoder = msgspec.json.Decoder(dict[str, int | float])


class Packer:
    """Makes one file of records, holding a row group of them; the same records give the same bytes."""

    def __init__(self, brand: str) -> None:
        """Begin a file of *brand*; raises ArchiveError where pyarrow is missing."""
        self._arrow, parquet = _arrow()
        self._brand = brand
        self._schema = _schema(self._arrow)
        self._sink = self._arrow.BufferOutputStream()
        self._writer = parquet.ParquetWriter(
            self._sink,
            self._schema,
            version="2.6",
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=_REPEATED,
            write_statistics=[name for name in self._schema.names if name not in _APART],
            write_page_checksum=True,
            data_page_size=_PAGE_BYTES,
            store_schema=False,
        )
        self._rows: list[tuple[Any, ...]] = []
        self._waiting = 0
        self.unpacked = 0
        """Bytes of payloads so far."""

    def add(self, record: Record) -> None:
        """Take *record* in.

        Raises:
            ArchiveError: it is another brand's, or has a number that no column holds.
        """
        if record.brand != self._brand:
            raise ArchiveError(f"commit {record.cid!r} is of brand {record.brand!r}, not of {self._brand!r}")
        head = _head_of(record)
        if not record.items:
            self._take((*head, *(None,) * (len(_ITEM) + len(_TOLD))), 0)
        for place, (item, says) in enumerate(zip(record.items, told(record), strict=True)):
            self._take((*head, place, *_item_of(item), *_told_of(says)), len(item.payload))

    def finish(self) -> bytes:
        """The file."""
        self._flush()
        self._writer.add_key_value_metadata({_MARK: b"%d" % FORMAT, _BRAND: self._brand.encode()})
        self._writer.close()
        return bytes(self._sink.getvalue())

    def _take(self, row: tuple[Any, ...], size: int) -> None:
        self._rows.append(row)
        self._waiting += size
        self.unpacked += size
        if len(self._rows) >= GROUP_ROWS or self._waiting >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        try:
            arrays = [
                self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)
            ]
        except (self._arrow.ArrowException, OverflowError, UnicodeError) as error:
            raise ArchiveError(f"a record of {self._brand!r} fits no file: {error}") from None
        table = self._arrow.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=len(self._rows))
        self._rows, self._waiting = [], 0


def encode(records: Iterable[Record], brand: str) -> bytes:
    """*records* of *brand* as one file, in their order; the same bytes for the same records.

    Raises:
        ArchiveError: one is another brand's; pyarrow is missing.
    """
    packer = Packer(brand)
    for record in records:
        packer.add(record)
    return packer.finish()


def decode(data: bytes, brand: str) -> Iterator[Record]:
    """The records of a file of *brand*, in the order in which they were written; holds a row group at a time.

    Raises:
        ArchiveError: it is no such file, of a newer format, of another brand, damaged, or not what was written.
    """
    rows = _rows(data, brand, _READ)
    size = 0
    for number, row in rows:
        head, settings = _checked(row, number, brand)
        items: list[Item] = []
        if head.items:
            items.append(_item(row, number, 0))
        while len(items) < head.items:
            number, more = next(rows, (number, None))  # noqa: PLW2901 - the rows of one record
            if more is None or more[: len(_HEAD)] != row[: len(_HEAD)]:
                raise ArchiveError(f"the record of commit {head.cid!r} ends after {len(items)} of {head.items} items")
            items.append(_item(more, number, len(items)))
            size += len(items[-1].payload)
            if size > MAX_OBJECT_BYTES:
                raise ArchiveError(f"a file of {len(data)} bytes has more than {MAX_OBJECT_BYTES} when unpacked")
        yield _record(row, brand, settings, items)


def links(data: bytes, brand: str) -> Iterator[Link]:
    """What the records of a file say of themselves, no payload of it unpacked; raises as :func:`decode`."""
    last = ""
    for number, row in _rows(data, brand, _HEAD_NAMES):
        if row[1] != last:
            yield _checked(row, number, brand)[0]
            last = row[1]


def brand_of(data: bytes) -> str:
    """The brand of which a file says that its records are; raises as :func:`decode`."""
    arrow, parquet = _arrow()
    with _told_as_ours(arrow, data):
        limits = {"thrift_string_size_limit": _MAX_FOOTER, "thrift_container_size_limit": _MAX_FOOTER}
        said: Mapping[bytes, bytes] = parquet.ParquetFile(arrow.BufferReader(data), **limits).metadata.metadata or {}
        return said.get(_BRAND, b"").decode()


def _arrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ArchiveError(f"Parquet files need pyarrow: {extra_helps('archive')}") from None


def _schema(arrow: Any) -> Any:
    kinds = {
        "string": arrow.string(),
        "binary": arrow.binary(),
        "int64": arrow.int64(),
        "double": arrow.float64(),
        "bool": arrow.bool_(),
        "time": arrow.timestamp("ms", tz="UTC"),
        "strings": arrow.list_(arrow.field("element", arrow.string(), nullable=False)),
    }
    head = [arrow.field(name, kinds[kind], nullable=False) for name, kind in _HEAD]
    return arrow.schema([*head, *(arrow.field(name, kinds[kind]) for name, kind in (*_ITEM, *_TOLD))])


def _head_of(record: Record) -> tuple[Any, ...]:
    """In the order of ``_HEAD``."""
    numbers = (record.epoch, record.version, record.now_ms, record.clock_ms, record.summary_ms)
    settings = msgspec.json.encode(dict(record.settings)).decode()
    said = (record.replaces, settings, len(record.items), check_of(record))
    return (record.brand, record.cid, record.previous, *numbers, *said)


def _item_of(item: Item) -> tuple[Any, ...]:
    """In the order of ``_ITEM``, without the place."""
    said = (item.fate.value, plain(item.reason), plain(item.path))
    try:
        return (*said, item.payload.decode(), None)
    except UnicodeDecodeError:
        return (*said, None, item.payload)


def _told_of(says: Told | None) -> tuple[Any, ...]:
    if says is None:
        return (None,) * len(_TOLD)
    return (plain(says.chunk_id), *says[1:-1], list(map(plain, says.topics)))


def _rows(data: bytes, brand: str, names: Sequence[str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The rows of a file with their numbers, *names* of them alone, each once looked at and bounded."""
    arrow, parquet = _arrow()
    with _told_as_ours(arrow, data):
        file = parquet.ParquetFile(
            arrow.BufferReader(data),
            read_dictionary=_REPEATED,  # a long value once, not as often as there are rows
            page_checksum_verification=True,
            thrift_string_size_limit=_MAX_FOOTER,
            thrift_container_size_limit=_MAX_FOOTER,
        )
        _check_file(arrow, file, data, brand, names)
        batches = file.iter_batches(_BATCH_ROWS, columns=list(names), use_threads=False)
    number = 0
    while True:
        with _told_as_ours(arrow, data):
            batch = next(batches, None)
            if batch is None:
                return
            columns = [_values(arrow, batch.column(name)) for name in names]
        for row in zip(*columns, strict=True):
            number += 1
            yield number, row


def _values(arrow: Any, column: Any) -> list[Any]:
    if arrow.types.is_dictionary(column.type):
        values = [*column.dictionary.to_pylist(), None]
        return [values[place] for place in column.indices.fill_null(len(values) - 1).to_pylist()]
    plain_column = column.cast(arrow.int64()) if arrow.types.is_timestamp(column.type) else column
    found: list[Any] = plain_column.to_pylist()
    return found


@contextmanager
def _told_as_ours(arrow: Any, data: bytes) -> Iterator[None]:
    """What pyarrow says of a foreign file, in our words."""
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
        why = " ".join(str(error).split())[:200]
        raise ArchiveError(f"a file of {len(data)} bytes is no Parquet file that can be read: {why}") from None


def _check_file(arrow: Any, file: Any, data: bytes, brand: str, names: Sequence[str]) -> None:
    said: Mapping[bytes, bytes] = file.metadata.metadata or {}
    mark = said.get(_MARK, b"")
    if not mark.isdigit() or len(mark) > len("999"):
        raise ArchiveError(f"a file of {len(data)} bytes is Parquet, but has no records of ours")
    if not 1 <= int(mark) <= FORMAT:
        raise ArchiveError(f"a Parquet file has records of format {int(mark)}, and this version knows {FORMAT}")
    if said.get(_BRAND) != brand.encode():
        other = said.get(_BRAND, b"")[:300].decode(errors="backslashreplace")
        raise ArchiveError(f"a Parquet file has records of brand {other!r}, not of {brand!r}")
    wanted, found = _schema(arrow), file.schema_arrow
    for name in _READ:
        kind = found.field(name).type if found.names.count(name) == 1 else None
        if kind is not None and arrow.types.is_dictionary(kind):
            kind = kind.value_type
        if kind != wanted.field(name).type:
            raise ArchiveError(f"a Parquet file has a column {name!r} of type {kind}, not {wanted.field(name).type}")
    check_pages(data, file.metadata, names, ("payload", "payload_bytes"), MAX_OBJECT_BYTES)


def _checked(row: tuple[Any, ...], number: int, brand: str) -> tuple[Link, Mapping[str, int | float]]:
    """What a row says of its record."""
    if None in row[: len(_HEAD)]:
        raise ArchiveError(f"row {number} says too little of its record: {_HEAD_NAMES[row.index(None)]} is missing")
    of, cid, previous, epoch, version, now_ms, clock_ms, summary_ms, replaces, settings, items, _ = row[: len(_HEAD)]
    if of != brand:
        raise ArchiveError(f"row {number} is of brand {of[:300]!r}, not of {brand!r}")
    if max(map(len, (cid, previous, settings))) > MAX_HEAD_BYTES:
        raise ArchiveError(f"row {number} says more of its record than {MAX_HEAD_BYTES} characters")
    if not 0 <= items <= MAX_ITEMS:
        raise ArchiveError(f"row {number} tells of {items} items")
    if min(epoch, version, now_ms, clock_ms, summary_ms) < 0 or not cid:
        raise ArchiveError(f"row {number} has a number below 0, or no cid")
    try:
        found = _settings_decoder.decode(settings)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ArchiveError(f"row {number} has settings that are none: {error}") from None
    return Link(cid, previous, epoch, version, now_ms, items, replaces), found


def _item(row: tuple[Any, ...], number: int, place: int) -> Item:
    at, fate, reason, path, text, data = row[len(_HEAD) :]
    if at != place:
        raise ArchiveError(f"row {number} should have item {place} of commit {row[1]!r}, and has {at}")
    if (text is None) is (data is None):
        raise ArchiveError(f"row {number} must have one of payload and payload_bytes")
    try:
        return Item(data if text is None else text.encode(), Fate(fate), reason or "", path or "")
    except ValueError:
        raise ArchiveError(f"row {number} has no fate that this version knows: {fate!r:.100}") from None


def _record(row: tuple[Any, ...], brand: str, settings: Mapping[str, int | float], items: list[Item]) -> Record:
    _, cid, previous, epoch, version, now_ms, clock_ms, summary_ms, replaces, _, _, check = row[: len(_HEAD)]
    times = (now_ms, clock_ms, summary_ms)
    record = Record(brand, cid, previous, epoch, version, *times, settings, items, replaces=replaces)
    if check_of(record) != check:
        raise ArchiveError(f"the record of commit {cid!r} is not what was written: another checksum")
    return record
