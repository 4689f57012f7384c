"""What people, probes and scrapers touch over HTTP; read-only, everything from outside is untrusted.

Imports ``statistics``, ``metrics``, ``contract`` and ``errors``; sees the service
only through :class:`orchestrator.http.service_view.ServiceView`, never lane, scheduler or
store. ``app`` builds both applications here and serves each on its port.
"""

from __future__ import annotations

from orchestrator.http.application import build_app
from orchestrator.http.metrics_app import build_metrics_app
from orchestrator.http.server import serve

__all__ = ["build_app", "build_metrics_app", "serve"]
