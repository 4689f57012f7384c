"""Answers what a list of brands asks for: reads what its order, its filter and its columns need, and no more.

By name, without a filter, a page of brands costs the summaries on that page, however many brands there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio
from quart import current_app, request

from orchestrator.http.answers import MAX_OFFSET, directory, one_of, service, whole_number
from orchestrator.http.brand_index import HURRY_S, BrandIndex
from orchestrator.http.listing import BY_NAME, FILTERS, SORTS, Known, Page, Query, decode_cursor, page_of
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.fleet.view import FleetView
    from orchestrator.http.numbers import Numbers


DEFAULT_PAGE, MAX_PAGE = 100, 1_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A page, and what is known of its brands.

    Attributes:
        page: the brands on it.
        known: their numbers, and how they stand, where that was asked for.
        total: registered brands.
        fleet: the look that the order or the columns come from, None where none was needed.
        unread: brands whose numbers would have been needed and are not known yet.
    """

    page: Page
    known: Known
    total: int
    fleet: FleetView | None
    unread: int = 0


def read_query(limit: int, sort: str = BY_NAME) -> Query:
    """What the request's parameters ask of a list; *limit* is the page's size and *sort* the order if they do not say.

    Raises:
        ProblemError: 400: one of them cannot be, or two do not go together.
    """
    sort = one_of("sort", sort, SORTS)
    cursor, before, offset = request.args.get("cursor"), request.args.get("before"), _offset()
    if len({"cursor", "before", "offset"} & set(request.args)) > 1:
        detail = "cursor, before and offset do not go together: a cursor is a place already."
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    return Query(
        sort=sort,
        filter=one_of("filter", "", FILTERS),
        limit=whole_number("limit", limit, 1, MAX_PAGE),
        offset=offset,
        after=None if cursor is None else decode_cursor(cursor, sort),
        before=None if before is None else decode_cursor(before, sort),
    )


def _offset() -> int:
    return whole_number("offset", 0, 0, MAX_OFFSET)


async def list_brands(query: Query, search: str, *, numbers: bool, statuses: bool) -> Listed:
    """The page of the brands whose name holds *search*.

    Args:
        query: which page.
        search: part of a name; empty for all.
        numbers: whether numbers of summaries are shown.
        statuses: whether it is shown how brands stand.

    Raises:
        ProblemError: 503: a sort or filter needs the summaries of all brands, and they were not read in time.
        StoreError: Redis did not answer.
    """
    registered = await service().brands()
    found = directory().find(registered, search)
    index: BrandIndex = current_app.extensions["index"]
    fleet = await service().fleet() if statuses or query.needs_statuses or query.needs_numbers else None
    standing = {} if fleet is None else {status.brand: status for status in fleet.brands}
    read: Mapping[str, Numbers] = await index.all(standing) if query.needs_numbers else {}
    known = Known(read, standing)
    if query.needs_numbers or query.needs_statuses:  # looks at every brand, so not on the event loop
        page = await trio.to_thread.run_sync(page_of, found, query, known, abandon_on_cancel=True)
    else:
        page = page_of(found, query, known)
    if numbers and not query.needs_numbers:
        known = Known(await index.some(page.brands), standing)
    return Listed(page, known, len(registered), fleet)


async def list_soon(query: Query, search: str) -> Listed:
    """The same for a page that is shown at once: with what is known of all brands by now.

    Raises:
        StoreError: Redis did not answer.
    """
    registered = await service().brands()
    found = directory().find(registered, search)
    index: BrandIndex = current_app.extensions["index"]
    fleet = await service().fleet(HURRY_S)
    standing = {status.brand: status for status in fleet.brands}
    numbers, unread = await index.soon(standing)
    known = Known(numbers, standing)
    page = await trio.to_thread.run_sync(page_of, found, query, known, abandon_on_cancel=True)
    return Listed(page, known, len(registered), fleet, unread)
