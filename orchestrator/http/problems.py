"""Errors as ``application/problem+json`` (RFC 9457) for programs, as a page for people.

No message of an exception reaches a reader unless it was written for readers: an unexpected one is logged, and
the answer is 500 and nothing else.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import structlog
from quart import Response, current_app, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from orchestrator.errors import InvalidBrandError, OrchestratorError, StoreError

if TYPE_CHECKING:
    from quart_trio import QuartTrio

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 2  # Redis is usually back within that, and a page reload is cheap
PAGES = "PAGES"  # in an application's configuration: it has pages, and a template for errors
_CHALLENGES = ('Bearer realm="orchestrator"', 'Basic realm="orchestrator", charset="UTF-8"')
_PEOPLES_PATHS = ("/brands", "/compare", "/past", "/static", "/ops")

_log = structlog.get_logger(__name__)


class ProblemError(OrchestratorError):
    """Raised by a handler to answer with an error that was written for the reader.

    Attributes:
        status: the HTTP status.
        detail: one sentence for the reader.
    """

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def not_found(detail: str) -> ProblemError:
    """There is no such thing."""
    return ProblemError(HTTPStatus.NOT_FOUND, detail)


def _for_people() -> bool:
    return (current_app.config.get(PAGES, False) and request.path == "/") or request.path.startswith(_PEOPLES_PATHS)


async def answer(status: HTTPStatus, detail: str) -> Response:
    """The error response for the current request."""
    if _for_people():
        # What was asked for is asked for again; an action is not.
        heals = status is HTTPStatus.SERVICE_UNAVAILABLE and request.method == "GET"
        page = await render_template("error.html", status=status.value, title=status.phrase, detail=detail, heals=heals)
        response = Response(page, status=status.value)
    else:
        body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        response = Response(msgspec.json.encode(body), status=status.value, content_type=PROBLEM_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if status is HTTPStatus.UNAUTHORIZED:
        for challenge in _CHALLENGES:  # a browser takes Basic and asks for a password
            response.headers.add("WWW-Authenticate", challenge)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


async def _on_problem(error: ProblemError) -> Response:
    return await answer(error.status, error.detail)


async def _on_invalid_brand(_error: InvalidBrandError) -> Response:
    return await answer(HTTPStatus.NOT_FOUND, "No brand can have this name.")


async def _on_store_error(error: StoreError) -> Response:
    _log.warning("read failed", error=type(error).__name__, endpoint=request.endpoint)
    return await answer(HTTPStatus.SERVICE_UNAVAILABLE, "The store does not answer at the moment.")


async def _on_http_exception(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error.get_response()  # type: ignore[return-value]
    response = await answer(HTTPStatus(error.code), error.description or HTTPStatus(error.code).phrase)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


async def _on_unexpected(error: Exception) -> Response:
    _log.error("request failed", endpoint=request.endpoint, exc_info=error)
    return await answer(HTTPStatus.INTERNAL_SERVER_ERROR, "The service made a mistake; it has been logged.")


def handle_problems(app: QuartTrio) -> None:
    """Let *app* answer every error in one of the two forms."""
    app.register_error_handler(ProblemError, _on_problem)
    app.register_error_handler(InvalidBrandError, _on_invalid_brand)
    app.register_error_handler(StoreError, _on_store_error)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(Exception, _on_unexpected)  # Quart takes the handler of the nearest class, not the first
