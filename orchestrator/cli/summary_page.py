"""A summary as a page for people; pure: a document and the time in, renderables out.

Everything in it comes from outside and is shown as plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.cli.terminal import ROOMY, counted, make_table, minute, plain
from orchestrator.contract.summary import SentimentTotals, SpikeEpisode, Summary, TopicTotal

STORIES_SHOWN = 15
TOPICS_SHOWN = 10
CHUNK_TEXTS_SHOWN = 5

_BAR_CELLS = 30
_NOTABLE_SENTIMENT = 0.05  # below it a mean is called neutral, as sentiment tools do
_UNITS_S = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


IMPLAUSIBLE_REMEDY = "let workers set sentiment.unit (counts, shares or percent) and check meta.mentionCount"


def implausible(chunks: int) -> str:
    """So many *chunks* with numbers that cannot be right, in words."""
    return f"{counted(chunks, 'implausible chunk')} in the window: numbers that cannot be right"


def make_page(summary: Summary, now_ms: int, width: int = ROOMY) -> Group:
    """The page of *summary* at *now_ms*, for a terminal of so many columns."""
    blocks: list[RenderableType] = [_head(summary, now_ms), Text()]
    blocks += _sentiment(summary)
    if summary.spike is not None:
        blocks += [Text(), plain(_spike_line(summary.spike), "bold red")]
    if summary.topics:
        blocks += [Text(), Text("Topics", "bold underline"), _topics(summary)]
    if summary.clusters:
        shown = min(STORIES_SHOWN, len(summary.clusters))
        title = f"Stories ({shown} of {summary.cluster_count:,})"
        blocks += [Text(), Text(title, "bold underline"), _stories(summary, now_ms, width)]
    if summary.summary:
        blocks += [Text(), Text("In words", "bold underline"), *map(plain, summary.summary.splitlines())]
    if summary.chunk_summaries:
        blocks += [Text(), Text("Latest chunks", "bold underline"), *_chunk_texts(summary)]
    return Group(*blocks)


def age(since: str, now_ms: int) -> str:
    """How long ago *since* (ISO 8601) was: ``12 s ago``; the text itself if it is no time."""
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        return since
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = max(0, round(now_ms / 1_000 - moment.timestamp()))
    size, unit = next(((size, unit) for size, unit in _UNITS_S if seconds >= size), (1, "s"))
    return f"{seconds // size} {unit} ago"


def _head(summary: Summary, now_ms: int) -> Text:
    flag = Text("  SPIKE", "bold red") if summary.spike_detected else Text()
    lines = [
        Text.assemble(plain(summary.brand, "bold"), flag),
        plain(f"{counted(summary.total_mentions, 'mention')} in {counted(summary.total_chunks, 'chunk')}"),
        plain(f"{minute(summary.window_start)} to {minute(summary.window_end)} UTC", "dim"),
        plain(f"generated {age(summary.generated_at, now_ms)}, version {summary.version}", "dim"),
    ]
    if summary.implausible_chunks:
        lines.append(plain(implausible(summary.implausible_chunks), "yellow"))
        lines.append(plain(f"→ {IMPLAUSIBLE_REMEDY}", "italic"))
    return Text("\n").join(lines)


def _sentiment(summary: Summary) -> Iterator[RenderableType]:
    totals = summary.sentiment
    whole = totals.positive + totals.neutral + totals.negative
    net = summary.net_sentiment
    yield Text.assemble(("Sentiment  ", "bold"), Text("no mentions" if net is None else f"{net:+.2f}", _colour(net)))
    if whole > 0:
        yield Padding(_bar(totals, whole), (0, 0, 0, 2))


def _bar(totals: SentimentTotals, whole: float) -> Text:
    parts = (
        ("positive", totals.positive, "green"),
        ("neutral", totals.neutral, "dim"),
        ("negative", totals.negative, "red"),
    )
    bar = Text()
    legend = Text()
    for name, value, style in parts:
        share = max(0.0, value) / whole
        bar.append({"green": "█", "dim": "░", "red": "▓"}[style] * round(share * _BAR_CELLS), style)
        legend.append(f"  {share:.0%} {name}", style)
    return Text.assemble(bar, legend)


def _topics(summary: Summary) -> Table:
    table = make_table("Topic", "Mentions", "Change", right=("Mentions", "Change"))
    for topic in summary.topics[:TOPICS_SHOWN]:
        change = "" if topic.change is None else f"{topic.change:+.0%}"
        table.add_row(plain(topic.topic), _topic_mentions(topic), Text(change, _colour(topic.change)))
    return table


def _topic_mentions(topic: TopicTotal) -> str:
    """What is counted, and what is only known of the chunks, so that nobody takes one for the other."""
    counted, chunks = f"{topic.mentions:,}", f"in chunks of {topic.in_chunks_of:,}"
    if not topic.in_chunks_of:
        return counted
    return chunks if topic.mentions == topic.in_chunks_of else f"{counted}, and {chunks}"


def _stories(summary: Summary, now_ms: int, width: int) -> Table:
    numbers = ("Mentions", "Sentiment", "Clusters")
    # Where lines are short, the story itself has to have the room that the rest would take.
    names = ("Story", *numbers, "Last seen", "") if width >= ROOMY else ("Story", "Mentions", "Net", "")
    table = make_table(*names, right=(*numbers, "Net"))
    for story in summary.clusters[:STORIES_SHOWN]:
        score = story.sentiment_score
        seen = (f"{story.members:,}", plain(age(story.last_seen, now_ms), "dim")) if width >= ROOMY else ()
        table.add_row(
            plain(story.label),
            f"{story.mentions:,}",
            Text("" if score is None else f"{score:+.2f}", _colour(score)),
            *seen,
            Text("spike", "bold red") if story.spike else "",
        )
    return table


def _chunk_texts(summary: Summary) -> Iterator[Text]:
    for text in summary.chunk_summaries[:CHUNK_TEXTS_SHOWN]:
        yield Text.assemble("· ", plain(text))
    left = len(summary.chunk_summaries) - CHUNK_TEXTS_SHOWN
    if left > 0:
        yield Text(f"  and {left} more", "dim")


def _spike_line(spike: SpikeEpisode) -> str:
    return (
        f"Spike since {minute(spike.timestamp)} UTC: {spike.mention_count:,} mentions in {spike.window_sec // 60} min,"
        f" {spike.expected:,.1f} expected, score {spike.spike_score:.0f}"
    )


def _colour(value: float | None) -> str:
    if value is None or abs(value) < _NOTABLE_SENTIMENT:
        return ""
    return "green" if value > 0 else "red"
