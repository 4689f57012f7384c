"""What an endpoint gets, in the form that its route asks for: one alert, several in a digest, or a test. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.contract.times import iso_utc_seconds

if TYPE_CHECKING:
    from orchestrator.alerts.routes import Format, Route
    from orchestrator.contract.outbox import OutboxEntry

DIGEST_TYPE: Final = "alerts.digest"
MAX_DIGEST: Final = 50
"""Alerts of one digest; what is more comes in the next one, at once."""

SHOWN: Final = 20
"""Of these, those whose texts the digest's own text has; chats cut long ones off."""

_MAX_TEXT_CHARS: Final = 3_000
"""Of one alert's text; ours are shorter, entries of other versions may be what they like."""

TEST_TEXT: Final = "TEST, nothing happened: "


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


def marked_as_test(entry: OutboxEntry) -> OutboxEntry:
    """*entry* with a body that says that it is a test, to programs and to people."""
    body: dict[str, Any] = msgspec.json.decode(entry.body)
    body["test"] = True
    body["text"] = f"{TEST_TEXT}{body.get('text', '')}"
    return msgspec.structs.replace(entry, body=msgspec.Raw(msgspec.json.encode(body)))


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
        brand = entry.brand.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = f"{entry.type} of {brand}"
    return text if len(text) <= _MAX_TEXT_CHARS else f"{text[:_MAX_TEXT_CHARS]}…"


def _digest_text(entries: Sequence[OutboxEntry]) -> str:
    first, last = min(entry.at for entry in entries), max(entry.at for entry in entries)
    head = f"{len(entries)} alert{'' if len(entries) == 1 else 's'}"
    span = f"{iso_utc_seconds(first)} to {iso_utc_seconds(last)}" if first != last else iso_utc_seconds(first)
    lines = [f"{head}, {span}:", *(f"• {text_of(entry)}" for entry in entries[:SHOWN])]
    return "\n".join([*lines, f"and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else lines)


def _slack(text: str) -> bytes:
    return msgspec.json.encode({"text": text})
