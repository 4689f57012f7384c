"""What the pages show, from ordinary and from absurd documents."""

from __future__ import annotations

import json

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from orchestrator.contract.summary import SpikeEpisode
from orchestrator.http.documents import SentimentSums, parse_summary
from orchestrator.http.problems import ProblemError
from orchestrator.http.view import brand_view, episode_rows, mood, number, share_in_words, shares, signed, time_of
from tests.http.conftest import summary_document
from tests.json_values import json_values


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1480, "1,480"), (500.25, "500.2"), (12.0, "12"), (1e300, "1e+300"), (-3.5, "-3.5")],
)
def test_number_reads_well(value: float, text: str) -> None:
    """Groups of thousands, one decimal at most, and no three hundred digits."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text", "word"),
    [
        (None, "\N{EN DASH}", "none"),
        (0.2846, "+0.28", "positive"),
        (-0.3, "\N{MINUS SIGN}0.30", "negative"),
        (0.01, "+0.01", "balanced"),
    ],
)
def test_signed_and_mood_agree(value: float | None, text: str, word: str) -> None:
    """A sentiment value has a sign and a word."""
    assert (signed(value), mood(value)) == (text, word)


@pytest.mark.parametrize("text", ["", None, "yesterday", "9999-99-99", "0001-01-01T00:00:00+23:59"])
def test_time_of_ignores_what_is_no_time(text: str | None) -> None:
    """A broken date leaves a gap on the page and nothing else."""
    assert time_of(text) is None


def test_time_of_converts_to_utc() -> None:
    """Offsets are resolved."""
    time = time_of("2026-03-01T12:00:00+02:00")
    assert time is not None
    assert (time.iso, time.text) == ("2026-03-01T10:00:00Z", "01 Mar 2026, 10:00 UTC")


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, finite)
def test_shares_fill_the_bar(positive: float, neutral: float, negative: float) -> None:
    """Whatever the amounts, the parts lie side by side and end at 100, or there are none."""
    parts = shares(SentimentSums(positive, neutral, negative))
    if parts:
        assert [part.name for part in parts] == ["positive", "neutral", "negative"]
        assert all(0 <= part.percent <= 100 for part in parts)
        assert parts[-1].start + parts[-1].percent == pytest.approx(100, abs=0.05)


def test_brand_view_shows_the_document() -> None:
    """A summary's parts arrive on the page."""
    view = brand_view(parse_summary(json.dumps(summary_document("nike")).encode()))
    assert (view.mentions, view.chunks, view.story_count, view.net) == ("1,480", "12", "2", "+0.28")
    assert [(row.topic, row.percent, row.change) for row in view.topics] == [
        ("launch", 100.0, "+61 %"),
        ("price", 45.56, "\N{MINUS SIGN}12 %"),
        ("delivery", 18.89, "±0 %"),
    ]


@pytest.mark.parametrize(
    ("part", "said"), [(0, "0 %"), (0.5, "less than 1 %"), (12.4, "12 %"), (100, "100 %"), (101, "")]
)
def test_a_share_is_of_a_whole_that_holds_it(part: float, said: str) -> None:
    """What cannot be a part is no percentage."""
    assert share_in_words(part, 100.0) == said
    assert share_in_words(part, 0.0) == ""


def test_brand_view_tells_of_implausible_chunks() -> None:
    """Their number, or nothing: older summaries do not have the field."""
    document = summary_document("nike")
    assert brand_view(parse_summary(json.dumps(document).encode())).implausible == ""
    document["implausibleChunks"] = 1200
    assert brand_view(parse_summary(json.dumps(document).encode())).implausible == "1,200"


def test_brand_view_explains_an_open_episode() -> None:
    """Observed and expected mentions stand side by side; a missing number is a dash."""
    document = summary_document("nike") | {"spike": {"timestamp": "2026-03-01T11:00:00Z", "mentionCount": 400}}
    notice = brand_view(parse_summary(json.dumps(document).encode())).spike
    assert notice is not None
    assert (notice.mentions, notice.expected) == ("400", "\N{EN DASH}")


def test_brand_view_says_what_an_open_episode_is_about() -> None:
    """Drivers in words; what has another shape is left out, and the notice stays."""
    drivers = {"stories": [{"id": "s", "label": "Battery <b>", "mentions": 380, "usual": 12.0}], "netSentiment": -0.8}
    for value, about in ((drivers, 2), ({"stories": "x"}, 0), (7, 0)):
        document = summary_document("nike") | {"spike": {"mentionCount": 400, "drivers": value}}
        notice = brand_view(parse_summary(json.dumps(document).encode())).spike
        assert notice is not None
        assert len(notice.about) == about
        assert not about or notice.about[0] == "About “Battery <b>” (380 mentions instead of 12)."


JSON = json_values(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | st.text(max_size=20),
    st.text(max_size=8),
    max_size=3,
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(summary_document("x"))), JSON, max_size=6))
def test_brand_view_survives_every_document_that_parses(changes: dict[str, object]) -> None:
    """A document either is refused as a whole or can be shown."""
    try:
        document = parse_summary(json.dumps(summary_document("nike") | changes).encode())
    except ProblemError:
        event("refused")
        return
    event("shown")
    brand_view(document)


def test_episode_rows_are_newest_first() -> None:
    """An open episode has no end; a closed one has both."""
    closed = SpikeEpisode("2026-03-01T12:00:00Z", 52.5, 400, 40.0, 80.25, 130, 900, "2026-03-01T13:00:00Z")
    still_open = SpikeEpisode("2026-03-02T12:00:00Z", 41.0, 90, 40.0, 20.0, 60, 900)
    rows = episode_rows([closed, still_open])
    assert [(row.mentions, row.expected, row.score, row.ended is None) for row in rows] == [
        ("90", "20", "41", True),
        ("400", "80.2", "52.5", False),
    ]


@pytest.mark.parametrize(
    ("mentions", "in_chunks_of", "shown"),
    [(9, 0, "9"), (0, 0, "0"), (1200, 1200, "in chunks of 1,200"), (9, 1200, "9, and in chunks of 1,200")],
)
def test_topics_tell_what_is_counted(mentions: int, in_chunks_of: int, shown: str) -> None:
    """The size of the chunks that named a topic is not taken for its mentions."""
    document = summary_document("nike")
    document["topics"] = [{"topic": "launch", "mentions": mentions, "inChunksOf": in_chunks_of}]
    [row] = brand_view(parse_summary(json.dumps(document).encode())).topics
    assert row.mentions == shown
