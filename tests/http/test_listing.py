"""Lists of brands: choice, order and cursors; pure."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet.view import BrandStatus, Standing
from orchestrator.http.directory import Directory
from orchestrator.http.listing import FILTERS, MAX_CURSOR_CHARS, SORTS, Known, Query, decode_cursor, page_of, place_of
from orchestrator.http.numbers import Numbers
from orchestrator.http.problems import ProblemError


def numbers(
    mentions: int = 0,
    *,
    net: float | None = None,
    spiking: bool = False,
    change: float | None = None,
    episodes: tuple[str, ...] = (),
) -> Numbers:
    """Numbers of a summary; it moved as far as it has mentions."""
    return Numbers(
        mentions, net, spiking, mentions, "", "", None, change=change, episodes=episodes, moved=float(mentions)
    )


def known(summaries: dict[str, Numbers], statuses: list[BrandStatus] | None = None) -> Known:
    """What is known of some brands."""
    return Known(summaries, {status.brand: status for status in statuses or []})


ABC = known(
    {
        "a": numbers(5, net=0.5, episodes=("mood",)),
        "b": numbers(50, net=-0.5, spiking=True, change=-0.5),
        "c": numbers(5, change=1.0, episodes=("story",)),
        "f": numbers(0),
    },
    [
        BrandStatus("a", Standing.WAITING, queued=3),
        BrandStatus("b", Standing.PARKED, queued=9, failed=2),
        BrandStatus("c", Standing.PAUSED, queued=None, failed=0),
        BrandStatus("d", Standing.FAILING),
        BrandStatus("e", Standing.IDLE, summarised=True),
    ],
)


@pytest.mark.parametrize(
    ("sort", "brands"),
    [
        ("name", "abcd"),
        ("mentions", "acbd"),
        ("-mentions", "bacd"),
        ("net", "bacd"),
        ("-net", "abcd"),
        ("-spiking", "bacd"),
        ("-waiting", "badc"),
        ("-dead", "bacd"),
        ("-moved", "bacd"),
        ("change", "bcad"),
        ("-change", "cbad"),
    ],
)
def test_lists_are_sorted_by_each_number(sort: str, brands: str) -> None:
    """Names decide between equal ones, in the one order; who has no number comes last, whatever the direction."""
    assert list(page_of("abcd", Query(sort), ABC).brands) == list(brands)


UNUSUAL = [("negative", "ab"), ("silent", "df")]


@pytest.mark.parametrize(
    ("filter_", "brands"),
    [
        ("spiking", "b"),
        ("waiting", "ab"),
        ("dead", "b"),
        ("parked", "b"),
        ("paused", "c"),
        ("failing", "d"),
        ("unusual", "ac"),
        ("negative", "ab"),
        ("silent", "df"),
    ],
)
def test_filters_let_pass_what_they_say(filter_: str, brands: str) -> None:
    """And count it."""
    page = page_of("abcdef", Query(filter=filter_), ABC)
    assert (list(page.brands), page.matching) == (list(brands), len(brands))


def test_every_filter_has_a_row_above() -> None:
    """A new one needs a case."""
    assert set(FILTERS) == {
        "spiking",
        "waiting",
        "dead",
        "parked",
        "paused",
        "failing",
        "unusual",
        "negative",
        "silent",
    }


names = st.lists(st.text("aAäb%İ ", min_size=1, max_size=3).filter(str.strip), min_size=1, max_size=12, unique=True)
some_numbers = st.builds(numbers, st.integers(0, 3), net=st.none() | st.floats(-1, 1))


@given(names, st.data(), st.sampled_from(SORTS), st.integers(1, 4))
def test_pages_one_after_the_other_are_the_whole_list(
    brands: list[str], data: st.DataObject, sort: str, limit: int
) -> None:
    """Each brand once, in order; and so by offset."""
    found = known({brand: data.draw(some_numbers) for brand in brands if data.draw(st.booleans())})
    ordered = Directory().names(brands)
    whole = list(page_of(ordered, Query(sort, limit=100), found).brands)
    assert sorted(whole) == sorted(brands)
    assert whole == sorted(brands, key=lambda brand: place_of(sort, found, brand))
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        by_offset = page_of(ordered, Query(sort, limit=limit, offset=len(walked)), found)
        after = decode_cursor(cursor, sort) if cursor else None
        page = page_of(ordered, Query(sort, limit=limit, after=after), found)
        assert page == by_offset
        walked += page.brands
        cursor = page.next
    assert walked == whole


@given(names, st.data(), st.sampled_from(SORTS), st.integers(1, 4))
def test_pages_lead_back(brands: list[str], data: st.DataObject, sort: str, limit: int) -> None:
    """From the last page to the first one, without a gap; each page says how many brands stand before it."""
    found = known({brand: data.draw(some_numbers) for brand in brands if data.draw(st.booleans())})
    ordered = Directory().names(brands)
    whole = list(page_of(ordered, Query(sort, limit=100), found).brands)
    page = page_of(ordered, Query(sort, limit=limit, offset=max(0, len(brands) - limit)), found)
    walked = list(page.brands)
    while page.previous is not None:
        assert page.first == len(whole) - len(walked)
        page = page_of(ordered, Query(sort, limit=limit, before=decode_cursor(page.previous, sort)), found)
        walked[:0] = page.brands
    assert (walked, page.first) == (whole, 0)


@given(names, st.data(), st.sampled_from(SORTS))
def test_brands_that_come_and_go_move_no_other_one(brands: list[str], data: st.DataObject, sort: str) -> None:
    """Between two pages brands left and others came: who stayed is met once, also if the last one shown has gone."""
    found = known({brand: data.draw(some_numbers) for brand in [*brands, "new", "A new"]})
    first = page_of(Directory().names(brands), Query(sort, limit=3), found)
    stayed = [brand for brand in brands if data.draw(st.booleans())]
    if first.next is not None:
        now = Directory().names(list(dict.fromkeys([*stayed, "new", "A new"])))
        query = Query(sort, limit=100, after=decode_cursor(first.next, sort))
        second = page_of(now, query, found).brands
        assert set(stayed) - set(first.brands) <= set(second)
        assert not set(first.brands) & set(second)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ä",
        "####",
        base64.urlsafe_b64encode(b'["mentions"]').decode(),
        base64.urlsafe_b64encode(b'["mentions", "5", "a"]').decode(),
        base64.urlsafe_b64encode(b'["mentions", 1e999, "a"]').decode(),
        base64.urlsafe_b64encode(b"[" * 700).decode(),
        base64.urlsafe_b64encode(b'["mentions", 5, "%b"]' % (b"a" * MAX_CURSOR_CHARS)).decode(),
    ],
)
def test_a_cursor_that_is_none_is_refused(text: str) -> None:
    """With what to do, and without what was sent."""
    with pytest.raises(ProblemError, match="begin without one"):
        decode_cursor(text, "mentions")


def test_a_cursor_of_another_order_is_refused() -> None:
    """Its place is none in this list."""
    page = page_of("abcd", Query("-mentions", limit=1), ABC)
    assert page.next is not None
    assert decode_cursor(page.next, "-mentions") == place_of("-mentions", ABC, "b")
    with pytest.raises(ProblemError, match="sorted by '-mentions'"):
        decode_cursor(page.next, "mentions")
