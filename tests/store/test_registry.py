"""Reading the registered brands from SETs and LISTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store import registry
from orchestrator.store.registry import registered

if TYPE_CHECKING:
    import pytest
    import redis


def test_registered_joins_sets_and_lists(any_client: redis.Redis) -> None:
    """Both names are in use, each may be a set or a list, and names come trimmed and once."""
    any_client.delete("r:list", "r:set")
    any_client.rpush("r:list", "nike", " nike ", "a b:*{}")
    any_client.sadd("r:set", "nike", "Zoë")
    result = registered(any_client, ["r:list", "r:set", "r:none"])
    assert result.brands == ("Zoë", "a b:*{}", "nike")
    assert result.refused == ()


def test_registered_reports_names_that_are_no_brands(any_client: redis.Redis) -> None:
    """Empty, too long, control characters, not UTF-8: each with its reason, the others count."""
    any_client.delete("r:bad")
    any_client.rpush("r:bad", "   ", "x" * 257, "Zoë\n", "Zoë\nb", b"ni\xffke", "fine")
    result = registered(any_client, ["r:bad"])
    assert result.brands == ("Zoë", "fine")
    assert [name for name, _ in result.refused if len(name) < 80] == ["'   '", "'Zoë\\nb'", r"'ni\\xffke'"]
    assert len(result.refused) == 4
    assert all(len(name) <= 81 for name, _ in result.refused)


def test_registered_reports_a_key_of_a_foreign_type(any_client: redis.Redis) -> None:
    """The other key still counts."""
    any_client.delete("r:string", "r:good")
    any_client.set("r:string", "nike")
    any_client.sadd("r:good", "puma")
    result = registered(any_client, ["r:string", "r:good"])
    assert result.brands == ("puma",)
    assert result.refused == (("'r:string'", "the key is a string, expected a set or a list"),)


def test_registered_reads_page_by_page(any_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list longer than a page is read to its end."""
    monkeypatch.setattr(registry, "PAGE", 3)
    any_client.delete("r:long")
    any_client.rpush("r:long", *(f"b{number}" for number in range(10)))
    assert len(registered(any_client, ["r:long"]).brands) == 10
