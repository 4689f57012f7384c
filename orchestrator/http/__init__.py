"""What people, probes and scrapers reach over HTTP: read-only, and everything from outside is untrusted.

Face: both applications, the server that runs one on a port, what an application may ask of the service
(``service_view``), and links to its pages. Imports ``contract``, ``store.documents`` for the bounds of what is
read, ``process`` and ``errors``. It sees the service only as a :class:`ServiceView`, never a lane, the
scheduler or a client of Redis.
"""

from __future__ import annotations

from orchestrator.http.access import Access, AccessOptions
from orchestrator.http.application import AppOptions, build_app
from orchestrator.http.health import PROBES
from orchestrator.http.metrics_app import build_metrics_app
from orchestrator.http.operator_view import Grouped, LetterPage, Moved, OperatorView
from orchestrator.http.past_view import PastDocument, PastView, Wanted
from orchestrator.http.server import METRICS_LIMITS, PORT_LIMITS, PortOptions, serve
from orchestrator.http.service_view import Check, Lag, Notice, ServiceStatistics, ServiceView, Status, SummaryUpdate
from orchestrator.http.urls import brand_page_url

__all__ = [
    "METRICS_LIMITS",
    "PORT_LIMITS",
    "PROBES",
    "Access",
    "AccessOptions",
    "AppOptions",
    "Check",
    "Grouped",
    "Lag",
    "LetterPage",
    "Moved",
    "Notice",
    "OperatorView",
    "PastDocument",
    "PastView",
    "PortOptions",
    "ServiceStatistics",
    "ServiceView",
    "Status",
    "SummaryUpdate",
    "Wanted",
    "brand_page_url",
    "build_app",
    "build_metrics_app",
    "serve",
]
