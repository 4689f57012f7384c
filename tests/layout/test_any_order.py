"""Any order of commits, losses, deaths, and servers that forget: in the end readers see what was committed, once.

Two processes work on one brand whose keys are in several slots. What each of them sends to readers' slots may be lost
before or after it was carried out, or be the last thing that the process does.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from orchestrator.archive.snapshot import Snapshot, opened
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.layout import CLUSTER
from orchestrator.errors import OrchestratorError
from orchestrator.service import Patience, swap_in, take_snapshot
from orchestrator.settings import Settings
from orchestrator.store import Store, connect
from orchestrator.store.projections import Part
from tests.layout.world import DiedError, Spread
from tests.redis_server import RedisServer

FATES: Final = st.sampled_from(["arrives", "arrives", "is lost", "answer is lost", "dies before", "dies after"])
MINE: Final = Settings()
_NUMBERS: Final = itertools.count(1)


class Brand(RuleBasedStateMachine):
    """One brand, two processes, and what they were given."""

    server: RedisServer

    @initialize()
    def begin(self) -> None:
        """Nothing is there."""
        self.client = connect(self.server.url, timeout_s=10.0, pool_size=4)
        setattr(self.client, "layout", CLUSTER)  # noqa: B010 - what a client of a cluster has by itself
        self.spread = Spread(self.client, Store(self.client), f"a{{b}}c {next(_NUMBERS)}")
        self.processes = [self.spread.process(), self.spread.process()]
        self.garbage: list[str] = []
        self.chunks = 0
        self.kept: list[Snapshot] = []

    @rule(chunks=st.integers(0, 3), garbage=st.integers(0, 2))
    def push(self, chunks: int, garbage: int) -> None:
        """Workers push chunks, and what is none."""
        for _ in range(chunks):
            self.chunks += 1
            self.spread.push_ids(f"chunk {self.chunks}")
        for _ in range(garbage):
            self.garbage.append(f"garbage {len(self.garbage)}")
            self.spread.push(self.garbage[-1].encode())

    @rule(which=st.integers(0, 1), fates=st.lists(FATES, max_size=10))
    def visit(self, which: int, fates: list[str]) -> None:
        """One of the two visits the brand, and each of its commands to readers has a fate; then all arrive."""
        process = self.processes[which]
        left = iter(fates)
        process.way.before, process.way.after = _fated(left)
        try:
            process.visit()
        except DiedError:
            self.processes[which] = self.spread.process()
            self.spread.expire()
        except OrchestratorError:
            process.fail()
        finally:
            process.way.heal()

    @rule(which=st.integers(0, 1))
    def claim(self, which: int) -> None:
        """A claim finds the brand if there is something to be done."""
        if self.spread.ready():
            self.processes[which].visit()

    @rule()
    def wait(self) -> None:
        """What is postponed is due."""
        if self.spread.number("due") > 1 if self.client.hexists(self.spread.keys.meta, "due") else False:
            self.client.hset(self.spread.keys.meta, "due", 1)

    @precondition(lambda self: hasattr(self, "spread"))
    @rule(part=st.sampled_from([*Part]), fates=st.lists(FATES, max_size=4))
    def forget(self, part: Part, fates: list[str]) -> None:
        """A visit after which the server with that part of what readers see is as it was before; somebody notices."""
        with self.spread.forgotten(*self.spread.beside(part)):
            self.visit(0, fates)
        self.spread.projections.verify([self.spread.name])

    @precondition(lambda self: hasattr(self, "spread"))
    @rule(back=st.integers(0, 5), own=st.sampled_from([None, {}, {"MAX_STORIES": 6_000}]))
    def swap(self, back: int, own: dict[str, float] | None) -> None:
        """An earlier state, or the present one, takes the brand's place, also from who died with its lease."""
        live = take_snapshot(self.client, MINE, self.spread.name)
        if live.cid:
            self.kept.append(live)
            earlier = self.kept[-1 - back % len(self.kept)]
            swap_in(self.client, MINE, earlier, over=live.cid, own=own, patience=Patience(take=True))
            self.chunks -= _chunks(live) - _chunks(earlier)

    def teardown(self) -> None:
        """One more process comes when all is well again: nothing is owed any more, and nothing came twice."""
        if not hasattr(self, "spread"):
            return
        self.spread.expire()
        last = self.spread.process()
        last.visit()
        for _ in range(2):
            if self.spread.ready():
                last.visit()
        if self.chunks or self.garbage:
            self.spread.assert_shown()
            assert self.spread.summary()["totalChunks"] == self.chunks
        assert self.spread.payloads() == self.garbage
        assert self.spread.queued() == 0
        self.client.close()


def _chunks(snapshot: Snapshot) -> int:
    """That the state counts."""
    state, _ = opened(snapshot, FoldConfig())
    counted: int = json.loads(state.summary(snapshot.brand, snapshot.taken_ms, 0, 0))["totalChunks"]
    return counted


Passing = Callable[[str, Sequence[str]], bool]


def _fated(fates: Iterator[str]) -> tuple[Passing, Passing]:
    """What becomes of commands that go to readers, one after the other."""
    present = ["arrives"]

    def before(_name: str, _keys: Sequence[str]) -> bool:
        present[0] = next(fates, "arrives")
        if present[0] == "dies before":
            raise DiedError
        return present[0] != "is lost"

    def after(_name: str, _keys: Sequence[str]) -> bool:
        if present[0] == "dies after":
            raise DiedError
        return present[0] != "answer is lost"

    return before, after


def _run(server: RedisServer, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int) -> None:
    monkeypatch.setattr("orchestrator.lane.projector.RETRY_MS", 0)
    Brand.server = server
    run_state_machine_as_test(
        Brand,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_readers_see_in_the_end_what_was_committed(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few orders; many in ``make torture``."""
    _run(redis_server, monkeypatch, int(os.environ.get("ORCHESTRATOR_TEST_EXAMPLES", "8")), 12)
