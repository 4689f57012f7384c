"""What an episode is about, in words: the same for the alert, the terminal and the page.

Pure. Labels and quotes are foreign text: they come out on one line, without characters that order a direction, between
quotation marks; whoever shows them escapes them for where they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import UnsetType

from orchestrator.contract.summary import Drivers, SpikeEpisode, StoryDriver, TopicDriver

MAX_SHOWN: Final = 3
MAX_CHARS: Final = 160
"""What is stored is shorter; this bounds what somebody else may have stored."""

MAX_COUNT: Final = 10**15


def drivers_of(episode: SpikeEpisode) -> Drivers | None:
    """The drivers of *episode*; None if they are not known."""
    return None if isinstance(episode.drivers, UnsetType) else episode.drivers


def news_in_words(episode: SpikeEpisode) -> str:
    """What an episode of mood or of a story is, as the rest of a sentence that begins with the brand.

    ``mood fell, 60 of 100 mentions in 15 minutes were negative where 20 were expected``,
    ``“Refunds” outgrew the other stories, 90 mentions in 15 minutes where 12 are the most that is usual``.
    """
    minutes = max(1, episode.window_sec // 60)
    count, expected = min(episode.mention_count, MAX_COUNT), min(episode.expected, MAX_COUNT)
    whole = "" if isinstance(episode.of_mentions, UnsetType) else f" of {min(episode.of_mentions, MAX_COUNT):,}"
    if episode.kind == "mood":
        said = f"mood fell, {count:,}{whole} mentions in {minutes} minutes were negative"
        return f"{said} where {expected:,.0f} were expected"
    name = "a story" if isinstance(episode.label, UnsetType) else quoted(episode.label)
    return (
        f"{name} outgrew the other stories, {count:,}{whole} mentions in {minutes} minutes where"
        f" {expected:,.0f} are the most that is usual"
    )


def was_in_words(episode: SpikeEpisode, brand: str) -> str:
    """The name of an episode that is over: ``The spike of acme``, ``acme: the fall of mood``."""
    if episode.kind == "mood":
        return f"{brand}: the fall of mood"
    if episode.kind == "story":
        name = "a story" if isinstance(episode.label, UnsetType) else quoted(episode.label)
        return f"{brand}: the rise of {name}"
    return f"The spike of {brand}"


def stories_in_words(drivers: Drivers) -> str:
    """``“Battery complaints” (380 mentions instead of 12), “Refunds” (40 instead of 3)``; empty without stories."""
    return _listed([(story.label, story) for story in drivers.stories[:MAX_SHOWN]])


def topics_in_words(drivers: Drivers) -> str:
    """The same of topics."""
    return _listed([(topic.topic, topic) for topic in drivers.topics[:MAX_SHOWN]])


def mood_in_words(drivers: Drivers) -> str:
    """``net sentiment -0.80, before -0.10``; empty if the stretch has none."""
    if drivers.net_sentiment is None:
        return ""
    before = "" if drivers.net_sentiment_before is None else f", before {drivers.net_sentiment_before:+.2f}"
    return f"net sentiment {drivers.net_sentiment:+.2f}{before}"


def quotes_in_words(drivers: Drivers) -> list[str]:
    """What was said, between quotation marks."""
    return [quoted(text) for text in drivers.quotes[:MAX_SHOWN]]


def about(drivers: Drivers, escape: Callable[[str], str] = str) -> list[str]:
    """Sentences: the stories or else the topics, the mood, the quotes; those of them that are known.

    *escape* is applied to what is said, for places where characters mean something.
    """
    stories, topics, mood = stories_in_words(drivers), topics_in_words(drivers), mood_in_words(drivers)
    sentences = [f"About {stories}." if stories else "", f"Topics: {topics}." if topics else ""]
    sentences += [f"{mood[0].upper()}{mood[1:]}." if mood else "", " ".join(quotes_in_words(drivers))]
    return [escape(sentence) for sentence in sentences if sentence]


def quoted(text: str) -> str:
    """*text* of others between quotation marks, on one line and in its own direction."""
    line = " ".join(text[: 4 * MAX_CHARS].split())
    line = line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1].rstrip() + "…"
    # Characters that order a direction are not printable either.
    return f"“{''.join(char for char in line if char.isprintable())}”"


def _listed(named: list[tuple[str, StoryDriver | TopicDriver]]) -> str:
    parts = []
    for place, (name, driver) in enumerate(named):
        unit = "" if place else " mention" if driver.mentions == 1 else " mentions"
        parts.append(f"{quoted(name)} ({min(driver.mentions, MAX_COUNT):,}{unit} instead of {_usual(driver.usual)})")
    return ", ".join(parts)


def _usual(usual: float) -> str:
    return f"{min(usual, MAX_COUNT):,.0f}" if usual >= 1 or usual <= 0 else "less than 1"
