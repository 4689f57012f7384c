"""The running service: its parts put together, what HTTP may ask of it, and the updates that it passes on.

Face: :func:`run` and :func:`repair`. Imports every other package but the command line, and only that may import this
one.
Importing it chooses the kernels, so the settings must be known before.
"""

from __future__ import annotations

from orchestrator.service.app import run
from orchestrator.service.repair import repair

__all__ = ["repair", "run"]
