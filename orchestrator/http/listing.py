"""Lists of brands: which are chosen, in what order, and where the next page begins.

Pure. A cursor is the place of the last brand that was shown, by what the list is sorted by and its name, and not a
number of brands to pass over: so brands that come and go move no other one over the edge of a page. A brand whose own
number changes meanwhile may be met twice or not at all, whatever a cursor holds.

Source: "keyset pagination"; cursors are opaque to clients, and nothing in them is trusted.
"""

from __future__ import annotations

import base64
import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.fleet.view import Standing
from orchestrator.http.directory import folded
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from orchestrator.fleet.view import BrandStatus
    from orchestrator.http.numbers import Numbers

Place = tuple[bool, float, str, str]
"""Of a brand in a list: whether it has no number (they come last), the number in the list's direction, and the name."""

MAX_CURSOR_CHARS: Final = 1_024
NEGATIVE_TO: Final = -0.05
"""Net sentiment from here down is called negative."""

BY_NAME: Final = "name"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the brands of a list; what was not asked for is empty.

    Attributes:
        numbers: of those with a readable summary.
        statuses: how each stands.
    """

    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    statuses: Mapping[str, BrandStatus] = field(default_factory=dict)


Number = Callable[[Known, str], float | None]


def _of_summary(pick: Callable[[Numbers], float | None]) -> Number:
    def number(known: Known, brand: str) -> float | None:
        numbers = known.numbers.get(brand)
        return None if numbers is None else pick(numbers)

    return number


def _of_status(pick: Callable[[BrandStatus], float | None]) -> Number:
    def number(known: Known, brand: str) -> float | None:
        status = known.statuses.get(brand)
        return None if status is None else pick(status)

    return number


SUMMARY_SORTS: Final[Mapping[str, Number]] = {
    "mentions": _of_summary(lambda each: each.mentions),
    "moved": _of_summary(lambda each: each.moved),
    "change": _of_summary(lambda each: each.change),
    "net": _of_summary(lambda each: each.net),
    "spiking": _of_summary(lambda each: float(each.spiking)),
    "stories": _of_summary(lambda each: each.stories),
    "updated": _of_summary(lambda each: each.updated_ms),
}
STATUS_SORTS: Final[Mapping[str, Number]] = {
    "waiting": _of_status(lambda each: each.queued),
    "dead": _of_status(lambda each: each.failed),
}
_NUMBERS: Final[Mapping[str, Number]] = {**SUMMARY_SORTS, **STATUS_SORTS}
SORTS: Final = (BY_NAME, *(f"{sign}{name}" for name in _NUMBERS for sign in ("", "-")))
"""By name, or by a number, the smallest first; with a minus the greatest first."""


def _stands(*wanted: Standing) -> Callable[[Known, str], bool]:
    def fits(known: Known, brand: str) -> bool:
        status = known.statuses.get(brand)
        return status is not None and status.standing in wanted

    return fits


def _more_than_none(sort: str) -> Callable[[Known, str], bool]:
    def fits(known: Known, brand: str) -> bool:
        return bool(_NUMBERS[sort](known, brand))

    return fits


def _negative(known: Known, brand: str) -> bool:
    numbers = known.numbers.get(brand)
    return numbers is not None and ("mood" in numbers.episodes or (numbers.net or 0) <= NEGATIVE_TO)


def _unusual(known: Known, brand: str) -> bool:
    numbers = known.numbers.get(brand)
    return numbers is not None and not {"mood", "story"}.isdisjoint(numbers.episodes)


def _silent(known: Known, brand: str) -> bool:
    """Whether nothing was said of it: its window has no mention, or it has no summary at all."""
    numbers, status = known.numbers.get(brand), known.statuses.get(brand)
    return numbers.mentions == 0 if numbers is not None else status is not None and not status.summarised


SUMMARY_FILTERS: Final = {
    "spiking": _more_than_none("spiking"),
    "unusual": _unusual,
    "negative": _negative,
    "silent": _silent,
}
STATUS_FILTERS: Final = {
    "waiting": _more_than_none("waiting"),
    "dead": _more_than_none("dead"),
    "parked": _stands(Standing.PARKED),
    "failing": _stands(Standing.FAILING),
    "paused": _stands(Standing.PAUSED),
}
FILTERS: Final[Mapping[str, Callable[[Known, str], bool]]] = {**SUMMARY_FILTERS, **STATUS_FILTERS}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for.

    Attributes:
        sort: one of :data:`SORTS`.
        filter: one of :data:`FILTERS`, empty for all brands.
        limit: brands on a page.
        offset: brands before the page; 0 with a cursor.
        after: the place after which the page begins, None for the beginning.
        before: the place before which it ends; None: not asked.
    """

    sort: str = BY_NAME
    filter: str = ""
    limit: int = 100
    offset: int = 0
    after: Place | None = None
    before: Place | None = None

    @property
    def needs_numbers(self) -> bool:
        """Whether the summaries of all brands have to be known."""
        return self.filter in SUMMARY_FILTERS or self.sort.removeprefix("-") in SUMMARY_SORTS

    @property
    def needs_statuses(self) -> bool:
        """Whether it has to be known how all brands stand."""
        return self.filter in STATUS_FILTERS or self.sort.removeprefix("-") in STATUS_SORTS


@dataclass(frozen=True, slots=True)
class Page:
    """The brands on a page.

    Attributes:
        brands: in order.
        matching: brands that the filter lets pass, on all pages.
        next: the cursor of the next page, None at the end.
        first: how many of them stand before this page.
        previous: the cursor of its own first brand, before which another page ends; None at the beginning.
    """

    brands: Sequence[str]
    matching: int
    next: str | None
    first: int = 0
    previous: str | None = None


def place_of(sort: str, known: Known, brand: str) -> Place:
    """Where *brand* stands in a list sorted so."""
    if sort == BY_NAME:
        return (False, 0, folded(brand), brand)
    number = _NUMBERS[sort.removeprefix("-")](known, brand)
    if number is None:
        return (True, 0, folded(brand), brand)
    return (False, -number if sort.startswith("-") else number, folded(brand), brand)


def page_of(brands: Sequence[str], query: Query, known: Known) -> Page:
    """The page of *brands*, which are in order of their names, that *query* asks for."""
    fits = FILTERS.get(query.filter)
    chosen = brands if fits is None else [brand for brand in brands if fits(known, brand)]
    first, shown = _by_name(chosen, query) if query.sort == BY_NAME else _by_number(chosen, query, known)

    def cursor(brand: str) -> str:
        return encode_cursor(query.sort, place_of(query.sort, known, brand))

    return Page(
        shown,
        len(chosen),
        cursor(shown[-1]) if shown and first + len(shown) < len(chosen) else None,
        first,
        cursor(shown[0]) if shown and first else None,
    )


def _by_name(chosen: Sequence[str], query: Query) -> tuple[int, Sequence[str]]:
    """How many stand before the page, and its brands; *chosen* is in order."""

    def key(brand: str) -> Place:
        return (False, 0, folded(brand), brand)

    start, end = query.offset, len(chosen)
    if query.before is not None:
        end = bisect_left(chosen, query.before, key=key)
        start = max(0, end - query.limit)
    elif query.after is not None:
        start = bisect_right(chosen, query.after, key=key)
    return start, chosen[start : min(end, start + query.limit)]


def _by_number(chosen: Sequence[str], query: Query, known: Known) -> tuple[int, Sequence[str]]:
    """The same; not sorted as a whole, since of thousands one page is shown."""
    places = [place_of(query.sort, known, brand) for brand in chosen]
    if query.before is not None:
        ahead = [place for place in places if place < query.before]
        shown = heapq.nlargest(query.limit, ahead)[::-1]
        return len(ahead) - len(shown), [brand for *_, brand in shown]
    rest = places if query.after is None else [place for place in places if place > query.after]
    passed = len(places) - len(rest) + query.offset
    return passed, [brand for *_, brand in heapq.nsmallest(query.offset + query.limit, rest)[query.offset :]]


def encode_cursor(sort: str, place: Place) -> str:
    """*place* in a list sorted so, as text for an address."""
    without_number, number, _, brand = place
    data = msgspec.json.encode((sort, None if without_number else number, brand))
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_decoder = msgspec.json.Decoder(tuple[str, float | None, str])


def decode_cursor(text: str, sort: str) -> Place:
    """The place that *text* stands for in a list sorted so.

    Raises:
        ProblemError: 400: it is no cursor of ours, or one of a list that is sorted otherwise.
    """
    try:
        padded = text + "=" * (-len(text) % 4) if len(text) <= MAX_CURSOR_CHARS else ""
        data = base64.b64decode(padded.encode(), altchars=b"-_", validate=True)
        sorted_by, number, brand = _decoder.decode(data)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "cursor must be the next of an earlier page; begin without one."
        ) from None
    if sorted_by != sort:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"cursor is of a list sorted by {sorted_by[:20]!r}; begin without one."
        )
    return (number is None and sort != BY_NAME, number or 0, folded(brand), brand)
