"""Mentions on their way from documents into rows: both twins tell what json tells, and refuse what it refuses."""

from __future__ import annotations

import importlib
import json
import re
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract import chunk as bounds
from orchestrator.contract import decode
from orchestrator.errors import InvalidChunkError
from orchestrator.kernels import rows
from orchestrator.kernels.hashing import hash_text
from orchestrator.kernels.rows import MentionRows
from tests.kernels.support import twins_of
from tests.kernels.test_scan import FOLDER, HASHING, decoded, kernel

__all__ = ["kernel"]  # a fixture

Row = tuple[list[int], list[str]]
"""The hashes of a row, and its first texts."""


def item_with(*arrays: str, key: str = '"mentions"', more: str = "", tail: str = "") -> bytes:
    """A chunk of brand ``b`` with a cluster for each of these texts of an array, near the document's end."""
    clusters = ",".join(f'{{"id":"i","label":"l"{more},{key}:{array}}}' for array in arrays)
    return f'{{"chunkId":"c","brand":"b","sentiment":{{"score":0}},"clusters":[{clusters}]}}{tail}'.encode()


def rows_of(kernel: ModuleType, item: bytes) -> list[Row]:
    """What the item's clusters list."""
    clusters, _, mentions, _ = decoded(kernel, item)
    return [row_of(mentions, part.mentions) for part in clusters]


def row_of(mentions: MentionRows, row: int) -> Row:
    """A row, by its number."""
    start, stop = mentions.offsets[row : row + 2]
    assert mentions.counts[row] == stop - start
    return mentions.hashes[start:stop].tolist(), mentions.first(row)


def row_with(*texts: str) -> Row:
    """The row of a cluster that lists *texts*, by the definition."""
    return [hash_text(text, HASHING.key) for text in dict.fromkeys(texts)], list(texts[:3])


def expected(array: str) -> list[str] | None:
    """What *array* lists: texts, half a surrogate pair being U+FFFD, and integers as texts; else None."""
    try:
        entries = json.loads(array, strict=False)
    except ValueError:
        return None
    if not isinstance(entries, list) or not all(type(entry) in (str, int) for entry in entries):
        return None
    return [re.sub("[\ud800-\udfff]", "\ufffd", str(entry)) for entry in entries]


CHARACTERS = st.characters(categories=None, exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=0x20)
ESCAPES = st.sampled_from([r"\"", r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t"])
CODES = st.builds(
    "\\u{}".format,
    (st.integers(0, 0xFFFF) | st.integers(0xD7F0, 0xE010)).map("{:04x}".format) | st.sampled_from(["00E9", "AbCd"]),
)
PAIRS = st.characters(min_codepoint=0x10000).map(lambda character: json.dumps(character)[1:-1])
VALID = st.lists(CHARACTERS | ESCAPES | PAIRS, max_size=20).map("".join)
ODD = st.lists(CHARACTERS | ESCAPES | CODES | st.sampled_from(["\\", "\\x", "\\u12", "\\u12g4", "\x1f", "\n", "\x7f"]))
BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t \r"])
ENTRIES = VALID.map('"{}"'.format) | st.integers(0, 3).map('"m{}"'.format)
ANYTHING = (
    ENTRIES
    | ODD.map("".join).map('"{}"'.format)
    | st.sampled_from(["0", "null", "true", "[]", '["x"]', "{}", "", '"', "'x'", "]", "\x0b"])
)


def array_of(entries: list[str], blanks: list[str]) -> str:
    """A JSON array with blanks between everything."""
    padded = [f"{blanks[place % 7]}{entry}{blanks[place % 5]}" for place, entry in enumerate(entries)]
    return f"{blanks[5]}[{','.join(padded) or blanks[6]}]{blanks[6]}"


LAYOUT = st.lists(BLANKS, min_size=7, max_size=7)


@given(lists=st.lists(st.lists(ENTRIES, max_size=12), max_size=4), blanks=LAYOUT)
def test_rows_are_those_of_json(kernel: ModuleType, lists: list[list[str]], blanks: list[str]) -> None:
    """Texts in any notation, blanks wherever they may be, duplicates: the rows hold what json reads."""
    arrays = [array_of(entries, blanks) for entries in lists]
    assert rows_of(kernel, item_with(*arrays)) == [row_with(*json.loads(array)) for array in arrays]


@given(entries=st.lists(ANYTHING, max_size=6), blanks=LAYOUT)
def test_rows_are_refused_with_json(kernel: ModuleType, entries: list[str], blanks: list[str]) -> None:
    """Escapes that are none and other values are refused; half a pair, a raw control character, an integer are not."""
    array = array_of(entries, blanks)
    texts = expected(array)
    if texts is None:
        with pytest.raises(InvalidChunkError):
            rows_of(kernel, item_with('["before"]', array))
    else:
        assert rows_of(kernel, item_with('["before"]', array))[1] == row_with(*texts)


@given(lists=st.lists(st.lists(st.text(max_size=30), max_size=9), max_size=3), ascii_only=st.booleans())
def test_rows_of_ordinary_documents_need_no_slow_way(
    kernel: ModuleType,
    lists: list[list[str]],
    ascii_only: bool,  # noqa: FBT001 - drawn
) -> None:
    """What JSON writers make of texts is read in one pass by the compiled twin, whichever way they escape."""
    arrays = [json.dumps(texts, ensure_ascii=ascii_only) for texts in lists]
    clusters, _, mentions, slow = decoded(kernel, item_with(*arrays))
    assert [row_of(mentions, part.mentions) for part in clusters] == [row_with(*texts) for texts in lists]
    assert slow == (kernel.__name__ == "orchestrator.kernels.scan_py")


def test_rows_of_every_size_are_hashed_alike_wherever_they_end(kernel: ModuleType) -> None:
    """Around words of eight bytes, and with few bytes of the document left behind the text: one text, one hash."""
    text = "abcdefghijklmnopqrstuvwxyzäß🚀" * 2
    for size in range(len(text) + 1):
        for tail in range(18):
            item = item_with(json.dumps([text[:size]], ensure_ascii=False), tail=" " * tail)
            assert rows_of(kernel, item) == [row_with(text[:size])]


def test_rows_of_truncated_documents_are_refused(kernel: ModuleType) -> None:
    """A document that ends too early anywhere is refused; nothing behind its end is looked at."""
    whole = item_with('["m1", "a longer one of more than sixteen bytes", "\\u00e9\\ud83d\\ude80\\n", "ü"]', "[]")
    for cut in range(len(whole)):
        with pytest.raises(InvalidChunkError):
            rows_of(kernel, whole[:cut])


@pytest.mark.parametrize("character", ["x", "ü", "🚀"])
def test_rows_take_texts_of_any_length(kernel: ModuleType, character: str) -> None:
    """A text is a mention however long it is, and counts as a whole, beyond what the compiled twin reads at once."""
    longest = character * bounds.MAX_TEXT_CHARS
    for array in ([longest], ["m", longest, "m"]):
        assert rows_of(kernel, item_with(json.dumps(array, ensure_ascii=False))) == [row_with(*array)]
    array = [longest, longest + character, longest + "-"]
    assert rows_of(kernel, item_with(json.dumps(array, ensure_ascii=False))) == [row_with(*array)]


@pytest.mark.parametrize("different", [1, 7, bounds.MAX_MENTIONS])
def test_rows_bound_their_entries(kernel: ModuleType, different: int) -> None:
    """A cluster lists 100,000 mentions at most, equal ones included."""
    texts = [f"m{number % different}" for number in range(bounds.MAX_MENTIONS)]
    assert rows_of(kernel, item_with(json.dumps(texts), '["x"]')) == [row_with(*texts), row_with("x")]
    with pytest.raises(InvalidChunkError) as caught:
        rows_of(kernel, item_with('["x"]', json.dumps([*texts, "m0"])))
    assert caught.value.path == "$.clusters[1].mentions"


A = ',"mentions":["a"]'


@pytest.mark.parametrize(
    ("item", "texts"),
    [
        (item_with('["b"]', more=A), ["b"]),
        (item_with('["b"]', key='"mentions" \n', more=A), ["b"]),
        (item_with('["b"]', key='"\\u006dentions"'), ["b"]),
        (item_with('["b"]', key='"mention\\u0073"'), ["b"]),
        (item_with('["b"]', key='"m\\u0065ntions"', more=A), ["b"]),
        (item_with('["b"]', more=',"\\u006Dentions":["a"]'), ["b"]),
        (item_with('["b"]', more=',"x":{"mentions":["a",1]}'), ["b"]),
        (item_with('["b"]', more=',"x":{"mentions":7}'), ["b"]),
        (item_with('["b"]', more=',"x":"\\"mentions\\":[\\"a\\"]"'), ["b"]),
        (item_with('["b"]', more=',"x":"mentions"'), ["b"]),
        (item_with('["b"]', more=',"x\\"mentions":["a"]'), ["b"]),
        (item_with('["b"]', more=',"x":["mentions",{"mentions":[]}]'), ["b"]),
        (item_with('["mentions","centroid"]', more=',"x":1'), ["mentions", "centroid"]),
        (item_with('["\\"mentions\\":"]'), ['"mentions":']),
        (item_with('["b"]').replace(b'"chunkId"', b'"mentions":["a"],"meta":{"mentions":["a"]},"chunkId"'), ["b"]),
        (item_with('["b"]').replace(b'"chunkId"', b'"mentions":0,"chunkId"'), ["b"]),
        (item_with('["b"]', more=',"mentionCount":3.0'), ["b"]),
    ],
)
def test_rows_are_found_where_they_are(kernel: ModuleType, item: bytes, texts: list[str]) -> None:
    """Only a cluster's own key names its mentions, however it is written; the last one counts."""
    assert rows_of(kernel, item) == [row_with(*texts)]


@pytest.mark.parametrize("value", ["0", "1", " 0", "-0", "-1", "0.0", "1e0", "true", "null", '"0"', "{}", '{"0":0}'])
@pytest.mark.parametrize(
    "key", ['"mentions"', '"mentions" ', '"\\u006dentions"', '"mention\\u0073"', '"m\\u0065ntions"']
)
@pytest.mark.parametrize("more", ["", A, ',"\\u006dentions":["a"]'])
def test_rows_cannot_be_named_by_documents(kernel: ModuleType, value: str, key: str, more: str) -> None:
    """Whatever stands in an array's place is refused, and never read as the number of a row of the batch."""
    whole = item_with('["secret"]', '["secret"]')
    smuggled = item_with(value, key=key, more=more)
    slowly = partial(decode._decode_slowly, 10**6)
    found = kernel.decode_items(
        kernel.Scan([whole, smuggled, whole], 10**6, HASHING), "b", decode._chunk_decoder.decode, slowly
    )
    assert (found[1], [index for index, _ in found[2]]) == ([0, 2], [1])


@pytest.mark.parametrize("behind", ["0", "7", ".0", "e0", "E1", "-", "true", '"', "[1]", "]", "x"])
@pytest.mark.parametrize("array", ['["b"]', "[]", "[ ]"])
def test_rows_refuse_what_stands_behind_an_array(kernel: ModuleType, array: str, behind: str) -> None:
    """A digit behind the bracket must not become a part of the row number that takes the array's place."""
    with pytest.raises(InvalidChunkError):
        rows_of(kernel, item_with('["a"]', array + behind))  # in the second: no number goes on after a 0


def test_rows_of_a_batch_keep_apart(kernel: ModuleType) -> None:
    """Ordinary, slow and refused items side by side, also refused late: row numbers name each cluster's own."""
    items = [
        item_with('["a1","a2"]', '["a3"]'),
        item_with('["b1"]', '["b2"]', key='"\\u006dentions"'),
        item_with('["c1"]', '["c2",null]'),
        item_with('["d1"]', '["d2"]', more=',"mentionCount":2.0'),
        item_with('["e1"]', more=',"mentionCount":2.5'),
        item_with('["f1"]', "[]", '["f2"]', more=',"centroid":[1,2]'),
        b"",
        b" " * 2000,
        item_with('["g1"]', tail=" " * 2000),
        item_with('["h1"]', "[]"),
    ]
    slowly = partial(decode._decode_slowly, 1000)
    chunks, indices, errors, _, mentions = kernel.decode_items(
        kernel.Scan(items, 1000, HASHING), "b", decode._chunk_decoder.decode, slowly
    )
    assert indices == [0, 1, 3, 5, 9]
    assert [index for index, _ in errors] == [2, 4, 6, 7, 8]
    found = [[row_of(mentions, part.mentions) for part in chunk.clusters] for chunk in chunks]
    assert found == [
        [row_with("a1", "a2"), row_with("a3")],
        [row_with("b1"), row_with("b2")],
        [row_with("d1"), row_with("d2")],
        [row_with("f1"), row_with(), row_with("f2")],
        [row_with("h1"), row_with()],
    ]


@given(place=st.integers(0, 400), damage=st.binary(max_size=4) | VALID.map(str.encode), cut=st.integers(0, 4))
def test_twins_judge_damage_alike(place: int, damage: bytes, cut: int) -> None:
    """Whatever happens to the bytes, both twins give the same rows or the same refusal."""
    whole = item_with(
        '["m1","m1", "\\u00e9\\ud83d\\ude80"]', '["a longer text, and ümläuts"]', "[]", more=',"centroid":[1]'
    )
    item = whole[:place] + damage + whole[place + cut :]
    outcomes: list[Any] = []
    for name in twins_of("scan"):
        try:
            outcomes.append(rows_of(importlib.import_module(name), item))
        except InvalidChunkError as error:
            outcomes.append((error.reason, error.path))
    assert outcomes == outcomes[:1] * len(outcomes)


def test_bounds_are_those_of_the_contract() -> None:
    """The header repeats three bounds."""
    text = (FOLDER / "mentions.h").read_text()
    found = [int(number) for number in re.findall(r"^constexpr \w+ (?:MAX_|FIRST_)\w+ = (\d+);", text, re.MULTILINE)]
    assert found == [bounds.MAX_TEXT_CHARS, bounds.MAX_MENTIONS, rows.FIRST_TEXTS]
