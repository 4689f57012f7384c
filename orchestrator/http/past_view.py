"""What HTTP may ask of the past: a protocol. :mod:`orchestrator.service.retellers` answers, where an archive is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.contract.explanation import ExplainedKind, ExplainedOrder


@dataclass(frozen=True, slots=True)
class Wanted:
    """A number that is to be explained.

    Attributes:
        of: what it is of.
        name: id of a story or a part of its headline; a topic.
        hour_ms: when the hour begins, Unix ms.
        at_ms: as of when, Unix ms; None: of the newest that is archived.
        order: of the chunks.
        limit: of these.
    """

    of: ExplainedKind
    name: str = ""
    hour_ms: int = 0
    at_ms: int | None = None
    order: ExplainedOrder = "newest"
    limit: int = 50


@dataclass(frozen=True, slots=True)
class PastDocument:
    """A document as it was.

    Attributes:
        body: JSON.
        settled: nothing that comes can change it.
    """

    body: bytes
    settled: bool


class PastView(Protocol):
    """What an archive tells. It takes seconds, not of the event loop; cancellation ends it.

    Raises:
        NothingToExplainError: the brand had no summary then, or no such story or topic.
        ArchiveUnavailableError: it does not answer; try again.
        PastBusyError: others ask already, as many as may.
        PastSlowError: it would take too long here.
        ArchiveError: it is damaged, or has a gap there.
        StoreError: Redis does not answer.
    """

    async def summary(self, brand: str, at_ms: int) -> PastDocument:
        """The summary of *brand* as readers saw it at *at_ms*, Unix ms."""
        ...

    async def explain(self, brand: str, wanted: Wanted) -> PastDocument:
        """Which chunks made a number."""
        ...
