"""The product's own stories: documents as workers push them, decoded and folded; and which story each cluster joined.

The product tells readers what a story is, not which clusters are in it. It promises, though, that it decides cluster
by cluster, whatever the cut (``docs/insights.md``). So the clusters are folded one by one, and after each the story
that has just been seen is the one that it joined. The same clusters in whole chunks, by the way of the service
(:class:`~orchestrator.brand.state.BrandState` and its summary), must give the same stories, or nothing is said.

Knows no rule and no threshold: both are the product's, by its defaults.
"""

from __future__ import annotations

import base64
from collections import Counter
from itertools import accumulate
from typing import Any

import msgspec

from bench._stories_data import CENTROIDS, LABELS, Chunks, TitleCluster
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.brand.stories import StoryBook
from orchestrator.contract.decode import ChunkBatch, decode_batch
from orchestrator.kernels.hash_keys import Hashing

BRAND = "bench"
NOW_MS = 1_795_435_200_000  # the start of a pane; any would do


def our_stories(chunks: Chunks, sends: str) -> list[int]:
    """The number of the story that each cluster of *chunks* joined, in their order.

    Args:
        chunks: of one brand.
        sends: one of :data:`~bench._stories_data.SENT`.

    Raises:
        RuntimeError: folded in whole chunks they became other stories.
    """
    clusters = [cluster for chunk in chunks for cluster in chunk]
    # All of them are kept: what an eviction costs is a question of the deployment, not of the rule.
    config = FoldConfig(max_stories=max(FoldConfig().max_stories, len(clusters)))
    ids = _one_by_one(clusters, sends, config)
    _check(ids, chunks, sends, config)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(story, len(numbers)) for story in ids]


def _one_by_one(clusters: list[TitleCluster], sends: str, config: FoldConfig) -> list[str]:
    book, hashing = StoryBook(config.similarity_threshold, config.max_stories), Hashing.of_nobody()
    ids = []
    for number, cluster in enumerate(clusters):
        at_ms = NOW_MS + number
        book.fold_batch(_decoded([_chunk([cluster], number, sends)], hashing), [at_ms], [at_ms // PANE_MS])
        joined = [story.id for story in book.dirty.values() if story.last_seen_ms == at_ms]
        ids += joined or [f"in no story {number}"]
        book.dirty = {}
    return ids


def _check(ids: list[str], chunks: Chunks, sends: str, config: FoldConfig) -> None:
    """Fail unless whole chunks make the stories *ids*, as far as a summary shows them."""
    state = BrandState.empty(config)
    firsts = accumulate(map(len, chunks[:-1]), initial=0)
    items = [_chunk(chunk, first, sends) for chunk, first in zip(chunks, firsts, strict=True)]
    state.fold(_decoded(items, state.hashing), NOW_MS)
    summary = msgspec.json.decode(state.summary(BRAND, NOW_MS, 1, 1))
    members = Counter(ids)
    shown = {story["id"]: story["members"] for story in summary["clusters"]}
    count = sum(not story.startswith("in no story") for story in members)
    if summary["clusterCount"] != count or any(members[story] != size for story, size in shown.items()):
        raise RuntimeError(
            f"folded one by one, clusters became {count} stories; in whole chunks {summary['clusterCount']}, or others"
        )


def _decoded(items: list[bytes], hashing: Hashing) -> ChunkBatch:
    batch = decode_batch(items, BRAND, hashing=hashing)
    if batch.rejected:
        raise RuntimeError(f"the product refuses a chunk: {batch.rejected[0]}")
    return batch


def _chunk(clusters: list[TitleCluster], first: int, sends: str) -> bytes:
    """A chunk as a worker pushes it; *first* is the number of its first cluster."""
    return msgspec.json.encode(
        {
            "chunkId": f"{BRAND}-{first}",
            "brand": BRAND,
            "sentiment": {"score": 0},
            "clusters": [_cluster(cluster, number, sends) for number, cluster in enumerate(clusters, start=first)],
            "meta": {"mentionCount": sum(len(cluster.titles) for cluster in clusters)},
        }
    )


def _cluster(cluster: TitleCluster, number: int, sends: str) -> dict[str, Any]:
    """The cluster; its id, which a story that it founds takes over, is not a mere number and its own."""
    sent: dict[str, Any] = {
        "id": f"cluster-{number}",
        "label": cluster.label,
        "mentions": [f"m{title}" for title in cluster.titles] if sends == LABELS else cluster.examples,
        "mentionCount": len(cluster.titles),
    }
    if sends == CENTROIDS:
        sent["centroidF32"] = base64.b64encode(cluster.centroid.astype("<f4").tobytes()).decode()
    return sent
