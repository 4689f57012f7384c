"""Documents that are not quite JSON: what is mended, and where a parser would stop."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.mending import Walk, clean, mend_escapes
from orchestrator.errors import InvalidChunkError
from tests.json_values import json_values

VALUES = json_values(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8), st.text(max_size=3))
PIECES = st.sampled_from([*'{}[]:,"\\ 0-.e\n', "null", "NaN", "tru", "\\ud83d", "\\u12", "ü", '""', "01", "1.", "1e"])


@given(VALUES, st.booleans())
def test_walk_finds_no_fault_in_what_json_writes(value: Any, wide: bool) -> None:  # noqa: FBT001 - drawn
    """A document that can be read has no fault."""
    assert list(Walk(json.dumps(value, indent=1 if wide else None)).faults()) == []


@given(VALUES, st.integers(0, 200), st.integers(0, 3), st.lists(PIECES, max_size=3).map("".join))
def test_walk_finds_a_fault_exactly_where_json_does(value: Any, place: int, cut: int, damage: str) -> None:
    """Whatever happens to a document, it has a fault if and only if json refuses it."""
    whole = json.dumps(value)
    text = whole[:place] + damage + whole[place + cut :]
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError:
        assert len(list(Walk(text).faults())) == 1
    else:
        assert list(Walk(text).faults()) == []


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_mended_escapes_are_those_of_the_text_without_surrogates(text: str) -> None:
    """Halves of pairs become U+FFFD, and nothing else changes."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert json.loads(mend_escapes(json.dumps(text).encode())) == joined


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_clean_is_always_utf_8(text: str) -> None:
    """Surrogates written as if they were characters leave no damage."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    expected = joined.encode().removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")
    assert clean(text.encode("utf-8", "surrogatepass")) == expected


@pytest.mark.parametrize("data", [b"\xff", b"a\xc3", b"\xed\xa0\xbd\xff", b"\xff\xfe{\0}\0"])
def test_clean_refuses_other_encodings(data: bytes) -> None:
    """What is not UTF-8 cannot be guessed."""
    with pytest.raises(InvalidChunkError, match=r"not UTF-8: .* at byte"):
        clean(data)
