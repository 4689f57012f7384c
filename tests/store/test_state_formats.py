"""Which formats the states of brands have, asked without a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.store import connect
from orchestrator.store.state_formats import state_formats

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.world import World


def test_state_formats_are_those_of_the_brands_that_have_a_state(world: World) -> None:
    """A brand without a state, with another thing as its meta hash, or with no number there is not named."""
    world.client.hset(world.keys.meta, "format", 7)
    names = [world.brand, *(f"{world.brand} {number}" for number in range(1_100))]
    world.client.hset(f"orchestrator:{{result:brand:{names[-1]}:chunks}}:meta", "format", 8)
    world.client.hset(f"orchestrator:{{result:brand:{names[-2]}:chunks}}:meta", "format", "x")
    world.client.set(f"orchestrator:{{result:brand:{names[-3]}:chunks}}:meta", "a string")
    world.client.hset(f"orchestrator:{{result:brand:{names[-4]}:chunks}}:meta", "format", b"9" * 5_000)
    assert state_formats(world.client, names) == {world.brand: 7, names[-1]: 8}
    assert state_formats(world.client, []) == {}


def test_state_formats_need_an_answer(tmp_path: Path) -> None:
    """Without one nothing is said about any brand."""
    client = connect(f"unix://{tmp_path}/none.sock", timeout_s=1.0, pool_size=1)
    with pytest.raises(StoreUnavailableError):
        state_formats(client, ["nike"])
    client.close()
