"""What is said about an episode, and the name that the news keeps."""

from __future__ import annotations

import json
import re

import pytest

from orchestrator.alerts.message import Kind, message_body, message_text
from tests.alerts.support import AT_MS, alert


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
