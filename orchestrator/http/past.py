"""``/v1/brands/<brand>/at/<time>`` and ``/v1/brands/<brand>/explain``: what an archive tells, where one is set.

An answer takes seconds and is made elsewhere; here are parameters, errors in words, and how long an answer is right.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar, cast, get_args

import structlog
from quart import Blueprint, request

from orchestrator.contract.explanation import MAX_SHOWN, ExplainedOrder
from orchestrator.contract.times import typed_ms
from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveUnavailableError,
    NothingToExplainError,
    PastBusyError,
    PastSlowError,
)
from orchestrator.http.answers import conditional, exact_brand, json_response, one_of, service, whole_number
from orchestrator.http.parameters import takes
from orchestrator.http.past_view import PastView, Wanted
from orchestrator.http.problems import ProblemError, not_found
from orchestrator.http.span import MAX_TIME_CHARS

if TYPE_CHECKING:
    from quart import Response

    from orchestrator.http.past_view import PastDocument

DEFAULT_CHUNKS: Final = 50
MAX_NAME_CHARS: Final = 1_000
SETTLED_S: Final = 3_600
"""So long a reader may keep what cannot change; longer, and it would outlive the archive's retention."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)

blueprint = Blueprint("past", __name__, url_prefix="/v1")


def past() -> PastView:
    """What the archive tells.

    Raises:
        ProblemError: 404: none is set.
    """
    view = service().past()
    if view is None:
        raise not_found("Nothing is kept of the past here: the service has no archive.")
    return view


async def told(answer: Awaitable[T]) -> T:
    """*answer*; what an archive says instead is an error in words, of which none names its places.

    Raises:
        ProblemError: 404, 502, 503, 504.
    """
    try:
        return await answer
    except NothingToExplainError as error:
        raise not_found(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    except PastBusyError:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "Others ask for the past already; try again.") from None
    except PastSlowError:
        detail = "This takes longer than a reader waits; `orchestrator explain` and `summary --at` have the time."
        raise ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail) from None
    except ArchiveMisplacedError as error:
        _log.warning("archive is not where it was", error=str(error))
        detail = "The archive is not where it was: its volume may not be mounted."
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None
    except ArchiveUnavailableError as error:
        _log.warning("archive does not answer", error=str(error))
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "The archive does not answer at the moment.") from None
    except ArchiveError as error:
        _log.warning("archive cannot be read", error=str(error))
        raise ProblemError(HTTPStatus.BAD_GATEWAY, "The archive is damaged there, or has a gap.") from None


def time_ms(name: str, text: str) -> int:
    """*text* as a time of the past, Unix ms.

    Raises:
        ProblemError: 400: it is none, or is to come.
    """
    at_ms = typed_ms(text) if len(text) <= MAX_TIME_CHARS else None
    if at_ms is None:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"{name} must be a time of ISO 8601, as 2026-11-20T10:00:00Z, and not {text[:MAX_TIME_CHARS]!r}.",
        )
    if at_ms > datetime.now(UTC).timestamp() * 1000:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must not be a time to come.")
    return at_ms


def wanted_number() -> Wanted:
    """The number that the request asks about; without a name the total.

    Raises:
        ProblemError: 400: there are two, or one is out of its bounds.
    """
    names = [name for name in ("story", "topic", "hour") if request.args.get(name)]
    if len(names) > 1:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{' and '.join(names)} are several numbers; ask for one.")
    of = names[0] if names else "total"
    text = request.args.get(of, "")
    if of in {"story", "topic"} and len(text) > MAX_NAME_CHARS:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{of} must have at most {MAX_NAME_CHARS} characters.")
    at = request.args.get("at")
    order = one_of("order", "newest", get_args(ExplainedOrder))
    limit = whole_number("limit", DEFAULT_CHUNKS, 1, MAX_SHOWN)
    at_ms = time_ms("at", at) if at else None
    rest = (at_ms, cast("ExplainedOrder", order), limit)
    match of:
        case "story":
            return Wanted("story", text, 0, *rest)
        case "topic":
            return Wanted("topic", text, 0, *rest)
        case "hour":
            return Wanted("hour", "", time_ms("hour", text), *rest)
    return Wanted("total", "", 0, *rest)


@blueprint.get("/brands/<brand:name>/at/<time>")
async def at(name: str, time: str) -> Response:
    """The summary as readers saw it then."""
    view, brand = past(), exact_brand(name)
    return await _answer(await told(view.summary(brand, time_ms("the time", time))))


@blueprint.get("/brands/<brand:name>/explain")
@takes("story", "topic", "hour", "at", "order", "limit")
async def explain(name: str) -> Response:
    """Which chunks made a number."""
    view, brand = past(), exact_brand(name)
    return await _answer(await told(view.explain(brand, wanted_number())))


async def _answer(document: PastDocument) -> Response:
    response = json_response(document.body)
    if document.settled:
        # Not for caches that several readers share: who may read is asked at each request.
        response.headers["Cache-Control"] = f"private, max-age={SETTLED_S}"
    return await conditional(response, blake2b(document.body, digest_size=12).hexdigest())
