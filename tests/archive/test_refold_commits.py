"""Commits of any cut at any clock, with restarts in between: what is folded again is what lies there, byte for byte.

No Redis and no thread: the live path's own batches and ledger over a stand-in for what a commit writes. So there
are many small commits, at times that no clock has to be set to.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.archive.record import Item, Record, pack, unpack
from orchestrator.archive.refold import Refold
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.consumed import read_runs
from orchestrator.contract.decode import Limits
from orchestrator.contract.times import iso_utc
from orchestrator.lane.batch import Batch
from orchestrator.lane.duplicates import Ledger, LedgerLimits
from orchestrator.store.types import DigestChange, Remember, StoredDigests
from tests.brand.support import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, Keys

PACES: Final = (
    [0, 1, 50],
    [0, 1, 50, MINUTE_MS, 20 * MINUTE_MS],
    [0, MINUTE_MS, 20 * MINUTE_MS, 4 * HOUR_MS, 9 * DAY_MS],
    [0, 10, -20, -30_000, 20 * MINUTE_MS],
    [5 * MINUTE_MS, 15 * MINUTE_MS, 45 * MINUTE_MS],
)
"""By what a clock goes on from one commit to the next; in the fourth it is set back now and then."""

AGES: Final = (0, MINUTE_MS, 20 * MINUTE_MS, 3 * HOUR_MS, DAY_MS, 9 * DAY_MS, -5 * MINUTE_MS, -2 * DAY_MS)
"""Of chunks: late ones, too late ones, slightly ahead, and so far ahead that they are retimed."""

GARBAGE: Final = (b"", b"{", b"[]", b"\xff\xfe", b'{"chunkId":1}')
LABELS: Final = ("Launch Buzz", "launch buzz!", "door recall", "recall of door", "sizing", "a b c", "", "Topic 3")
WORDS: Final = ("launch", "price", "battery", "service", "design", "app", "store", "refund", "sale", "fit")
TOPICS: Final = ("launch", "Launch", "sizing", " ", "#LaunchBuzz", "buzz launch", "nike")
CENTROIDS: Final = ([1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0], [0.0, 0.1, 1.0], [0.0, 0.0, 0.0])


@dataclass
class Live:
    """A brand as processes fold it, one after the other, and what their commits leave.

    Attributes:
        pace: by what the clock goes on.
        dies: how often another process goes on with what is stored.
        tells: how often a commit carries the summary, which takes the state's time further than the fold did.
        turns: whether settings change.
    """

    random: random.Random
    pace: list[int]
    dies: float
    tells: float
    turns: bool
    limits: LedgerLimits
    config: FoldConfig = field(init=False)
    state: BrandState = field(init=False)
    ledger: Ledger = field(init=False)
    now_ms: int = NOW_MS
    keys: Keys = field(default_factory=Keys)
    digests: StoredDigests = field(default_factory=lambda: StoredDigests(b"", b"", 0))
    summary: bytes | None = None
    cid: str = ""
    version: int = 0
    pushed: int = 0

    def __post_init__(self) -> None:
        self.config = self._settings()
        self.state, self.ledger = BrandState.empty(self.config), Ledger(limits=self.limits)

    def commit(self) -> Record:
        """One commit, and the record of it."""
        chance = self.random
        self.now_ms += chance.choice(self.pace)
        changed = self.version > 0 and self.turns and chance.random() < 0.1
        if changed:
            self.config = self._settings()
        if self.version and (changed or chance.random() < self.dies):
            self.state, self.ledger = BrandState.load(self.config, self.keys.state), Ledger(self.digests, self.limits)
        batch = self._folded([self._item() for _ in range(chance.choice([0, 1, 1, 1, 3, 20]))])
        changes = self.state.take_changes()
        self.version += 1
        summary_ms = self.now_ms + chance.choice([0, 0, 3, MINUTE_MS]) if chance.random() < self.tells else 0
        if summary_ms:
            self.summary = self.state.summary("nike", summary_ms, 1, self.version)
        self.keys.commit(changes)
        if batch.remembered is not None:
            self.digests = _after(self.digests, batch.remembered)
        previous, self.cid = self.cid, f"c{self.version}"
        letters = {one.index: (one.reason, one.path) for one in batch.rejected}
        items = [
            Item(payload, fate, *letters.get(place, ("", "")))
            for place, (payload, fate) in enumerate(
                zip(batch.items, read_runs(batch.told.fates, len(batch.items)), strict=True)
            )
        ]
        times = batch.told.now_ms, batch.told.clock_ms, summary_ms
        return Record("nike", self.cid, previous, 1, self.version, *times, self._told(), items)

    def _folded(self, items: list[bytes]) -> Batch:
        batch, chance = Batch(items), self.random
        if not items:
            batch.refresh(self.state, self.ledger, self.now_ms)
        elif len(items) == 1 and chance.random() < 0.05:
            batch.condemn(self.state, self.now_ms)
        else:
            batch.scan(Limits(), self.state.hashing)
            batch.decode("nike", Limits())
            batch.fold(self.state, self.ledger, self.now_ms, conflict_letters=chance.random() < 0.3)
        return batch

    def _item(self) -> bytes:
        """A chunk, a name that was there already with the same numbers or others, or garbage."""
        chance = self.random
        self.pushed += 1
        if chance.random() < 0.05:
            return chance.choice(GARBAGE)
        numbers = {"positive": chance.randint(0, 50), "neutral": 20 * chance.random(), "score": chance.uniform(-9, 9)}
        chunk: dict[str, Any] = {
            "chunkId": f"c{self.pushed if chance.random() > 0.12 else chance.randint(0, self.pushed)}",
            "brand": "nike",
            "sentiment": {"negative": chance.randint(0, 50), **numbers},
            "topics": chance.sample(TOPICS, chance.randint(0, 3)),
            "clusters": [self._cluster() for _ in range(chance.randint(0, 3))],
            "meta": {"mentionCount": chance.randint(1, 300)},
        }
        if chance.random() < 0.5:
            chunk["processedAt"] = iso_utc(self.now_ms - chance.choice(AGES) - chance.randint(0, MINUTE_MS))
        if chance.random() < 0.3:
            chunk["summary"] = f"it went well {self.pushed}"
        return json.dumps(chunk).encode()

    def _cluster(self) -> dict[str, Any]:
        chance = self.random
        label = chance.choice(LABELS) if chance.random() < 0.6 else " ".join(chance.sample(WORDS, 2))
        ids = [f"m{chance.randint(0, 400)}" for _ in range(chance.choice([0, 1, 3, 3, 60]))]
        cluster: dict[str, Any] = {"id": chance.choice(["0", "1", "launch", "recall"]), "label": label, "mentions": ids}
        more = {"centroid": chance.choice(CENTROIDS), "sentimentScore": chance.uniform(-1, 1), "mentionCount": 7}
        return cluster | {name: value for name, value in more.items() if chance.random() < 0.3}

    def _settings(self) -> FoldConfig:
        chance = self.random
        return FoldConfig(
            window_ms=chance.choice([HOUR_MS, 6 * HOUR_MS, DAY_MS]),
            max_stories=chance.choice([4, 20, 5000]),
            similarity_threshold=chance.choice([0.6, 0.75, 0.9]),
            label_similarity_threshold=chance.choice([0.1, 0.175, 0.5]),
        )

    def _told(self) -> dict[str, int | float]:
        config = self.config
        thresholds = {
            "MERGE_SIMILARITY_THRESHOLD": config.similarity_threshold,
            "LABEL_SIMILARITY_THRESHOLD": config.label_similarity_threshold,
        }
        return {"SUMMARY_WINDOW_SEC": config.window_ms // 1000, "MAX_STORIES": config.max_stories, **thresholds}


def _after(digests: StoredDigests, change: DigestChange) -> StoredDigests:
    """What Redis holds of digests after a commit with *change*."""
    younger, older = {
        Remember.APPEND: (digests.younger + change.entries, digests.older),
        Remember.ROTATE: (change.entries, digests.younger),
        Remember.REPLACE: (change.entries, change.older),
    }[change.how]
    return StoredDigests(younger, older, change.begun_ms, conflicts=change.conflicts or digests.conflicts)


def live(seed: int) -> Live:
    """A brand of that seed."""
    chance = random.Random(seed)  # noqa: S311 - a course that can be had again
    limits = LedgerLimits(chance.choice([5, 50, 100_000]), chance.choice([HOUR_MS, 7 * DAY_MS]))
    dies, tells = chance.choice([0.0, 0.1, 0.5, 1.0]), chance.choice([0.2, 1.0])
    return Live(chance, chance.choice(PACES), dies, tells, chance.random() < 0.25, limits)


@example(seed=1)
@example(seed=4)
@example(seed=14)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_refold_is_what_any_commits_left(seed: int) -> None:
    """Folded, doubled, contradicted, refused, retimed; a time that jumps; processes and settings that come and go."""
    brand = live(seed)
    refold = Refold("nike", brand.state.hashing.key, ledger=brand.limits)
    for _ in range(60):
        (record,) = unpack(pack([brand.commit()]), "nike")
        assert refold.take(record) == []
        found = refold.result
        assert {name for name, _ in found.fields.items() ^ brand.keys.state.items()} == set()
        kept = brand.digests
        assert (found.digests.younger, found.digests.older) == (kept.younger, kept.older)
        assert (found.digests.begun_ms, found.digests.conflicts) == (kept.begun_ms, kept.conflicts)
        assert (refold.trend, list(refold.recent)) == (brand.keys.trend, brand.keys.recent)
        if record.summary_ms:
            assert refold.summary() == brand.summary
