"""The tests of operators' commands once more, on a cluster: what was said and done is the same.

Brands have no braces here, so that their keys have the names that these tests know; what braces do to names is in
``test_cluster.py``.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.keys import AUDIT_KEY, MEMBERS_KEY
from orchestrator.contract.layout import CLUSTER
from orchestrator.store import Store, connect
from tests.cli.test_config import (  # noqa: F401 - pytest collects them here
    test_config_adopt_all_is_for_registered_brands,
    test_config_adopt_mends_settings_that_cannot_be_read,
    test_config_adopt_says_yes_for_the_named_brands,
)
from tests.cli.test_failed_mend import *  # noqa: F403
from tests.cli.test_processes import *  # noqa: F403
from tests.cli.test_processes import A, B, say
from tests.cli.test_push import (  # noqa: F401
    test_push_fills_queues_in_order,
    test_push_registers_brands_if_told_to,
    test_push_reports_bad_lines_and_pushes_the_rest,
    test_push_says_how_far_it_came,
)
from tests.cli.test_repair import *  # noqa: F403
from tests.cli.test_state import *  # noqa: F403

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from tests.cluster_servers import ClusterServers

_NUMBERS = itertools.count(1)


@pytest.fixture
def redis_url(cluster_servers: ClusterServers) -> str:
    """Of the session's cluster."""
    return cluster_servers.url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of it. Tests name keys of several slots at once; a cluster takes such commands key by key."""
    client = connect(redis_url, timeout_s=10.0, pool_size=8)
    for command in ("delete", "exists"):
        one = getattr(client, command)
        setattr(client, command, lambda *names, one=one: sum(map(one, names)))
    yield client
    client.close()


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    """A store on it."""
    return Store(redis_client)


@pytest.fixture  # type: ignore[no-redef]  # in place of that of the processes
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """As that of ``test_processes.py``: two processes live. Orders are in the slot of their members here."""
    keys = (MEMBERS_KEY, CLUSTER.orders, AUDIT_KEY)
    redis_client.delete(*keys)
    say(redis_client, A)
    say(redis_client, B)
    yield redis_client
    redis_client.delete(*keys)


@pytest.fixture
def brand() -> str:
    """Used by no other test."""
    return f"Zoë: {os.getpid()} {next(_NUMBERS)}"
