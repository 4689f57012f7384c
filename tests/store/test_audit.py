"""The audit list: bounded, by the clock of Redis, and nothing of others in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.keys import AUDIT_KEY
from orchestrator.contract.times import parse_ms
from orchestrator.errors import StoreError, WrongTypeError
from orchestrator.store.audit import MAX_ACTS, read_audit, write_audit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without an audit list, before and after."""
    any_client.delete(AUDIT_KEY)
    yield any_client
    any_client.delete(AUDIT_KEY)


def test_the_newest_comes_first(client: redis.Redis) -> None:
    """What was done last is read first, with a time of the server."""
    write_audit(client, "ann@host", "pause", "nike", {"reason": "deploy"})
    written = write_audit(client, "bob@host", "resume", "nike")
    seconds, _ = client.time()
    found = read_audit(client, 10)
    assert [(each.by, each.action, each.brand) for each in found] == [
        ("bob@host", "resume", "nike"),
        ("ann@host", "pause", "nike"),
    ]
    assert found[0] == written
    assert abs((parse_ms(written.at) or 0) - seconds * 1000) < 60_000
    assert read_audit(client, 1) == [written]


def test_the_list_is_bounded(client: redis.Redis) -> None:
    """The oldest go."""
    client.rpush(AUDIT_KEY, *[b"x"] * (MAX_ACTS + 50))
    written = write_audit(client, "ann", "drop")
    assert client.llen(AUDIT_KEY) == MAX_ACTS
    assert read_audit(client, MAX_ACTS) == [written]


def test_a_foreign_type_keeps_the_action_from_being_done(client: redis.Redis) -> None:
    """Where nothing can be written down, the caller learns it before it acts."""
    client.set(AUDIT_KEY, "x")
    with pytest.raises(WrongTypeError, match="orchestrator:audit"):
        write_audit(client, "ann", "drop")
    with pytest.raises(StoreError):
        read_audit(client, 10)
