"""``/metrics`` as an application of its own, so that its port can be closed to readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Response, request
from quart_trio import QuartTrio

from orchestrator.http.security import secure

if TYPE_CHECKING:
    from orchestrator.process.metrics import Metrics


def build_metrics_app(metrics: Metrics) -> QuartTrio:
    """The application for ``PROMETHEUS_PORT``."""
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    app.after_request(secure)

    @app.get("/metrics")
    async def expose() -> Response:
        """All metrics in the format that the scraper asks for."""
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    return app
