"""The summary as a page and as a document, and why there is none."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import redis
from rich.console import Console

from orchestrator.cli.summary_page import age, make_page
from orchestrator.cli.terminal import ROOMY
from orchestrator.contract.keys import MEMBERS_KEY, PARKED_KEY, BrandKeys
from orchestrator.contract.pauses import resuming
from orchestrator.contract.summary import SentimentTotals, SpikeEpisode, StoryTotal, Summary, TopicTotal
from orchestrator.fleet.parking import Code, Parked, remedy
from orchestrator.store import pauses
from orchestrator.store.members import Told, beat
from orchestrator.store.parked import encode
from tests.cli.conftest import Invoke

NOW = "2026-11-23T10:00:30.000Z"
NOW_MS = 1_795_428_030_000
EVIL = "\x1b[2J\u202e[bold]x[/bold]"

STORY = StoryTotal(
    id="launch",
    label="Launch Buzz",
    mentions=1_234,
    spike=True,
    sentiment_score=0.5,
    members=3,
    first_seen="2026-11-23T08:00:00.000Z",
    last_seen="2026-11-23T09:58:30.000Z",
)
SPIKE = SpikeEpisode("2026-11-23T09:45:00.000Z", 52.4, 90, 40.0, 20.25, 60, 900)


def summary(brand: str = "nike", **changes: Any) -> Summary:
    """Return a full summary, with *changes*."""
    full = Summary(
        brand=brand,
        generated_at="2026-11-23T10:00:18.000Z",
        total_chunks=2,
        total_mentions=8,
        sentiment=SentimentTotals(5, 2, 1, 4),
        dominant_topics=["launch"],
        clusters=[STORY],
        spike_detected=True,
        summary="Notable mentions: Launch Buzz\nKey topics: launch",
        chunk_summaries=[f"text {number}" for number in range(7)],
        schema_version=1,
        version=12,
        epoch=3,
        window_start="2026-11-22T10:00:00.000Z",
        window_end=NOW,
        net_sentiment=0.5,
        topics=[TopicTotal("launch", 8, 0.25), TopicTotal("prices", 1, None), TopicTotal("size", 99, None, 99)],
        cluster_count=40,
        spike=SPIKE,
    )
    return msgspec.structs.replace(full, **changes)


def page(document: Summary, width: int = 120) -> str:
    """Return the page as text."""
    console = Console(width=width, record=True, markup=False, highlight=False, file=None, quiet=False)
    with console.capture() as capture:
        console.print(make_page(document, NOW_MS, width))
    return capture.get()


@pytest.mark.parametrize("width", [40, ROOMY - 1, ROOMY, 80])
def test_stories_have_room_on_narrow_terminals(width: int) -> None:
    """A label of some words is broken between them, not within: no line of its column is a letter wide."""
    story = msgspec.structs.replace(STORY, label="Battery complaints after update")
    lines = page(summary(clusters=[story]), width).splitlines()
    assert all(len(line) <= width for line in lines)
    for word in story.label.split():
        assert any(word in line for line in lines), word
    assert any("spike" in line for line in lines)


def test_page_tells_of_implausible_chunks() -> None:
    """How many there are and what would help, and nothing where there are none."""
    assert "implausible" not in page(summary())
    text = page(summary(implausible_chunks=1))
    assert "1 implausible chunk in the window: numbers that cannot be right" in text
    assert "sentiment.unit" in text


def test_page_tells_everything_of_note() -> None:
    """Totals, sentiment, topics with change, stories, spike, text and latest chunks are on it."""
    shown = page(summary())
    for text in (
        *("nike  SPIKE", "8 mentions in 2 chunks", "generated 12 s ago, version 12", "+0.50"),
        *("62% positive", "25% neutral", "12% negative", "launch", "+25%", "Stories (1 of 40)", "Launch Buzz", "1,234"),
        *(
            "2 min ago",
            "90 mentions in 15 min, 20.2 expected, score 52",
            "Key topics: launch",
            "in chunks of 99",
            "text 4",
            "and 2 more",
        ),
    ):
        assert text in shown, text
    assert "text 5" not in shown


def test_page_of_an_empty_summary_is_short() -> None:
    """A quiet brand has no tables, and no division by zero."""
    quiet = summary(
        total_chunks=0,
        total_mentions=0,
        sentiment=SentimentTotals(0, 0, 0, 0),
        clusters=[],
        topics=[],
        spike=None,
        spike_detected=False,
        net_sentiment=None,
        chunk_summaries=[],
        summary="",
    )
    assert "no mentions" in page(quiet)
    assert "Stories" not in page(quiet)


def test_page_shows_untrusted_text_as_text() -> None:
    """No field can send an escape sequence, reorder text or use markup."""
    story = msgspec.structs.replace(STORY, label=EVIL, last_seen=EVIL)
    topic = TopicTotal(EVIL, 1, None)
    evil = summary(
        brand=EVIL, clusters=[story], topics=[topic], summary=EVIL, chunk_summaries=[EVIL], generated_at=EVIL
    )
    shown = page(msgspec.structs.replace(evil, window_start=EVIL, window_end=EVIL))
    assert "".join(shown.splitlines()).isprintable()
    assert shown.count("[bold]x[/bold]") >= 6


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        (NOW, "0 s ago"),
        ("2026-11-23T10:01:00Z", "0 s ago"),
        ("2026-11-23T09:59:31Z", "59 s ago"),
        ("2026-11-23T09:00:30", "1 h ago"),
        ("2026-11-20T10:00:30+00:00", "3 d ago"),
        ("soon", "soon"),
    ],
)
def test_age_is_rounded_for_people(since: str, shown: str) -> None:
    """One unit is enough; a clock that is ahead shows no negative age, a text that is no time stays."""
    assert age(since, NOW_MS) == shown


def test_summary_prints_page_or_document(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """The page by default, with --json what readers get."""
    stored = msgspec.json.encode(summary(brand))
    redis_client.set(BrandKeys.of(brand).summary, stored)
    assert f"{brand}  SPIKE" in invoke("summary", brand).stdout
    assert json.loads(invoke("summary", brand, "--json").stdout) == json.loads(stored)


def test_summary_of_another_shape_is_shown_as_json_alone(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """An older program's document is no traceback; the remedy is named."""
    redis_client.set(BrandKeys.of(brand).summary, b'{"brand": "\\u001b[2J"}')
    result = invoke("summary", brand)
    assert result.exit_code == 1
    assert "--json shows it" in result.stderr
    assert invoke("summary", brand, "--json").stdout == '{"brand": "\\u001b[2J"}\n'


def test_summary_that_is_no_json_fails(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Even then one line and an exit code."""
    redis_client.set(BrandKeys.of(brand).summary, b"\xff\x00")
    assert invoke("summary", brand).exit_code == 1
    assert (
        invoke("summary", brand, "--json").stderr == "Error: the stored summary is not JSON: another program wrote it\n"
    )


def test_missing_summary_says_why(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Not registered, not yet folded, or nothing came: each has its own remedy."""
    redis_client.rpush(BrandKeys.of(brand).queue, "1")
    assert "it is not registered" in invoke("summary", brand).stderr
    invoke("brands", "add", brand)
    assert "1 chunk queued; is an orchestrator running?" in invoke("summary", brand).stderr
    redis_client.delete(BrandKeys.of(brand).queue)
    result = invoke("summary", brand)
    assert "no chunk has come for it" in result.stderr
    assert result.exit_code == 1


def test_summary_of_a_paused_brand_says_so(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Beside the page, and where there is none; readers of the document get it as it is."""
    invoke("brands", "add", brand)
    redis_client.rpush(BrandKeys.of(brand).queue, "1")
    pauses.pause(redis_client, [brand], by="ops@host", reason="why")
    missing = invoke("summary", brand).stderr
    redis_client.set(BrandKeys.of(brand).summary, "{}")
    shown = invoke("summary", "--json", brand)
    pauses.resume(redis_client, [brand])
    assert "yet: it is paused by ops@host since" in missing
    assert f": why; '{resuming(brand)}' lets it go on; 1 chunk of it waits" in missing
    assert shown.stdout == "{}\n"
    assert "is paused by ops@host since" in shown.stderr
    assert "paused" not in invoke("summary", "--json", brand).stderr


def test_summary_says_why_a_brand_does_not_go_on(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """With what helps, as every other surface; also beside a summary, whose numbers are of before."""
    keys = BrandKeys.of(brand)
    invoke("brands", "add", brand)
    redis_client.rpush(keys.queue, "1")
    told = Told("o-1", "1", 4, msgspec.Raw(b"{}"), 1, 0)
    beat(redis_client, "00000000000000aa", 0, told)
    redis_client.hset(PARKED_KEY, brand, encode(Parked(Code.META, "its epoch is wrong", 1, "00000000000000aa")))
    missing = invoke("summary", brand).stderr
    redis_client.set(keys.summary, json.dumps({"brand": brand}))
    there = invoke("summary", brand, "--json").stderr
    redis_client.delete(PARKED_KEY, MEMBERS_KEY, keys.queue, keys.summary)
    for text in (missing, there):
        assert f"Its epoch is wrong: {remedy(Code.META, brand)}".lower() in text.lower()
    assert "1 chunk queued" in missing
    assert "is an orchestrator running" not in missing
