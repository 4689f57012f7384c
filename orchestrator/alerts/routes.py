"""A route of alerts: where they go, which of them, and when. Pure: times are arguments.

What a route wants follows from the alert alone, and when it is due from the alert's time and the route: so every
process comes to the same answer, also after a restart, and nothing of it has to be kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from orchestrator.alerts.addresses import check_webhook_url
from orchestrator.alerts.quiet import Quiet
from orchestrator.alerts.signing import UNSIGNED, SigningSecret
from orchestrator.process.secret_files import read_secret

if TYPE_CHECKING:
    from orchestrator.contract.outbox import OutboxEntry

Format = Literal["json", "slack"]
QuietThen = Literal["digest", "drop"]

ROUTE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
"""Names of routes are parts of keys and label values, so they are few and plain."""

SINGLE: Final = "webhook"
"""Name of the route that ALERT_WEBHOOK_URL is short for."""

EXPIRY_MS: Final = 6 * 3_600_000
"""What waited longer is no news, and bounds how often a process may die of one alert."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where messages are sent: *url* itself, which may hold a secret and is never logged, or a *file* that holds it."""

    url: str = ""
    file: str = ""

    def read(self) -> str:
        """The address as of now; a file is read anew, so that a rotation needs no restart.

        Raises:
            ValueError: it cannot be read, or holds no address; nothing of it is quoted.
        """
        if not self.file:
            return self.url
        try:
            url = check_webhook_url(read_secret(self.file))
        except ValueError as error:
            raise ValueError(f"url_file: {error}") from None
        return url

    def masked(self) -> str:
        """What may be shown of it: the server alone, because at several chats the path is a password."""
        if self.file:
            return f"(in {self.file})"
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}/…"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a route tells an alert, in Unix ms; *together* with others in one message, or by itself."""

    due_ms: int
    together: bool = False


class _Episode(msgspec.Struct, rename="camel"):
    spike_score: float | None = None
    mention_count: float | None = None


class _Data(msgspec.Struct):
    episode: _Episode | None = None


class _Body(msgspec.Struct):
    data: _Data | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class Route:
    """Where alerts go, which ones and when.

    Attributes:
        name: by which logs, metrics and marks call it.
        address: where to.
        secret: signs every message, if there is one.
        format: ``json``, the whole message, or ``slack``, its text alone.
        kinds: of alerts that it wants; none: all, those of later versions included.
        brands: names and patterns (``*``, ``?``, ``[…]``) of the brands that it wants; none: all.
        min_score: least score of an episode; what has none passes.
        min_mentions: least mentions of an episode, likewise.
        quiet: hours in which nothing is sent.
        quiet_then: what becomes of alerts that fall into these: told together at their end, or dropped.
        digest_ms: alerts are told together, once in so long; 0: each by itself, at once.
        cooldown_s: least time between two openings of one brand and kind that are told by themselves.
    """

    name: str
    address: Address
    secret: SigningSecret = UNSIGNED
    format: Format = "json"
    kinds: frozenset[str] = frozenset()
    brands: tuple[str, ...] = ()
    min_score: float = 0.0
    min_mentions: int = 0
    quiet: Quiet = field(default_factory=Quiet)
    quiet_then: QuietThen = "digest"
    digest_ms: int = 0
    cooldown_s: float = 900.0

    def refusal(self, entry: OutboxEntry) -> str:
        """Why the route does not want *entry*, in words; empty: it does."""
        if self.kinds and entry.kind not in self.kinds:
            return f"its kinds are {', '.join(sorted(self.kinds))}"
        if self.brands and not self.names(entry.brand):
            return f"none of its {len(self.brands)} brands and patterns fits"
        if self.min_score or self.min_mentions:
            return self._too_small(entry)
        return ""

    def names(self, brand: str) -> bool:
        """Whether *brand* is one of the route's; exact names first, so that one with brackets can be named."""
        return brand in self.brands or any(fnmatchcase(brand, pattern) for pattern in self.brands)

    def _too_small(self, entry: OutboxEntry) -> str:
        score, mentions = _numbers(entry)
        if score is not None and score < self.min_score:
            return f"its score is {score:g}, below min_score = {self.min_score:g}"
        if mentions is not None and mentions < self.min_mentions:
            return f"it has {mentions:g} mentions, below min_mentions = {self.min_mentions}"
        return ""

    def timing(self, at_ms: int, now_ms: int) -> Timing | None:
        """When an alert of *at_ms* is told, as seen at *now_ms*; None: it fell into quiet hours and is dropped."""
        at_ms = min(at_ms, now_ms)  # what comes from the future is news of now
        quiet_end_ms = self.quiet.end_ms(at_ms)
        if quiet_end_ms is not None and self.quiet_then == "drop":
            return None
        due_ms, together = at_ms, bool(self.digest_ms)
        if quiet_end_ms is not None:
            due_ms, together = quiet_end_ms, True
        elif self.digest_ms:
            due_ms = (at_ms // self.digest_ms + 1) * self.digest_ms
        # One that is told late, or whose window ends in quiet hours, does not break these.
        late_end_ms = self.quiet.end_ms(max(due_ms, now_ms))
        return Timing(due_ms, together) if late_end_ms is None else Timing(late_end_ms, together=True)

    def expires_ms(self, at_ms: int, now_ms: int) -> int:
        """From when on an alert of *at_ms* is no news for this route; quiet hours in which it waited do not count."""
        at_ms = min(at_ms, now_ms)
        timing = self.timing(at_ms, at_ms)
        end_ms = (at_ms if timing is None else timing.due_ms) + EXPIRY_MS
        quiet_end_ms = self.quiet.end_ms(end_ms)
        return end_ms if quiet_end_ms is None else quiet_end_ms + EXPIRY_MS

    def mark(self, entry_id: str) -> str:
        """What notes beside an outbox that this route is done with the entry of that id."""
        return f"{self.name}:{entry_id}"


def _numbers(entry: OutboxEntry) -> tuple[float | None, float | None]:
    """Score and mentions of the episode that *entry* tells of; None where it says nothing of them."""
    try:
        data = _decode_body(entry.body).data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None
    episode = data.episode if data is not None else None
    return (None, None) if episode is None else (episode.spike_score, episode.mention_count)
