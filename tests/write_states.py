"""Writes states of the present format for later versions to read: ``python -m tests.write_states REDIS_URL FOLDER``.

Run it once for each format, at the last commit before the number rises, into ``tests/data/states/format-<n>``. A format
that is written down is never written again: the files are what that code left in Redis, and no later code can make
them. So this file imports nothing of the tests and little of the package; that of format 2 was written by running it
on commit 006156c, before the modules of today had their names.

Every key that outlives a lease is in the file, and what a reader was told, to compare.
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.keys import BrandKeys
from orchestrator.lane.duplicates import Ledger
from orchestrator.store import Commit, Store, connect

NOW_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z
PANE_MS = 900_000
BATCH = 1_000

History = Sequence[tuple[int, Sequence[bytes]]]
"""Batches, each with the time at which it was folded, Unix ms."""


def main() -> None:
    """Write one file for each history; the Redis has to be empty."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(__file__).parent / "data"
    for name, brand, history in histories(data):
        artefact = Writer(url, brand).run(history)
        (folder / f"{name}.json").write_text(json.dumps(artefact, indent=1) + "\n", encoding="utf-8")


def histories(data: Path) -> Iterator[tuple[str, str, History]]:
    """What is folded: each name stands for one kind of state."""
    shares = _lines(data / "chunks_shares.ndjson", "tesla")[:40]
    # Three chunks are pushed twice, the last batch is kept back: it is folded by whoever reads the state.
    yield "labels", "tesla", [(NOW_MS, shares[:20]), (NOW_MS + 60_000, [*shares[:3], *shares[20:30]]), *_last(shares)]
    centroids = [_narrowed(line) for line in _lines(data / "chunks_centroids.ndjson", "nike")]
    yield "centroids", "nike", [(NOW_MS, centroids[:5]), (NOW_MS + 60_000, centroids[5:10]), *_last(centroids)]
    yield "spikes", "acme", list(_days())


def _lines(path: Path, brand: str) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines() if json.loads(line)["brand"] == brand]


def _narrowed(line: bytes) -> bytes:
    """That chunk with short centroids, because the files are kept for ever."""
    chunk = json.loads(line)
    for cluster in chunk["clusters"]:
        cluster["centroid"] = cluster["centroid"][:24]
    return json.dumps(chunk).encode()


def _last(items: Sequence[bytes]) -> History:
    return [(NOW_MS + 120_000, [items[0], *items[-2:]])]


def _days() -> Iterator[tuple[int, Sequence[bytes]]]:
    """Two days of a quiet brand with a burst in their middle and another one at their end."""
    panes = 2 * 96
    first: list[bytes] = []
    for number in range(panes + 1):
        at_ms = NOW_MS + (number - panes) * PANE_MS
        loud = number in {150, 151, panes - 1, panes}
        items = [_chunk(number, at_ms, 400 if loud else 8 + number % 5, flagged=number == panes)]
        first = [items[0]] if number == 0 else first
        yield at_ms, [*first, *items] if number == panes else items


def _chunk(number: int, at_ms: int, mentions: int, *, flagged: bool) -> bytes:
    label = ("Recall of the rocket skates", "Anvil orders rise", "Delivery to the desert")[number % 3]
    chunk = {
        "chunkId": f"acme-{number}",
        "brand": "acme",
        "processedAt": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(),
        "sentiment": {"positive": mentions // 2, "neutral": mentions // 4, "negative": mentions // 8, "score": 0.25},
        "topics": [label, "acme news"],
        "summary": f"Chunk {number} tells of: {label}.",
        "clusters": [{"id": f"c{number % 3}", "label": label, "mentions": [f"m{number}"], "spike": flagged}],
        "meta": {"mentionCount": mentions},
    }
    return json.dumps(chunk).encode()


class Writer:
    """Folds a history as a lane does, one commit a batch, at times that the history sets."""

    def __init__(self, url: str, brand: str) -> None:
        self._client = connect(url, timeout_s=10.0, pool_size=2)
        self._store = Store(self._client)
        self._brand = brand
        self._keys = BrandKeys.of(brand)

    def run(self, history: History) -> dict[str, Any]:
        """The file: what Redis holds after all batches but the last, and what the last makes of it."""
        config = FoldConfig()
        state, ledger = BrandState.empty(config), Ledger()
        for now_ms, items in history[:-1]:
            summary = self._commit(state, ledger, items, now_ms)
        digests: Any = self._client.get(self._keys.digests0)
        artefact = {
            "brand": self._brand,
            "now_ms": history[-2][0],
            "state": _texts(self._client.hgetall(self._keys.state)),
            "segments": _texts(self._client.hgetall(self._keys.segments)),
            "meta": _texts(self._client.hgetall(self._keys.meta)),
            "digests0": b64encode(digests).decode(),
            "trend": _decoded(self._client.hgetall(self._keys.trend)),
            "spikes": [json.loads(entry) for entry in self._client.lrange(self._keys.spike, 0, -1)],
            "summary": json.loads(summary),
        }
        then_ms, items = history[-1]
        after = json.loads(self._commit(state, ledger, items, then_ms))
        return artefact | {"next": {"now_ms": then_ms, "items": [item.decode() for item in items], "summary": after}}

    def _commit(self, state: BrandState, ledger: Ledger, items: Sequence[bytes], now_ms: int) -> bytes:
        self._client.rpush(self._keys.queue, *items)
        lease = self._store.acquire(self._brand, f"writer {now_ms}")
        peek = self._store.peek(lease, BATCH)
        new = ledger.take(decode_batch(peek.items, self._brand, hashing=state.hashing), now_ms)
        state.fold(new.batch, now_ms)
        summary = state.summary(self._brand, now_ms, lease.epoch, peek.version + 1)
        changes = state.take_changes()
        commit = Commit(
            cid=f"cid-{peek.version + 1}",
            expected_cid=peek.cid,
            version=peek.version + 1,
            consumed=len(peek.items),
            head=peek.items[0],
            tail=peek.items[-1],
            put=changes.put,
            remove=changes.remove,
            digests=new.change,
            summary=summary,
            due_ms=changes.due_ms,
            spikes=changes.spikes,
            trend_put=changes.trend_put,
            trend_remove=changes.trend_remove,
            recent=changes.recent,
        )
        self._store.commit(lease, commit)
        self._store.release(lease)
        return summary


def _texts(fields: Mapping[Any, Any]) -> dict[str, str]:
    return {name.decode(): b64encode(value).decode() for name, value in sorted(fields.items())}


def _decoded(fields: Mapping[Any, Any]) -> dict[str, Any]:
    return {name.decode(): json.loads(value) for name, value in sorted(fields.items())}


if __name__ == "__main__":
    main()
