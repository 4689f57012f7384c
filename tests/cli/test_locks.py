"""Who holds which brand, and taking a brand from a holder: nothing is lost, and nothing counted twice."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest
import redis

from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import AUDIT_KEY, MEMBERS_KEY, BrandKeys
from orchestrator.contract.lock_token import new_token
from orchestrator.errors import LeaseLostError, WrongTypeError
from orchestrator.store import Store
from orchestrator.store.audit import read_audit
from orchestrator.store.locks import break_lock
from orchestrator.store.members import Told, beat
from tests.cli.conftest import Invoke
from tests.store.world import commit_of

A, GONE = "00000000000000aa", "00000000000000bb"


@pytest.fixture
def held(invoke: Invoke, redis_client: redis.Redis, brand: str) -> Iterator[str]:
    """A brand that a living process holds, with a chunk in its queue."""
    redis_client.delete(AUDIT_KEY)
    invoke("brands", "add", brand)
    beat(redis_client, A, 0, Told("o-1", "1", 4, msgspec.Raw(Fingerprint({}).text().encode()), 5, 1))
    redis_client.rpush(BrandKeys.of(brand).queue, "chunk")
    yield brand
    redis_client.delete(MEMBERS_KEY, AUDIT_KEY, BrandKeys.of(brand).lock)


def test_list_says_who_holds_what(invoke: Invoke, redis_client: redis.Redis, held: str) -> None:
    """The process by its id, since when, until when, and whether it lives."""
    store = Store(redis_client)
    store.acquire(held, new_token(A))
    store.acquire("locks gone", new_token(GONE))
    invoke("brands", "add", "locks gone")
    found = {one["brand"]: one for one in json.loads(invoke("locks", "list", "--json").stdout)}
    page = invoke("locks", "list").stdout
    redis_client.delete(BrandKeys.of("locks gone").lock, BrandKeys.of("locks gone").meta)
    assert (found[held]["by"], found[held]["id"], found[held]["lives"]) == (A, "o-1", True)
    assert (found["locks gone"]["by"], found["locks gone"]["lives"]) == (GONE, False)
    assert 0 < found[held]["leftSeconds"] <= 15
    assert "o-1" in page
    assert "lives" in page
    assert "gone" in page


def test_list_of_nothing(invoke: Invoke) -> None:
    """Says so, and is an empty document for scripts."""
    assert invoke("locks", "list").stderr == "No brand is held.\n"
    assert json.loads(invoke("locks", "list", "--json").stdout) == []


def test_break_takes_a_brand_away_and_counts_nothing_twice(
    invoke: Invoke, redis_client: redis.Redis, held: str
) -> None:
    """The holder's commit changes nothing, the next one folds the chunk, and who did it is written down."""
    store = Store(redis_client)
    lease = store.acquire(held, new_token(A))
    peek = store.peek(lease, 9)
    result = invoke("locks", "break", held, stdin=b"y\n")
    assert result.exit_code == 0, result.output
    assert "is held by o-1, which lives" in result.stderr
    with pytest.raises(LeaseLostError):
        store.commit(lease, commit_of(peek))
    second = store.acquire(held, new_token(GONE))
    store.commit(second, commit_of(store.peek(second, 9)))
    store.release(second)
    assert redis_client.llen(BrandKeys.of(held).queue) == 0
    assert redis_client.hget(BrandKeys.of(held).meta, "version") == b"1"
    (act,) = read_audit(redis_client, 9)
    assert (act.action, act.brand) == ("locks break", held)


@pytest.mark.parametrize("answer", [b"n\n", b""])
def test_break_asks_first(invoke: Invoke, redis_client: redis.Redis, held: str, answer: bytes) -> None:
    """Without a yes nothing happens, and nothing is written down."""
    Store(redis_client).acquire(held, new_token(A))
    result = invoke("locks", "break", held, stdin=answer)
    assert result.exit_code == 1
    assert redis_client.exists(BrandKeys.of(held).lock)
    assert read_audit(redis_client, 9) == []


def test_break_says_what_is_known_of_the_holder(invoke: Invoke, redis_client: redis.Redis, held: str) -> None:
    """A process that is gone, and a version that does not say its name."""
    lock = BrandKeys.of(held).lock
    redis_client.set(lock, new_token(GONE), px=9_000)
    assert "a process that is gone: the lock would expire" in invoke("locks", "break", held, stdin=b"n\n").stderr
    redis_client.set(lock, "0" * 32)
    told = invoke("locks", "break", held, stdin=b"n\n").stderr
    assert "an older version" in told
    assert "for ever" in told
    assert invoke("locks", "break", held, "--yes").exit_code == 0
    assert not redis_client.exists(lock)


def test_break_refuses_what_nobody_holds(invoke: Invoke, redis_client: redis.Redis, held: str) -> None:
    """And what is no lock of ours."""
    assert "is held by nobody" in invoke("locks", "break", held).stderr
    redis_client.set(BrandKeys.of(held).lock, "x" * 999)
    assert "no token of ours" in invoke("locks", "break", held, "--yes").stderr
    redis_client.set(BrandKeys.of(held).lock, "")
    assert "no token of ours" in invoke("locks", "break", held, "--yes").stderr


def test_break_takes_only_the_lock_that_was_shown(redis_client: redis.Redis, brand: str) -> None:
    """Who acquired in between keeps the brand."""
    lock = BrandKeys.of(brand).lock
    redis_client.set(lock, "new")
    assert not break_lock(redis_client, brand, b"old")
    assert redis_client.get(lock) == b"new"
    assert break_lock(redis_client, brand, b"new")
    assert not break_lock(redis_client, brand, b"new")
    redis_client.rpush(lock, "x")
    with pytest.raises(WrongTypeError, match="is a list, expected a string"):
        break_lock(redis_client, brand, b"new")
    redis_client.delete(lock)


def test_break_says_that_nothing_was_done(
    invoke: Invoke, redis_client: redis.Redis, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else got the brand between the question and the answer."""
    Store(redis_client).acquire(held, new_token(A))
    monkeypatch.setattr("orchestrator.cli.locks.break_lock", lambda *_: False)
    result = invoke("locks", "break", held, "--yes")
    assert result.exit_code == 1
    assert "nothing was done" in result.stderr
