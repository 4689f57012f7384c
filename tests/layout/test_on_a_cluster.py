"""The same on three masters: work, alerts, processes, and what operators do, for brands with every kind of braces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.slots import slot_of
from orchestrator.store import Store, connect
from tests.layout.test_one_slot import BRANDS, live, mend_letters, operate, remove, tell, work
from tests.layout.world import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster_servers import ClusterServers


@pytest.fixture
def brands(cluster_servers: ClusterServers) -> Iterator[list[Spread]]:
    """Some brands, whose queues are on different masters."""
    client = connect(cluster_servers.url, timeout_s=10.0, pool_size=8)
    names = [f"{name} on a cluster" for name in BRANDS]
    found = [Spread(client, Store(client), name) for name in names]
    assert len({cluster_servers.owner(slot_of(one.keys.queue)).port for one in found}) > 1
    yield found
    client.close()


def test_all_works_there(brands: list[Spread]) -> None:
    """Readers see what was committed, letters come once, and in the end nothing is left."""
    for spread in brands:
        work(spread)
        spread.assert_shown()
        assert sorted(spread.payloads()) == ["garbage", "more of it"]
        assert spread.summary()["totalChunks"] == 31
        mend_letters(spread)
        operate(spread)
        tell(spread)
        live(spread)
        spread.process().visit()
        spread.assert_shown()
        remove(spread)
        assert spread.summary() is None
        assert spread.client.exists(spread.keys.failed) == spread.client.exists(spread.keys.queue) == 0
