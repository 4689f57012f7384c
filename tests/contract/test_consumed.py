"""What waits for the archive comes back as it was left, and nothing else is taken for it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.contract.consumed import (
    MAX_HEAD_BYTES,
    MAX_ITEMS,
    Fate,
    Head,
    Kept,
    Note,
    decode,
    decode_note,
    encode,
    encode_note,
    note_of,
    read_runs,
    runs,
)
from orchestrator.errors import ArchiveError, NewerRecordError

PLAIN = Head("c-2", "c-1", 7, 12, 1_764_300_000_000, 1_764_300_000_001, 0, {"MAX_STORIES": 5_000}, 3, 300)
TOLD = replace(PLAIN, fates="1f1x1d", letters={1: ("not UTF-8", "$")}, replaces=True)
FATES = st.lists(st.sampled_from(Fate), max_size=40)
CIDS = st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True)
NUMBERS = st.integers(0, 10**15 - 1)


@st.composite
def heads(draw: st.DrawFn) -> Head:
    """Any head that a commit leaves."""
    fates = draw(FATES)
    why = st.tuples(st.text(max_size=10), st.text(max_size=10))
    letters = {place: draw(why) for place, fate in enumerate(fates) if fate is Fate.DEAD_LETTER}
    settings = draw(st.dictionaries(st.text(max_size=8), st.floats(0, 1e15) | st.integers(0, 2**53), max_size=3))
    epoch, version, now_ms, clock_ms, summary_ms, size = [draw(NUMBERS) for _ in range(6)]
    return Head(
        cid=draw(CIDS),
        previous=draw(st.just("") | CIDS),
        epoch=epoch,
        version=version,
        now_ms=now_ms,
        clock_ms=clock_ms,
        summary_ms=summary_ms,
        settings=settings,
        items=len(fates),
        size=size,
        fates=runs(fates),
        letters=letters,
        replaces=draw(st.booleans()),
    )


@example(replace(TOLD, letters={1: ("half of \ud83d", "$.\udc00")}))
@given(heads())
def test_a_head_comes_back_as_it_was_left(head: Head) -> None:
    """Times, settings, fates, and why letters were refused; half characters, which no JSON has, are escaped."""
    found = decode(encode(head))
    plain = {
        place: (reason.encode(errors="backslashreplace").decode(), path.encode(errors="backslashreplace").decode())
        for place, (reason, path) in head.letters.items()
    }
    assert found == replace(head, letters=plain)
    assert len(list(found.each())) == head.items


@given(FATES)
def test_runs_say_what_became_of_each_item(fates: list[Fate]) -> None:
    """And of nothing but folded items they say nothing."""
    assert list(read_runs(runs(fates), len(fates))) == fates
    assert (runs(fates) == "") is (set(fates) <= {Fate.FOLDED})


def test_each_tells_why_a_dead_letter_is_one() -> None:
    """And of the others nothing."""
    folded, duplicate = (Fate.FOLDED, "", ""), (Fate.DUPLICATE, "", "")
    assert list(TOLD.each()) == [folded, (Fate.DEAD_LETTER, "not UTF-8", "$"), duplicate]
    assert list(PLAIN.each()) == [folded] * 3


def test_scripts_find_time_and_cid_by_their_names() -> None:
    """Whatever a worker wrote into a reason, the first of each is the head's own."""
    data = encode(replace(TOLD, letters={1: ('"nowMs":1,"cid":"x"', '"size":1')})).decode()
    found = [re.findall(rf'"{name}":"?([\w-]+)', data)[0] for name in ("nowMs", "cid", "size")]
    assert found == [str(PLAIN.now_ms), "c-2", "300"]


@pytest.mark.parametrize(
    ("right", "wrong", "hint"),
    [
        ('{"record"', '["record"', "no head"),
        ('"items":3', '"items":-1', "a number"),
        ('"items":3', f'"items":{MAX_ITEMS + 1}', "a number"),
        ('"items":3', '"items":4', "what became of its 4 items"),
        ('"items":3', '"items":"3"', "no head"),
        ('"epoch":7', '"epoch":-7', "a number"),
        ('"epoch":7', '"epoch":1000000000000000', "a number"),
        ('"record":1', '"record":0', "a number"),
        ('"cid":"c-2"', '"cid":"c 2"', "an id"),
        ('"cid":"c-2"', '"cid":""', "an id"),
        ('"cid":"c-2"', f'"cid":"{"c" * 65}"', "an id"),
        ('"previous":"c-1"', '"previous":"../c"', "an id"),
        ('"fates":"1f1x1d"', '"fates":"1f1x1d "', "what became"),
        ('"fates":"1f1x1d"', '"fates":"1f1y1d"', "what became"),
        ('"fates":"1f1x1d"', '"fates":"01f1x1d"', "what became"),
        ('"settings":{"MAX_STORIES":5000}', '"settings":{"MAX_STORIES":"x"}', "no head"),
    ],
)
def test_what_is_no_head_is_refused(right: str, wrong: str, hint: str) -> None:
    """Each with its reason."""
    data = encode(TOLD).decode()
    assert right in data
    with pytest.raises(ArchiveError, match=hint):
        decode(data.replace(right, wrong).encode())


def test_a_head_is_bounded_and_may_be_of_a_newer_version() -> None:
    """The one is damage, the other is for processes of that version."""
    with pytest.raises(ArchiveError, match="bytes are no head"):
        decode(b" " * (MAX_HEAD_BYTES + 1))
    with pytest.raises(NewerRecordError, match="format 2 waits"):
        decode(encode(PLAIN).replace(b'"record":1', b'"record":2'))
    assert decode(encode(PLAIN).replace(b'{"record":1', b'{"new":[1],"record":1')) == PLAIN


def test_a_note_comes_back_and_damage_is_none() -> None:
    """It is of at least one record."""
    note = note_of([Kept(PLAIN, [b"x"] * 3, 500), Kept(replace(PLAIN, cid="c-3"), [], 200)])
    assert note == Note("c-2", "c-3", 2, 3, 700)
    assert decode_note(encode_note(note)) == note
    for damaged in (b"", b"{}", b"\xff", encode_note(replace(note, records=0)), encode_note(replace(note, bytes=-1))):
        assert decode_note(damaged) is None
    assert decode_note(encode_note(replace(note, last='"'))) is None
