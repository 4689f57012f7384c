"""Nodes that do not answer, and when to look at them again.

Pure; time is an argument, in seconds of one monotonic clock. Whoever needs such a node is told at once that it is away:
to wait for it anew each time would take a thread, and a call about many brands would wait for the sake of a few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.contract.address import Node

FIRST_S: Final = 0.25
"""Until the first look at a node that failed; a lane's own first retries are as far apart."""

LONGEST_S: Final = 2.0
"""Between two looks: a promotion takes longer, and a node that is back is used again this soon."""


@dataclass(frozen=True, slots=True)
class _Absence:
    pause_s: float
    look_s: float
    reason: str


class Away:
    """Which nodes are away; replaced entry by entry, so that any thread may ask and tell."""

    def __init__(self) -> None:
        self._absences: dict[Node, _Absence] = {}

    def reasons(self) -> dict[Node, str]:
        """Those that are away, and what was found."""
        return {node: absence.reason for node, absence in list(self._absences.items())}

    def __contains__(self, node: Node) -> bool:
        return node in self._absences

    def failed(self, node: Node, reason: str, now_s: float) -> None:
        """*node* did not answer, at *now_s*."""
        before = self._absences.get(node)
        pause_s = FIRST_S if before is None else min(2 * before.pause_s, LONGEST_S)
        self._absences[node] = _Absence(pause_s, now_s + pause_s, reason)

    def answered(self, node: Node) -> None:
        """*node* answers."""
        self._absences.pop(node, None)

    def why_not(self, node: Node, now_s: float) -> str:
        """Why *node* must not be asked at *now_s*; empty: it may be.

        Of a node that is away that is said to one caller after each pause, who then finds out for all.
        """
        absence = self._absences.get(node)
        if absence is None:
            return ""
        if now_s < absence.look_s:
            return absence.reason
        self._absences[node] = _Absence(absence.pause_s, now_s + absence.pause_s, absence.reason)
        return ""

    def forget(self, present: Collection[Node]) -> None:
        """Only *present* belong to the cluster now."""
        for node in [node for node in list(self._absences) if node not in present]:
            self._absences.pop(node, None)
