"""Real oddities of workers (``tests/data/cases``): what they amount to; the values are worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.brand.outputs import FoldConfig, FoldReport
from orchestrator.brand.panes import LATE, RETIMED, ZONELESS, stamp
from orchestrator.brand.state import BrandState
from tests.brand.support import DAY_MS, MINUTE_MS, summary_of
from tests.contract.test_cases import case

SENT_MS = int(datetime(2026, 11, 27, 4, 22, 39, tzinfo=UTC).timestamp()) * 1000
"""When the chunks of ``c05_times`` were made, to the second."""

MIDNIGHT_MS = SENT_MS - (4 * 60 + 22) * MINUTE_MS - 39_000
ARRIVAL_MS = SENT_MS + 10 * MINUTE_MS
ARRIVED = (ARRIVAL_MS, RETIMED)

TIMES = {
    "t-iso": (SENT_MS + 458, 0),
    "t-epoch_s": (SENT_MS + 458, 0),
    "t-epoch_ms": (SENT_MS + 458, 0),
    "t-epoch_s_str": (SENT_MS, 0),
    "t-epoch_ms_str": (SENT_MS + 458, 0),
    "t-nano": (SENT_MS + 123, 0),
    "t-space": (SENT_MS, ZONELESS),
    "t-spaceUTC": (SENT_MS, 0),
    "t-offs0530": (SENT_MS + 458, 0),
    "t-offs-0800c": (SENT_MS, 0),
    "t-offs-08": (SENT_MS, 0),
    "t-rfc2822": (SENT_MS, 0),
    "t-rfc2822gmt": (SENT_MS, 0),
    "t-twitter": ARRIVED,  # a form of one service, and of a tweet, not of a chunk
    "t-dateonly": (MIDNIGHT_MS, ZONELESS),
    "t-lower": (SENT_MS, 0),
    "t-comma": (SENT_MS + 123, 0),
    "t-pad": (SENT_MS, 0),
    "t-iana": (SENT_MS, 0),
    "t-us": ARRIVED,  # November 27th here, but 11/10/2026 would be a guess
    "t-null": ARRIVED,
    "t-week": (MIDNIGHT_MS, ZONELESS),  # Friday of week 48
    "t-basic": (SENT_MS, 0),
    "t-leap": (SENT_MS + 21_000, 0),  # 04:22:60 is 04:23:00
    "t-nosec": (SENT_MS - 39_000, 0),
    "t-h24": ARRIVED,  # the end of the day, and so nearly 20 hours ahead
}


def test_every_time_is_read_or_is_the_arrival() -> None:
    """The forms of one instant agree, and what says no time clearly counts as it arrives."""
    chunks = case("c05_times").chunks
    assert {chunk.chunk_id: stamp(chunk.processed_at, ARRIVAL_MS, DAY_MS) for chunk in chunks} == TIMES


def test_local_times_without_a_zone_are_counted() -> None:
    """New York's is taken for UTC, five hours back; Tokyo's would be nine hours ahead, so the arrival counts."""
    arrival_ms = int(datetime(2026, 11, 27, 9, 34, tzinfo=UTC).timestamp()) * 1000
    state = BrandState.empty(FoldConfig())
    report = state.fold(case("c21_naive_local"), arrival_ms)
    assert report == FoldReport(2, 20, 2, retimed=1, zoneless=2, oldest_ms=arrival_ms - 5 * 3_600_000)
    new_york, tokyo = sorted(story["lastSeen"] for story in summary_of(state, arrival_ms)["clusters"])
    assert (new_york, tokyo) == ("2026-11-27T04:34:00.000Z", "2026-11-27T09:34:00.000Z")


@pytest.mark.parametrize(("days", "odd"), [(0, 0), (2, LATE), (7, LATE), (8, RETIMED)])
def test_old_chunks_count_where_they_belong(days: int, odd: int) -> None:
    """In the window, in the trend of today and seven days before, and only then as of now."""
    now_ms = ARRIVAL_MS + days * DAY_MS
    assert stamp("2026-11-27T04:22:39Z", now_ms, DAY_MS) == (now_ms if odd == RETIMED else SENT_MS, odd)


SENTIMENTS = {
    # percent of 3 x 20: 4 + 4 + 4.28, 6 + 6 + 5.72, 3 x 10; the score likewise, -6 - 6 - 5.72
    "c01_percent": (60, [12.28, 17.72, 30, -17.72], 0),
    # 4 + 4.02 + 3, 6 + 5.98 + 7, 3 x 10, 3 x -30 %
    "c26_percent_whole_or_not": (60, [11.02, 18.98, 30, -18], 0),
    # sums of probabilities, 20 each: once of 20 mentions, once of 7 (which is much, but not four times as many)
    "c28_float_counts": (27, [24.8, 6.6, 8.6, 16.2], 0),
    # shares of 4 x 20 mentions; means of 2.1 and 35 are none from -1 to 1
    "c29_score_scales": (80, [16, 24, 40, 20 * (-0.4 + 0.3 + 2.1 + 35)], 2),
    "m_cluster_gt_meta": (10, [5, 3, 2, 3], 1),  # a cluster of 500
    "m_count_lt_list": (1, [0.5, 0.3, 0.2, 0.3], 0),
    "m_zero_meta": (0, [0, 0, 0, 0], 1),  # a cluster of 20
    "s_indep_probs": (100, [50, 43.75, 6.25, 70], 0),  # of 1.6 in all
    "s_less_than": (1000, [2, 1, 1, 1], 0),
    "s_more_than": (10, [5, 3, 2, 3], 0),  # adds up to 100: percent
    "s_no_neutral": (100, [60, 0, 40, 20], 0),
    "s_score_0_100": (100, [60, 20, 20, 7200], 1),
    "s_score_only": (100, [0, 0, 0, -0.7], 0),  # nothing is rated, so it is a sum and no mean
    "s_zero_shares": (100, [0, 0, 0, 0], 0),
}
"""Mentions; positive, neutral, negative and score; implausible chunks."""


@pytest.mark.parametrize("name", SENTIMENTS)
def test_sentiment_is_brought_to_mentions(name: str) -> None:
    """Each unit is read as what it is, and what cannot be right is counted and said to be implausible."""
    state = BrandState.empty(FoldConfig())
    report = state.fold(case(name), ARRIVAL_MS)
    summary = summary_of(state, ARRIVAL_MS)
    mentions, sentiment, implausible = SENTIMENTS[name]
    assert summary["totalMentions"] == mentions
    assert list(summary["sentiment"].values()) == pytest.approx(sentiment, abs=1e-8)
    assert (summary["implausibleChunks"], report.implausible) == (implausible, implausible)


def test_implausible_chunks_leave_with_the_window() -> None:
    """They are counted pane by pane, survive a restart, and are forgotten a day later."""
    state = BrandState.empty(FoldConfig())
    state.fold(case("c29_score_scales"), ARRIVAL_MS)
    state = BrandState.load(FoldConfig(), dict(state.take_changes().put))
    assert summary_of(state, ARRIVAL_MS + DAY_MS)["implausibleChunks"] == 2
    assert summary_of(state, ARRIVAL_MS + DAY_MS + 15 * MINUTE_MS)["implausibleChunks"] == 0
