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
from orchestrator.http.api_documents import LagDocument

if TYPE_CHECKING:
    from quart import Response

blueprint = Blueprint("lag", __name__, url_prefix="/v1")


@blueprint.get("/lag")
async def lag() -> Response:
    """What waits."""
    found = service().lag()
    document = LagDocument(
        chunks=found.chunks,
        brands=found.brands,
        oldest_seconds=None if found.oldest_s is None else round(found.oldest_s, 3),
        as_of=None if found.counted_ms is None else iso_utc(found.counted_ms),
    )
    response = json_response(document)
    response.headers["Cache-Control"] = "no-store"  # a proxy's copy of a second ago is a lie to who scales on it
    return response
