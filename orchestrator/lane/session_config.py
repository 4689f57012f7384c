"""What is the same for every session of one orchestrator, as a plain value."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.decode import Limits


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How sessions fold and what they accept.

    Attributes:
        orchestrator_id: named in dead letters.
        fold: the rules' settings.
        limits: bounds of what is decoded.
    """

    orchestrator_id: str
    fold: FoldConfig
    limits: Limits
