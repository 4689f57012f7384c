"""What is said about an episode, and the name that the news keeps."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from orchestrator.alerts.message import Alert, Kind, message_body, message_text
from orchestrator.contract.summary import Drivers, StoryDriver, TopicDriver
from tests.alerts.support import AT_MS, EPISODE, alert


def test_id_names_the_news_and_not_the_telling() -> None:
    """The same news has the same id for ever; any other news has another."""
    assert alert().id == alert().id
    assert re.fullmatch(r"spike_[0-9a-f]{30}", alert().id)
    others = [alert("closed"), alert(number=2), alert(brand="nik"), alert(brand="nike ")]
    assert len({alert().id, *(other.id for other in others)}) == 5


def test_message_has_the_standards_fields_and_a_text() -> None:
    """Type, time and data for programs, a sentence for people."""
    body = json.loads(message_body(alert(), AT_MS))
    assert (body["type"], body["timestamp"]) == ("spike.opened", "2026-03-01T11:53:20Z")
    assert body["data"]["episode"]["mentionCount"] == 400
    assert body["text"] == (
        "Spike of nike: 400 mentions in 15 minutes where 80 were expected (score 52), since 2026-03-01T12:00:00Z."
    )


DRIVERS = Drivers(
    [StoryDriver("s1", "Battery <complaints> & more", 380, 12.4), StoryDriver("s2", "Refunds", 20, 0.2)],
    [TopicDriver("battery", 380, 10.0)],
    -0.8,
    -0.1,
    ["Dead in an hour <!channel>", "Mine\u202e swells"],
)
EXPLAINED = replace(EPISODE, drivers=DRIVERS)
PAGE = "https://boards.example.com/o/brands/nike"


def test_message_says_what_it_is_about_and_where_to_look() -> None:
    """Stories with what is usual, topics, mood against before, two quotes, and the page; the data has them, too."""
    text = message_text(Alert("nike", "opened", 1, EXPLAINED, PAGE))
    assert text.endswith(
        "About “Battery &lt;complaints&gt; &amp; more” (380 mentions instead of 12), “Refunds” (20 instead of less than"
        " 1). Topics: “battery” (380 mentions instead of 10). Net sentiment -0.80, before -0.10."
        f" “Dead in an hour &lt;!channel&gt;” “Mine swells” {PAGE}"
    )
    data = json.loads(message_body(Alert("nike", "opened", 1, EXPLAINED, PAGE), AT_MS))["data"]
    assert data["page"] == PAGE
    assert data["episode"]["drivers"]["stories"][0]["mentions"] == 380


def test_message_without_a_public_address_has_no_link() -> None:
    """Nothing that nobody can open."""
    body = json.loads(message_body(alert(), AT_MS))
    assert "page" not in body["data"]
    assert "http" not in body["text"]


def test_entry_holds_the_message_and_what_it_is_told_by() -> None:
    """Whoever tells it needs no look into the body."""
    entry = alert("closed", 3).entry(AT_MS)
    assert (entry.id, entry.type, entry.brand, entry.number) == (alert("closed", 3).id, "spike.closed", "nike", 3)
    assert bytes(entry.body) == message_body(alert("closed", 3), AT_MS)


@pytest.mark.parametrize("kind", ["opened", "closed"])
def test_message_text_rings_nobody(kind: Kind) -> None:
    """Markup of the chat in a brand's name is escaped."""
    text = message_text(alert(kind, brand="<!channel> & <@U1>"))
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in text
    assert not {"<", ">"} & set(text)


MOOD = replace(EPISODE, kind="mood", mention_count=60, of_mentions=100, expected=20.4)
STORY = replace(
    EPISODE, kind="story", mention_count=90, of_mentions=140, expected=12.0, story_id="k", label="Re<funds>"
)


def test_news_of_mood_and_of_a_story_read_as_a_person_would_write_them() -> None:
    """What happened, of how many, and what is usual."""
    assert message_text(Alert("acme", "opened", 1, MOOD)) == (
        "acme: mood fell, 60 of 100 mentions in 15 minutes were negative where 20 were expected, since"
        " 2026-03-01T12:00:00Z."
    )
    assert message_text(Alert("acme", "opened", 1, STORY)) == (
        "acme: “Re&lt;funds&gt;” outgrew the other stories, 90 of 140 mentions in 15 minutes where 12 are the most"
        " that is usual, since 2026-03-01T12:00:00Z."
    )
    assert message_text(Alert("acme", "closed", 1, MOOD)).startswith("acme: the fall of mood that began at 2026-")
    assert message_text(Alert("acme", "closed", 1, STORY)).startswith(
        "acme: the rise of “Re&lt;funds&gt;” that began at "
    )


def test_kinds_are_told_apart() -> None:
    """By type, kind and id, also where number and time are the same."""
    entries = [Alert("acme", "opened", 1, episode).entry(AT_MS) for episode in (EPISODE, MOOD, STORY)]
    assert [entry.type for entry in entries] == ["spike.opened", "mood.opened", "story.opened"]
    assert [entry.kind for entry in entries] == ["volume", "mood", "story"]
    assert len({entry.id for entry in entries}) == 3
    assert len({entry.id.partition("_")[2] for entry in entries}) == 3
