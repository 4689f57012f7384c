"""An archive's days are tended beside those who commit and put: of what is on its way nothing is taken for archived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from orchestrator.contract.consumed import note_of
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.service import tending
from orchestrator.service.right import the_right
from orchestrator.store import Store, StoreOptions, archived
from orchestrator.store.consumed import Consumed
from orchestrator.store.runner import ScriptRunner
from tests.objects.test_way import BEGUN_MS, chain
from tests.store.test_consumed import make
from tests.store.world import World

DAY = "2025-11-28"


@pytest.fixture
def world(redis_client: redis.Redis, brand: str) -> World:
    """A brand with an archive."""
    return World(redis_client, Store(redis_client, StoreOptions(archive_bytes=1_000_000)), brand)


def put_all(world: World) -> None:
    """All that waits is in the archive, and out of Redis."""
    consumed = Consumed(world.client)
    assert consumed.take(world.brand, "t", 30.0)
    note = note_of(consumed.read(world.brand, "t", 1_000_000))
    assert consumed.note(world.brand, "t", note)
    assert consumed.remove(world.brand, "t", note)
    consumed.leave(world.brand, "t")


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (tending, tending.archived_commit),
        (archived, lambda client, brand: archived.read_standing(client, brand).cid),
    ],
)
def test_commit_whose_record_waits_is_not_taken_for_archived(
    world: World, monkeypatch: pytest.MonkeyPatch, module: ModuleType, told: Callable[[redis.Redis, str], str]
) -> None:
    """Nor one that comes between the look at the state and the look at what waits: the state's is the first."""
    (first,) = make(world, [b"a"])
    put_all(world)
    assert told(world.client, world.brand) == first.cid

    class Interrupted(ScriptRunner):
        def run(self, commands: Sequence[Any]) -> list[Any]:
            """A commit comes behind the first command."""
            begun = super().run(commands[:1])
            make(world, [b"b"])
            return [*begun, *super().run(commands[1:])]

    with monkeypatch.context() as patch:
        patch.setattr(module, "ScriptRunner", Interrupted)
        assert told(world.client, world.brand) == first.cid
    assert told(world.client, world.brand) == first.cid
    put_all(world)
    assert told(world.client, world.brand) not in {"", first.cid}


def test_yesterday_stays_as_lines() -> None:
    """What waits in Redis is of yesterday now and then."""
    assert tending.first_open(BEGUN_MS) == "2025-11-27"


def test_nothing_becomes_parquet_while_somebody_has_the_right(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge has it; once it is given back the same day becomes a file."""
    archive = BrandArchive(Objects.open(f"file://{tmp_path}/archive"), world.brand)
    archive.put(replace(one, brand=world.brand) for one in chain(*"ab"))
    monkeypatch.setattr(tending, "_FENCE_WAIT_S", 0)
    monkeypatch.setattr(tending, "the_right", partial(the_right, sleep=lambda _: None))
    with the_right(world.client, world.brand) as had:
        assert had
        (why,) = tending.compact(world.client, archive, DAY).left
    assert why.endswith("not put, since somebody else works on the brand")
    assert len(tending.compact(world.client, archive, DAY).files) == 1
