"""What was pushed, and a recount of what must have become of it, by a checker that knows nothing else.

Chunks are of the counts dialect with whole numbers, so that sums are exact. Three independent random weights a chunk
make it practically impossible that a lost chunk and a doubled one cancel out.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.contract.keys import BrandKeys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import redis

WORDS = (
    "launch",
    "price",
    "battery",
    "service",
    "delivery",
    "design",
    "app",
    "store",
    "refund",
    "update",
    "sale",
    "fit",
)
GARBAGE = (b"", b"{", b"[]", b"null", b'{"chunkId":1}', b"\xff\xfe", b'{"chunkId":"x","brand":"other"}', b"NaN")
_LOOSE = ("generatedAt", "version", "epoch", "windowStart", "windowEnd")


@dataclass
class Ledger:
    """What was pushed for one brand, in order."""

    brand: str
    items: list[bytes] = field(default_factory=list)
    chunks: dict[str, dict[str, Any]] = field(default_factory=dict)
    duplicates: int = 0
    garbage: Counter[bytes] = field(default_factory=Counter)

    @property
    def pushed(self) -> int:
        """Items pushed, of whatever kind."""
        return len(self.items)


class Traffic:
    """A seeded stream of chunks for some brands, and the books about it.

    Args:
        seed: decides everything.
        brands: whose queues.
        duplicate_rate: share of pushes that repeat an earlier chunk.
        garbage_rate: share of pushes that are no chunks.
    """

    def __init__(
        self, seed: int, brands: Sequence[str], *, duplicate_rate: float = 0.05, garbage_rate: float = 0.01
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible traffic, no secrets
        self.books = {brand: Ledger(brand) for brand in brands}
        self._duplicate_rate = duplicate_rate
        self._garbage_rate = garbage_rate
        self._number = 0

    def register(self, client: redis.Redis) -> None:
        """Register the brands."""
        client.sadd("brands:set", *self.books)

    def push(self, client: redis.Redis, count: int) -> None:
        """Push *count* items, spread over the brands, and enter them into the books."""
        for brand in self.books:
            items = [self.make(brand) for _ in range(count // len(self.books))]
            if items:
                client.rpush(BrandKeys.of(brand).queue, *items)

    def make(self, brand: str) -> bytes:
        """The next item of *brand*, entered into its book."""
        book = self.books[brand]
        draw = self.random.random()
        if book.chunks and draw < self._duplicate_rate:
            book.duplicates += 1
            item = json.dumps(book.chunks[self.random.choice(list(book.chunks)[-500:])]).encode()
        elif draw > 1 - self._garbage_rate:
            item = self.random.choice(GARBAGE)
            book.garbage[item] += 1
        else:
            chunk = self._chunk(brand)
            book.chunks[chunk["chunkId"]] = chunk
            item = json.dumps(chunk).encode()
        book.items.append(item)
        return item

    def _chunk(self, brand: str) -> dict[str, Any]:
        self._number += 1
        draw = self.random.randint
        return {
            "chunkId": f"c{self._number}",
            "brand": brand,
            "sentiment": {
                "positive": draw(2, 10**6),
                "neutral": draw(2, 10**6),
                "negative": draw(2, 10**6),
                "score": draw(-9, 9),
            },
            "topics": self.random.sample(WORDS, 2),
            "clusters": [self._cluster() for _ in range(draw(0, 3))],
            "meta": {"mentionCount": draw(1, 10**6)},
        }

    def _cluster(self) -> dict[str, Any]:
        words = self.random.sample(WORDS, 2)
        return {
            "id": str(self.random.randint(0, 9)),
            "label": " ".join(words),
            "mentions": ["example"],
            "mentionCount": self.random.randint(2, 99),
        }

    # -- the recount

    def missing(self, client: redis.Redis) -> int:
        """Items that are still queued."""
        return sum(int(client.llen(BrandKeys.of(brand).queue)) for brand in self.books)

    def problems(self, client: redis.Redis) -> list[str]:
        """Everything in Redis that differs from what was pushed; empty if nothing was lost, doubled or misjudged."""
        return [problem for book in self.books.values() for problem in recount(client, book)]


def recount(client: redis.Redis, book: Ledger) -> list[str]:
    """Compare one brand's summary, dead letters and queue with its book."""
    keys = BrandKeys.of(book.brand)
    raw = client.get(keys.summary)
    if raw is None:
        return [f"{book.brand}: no summary"] if book.chunks else []
    summary: dict[str, Any] = json.loads(raw)
    found = {"queued": client.llen(keys.queue), **_totals(summary)}
    expected = {"queued": 0, **_expected(book.chunks.values())}
    problems = [
        f"{book.brand}: {name} is {found[name]}, expected {expected[name]}"
        for name in expected
        if found[name] != expected[name]
    ]
    letters = Counter(_payload(entry) for entry in client.lrange(keys.failed, 0, -1))
    if letters != book.garbage:
        more, less = letters - book.garbage, book.garbage - letters
        problems.append(f"{book.brand}: dead letters too many: {more}, missing: {less}")
    return problems


def _totals(summary: dict[str, Any]) -> dict[str, Any]:
    sentiment = summary["sentiment"]
    return {
        "totalChunks": summary["totalChunks"],
        "totalMentions": summary["totalMentions"],
        **{name: sentiment[name] for name in ("positive", "neutral", "negative", "score")},
    }


def _expected(chunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    rows = list(chunks)
    return {
        "totalChunks": len(rows),
        "totalMentions": sum(row["meta"]["mentionCount"] for row in rows),
        **{name: sum(row["sentiment"][name] for row in rows) for name in ("positive", "neutral", "negative", "score")},
    }


def _payload(entry: Any) -> bytes:
    letter = json.loads(entry)
    if letter.get("encoding") == "base64":
        return base64.b64decode(letter["payload"])
    return str(letter["payload"]).encode()


def fold_of(book: Ledger, now_ms: int) -> dict[str, Any]:
    """The summary of one pure fold of everything pushed, without the fields that depend on when and how often."""
    state = BrandState.empty(FoldConfig())
    seen: set[str] = set()
    batch = decode_batch(book.items, book.brand, Limits())
    fresh = []
    for position, chunk in enumerate(batch.chunks):
        if chunk.chunk_id not in seen:
            seen.add(chunk.chunk_id)
            fresh.append(position)
    state.fold(batch.keep(fresh), now_ms)
    return comparable(state.summary(book.brand, now_ms, 0, 0))


def comparable(summary: bytes) -> dict[str, Any]:
    """A summary without the fields that depend on when and in how many commits it was made."""
    document: dict[str, Any] = json.loads(summary)
    for name in _LOOSE:
        document.pop(name)
    for cluster in document["clusters"]:
        cluster.pop("firstSeen")
        cluster.pop("lastSeen")
    return document
