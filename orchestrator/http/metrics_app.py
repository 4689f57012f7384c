"""``/metrics`` as an application of its own, so that its port can be closed to readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Response, request
from quart_trio import QuartTrio

from orchestrator.http.access import Access, AccessOptions
from orchestrator.http.compression import compress
from orchestrator.http.guard import guard
from orchestrator.http.problems import handle_problems
from orchestrator.http.security import secure

if TYPE_CHECKING:
    from orchestrator.process.metrics import Metrics


def build_metrics_app(metrics: Metrics, access: Access | None = None) -> QuartTrio:
    """The application for ``PROMETHEUS_PORT``; *access* says who is let in, None lets everybody read.

    By any name: scrapers call each process by an address that no list can know, and numbers are all there is.
    """
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    app.after_request(secure)
    compress(app)
    handle_problems(app)
    guard(app, access or Access(AccessOptions()), hosts=False)

    @app.get("/metrics")
    async def expose() -> Response:
        """All metrics in the format that the scraper asks for."""
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    return app
