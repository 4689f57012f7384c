"""Probes: ``/health`` for boards and load balancers, ``/readyz`` and ``/livez`` for what restarts this process.

Liveness is 200 while the event loop runs: a restart cures no failure of Redis. The keys of ``/health`` are the
platform's, in its spelling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from quart import Blueprint, Response

from orchestrator.contract.times import iso_utc
from orchestrator.http.answers import may_act, service

if TYPE_CHECKING:
    from orchestrator.http.service_view import ServiceStatistics

OK, NOT_READY = 200, 503

PROBES = frozenset({"/livez", "/readyz"})
"""Paths that are answered whatever limits there are: who does not answer them is restarted, or gets no readers."""

blueprint = Blueprint("health", __name__)


def health_document(statistics: ServiceStatistics, *, details: bool = False) -> dict[str, Any]:
    """The body of ``/health``; with *details* as an operator sees it."""
    processed_ms = statistics.last_processed_at_ms
    document: dict[str, Any] = {
        "status": statistics.status.value,
        "orchestratorId": statistics.orchestrator_id,
        "uptimeSeconds": round(statistics.uptime_s, 3),
        "processedBrands": statistics.processed_brands,
        "activeBrands": statistics.active_brands,
        "lastProcessedAt": None if processed_ms is None else iso_utc(processed_ms),
        "successfulBrands": statistics.successful_brands,
        "failedBrands": statistics.failed_brands,
        "checks": {
            name: {"status": check.status, "detail": (details and check.inner) or check.detail}
            for name, check in statistics.checks.items()
        },
    }
    if statistics.redis_address is not None:
        document["redisAddress"] = statistics.redis_address
    return document


def _answer(body: dict[str, Any], *, ready: bool) -> Response:
    status = OK if ready else NOT_READY
    response = Response(msgspec.json.encode(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/health")
async def health() -> Response:
    """What the service is doing; 503 when it is not ready."""
    statistics = service().statistics()
    return _answer(health_document(statistics, details=may_act()), ready=statistics.status.serving)


@blueprint.get("/readyz")
async def readyz() -> Response:
    """Whether readers and work should come here."""
    status = service().statistics().status
    return _answer({"status": status.value}, ready=status.serving)


@blueprint.get("/livez")
async def livez() -> Response:
    """Always 200: answering is the proof."""
    return _answer({"status": "ok"}, ready=True)
