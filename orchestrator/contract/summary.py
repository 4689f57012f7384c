"""What readers of a brand get: the summary, on the wire.

Owns names and types of ``summary:brand:<brand>``. Readers rely on the fields up to ``chunk_summaries`` in
:class:`Summary`; these never change name or type. The others are ours, and more may be added.
:data:`SCHEMA_VERSION` is raised when one of ours changes its meaning.

Numbers are finite, times are ISO 8601 in UTC, the document has at most :data:`MAX_SUMMARY_BYTES`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

SCHEMA_VERSION = 1

MAX_STORY_EPISODES = 5
"""Of those that are open, the newest."""

MAX_SUMMARY_BYTES = 64 * 1024
"""Small, because readers fetch the document on every page view."""

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""ISO 8601 in UTC."""


class SentimentTotals(Struct, frozen=True, rename="camel"):
    """Mentions by sentiment, and the sum of their scores."""

    positive: float
    neutral: float
    negative: float
    score: float


class TopicTotal(Struct, frozen=True, rename="camel"):
    """One topic: its mentions, and growth against the window before (0.5 = half as many again).

    ``mentions`` are those of clusters that the topic names, or what workers say. ``inChunksOf`` are those of the chunks
    that named it and told no number; where nothing is known but them, ``mentions`` is the same number. ``change`` is
    null where the topic is new, or the brand has not been watched for two windows yet; ``new`` says which of the two.
    """

    topic: str
    mentions: int
    change: float | None
    in_chunks_of: int = 0
    new: bool = False


StoryState = Literal["new", "growing", "peaking", "steady", "fading"]
"""How a story stands, by its own mentions."""


class StoryTotal(Struct, frozen=True, rename="camel"):
    """One merged cluster.

    ``members`` counts the clusters that joined it, ``sentimentScore`` is their mention-weighted mean
    (null if none had one), ``spike`` says whether a worker flagged one of them in the last 30 minutes,
    ``examples`` are up to three mentions of the heaviest one as its worker listed them, for large stories.
    ``change`` is its growth against the window before, null where it had none then or that is not known. ``curve`` are
    its mentions in the last 24 hours of the clock, oldest first; the last one is the running hour.
    """

    id: str
    label: str
    mentions: int
    spike: bool
    sentiment_score: float | None
    members: int
    first_seen: Time
    last_seen: Time
    examples: list[str] = []
    state: StoryState = "steady"
    change: float | None = None
    curve: list[int] = []


class StoryDriver(Struct, frozen=True, rename="camel"):
    """A story that an episode is about: its mentions in the episode's stretch, and those usual in as long a time."""

    id: str
    label: str
    mentions: int
    usual: float


class TopicDriver(Struct, frozen=True, rename="camel"):
    """A topic that an episode is about; its numbers as those of a story."""

    topic: str
    mentions: int
    usual: float


class Drivers(Struct, frozen=True, rename="camel"):
    """What an episode is about: what has grown most in its stretch against the window before it.

    Attributes:
        stories: at most three, the one with most mentions more than usual first.
        topics: the same of topics.
        net_sentiment: of the stretch, from -1 to 1; null if nothing in it has a sentiment.
        net_sentiment_before: of the window before it.
        quotes: up to two mentions of these stories as workers list them, cut; different ones.
    """

    stories: list[StoryDriver] = []
    topics: list[TopicDriver] = []
    net_sentiment: float | None = None
    net_sentiment_before: float | None = None
    quotes: list[str] = []


EpisodeKind = Literal["volume", "mood", "story"]
"""What an episode is made of: mentions, negative mentions, mentions of one story."""


EPISODE_KINDS: Final[tuple[EpisodeKind, ...]] = ("volume", "mood", "story")


class SpikeEpisode(Struct, frozen=True, rename="camel"):
    """One stretch of time with far more mentions than the brand's own past explains.

    Attributes:
        timestamp: start of the pane that opened it.
        spike_score: its highest score; 10 points are a factor of ten in improbability.
        mention_count: mentions of the stretch that reached that score.
        threshold: the score at which an episode opens.
        expected: mentions that were to be expected in that stretch.
        upper_bound: fewest mentions of that stretch that would have raised the alarm.
        window_sec: length of that stretch.
        ended_at: end of its last pane; absent while it is open.
        drivers: what it is about; absent where that is not known, as of episodes of older versions.
        kind: of what there was more than usual: mentions, negative ones, or those of one story.
        story_id: of a story's episode, the story.
        label: of a story's episode, the story's headline.
        of_mentions: of mood, the mentions of that stretch with a sentiment; of a story, all mentions there.
    """

    timestamp: Time
    spike_score: float
    mention_count: int
    threshold: float
    expected: float
    upper_bound: int
    window_sec: int
    ended_at: Time | UnsetType = UNSET
    drivers: Drivers | UnsetType = UNSET
    kind: EpisodeKind = "volume"
    story_id: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    of_mentions: int | UnsetType = UNSET


class WindowChanges(Struct, frozen=True, rename="camel"):
    """The window against the window before; null where the brand was not watched then, or there was nothing.

    Attributes:
        mentions: growth (0.5 = half as many again).
        net_sentiment: the difference, from -2 to 2.
    """

    mentions: float | None = None
    net_sentiment: float | None = None


class Summary(Struct, frozen=True, rename="camel"):
    """A brand's summary.

    ``spike`` is the open episode of volume or null, ``mood`` that of mood, ``storyEpisodes`` are those of stories, at
    most :data:`MAX_STORY_EPISODES`.

    ``mentionsInNoStory`` are those of ``totalMentions`` that no story counts, because no cluster of their chunk has
    them, or none with a name. ``implausibleChunks`` are chunks of the window with numbers that cannot be right; they
    are counted all the same.
    """

    brand: str
    generated_at: Time
    total_chunks: int
    total_mentions: int
    sentiment: SentimentTotals
    dominant_topics: list[str]
    clusters: list[StoryTotal]
    spike_detected: bool
    summary: str
    chunk_summaries: list[str]

    schema_version: int
    version: int
    epoch: int
    window_start: Time
    window_end: Time
    net_sentiment: float | None
    topics: list[TopicTotal]
    cluster_count: int
    spike: SpikeEpisode | None
    implausible_chunks: int = 0
    mentions_in_no_story: int = 0
    changes: WindowChanges = WindowChanges()
    mood: SpikeEpisode | None = None
    story_episodes: list[SpikeEpisode] = []
