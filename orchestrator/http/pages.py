"""The page of one brand's summary. HTML made here, no script needed to read it."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from zlib import crc32

from quart import Blueprint, Response, current_app, redirect, render_template, request

from orchestrator.contract.brands import check_brand
from orchestrator.contract.pauses import resuming
from orchestrator.http.answers import conditional, may_act, service, stored_episodes, stored_trend
from orchestrator.http.chart import trend_charts
from orchestrator.http.documents import read_summary
from orchestrator.http.parameters import takes
from orchestrator.http.problems import ProblemError
from orchestrator.http.urls import brand_page_url
from orchestrator.http.view import brand_view, episode_rows

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as WerkzeugResponse

blueprint = Blueprint("pages", __name__)


@blueprint.get("/brands")
@takes("name")
async def brand_by_name() -> Response | WerkzeugResponse:
    """The page of the brand in ``?name=``: for names that no path can hold, and for typing."""
    name = request.args.get("name")
    if name is None:
        return redirect(f"{request.root_path}/")
    return await _brand_page(name)


@blueprint.get("/brands/<brand:name>")
async def brand(name: str) -> Response:
    """One brand's summary."""
    return await _brand_page(name)


async def _brand_page(name: str) -> Response:
    checked = check_brand(name)
    try:
        _, document = await read_summary(service(), checked)
    except ProblemError as problem:
        if problem.status is HTTPStatus.NOT_FOUND and checked in await service().brands():
            return await _waiting_page(checked)
        raise
    now = datetime.now(UTC)
    notices = await _notices(checked)
    trend = await stored_trend(checked, now)
    page = await render_template(
        "brand.html",
        brand=checked,
        view=brand_view(document),
        **notices,
        charts=trend_charts(trend, now),
        episodes=episode_rows(await stored_episodes(checked)),
    )
    # Charts move on by the hour, and the page links assets whose names change with a release.
    edition: str = current_app.extensions["edition"]
    return await conditional(
        Response(page), f"{document.etag}-{now:%Y%m%d%H}-{edition}-{crc32(repr(notices).encode()):x}"
    )


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
