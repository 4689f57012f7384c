"""The picture of all processes and brands at one moment, and the rules that sort and count it.

A brand *stands* in one of a few ways, and every surface takes it from :func:`standing`. Numbers are None where the key
has a foreign type. Times are Unix ms of the Redis server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from orchestrator.contract.lock_token import MAX_TOKEN_BYTES
from orchestrator.fleet.members import Member, Rates, summed
from orchestrator.fleet.parking import FAILING, Code

if TYPE_CHECKING:
    from orchestrator.contract.conflict import Conflict
    from orchestrator.contract.own_settings import Number
    from orchestrator.contract.pauses import Pause
    from orchestrator.fleet.parking import Parked


class Standing(StrEnum):
    """How a brand stands; the first that fits, in this order."""

    PAUSED = "paused"  # an operator said so
    HELD = "held"  # a process works on it
    PARKED = "parked"  # somebody has to act
    NEWER = "newer"  # for processes of a newer version
    FAILING = "failing"  # visit after visit is given up
    WAITING = "waiting"  # has chunks
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a brand's lease.

    Attributes:
        name: of the process or the command that made the lock's token; empty if the token does not say.
        id: ``ORCHESTRATOR_ID`` of that process if it lives, else empty.
        lives: whether a process of that name lives; None if nobody can tell: an older version, or a command.
        since_ms: since when, None if that is not known.
        left_ms: until the lock expires if nobody renews it; None: it never does.
        token: of the lock, untrusted bytes; it is no secret, but it is not shown.
    """

    name: str
    id: str
    lives: bool | None
    since_ms: int | None
    left_ms: int | None
    token: bytes = b""

    def __str__(self) -> str:
        """Whom a reader knows it by."""
        return self.id or self.name or "an older version"

    @property
    def breakable(self) -> bool:
        """Whether *token* is all that its lock holds, so that the lock can be told from the next one."""
        return 0 < len(self.token) < MAX_TOKEN_BYTES


@dataclass(frozen=True, slots=True)
class BrandStatus:
    """One registered brand.

    Attributes:
        brand: its name.
        standing: in one word.
        queued: chunks that wait.
        failed: dead letters, whoever wrote them.
        commits: so far; None where its meta cannot be read.
        summarised: whether it has a summary.
        spiking: whether the newest episode of its spike list is open.
        holder: who holds its lease.
        parked: why it is left alone or fails, and by whom; also where another process works on it all the same.
        paused: that an operator wants it left alone.
        conflicts: chunks that came with the id of another one and other numbers, so far.
        newest_conflict: the newest of them.
        own: settings of the rules of its own, by name.
    """

    brand: str
    standing: Standing
    queued: int | None = 0
    failed: int | None = 0
    commits: int | None = 0
    summarised: bool = False
    spiking: bool = False
    holder: Holder | None = None
    parked: Parked | None = None
    paused: Pause | None = None
    conflicts: int = 0
    newest_conflict: Conflict | None = None
    own: Mapping[str, Number] = field(default_factory=dict)

    @property
    def unreadable(self) -> bool:
        """Whether one of its keys cannot be read for what it should be."""
        return None in {self.queued, self.failed, self.commits}


def standing(queued: int | None, holder: Holder | None, parked: Parked | None, paused: Pause | None) -> Standing:
    """How a brand stands of which this is known."""
    if paused is not None:
        return Standing.PAUSED
    # Who parks a brand holds it for a moment now and then, to look whether it was mended. Anybody else works on it.
    if holder is not None and (parked is None or holder.name != parked.by):
        return Standing.HELD
    if parked is not None:
        if parked.code is Code.NEWER:
            return Standing.NEWER
        return Standing.FAILING if parked.code in FAILING else Standing.PARKED
    return Standing.WAITING if queued is None or queued > 0 else Standing.IDLE


@dataclass(frozen=True, slots=True)
class OrphanQueue:
    """A queue of a name that nobody registered, with ``why`` as a sentence."""

    name: str
    chunks: int
    why: str


@dataclass(frozen=True, slots=True)
class OrphanQueues:
    """All of them, as the last search of any process found them.

    Attributes:
        queues: how many.
        chunks: in them.
        found_ms: when they were searched for.
        named: those with the most chunks.
    """

    queues: int
    chunks: int
    found_ms: int
    named: Sequence[OrphanQueue] = ()


CONFLICTS_TOLD_MS: Final = 86_400_000
"""For so long somebody may want to act on a conflict; the brand's number of them stays."""


@dataclass(frozen=True, slots=True)
class FleetView:
    """All of it at one moment.

    Attributes:
        as_of_ms: that moment.
        members: the processes that live, the oldest first.
        brands: all that are registered, by name.
        refused: registered names that cannot be brands.
        orphans: queues of names that nobody registered; None: nobody has searched for them.
    """

    as_of_ms: int
    members: Sequence[Member] = ()
    brands: Sequence[BrandStatus] = ()
    refused: int = 0
    orphans: OrphanQueues | None = None

    @property
    def chunks(self) -> int:
        """That wait in the queues of registered brands."""
        return sum(brand.queued or 0 for brand in self.brands)

    @property
    def brands_with_chunks(self) -> int:
        """Whose queues are not empty."""
        return sum(1 for brand in self.brands if brand.queued)

    @property
    def dead_letters(self) -> int:
        """In the lists of registered brands, whoever wrote them."""
        return sum(brand.failed or 0 for brand in self.brands)

    @property
    def spiking(self) -> Sequence[BrandStatus]:
        """Brands whose newest episode is open."""
        return [brand for brand in self.brands if brand.spiking]

    @property
    def oldest_s(self) -> float | None:
        """For how long the brand that waits longest has seen no commit; None: no process tells."""
        told = [member.oldest_s for member in self.members if member.oldest_s is not None]
        # Who came last knows least, because it counts from its own start: so the greatest is the nearest to the truth.
        return max(told, default=None)

    @property
    def rates(self) -> Rates:
        """What all processes do together."""
        return summed(self.members)

    @property
    def lanes(self) -> int:
        """Brands that can be worked on at the same time."""
        return sum(member.lanes for member in self.members)

    @property
    def counts(self) -> Mapping[Standing, int]:
        """Brands by how they stand; those without any are left out."""
        return Counter(brand.standing for brand in self.brands)

    @property
    def alone(self) -> Sequence[BrandStatus]:
        """The brands that processes leave alone or cannot get done, the most urgent first."""
        return self.standing(Standing.PARKED, Standing.NEWER, Standing.FAILING)

    @property
    def conflicting(self) -> Sequence[BrandStatus]:
        """The brands in whose last day a chunk had the id of another one and other numbers, the newest first."""
        found = [
            (brand.newest_conflict.at_ms, brand)
            for brand in self.brands
            if brand.conflicts and brand.newest_conflict is not None
        ]
        found.sort(key=lambda one: (-one[0], one[1].brand))
        return [brand for at_ms, brand in found if at_ms > self.as_of_ms - CONFLICTS_TOLD_MS]

    @property
    def owning(self) -> Sequence[BrandStatus]:
        """The brands that have settings of their own, by name."""
        return [brand for brand in self.brands if brand.own]

    def standing(self, *wanted: Standing) -> Sequence[BrandStatus]:
        """The brands that stand so, those that wait for longest or with most chunks first."""
        return by_urgency(brand for brand in self.brands if brand.standing in wanted)


def by_urgency(brands: Iterable[BrandStatus]) -> list[BrandStatus]:
    """Most chunks first, then most dead letters, then by name; what cannot be counted leads."""
    return sorted(brands, key=lambda brand: (-_size(brand.queued), -_size(brand.failed), brand.brand))


def _size(number: int | None) -> float:
    return float("inf") if number is None else number
