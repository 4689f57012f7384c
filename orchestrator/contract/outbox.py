"""An alert in a brand's outbox: what a commit writes, and what whoever tells it reads.

Source: ``docs/redis-protocol.md``, section 9. The entry knows who it is (``id``) and of what kind, so that it can be
told, counted and told apart without a look into its body; the body is what an endpoint gets, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

VOLUME: Final = "volume"
KINDS: Final = (VOLUME, "mood", "story")
"""Of alerts that this version knows; others are told to whoever does not choose."""


class OutboxEntry(Struct, frozen=True):
    """One alert.

    Attributes:
        id: the same for the same news, however often and by however many processes it is told. It becomes a header of
            HTTP, so it is visible ASCII.
        type: ``spike.opened``, ``spike.closed``; others may come.
        brand: whose news.
        at: Unix milliseconds of the server, when it was committed.
        number: counts the brand's episodes; the opening and the closing of one have the same.
        body: the message, JSON.
        kind: of what: ``volume``, ``mood`` or ``story``; others may come. Versions before it wrote of volume alone.
    """

    id: Annotated[str, Meta(pattern=r"^[!-~]{1,128}\Z")]
    type: str
    brand: str
    at: Annotated[int, Meta(ge=0, le=2**53)]
    number: int
    body: msgspec.Raw
    kind: str = VOLUME

    def encode(self) -> bytes:
        """The entry as it is stored."""
        return msgspec.json.encode(self)


_decoder = msgspec.json.Decoder(OutboxEntry)


def read_entry(raw: bytes) -> OutboxEntry | None:
    """The entry that *raw* is; None if it is none. Fields that are not known here are left alone."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Box:
    """What is in a brand's outbox, and beside it.

    Attributes:
        entries: the alerts as they are stored, oldest first.
        marks: which routes are done with which of them.
    """

    entries: tuple[bytes, ...] = ()
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Swept:
    """What a look at the outboxes of many brands found.

    Attributes:
        untold: the brands with alerts that nobody tells at the moment.
        alerts: how many there are in all of these outboxes, those included that are being told.
        odd: what is wrong with the right to tell or with the marks, by brand; their alerts are told all the same.
        telling: the brands with alerts that somebody tells.
    """

    untold: tuple[str, ...] = ()
    alerts: int = 0
    odd: Mapping[str, str] = field(default_factory=dict)
    telling: tuple[str, ...] = ()

    def __add__(self, other: Swept) -> Swept:
        """Both looks together."""
        return Swept(
            self.untold + other.untold,
            self.alerts + other.alerts,
            {**self.odd, **other.odd},
            self.telling + other.telling,
        )
