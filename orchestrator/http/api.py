"""The read API under ``/v1``: brands and their documents as they are stored."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from quart import Blueprint, Response, current_app, request

from orchestrator.http.documents import read_summary
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from orchestrator.statistics import ServiceView

JSON_TYPE = "application/json"
DEFAULT_PAGE, MAX_PAGE = 100, 1_000
MAX_OFFSET = 10_000_000

blueprint = Blueprint("api", __name__, url_prefix="/v1")


def _service() -> ServiceView:
    service: ServiceView = current_app.extensions["service"]
    return service


def json_response(body: object) -> Response:
    """*body* as JSON; bytes are taken to be JSON already."""
    return Response(body if isinstance(body, bytes) else msgspec.json.encode(body), content_type=JSON_TYPE)


async def conditional(response: Response, etag: str) -> Response:
    """Tag *response*; it becomes 304 when the reader has this version already."""
    response.set_etag(etag)
    await response.make_conditional(request)
    return response


def whole_number(name: str, default: int, lowest: int, highest: int) -> int:
    """The query parameter *name* as a whole number within bounds.

    Raises:
        ProblemError: it is something else; 400, naming parameter and bounds.
    """
    text = request.args.get(name)
    if text is None:
        return default
    # isascii: int() would take digits of every script, which the API's description does not promise.
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(highest)) else -1
    if not lowest <= value <= highest:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number from {lowest} to {highest}.")
    return value


@blueprint.get("/brands")
async def brands() -> Response:
    """The registered brands in alphabetical order, a page of them."""
    limit = whole_number("limit", DEFAULT_PAGE, 1, MAX_PAGE)
    offset = whole_number("offset", 0, 0, MAX_OFFSET)
    names = sorted(await _service().brands())
    page: dict[str, Any] = {
        "brands": names[offset : offset + limit],
        "total": len(names),
        "offset": offset,
        "limit": limit,
    }
    return json_response(page)


@blueprint.get("/brands/<brand:name>/summary")
async def summary(name: str) -> Response:
    """The summary exactly as it is stored."""
    raw, document = await read_summary(_service(), name)
    return await conditional(json_response(raw), document.etag)
