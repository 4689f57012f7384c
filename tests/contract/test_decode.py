"""Decoding: both dialects come through whole, and nothing in an item raises."""

from __future__ import annotations

import base64
import gc
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orchestrator.contract.chunk import (
    MAX_DIMENSIONS,
    MAX_LABEL_CHARS,
    MAX_MENTIONS,
    MAX_TEXT_CHARS,
    TopicCount,
    chunk_mentions,
)
from orchestrator.contract.decode import Limits, decode_batch, decode_chunk
from orchestrator.errors import InvalidChunkError
from orchestrator.kernels.hashing import hash_text
from tests.json_values import json_values

DATA = Path(__file__).parent.parent / "data"


def document(**fields: Any) -> dict[str, Any]:
    """A minimal chunk of brand ``b`` with *fields* set."""
    return {"chunkId": "c", "brand": "b", "sentiment": {"score": 0}, "clusters": []} | fields


def cluster(**fields: Any) -> dict[str, Any]:
    """A minimal cluster with *fields* set."""
    return {"id": "i", "label": "l", "mentions": []} | fields


def item(**fields: Any) -> bytes:
    """A minimal chunk as bytes."""
    return json.dumps(document(**fields)).encode()


def lines(name: str) -> list[bytes]:
    """The items of a data file."""
    return (DATA / name).read_bytes().splitlines()


def rejection(data: bytes, brand: str = "b", limits: Limits | None = None) -> InvalidChunkError:
    """The error that *data* gets; it is the batch's rejection as well."""
    with pytest.raises(InvalidChunkError) as caught:
        decode_chunk(data, brand, limits)
    (rejected,) = decode_batch([data], brand, limits).rejected
    assert (rejected.index, rejected.reason, rejected.path) == (0, caught.value.reason, caught.value.path)
    return caught.value


def assert_same(data: bytes, other: bytes) -> None:
    """Both items are one chunk; in which rows their mentions stand may differ."""
    found = []
    for one in (data, other):
        batch = decode_batch([one], "b")
        (chunk,) = batch.chunks
        parts = [replace(part, mentions=-1) for part in chunk.clusters]
        lists = [batch.mentions.first(part.mentions) for part in chunk.clusters]
        found.append((replace(chunk, clusters=parts), lists))
    assert found[0] == found[1]


def test_decode_reads_the_counts_dialect() -> None:
    """The README's sample comes through with every field."""
    batch = decode_batch(lines("chunks_counts.ndjson")[:1], "nike")
    chunk = batch.chunks[0]
    assert (chunk.chunk_id, chunk.processed_at, chunk.topics) == ("nike-1", "2025-01-01T00:00:00Z", ["launch"])
    assert (chunk.sentiment.positive, chunk.sentiment.score) == (5, 4)
    assert (batch.mentions.first(chunk.clusters[0].mentions), chunk.clusters[0].spike) == (["m1", "m2"], True)
    assert chunk_mentions(chunk, batch.mentions.counts) == 3


def test_decode_reads_topics_with_numbers() -> None:
    """A topic may be a text or an object, in one list; other fields of it are ignored, 3.0 is 3."""
    topics: list[object] = ["a", {"topic": "b", "mentions": 3}, {"topic": "c", "score": 0.4}]
    expected = ["a", TopicCount("b", 3), TopicCount("c")]
    assert decode_chunk(item(topics=topics), "b").topics == expected
    assert decode_chunk(item(topics=[*topics, {"topic": "d", "mentions": 4.0}]), "b").topics == [
        *expected,
        TopicCount("d", 4),
    ]


def test_decode_reads_the_shares_dialect() -> None:
    """All chunks of the deployed workers are accepted; nothing of them is lost."""
    for data in lines("chunks_shares.ndjson"):
        sent = json.loads(data)
        chunk = decode_chunk(data, sent["brand"])
        assert chunk_mentions(chunk, []) == sent["meta"]["mentionCount"]
        assert [(c.label, c.mention_count, c.sentiment_score, c.centroid) for c in chunk.clusters] == [
            (c["label"], c["mentionCount"], c["sentimentScore"], None) for c in sent["clusters"]
        ]


def test_decode_takes_centroids_out_as_rows() -> None:
    """Row numbers name float32 vectors equal to the JSON numbers, across all chunks of a batch."""
    items = lines("chunks_centroids.ndjson")
    batch = decode_batch(items, "nike")
    assert len(batch) == len(items)
    for chunk, data in zip(batch.chunks, items, strict=True):
        for found, sent in zip(chunk.clusters, json.loads(data)["clusters"], strict=True):
            assert found.centroid is not None
            assert batch.centroids.row(found.centroid).tolist() == np.array(sent["centroid"], np.float32).tolist()


def test_decode_takes_mentions_out_as_rows() -> None:
    """Row numbers name the different mentions of each cluster as hashes, across all chunks of a batch."""
    lists = [["a", "b", "a"], [], ["ü"], ["c", "a"]]
    items = [
        item(clusters=[cluster(mentions=texts) for texts in lists[:3]]),
        item(clusters=[cluster(mentions=lists[3])]),
    ]
    batch = decode_batch(items, "b")
    parts = [part for chunk in batch.chunks for part in chunk.clusters]
    assert [batch.mentions.counts[part.mentions] for part in parts] == [2, 0, 1, 2]
    for part, texts in zip(parts, lists, strict=True):
        start, stop = batch.mentions.offsets[part.mentions : part.mentions + 2]
        assert batch.mentions.hashes[start:stop].tolist() == [
            hash_text(text, batch.mentions.hashing.key) for text in dict.fromkeys(texts)
        ]
        assert batch.mentions.first(part.mentions) == texts


def test_decode_takes_null_for_absent_and_ignores_unknown_fields() -> None:
    """``null`` optional fields and fields of the future change nothing."""
    nulls = dict.fromkeys(["processedAt", "topics", "summary", "spikeDetected", "meta"])
    bare = dict.fromkeys(["centroid", "centroidF32", "sentimentScore", "spike", "mentionCount"])
    sentiment = {"score": 0, "positive": None, "neutral": None, "negative": None}
    data = item(clusters=[cluster(**bare, future=[1])], sentiment=sentiment, future={"x": None}, **nulls)
    assert decode_chunk(data, "b") == decode_chunk(item(clusters=[cluster()]), "b")


@pytest.mark.parametrize("text", ["3", "3.0", "3e0", "0.3e1"])
def test_decode_takes_whole_numbers_in_any_notation(text: str) -> None:
    """``3.0`` is a count of three."""
    data = item(meta={"mentionCount": 0}, clusters=[cluster(mentionCount=0)]).replace(
        b'Count": 0', f'Count": {text}'.encode()
    )
    chunk = decode_chunk(data, "b")
    assert chunk.meta is not None
    assert (chunk.meta.mention_count, chunk.clusters[0].mention_count) == (3, 3)


def test_decode_takes_the_last_of_duplicate_keys() -> None:
    """Of a key that stands twice the last value counts, as in every common JSON reader."""
    data = item().replace(b'"chunkId": "c"', b'"chunkId": "x", "chunkId": "c"')
    assert decode_chunk(data, "b").chunk_id == "c"


def test_decode_takes_centroid_f32() -> None:
    """Base64 of little-endian float32 is the same as the numbers, and wins over them."""
    packed = base64.b64encode(struct.pack("<3f", 0.1, -2.5, 3e38)).decode()
    batch = decode_batch([item(clusters=[cluster(centroidF32=packed, centroid=[1, 2]), cluster(centroidF32="")])], "b")
    first, second = batch.chunks[0].clusters
    assert first.centroid == 0
    assert batch.centroids.row(0).tolist() == np.array([0.1, -2.5, 3e38], np.float32).tolist()
    assert second.centroid is None


@pytest.mark.parametrize("count", [1, 2, MAX_DIMENSIONS])
def test_decode_takes_as_many_packed_numbers_as_others(count: int) -> None:
    """However a centroid is written, it may have so many numbers."""
    packed = base64.b64encode(struct.pack(f"<{count}f", *[0.5] * count)).decode()
    batch = decode_batch(
        [item(clusters=[cluster(centroidF32=packed)]), item(clusters=[cluster(centroid=[0.5] * count)])], "b"
    )
    assert [len(batch.centroids.row(row)) for row in range(2)] == [count, count]


def test_decode_ends_with_empty_centroids_as_absent() -> None:
    """An empty centroid is none."""
    assert decode_chunk(item(clusters=[cluster(centroid=[])]), "b").clusters[0].centroid is None


BAD = {
    "empty": (b"", "$"),
    "no json": (b"{", "$"),
    "trailing": (item() + b"x", "$"),
    "array": (b"[]", "$"),
    "utf-8": (item(summary="S").replace(b'"S"', b'"\xff"'), "$"),
    "utf-8 in an unknown field": (item(future="S").replace(b'"S"', b'"\xff"'), "$"),
    "NaN": (item(sentiment={"score": float("nan")}), "$.sentiment.score"),
    "Infinity": (item(sentiment={"score": float("-inf")}), "$.sentiment.score"),
    "NaN for a count": (item(meta={"mentionCount": float("nan")}), "$.meta.mentionCount"),
    "NaN for a label": (item(clusters=[cluster(label=float("nan"))]), "$.clusters[0].label"),
    "1e999": (item().replace(b'"score": 0', b'"score": 1e999'), "$.sentiment.score"),
    "huge": (item(sentiment={"score": 10**400}), "$.sentiment.score"),
    "magnitude": (item(sentiment={"score": -1.1e9}), "$.sentiment.score"),
    "negative": (item(sentiment={"score": 0, "positive": -1}), "$.sentiment.positive"),
    "bool for number": (item(sentiment={"score": True}), "$.sentiment.score"),
    "text for number": (item(sentiment={"score": "1"}), "$.sentiment.score"),
    "missing": (b'{"brand":"b","sentiment":{"score":0},"clusters":[]}', "$"),
    "missing score": (item(sentiment={}), "$.sentiment"),
    "null sentiment": (item(sentiment=None), "$.sentiment"),
    "null clusters": (item(clusters=None), "$.clusters"),
    "empty id": (item(chunkId=""), "$.chunkId"),
    "long id": (item(chunkId="x" * 513), "$.chunkId"),
    "other brand": (item(brand="B"), "$.brand"),
    "null mention": (item(clusters=[cluster(mentions=[None])]), "$.clusters[0].mentions[0]"),
    "part of a number as mention": (item(clusters=[cluster(mentions=[1.5])]), "$.clusters[0].mentions[0]"),
    "many mentions": (item(clusters=[cluster(mentions=["x"] * (MAX_MENTIONS + 1))]), "$.clusters[0].mentions"),
    "no mentions": (item(clusters=[{"id": "i", "label": "l"}]), "$.clusters[0]"),
    "null mentions": (item(clusters=[cluster(mentions=None)]), "$.clusters[0].mentions"),
    "text mentions": (item(clusters=[cluster(mentions="x")]), "$.clusters[0].mentions"),
    "number mentions": (item(clusters=[cluster(mentions=0)]), "$.clusters[0].mentions"),
    "smuggled mentions": (
        item(clusters=[cluster(mentions=0)]).replace(b"mentions", b"\\u006dentions"),
        "$.clusters[0].mentions",
    ),
    "many clusters": (item(clusters=[cluster()] * 10_001), "$.clusters"),
    "many topics": (item(topics=["t"] * 1_001), "$.topics"),
    "part of a topic's mention": (item(topics=["t", {"topic": "t", "mentions": 2.5}]), "$.topics[1].mentions"),
    "part of a mention": (item(clusters=[cluster(), cluster(mentionCount=2.5)]), "$.clusters[1].mentionCount"),
    "negative count": (item(meta={"mentionCount": -1}), "$.meta.mentionCount"),
    "huge count": (item(meta={"mentionCount": 10**9 + 1}), "$.meta.mentionCount"),
    "part of a count": (item(meta={"mentionCount": 1.5}), "$.meta.mentionCount"),
    "nested": (item(future="S").replace(b'"S"', b"[" * 10**5 + b"]" * 10**5), "$.future"),
    "nested in a cluster": (
        item(clusters=[cluster(future="S")]).replace(b'"S"', b'{"x":' * 10**5),
        "$.clusters[0].future",
    ),
    "nested in a large one": (item(future="S", x="x" * 2**20).replace(b'"S"', b"[" * 10**5), "$"),
    "text in centroid": (item(clusters=[cluster(centroid=[1, "x"])]), "$.clusters[0].centroid[1]"),
    "text centroid": (item(clusters=[cluster(centroid="x")]), "$.clusters[0].centroid"),
    "number centroid": (item(clusters=[cluster(centroid=0)]), "$.clusters[0].centroid"),
    "smuggled row": (
        item(clusters=[cluster(centroid=0)]).replace(b"centroid", b"\\u0063entroid"),
        "$.clusters[0].centroid",
    ),
    "1e999 in centroid": (
        item(clusters=[cluster(centroid=["S"])]).replace(b'"S"', b"1e999"),
        "$.clusters[0].centroid[0]",
    ),
    "magnitude in centroid": (item(clusters=[cluster(centroid=[0, 2e9])]), "$.clusters[0].centroid[1]"),
    "wide centroid": (item(clusters=[cluster(centroid=[0] * (MAX_DIMENSIONS + 1))]), "$.clusters[0].centroid"),
    "base64": (item(clusters=[cluster(centroidF32="AAA!")]), "$.clusters[0].centroidF32"),
    **{
        f"base64 of {size} bytes": (
            item(clusters=[cluster(centroidF32=base64.b64encode(bytes(size)).decode())]),
            "$.clusters[0].centroidF32",
        )
        for size in (1, 2, 3, 6, 4 * MAX_DIMENSIONS + 1, 4 * MAX_DIMENSIONS + 2, 4 * MAX_DIMENSIONS + 4)
    },
}


EMPTY = item(clusters=[cluster()])
HALVES = {
    "high": (rb"a\ud83d", "a\ufffd"),
    "low": (rb"\uDE80z", "\ufffdz"),
    "two high and a pair": (rb"\ud83d\ud83d\ud83d\ude80", "\ufffd\ufffd\U0001f680"),
    "wrong way round": (rb"\ude80\ud83d", "\ufffd\ufffd"),
    "behind a backslash": (rb"\\\ud83d", "\\\ufffd"),
    "not one": (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
    "raw": (b"a\xed\xa0\xbdz", "a\ufffdz"),
    "raw pair": (b"\xed\xa0\xbd\xed\xba\x80", "\U0001f680"),
}


@pytest.mark.parametrize("name", HALVES)
def test_decode_takes_half_a_surrogate_pair_for_the_replacement_character(name: str) -> None:
    """Half an emoji in a text that is shown is U+FFFD, whole ones stay."""
    written, meant = HALVES[name]
    data = item(clusters=[cluster(label="S", mentions=["S"])], topics=["S"], summary="S").replace(
        b'"S"', b'"%b"' % written
    )
    batch = decode_batch([data], "b")
    (chunk,) = batch.chunks
    assert (chunk.topics, chunk.summary, chunk.clusters[0].label) == ([meant], meant, meant)
    assert batch.mentions.first(chunk.clusters[0].mentions) == [meant]


MENDED = {
    "half a pair in an ignored field": item(clusters=[cluster()], x={"y": "S"}).replace(b'"S"', rb'"\ud83d"'),
    "half a pair in a key": item(clusters=[cluster()], S=1).replace(b'"S"', rb'"\udead"'),
    "byte order mark": b"\xef\xbb\xbf" + EMPTY,
    "NULs behind": EMPTY + b"\0\0",
    "NaN in an ignored field": item(clusters=[cluster(x=[float("nan")])], y=float("-inf")),
    "NaN in a centroid": item(clusters=[cluster(centroid=[0.5, float("nan")])]),
    "Infinity in a centroid": item(clusters=[cluster(centroid=[float("inf")])]),
    "null in a centroid": item(clusters=[cluster(centroid=[0.5, None])]),
    "NaN for a centroid": item(clusters=[cluster(centroid=float("nan"))]),
    "control character": item(clusters=[cluster()], x="S").replace(b"S", b"\t\n\x01"),
    "all at once": b"\xef\xbb\xbf"
    + item(clusters=[cluster(centroid=[float("nan")])], x="S").replace(b"S", b"\t\\ud83d\xed\xa0\xbd"),
}


@pytest.mark.parametrize("name", MENDED)
def test_decode_mends_what_cannot_change_a_number(name: str) -> None:
    """A bad detail that is not counted leaves the chunk as if it were not there."""
    assert_same(MENDED[name], EMPTY)


def test_decode_takes_absent_names_for_empty_ones() -> None:
    """Null or missing labels, ids and topics cost nothing."""
    nulls = item(clusters=[cluster(id=None, label=None), {"mentions": []}], topics=["a", None, "b"])
    assert_same(nulls, item(clusters=[cluster(id="", label="")] * 2, topics=["a", "b"]))


def test_decode_takes_integers_for_ids() -> None:
    """Ids of chunks, clusters and mentions may be integers, of any size; they are the same as their digits."""
    numbers = [570306133677760513, 7, 10**30, 7]
    batch = decode_batch([item(chunkId=17, clusters=[cluster(id=-1, mentions=numbers)])], "b")
    (chunk,) = batch.chunks
    same = decode_batch([item(chunkId="17", clusters=[cluster(id="-1", mentions=list(map(str, numbers)))])], "b")
    assert [chunk] == same.chunks
    assert batch.mentions.hashes.tolist() == same.mentions.hashes.tolist()
    assert (chunk.chunk_id, chunk.clusters[0].id, batch.mentions.counts) == ("17", "-1", [3])


TIMES = {
    '"2026-11-23"': "2026-11-23",
    "1795435200": 1795435200.0,
    "1795435200.5": 1795435200.5,
    "-1e3": -1000.0,
    "null": None,
    "true": None,
    '{"at": 7}': None,
    "[1795435200]": None,
    "NaN": None,
    "1e999": None,
    "-1e999": None,
    "1" + "0" * 400: None,
}


@pytest.mark.parametrize("written", TIMES)
def test_decode_refuses_no_chunk_for_its_time(written: str) -> None:
    """A time is text or a number; whatever else stands there is as if there were none."""
    data = item(processedAt="T").replace(b'"T"', written.encode())
    found = decode_chunk(data, "b").processed_at
    assert found == TIMES[written] or found in (float("inf"), float("-inf"))  # no time, see read_time


def test_decode_cuts_long_texts() -> None:
    """Texts that are only shown are cut at their bound."""
    long = "ü" * (MAX_TEXT_CHARS + 1)
    chunk = decode_chunk(item(clusters=[cluster(id=long, label=long)], topics=[long, "t"], summary=long), "b")
    title = long[:MAX_LABEL_CHARS]
    assert (chunk.clusters[0].id, chunk.clusters[0].label, chunk.topics) == (title, title, [title, "t"])
    assert chunk.summary == long[:-1]


def test_decode_counts_long_mentions_as_a_whole() -> None:
    """Two long mentions that differ at their end are two."""
    long = "m" * (2 * MAX_TEXT_CHARS)
    assert decode_batch([item(clusters=[cluster(mentions=[long, long + "n"])])], "b").mentions.counts == [2]


@pytest.mark.parametrize("name", BAD)
def test_decode_rejects_with_reason_and_path(name: str) -> None:
    """Every kind of unacceptable item names the place of its fault."""
    data, path = BAD[name]
    error = rejection(data)
    assert error.path == path
    assert error.reason


def test_decode_names_value_and_bound() -> None:
    """Who reads the dead letter sees what was sent and what is allowed."""
    error = rejection(item(sentiment={"score": 2e9}))
    assert "1000000000" in error.reason
    assert "2000000000.0" in error.reason
    assert "'b'" in rejection(item(brand="other")).reason
    assert "other" in rejection(item(brand="other")).reason


NAMED = {
    "NaN": (item(sentiment={"score": float("nan")}), "$.sentiment.score", "NaN is no JSON. Expected `float`"),
    "text for a number": (
        item(meta={"mentionCount": "20"}),
        "$.meta.mentionCount",
        'Expected `float | null`, got `str` "20"',
    ),
    "leading zero": (item().replace(b"0", b"01"), "$.sentiment.score", "01 is no JSON, expected a value"),
    "Python": (item(x=[1, "S"]).replace(b'"S"', b"None"), "$.x[1]", "None is no JSON, expected a value"),
    "quotes": (item(x={"y": "S"}).replace(b'"y"', b"'y'"), "$.x", "'y' is no JSON, expected a name in \" or }"),
    "comma": (item(x=[1, 2]).replace(b"1, 2", b"1 2"), "$.x[0]", "2 is no JSON, expected a comma or ]"),
    "comma too many": (item(x=[1, 2]).replace(b"1, 2", b"1,"), "$.x[1]", "] is no JSON, expected a value"),
    "colon": (item(x=1).replace(b'"x":', b'"x"'), "$.x", "1 is no JSON, expected a colon"),
    "escape": (item(x="S").replace(b"S", rb"S\x41 and so on"), "$.x", r"\x41 a is no JSON, expected an escape of JSON"),
    "end": (item(x=[{}])[:-2], "$.x[0]", "the document ends too early, expected a comma or ]"),
    "end of a text": (item(x="S")[:-2], "$.x", 'the document ends too early, expected a closing "'),
    "nothing": (b"", "$", "the document ends too early, expected a value"),
    "two documents": (item() + item(), "$", "{ is no JSON, expected nothing behind the document"),
    "many digits": (item(x="S", y=float("nan")).replace(b'"S"', b"1" * 5_000), "$", "not JSON: "),
    "a long one": (item(x="x" * 2**20) + b"?", "$", "not JSON: Extra data at character"),
}


@pytest.mark.parametrize("name", NAMED)
def test_decode_names_the_token_and_its_path(name: str) -> None:
    """A document that is no JSON is refused with the token, its place, and what would be right."""
    data, path, reason = NAMED[name]
    error = rejection(data)
    assert error.path == path
    assert error.reason.startswith(reason)


def test_decode_refuses_large_items_unread() -> None:
    """An item above the deployment's bound is refused for its size, whatever it holds."""
    error = rejection(b"x" * 101, limits=Limits(max_chunk_bytes=100))
    assert "101" in error.reason
    assert "100" in error.reason


def test_decode_batch_keeps_order_and_positions() -> None:
    """Rejected items leave the others, their positions and their rows alone."""
    good = [
        item(chunkId=f"c{number}", clusters=[cluster(centroid=[number, 1], mentions=[f"m{number}"])])
        for number in range(3)
    ]
    bad = item(clusters=[cluster(centroid=[9]), cluster(centroid=[True])])
    batch = decode_batch([good[0], bad, good[1], b"?", good[2]], "b")
    assert [chunk.chunk_id for chunk in batch.chunks] == ["c0", "c1", "c2"]
    assert batch.indices == [0, 2, 4]
    assert [rejected.index for rejected in batch.rejected] == [1, 3]
    rows = [batch.centroids.row(chunk.clusters[0].centroid or 0).tolist() for chunk in batch.chunks]
    assert rows == [[0, 1], [1, 1], [2, 1]]
    assert [batch.mentions.first(chunk.clusters[0].mentions) for chunk in batch.chunks] == [["m0"], ["m1"], ["m2"]]
    kept = batch.keep([2])
    assert [chunk.chunk_id for chunk in kept.chunks] == ["c2"]
    assert kept.indices == [4]
    assert kept.rejected == batch.rejected
    assert kept.mentions.first(kept.chunks[0].clusters[0].mentions) == ["m2"]


JSON = json_values(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    st.sampled_from(["id", "label", "mentions", "centroid", "score", "x"]),
)


@given(
    fields=st.dictionaries(
        st.sampled_from(["chunkId", "brand", "sentiment", "clusters", "meta", "topics", "processedAt"]), JSON
    )
)
def test_decode_batch_never_raises_for_documents(fields: dict[str, Any]) -> None:
    """Any JSON in any place is a chunk or a rejection."""
    batch = decode_batch([item(**fields)], "b")
    assert len(batch) + len(batch.rejected) == 1


@given(data=st.binary(max_size=60), place=st.integers(0, 200), length=st.integers(0, 20))
def test_decode_batch_never_raises_for_bytes(data: bytes, place: int, length: int) -> None:
    """Neither does any damage to the bytes of a chunk."""
    whole = item(clusters=[cluster(centroid=[0.5, 1e-3], mentions=["ä"])])
    batch = decode_batch([data, whole[:place] + data + whole[place + length :]], "b")
    assert len(batch) + len(batch.rejected) == 2


def test_rejected_items_keep_no_frames_alive() -> None:
    """An error with a traceback would keep the batch and the callers' work alive until the collector comes."""

    def living() -> int:
        return sum(isinstance(each, InvalidChunkError) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = living()
        assert len(decode_batch([b"{", b'{"chunkId":""}', item()], "b").rejected) == 2
        assert living() == before
    finally:
        gc.enable()
