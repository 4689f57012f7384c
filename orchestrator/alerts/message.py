"""What an endpoint is told about an episode. Pure: times are arguments.

Sources: Standard Webhooks 1.0 (``type``, ``timestamp``, ``data``). Slack's incoming webhooks read ``text``, in which
``&``, ``<`` and ``>`` are escaped, so that a brand called ``<!channel>`` calls nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from orchestrator.contract.episode_words import about, drivers_of, news_in_words, was_in_words
from orchestrator.contract.outbox import VOLUME, OutboxEntry
from orchestrator.contract.times import iso_utc_seconds

if TYPE_CHECKING:
    from orchestrator.contract.summary import SpikeEpisode

Kind = Literal["opened", "closed"]


@dataclass(frozen=True, slots=True)
class Alert:
    """An episode of *brand* opened or closed; ``number`` counts the brand's episodes, *page* is the brand's page."""

    brand: str
    kind: Kind
    number: int
    episode: SpikeEpisode
    page: str = ""

    @property
    def about(self) -> str:
        """What the message is called after: ``spike`` for volume, else the episode's kind."""
        return "spike" if self.episode.kind == VOLUME else self.episode.kind

    @property
    def id(self) -> str:
        """The same for the same news, however often and by however many orchestrators it is told."""
        kind = "" if self.episode.kind == VOLUME else f"{self.episode.kind}\0{self.episode.story_id}\0"
        told = f"{kind}{self.kind}\0{self.number}\0{self.episode.timestamp}\0{self.brand}".encode()
        return f"{self.about}_{hashlib.blake2b(told, digest_size=15).hexdigest()}"

    def entry(self, at_ms: int) -> OutboxEntry:
        """The alert for the outbox, committed at *at_ms*."""
        body = msgspec.Raw(message_body(self, at_ms))
        kind = self.episode.kind
        return OutboxEntry(self.id, f"{self.about}.{self.kind}", self.brand, at_ms, self.number, body, kind)


def message_body(alert: Alert, at_ms: int) -> bytes:
    """The message as JSON: the standard's ``type``, ``timestamp`` and ``data``, and ``text`` for chats."""
    data: dict[str, object] = {
        "id": alert.id,
        "brand": alert.brand,
        "number": alert.number,
        "episode": alert.episode,
    }
    if alert.page:
        data["page"] = alert.page
    return msgspec.json.encode(
        {
            "type": f"{alert.about}.{alert.kind}",
            "timestamp": iso_utc_seconds(at_ms),
            "data": data,
            "text": message_text(alert),
        }
    )


def message_text(alert: Alert) -> str:
    """Some sentences for a chat: what happened, what it is about, where to look."""
    episode, drivers = alert.episode, drivers_of(alert.episode)
    brand = _escaped(alert.brand)
    if alert.kind == "closed":
        parts = [f"{_escaped(was_in_words(episode, alert.brand))} that began at {episode.timestamp} is over."]
    elif episode.kind == VOLUME:
        minutes = max(1, episode.window_sec // 60)
        usual = f"{episode.expected:.0f} were expected (score {episode.spike_score:.0f})"
        what = f"{episode.mention_count} mentions in {minutes} minutes where {usual}"
        parts = [f"Spike of {brand}: {what}, since {episode.timestamp}."]
    else:
        parts = [f"{brand}: {_escaped(news_in_words(episode))}, since {episode.timestamp}."]
    parts += about(drivers, _escaped) if drivers is not None else []
    return " ".join([*parts, _escaped(alert.page)] if alert.page else parts)


def _escaped(text: str) -> str:
    # & first, or the escapes of the other two would be escaped.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
