"""The running service: its parts put together, what HTTP may ask of it, and the updates that it passes on.

Face: :func:`run`, :func:`repair`, :func:`watch_spikes` and :func:`write_past`. Imports every other package but the
command line and the demo, and only the former may import this one.
Importing it chooses the kernels, so the settings must be known before.
"""

from __future__ import annotations

from orchestrator.service.app import run
from orchestrator.service.past import write_past
from orchestrator.service.repair import repair
from orchestrator.service.spike_watch import watch_kinds, watch_spikes

__all__ = ["repair", "run", "watch_kinds", "watch_spikes", "write_past"]
