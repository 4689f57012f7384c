"""What :mod:`orchestrator.worker` accepts and refuses is what the service does, in the same words."""

from __future__ import annotations

import copy
import json
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract import chunk as contract
from orchestrator.contract.decode import decode_chunk
from orchestrator.contract.schema import schema_json
from orchestrator.errors import InvalidChunkError
from orchestrator.worker import (
    MAX_CHUNK_BYTES,
    Chunk,
    Cluster,
    Sentiment,
    Topic,
    centroid_f32,
    centroid_of,
    check,
    check_chunk,
    content_id,
    prepare,
    vectors,
)
from tests.json_values import json_values
from tests.worker.cases import DOCUMENTS, LARGE, verdict

GOOD: dict[str, Any] = {
    "chunkId": "c",
    "brand": "nike",
    "sentiment": {"score": 1.5, "positive": 3, "neutral": 1, "negative": None, "unit": "counts"},
    "clusters": [
        {"id": 1, "label": "l", "mentions": ["m", 2], "mentionCount": 2, "sentimentScore": 0.5, "spike": True},
        {"mentions": [], "centroid": [0.5, -1], "centroidF32": "AAAAPwAAgL4AAIA/"},
    ],
    "topics": ["launch", {"topic": "price", "mentions": 3}],
    "summary": "s",
    "spikeDetected": False,
    "meta": {"mentionCount": 4},
}
LEAVES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 2.0, 2.5, 1e9, 1e9 + 1, -1e10, 2**63, -(2**70), "", "x", "AAAA", "AAA=", "shares"])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
NAMES = st.sampled_from(["score", "mentions", "topic", "mentionCount", "id", "label", "unit", "future"])


def told(document: Any) -> tuple[str, str] | None:
    """Path and reason of this package's refusal."""
    try:
        check_chunk(document)
    except InvalidChunkError as error:
        return error.path, error.reason
    return None


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each container within *value*, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def test_schema_of_the_package_is_the_contract_s() -> None:
    """Written anew with `make schemas`."""
    file = Path(check.__file__).with_name("chunk.json")
    assert file.read_text(encoding="utf-8") == schema_json("chunk")
    assert (vectors.MAX_MAGNITUDE, vectors.MAX_DIMENSIONS) == (contract.MAX_MAGNITUDE, contract.MAX_DIMENSIONS)


def test_a_schema_with_other_words_is_refused() -> None:
    """A rule that nobody enforces must not be passed over."""
    with pytest.raises(ValueError, match="pattern"):
        check.read_rule({"type": "string", "pattern": "x"}, {})


@pytest.mark.parametrize("document", DOCUMENTS + LARGE, ids=lambda document: json.dumps(document)[:80])
def test_cases_are_told_as_the_service_tells_them(document: dict[str, Any]) -> None:
    """Path and reason are those of the dead letter."""
    assert told(document) == verdict(document)


@given(st.data(), json_values(LEAVES, NAMES, max_leaves=4))
def test_any_damage_is_told_as_the_service_tells_it(data: st.DataObject, value: Any) -> None:
    """Whatever stands in whatever place of a chunk, or is missing there."""
    document = copy.deepcopy(GOOD)
    inside, key = data.draw(st.sampled_from(places(document)))
    if data.draw(st.booleans()) or isinstance(inside, list):
        inside[key] = value
    else:
        del inside[key]
    if document.get("brand") == "nike":  # others no brand can have: here we are stricter
        assert told(document) == verdict(document)
    else:
        assert told(document) is not None or document.get("brand") in ("x", "AAAA", "AAA=", "shares")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_no_json_are_told_in_the_service_s_words(value: float) -> None:
    """As json.dumps writes them."""
    document = {**GOOD, "sentiment": {"score": value}}
    with pytest.raises(InvalidChunkError) as caught:
        decode_chunk(json.dumps(document).encode())
    assert told(document) == (caught.value.path, caught.value.reason)


@pytest.mark.parametrize("brand", ["", " nike", "nike ", "a\nb", "ü" * 129, "\ud83d"])
def test_brands_that_nobody_can_register_are_refused(brand: str) -> None:
    """The service trims names, so nobody would ever look at that queue."""
    path, _ = told({**GOOD, "brand": brand}) or ("", "")
    assert path == "$.brand"


@pytest.mark.parametrize("value", [object(), b"x", {1}, datetime.now(UTC)])
def test_values_of_python_alone_are_refused(value: Any) -> None:
    """By the name of their type."""
    assert told({**GOOD, "summary": value}) == ("$.summary", f"Expected `str | null`, got `{type(value).__name__}`")
    with pytest.raises(InvalidChunkError, match="not JSON"):
        prepare({**GOOD, "future": value})


def test_documents_that_are_too_large_are_refused() -> None:
    """At the service's bound, and with its words."""
    document = {**GOOD, "future": "x" * MAX_CHUNK_BYTES}
    with pytest.raises(InvalidChunkError) as caught:
        decode_chunk(json.dumps(document, separators=(",", ":")).encode())
    with pytest.raises(InvalidChunkError) as ours:
        prepare(document)
    assert ours.value.reason == caught.value.reason


FULL = Chunk(
    brand=" Grüße 🚀 ",
    sentiment=Sentiment(score=4, positive=5, neutral=2, negative=1, unit="counts"),
    clusters=[Cluster(id=3, label="cut \ud83d", mentions=["m1", 2], mention_count=2, sentiment_score=0.5, spike=True)],
    processed_at=datetime(2026, 11, 28, 1, 2, 3, 456_789, tzinfo=timezone(timedelta(hours=1))),
    topics=["launch", Topic(topic="price", mentions=3)],
    summary="all is well",
    spike_detected=False,
    mention_count=8,
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)


def test_chunk_becomes_the_document_that_the_contract_describes() -> None:
    """Every field has its place; ids are texts, halves of emoji are told apart from nothing, the time is UTC."""
    document = FULL.document()
    assert document == {
        "chunkId": content_id(document),
        "brand": "Grüße 🚀",
        "sentiment": {"unit": "counts", "score": 4, "positive": 5, "neutral": 2, "negative": 1},
        "clusters": [
            {"id": "3", "label": "cut \ufffd", "mentions": ["m1", "2"], "mentionCount": 2}
            | {"sentimentScore": 0.5, "spike": True}
        ],
        "processedAt": "2026-11-28T00:02:03.456Z",
        "topics": ["launch", {"topic": "price", "mentions": 3}],
        "summary": "all is well",
        "spikeDetected": False,
        "meta": {"mentionCount": 8, "traceparent": FULL.traceparent},
    }
    assert set(document) == set(json.loads(schema_json("chunk"))["$defs"]["WireChunk"]["properties"])
    item = prepare(FULL)
    assert decode_chunk(item.data, "Grüße 🚀").chunk_id == item.chunk_id
    assert item.queue == "result:brand:Grüße 🚀:chunks"


def test_chunk_without_a_name_and_a_time_is_refused() -> None:
    """An hour's quiet chunk would be a repetition of the hour before."""
    with pytest.raises(InvalidChunkError, match=r"\$\.chunkId: Expected a chunkId, or a time"):
        Chunk(brand="b", sentiment=Sentiment(score=0), clusters=[]).document()


def test_time_without_a_zone_is_refused() -> None:
    """The service would take it for UTC."""
    naive = datetime(2026, 11, 28)  # noqa: DTZ001 - that is the case
    with pytest.raises(InvalidChunkError, match="with its zone"):
        Chunk(brand="b", sentiment=Sentiment(score=0), clusters=[], processed_at=naive).document()


@given(st.lists(st.floats(-1e9, 1e9), max_size=8))
def test_centroids_are_read_as_they_were_packed(vector: list[float]) -> None:
    """To the nearest 32-bit float."""
    assert centroid_of(centroid_f32(vector)) == pytest.approx(vector, rel=2**-23, abs=2**-149)


@pytest.mark.parametrize("number", [math.nan, math.inf, 1.1e9, -1.1e9])
def test_centroids_that_would_be_lost_are_refused(number: float) -> None:
    """The service takes one that is not finite for absent."""
    chunk = Chunk(
        brand="b", sentiment=Sentiment(score=0), clusters=[Cluster(mentions=[], centroid=[1, number])], chunk_id="c"
    )
    with pytest.raises(InvalidChunkError) as caught:
        prepare(chunk)
    assert caught.value.path == "$.clusters[0].centroid[1]"


def test_centroids_that_are_too_wide_are_refused() -> None:
    """At the contract's bound."""
    assert len(centroid_of(centroid_f32([0.5] * contract.MAX_DIMENSIONS))) == contract.MAX_DIMENSIONS
    with pytest.raises(InvalidChunkError, match="length 16385"):
        centroid_f32([0.5] * (contract.MAX_DIMENSIONS + 1))
