"""The page of all brands: what moved, first. HTML made here, no script needed to read it.

Nobody waits for summaries: what is known of all brands by now gives the order, and the rows on the page are read anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import trio
from quart import Blueprint, render_template, request

from orchestrator.errors import StoreError
from orchestrator.http.answers import search_text, service
from orchestrator.http.brand_index import SLICE
from orchestrator.http.brand_list import list_brands, list_soon, read_query
from orchestrator.http.comparison import FEWEST, MOST
from orchestrator.http.listing import BY_NAME, STATUS_FILTERS, STATUS_SORTS
from orchestrator.http.overview_view import SPARK_HOURS, UNREADABLE, Row, Tile, row_of, seen, spark_of, strip_of
from orchestrator.http.parameters import takes
from orchestrator.http.span import last_hours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.http.brand_list import Listed
    from orchestrator.http.listing import Query
    from orchestrator.http.overview_view import Seen
    from orchestrator.http.service_view import ServiceView
    from orchestrator.http.spark import Spark

ROWS: Final = 50
REFRESH_S: Final = 15  # a brand that is registered, and a number that falls, are told by no event
UNREAD_REFRESH_S: Final = 2
DEFAULT_SORT: Final = "-moved"

SORT_WORDS: Final = {
    "-moved": "What moved",
    "name": "Name",
    "-mentions": "Most mentions",
    "-change": "Greatest growth",
    "change": "Greatest fall",
    "net": "Worst sentiment",
    "-net": "Best sentiment",
    "-stories": "Most stories",
    "-updated": "Newest",
    "-waiting": "Most chunks waiting",
    "-dead": "Most dead letters",
}
"""The orders that people choose from; by address all of the API's work."""

FILTER_WORDS: Final = {
    "": "All brands",
    "spiking": "Spiking",
    "unusual": "Mood or story",
    "negative": "Negative mood",
    "silent": "Silent",
    "waiting": "With chunks waiting",
    "parked": "Parked",
    "paused": "Paused",
    "failing": "Failing",
    "dead": "With dead letters",
}

blueprint = Blueprint("overview", __name__)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's name, and two orders: the one that a first click asks for, and the one that the next click does."""

    name: str
    first: str
    second: str
    kind: str = "number"

    def link(self, sort: str) -> str:
        """The order that a click asks for in a list that is sorted by *sort*."""
        return self.second if sort == self.first else self.first

    def direction(self, sort: str) -> str:
        """As ``aria-sort`` says it; empty if the list is sorted by something else."""
        if sort.removeprefix("-") != self.first.removeprefix("-"):
            return ""
        return "descending" if sort.startswith("-") else "ascending"


NAME: Final = Heading("Brand", "name", "-moved", "")
HEADINGS: Final = (
    Heading("Mentions", "-mentions", "mentions"),
    Heading("Change", "-change", "change"),
    Heading("Net", "net", "-net"),
)
LATE_HEADINGS: Final = (Heading("Stories", "-stories", "stories"), Heading("Updated", "-updated", "updated", ""))
STATUS_HEADINGS: Final = (Heading("Waiting", "-waiting", "waiting"), Heading("Dead", "-dead", "dead"))


@blueprint.get("/")
@takes("search", "q", "sort", "filter", "cursor", "before", "offset")
async def overview() -> str:
    """All brands, or those whose name has these words or of which the filter is true, a page of them."""
    search, query = search_text(), read_query(ROWS, DEFAULT_SORT)
    view = service()
    listed = await _listed(query, search)
    health = view.statistics()
    settings = health.checks.get("settings")
    unread = listed.unread
    return await render_template(
        "overview.html",
        rows=await _rows(view, listed),
        strip=await _strip(listed),
        query=search,
        sort=query.sort,
        chosen=query.filter,
        page=listed.page,
        total=listed.total,
        unread=unread,
        sorts=SORT_WORDS,
        filters=FILTER_WORDS,
        name_heading=NAME,
        headings=HEADINGS,
        late_headings=LATE_HEADINGS,
        status_headings=STATUS_HEADINGS,
        every_s=UNREAD_REFRESH_S if unread else REFRESH_S,
        standing=query.filter in STATUS_FILTERS or query.sort.removeprefix("-") in STATUS_SORTS,
        fewest=FEWEST,
        most=MOST,
        health=health,
        disputed=settings.detail if settings is not None and settings.status != "ok" else "",
    )


async def _listed(query: Query, search: str) -> Listed:
    """What is known by now; by name alone while Redis is away, unless somebody asks for what only it can tell."""
    try:
        return await list_soon(query, search)
    except StoreError:
        if query.filter or "sort" in request.args:
            raise
        plain = replace(query, sort=BY_NAME, after=None, before=None)
        return await list_brands(plain, search, numbers=False, statuses=False)


async def _rows(view: ServiceView, listed: Listed) -> Sequence[Row]:
    """A row each; a brand that cannot be read has a row without numbers."""
    names = listed.page.brands
    span = last_hours(SPARK_HOURS, datetime.now(UTC))
    found: dict[str, Seen] = {}
    sparks: Mapping[str, Spark] = {}
    try:
        for start in range(0, len(names), SLICE):
            part = names[start : start + SLICE]
            found.update(zip(part, await view.summaries(part, seen), strict=True))
        drawn = await view.trend_points(names, span.fields, lambda values: spark_of(span.points(values)))
        sparks = dict(zip(names, drawn, strict=True))
    except StoreError:
        pass  # the page says that the service is not available
    statuses = listed.known.statuses
    return [row_of(name, found.get(name, UNREADABLE), statuses.get(name), sparks.get(name)) for name in names]


async def _strip(listed: Listed) -> Sequence[Tile]:
    """Sums over all brands, not on the event loop."""
    fleet = listed.fleet
    if fleet is None:
        return ()
    return await trio.to_thread.run_sync(strip_of, listed.known.numbers, fleet, abandon_on_cancel=True)
