"""The numbers of a list, from stored summaries of any kind."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.numbers import MAX_TOPIC_CHARS, MOST, numbers_of
from orchestrator.store.documents import MAX_DOCUMENT_BYTES
from tests.http.conftest import summary_document
from tests.json_values import json_values


def test_numbers_are_those_of_the_summary() -> None:
    """What the brand's page shows, too."""
    numbers = numbers_of(json.dumps(summary_document("nike")).encode())
    assert numbers is not None
    assert (numbers.mentions, numbers.net, numbers.stories, numbers.top_topic) == (1480, 0.2846, 2, "launch")
    assert (numbers.spiking, numbers.updated, numbers.updated_ms) == (True, "2026-03-01T12:00:00.000Z", 1772366400000)


def test_what_a_summary_does_not_say_is_not_known() -> None:
    """Older ones know no changes and no episodes of mood and stories."""
    document = summary_document("nike") | {"spikeDetected": False}
    older = numbers_of(json.dumps(document).encode())
    assert older is not None
    assert (older.change, older.net_change, older.episodes, older.cause, older.moved) == (None, None, (), "", 0.0)
    more = {"changes": {"mentions": 0.5, "netSentiment": -9}, "mood": {}, "storyEpisodes": [{"label": "Refunds"}]}
    newer = numbers_of(json.dumps(document | more).encode())
    assert newer is not None
    assert (newer.change, newer.net_change, newer.episodes) == (0.5, -2.0, ("mood", "story"))


@pytest.mark.parametrize("raw", [None, b"", b"<html>", b"[]", b'{"totalMentions": "x"}', b"\xff", b"[" * 100_000])
def test_what_is_no_summary_has_no_numbers(raw: bytes | None) -> None:
    """Foreign bytes are no error of the list."""
    assert numbers_of(raw) is None


def test_a_summary_that_is_too_large_has_no_numbers() -> None:
    """It was cut when it was read."""
    assert numbers_of(b" " * MAX_DOCUMENT_BYTES + b"{}") is None


def test_foreign_values_are_bounded() -> None:
    """Whatever is stored, little is kept and every reader of JSON can take it."""
    document = {"totalMentions": 1e300, "netSentiment": -7, "topics": [{"topic": "x" * 5_000}], "clusterCount": -3}
    numbers = numbers_of(json.dumps(document | {"generatedAt": "2026-03-01T12:00:00" + "." + "1" * 9_000}).encode())
    assert numbers is not None
    assert (numbers.mentions, numbers.net, numbers.stories) == (MOST, -1.0, 0)
    assert len(numbers.top_topic) == MAX_TOPIC_CHARS
    assert len(numbers.updated) < 40


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
FIELDS = st.sampled_from(sorted(summary_document("")))


@given(st.dictionaries(FIELDS, json_values(LEAVES, FIELDS)))
def test_any_document_has_numbers_or_none(document: dict[str, object]) -> None:
    """Nothing that can be stored raises, and what is kept can be told."""
    numbers = numbers_of(json.dumps(document).encode())
    if numbers is not None:
        msgspec.json.encode(numbers)
