"""``/v1/lag``: what waits, in one small document for autoscalers and scripts.

The numbers are those of the metrics, so that nobody scales on other ones than the board shows. The answer is 200 also
where nobody can count: the document then has nulls, which an autoscaler takes for a failed reading and not for an
empty queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Blueprint

from orchestrator.contract.times import iso_utc
from orchestrator.http.answers import json_response, service
from orchestrator.http.api_documents import LagDocument, OrphanQueue, OrphansDocument

if TYPE_CHECKING:
    from quart import Response

    from orchestrator.store.orphans import Orphans

MAX_NAMED = 20
"""Queues that the document names."""

blueprint = Blueprint("lag", __name__, url_prefix="/v1")


@blueprint.get("/lag")
async def lag() -> Response:
    """What waits."""
    found = service().lag()
    document = LagDocument(
        chunks=found.chunks,
        brands=found.brands,
        oldest_seconds=None if found.oldest_s is None else round(found.oldest_s, 3),
        orphans=None if found.orphans is None else _orphans(found.orphans),
        as_of=None if found.counted_ms is None else iso_utc(found.counted_ms),
    )
    response = json_response(document)
    response.headers["Cache-Control"] = "no-store"  # a proxy's copy of a second ago is a lie to who scales on it
    return response


def _orphans(found: Orphans) -> OrphansDocument:
    return OrphansDocument(
        queues=found.queues,
        chunks=found.chunks,
        bytes=found.size,
        complete=found.complete,
        as_of=iso_utc(found.found_ms),
        named=[OrphanQueue(one.name, one.chunks, one.size, one.why) for one in found.named[:MAX_NAMED]],
    )
