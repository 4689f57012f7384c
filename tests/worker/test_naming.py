"""Names of chunks: the same each time, other ones for other content, the same in every language."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InvalidChunkError
from orchestrator.worker import content_id, input_id
from orchestrator.worker.naming import canonical
from tests.json_values import json_values

TEXTS = st.text(st.characters(), max_size=6)  # halves of surrogate pairs included
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
DOCUMENTS = st.dictionaries(TEXTS, json_values(LEAVES | TEXTS, TEXTS), max_size=4)


@pytest.mark.parametrize(
    ("value", "written"),
    [(333333333.33333329, "333333333.3333333"), (1e30, "1e+30"), (4.50, "4.5"), (2e-3, "0.002"), (1e-27, "1e-27")],
)
def test_numbers_are_written_as_in_the_standard(value: float, written: str) -> None:
    """The examples of RFC 8785, section 3.2.2."""
    assert canonical(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(value: float) -> None:
    """What is written is read as the same number, so other numbers have other names."""
    assert float(canonical(value)) == value
    assert ("e" in canonical(value)) == (value != 0 and not 1e-6 <= abs(value) < 1e21)


@given(DOCUMENTS)
def test_order_of_members_and_nulls_change_no_name(document: dict[str, Any]) -> None:
    """Members in another order, or null where there was nothing: the same content."""
    turned = dict(reversed(document.items())) | {"chunkId": "x"}
    absent = {name: value for name, value in document.items() if value is not None}
    assert content_id(turned) == content_id(absent)


@given(DOCUMENTS, DOCUMENTS)
def test_other_content_has_another_name(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Names are equal exactly where the canonical texts are, and these are JSON of the same value."""
    same = canonical({**one, "chunkId": None}) == canonical({**other, "chunkId": None})
    assert (content_id(one) == content_id(other)) == same
    assert canonical(json.loads(canonical(one), parse_int=float)) == canonical(one)


@given(st.lists(TEXTS, min_size=1), st.randoms())
def test_input_is_a_set(names: list[str], random: Any) -> None:
    """In which order a batch is read, and how often it names a mention, is chance."""
    again = [*names, random.choice(names)]
    random.shuffle(again)
    assert input_id("nike", names) == input_id(" nike", again) != input_id("puma", names)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, object(), {1}, [b"x"]])
def test_what_no_language_agrees_on_has_no_name(value: Any) -> None:
    """The error says where it stands."""
    with pytest.raises(InvalidChunkError) as caught:
        content_id({"brand": "b", "meta": {"x": [value]}})
    assert caught.value.path.startswith("$.meta.x[0]")


def test_nothing_has_no_name() -> None:
    """An input without names would be the same for all empty batches."""
    with pytest.raises(InvalidChunkError, match="at least one name"):
        input_id("nike", [])


def test_members_stand_in_the_order_of_their_utf_16_units() -> None:
    """An emoji, whose units are surrogates, comes before a letter of U+FB33: the order of JavaScript."""
    assert canonical({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'
