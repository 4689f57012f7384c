"""Registering brands under keys of either type, and listing how they stand."""

from __future__ import annotations

import json

import pytest
import redis

from orchestrator.contract.keys import BrandKeys
from tests.cli.conftest import Invoke


def test_brands_add_list_remove(invoke: Invoke, brand: str) -> None:
    """A brand of any characters comes, is listed, and goes."""
    assert invoke("brands", "add", brand, "other").stdout == f"{brand}: registered\nother: registered\n"
    assert invoke("brands", "list").stdout == f"{brand}\nother\n"
    assert invoke("brands", "remove", brand).stdout == f"{brand}: removed\n"
    assert invoke("brands", "list").stdout == "other\n"


def test_brands_add_twice_registers_once(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """Adding is idempotent, in a list too, and a name with blanks around it is the same name."""
    redis_client.rpush(registry_key, " nike ")
    assert invoke("brands", "add", "nike").stdout == "nike: is registered already\n"
    assert redis_client.lrange(registry_key, 0, -1) == [b" nike "]


def test_brands_add_keeps_the_type_that_is_there(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """A list stays a list; a key that does not exist becomes a set."""
    invoke("brands", "add", "first")
    assert redis_client.type(registry_key) == b"set"
    redis_client.delete(registry_key)
    redis_client.rpush(registry_key, "first")
    invoke("brands", "add", "second")
    assert redis_client.lrange(registry_key, 0, -1) == [b"first", b"second"]


def test_brands_add_prefers_a_key_that_exists(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis, registry_key: str
) -> None:
    """Where producers use the second name, a brand is registered under the second name."""
    monkeypatch.setenv("BRAND_LIST_KEY", f"{registry_key}:a,{registry_key}:b")
    redis_client.sadd(f"{registry_key}:b", "first")
    invoke("brands", "add", "second")
    assert redis_client.smembers(f"{registry_key}:b") == {b"first", b"second"}
    assert not redis_client.exists(f"{registry_key}:a")


def test_brands_remove_takes_all_spellings_under_all_keys(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis, registry_key: str
) -> None:
    """A removed brand is registered nowhere any more; the others stay."""
    monkeypatch.setenv("BRAND_LIST_KEY", f"{registry_key}:a,{registry_key}:b")
    redis_client.sadd(f"{registry_key}:a", "nike", " nike", "nikee")
    redis_client.rpush(f"{registry_key}:b", "nike\n", "puma", "nike")
    assert invoke("brands", "remove", "nike").exit_code == 0
    assert redis_client.smembers(f"{registry_key}:a") == {b"nikee"}
    assert redis_client.lrange(f"{registry_key}:b", 0, -1) == [b"puma"]


def test_brands_remove_of_an_unknown_brand_fails(invoke: Invoke) -> None:
    """A typo is not reported as done."""
    result = invoke("brands", "remove", "nobody")
    assert (result.exit_code, result.stderr) == (1, "Error: not registered: nobody\n")


@pytest.mark.parametrize("name", ["", "   ", "a\x07b", "x" * 257])
def test_brands_add_refuses_what_cannot_be_a_brand(invoke: Invoke, name: str) -> None:
    """The rule of the contract applies before anything is written."""
    result = invoke("brands", "add", "fine", name)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "\x07" not in result.stderr
    assert invoke("brands", "list").stdout == ""


def test_brands_add_refuses_a_key_of_another_type(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """A key that holds something else is named, and left alone."""
    redis_client.set(registry_key, "x")
    result = invoke("brands", "add", "nike")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {registry_key} is a string, expected a set or a list of brands\n"


def test_brands_list_shows_how_brands_stand(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Queue, dead letters, commits and summary of each brand, in JSON."""
    keys = BrandKeys.of(brand)
    invoke("brands", "add", brand)
    redis_client.rpush(keys.queue, "1", "2")
    redis_client.set(keys.failed, "another type")
    redis_client.hset(keys.meta, "version", "7")
    redis_client.set(keys.summary, "{}")
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    assert row == {"brand": brand, "queued": 2, "failed": None, "commits": 7, "summary": True}


def test_brands_list_shows_a_brand_whose_commits_are_damaged(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """It is listed like the others, which are wanted just then."""
    invoke("brands", "add", brand)
    redis_client.hset(BrandKeys.of(brand).meta, "version", b"\xffinf")
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    assert row == {"brand": brand, "queued": 0, "failed": 0, "commits": None, "summary": False}


def test_brands_list_warns_about_names_that_are_refused(
    invoke: Invoke, redis_client: redis.Redis, registry_key: str
) -> None:
    """Entries that the service ignores are named on standard error, without their control characters."""
    redis_client.sadd(registry_key, "good", "bad\x1b[2J", b"\xff")
    result = invoke("brands", "list")
    assert result.stdout == "good\n"
    assert result.stderr.count("is refused") == 2
    assert "\x1b" not in result.stderr


def test_brands_list_of_nothing_says_what_to_do(invoke: Invoke) -> None:
    """An empty registry is no error."""
    result = invoke("brands", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "orchestrator brands add" in result.stderr
