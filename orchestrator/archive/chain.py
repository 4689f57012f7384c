"""Which records led to a commit: each names the one before it, so the last one names all.

After a failover that lost commits an archive has more than Redis: branches that no state stands on. They stay, and are
told apart here, by the chain and not by order or time. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from orchestrator.errors import ArchiveError

_SHOWN: Final = 3


class Link(Protocol):
    """What a chain wants of a record."""

    @property
    def cid(self) -> str:
        """Id of the commit."""

    @property
    def previous(self) -> str:
        """Id of the one before."""

    @property
    def replaces(self) -> bool:
        """Whether it put another state in place: no fold leads over it, and a chain begins again at its base."""


L = TypeVar("L", bound=Link)


@dataclass(frozen=True, slots=True)
class Chain:
    """What stands in an archive, seen from one commit.

    Attributes:
        live: the cids that led to it, the oldest first.
        dead: the cids of all other records, sorted.
    """

    live: Sequence[str]
    dead: Sequence[str]


def tail_to(last: str, waiting: Iterable[L]) -> list[L]:
    """Those of *waiting* that led to commit *last*, the oldest first: what an archive that has the rest lacks."""
    by_cid = {link.cid: link for link in waiting}
    tail: list[L] = []
    while last in by_cid:
        tail.append(by_cid.pop(last))
        last = tail[-1].previous
    return tail[::-1]


def chain_to(last: str, links: Iterable[Link], *, base: str = "") -> Chain:
    """The records that led from *base* (empty: from the brand's first commit) to *last*.

    Raises:
        ArchiveError: a record is missing, stands there twice with other predecessors, put another state in place and
            is not the base, or they go in a circle.
    """
    previous: dict[str, str] = {}
    replaced: set[str] = set()
    for link in links:
        if previous.setdefault(link.cid, link.previous) != link.previous:
            raise ArchiveError(f"commit {link.cid!r} stands on {previous[link.cid]!r} and on {link.previous!r}")
        if link.replaces:
            replaced.add(link.cid)
    live: list[str] = []
    cid, seen = last, set[str]()
    while cid != base:
        if cid not in previous:
            after = f"before {live[-1]!r}" if live else "of the state"
            raise ArchiveError(f"there is no record of commit {cid!r} {after}: the chain is broken there")
        if cid in replaced:
            raise ArchiveError(f"commit {cid!r} put another state in place: what came before does not lead to it")
        if cid in seen:
            raise ArchiveError(f"the records go in a circle at commit {cid!r}")
        seen.add(cid)
        live.append(cid)
        cid = previous[cid]
    return Chain(live[::-1], sorted(set(previous) - seen))
