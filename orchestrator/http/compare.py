"""``/v1/compare`` and its page: brands side by side.

A name may hold a comma, so there are two ways to give names: ``brands``, between commas, and ``brand``, one at a time
and as often as need be, which is what a form sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from quart import Blueprint, Response, current_app, render_template, request

from orchestrator.http.answers import conditional, directory, exact_brand, json_response, service, whole_number
from orchestrator.http.compare_view import comparison_view
from orchestrator.http.comparison import DEFAULT_HOURS, FEWEST, MAX_HOURS, MOST, compared, side_of, tag_of
from orchestrator.http.directory import folded
from orchestrator.http.parameters import takes
from orchestrator.http.problems import ProblemError, not_found
from orchestrator.http.span import last_hours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.http.api_documents import CompareDocument
    from orchestrator.http.comparison import Side

MAX_QUOTED = 64
SUGGESTED = 3

blueprint = Blueprint("compare", __name__)


@dataclass(frozen=True, slots=True)
class _Compared:
    document: CompareDocument
    tag: str | None


@blueprint.get("/v1/compare")
@takes("brands", "hours", many=("brand",))
async def compare() -> Response:
    """Two to eight brands side by side."""
    names = _asked()
    if len(names) < FEWEST:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"brands must be {FEWEST} to {MOST} different names between commas, and not {len(names)};"
            " a name with a comma is given as brand, each by itself.",
        )
    found = await _compare([exact_brand(name) for name in names], _hours())
    response = json_response(found.document)
    return response if found.tag is None else await conditional(response, found.tag)


@blueprint.get("/compare")
@takes("brands", "hours", many=("brand",))
async def compare_page() -> Response:
    """The same as a page, which also takes one more brand; with fewer than two it says how to choose."""
    names = list(dict.fromkeys(exact_brand(name.strip()) for name in _asked()))
    hours = _hours()
    found = await _compare(names, hours)
    page = await render_template(
        "compare.html", view=comparison_view(found.document, hours), names=names, fewest=FEWEST, most=MOST
    )
    if found.tag is None:
        return Response(page)
    return await conditional(Response(page), f"{found.tag}-{current_app.extensions['edition']}")


def _asked() -> list[str]:
    """The different names that the request gives.

    Raises:
        ProblemError: 400: there are too many.
    """
    listed = [*request.args.get("brands", "").split(","), *request.args.getlist("brand")]
    names = list(dict.fromkeys(name for name in listed if name.strip()))
    if len(names) > MOST:
        detail = f"brands and brand must be at most {MOST} different names, and not {len(names)}."
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    return names


def _hours() -> int:
    return whole_number("hours", DEFAULT_HOURS, 1, MAX_HOURS)


async def _compare(names: Sequence[str], hours: int) -> _Compared:
    span = last_hours(hours, datetime.now(UTC))
    # Before the trends: a commit in between may make the tag older than what it tags, never newer.
    sides = await service().summaries(names, side_of)
    await _refuse_unknown(names, sides)
    trends = await service().trend_points(names, span.fields, span.points)
    return _Compared(compared(names, sides, span, trends), tag_of(names, sides, span))


async def _refuse_unknown(names: Sequence[str], sides: Sequence[Side]) -> None:
    absent = [name for name, side in zip(names, sides, strict=True) if side.state == "waiting"]
    registered = await service().brands() if absent else ()
    for name in absent:
        if name not in registered:
            raise not_found(f"There is no brand {name[:MAX_QUOTED]!r}. {_nearest(name, registered)}")


def _nearest(name: str, registered: Sequence[str]) -> str:
    """What *name* may have been meant to be."""
    same = directory().find(registered, name)
    alike = [each for each in same if folded(each) == folded(name)] or same
    if not alike:
        return "/v1/brands?search= finds names by their parts."
    return f"Did you mean {' or '.join(repr(each[:MAX_QUOTED]) for each in alike[:SUGGESTED])}?"
