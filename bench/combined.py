"""What bigger chunks save: parts as chunks of their own, and as many of them combined before they are pushed.

Decode, ledger, fold, changes and summary of one brand, in one process and without Redis: processor time and bytes for
each part. *Merged*: clusters of one label become one, with the ids of all and the mean centroid, weighed by mentions.
*Kept*: the clusters stand beside each other as they were.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from bench import _payloads
from bench._harness import Report
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.lane.duplicates import Ledger

BATCH_BYTES = 2 << 20  # about what a lane takes at once
MAX_BATCH = 512
NOW_MS = 1_735_689_600_000 + 60_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What is pushed, before and after combining.

    Attributes:
        name: of the row.
        chunks: one of each part.
    """

    name: str
    chunks: Sequence[bytes]


def combine(chunks: Sequence[bytes], together: int, *, merged: bool) -> Iterator[bytes]:
    """Chunks that say what *together* of *chunks* say, clusters of one label *merged* or kept."""
    for first in range(0, len(chunks), together):
        parts = [json.loads(chunk) for chunk in chunks[first : first + together]]
        sentiment = {name: sum(part["sentiment"][name] for part in parts) for name in parts[0]["sentiment"]}
        clusters = [cluster for part in parts for cluster in part["clusters"]]
        if merged:
            clusters = list(_merged(clusters))
        whole = {
            **parts[0],
            "chunkId": f"{parts[0]['chunkId']}+{len(parts) - 1}",
            "sentiment": sentiment,
            "topics": sorted({topic for part in parts for topic in part["topics"]}),
            "clusters": clusters,
            "meta": {"mentionCount": sum(part["meta"]["mentionCount"] for part in parts)},
        }
        yield json.dumps(whole, separators=(",", ":")).encode()


def _merged(clusters: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    by_label: dict[str, list[dict[str, Any]]] = {}
    for cluster in clusters:
        by_label.setdefault(cluster["label"], []).append(cluster)
    for found in by_label.values():
        whole = dict(found[0])
        whole["mentions"] = list(dict.fromkeys(mention for one in found for mention in one["mentions"]))
        if "centroid" in whole:
            weights = [len(one["mentions"]) for one in found]
            whole["centroid"] = np.average([one["centroid"] for one in found], axis=0, weights=weights).tolist()
        yield whole


def processor_s(chunks: Sequence[bytes], brand: str = _payloads.BRAND) -> tuple[float, int]:
    """Processor seconds that *chunks* take, and the mentions that they brought."""
    state, ledger, mentions = BrandState(FoldConfig(), b"k" * 16), Ledger(), 0
    started_s = time.process_time()
    for number, batch in enumerate(_batches(chunks)):
        decoded = decode_batch(batch, brand, hashing=state.hashing)
        new = ledger.take(decoded, NOW_MS)
        mentions += state.fold(new.batch, NOW_MS).mentions
        state.take_changes()
        state.summary(brand, NOW_MS, 1, number)
    return time.process_time() - started_s, mentions


def _batches(chunks: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for chunk in chunks:
        batch.append(chunk)
        size += len(chunk)
        if size >= BATCH_BYTES or len(batch) == MAX_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def payloads(scale: float) -> list[Parts]:
    """What is measured, more or less of it by *scale*."""

    def of(count: int) -> int:
        return max(16, int(count * scale))

    return [
        Parts("a: one story", list(_payloads.small(of(16_000)))),
        Parts("b: centroids, 50 stories", list(_payloads.large(of(640), stories=50))),
        Parts("b: centroids, 1,000 stories", list(_payloads.large(of(640), stories=1_000))),
        Parts("c: labels, 50 stories", list(_payloads.large(of(2_560), stories=50, centroids=False))),
    ]


@click.command()
@click.option("--together", default=16, show_default=True, help="Parts in one chunk.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--scale", default=1.0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def command(*, together: int, rounds: int, scale: float, as_json: bool) -> None:
    """Fold parts as chunks of their own, and combined; processor time and bytes of one part."""
    columns = ["payload", "own, us", "merged, us", "kept, us", "own, B", "merged, B", "kept, B"]
    report = Report(f"{together} parts in one chunk: each part", columns)
    for parts in payloads(scale):
        ways = [
            parts.chunks,
            list(combine(parts.chunks, together, merged=True)),
            list(combine(parts.chunks, together, merged=False)),
        ]
        # the least: what others do on the machine only adds to it
        found = [[processor_s(way) for way in ways] for _ in range(rounds)]
        count = len(parts.chunks)
        times = [min(one[place][0] for one in found) / count * 1e6 for place in range(len(ways))]
        sizes = [sum(map(len, way)) / count for way in ways]
        report.rows.append((parts.name, *times, *map(round, sizes)))
    report.notes.append("processor time without Redis: decode, ledger, fold, changes, a summary for each batch")
    report.show(as_json=as_json)
