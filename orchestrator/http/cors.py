"""Pages of other origins that may read the API in a browser, ``HTTP_CORS_ORIGINS``.

Only ``/v1`` answers them, without what operators do (``/v1/ops``), and never with credentials that a browser adds by
itself: a script that reads has to bring its token along. A preflight carries no token, so it is answered before one is
asked for; it tells nothing but that this is allowed.

Source: the WHATWG Fetch specification, 3.2 (CORS protocol).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from quart import Response, request

from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from quart_trio import QuartTrio

ANY: Final = "*"
METHODS: Final = "GET, HEAD"
ASKED_HEADERS: Final = "Authorization, If-None-Match, Last-Event-ID"
TOLD_HEADERS: Final = "ETag, Retry-After"
KEEP_S: Final = 600
_OPEN: Final = "/v1/"
_CLOSED: Final = "/v1/ops"


def is_open(path: str) -> bool:
    """Whether pages of other origins may read *path* at all."""
    return path.startswith(_OPEN) and path != _CLOSED and not path.startswith(f"{_CLOSED}/")


def allowed(origin: str, origins: frozenset[str]) -> str:
    """What ``Access-Control-Allow-Origin`` says to a page of *origin*; empty for nothing."""
    if ANY in origins:
        return ANY
    return origin if origin in origins else ""


def share(app: QuartTrio, origins: frozenset[str]) -> None:
    """Let pages of *origins* read the API of *app*; before every guard, since a preflight brings no token."""

    @app.before_request
    async def preflight() -> Response | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or asked is None or not is_open(request.path):
            return None
        if not allowed(request.headers.get("Origin", ""), origins):
            raise ProblemError(HTTPStatus.FORBIDDEN, "Pages of this origin may not read here.")
        response = Response(b"", status=HTTPStatus.NO_CONTENT.value)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = ASKED_HEADERS
        response.headers["Access-Control-Max-Age"] = str(KEEP_S)
        return response

    @app.after_request
    async def tell(response: Response) -> Response:
        if not is_open(request.path):
            return response
        if ANY not in origins:  # a cache must not give one origin's answer to another
            response.vary.add("Origin")
        told = allowed(request.headers.get("Origin", ""), origins)
        if told:
            response.headers["Access-Control-Allow-Origin"] = told
            response.headers["Access-Control-Expose-Headers"] = TOLD_HEADERS
            # Without it a browser would keep the answer from a page that it was just allowed to.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
