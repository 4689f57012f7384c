"""What an endpoint gets: one alert, several together, for programs and for chats."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from orchestrator.alerts.messages import MAX_DIGEST, SHOWN, digest, sample, single, text_of, to_route
from orchestrator.alerts.routes import Address, Route
from orchestrator.contract.outbox import OutboxEntry, read_entry
from tests.alerts.support import AT_MS, alert

DESK = Route("desk", Address("https://hooks.example/"))
SLACK = Route("desk", Address("https://hooks.example/"), format="slack")


def entries(count: int) -> list[OutboxEntry]:
    """So many openings, a second apart."""
    return [alert(number=number).entry(AT_MS + 1000 * number) for number in range(count)]


def loaded(body: bytes) -> Any:
    """The message as the endpoint reads it."""
    return json.loads(body)


def test_one_alert_goes_out_as_it_was_written() -> None:
    """Byte for byte, or as the text that a chat shows."""
    (entry,) = entries(1)
    assert (single("json", entry).id, single("json", entry).body) == (entry.id, bytes(entry.body))
    assert loaded(single("slack", entry).body) == {"text": loaded(bytes(entry.body))["text"]}


def test_a_digest_has_every_alert_with_its_id() -> None:
    """So that what was told before can be known again; the same alerts are the same digest."""
    found = entries(3)
    message = digest(DESK, found)
    body = loaded(message.body)
    assert body["type"] == "alerts.digest"
    assert [one["data"]["id"] for one in body["data"]["alerts"]] == [entry.id for entry in found]
    assert (body["data"]["route"], body["data"]["from"], body["data"]["to"]) == (
        "desk", "2026-03-01T11:53:20Z", "2026-03-01T11:53:22Z",
    )  # fmt: skip
    assert message == digest(DESK, found)
    assert message.id not in {digest(DESK, found[:2]).id, digest(Route("b", DESK.address), found).id}
    assert loaded(digest(SLACK, found).body) == {"text": body["text"]}


def test_a_digest_says_what_happened_within_a_bound() -> None:
    """Twenty by name, of the others how many there are."""
    lines = loaded(digest(SLACK, entries(MAX_DIGEST)).body)["text"].splitlines()
    assert lines[0] == f"{MAX_DIGEST} alerts, 2026-03-01T11:53:20Z to 2026-03-01T11:54:09Z:"
    assert lines[1].startswith("• Spike of nike: 400 mentions in 15 minutes")
    assert len(lines) == SHOWN + 2
    assert lines[-1] == "and 30 more"
    assert loaded(digest(SLACK, entries(1)).body)["text"].startswith("1 alert, 2026-03-01T11:53:20Z:\n• Spike of")


def test_an_alert_without_a_text_says_what_it_is() -> None:
    """It is of a later version; its brand calls nobody in a chat, and no text is without end."""
    entry = msgspec.structs.replace(alert(brand="<!all>").entry(AT_MS), body=msgspec.Raw(b"[]"))
    assert text_of(entry) == "spike.opened of &lt;!all&gt;"
    long = msgspec.structs.replace(entry, body=msgspec.Raw(b'{"text":"' + b"x" * 9_000 + b'"}'))
    assert len(text_of(long)) == 3_001


@pytest.mark.parametrize(("kind", "told"), [("volume", "spike.opened"), ("mood", "mood.opened")])
def test_a_test_says_that_it_is_one(kind: str, told: str) -> None:
    """To programs and to people, in the form of its route."""
    entry = sample("<b>", kind, {"spikeScore": 3}, AT_MS, "test_1")
    assert read_entry(entry.encode()) == entry
    body = loaded(to_route(DESK, entry).body)
    assert (body["type"], body["test"], body["data"]["id"]) == (told, True, "test_1")
    text = f"TEST, nothing happened: this is how an alert of kind {kind} about &lt;b&gt; arrives here."
    assert body["text"] == text
    assert loaded(to_route(SLACK, entry).body) == {"text": text}
    assert loaded(to_route(Route("d", DESK.address, digest_ms=60_000), entry).body)["data"]["alerts"] == [body]
