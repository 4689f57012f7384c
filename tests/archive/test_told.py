"""What stands in the columns for people is what the fold counted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from orchestrator.archive.record import Fate, Item
from orchestrator.archive.told import told
from tests.archive.test_refold import record

NOW_MS = record().now_ms


def chunk(number: int, **fields: Any) -> bytes:
    """A chunk of five mentions in shares, with these fields."""
    plain = {
        "chunkId": f"c{number}",
        "brand": "nike",
        "sentiment": {"positive": 0.6, "neutral": 0.2, "negative": 0.2, "score": 0.4},
        "topics": ["launch", {"topic": "price", "mentions": 2}],
        "clusters": [],
        "meta": {"mentionCount": 5},
    }
    return json.dumps(plain | fields).encode()


def test_told_is_what_was_counted() -> None:
    """Ids, mentions, sentiment in mentions, topics; letters say nothing, even where they could be read."""
    items = [
        Item(b"\xff", Fate.DEAD_LETTER, "no JSON", "$"),
        Item(chunk(1)),
        Item(chunk(2), Fate.DEAD_LETTER, "poison"),
        Item(chunk(3, sentiment={"positive": 3, "score": 2}, topics=None), Fate.DUPLICATE),
        Item(b"{}"),
    ]
    letter, first, poison, double, none = told(record(items=items))
    assert (letter, poison, none) == (None, None, None)
    assert first is not None
    assert double is not None
    assert first._replace(
        positive=round(first.positive, 6), neutral=1.0, negative=1.0, score=round(first.score, 6)
    ) == (
        *("c1", NOW_MS, False, 5, 3.0, 1.0, 1.0, 2.0),
        ["launch", "price"],
    )
    assert double == ("c3", NOW_MS, False, 5, 3.0, 0.0, 0.0, 2.0, [])


def test_time_is_the_one_that_counts() -> None:
    """The worker's, the arrival where that is not usable, and late where it counts in the trend alone."""
    said = [NOW_MS / 1000 - 60, NOW_MS / 1000 + 86_400, NOW_MS / 1000 - 40 * 3_600]
    items = [Item(chunk(place, processedAt=at)) for place, at in enumerate(said)]
    found = [(one.counted_ms, one.late) for one in told(record(items=items)) if one]
    assert found == [(NOW_MS - 60_000, False), (NOW_MS, False), (NOW_MS - 40 * 3_600_000, True)]
    wide = replace(record(items=items), settings={"SUMMARY_WINDOW_SEC": 48 * 3_600})
    assert [one.late for one in told(wide) if one] == [False, False, False]
