"""The pages for analysts: the list of brands, and one brand's summary. HTML made here, no script needed to read it."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from zlib import crc32

import trio
from quart import Blueprint, Response, current_app, redirect, render_template, request

from orchestrator.contract.brands import check_brand
from orchestrator.contract.pauses import resuming
from orchestrator.errors import StoreError
from orchestrator.http.answers import conditional, may_act, search_text, service, stored_episodes, stored_trend
from orchestrator.http.brand_list import list_brands, read_query
from orchestrator.http.chart import trend_charts
from orchestrator.http.documents import parse_summary, read_summary
from orchestrator.http.parameters import takes
from orchestrator.http.problems import ProblemError
from orchestrator.http.urls import brand_page_url
from orchestrator.http.view import BrandRow, brand_view, episode_rows

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as WerkzeugResponse

    from orchestrator.http.brand_list import Listed
    from orchestrator.http.service_view import ServiceView

ROWS = 25  # each row reads a summary of up to 64 KiB
REFRESH_S = 15  # a brand that is registered, and a number that falls, are told by no event
SORT_WORDS = {
    "name": "Name",
    "-mentions": "Most mentions",
    "net": "Worst sentiment",
    "-net": "Best sentiment",
    "-stories": "Most stories",
    "-updated": "Newest",
    "-waiting": "Most chunks waiting",
    "-dead": "Most dead letters",
}
"""The orders that people choose from; by address all of the API's work."""

FILTER_WORDS = {
    "": "All brands",
    "spiking": "Spiking",
    "waiting": "With chunks waiting",
    "parked": "Parked",
    "paused": "Paused",
    "failing": "Failing",
    "dead": "With dead letters",
}

blueprint = Blueprint("pages", __name__)


async def _rows(service: ServiceView, listed: Listed) -> list[BrandRow]:
    """A row each, read side by side; a brand that cannot be read has a row without numbers."""
    rows: dict[str, BrandRow] = {}

    async def read(name: str) -> None:
        status = listed.known.statuses.get(name)
        try:
            raw = await service.summary(name)
            rows[name] = BrandRow.of(name, None if raw is None else parse_summary(raw), status)
        except (StoreError, ProblemError):
            rows[name] = BrandRow.unreadable(name, status)

    async with trio.open_nursery() as nursery:
        for name in listed.page.brands:
            nursery.start_soon(read, name)
    return [rows[name] for name in listed.page.brands]


@blueprint.get("/")
@takes("q", "sort", "filter", "offset")
async def overview() -> str:
    """All brands, or those whose name contains the query or of which the filter is true, a page of them."""
    search, query = search_text(), read_query(ROWS)
    listed = await list_brands(query, search, numbers=False, statuses=False)
    view = service()
    health = view.statistics()
    settings = health.checks.get("settings")
    return await render_template(
        "overview.html",
        rows=await _rows(view, listed),
        query=search,
        sort=query.sort,
        chosen=query.filter,
        offset=query.offset,
        page_size=ROWS,
        found=listed.page.matching,
        total=listed.total,
        sorts=SORT_WORDS,
        filters=FILTER_WORDS,
        every_s=REFRESH_S,
        standing=listed.fleet is not None,
        health=health,
        disputed=settings.detail if settings is not None and settings.status != "ok" else "",
    )


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
