"""What was pushed, and a recount of what must have become of it, by a checker that knows nothing else.

Chunks are of the counts dialect with whole numbers, so that sums are exact. Three independent random weights a chunk
make it practically impossible that a lost chunk and a doubled one cancel out.
"""

from __future__ import annotations

import base64
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.contract.keys import BrandKeys
from orchestrator.store import segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
NO_CHUNK = b"no chunk "
"""Garbage that begins so comes once: it can be told from any other."""

_LOOSE = ("generatedAt", "version", "epoch", "windowStart", "windowEnd")


@dataclass
class Book:
    """What was pushed for one brand, in order."""

    brand: str
    items: list[bytes] = field(default_factory=list)
    chunks: dict[str, dict[str, Any]] = field(default_factory=dict)
    duplicates: int = 0
    garbage: Counter[bytes] = field(default_factory=Counter)

    def rewind(self, items: list[bytes]) -> None:
        """Redis forgot: from now on only *items* were ever pushed."""
        self.items = items
        self.chunks = {}
        self.garbage = Counter(item for item in items if is_garbage(item))
        for item in items:
            if not is_garbage(item):
                chunk = json.loads(item)
                self.chunks.setdefault(chunk["chunkId"], chunk)
        self.duplicates = len(items) - len(self.chunks) - self.garbage.total()


class Traffic:
    """A seeded stream of chunks for some brands, and the books about it.

    Args:
        seed: decides everything.
        brands: whose queues.
        duplicate_rate: share of pushes that repeat an earlier chunk.
        garbage_rate: share of pushes that are no chunks.

    Attributes:
        hours: how far back the times of chunks go; 0: they have none.
    """

    def __init__(
        self, seed: int, brands: Sequence[str], *, duplicate_rate: float = 0.05, garbage_rate: float = 0.01
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible traffic, no secrets
        self.books = {brand: Book(brand) for brand in brands}
        self.duplicate_rate = duplicate_rate
        self._garbage_rate = garbage_rate
        self.hours = 0
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
        if book.chunks and draw < self.duplicate_rate:
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

    def letter(self, brand: str) -> bytes:
        """Garbage for *brand* that is like nothing else, entered into its book."""
        self._number += 1
        item = NO_CHUNK + str(self._number).encode()
        book = self.books[brand]
        book.garbage[item] += 1
        book.items.append(item)
        return item

    def _chunk(self, brand: str) -> dict[str, Any]:
        self._number += 1
        draw = self.random.randint
        times = {"processedAt": time.time() - 3_600 * draw(0, self.hours)} if self.hours else {}
        return times | {
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

    def examine(self, client: redis.Redis) -> int:
        """Check that every brand's keys are those of some prefix of what was pushed, and rewind the books to it.

        Returns:
            Items that Redis forgot.
        """
        return sum(examine(client, book) for book in self.books.values())

    # -- the recount

    def missing(self, client: redis.Redis) -> int:
        """Items that are still queued."""
        return sum(int(client.llen(BrandKeys.of(brand).queue)) for brand in self.books)

    def problems(self, client: redis.Redis) -> list[str]:
        """Everything in Redis that differs from what was pushed; empty if nothing was lost, doubled or misjudged."""
        return [problem for book in self.books.values() for problem in recount(client, book)]


def recount(client: redis.Redis, book: Book) -> list[str]:
    """Compare one brand's summary, dead letters and queue with its book."""
    keys = BrandKeys.of(book.brand)
    raw = client.get(keys.summary)
    if raw is None:
        left = [key for key in (keys.queue, keys.state, keys.failed) if client.exists(key)]
        return [f"{book.brand}: no summary, but {left or 'chunks in the book'}"] if left or book.items else []
    summary: dict[str, Any] = json.loads(raw)
    found = {"queued": client.llen(keys.queue), **_totals(summary)}
    expected = {"queued": 0, **_expected(book.chunks.values())}
    problems = [
        f"{book.brand}: {name} is {found[name]}, expected {expected[name]}"
        for name in expected
        if found[name] != expected[name]
    ]
    letters = letters_of(client, book.brand)
    if letters != book.garbage:
        more, less = letters - book.garbage, book.garbage - letters
        problems.append(f"{book.brand}: dead letters too many: {more}, missing: {less}")
    return problems


def letters_of(client: redis.Redis, brand: str) -> Counter[bytes]:
    """What the dead letters of *brand* hold, and how often each."""
    entries: Any = client.lrange(BrandKeys.of(brand).failed, 0, -1)
    return Counter(map(_payload, entries))


def is_garbage(item: bytes) -> bool:
    """Whether an item that was pushed is no chunk."""
    return item in GARBAGE or item.startswith(NO_CHUNK)


def examine(client: redis.Redis, book: Book) -> int:
    """Find the prefix of *book* that Redis still knows, check state, dead letters and queue against it, and rewind.

    The log of Redis is cut somewhere: the surviving pushes are a prefix of all pushes, the consumed ones a prefix of
    those, and the state must be the fold of exactly the latter.
    """
    return survivors(client, book, int(client.llen(BrandKeys.of(book.brand).failed)))


def survivors(client: redis.Redis, book: Book, letters: int | None) -> int:
    """As :func:`examine`, with the number of dead letters; None: they are on another server.

    Then the shortest prefix counts. It is the right one if nothing that is no chunk ends a push.
    """
    keys = BrandKeys.of(book.brand)
    queue: Any = client.lrange(keys.queue, 0, -1)
    fields = segments.load(client, book.brand)
    now_ms = time.time_ns() // 1_000_000
    found = BrandState.load(FoldConfig(), fields).summary(book.brand, now_ms, 0, 0)
    total = json.loads(found)["totalChunks"]
    for consumed in _candidates(book.items, total, letters):
        if queue == book.items[consumed : consumed + len(queue)]:
            break
    else:
        at = book.items.index(queue[0]) if queue and queue[0] in book.items else None
        raise AssertionError(
            f"{book.brand}: {total} chunks, {letters} dead letters and {len(queue)} queued (the first is item {at} of "
            f"{len(book.items)}) fit no prefix; candidates {list(_candidates(book.items, total, letters))}"
        )
    forgotten = len(book.items) - consumed - len(queue)
    prefix = Book(book.brand, book.items[:consumed])
    if fields:
        assert comparable(found) == fold_of(prefix, now_ms), f"{book.brand}: the state is not the fold of the prefix"
    book.rewind(book.items[: consumed + len(queue)])
    return forgotten


def _candidates(items: Sequence[bytes], total: int, letters: int | None) -> Iterator[int]:
    """Lengths of prefixes with *total* different chunks and *letters* items that are none."""
    seen: set[str] = set()
    garbage = 0
    for length in range(len(items) + 1):
        if len(seen) == total and letters in {None, garbage}:
            yield length
        if length < len(items):
            if is_garbage(items[length]):
                garbage += 1
            else:
                seen.add(json.loads(items[length])["chunkId"])


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


def fold_of(book: Book, now_ms: int, config: FoldConfig | None = None) -> dict[str, Any]:
    """The summary of one pure fold of everything pushed, without the fields that depend on when and how often."""
    state = BrandState.empty(config or FoldConfig())
    seen: set[str] = set()
    batch = decode_batch(book.items, book.brand, Limits(), state.hashing)
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
