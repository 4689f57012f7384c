"""Which alerts this process is done with, until Redis knows it as well. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

MAX_SETTLED: Final = 20_000


class Settled:
    """Marks that this process made. Beyond its bound it forgets the oldest, at worst an alert is told again."""

    def __init__(self) -> None:
        self._marks: OrderedDict[str, None] = OrderedDict()

    def add(self, mark: str) -> None:
        """A route of this process is done with an alert."""
        self._marks[mark] = None
        self._marks.move_to_end(mark)
        if len(self._marks) > MAX_SETTLED:
            self._marks.popitem(last=False)

    def __contains__(self, mark: object) -> bool:
        """Whether *mark* was made here."""
        return mark in self._marks


@dataclass(frozen=True, slots=True)
class Known:
    """Marks that are kept beside an outbox, and those that this process made."""

    kept: Container[str]
    own: Settled

    def __contains__(self, mark: object) -> bool:
        """Whether *mark* is known from either."""
        return mark in self.kept or mark in self.own
