"""The demo: five brands with different characters, nine days of their past, and a story that breaks while one looks.

Face: the worker, the endpoint that shows alerts in the log, and the parts that tests look at. Imports ``contract``,
``store`` and ``errors`` only: how a past is folded and committed is handed in, so that it is the service's own way.
Everything here is invented, and the same seed at the same time makes the same chunks.
"""

from __future__ import annotations

from orchestrator.demo.brands import BRANDS, BREAKING, DemoBrand, Event, Theme
from orchestrator.demo.chunks import ChunkMaker
from orchestrator.demo.course import HISTORY_DAYS, history
from orchestrator.demo.endpoint import AlertLog
from orchestrator.demo.worker import DEFAULT_RATE_PER_S, DemoWorker, WritePast

__all__ = [
    "BRANDS",
    "BREAKING",
    "DEFAULT_RATE_PER_S",
    "HISTORY_DAYS",
    "AlertLog",
    "ChunkMaker",
    "DemoBrand",
    "DemoWorker",
    "Event",
    "Theme",
    "WritePast",
    "history",
]
