"""Archives of brands with a history, without a Redis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.archive.record import Fate, Item, Record
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from tests.archive.recorder import SETTINGS

START_MS = 1_764_300_000_000
KEY = b"k" * 16
LOOSER = (("MERGE_SIMILARITY_THRESHOLD", 0.3),)

_WORDS = ("crimson", "harbour", "velvet", "orbit", "lantern", "meadow", "quartz", "willow")


def chunk(brand: str, number: int, **fields: Any) -> bytes:
    """Of two clusters whose centroids are near each other: near enough for a looser threshold; with more *fields*."""
    near = [1.0, 0.0, 0.5] if number % 2 else [1.0, 0.9, -0.2]
    far = [0.0, 0.1, float(number % 5)]
    clusters = [
        {
            "id": str(place),
            "label": f"{_WORDS[number % 8]} {_WORDS[place]}",
            "mentions": [f"m{number}-{place}"],
            "centroid": vector,
        }
        for place, vector in enumerate((near, far))
    ]
    sentiment = {"positive": 1, "neutral": 1, "negative": 0, "score": 1}
    document = {"chunkId": f"c{number}", "brand": brand, "sentiment": sentiment, "topics": [f"t{number % 3}"]}
    return json.dumps(document | {"clusters": clusters, "meta": {"mentionCount": 2}} | fields).encode()


def history(brand: str, commits: int = 6, each: int = 3) -> list[Record]:
    """*commits* of *each* chunks, an hour apart; a duplicate and a letter among them, and a refresh at the end."""
    records: list[Record] = []
    for place in range(commits):
        items = [Item(chunk(brand, place * each + number)) for number in range(each)]
        if place == 1:
            items += [Item(chunk(brand, 0), Fate.DUPLICATE), Item(b"{", Fate.DEAD_LETTER, "not JSON", "$")]
        records.append(following(brand, records[-1:], items))
    records.append(following(brand, records[-1:], []))
    return records


def following(brand: str, before: Sequence[Record], items: Sequence[Item], **changes: Any) -> Record:
    """A commit an hour after the one *before*, or a brand's first."""
    last = before[-1] if before else None
    version = last.version + 1 if last else 1
    at_ms = last.now_ms + 3_600_000 if last else START_MS
    previous = last.cid if last else ""
    record = Record(brand, f"c{version:015x}", previous, 7, version, at_ms, at_ms, at_ms, SETTINGS, items)
    return replace(record, **changes)


def archived(url: str, *histories: Sequence[Record]) -> None:
    """Put them into the archive at *url*, in objects of two records."""
    with Objects.open(url) as objects:
        for records in histories:
            for place in range(0, len(records), 2):
                BrandArchive(objects, records[0].brand).put(records[place : place + 2])


def based(url: str, snapshot: Snapshot) -> None:
    """Put a base into it."""
    with Objects.open(url) as objects:
        BrandArchive(objects, snapshot.brand).put_base(snapshot)


def folded(records: Sequence[Record], own: Sequence[tuple[str, int | float]] = (), key: bytes = KEY) -> Refold:
    """What comes of *records*, from the brand's first on, without an archive."""
    refold = Refold(records[0].brand, key)
    for record in records:
        assert refold.take(replace(record, settings={**record.settings, **dict(own)}, replaces=False)) == []
    return refold


def url_of(folder: Path) -> str:
    """Its address."""
    return folder.resolve().as_uri()
