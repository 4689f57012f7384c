"""Tokens name who made them, for people; whatever a lock holds is looked at with care."""

from __future__ import annotations

import re

import pytest

from orchestrator.contract.lock_token import MAX_TOKEN_BYTES, holder_of, is_process, new_name, new_token


def test_token_names_its_holder_before_128_random_bits() -> None:
    """So that each lease has its own, and anybody can see whose it is."""
    token = new_token("0123456789abcdef")
    assert re.fullmatch("0123456789abcdef:[0-9a-f]{32}", token)
    assert len({new_token("a") for _ in range(9)}) == 9
    assert holder_of(token.encode()) == "0123456789abcdef"
    assert len(new_token("a" * 64)) <= MAX_TOKEN_BYTES


def test_token_ends_with_the_ttl_of_its_lock() -> None:
    """Where it is known; who made it is read all the same."""
    token = new_token("a" * 64, 600_000)
    assert token.endswith(":600000")
    assert len(token) <= MAX_TOKEN_BYTES
    assert holder_of(token.encode()) == "a" * 64


@pytest.mark.parametrize("holder", ["", "a" * 65, "a:b", "a b", "é", "a\n", "x\x1b[31m"])
def test_a_holder_is_refused_that_nobody_could_read_back(holder: str) -> None:
    """A defect of ours, and told as one."""
    with pytest.raises(ValueError, match="letters, digits and hyphens"):
        new_token(holder)


@pytest.mark.parametrize(
    "token",
    [b"", b"0123456789abcdef0123456789abcdef", b":", b":abc", b"\xff:a", b"a b:c", b"x\x1b[31m:c", b"a" * 65 + b":c"],
)
def test_other_tokens_name_nobody(token: bytes) -> None:
    """Those of older versions are bits alone, and anybody may have written anything."""
    assert holder_of(token) == ""


def test_processes_are_told_from_commands() -> None:
    """By the shape of their names."""
    assert is_process(new_name())
    assert not any(map(is_process, ("repair", "brands-purge", "", "0123456789abcdeF", "0" * 15)))
