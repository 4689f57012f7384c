"""Records come back out of Parquet as they went in, any tool reads them, and nothing else is taken for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive.record import Fate, Item, Record
from orchestrator.errors import ArchiveError
from orchestrator.objects import pages, parquet
from orchestrator.objects.parquet import decode, encode, links
from tests.archive.test_record import PLAIN, RECORDS, TWO
from tests.archive.test_told import chunk

ARTEFACT = Path(__file__).parent.parent / "data" / "archive" / "records-1.parquet"
THREE = [
    replace(PLAIN, cid="c1", previous="", version=11, items=[], replaces=True),
    replace(TWO, items=[Item(chunk(1)), Item(b"\xff\n\0", Fate.DEAD_LETTER, "not UTF-8", "$"), Item(b"")]),
    replace(PLAIN, cid="c3", previous="c2", version=13, summary_ms=1, settings={"A": 2.0, "B": 10**15}, items=[]),
]


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records go over several row groups, and rows over several batches."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 3)


@given(st.lists(RECORDS, max_size=4))
def test_records_come_back_as_they_were(found: list[Record]) -> None:
    """Payloads of any bytes and records without items; the same records give the same bytes."""
    data = encode(found, "nike")
    assert encode(found, "nike") == data
    assert list(decode(data, "nike")) == found


@pytest.mark.usefixtures("small_groups")
def test_record_may_go_over_row_groups() -> None:
    """Neither row groups nor batches of rows end where records do."""
    records = [replace(record, items=[*record.items, *record.items]) for record in THREE * 2]
    data = encode(records, "nike")
    assert pq.ParquetFile(pa.BufferReader(data)).num_row_groups > len(records)
    assert list(decode(data, "nike")) == records
    assert [(link.cid, link.items) for link in links(data, "nike")] == [
        (record.cid, len(record.items)) for record in records
    ]


def test_links_say_what_records_say() -> None:
    """Of each its place in the chain, and no payload is looked at."""
    for link, record in zip(links(encode(THREE, "nike"), "nike"), THREE, strict=True):
        assert (link.cid, link.previous, link.epoch, link.version, link.now_ms, link.items, link.replaces) == (
            *(record.cid, record.previous, record.epoch, record.version, record.now_ms),
            *(len(record.items), record.replaces),
        )


def test_artefact_is_read_for_ever() -> None:
    """What the first version wrote; it is never written anew."""
    assert list(decode(ARTEFACT.read_bytes(), "nike")) == THREE


def test_tool_that_knows_nothing_of_us_reads_it(tmp_path: Path) -> None:
    """Text as text, times as times, lists as lists, nothing where there is nothing."""
    (tmp_path / "x.parquet").write_bytes(encode(THREE, "nike"))
    table = duckdb.connect().read_parquet(str(tmp_path / "x.parquet"))
    rows = table.project(
        "cid, place, fate, CASE WHEN json_valid(payload) THEN payload ->> 'chunkId' END, octet_length(payload_bytes),"
        " mentions, topics, epoch_ms(committed_at), epoch_ms(counted_at)"
    )
    now_ms = PLAIN.now_ms
    assert rows.fetchall() == [
        ("c1", None, None, None, None, None, None, now_ms, None),
        ("c2", 0, "folded", "c1", None, 5, ["launch", "price"], now_ms, now_ms + 1),
        ("c2", 1, "dead_letter", None, 3, None, None, now_ms, None),
        ("c2", 2, "folded", None, None, None, None, now_ms, None),
        ("c3", None, None, None, None, None, None, now_ms, None),
    ]


def changed(column: str, values: list[Any], kind: pa.DataType | None = None, **said: str) -> bytes:
    """A file of ``THREE`` in which a column is another one, as somebody with pyarrow makes it."""
    table = pq.read_table(pa.BufferReader(encode(THREE, "nike")))
    place = table.schema.get_field_index(column)
    array = pa.array(values, kind or table.schema.field(column).type)
    table = table.drop_columns([column]).add_column(place, pa.field(column, array.type), array)
    return written(table, **said)


def written(table: pa.Table, **options: Any) -> bytes:
    """*Table* as a file that says that it is ours."""
    said = {"orchestrator.records": options.pop("records", "1"), "orchestrator.brand": options.pop("brand", "nike")}
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, store_schema=False, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(said)
    return bytes(sink.getvalue())


WHOLE = pq.read_table(pa.BufferReader(encode(THREE, "nike")))
FOREIGN = {
    "column missing": (written(WHOLE.drop_columns(["check"])), "a column 'check' of type None, not int64"),
    "another type": (changed("epoch", ["7"] * 5, pa.string()), "a column 'epoch' of type string, not int64"),
    "column twice": (
        written(WHOLE.append_column(pa.field("cid", pa.string()), WHOLE["cid"])),
        "a column 'cid' of type None",
    ),
    "newer format": (written(WHOLE, records="2"), "of format 2, and this version knows 1"),
    "no format": (written(WHOLE, records="x"), "has no records of ours"),
    "format 0": (written(WHOLE, records="0"), "of format 0"),
    "another brand": (written(WHOLE, brand="puma"), "of brand 'puma', not of 'nike'"),
    "another brand in a row": (changed("brand", ["nike", "puma", *["nike"] * 3]), "row 2 is of brand 'puma'"),
    "no previous": (changed("previous", ["", None, "c1", "c1", "c2"]), "row 2 says too little of its record: previous"),
    "no cid": (changed("cid", ["", *["c2"] * 3, "c3"]), "row 1 has a number below 0, or no cid"),
    "below 0": (changed("version", [-1, 12, 12, 12, 13]), "row 1 has a number below 0"),
    "long": (changed("previous", ["x" * 70_000, *["c1"] * 3, "c2"]), "row 1 says more of its record than"),
    "many items": (changed("items", [0, *[10**9] * 3, 0]), "row 2 tells of 1000000000 items"),
    "more items": (changed("items", [0, *[4] * 3, 0]), "ends after 3 of 4 items"),
    "fewer items": (changed("items", [0, *[2] * 3, 0]), "another checksum"),
    "items of nobody": (changed("items", [0, *[0] * 3, 0]), "another checksum"),
    "another epoch": (changed("epoch", [7, 8, 8, 8, 7]), "commit 'c2' is not what was written: another checksum"),
    "another epoch in a row": (changed("epoch", [7, 7, 8, 7, 7]), "ends after 1 of 3 items"),
    "another replaces": (changed("replaces", [False] * 5), "commit 'c1' is not what was written"),
    "settings": (changed("settings", ["{", *["{}"] * 4]), "row 1 has settings that are none"),
    "deep settings": (changed("settings", ["[" * 60_000, *["{}"] * 4]), "row 1 has settings that are none"),
    "another order": (changed("place", [None, 1, 0, 2, None]), "should have item 0 of commit 'c2', and has 1"),
    "fate": (changed("fate", [None, "eaten", "folded", "folded", None]), "no fate that this version knows: 'eaten'"),
    "no fate": (changed("fate", [None] * 5), "no fate that this version knows: None"),
    "another fate": (changed("fate", [None, "folded", "folded", "folded", None]), "another checksum"),
    "another payload": (changed("payload", [None, "x", None, "", None]), "another checksum"),
    "no payload": (changed("payload", [None] * 5), "row 2 must have one of payload and payload_bytes"),
    "two payloads": (changed("payload_bytes", [None, b"", b"\xff", None, None]), "row 2 must have one of"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_refused(name: str) -> None:
    """Its columns, what it says of itself, and each record are looked at; the error names what is wrong."""
    data, told = FOREIGN[name]
    with pytest.raises(ArchiveError, match=told):
        list(decode(data, "nike"))


def test_other_writers_and_newer_columns_do_no_harm() -> None:
    """Whoever wrote the table with another tool, in other pages; a column more says nothing."""
    table = WHOLE.append_column("added", pa.array([1] * 5))
    plain = ["brand", "cid", "fate"]
    for options in ({"compression": "gzip"}, {"data_page_version": "2.0"}, {"compression": "none"}):
        assert list(decode(written(table, use_dictionary=plain, **options), "nike")) == THREE


@given(st.data())
def test_changed_byte_is_found(data: st.DataObject) -> None:
    """No byte of a file can be another one so that other records come out, or anything but our error."""
    place = data.draw(st.integers(0, len(FILE) - 1))
    file = FILE[:place] + bytes([FILE[place] ^ data.draw(st.integers(1, 255))]) + FILE[place + 1 :]
    try:
        found = list(decode(file, "nike"))
    except ArchiveError:
        return
    assert found == THREE


FILE = encode(THREE, "nike")


@given(st.one_of(st.binary(max_size=200), st.integers(0, len(FILE)).map(lambda size: FILE[:size])))
def test_other_bytes_are_refused(data: bytes) -> None:
    """Anything at all, and every beginning of a file."""
    if data != FILE:
        with pytest.raises(ArchiveError):
            list(decode(data, "nike"))


def repeated(column: str, value: Any, **options: Any) -> bytes:
    """A file whose payloads or ids are the same long value, once, with as many rows as there are."""
    rows = 40
    arrays = {
        name: pa.array([WHOLE[name][1].as_py()] * rows, WHOLE.schema.field(name).type) for name in WHOLE.schema.names
    }
    arrays[column] = pa.array([value] * rows, WHOLE.schema.field(column).type)
    return written(pa.table(arrays), use_dictionary=[column], compression="zstd", **options)


def test_dictionary_of_payloads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long one, written once and named by each row, would be as many as there are rows."""
    monkeypatch.setattr(parquet, "MAX_OBJECT_BYTES", 20_000_000)
    data = repeated("payload", "x" * 1_000_000, dictionary_pagesize_limit=2_000_000)
    assert len(data) < 20_000
    with pytest.raises(ArchiveError, match="has more than 20000000 when unpacked"):
        list(decode(data, "nike"))


def test_long_dictionary_is_refused() -> None:
    """Likewise what a record says: short values, written once."""
    data = repeated("cid", "x" * 5_000_000, dictionary_pagesize_limit=6_000_000)
    with pytest.raises(ArchiveError, match="a dictionary of 5000004 bytes for column 'cid'"):
        list(decode(data, "nike"))


def test_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sizes in the headers of pages; and where a file's records together are more, by what they are."""
    data = encode([replace(PLAIN, items=[Item(b"x" * 300_000)] * 3)], "nike")
    assert len(data) < 10_000
    monkeypatch.setattr(parquet, "MAX_OBJECT_BYTES", 400_000)
    with pytest.raises(ArchiveError, match="has more than 400000 when unpacked"):
        list(decode(data, "nike"))
    monkeypatch.setattr(parquet, "check_pages", lambda *_: None)
    with pytest.raises(ArchiveError, match="has more than 400000 when unpacked"):
        list(decode(data, "nike"))


def test_many_rows_of_nothing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take no bytes in a file, and time to go through."""
    monkeypatch.setattr(pages, "MAX_ROWS", 4)
    with pytest.raises(ArchiveError, match="tells of 5 rows, and 4 are the most"):
        list(decode(FILE, "nike"))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"", "no header of a page at byte 0"),
        (b"\x15\x00", "no header of a page"),  # ends in the middle
        (b"\x15\x00\x15\x02\x15\x02", "no header of a page"),  # no end
        (b"\x15\x02\x15\x02\x15\x02\x00", "a page at byte 0 that cannot be"),  # a kind that no column has
        (b"\x15\x00\x15\x01\x15\x02\x00", "a page at byte 0 that cannot be"),  # -1 bytes unpacked
        (b"\x15\x00\x15\x02\x15\x01\x00", "a page at byte 0 that cannot be"),  # -1 bytes packed
        (b"\x15\x00\x15\x02\x15\x60\x00", "ends beyond its column"),
        (b"\x15\x00\x15\x02\x00", "no header of a page"),  # no packed size
        (b"\x15\x00\x15\x7e\x15\x02\x05\x04\x02\x00", "no header of a page"),  # one size, then another one
        (b"\x15\x00\x15" + b"\xff" * 12, "no header of a page"),
        (b"\x15\x00\x15\x02\x15\x02\x19\x00", "no header of a page"),  # a list
        (b"\x15\x00\x15\x02\x15\x02" + b"\x1c" * 5_000, "no header of a page"),  # deep
        (b"\x11" * 80, "no header of a page"),
    ],
)
def test_header_that_is_none_is_refused(header: bytes, told: str) -> None:
    """Cut off, without an end, of sizes that cannot be, or that could be read in two ways."""
    with pytest.raises(ArchiveError, match=told):
        list(pages.pages(header, 0, max(1, len(header))))


def test_header_is_read_whatever_else_it_says() -> None:
    """Fields of every kind are passed over; the page is behind its end."""
    more = b"\x15\x04\x11\x13\x07\x17" + b"\0" * 8 + b"\x18\x02ab\x1c\x15\x02\x00"
    header = b"\x15\x04\x15\x0a\x15\x06" + more + b"\x00" + b"abc"
    (page,) = pages.pages(header, 0, len(header))
    assert page == (2, 5, 3, len(header) - 3)


def test_record_that_fits_no_column_is_refused() -> None:
    """A number that is too large, or another brand's."""
    with pytest.raises(ArchiveError, match="fits no file"):
        encode([replace(PLAIN, epoch=2**63)], "nike")
    with pytest.raises(ArchiveError, match="commit 'c2' is of brand 'nike', not of 'puma'"):
        encode([PLAIN], "puma")


def test_missing_package_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (lambda: encode([], "nike"), lambda: list(decode(b"", "nike"))):
        with pytest.raises(ArchiveError, match=r"pip install 'service3-orchestrator\[archive\]'"):
            call()


def test_writer_and_reader_hold_a_row_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all rows: records come in and out one after the other."""
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1 << 20)
    seen = 0

    def many() -> Iterator[Record]:
        nonlocal seen
        for number in range(2_000):
            seen += 1
            yield replace(PLAIN, cid=f"c{number}", items=[Item(b"%d " % number * 1_000)])

    data = encode(many(), "nike")
    before = pa.total_allocated_bytes()
    found = decode(data, "nike")
    assert sum(1 for _ in found) == seen
    assert pa.total_allocated_bytes() <= before
    assert pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(0).total_byte_size < 3 << 20
