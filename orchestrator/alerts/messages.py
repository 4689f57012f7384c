"""What an endpoint gets, in the form that its route asks for: one alert, several in a digest, or a test. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.contract.outbox import VOLUME, OutboxEntry
from orchestrator.contract.times import iso_utc_seconds

if TYPE_CHECKING:
    from orchestrator.alerts.routes import Format, Route

DIGEST_TYPE: Final = "alerts.digest"
MAX_DIGEST: Final = 50
"""Alerts of one digest; what is more comes in the next one, at once."""

SHOWN: Final = 20
"""Of these, those whose texts the digest's own text has; chats cut long ones off."""

_MAX_TEXT_CHARS: Final = 3_000
"""Of one alert's text; ours are shorter, entries of other versions may be what they like."""

TEST_TEXT: Final = "TEST, nothing happened: "

_OPENED: Final = {VOLUME: "spike.opened"}
"""Type of an opening by kind; ``<kind>.opened`` for the others."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the same id and the same bytes for the same news, however often it is told."""

    id: str
    body: bytes


def single(form: Format, entry: OutboxEntry) -> Message:
    """One alert by itself: the entry's body byte for byte, or its text."""
    return Message(entry.id, _slack(text_of(entry)) if form == "slack" else bytes(entry.body))


def digest(route: Route, entries: Sequence[OutboxEntry]) -> Message:
    """Several alerts in one message; each has its own id in it, so that what was told before can be known again."""
    ids = "\0".join([route.name, *(entry.id for entry in entries)])
    text = _digest_text(entries)
    if route.format == "slack":
        body = _slack(text)
    else:
        first, last = min(entry.at for entry in entries), max(entry.at for entry in entries)
        data = {"route": route.name, "alerts": [entry.body for entry in entries]}
        data |= {"from": iso_utc_seconds(first), "to": iso_utc_seconds(last)}
        body = msgspec.json.encode(
            {"type": DIGEST_TYPE, "timestamp": iso_utc_seconds(last), "data": data, "text": text}
        )
    return Message(f"digest_{hashlib.blake2b(ids.encode(), digest_size=15).hexdigest()}", body)


def sample(brand: str, kind: str, episode: Mapping[str, float], at_ms: int, name: str) -> OutboxEntry:
    """An opening as the service would write it, with the id *name*, marked as a test for programs and people."""
    entry_type = _OPENED.get(kind, f"{kind}.opened")
    body = {
        "type": entry_type,
        "timestamp": iso_utc_seconds(at_ms),
        "data": {"id": name, "brand": brand, "number": 0, "kind": kind, "episode": episode},
        "test": True,
        "text": f"{TEST_TEXT}this is how an alert of kind {kind} about {_escaped(brand)} arrives here.",
    }
    return OutboxEntry(name, entry_type, brand, at_ms, 0, msgspec.Raw(msgspec.json.encode(body)), kind)


def to_route(route: Route, entry: OutboxEntry) -> Message:
    """*entry* alone in the form in which *route* tells alerts."""
    return digest(route, [entry]) if route.digest_ms else single(route.format, entry)


class _Body(msgspec.Struct):
    text: str = ""


_decode = msgspec.json.Decoder(_Body).decode


def text_of(entry: OutboxEntry) -> str:
    """What *entry* says to people, bounded; of a later version without a text that it is there."""
    try:
        text = _decode(entry.body).text
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = ""
    if not text:
        text = f"{entry.type} of {_escaped(entry.brand)}"
    return text if len(text) <= _MAX_TEXT_CHARS else f"{text[:_MAX_TEXT_CHARS]}…"


def _digest_text(entries: Sequence[OutboxEntry]) -> str:
    first, last = min(entry.at for entry in entries), max(entry.at for entry in entries)
    head = f"{len(entries)} alert{'' if len(entries) == 1 else 's'}"
    span = f"{iso_utc_seconds(first)} to {iso_utc_seconds(last)}" if first != last else iso_utc_seconds(first)
    lines = [f"{head}, {span}:", *(f"• {text_of(entry)}" for entry in entries[:SHOWN])]
    return "\n".join([*lines, f"and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else lines)


def _escaped(text: str) -> str:
    # & first, or the escapes of the other two would be escaped.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack(text: str) -> bytes:
    return msgspec.json.encode({"text": text})
