"""Records come back as they were written, whatever workers pushed, and nothing else is taken for one."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive import record as records
from orchestrator.archive.record import (
    Item,
    Link,
    Record,
    decode,
    encode,
    folder_of,
    lines_of,
    links,
    object_of,
    pack,
    unpack,
)
from orchestrator.contract.consumed import Fate
from orchestrator.errors import ArchiveError

PLAIN = Record("nike", "c2", "c1", 7, 12, 1_764_300_000_000, 1_764_300_000_001, 0, {"MAX_STORIES": 5_000})
TWO = replace(PLAIN, items=[Item(b'{"a":"\xc3\xa9"}'), Item(b"\xff\n", Fate.DEAD_LETTER, "not UTF-8 \ud800", "$")])
ITEMS = st.builds(
    Item,
    st.one_of(st.binary(max_size=40), st.text(max_size=40).map(lambda text: text.encode(errors="replace"))),
    st.sampled_from(Fate),
    st.text(max_size=10),
    st.text(max_size=10),
)
NUMBERS = st.integers(0, 2**53)
RECORDS = st.builds(
    Record,
    st.just("nike"),
    st.text(min_size=1, max_size=16),
    st.text(max_size=16),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.dictionaries(st.text(max_size=8), st.one_of(st.integers(0, 10**15), st.floats(0, 1))),
    st.lists(ITEMS, max_size=5),
    st.booleans(),
)


def lines(*found: Record) -> list[bytes]:
    """Those records as lines."""
    return b"".join(map(encode, found)).splitlines(keepends=True)


@given(st.lists(RECORDS, max_size=4))
def test_records_come_back_byte_for_byte(found: list[Record]) -> None:
    """Payloads of any bytes, in one object, which is the same however often it is made."""
    packed = pack(found)
    assert pack(found) == packed
    assert list(unpack(packed, "nike")) == found


def test_record_is_lines_that_any_tool_reads() -> None:
    """JSON, a line for the commit and one for each item; text as text, other bytes in base64."""
    head, first, second = map(json.loads, lines(TWO))
    assert (head["record"], head["cid"], head["previous"], head["items"]) == (1, "c2", "c1", 2)
    assert first == {"fate": "folded", "payload": '{"a":"é"}'}
    assert second["base64"] == "/wo="
    assert second["reason"] == "not UTF-8 \\ud800"


@given(st.data())
def test_changed_byte_is_found(data: st.DataObject) -> None:
    """No byte of a record can be another one unnoticed, but for spellings that say the same."""
    text = encode(TWO)
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + bytes([text[place] ^ data.draw(st.integers(1, 255))]) + text[place + 1 :]
    try:
        found = list(decode(changed.splitlines(keepends=True), "nike"))
    except ArchiveError:
        return
    assert [encode(one) for one in found] == [text]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"record": 2}, "of format 2, and this version knows 1"),
        ({"record": 0}, "of format 0"),
        ({"brand": "puma"}, "of brand 'puma', not of 'nike'"),
        ({"items": 10**9}, "tells of 1000000000 items"),
        ({"items": 3}, "ends after 2 of 3 items"),
        ({"version": -1}, "a number below 0"),
        ({"cid": ""}, "no cid"),
        ({"epoch": 8}, "another checksum"),
        ({"replaces": True}, "another checksum"),
        ({"settings": {"MAX_STORIES": 4}}, "another checksum"),
        ({"nowMs": "1"}, "is no record"),
    ],
)
def test_record_that_was_not_written_so_is_refused(changes: dict[str, object], told: str) -> None:
    """What its first line says is bounded, and under its checksum."""
    head, *items = lines(TWO)
    changed = json.dumps(json.loads(head) | changes).encode()
    with pytest.raises(ArchiveError, match=told):
        list(decode([changed, *items], "nike"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{}", "is no item"),
        (b'{"fate":"eaten","payload":""}', "is no item"),
        (b'{"fate":"folded"}', "one of payload and base64"),
        (b'{"fate":"folded","payload":"","base64":""}', "one of payload and base64"),
        (b'{"fate":"folded","base64":"*"}', "is no item"),
        (b'{"fate":"duplicate","payload":"{\\"a\\":\\"\xc3\xa9\\"}"}', "another checksum"),
        (b'{"fate":"folded","payload":"other"}', "another checksum"),
    ],
)
def test_item_that_was_not_written_so_is_refused(line: bytes, told: str) -> None:
    """Neither its bytes nor its fate can be another one."""
    head, _, last = lines(TWO)
    with pytest.raises(ArchiveError, match=told):
        list(decode([head, line, last], "nike"))


def test_object_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off, no gzip, or a bomb: nothing beyond the bound is unpacked."""
    packed = pack([TWO])
    for data, told in (
        (packed[:-9], "cut off"),
        (b"PK", "cannot be unpacked"),
        (b"", "cut off"),
        (packed * 2, "behind"),
    ):
        with pytest.raises(ArchiveError, match=told):
            list(unpack(data, "nike"))
    monkeypatch.setattr(records, "MAX_OBJECT_BYTES", 1_000)
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    with pytest.raises(ArchiveError, match="more than 1000"):
        list(unpack(bomb.compress(b" " * 100_000) + bomb.flush(), "nike"))


def test_long_line_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a record's nor an item's."""
    found = lines(TWO)
    monkeypatch.setattr(records, "MAX_ITEM_BYTES", 10)
    with pytest.raises(ArchiveError, match="is no item"):
        list(decode(found, "nike"))
    monkeypatch.setattr(records, "MAX_HEAD_BYTES", 10)
    with pytest.raises(ArchiveError, match="is no record"):
        list(decode(found, "nike"))


def test_line_that_does_not_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of an item nor of anything else."""
    monkeypatch.setattr(records, "_PIECE_BYTES", 10)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b"x" * 100 + b"\ny") + packer.flush()
    assert list(lines_of(packed)) == [b"x" * 100, b"y"]
    monkeypatch.setattr(records, "MAX_ITEM_BYTES", 99)
    with pytest.raises(ArchiveError, match="a line of more than 99"):
        list(lines_of(packed))


@given(st.lists(RECORDS, max_size=4))
def test_links_are_what_records_say(found: list[Record]) -> None:
    """Without a look into their items, of which none may be missing all the same."""
    assert list(links(pack(found), "nike")) == [
        Link(one.cid, one.previous, one.epoch, one.version, one.now_ms, len(one.items), one.replaces) for one in found
    ]
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with pytest.raises(ArchiveError, match="ends after 1 of 2 items"):
        list(links(packer.compress(b"".join(lines(TWO)[:2])) + packer.flush(), "nike"))


def test_object_of_another_range_has_another_name() -> None:
    """Two lineages that part after the first record: neither may be put over the other one, however late."""
    ours, others = (replace(PLAIN, cid=cid, previous="c2", version=13) for cid in ("c3", "d3"))
    assert len({object_of(PLAIN, last) for last in (PLAIN, ours, others)}) == 3


def test_objects_are_named_by_brand_day_and_commit() -> None:
    """In the order of commits; whatever a brand is called, it has a folder of its own that file systems take."""
    assert object_of(PLAIN, PLAIN) == "brand=nike/day=2025-11-28/0000000000000007-000000000012-c1-c2.ndjson.gz"
    brands = [".", "..", "a/b", "a%2Fb", "A", "é" * 128, "é" * 127, "x" * 256, "%2E", "~", "brand=nike/day=1"]
    folders = [folder_of(brand) for brand in brands]
    assert len(set(folders)) == len(brands)
    assert all(len(folder) < 255 and folder.isascii() and "/" not in folder for folder in folders)
    assert not {"brand=.", "brand=.."} & set(folders)
