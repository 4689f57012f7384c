"""The chain tells what a state stands on from what Redis forgot."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from orchestrator.archive.chain import chain_to
from orchestrator.errors import ArchiveError


class Commit(NamedTuple):
    """One commit of a chain."""

    cid: str
    previous: str
    replaces: bool = False


A, B, C = Commit("a", ""), Commit("b", "a"), Commit("c", "b")
FORGOTTEN, BEYOND = Commit("x", "b"), Commit("y", "x")


def test_chain_is_told_from_dead_branches_by_the_last_commit() -> None:
    """Whatever the order in which records are found, and however often the same one."""
    chain = chain_to("c", [BEYOND, C, A, FORGOTTEN, B, A])
    assert (chain.live, chain.dead) == (["a", "b", "c"], ["x", "y"])
    assert chain_to("y", [BEYOND, C, A, FORGOTTEN, B]).dead == ["c"]
    assert chain_to("c", [C, B], base="a").live == ["b", "c"]
    assert chain_to("", []).live == []
    put = Commit("b", "a", replaces=True)
    assert chain_to("c", [A, put, C], base="b").live == ["c"]


@pytest.mark.parametrize(
    ("links", "told"),
    [
        ([A, C], "no record of commit 'b' before 'c'"),
        ([A, B], "no record of commit 'c' of the state"),
        ([A, B, C, Commit("b", "x")], "stands on 'a' and on 'x'"),
        ([C, Commit("b", "c")], "in a circle at commit 'c'"),
        ([A, Commit("b", "a", replaces=True), C], "commit 'b' put another state in place"),
    ],
)
def test_chain_that_is_broken_is_refused(links: list[Commit], told: str) -> None:
    """A record is missing, contradicts another one, leads back to itself, or over a state that was put in place."""
    with pytest.raises(ArchiveError, match=told):
        chain_to("c", links)
