"""Cases that workers in every language must agree on: ``clients/cases.json``, written anew by this module.

Names, packed centroids and canonical numbers are those of :mod:`orchestrator.worker`; whether a document is accepted,
and with which words it is refused, is what the service's own decoder says of it.
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from orchestrator.contract.decode import decode_chunk
from orchestrator.errors import InvalidChunkError
from orchestrator.worker import Chunk, Cluster, Sentiment, Topic, centroid_f32, content_id, input_id
from orchestrator.worker.naming import canonical

FILE: Final = Path(__file__).parents[2] / "clients" / "cases.json"

NUMBERS: Final = [
    *(0, -0.0, 1, -1, 1.0, 0.1, 1.5, 100, 1e20, 1e21, 1.5e21, 123456789012345680000.0, 1e-6, 1e-7, 1.25e-7, 5e-324),
    *(1.7976931348623157e308, 0.000001234, 4.35, 333333333.33333329, 2**53 - 1, -(2**53 - 1), 9007199254740993.0),
    *(295147905179352830000.0, 1e23, 1.2345678901234567e22, -0.0000033333333333333333),
]  # fmt: skip
"""Where languages write numbers differently; some of them are from appendix B of RFC 8785."""

CONTENTS: Final[list[dict[str, Any]]] = [
    {"brand": "nike", "sentiment": {"score": 4}, "clusters": []},
    {"clusters": [], "sentiment": {"score": 4.0}, "brand": "nike", "chunkId": "another", "summary": None},
    {"brand": "grüße 🚀", "clusters": [{"label": '“q”\u2028\x00\x1f\\"/', "mentions": []}]},
    {"x": {"\ufb33": 1, "\U0001f600": 2, "cut \ud83d": "\ude80", "é": 3, "1": 4}},
    {"brand": "b", "processedAt": "2026-11-28T00:00:00.000Z", "sentiment": {"score": 1e-7}, "clusters": []},
]
INPUTS: Final[list[tuple[str, list[str | int]]]] = [
    ("nike", ["m1", "m2"]),
    ("nike", ["m2", "m1", "m1"]),
    (" nike ", [17]),
    ("nike", ["17"]),
    ("grüße 🚀", ["\ufb33", "\U0001f600", "z"]),
]
VECTORS: Final[list[list[float]]] = [
    [],
    [0.5, -0.25, 1.0],
    [0.1, 1 / 3, math.pi, -1e9],
    [1e-45, 1e-46, 1.1754943e-38, -0.0],
    [16777217.0, 1.0000000596046448],
]

TRUE: Final[Any] = True
_GOOD: Final[dict[str, Any]] = {"chunkId": "c", "brand": "b", "sentiment": {"score": 1}, "clusters": []}


def _cluster(**fields: Any) -> dict[str, Any]:
    return {**_GOOD, "clusters": [{"mentions": ["m"]}, {"mentions": ["m"], **fields}]}


def _with(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{**_GOOD, name: value} for value in values]


def _in_cluster(name: str, *values: Any) -> list[dict[str, Any]]:
    return [_cluster(**{name: value}) for value in values]


def _in_sentiment(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{**_GOOD, "sentiment": {"score": 1, name: value}} for value in values]


DOCUMENTS: Final[list[dict[str, Any]]] = [
    _GOOD,
    {**_GOOD, "chunkId": 17, "future": {"deep": [1]}, "meta": {"mentionCount": 3, "traceparent": "00-x"}},
    {**_GOOD, "processedAt": 1764288000, "topics": ["launch", None, {"topic": "price", "mentions": 7}, {}]},
    {**_GOOD, "summary": None, "spikeDetected": True, "topics": [], "meta": None},
    {**_GOOD, "sentiment": {"unit": "shares", "score": 0.5, "positive": 0.5, "neutral": 0.3, "negative": None}},
    _cluster(id=3, label="ü", mentionCount=40, sentimentScore=-0.4, spike=False, centroid=[0.5, None]),
    _cluster(mentions=[1, "2"], centroid=None, centroidF32="AAAAPwAAgL4AAIA/"),
    {},
    {"chunkId": "c", "brand": "b"},
    *_with("chunkId", None, TRUE, 1.5, [], {}, "", "x" * 513, "🚀" * 512, "🚀" * 513),
    *_with("brand", None, 7, ["b"]),
    *_with("sentiment", None, "1", [], {}),
    *_in_sentiment("score", None, "0.5", TRUE, 1000000001, -(10**10), {}),
    *_in_sentiment("positive", -1, "0.5", 2 * 10**9, [], -0.5),
    *_in_sentiment("unit", "count", "", 1, []),
    *_with("clusters", None, {}, "x", [None], [7], [{}]),
    *_in_cluster("mentions", None, "m", [None], [1.5], [{}], [True]),
    *_in_cluster("id", 1.5, [], TRUE),
    *_in_cluster("label", 1, {}),
    *_in_cluster("mentionCount", "20", 2.5, -1, 10**10, []),
    *_in_cluster("spike", "true", "yes and this is a long text, longer than what is shown", 1),
    *_in_cluster("centroid", "x", [1, "x"], [0, 2 * 10**9], [[]], {}),
    *_in_cluster("centroidF32", "AAA!", "AAA=", "AAAA", "AAAAA", "x", 7, [], "AAAAAA==\n", "AAAAAA==AAAA", "====", ""),
    *_with("topics", "launch", [7], [[]], [{"topic": 1}]),
    *_with("topics", *([{"topic": "t", "mentions": value}] for value in (2.5, "7", -1))),
    *_with("summary", ["x"], "any length: " + "x" * 100),
    *_with("meta", "", [], {"mentionCount": 1.5}, {"mentionCount": "3"}),
]


LARGE: Final[list[dict[str, Any]]] = [
    *_with("brand", 2**63, 2**64, -(2**63) - 1, 10**30, 2e9),
    *_in_sentiment("score", 10**30, -2e9),
    _cluster(centroid=[0] * 16_385),
    _cluster(centroidF32="A" * 87_388),
    {**_GOOD, "topics": ["t"] * 1_001},
    {**_GOOD, "clusters": [{"mentions": []}] * 10_001},
    _cluster(mentions=["m"] * 100_001),
]
"""Too large for the file, for eyes, or for the numbers of JavaScript."""


def verdict(document: dict[str, Any]) -> tuple[str, str] | None:
    """Path and reason of the dead letter that *document* would become; None if the service accepts it."""
    try:
        decode_chunk(json.dumps(document).encode())
    except InvalidChunkError as error:
        return error.path, error.reason
    return None


CHUNKS: Final[list[tuple[dict[str, Any], Chunk]]] = [
    (
        {
            "brand": " Grüße 🚀 ",
            "sentiment": {"score": 4, "positive": 5, "neutral": 2, "negative": 1, "unit": "counts"},
            "clusters": [
                {"id": 3, "label": "cut \ud83d", "mentions": ["m1", 2], "mentionCount": 2, "sentimentScore": 0.5}
                | {"spike": True, "centroid": [0.1, -0.25, 1]}
            ],
            "processedAt": "2026-11-28T00:02:03.456Z",
            "topics": ["launch", {"topic": "price", "mentions": 3}],
            "summary": "all is well",
            "spikeDetected": False,
            "meta": {"mentionCount": 8, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        },
        Chunk(
            brand=" Grüße 🚀 ",
            sentiment=Sentiment(score=4, positive=5, neutral=2, negative=1, unit="counts"),
            clusters=[
                Cluster(
                    id=3,
                    label="cut \ud83d",
                    mentions=["m1", 2],
                    mention_count=2,
                    sentiment_score=0.5,
                    spike=True,
                    centroid=[0.1, -0.25, 1],
                )
            ],
            processed_at=datetime(2026, 11, 28, 1, 2, 3, 456_789, tzinfo=timezone(timedelta(hours=1))),
            topics=["launch", Topic(topic="price", mentions=3)],
            summary="all is well",
            spike_detected=False,
            mention_count=8,
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ),
    (
        {
            "chunkId": 17,
            "brand": "\u3000b\u0085",
            "sentiment": {"score": 0},
            "clusters": [],
            "topics": [],
            "meta": {},
        },
        Chunk(chunk_id=17, brand="\u3000b\u0085", sentiment=Sentiment(score=0), clusters=[]),
    ),
    (
        {"brand": "b", "sentiment": {"score": 1e-7}, "clusters": [{"mentions": []}], "processedAt": 1764288000},
        Chunk(brand="b", sentiment=Sentiment(score=1e-7), clusters=[Cluster(mentions=[])], processed_at=1764288000),
    ),
]
"""What a worker in TypeScript says, and the same in Python."""


def cases() -> dict[str, Any]:
    """Everything, as it is checked in."""
    refusals = [(document, verdict(document)) for document in DOCUMENTS]
    return {
        "numbers": [{"value": value, "written": canonical(value)} for value in NUMBERS],
        "contents": [{"document": document, "id": content_id(document)} for document in CONTENTS],
        "inputs": [{"brand": brand, "names": names, "id": input_id(brand, names)} for brand, names in INPUTS],
        "vectors": [{"numbers": vector, "centroidF32": centroid_f32(vector)} for vector in VECTORS],
        "chunks": [{"input": said, "document": chunk.document()} for said, chunk in CHUNKS],
        "documents": [
            {"document": document, **({"path": told[0], "reason": told[1]} if told else {})}
            for document, told in refusals
        ],
    }


def text() -> str:
    """The file's text: a line a case, so that a diff shows which one changed."""
    parts = [
        f"  {json.dumps(name)}: [\n" + ",\n".join(f"    {json.dumps(case)}" for case in listed) + "\n  ]"
        for name, listed in cases().items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
