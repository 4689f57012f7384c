"""What is the same for every session of one orchestrator, as a plain value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orchestrator.brand.outputs import Changes, FoldConfig
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.contract.decode import Limits
from orchestrator.contract.own_settings import Number
from orchestrator.lane.duplicates import LEDGER_LIMITS, LedgerLimits


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How sessions fold and what they accept.

    Attributes:
        orchestrator_id: named in dead letters.
        fold: the rules' settings, but those that a brand has of its own.
        limits: bounds of what is decoded.
        alert: the entry of the outbox for an episode of a brand that opened or closed at a time (Unix ms); None where
            nobody is told.
        holder: how tokens of leases name this process.
        ledger: when a generation of digests is full.
        conflict_letters: whether chunks that contradict the one of their id are kept as dead letters.
    """

    orchestrator_id: str
    fold: FoldConfig
    limits: Limits
    alert: Callable[[str, EpisodeChange, int], bytes] | None = None
    holder: str = "orchestrator"
    ledger: LedgerLimits = LEDGER_LIMITS
    conflict_letters: bool = False

    def owning(self, own: Mapping[str, Number]) -> SessionConfig:
        """The same for a brand with the settings *own*."""
        return replace(self, fold=self.fold.under(own)) if own else self

    def outbox(self, brand: str, changes: Changes, now_ms: int) -> list[bytes]:
        """What a commit of *changes* has to write into the outbox of *brand*: the episodes are written as told."""
        return [self.alert(brand, change, now_ms) for change in changes.alerts] if self.alert is not None else []
