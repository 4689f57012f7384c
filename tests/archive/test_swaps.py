"""An archive leads over states that took another one's place: from the base of each, the refold is what is live.

Sessions that fail, stop and die, imports and rebuilds that are killed between base and commit, on top of each other.
The records are those that the commits left in Redis, the bases those that swaps put.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.archive.record import Record, record_of
from orchestrator.archive.refold import Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import StaleStateError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.process import failpoints
from orchestrator.service import Patience, put_back, swap_in, take_snapshot
from orchestrator.service.options import store_options
from orchestrator.settings import Settings
from orchestrator.store import Store, segments
from orchestrator.store.consumed import Consumed
from tests.lane.support import CONFIG, Brand
from tests.lane.test_session_model import EVENTS, PUSHES, World

_NUMBERS = itertools.count(1)
OWN = st.fixed_dictionaries(
    {},
    optional={
        "LABEL_SIMILARITY_THRESHOLD": st.sampled_from([0.0, 0.3, 1.0]),
        "MAX_STORIES": st.sampled_from([5_000, 6_000]),
    },
)
SWAPS = st.one_of(
    st.tuples(st.just("swap"), st.tuples(st.integers(0, 3), st.one_of(st.none(), OWN))),
    st.tuples(st.just("import"), st.integers(0, 3)),
    st.tuples(st.just("killed"), st.integers(0, 3)),
    st.tuples(st.just("late"), st.none()),
)
HISTORIES: st.SearchStrategy[list[Any]] = st.lists(
    st.one_of(st.tuples(PUSHES, EVENTS), st.tuples(st.just([]), SWAPS)), min_size=2, max_size=9
)


@dataclass
class Swapping:
    """A brand whose states are kept, and put in place again.

    Attributes:
        kept: snapshots so far.
        puts: states that were put in place.
    """

    world: World
    mine: Settings
    kept: list[Snapshot] = field(default_factory=list)
    puts: int = 0

    @property
    def queue(self) -> Brand:
        """The brand."""
        return self.world.queue

    def live(self) -> Snapshot:
        """What is live."""
        return take_snapshot(self.queue.client, self.mine, self.queue.name)

    def keep(self) -> None:
        """What a later swap may put."""
        snapshot = self.live()
        if snapshot.cid:
            self.kept.append(snapshot)

    def swap(self, told: tuple[int, Any]) -> None:
        """An earlier state takes the place of the present one, and its key with it."""
        back, own = told
        if self.kept:
            over, earlier = self.live().cid, self.kept[-1 - back % len(self.kept)]
            done = swap_in(self.queue.client, self.mine, earlier, over=over, own=own, patience=Patience(take=True))
            assert done.cid == self.live().cid
            self.puts += 1

    def put(self, back: int) -> None:
        """The same by a file, whose own settings come along."""
        if self.kept:
            put_back(self.queue.client, self.mine, self.kept[-1 - back % len(self.kept)], over=self.live().cid)
            self.puts += 1

    def killed(self, back: int) -> None:
        """Between base and commit: only the base is there."""
        before = self.live()
        if self.kept:
            failpoints.arm("swap.based=bug")
            with pytest.raises(RuntimeError):
                self.swap((back, None))
            failpoints.arm("")
            assert replace(self.live(), taken_ms=0, epoch=0) == replace(before, taken_ms=0, epoch=0)

    def late(self) -> None:
        """On top of a commit that is not the last one any more."""
        for earlier in self.kept:
            if earlier.cid != self.live().cid:
                with pytest.raises(StaleStateError):
                    swap_in(self.queue.client, self.mine, earlier, over=earlier.cid)
                return

    def records(self) -> list[Record]:
        """What the commits left for the archive, in their order."""
        name, kept = self.queue.name, Consumed(self.queue.client)
        assert kept.take(name, "t", 60) is not None
        found = kept.read(name, "t", 1 << 30)
        kept.leave(name, "t")
        return [record_of(name, one.head, one.payloads) for one in found]


def refolded(records: list[Record], archive: BrandArchive, key: bytes) -> Refold:
    """All of *records*; where a state was put in place it begins again, at the base of it."""
    bases = {ref.cid: ref for ref in archive.bases()}
    refold = Refold(archive.brand, key, CONFIG.limits)
    for record in records:
        if record.replaces:
            base = archive.base(bases[record.cid])
            recent = deque(base.recent, maxlen=MAX_RECENT)
            refold = Refold(
                archive.brand,
                b"",
                CONFIG.limits,
                stored=base.stored,
                cid=base.cid,
                trend=dict(base.trend),
                recent=recent,
            )
        else:
            assert refold.take(record) == []
    return refold


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=HISTORIES)
def test_refold_leads_over_states_that_were_put_in_place(
    redis_client: redis.Redis, tmp_path: Path, history: list[tuple[list[Any], tuple[str, Any]]]
) -> None:
    """State, digests, trend and recent chunks byte for byte; every pushed item is in the chain exactly once."""
    number = next(_NUMBERS)
    mine = Settings(archive_url=f"file://{tmp_path}/{number}")
    store = Store(redis_client, store_options(mine))
    world = World(Brand(redis_client, store, f"swaps {number}"), (1, 3, 512)[number % 3], bool(number % 2))
    swapping = Swapping(world, mine)
    does: dict[str, Callable[[Any], None]] = {
        "visit": world.visit,
        "cut short": world.cut_short,
        "another orchestrator": lambda _: world.another(),
        "die": world.die,
        "swap": swapping.swap,
        "import": swapping.put,
        "killed": swapping.killed,
        "late": lambda _: swapping.late(),
    }
    for pushes, (name, argument) in history:
        if pushes:
            world.push(pushes)
        does[name](argument)
        swapping.keep()
    world.visit("")
    world.visit("")
    live, records = swapping.live(), swapping.records()
    if not live.cid:
        return
    archive = BrandArchive(Objects.open(mine.archive_url), world.queue.name)
    key = BrandState.load(FoldConfig(), live.stored.fields).hashing.key
    refold = refolded(records, archive, key)
    found = refold.result
    assert refold.cid == live.cid
    assert found.fields == live.stored.fields
    assert (found.digests.younger, found.digests.older) == (live.stored.digests.younger, live.stored.digests.older)
    assert (refold.trend, list(refold.recent)) == (live.trend, live.recent)
    assert refold.summary() in {None, world.queue.client.get(BrandKeys.of(world.queue.name).summary)}
    assert sum(record.replaces for record in records) == swapping.puts
    assert [bytes(item.payload) for record in records for item in record.items] == world.items
    assert segments.load(world.queue.client, world.queue.name) == live.stored.fields
