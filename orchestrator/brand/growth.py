"""What something had in a stretch of panes, against what as long a time had in the window before it."""

from __future__ import annotations

from dataclasses import dataclass


def change(now: int, before: int | None) -> float | None:
    """Growth against *before* (0.5: half as many again); None without a basis."""
    return (now - before) / before if before else None


@dataclass(frozen=True, slots=True)
class Growth:
    """What something had in a stretch, and what as long a time had before it.

    Attributes:
        mentions: in the stretch.
        usual: mean before it, for as many panes.
    """

    mentions: int
    usual: float

    @property
    def excess(self) -> float:
        """How many mentions more than usual."""
        return self.mentions - self.usual


@dataclass(frozen=True, slots=True)
class Span:
    """The panes of a stretch, and those of the window before it."""

    stretch: range
    before: range

    @classmethod
    def of(cls, stretch: range, first: int) -> Span:
        """The *stretch*, where *first* is the first pane of the window that the brand was watched in."""
        return cls(stretch, range(min(first, stretch.start), stretch.start))

    def growth(self, mentions: int, before: int) -> Growth:
        """So many *mentions* in the stretch and so many *before* it, in all."""
        return Growth(mentions, before * len(self.stretch) / len(self.before) if self.before else 0.0)
