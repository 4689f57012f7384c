"""Episodes of stories: one outgrows what is usual for the brand, once as long as it lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS, Present
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.brand.state import BrandState
from orchestrator.brand.story_episodes import Pane, StoryEpisodes
from orchestrator.contract.chunk import Cluster
from orchestrator.contract.summary import MAX_STORY_EPISODES, Drivers
from tests.brand.support import NOW_MS, Keys, batch_of, chunk_at, listed, summary_of

START = NOW_MS // PANE_MS
DAY = 96

Sizes = list[int]
"""Mentions of each story in one pane."""

QUIET: list[Sizes] = [[8 + step % 3, 7, 6] for step in range(DAY + 8)]


@dataclass
class Teller:
    """What is asked of a story."""

    key: int
    had: dict[int, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name."""
        return f"id {self.key}"

    @property
    def label(self) -> str:
        """Its headline."""
        return f"label {self.key}"

    def panes(self) -> list[tuple[int, int, int, int, int]]:
        """What it has."""
        return [(pane, 1, count, 0, 0) for pane, count in self.had.items() if count]


@dataclass
class Wire:
    """The rule, fed pane by pane, and what it told."""

    rule: StoryEpisodes = field(default_factory=StoryEpisodes)
    stories: dict[int, Any] = field(default_factory=dict)
    wholes: dict[int, int] = field(default_factory=dict)
    state: dict[bytes, bytes] = field(default_factory=dict)
    told: list[EpisodeChange] = field(default_factory=list)
    published: list[bytes] = field(default_factory=list)
    at: int = START

    def push(self, *panes: Sequence[Sizes], restart: bool = False, apart: int = 10) -> Wire:
        """Settle *panes*, with so many mentions *apart* from all stories in each."""
        for sizes in [pane for part in panes for pane in part]:
            for key, size in enumerate(sizes):
                self.stories.setdefault(key, Teller(key)).had[self.at] = size
            self.wholes[self.at] = sum(sizes) + apart
            self.rule.begin(START + 1)
            self.rule.advance(self.at + 2, self._count, self.stories.get, lambda *_: Drivers())
            self.at += 1
            self.commit()
            if restart:
                self.rule = StoryEpisodes.load(self.state)
        return self

    def commit(self) -> None:
        """Take the changes in."""
        removed: list[bytes] = []
        published, told = self.rule.take_changes(self.state, removed)
        for name in removed:
            self.state.pop(name, None)
        self.told += told
        self.published = self.published if published is None else published

    @property
    def news(self) -> list[tuple[str, object]]:
        """What was told of which story."""
        return [(change.kind, change.episode.story_id) for change in self.told]

    def _count(self, pane: int, most: int) -> Pane:
        there = [story for story in self.stories.values() if story.had.get(pane)]
        return Pane(self.wholes.get(pane, 0), sorted(there, key=lambda one: -one.had[pane])[:most])


def test_a_story_that_outgrows_the_others_is_an_episode() -> None:
    """It opens, names the story, and closes."""
    wire = Wire().push(QUIET, [[9, 7, 80]] * 3, QUIET[:6])
    assert wire.news == [("opened", "id 2"), ("closed", "id 2")]
    opened = wire.told[0].episode
    assert (opened.kind, opened.label, opened.of_mentions) == ("story", "label 2", 106)
    assert opened.expected < opened.upper_bound <= opened.mention_count == 80
    assert len(wire.published) == 1


def test_a_story_has_one_episode_as_long_as_it_lives() -> None:
    """However it grows again; one that comes after it left is another."""
    burst = [[9, 7, 80]] * 3
    wire = Wire().push(QUIET, burst, QUIET, [[9, 7, 400]] * 3)
    assert wire.news == [("opened", "id 2"), ("closed", "id 2")]
    del wire.stories[2]
    wire.push([sizes[:2] for sizes in QUIET], [[9, 7, 900]] * 3)
    assert wire.news[2:] == [("opened", "id 2")]


def test_where_everything_grows_no_story_outgrows_the_others() -> None:
    """Six times of everything is a matter of volume."""
    wire = Wire().push(QUIET)
    wire.push([[50, 42, 36]] * 4, apart=60)
    assert wire.news == []


def test_a_small_brand_needs_ten_mentions() -> None:
    """Nine of one story are no news, however quiet the others are."""
    rare = [[1, 0, 0] if step % 8 == 0 else [0, 0, 0] for step in range(DAY + 8)]
    assert Wire().push(rare, [[9, 0, 0]], rare[:4], apart=0).news == []
    apart = Wire().push(rare, apart=20)
    assert apart.push([[0, 9, 0]], rare[:4], apart=20).news == []
    assert apart.push([[0, 0, 30]], rare[:4], apart=20).news[:1] == [("opened", "id 2")]


def test_what_is_a_habit_is_no_episode() -> None:
    """A somewhat larger story than ever."""
    assert Wire().push(QUIET, [[9, 7, 13]] * 3).news == []


def test_a_day_is_learned_first() -> None:
    """Before that nothing is judged, and what is usual is not told."""
    wire = Wire().push(QUIET[:90], [[9, 7, 80]] * 3)
    assert (wire.news, wire.rule.usual()) == ([], None)
    usual = Wire().push(QUIET).rule.usual()
    assert usual is not None
    assert 9 <= usual < 14


def test_no_more_than_five_are_open() -> None:
    """Six that grow at once: the largest are told."""
    many = [[8, 8, 8, 8, 8, 8, 8] for _ in range(DAY + 8)]
    wire = Wire().push(many, [[100 + key for key in range(7)]] * 2, apart=0)
    assert len(wire.rule.open_episodes()) <= MAX_STORY_EPISODES


def test_restarts_change_nothing() -> None:
    """Loading the state anew after every pane gives the same state, list and news."""
    course = (QUIET, [[9, 7, 80]] * 3, [[9, 300, 80]] * 3, QUIET[:6])
    steady, other = Wire().push(*course), Wire().push(*course, restart=True)
    assert (steady.state, steady.published, steady.told) == (other.state, other.published, other.told)
    assert [kind for kind, _ in steady.news].count("opened") == 2


def test_an_episode_closes_when_its_story_leaves() -> None:
    """A story that is gone has nothing any more."""
    wire = Wire().push(QUIET, [[9, 7, 80]] * 2)
    del wire.stories[2]
    wire.push([sizes[:2] for sizes in QUIET[:8]])
    assert wire.news == [("opened", "id 2"), ("closed", "id 2")]


def test_an_episode_of_the_future_ends_now() -> None:
    """When a wrong clock took the state there."""
    wire = Wire().push(QUIET, [[9, 7, 80]] * 2)
    assert wire.rule.reanchor(Present((START + 20) * PANE_MS)) == 0
    wire.commit()
    assert wire.news == [("opened", "id 2"), ("closed", "id 2")]
    assert b"w" not in wire.state


def test_the_summary_names_the_story_and_what_was_said() -> None:
    """In its own key and field, with its mentions, its mood and its quotes."""
    state, keys = BrandState.empty(FoldConfig()), Keys()
    for pane in range(DAY + 11):
        sizes = {"battery": 8, "colour": 7} if pane < DAY + 8 else {"battery": 8, "refund": 90}
        clusters = [
            Cluster(f"{label}-id", label, listed(*(f"{label} {label}{pane}x{one}" for one in range(size))), -0.5)
            for label, size in sizes.items()
        ]
        at_ms = (START + pane) * PANE_MS
        state.fold(batch_of([chunk_at(at_ms, chunk_id=f"c{pane}", clusters=clusters)], hashing=state.hashing), at_ms)
        keys.commit(state.take_changes())
    state.advance((START + DAY + 11) * PANE_MS)
    keys.commit(state.take_changes())
    document = summary_of(state, (START + DAY + 11) * PANE_MS)
    (episode,) = document["storyEpisodes"]
    assert (episode["kind"], episode["label"]) == ("story", "refund")
    assert episode["drivers"]["stories"][0]["label"] == "refund"
    assert episode["drivers"]["netSentiment"] == -0.5
    assert episode["drivers"]["quotes"]
    assert len(keys.stories) == 1
    assert b"story" not in b"".join(keys.spikes)
