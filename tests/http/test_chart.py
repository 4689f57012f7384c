"""The trend's bars: one a slot, stacked by sentiment, empty slots included."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.insights import Trend, TrendPoint
from orchestrator.http.chart import DAYS, HOURS, trend_charts

NOW = datetime(2026, 3, 1, 12, 40, tzinfo=UTC)


def point(start: str, mentions: int, positive: float = 0, neutral: float = 0, negative: float = 0) -> TrendPoint:
    """A point of the trend."""
    return TrendPoint(start, 1, mentions, positive, neutral, negative, 0.0, None)


def test_trend_charts_without_mentions_draw_nothing() -> None:
    """An empty trend, or one of zeros, has no chart."""
    assert trend_charts(Trend([], []), NOW) == ()
    assert trend_charts(Trend([point("2026-03-01T12:00:00Z", 0)], []), NOW) == ()


def test_trend_charts_have_a_bar_for_every_slot() -> None:
    """The newest slot is the current hour or day, the oldest 47 hours or 7 days back."""
    hours, days = trend_charts(Trend([point("2026-03-01T12:00:00Z", 5)], [point("2026-02-22T00:00:00Z", 7)]), NOW)
    assert (len(hours.bars), hours.first, hours.last) == (HOURS, "27 Feb, 13:00", "01 Mar, 12:00")
    assert (len(days.bars), days.first, days.last) == (DAYS, "22 Feb", "01 Mar")
    assert [bool(bar.parts) for bar in hours.bars] == [False] * (HOURS - 1) + [True]
    assert [bool(bar.parts) for bar in days.bars] == [True] + [False] * (DAYS - 1)


def test_trend_charts_stack_the_sentiment() -> None:
    """The tallest bar fills the height; a bar half as tall has parts half as high."""
    [chart] = trend_charts(
        Trend(
            [point("2026-03-01T11:00:00Z", 40, 10, 10, 20), point("2026-03-01T12:00:00Z", 20, 20)],
            [],
        ),
        NOW,
    )
    tall, short = chart.bars[-2:]
    assert [(part.name, part.y, part.height) for part in tall.parts] == [
        ("positive", 75, 25),
        ("neutral", 50, 25),
        ("negative", 0, 50),
    ]
    assert short.parts[0].height == 50
    assert chart.described == "Last 48 hours: 60 mentions, at most 40 in one bar"


def test_trend_charts_show_mentions_without_sentiment_as_neutral() -> None:
    """Volume is drawn even where nobody rated it."""
    [chart] = trend_charts(Trend([point("2026-03-01T12:00:00Z", 5)], []), NOW)
    assert [(part.name, part.height) for part in chart.bars[-1].parts if part.height] == [("neutral", 100)]


@given(
    st.lists(
        st.builds(
            point,
            st.sampled_from([f"2026-03-01T{hour:02}:00:00Z" for hour in range(13)]) | st.text(max_size=8),
            st.integers(-5, 10**9),
            *[st.floats(0, 1e9)] * 3,
        ),
        max_size=6,
    )
)
def test_trend_charts_stay_inside_their_frame(points: list[TrendPoint]) -> None:
    """Whatever the points, every rectangle lies within the picture."""
    for chart in trend_charts(Trend(points, []), NOW):
        for bar in chart.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= 100
            for part in bar.parts:
                assert part.height >= 0
                assert part.y == pytest.approx(max(0.0, part.y), abs=0.05)
