"""Two states side by side, in the words of the summary first."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.archive.compare import differences, field_words
from orchestrator.archive.record import Item
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.brand.outputs import FoldConfig
from tests.archive.test_refold import record


def snapshot(*mentions: int, key: bytes = b"k" * 16) -> Snapshot:
    """Of a brand with a chunk for each number of mentions, about the same story and topic."""
    items = [
        Item(
            json.dumps(
                {
                    "chunkId": f"c{place}",
                    "brand": "nike",
                    "sentiment": {"positive": count, "score": 1},
                    "topics": ["launch"],
                    "clusters": [
                        {"id": "1", "label": "launch buzz", "mentions": [f"m{place}-{n}" for n in range(count)]}
                    ],
                    "meta": {"mentionCount": count},
                }
            ).encode()
        )
        for place, count in enumerate(mentions)
    ]
    refold = Refold("nike", key)
    assert refold.take(record(items=items)) == []
    return Snapshot("nike", "a", 1, 1, 5, b"{}", 0, refold.result, {b"h:1": b'{"mentions":1}', b"x": b"{"}, [])


def test_same_states_have_no_difference() -> None:
    """Byte for byte."""
    assert list(differences(snapshot(1, 2), snapshot(1, 2), FoldConfig())) == []


def test_differences_are_told_by_the_names_of_the_summary_and_of_fields() -> None:
    """Totals, topics and stories by their names; then the trend, chunks, and fields with what they are of."""
    one = snapshot(1, 2)
    other = replace(snapshot(1, 2, 4), trend={b"h:1": b'{"mentions":5}', b"x": b"}", b"d:2": b"{}"})
    found = {difference.where: difference for difference in differences(one, other, FoldConfig())}
    assert found["totalMentions"][1:] == ("3", "7", True)
    assert found["topics[launch].mentions"].other == "7"
    (story,) = [where for where in found if where.startswith("clusters[") and where.endswith(".mentions")]
    assert found[story].seen
    assert found["trend h:1.mentions"][1:3] == ("1", "5")
    assert found["trend x"][1:3] == ("1 bytes", "1 bytes")
    assert found["chunks that are known"][1:3] == ("0 that the other has not", "1 likewise")
    assert any(where.startswith("quarter of an hour 2025-11-28T") for where in found)
    seen = [difference.seen for difference in found.values()]
    assert seen == sorted(seen, reverse=True)


def test_what_only_one_has_is_absent_in_the_other() -> None:
    """Members of lists by their names, outward values and fields; what is long is cut."""
    one, other = snapshot(1), snapshot()
    one, other = replace(one, trend={b"a": b'"%s"' % (b"x" * 300)}), replace(other, trend={b"b": b"[1]"})
    found = {difference.where: difference for difference in differences(one, other, FoldConfig())}
    turned = {difference.where: difference for difference in differences(other, one, FoldConfig())}
    assert found.keys() == turned.keys()
    (story,) = [where for where in found if where.startswith("clusters[")]
    for where in (story, "topics[launch]", "trend a"):
        assert found[where].other == turned[where].one == "absent"
        assert len(found[where].one) <= 200
        assert found[where].seen
    assert found["trend a"].one == f'"{"x" * 198}…'
    assert (found["trend b"].one, found["trend b"].other) == ("absent", "[1]")
    assert any((each.other, each.seen) == ("absent", False) for each in found.values())


def test_what_is_stored_otherwise_is_not_seen() -> None:
    """Another key of mention ids is another state, and readers see the same."""
    found = list(differences(snapshot(1), snapshot(1, key=b"l" * 16), FoldConfig()))
    assert found
    assert not any(difference.seen for difference in found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"p:1960000", "quarter of an hour 2025-11-24T16:00Z (p:1960000)"),
        (b"q:1960000", "stories of the window before in the quarter of an hour 2025-11-24T16:00Z (q:1960000)"),
        (b"h:490000", "hour 2025-11-24T16:00Z (h:490000)"),
        (b"s:12", "stories (s:12)"),
        (b"p:9999999999999999", "quarter of an hour 8999999999999999100000 ms (p:9999999999999999)"),
        (b"p:--1", "a field that this version does not know (p:--1)"),
        ("h:²".encode(), "a field that this version does not know (h:²)"),
        (b"h:" + b"9" * 5_000, f"a field that this version does not know (h:{'9' * 5_000})"),
        (b"p:-4", "quarter of an hour 1969-12-31T23:00Z (p:-4)"),
        (b"\xff", "a field that this version does not know (\\xff)"),
    ],
)
def test_fields_have_words(name: bytes, words: str) -> None:
    """What a field is of, for those who do not know the format; its name after it."""
    assert field_words(name) == words
