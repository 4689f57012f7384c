"""A process that lives: what it is, how busy it is, and what it gets done.

Every value was read from Redis, where anybody may have put it: numbers are finite and not negative, texts are short and
can be printed. Source: ``orchestrator:members`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.contract.fingerprint import Fingerprint
    from orchestrator.contract.process_orders import ProcessOrder

TTL_S: Final = 20.0
"""Who has said nothing for so long is gone, with what it was ordered: three beats may be lost."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What was done a second, on average since the heartbeat before.

    Attributes:
        chunks: folded.
        mentions: of these chunks.
        brands: visits that committed something.
        duplicates: chunks that had been folded before.
        dead_letters: chunks that went to the dead letters.
    """

    chunks: float = 0.0
    mentions: float = 0.0
    brands: float = 0.0
    duplicates: float = 0.0
    dead_letters: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a process was since the heartbeat before.

    Attributes:
        lanes: share of the lanes' time in which they computed or waited for Redis, 0 to 1.
        cpu: processors in use on average, 1 = all the time of one.
        memory_bytes: resident.
    """

    lanes: float
    cpu: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Obedience:
    """How a process stands to what operators ordered.

    Attributes:
        setting: lanes by its settings; it may have been ordered to have others.
        quiet_since_ms: since when it takes no more brands, Unix ms of the server; None: it takes them.
        stopping: whether it was ordered to end, and does.
        by: who gave the order that it stands by; empty where none holds. Untrusted text.
    """

    setting: int
    quiet_since_ms: int | None = None
    stopping: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """What a process says of the brands that it comes first for, if it shares the work with others.

    Attributes:
        registry: stands for the keys that its brands are registered under: who has others works on others.
        view: stands for the processes among which the brands were shared out when they were counted.
        chunks: that waited in their queues.
        brands: whose queues were not empty.
        paused_chunks: of the chunks, those of paused brands.
        oldest_s: for so long the brand that waits longest, and is not paused, has seen no commit.
        age_s: of the count.
        strained: whether others should come before it for now.
    """

    registry: str
    view: str
    chunks: int
    brands: int
    paused_chunks: int
    oldest_s: float
    age_s: float
    strained: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One process that lives.

    Attributes:
        name: of its own; no other process has it.
        id: ``ORCHESTRATOR_ID``; several processes may have the same one.
        version: of the package.
        format: number of the state's format that it writes.
        fingerprint: of its settings.
        lanes: most brands that it works on at the same time.
        active: brands that it works on now.
        since_ms: when it was first heard of, Unix ms of the server.
        age_ms: how long ago it last said something.
        load: None from a version that does not tell.
        rates: likewise.
        oldest_s: for how long the brand that waits longest has seen no commit, as the process sees it; None: not told.
        holds: some of the brands that it works on.
        obedience: how it stands to orders; None from a version that takes none.
        asked: orders that it has not heard yet.
        share: of the work; None: it shares none, or its version does not tell.
        archive: stands for the place of its archive; empty: it has none. None: its version does not tell.
    """

    name: str
    id: str
    version: str
    format: int
    fingerprint: Fingerprint
    lanes: int
    active: int
    since_ms: int
    age_ms: int
    load: Load | None = None
    rates: Rates | None = None
    oldest_s: float | None = None
    holds: tuple[str, ...] = ()
    obedience: Obedience | None = None
    asked: tuple[ProcessOrder, ...] = ()
    share: Share | None = None
    archive: str | None = None

    @property
    def quiet(self) -> bool:
        """Whether it takes no more brands, because an operator said so."""
        return self.obedience is not None and (self.obedience.quiet_since_ms is not None or self.obedience.stopping)


def summed(members: Iterable[Member]) -> Rates:
    """What all *members* do together, as far as they tell."""
    told = [member.rates for member in members if member.rates is not None]
    return Rates(*(sum(getattr(rates, field.name) for rates in told) for field in fields(Rates)))
