"""Which archive a Redis stands with: kept once, whoever comes at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis.exceptions import NoPermissionError

from orchestrator.contract.keys import ARCHIVE_KEY, archive_next_key
from orchestrator.errors import StoreRefusedError
from orchestrator.store.archive_id import NEXT_MS, keep_id, known_id, next_id, was_archived
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

ONE, OTHER = "1" * 32, "2" * 32


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server, and a cluster, that know no archive."""
    names = (ARCHIVE_KEY, archive_next_key("here"), archive_next_key("there"))
    for name in names:
        any_client.delete(name)
    yield any_client
    for name in names:
        any_client.delete(name)


def test_id_is_kept_once_unless_it_is_to_be_kept_anew(client: redis.Redis) -> None:
    """Who comes later is told which is known."""
    assert known_id(client) == ""
    assert (keep_id(client, ONE), keep_id(client, OTHER), known_id(client)) == (ONE, ONE, ONE)
    assert (keep_id(client, OTHER, anew=True), known_id(client)) == (OTHER, OTHER)


@pytest.mark.parametrize("text", ["", "x", "1" * 31, "1" * 33, "1" * 31 + "\n"])
def test_what_is_no_id_says_nothing(client: redis.Redis, text: str) -> None:
    """And is in nobody's way."""
    client.set(ARCHIVE_KEY, text)
    assert known_id(client) == ""
    assert (keep_id(client, ONE), known_id(client)) == (ONE, ONE)


def test_key_of_a_foreign_type_says_nothing(client: redis.Redis) -> None:
    """Else nothing would be archived for as long as it is there."""
    client.rpush(ARCHIVE_KEY, "x")
    assert known_id(client) == ""
    assert (keep_id(client, ONE), known_id(client)) == (ONE, ONE)


def test_refusal_names_the_key(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose rights do not cover it is told by Redis of "one of the keys"."""
    refusal = NoPermissionError("this user has no permissions to access one of the keys used as arguments")
    monkeypatch.setattr(ScriptRunner, "run", lambda *_: [refusal])
    for ask in (lambda: known_id(client), lambda: keep_id(client, ONE)):
        with pytest.raises(StoreRefusedError, match=f"'{ARCHIVE_KEY}' cannot be read: .*no permissions"):
            ask()  # type: ignore[no-untyped-call]


def test_who_marks_a_place_at_the_same_time_takes_the_same_id(client: redis.Redis) -> None:
    """For each place another one, for a day."""
    assert (next_id(client, "here", ONE), next_id(client, "here", OTHER)) == (ONE, ONE)
    assert next_id(client, "there", OTHER) == OTHER
    assert 0 < client.pttl(archive_next_key("here")) <= NEXT_MS


@pytest.mark.parametrize(("last", "waits", "was"), [("c1", 0, True), ("c1", 1, False), ("", 1, False), ("", 0, False)])
def test_record_that_was_left_and_does_not_wait_was_archived(
    any_client: redis.Redis, brand: str, last: str, waits: int, *, was: bool
) -> None:
    """A brand of which all waits says nothing: the archive may have been switched on a moment ago."""
    keys = layout_of(any_client).keys(brand)
    others = [f"{brand}-{number}" for number in range(300)]
    try:
        any_client.hset(keys.archiving, "bytes", 0)
        if last:
            any_client.hset(keys.archiving, "last", last)
        for _ in range(waits):
            any_client.rpush(keys.records, "{}")
        assert was_archived(any_client, [*others, brand]) is was
        assert not was_archived(any_client, others)
    finally:
        any_client.delete(keys.archiving, keys.records)


def test_key_of_a_foreign_type_says_nothing_of_an_archive(redis_client: redis.Redis, brand: str) -> None:
    """The lane parks the brand for it."""
    keys = layout_of(redis_client).keys(brand)
    redis_client.set(keys.archiving, "x")
    try:
        assert not was_archived(redis_client, [brand])
    finally:
        redis_client.delete(keys.archiving)
