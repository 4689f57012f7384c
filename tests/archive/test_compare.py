"""Two states side by side, in the words of the summary first."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.archive.compare import differences, field_words
from orchestrator.archive.record import Item
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import SEGMENTS, Snapshot, numbered
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.digests import ENTRY_BYTES
from orchestrator.store.types import StoredDigests
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
    one = replace(one, trend={b"a": b'"%s"' % (b"x" * 300), b"c": b'{"old":1,"both":2}'})
    other = replace(other, trend={b"b": b"[1]", b"c": b'{"both":2,"new":3}'})
    found = {difference.where: difference for difference in differences(one, other, FoldConfig())}
    turned = {difference.where: difference for difference in differences(other, one, FoldConfig())}
    assert found.keys() == turned.keys()
    (story,) = [where for where in found if where.startswith("clusters[")]
    for where in (story, "topics[launch]", "trend a"):
        assert found[where].other == turned[where].one == "absent"
        assert len(found[where].one) <= 200
        assert found[where].seen
    assert found["trend a"].one == f'"{"x" * 198}…'
    assert [each for each in found if each.startswith("trend c")] == ["trend c.old", "trend c.new"]
    assert (found["trend b"].one, found["trend b"].other) == ("absent", "[1]")
    assert any((each.other, each.seen) == ("absent", False) for each in found.values())


def test_chunks_are_known_by_their_digests_in_either_generation() -> None:
    """What an entry has behind its digest is none of that, nor is what is no whole entry."""

    def known(younger: bytes = b"", older: bytes = b"") -> Snapshot:
        state = snapshot(1)
        return replace(state, stored=state.stored._replace(digests=StoredDigests(younger, older)))

    def told(one: Snapshot, other: Snapshot) -> list[tuple[str, str]]:
        return [found[1:3] for found in differences(one, other, FoldConfig()) if found.where.startswith("chunks")]

    a, b = (letter.ljust(ENTRY_BYTES, b"1") for letter in (b"a", b"b"))
    assert told(known(a, b), known(b, a)) == []
    assert told(known(a), known(a[:12].ljust(ENTRY_BYTES, b"2") + b"cut")) == []
    assert told(known(a, b), known(a)) == [("1 that the other has not", "0 likewise")]


def test_segments_have_other_numbers_where_a_state_took_anothers_place() -> None:
    """Which is no difference."""
    one = snapshot(1, 2)
    fields = numbered(one.stored.fields, dict.fromkeys(SEGMENTS, 7))
    assert fields != one.stored.fields
    assert list(differences(one, replace(one, stored=one.stored._replace(fields=fields)), FoldConfig())) == []


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
        ("h:٣".encode(), "a field that this version does not know (h:٣)"),
        ("h:²".encode(), "a field that this version does not know (h:²)"),
        (b"h:" + b"9" * 5_000, f"a field that this version does not know (h:{'9' * 5_000})"),
        (b"h:" + b"9" * 18, f"hour 3599999999999999996400000 ms (h:{'9' * 18})"),
        (b"p:-4", "quarter of an hour 1969-12-31T23:00Z (p:-4)"),
        (b"\xff", "a field that this version does not know (\\xff)"),
    ],
)
def test_fields_have_words(name: bytes, words: str) -> None:
    """What a field is of, for those who do not know the format; its name after it."""
    assert field_words(name) == words
