"""``/v1/brands/<brand>/history``: a stretch of a brand's past by hour or by day, as JSON or CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from quart import Blueprint, Response, request

from orchestrator.http.answers import JSON_TYPE, json_response, one_of, service
from orchestrator.http.api_documents import BrandHistoryDocument
from orchestrator.http.found import find
from orchestrator.http.parameters import takes
from orchestrator.http.span import Step, iso, read_span
from orchestrator.http.table import CSV_CONTENT_TYPE, CSV_TYPE, csv_table

if TYPE_CHECKING:
    from orchestrator.contract.insights import TrendPoint

FORMATS: Final = {"json": JSON_TYPE, "csv": CSV_TYPE}
COLUMNS: Final = ("brand", "start", "chunks", "mentions", "positive", "neutral", "negative", "score", "netSentiment")

blueprint = Blueprint("history", __name__, url_prefix="/v1")


@blueprint.get("/brands/<brand:name>/history")
@takes("from", "to", "step", "format")
async def history(name: str) -> Response:
    """The points from ``from`` to ``to``, oldest first, one for each hour or day."""
    now = datetime.now(UTC)
    step, wanted = Step(one_of("step", Step.HOUR, tuple(Step))), _format()
    span = read_span(request.args.get("from") or None, request.args.get("to") or None, step, now)
    found = await find(name)
    [points] = await service().trend_points([found.brand], span.fields, span.points)
    if wanted == CSV_TYPE:
        response = Response(csv_table(COLUMNS, [_row(found.brand, point) for point in points]))
        response.content_type = CSV_CONTENT_TYPE
        response.headers["Content-Disposition"] = 'attachment; filename="history.csv"'
    else:
        first = next((point.start for point in points if point.chunks), None)
        document = BrandHistoryDocument(found.brand, step, iso(span.start), iso(span.end), first, points)
        response = json_response(document)
    response.vary.add("Accept")
    # The running hour is part of the tag: without a commit, too, the span moves on with it.
    return await found.tag(response, f"{now:%Y%m%d%H}-{wanted.rpartition('/')[2]}")


def _format() -> str:
    if chosen := one_of("format", "", tuple(FORMATS)):
        return FORMATS[chosen]
    return request.accept_mimetypes.best_match(list(FORMATS.values()), default=JSON_TYPE) or JSON_TYPE


def _row(brand: str, point: TrendPoint) -> tuple[str | float | None, ...]:
    return (
        *(brand, point.start, point.chunks, point.mentions),
        *(point.positive, point.neutral, point.negative, point.score, point.net_sentiment),
    )
