"""Pages of the past: a brand as it was at a time, and the chunks that a story is from; only where an archive is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast, get_args
from urllib.parse import urlencode

import msgspec
from quart import Blueprint, Response, current_app, redirect, render_template, request

from orchestrator.contract.brands import check_brand
from orchestrator.contract.explanation import MAX_SHOWN, ExplainedOrder, Explanation
from orchestrator.http.answers import conditional, one_of
from orchestrator.http.documents import parse_summary
from orchestrator.http.in_words import in_words as brand_in_words
from orchestrator.http.parameters import takes
from orchestrator.http.past import MAX_NAME_CHARS, SETTLED_S, past, time_ms, told
from orchestrator.http.past_view import Wanted
from orchestrator.http.problems import ProblemError, not_found
from orchestrator.http.span import iso
from orchestrator.http.story_view import stories_of
from orchestrator.http.urls import brand_api_url, brand_view_url, past_url
from orchestrator.http.view import Time, brand_view, number, open_others, other_notice, time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Response as WerkzeugResponse

SHOWN_CHUNKS: Final = 50
_STEPS: Final = (
    ("a day earlier", timedelta(days=-1)),
    ("an hour earlier", timedelta(hours=-1)),
    ("an hour later", timedelta(hours=1)),
    ("a day later", timedelta(days=1)),
)

blueprint = Blueprint("past_pages", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A link to another time."""

    at: str
    words: str


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk in the list."""

    id: str
    mentions: str
    whole: str
    at: Time | None
    taken: Time | None
    place: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says of a story; empty texts where there is nothing to say."""

    label: str
    as_of: Time | None
    mentions: str
    chunks: str
    rows: Sequence[ChunkRow]
    hidden: str
    older: str


@blueprint.get("/past")
@takes("name", "at")
async def summary() -> Response | WerkzeugResponse:
    """The brand in ``?name=`` as it was at the time ``?at=``."""
    view, brand = past(), _brand()
    text = request.args.get("at", "")
    if not text:
        return redirect(brand_view_url(brand, root=request.root_path))
    at_ms = time_ms("at", text)
    document = await told(view.summary(brand, at_ms))
    found = parse_summary(document.body)
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    page = await render_template(
        "past.html",
        brand=brand,
        view=brand_view(found),
        words=brand_in_words(brand, found),
        stories=stories_of(found),
        others=[other_notice(each) for each in open_others(found)],
        at=time_of(iso(moment)),
        typed=f"{moment:%Y-%m-%dT%H:%M}",
        steps=list(_steps(moment, datetime.now(UTC))),
    )
    return await _answer(page, settled=document.settled)


@blueprint.get("/past/chunks")
@takes("name", "story", "at", "order")
async def chunks() -> Response:
    """The chunks that the story ``?story=`` is from."""
    view, brand, story = past(), _brand(), request.args.get("story", "")
    if not 0 < len(story) <= MAX_NAME_CHARS:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"story must be an id of at most {MAX_NAME_CHARS} characters.")
    order = cast("ExplainedOrder", one_of("order", "newest", get_args(ExplainedOrder)))
    at = request.args.get("at", "")
    at_ms = time_ms("at", at) if at else None
    document = await told(view.explain(brand, Wanted("story", story, 0, at_ms, order, SHOWN_CHUNKS)))
    found = msgspec.json.decode(document.body, type=Explanation)
    query = {"story": story, "order": order, "limit": str(MAX_SHOWN), **({"at": at} if at else {})}
    page = await render_template(
        "chunks.html",
        brand=brand,
        story=story,
        at=at,
        order=order,
        told=_told(found),
        most=number(MAX_SHOWN),
        api=f"{brand_api_url(brand, 'explain', root=request.root_path)}?{urlencode(query)}",
        back=past_url(brand, root=request.root_path, at=at)
        if at
        else f"{brand_view_url(brand, root=request.root_path, story=story)}#story",
    )
    return await _answer(page, settled=document.settled)


def _brand() -> str:
    name = request.args.get("name")
    if name is None:
        raise not_found("There is no brand without a name.")
    return check_brand(name)


def _steps(moment: datetime, now: datetime) -> list[Step]:
    return [Step(iso(moment + by), words) for words, by in _STEPS if moment + by <= now]


def _told(found: Explanation) -> Told:
    rows = [
        ChunkRow(
            id=one.chunk_id,
            mentions=number(one.mentions),
            whole=number(one.chunk_mentions),
            at=time_of(one.at),
            taken=time_of(one.committed_at),
            place=f"{one.object.rpartition('/')[2] or 'not archived yet'}, commit {one.commit}, item {one.item}",
        )
        for one in found.contributions
    ]
    hidden = found.chunks - len(rows)
    return Told(
        label=found.label or found.id or "",
        as_of=time_of(found.as_of),
        mentions=number(found.mentions),
        chunks=number(found.chunks),
        rows=rows,
        hidden=number(hidden) if hidden > 0 else "",
        older=number(found.older) if found.older > 0 else "",
    )


async def _answer(page: str, *, settled: bool) -> Response:
    response = Response(page)
    if settled:
        response.headers["Cache-Control"] = f"private, max-age={SETTLED_S}"
    edition: str = current_app.extensions["edition"]
    return await conditional(response, f"{blake2b(page.encode(), digest_size=12).hexdigest()}-{edition}")
