"""Counting letters by what they have in common, within bounds: reasons quote values, so there may be one a letter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from orchestrator.contract.letters import Letter, Writer

MAX_GROUPS: Final = 1_000
"""Groups that are told apart; what comes after them is counted together."""


class Group(NamedTuple):
    """What letters have in common; in *path* places in lists are left out."""

    brand: str
    writer: Writer
    path: str
    reason: str


@dataclass(slots=True)
class Tally:
    """Letters by group.

    Attributes:
        groups: how many letters are in each.
        rest: letters of further groups.
    """

    groups: Counter[Group] = field(default_factory=Counter)
    rest: int = 0

    @property
    def total(self) -> int:
        """All letters that were counted."""
        return self.groups.total() + self.rest

    def add(self, brand: str, letter: Letter) -> None:
        """Count *letter* of *brand*."""
        reason, path = letter.group
        group = Group(brand, letter.writer, path, reason)
        if group in self.groups or len(self.groups) < MAX_GROUPS:
            self.groups[group] += 1
        else:
            self.rest += 1
