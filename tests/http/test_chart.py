"""The chart: a bar a slot, stacked by sentiment, a scale of round numbers, what was expected, and episodes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from orchestrator.contract.insights import ExpectedHour, Trend, TrendPoint
from orchestrator.contract.summary import SpikeEpisode
from orchestrator.http.chart import Chart, draw
from orchestrator.http.period import Period

NOW = datetime(2026, 3, 1, 12, 40, tzinfo=UTC)


def point(start: str, mentions: int, positive: float = 0, neutral: float = 0, negative: float = 0) -> TrendPoint:
    """A point of the trend."""
    return TrendPoint(start, 1, mentions, positive, neutral, negative, 0.0, None)


def episode(start: str, end: str | None) -> SpikeEpisode:
    """One of 90 mentions where 10 were expected."""
    return SpikeEpisode(start, 50.0, 90, 34.0, 10.0, 40, 900, UNSET if end is None else end)


def chart_of(trend: Trend, *episodes: SpikeEpisode, period: Period = Period.TWO_DAYS) -> Chart:
    """A chart that there is."""
    chart = draw(trend, episodes, period, NOW)
    assert chart is not None
    return chart


def test_nothing_is_drawn_where_nothing_was_said() -> None:
    """An empty trend, or one of zeros, has no chart."""
    assert draw(Trend([], []), [], Period.DAY, NOW) is None
    assert draw(Trend([point("2026-03-01T12:00:00Z", 0)], []), [], Period.DAY, NOW) is None


def test_every_slot_has_a_bar_with_its_value_in_words() -> None:
    """Also one without mentions; it leads to its own beginning."""
    chart = chart_of(Trend([point("2026-03-01T12:00:00Z", 5, 5)], []))
    assert [bool(bar.parts) for bar in chart.bars] == [False] * 47 + [True]
    assert chart.bars[0].words == "Fri 27 Feb, 13:00 to 14:00 UTC: no mentions"
    assert chart.bars[-1].words == "Sun 1 Mar, 12:00 to 13:00 UTC: 5 mentions, net sentiment +1.00"
    assert chart.described.startswith("5 mentions in the last 48 hours, at most 5 in an hour (Sun 1 Mar, 12:00")


def test_parts_stack_up_to_the_scale() -> None:
    """A bar of 40 under a scale to 40 is full, one of 20 is half as high; its parts are shares."""
    hours = [point("2026-03-01T11:00:00Z", 40, 10, 10, 20), point("2026-03-01T12:00:00Z", 20, 20)]
    chart = chart_of(Trend(hours, []))
    tall, short = chart.bars[-2:]
    assert [tick.text for tick in chart.scale] == ["0", "10", "20", "30", "40"]
    assert [(part.name, part.y, part.height) for part in tall.parts] == [
        ("positive", 75, 25),
        ("neutral", 50, 25),
        ("negative", 0, 50),
    ]
    assert [part.height for part in short.parts if part.height] == [50]


def test_mentions_without_sentiment_are_neutral() -> None:
    """Volume is drawn even where nobody rated it."""
    chart = chart_of(Trend([point("2026-03-01T12:00:00Z", 4)], []))
    assert [(part.name, part.height) for part in chart.bars[-1].parts if part.height] == [("neutral", 100)]


@pytest.mark.parametrize(
    ("highest", "texts"),
    [
        (1, ["0", "1"]),
        (7, ["0", "2", "4", "6", "8"]),
        (1_290, ["0", "500", "1,000", "1,500"]),
        (38_000, ["0", "10k", "20k", "30k", "40k"]),
        (5_100_000, ["0", "2M", "4M", "6M"]),
    ],
)
def test_the_scale_has_round_numbers(highest: int, texts: list[str]) -> None:
    """Its last line is above the highest bar."""
    assert [tick.text for tick in chart_of(Trend([point("2026-03-01T12:00:00Z", highest)], [])).scale] == texts


def test_what_was_expected_lies_under_the_bars() -> None:
    """In an hour without mentions, too; a slot of which an hour is not known has no band."""
    expected = [ExpectedHour(f"2026-03-01T{hour:02}:00:00Z", 10.0, 30) for hour in range(10, 13)]
    trend = Trend([point("2026-03-01T12:00:00Z", 40)], [], expected)
    chart = chart_of(trend)
    assert [bar.usual_y for bar in chart.bars[-4:]] == [None, 75, 75, 75]
    assert [bar.band_y for bar in chart.bars[-4:]] == [None, 25, 25, 25]
    assert chart.bars[-2].words.endswith("no mentions; usual: 10, unusual from 30 on")
    assert chart.banded
    week = chart_of(trend, period=Period.WEEK)
    assert [bar.usual for bar in week.bars[-2:]] == ["", ""]  # 09:00 is not known, 13:00 is not yet


def test_a_high_bound_does_not_flatten_the_bars() -> None:
    """The band may go out of the picture."""
    expected = [ExpectedHour("2026-03-01T12:00:00Z", 10.0, 10_000)]
    chart = chart_of(Trend([point("2026-03-01T12:00:00Z", 100)], [], expected))
    assert chart.scale[-1].text in {"150", "200"}
    assert chart.bars[-1].band_y == 0


def test_episodes_are_marked_where_they_were() -> None:
    """An open one reaches to now; one before the period is not in it."""
    trend = Trend([point("2026-03-01T12:00:00Z", 40)], [])
    past, now = episode("2026-03-01T01:00:00Z", "2026-03-01T02:15:00Z"), episode("2026-03-01T12:15:00Z", None)
    chart = chart_of(trend, episode("2026-02-20T00:00:00Z", "2026-02-20T01:00:00Z"), past, now, period=Period.DAY)
    assert [(mark.slot.iso, mark.open) for mark in chart.marks] == [
        ("2026-03-01T01:00:00Z", False),
        ("2026-03-01T12:00:00Z", True),
    ]
    assert chart.marks[0].x == 50  # 12 of 24 hours
    assert chart.marks[0].words.startswith("Spike episode, Sun 01 Mar, 01:00 to 02:15 UTC: 90 mentions where 10")
    assert chart.kinds == [("▲", "Spike")]


@given(
    st.lists(
        st.builds(
            point,
            st.sampled_from([f"2026-03-01T{hour:02}:00:00Z" for hour in range(13)]) | st.text(max_size=8),
            st.integers(-5, 10**18),
            *[st.floats(-10, 1e300)] * 3,
        ),
        max_size=6,
    ),
    st.lists(
        st.builds(
            ExpectedHour,
            st.sampled_from([f"2026-03-01T{hour:02}:00:00Z" for hour in range(13)]),
            st.floats(allow_nan=False),
            st.integers(-5, 10**18),
        ),
        max_size=6,
    ),
    st.lists(st.builds(episode, st.text(max_size=9), st.none() | st.just("2026-03-01T02:15:00Z")), max_size=3),
    st.sampled_from(Period),
)
def test_all_stays_inside_the_picture(
    points: list[TrendPoint], expected: list[ExpectedHour], episodes: list[SpikeEpisode], period: Period
) -> None:
    """Whatever is stored, every place lies within the plot."""
    chart = draw(Trend(points, [], expected), episodes, period, NOW)
    if chart is None:
        return
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 100.01
        assert all(0 <= part.y <= 100 and 0 <= part.height <= 100.1 for part in bar.parts)
        assert all(place is None or 0 <= place <= 100 for place in (bar.usual_y, bar.band_y))
    assert all(0 <= tick.at <= 100 for tick in [*chart.scale, *chart.times])
    assert len(chart.scale) <= 7


def test_days_are_named_and_hours_between_them() -> None:
    """Midnight has its date; what would be cut off at the edge is left out."""
    trend = Trend([point("2026-03-01T12:00:00Z", 4)], [])
    assert [tick.text for tick in chart_of(trend, period=Period.DAY).times] == ["18:00", "Sun 1", "06:00"]
    days = [tick.text for tick in chart_of(trend, period=Period.WEEK).times]
    assert days == [f"{NOW - timedelta(days=back):%a} {(NOW - timedelta(days=back)).day}" for back in range(7, -1, -1)]
