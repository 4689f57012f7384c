"""One brand's page: its numbers, its course, its stories, and what was said at a time or in a story that one chooses.

Which period is shown, which stretch and which story stand in the address: a link leads there, without script, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from zlib import crc32

from quart import Blueprint, Response, current_app, redirect, render_template, request

from orchestrator.contract.brands import check_brand
from orchestrator.contract.pauses import resuming
from orchestrator.contract.summary import EPISODE_KINDS
from orchestrator.http.answers import (
    conditional,
    may_act,
    one_of,
    service,
    stored_episodes,
    stored_recent,
    stored_trend,
)
from orchestrator.http.chart import amounts_of, draw, in_words
from orchestrator.http.documents import StoredStory, StoredSummary, read_summary
from orchestrator.http.in_words import in_words as brand_in_words
from orchestrator.http.parameters import takes
from orchestrator.http.period import Period, Slot, read_slot
from orchestrator.http.problems import ProblemError, not_found
from orchestrator.http.span import iso
from orchestrator.http.story_view import stories_of, story_view
from orchestrator.http.table import CSV_CONTENT_TYPE, csv_table
from orchestrator.http.then import look_back
from orchestrator.http.urls import brand_page_url
from orchestrator.http.view import brand_view, episode_rows, in_order, open_others, other_notice

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as WerkzeugResponse

MAX_STORY_ID_CHARS = 1_000
STORY_COLUMNS = (
    *("id", "story", "state", "mentions", "change", "sentimentScore"),
    *("clusters", "firstSeen", "lastSeen", "example"),
)

blueprint = Blueprint("brand_page", __name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody looks at: a period, a slot of it if they chose one, a story if they chose one."""

    now: datetime
    period: Period
    slot: Slot | None
    story: str


def _read_look() -> Look:
    """What the request asks to see.

    Raises:
        ProblemError: 400, naming the parameter and what would be right.
    """
    now = datetime.now(UTC)
    period = Period(one_of("period", Period.TWO_DAYS, tuple(Period)))
    at = request.args.get("at", "")
    slot = read_slot(at, period, now) if at else None
    return Look(now, period, slot, request.args.get("story", "")[:MAX_STORY_ID_CHARS])


@blueprint.get("/brands")
@takes("name", "period", "at", "story")
async def brand_by_name() -> Response | WerkzeugResponse:
    """The page of the brand in ``?name=``: for names that no path can hold, and for typing."""
    name = request.args.get("name")
    if name is None:
        return redirect(f"{request.root_path}/")
    return await _brand_page(name)


@blueprint.get("/brands/<brand:name>")
@takes("period", "at", "story")
async def brand(name: str) -> Response:
    """One brand's page."""
    return await _brand_page(name)


@blueprint.get("/stories.csv")
@takes("name")
async def stories() -> Response:
    """The stories of the brand in ``?name=`` for a spreadsheet."""
    name = request.args.get("name")
    if name is None:
        raise not_found("There is no brand without a name.")
    _, document = await read_summary(service(), check_brand(name))
    response = Response(csv_table(STORY_COLUMNS, [_cells(story) for story in document.clusters]))
    response.content_type = CSV_CONTENT_TYPE
    response.headers["Content-Disposition"] = 'attachment; filename="stories.csv"'
    return await conditional(response, f"{document.etag}-csv")


def _cells(story: StoredStory) -> tuple[str | float | None, ...]:
    return (
        *(story.id, story.label, story.state, plain(story.mentions), story.change, story.sentiment_score),
        story.members,
        *(story.first_seen, story.last_seen, story.examples[0] if story.examples else None),
    )


def plain(value: float) -> float:
    """A whole number as one."""
    return int(value) if value.is_integer() else value


async def _brand_page(name: str) -> Response:
    checked, look = check_brand(name), _read_look()
    try:
        # First: the tag may be older than what it tags, and never newer.
        _, document = await read_summary(service(), checked)
    except ProblemError as problem:
        if problem.status is HTTPStatus.NOT_FOUND and checked in await service().brands():
            return await _waiting_page(checked)
        raise
    notices = await _notices(checked)
    page = await render_template("brand.html", brand=checked, **notices, **await _parts(checked, document, look))
    # Charts move on by the hour, and the page links assets whose names change with a release.
    edition: str = current_app.extensions["edition"]
    return await conditional(
        Response(page), f"{document.etag}-{look.now:%Y%m%d%H}-{edition}-{crc32(repr(notices).encode()):x}"
    )


async def _parts(checked: str, document: StoredSummary, look: Look) -> dict[str, object]:
    """What the template places."""
    trend, others = await stored_trend(checked, look.now), open_others(document)
    listed = [episode for kind in EPISODE_KINDS for episode in await stored_episodes(checked, kind)]
    episodes = in_order(listed, others)
    recent = await stored_recent(checked) if look.slot is not None or look.story else []
    then = story = None
    if look.slot is not None:
        words = in_words(look.slot, amounts_of(trend, look.slot))
        then = look_back(look.slot, words, document, recent, episodes, look.now)
    if look.story:
        story = story_view(look.story, document, recent, episodes)
    return {
        "view": brand_view(document),
        "words": brand_in_words(checked, document),
        "stories": stories_of(document),
        "chart": draw(trend, episodes, look.period, look.now),
        "periods": tuple(Period),
        "period": look.period,
        "since": iso(look.period.slots(look.now)[0].start),
        "chosen": "" if look.slot is None else look.slot.iso,
        "then": then,
        "wanted_story": look.story,
        "story": story,
        "others": [other_notice(each) for each in others],
        "episodes": episode_rows(episodes),
        "past": service().past() is not None,
    }


async def _waiting_page(name: str) -> Response:
    """A registered brand that has no summary yet."""
    url = brand_page_url(name, root=request.root_path)
    page = await render_template("waiting.html", brand=name, url=url, **await _notices(name))
    return Response(page)


async def _notices(brand: str) -> dict[str, object]:
    """What keeps *brand* from being worked on, in the words of the notices; empty where nothing does."""
    paused = service().statistics().paused.get(brand)
    told = "" if paused is None else str(paused if may_act() else paused.for_strangers())
    return {"notice": await service().notice(brand), "paused": told, "resuming": resuming(brand)}
