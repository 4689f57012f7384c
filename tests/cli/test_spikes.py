"""Episodes as a table, and in words that anybody understands."""

from __future__ import annotations

import json
import re
import time

import msgspec
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orchestrator.brand.episodes import stretch_of
from orchestrator.brand.panes import PANE_MS, pane_of
from orchestrator.brand.seals import seal_all
from orchestrator.brand.spikes import Spikes, Watch
from orchestrator.cli.spikes import explain_in_words, largest_in_words, mood_in_words, odds, standing_in_words
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.summary import Drivers, SpikeEpisode, StoryDriver
from tests.cli.conftest import Invoke

CLOSED = SpikeEpisode("2026-11-23T09:45:00.000Z", 52.4, 90, 40.0, 20.25, 61, 900, "2026-11-23T10:30:00.000Z")
OPEN = SpikeEpisode("2026-11-23T12:00:00.000Z", 181.0, 400, 40.0, 80.0, 120, 3600)


@pytest.fixture
def brand_with_spikes(brand: str, redis_client: redis.Redis) -> str:
    """Return a brand with a closed and an open episode and an entry of another program."""
    key = BrandKeys.of(brand).spike
    redis_client.rpush(key, msgspec.json.encode(CLOSED), b'{"foreign": "\x1b[2J', msgspec.json.encode(OPEN))
    return brand


def test_spikes_are_a_table(invoke: Invoke, brand_with_spikes: str) -> None:
    """Start, end or open, observed, expected and score of each; other entries are counted, not shown."""
    result = invoke("spikes", brand_with_spikes)
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert rows == [
        ["2026-11-23", "09:45", "until", "2026-11-23", "10:30", "volume", "90", "20.2", "15", "52"],
        ["2026-11-23", "12:00", "open", "volume", "400", "80.0", "60", "181"],
    ]
    assert "1 entry of another shape left out" in result.stderr


def test_spikes_explain_says_why(invoke: Invoke, brand_with_spikes: str) -> None:
    """Expected, observed, odds and the bound, as sentences."""
    words = " ".join(invoke("spikes", brand_with_spikes, "--explain").stdout.split())
    assert "90 mentions came within 15 minutes where this brand's own past lets 20.2 be expected at most, 4.4" in words
    assert "once in 170,000 (score 52)" in words
    assert "The alarm is raised at once in 10,000 (score 40), here from 61 mentions on." in words


def test_spikes_explain_says_what_it_is_about_and_how_the_brand_stands(
    invoke: Invoke, brand: str, redis_client: redis.Redis
) -> None:
    """Drivers, mood and quotes of an episode; and of a brand without a state, why there is none now."""
    drivers = Drivers([StoryDriver("s", "Battery\x1b[2J dies", 380, 12.0)], [], -0.8, -0.1, ["Dead in an hour"])
    redis_client.rpush(BrandKeys.of(brand).spike, msgspec.json.encode(replace(CLOSED, drivers=drivers)))
    result = invoke("spikes", brand, "--explain")
    words = " ".join(result.stdout.split())
    assert "(380 mentions instead of 12). Net sentiment -0.80, before -0.10. “Dead in an hour”" in words
    assert "Now: no spike, because nothing was mentioned yet, or not for two weeks." in words
    assert "\x1b" not in result.stdout


def test_episodes_of_all_kinds_are_shown_and_explained(invoke: Invoke, brand: str, redis_client: redis.Redis) -> None:
    """In the order of their times, or those of one kind; and for each kind why there is none now."""
    keys = BrandKeys.of(brand)
    redis_client.rpush(keys.spike, msgspec.json.encode(CLOSED))
    redis_client.rpush(keys.mood, msgspec.json.encode(replace(OPEN, kind="mood", of_mentions=600)))
    redis_client.rpush(keys.stories, msgspec.json.encode(replace(CLOSED, kind="story", label="Refunds", story_id="r")))
    kinds = [line.split()[-5] for line in invoke("spikes", brand).stdout.splitlines()[1:]]
    assert kinds == ["volume", "story", "mood"]
    assert len(invoke("spikes", brand, "--kind", "mood", "--json").stdout.splitlines()) == 1
    words = " ".join(invoke("spikes", brand, "--explain").stdout.split())
    assert "Mood fell, 400 of 600 mentions in 60 minutes were negative where 80 were expected." in words
    assert (
        "“Refunds” outgrew the other stories, 90 mentions in 15 minutes where 20 are the most that is usual." in words
    )
    assert "Mood now: no episode, because what is usual is still learned" in words
    assert "Stories now: no episode, because what is usual is still learned" in words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (mood_in_words(1, 0.2), "Mood now: the newest one is open."),
        (mood_in_words(0, 0.2), "Usually 20% of mentions are negative"),
        (largest_in_words(2, 9.0), "Stories now: 2 episodes open."),
        (largest_in_words(0, 9.4), "Up to 9 mentions in a quarter of an hour are usual"),
    ],
)
def test_why_there_is_none_of_the_other_kinds_now(words: str, told: str) -> None:
    """What is usual, and what it would take."""
    assert told in words


def test_spikes_explain_of_a_brand_with_a_state(invoke: Invoke, brand: str, redis_client: redis.Redis) -> None:
    """What came, and from how many on it would be a spike; a damaged state is said to be one."""
    state, now_ms = Spikes(), int(time.time() * 1000)
    first = pane_of(now_ms) - 200
    for pane in range(first, first + 199):
        state.advance(pane * PANE_MS)
        state.fold([pane], [20])
    put: dict[bytes, bytes] = {}
    state.take_changes(put, [])
    seal_all(put)
    redis_client.hset(BrandKeys.of(brand).state, mapping=put)  # type: ignore[arg-type]
    words = " ".join(invoke("spikes", brand, "--explain").stdout.split())
    assert re.search(r"Now: no spike. \d+ mentions? came in the last \d+ minutes, and from \d+ mentions on it", words)
    redis_client.hset(BrandKeys.of(brand).state, "d", b"rubbish")
    assert "Now: not known, because state field b'd' cannot be read" in invoke("spikes", brand, "--explain").stdout


RESTING = (
    "Now: no spike. 30 mentions came in the last 15 minutes, and from 83 mentions on it would be more than its own"
    " everyday bursts explain. Until 2026-11-23 12:00 UTC only more than in the last spike is told."
)


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (
            Watch("learning", 9),
            "Now: no spike, because the detector still learns what is usual, for about 3 hours more.",
        ),
        (Watch("open"), "Now: the newest one is open."),
        (
            Watch("resting", 0, stretch_of(30, 20.0, 0.1, 1, 9.0), 2.0, 1_795_435_200_000),
            RESTING,
        ),
    ],
)
def test_standing_in_words_says_why(watch: Watch, words: str) -> None:
    """What is missing for a spike, in a sentence."""
    assert standing_in_words(watch) == words


def test_spikes_json_is_what_is_stored(invoke: Invoke, brand_with_spikes: str) -> None:
    """One line an entry, every line JSON."""
    lines = [json.loads(line) for line in invoke("spikes", brand_with_spikes, "--json").stdout.splitlines()]
    assert lines[0]["endedAt"] == "2026-11-23T10:30:00.000Z"
    assert "endedAt" not in lines[2]
    assert isinstance(lines[1], str)


def test_spikes_of_a_calm_brand(invoke: Invoke, brand: str) -> None:
    """No spikes is no error."""
    result = invoke("spikes", brand, "--explain")
    assert (result.exit_code, result.stdout.startswith("Now: no spike")) == (0, True)
    assert "has no spikes" in result.stderr


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (0.0, "once in 1"),
        (-3.0, "once in 1"),
        (40.0, "once in 10,000"),
        (52.4, "once in 170,000"),
        (65.0, "once in 3.16 million"),
        (97.0, "once in 5.01 billion"),
        (120.0, "once in 1 trillion"),
        (181.0, "once in 10^18"),
    ],
)
def test_odds_are_readable(score: float, words: str) -> None:
    """Ten points are a factor of ten; digits that mean nothing are not shown."""
    assert odds(score) == words


@given(st.builds(msgspec.structs.replace, st.just(CLOSED), spike_score=st.floats(), expected=st.floats(0, 1e9)))
def test_explain_in_words_never_fails(episode: SpikeEpisode) -> None:
    """Any number that may stand in an entry is told somehow."""
    assert "expected" in explain_in_words(episode)
