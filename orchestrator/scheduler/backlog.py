"""What waits in the queues of all registered brands, and since when.

Owns the readiness clock: since when each brand has had chunks that nobody took. It begins when work of a brand is first
known, by a hint or by a count, and anew with each commit, whichever process made it: a count sees that by the version.
So a brand with steady traffic is young, and one whose chunks lie is as old as they are.

A paused brand waits because somebody said so. Its chunks are in all sums and in a sum of their own; it is not among
those whose age counts, and begins anew when it may go on.

Each process counts the brands that it comes first for, and tells the others with its heartbeat. The figures of all are
added up, if all shared the brands out among the same processes; while they do not, which takes a second or two when one
comes or goes, the last sum stands. So the figures are about a second old, and the same from every process. Figures that
are too old to be true are none.

Pure; time is an argument, in seconds of one monotonic clock. Source: ``docs/decisions/0047-the-true-backlog.md``,
``docs/decisions/0066-a-first-process-for-each-brand.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.fleet.members import Share
from orchestrator.store.types import Queued

STALE_S = 10.0
"""Age at which a count is no longer told: several times the pause between two, shorter than any alert waits."""


@dataclass(frozen=True, slots=True)
class BacklogStatistics:
    """A count of queues: of all of them, or of those of own brands.

    Attributes:
        chunks: that wait in the queues.
        brands: whose queues are not empty.
        oldest_s: for so long the brand that waits longest, and is not paused, has seen no commit; 0 if none waits.
        counted_ms: Unix milliseconds of this machine at the count.
        paused_chunks: of the chunks, those of paused brands.
    """

    chunks: int
    brands: int
    oldest_s: float
    counted_ms: int
    paused_chunks: int = 0


class Backlog:
    """The last count of own brands, and since when each brand waits.

    Attributes:
        view: among which processes the brands were shared out at the last count.
        counted_s: when that was.
    """

    def __init__(self) -> None:
        self.view = ""
        self.counted_s = 0.0
        self._since_s: dict[str, float] = {}
        self._versions: dict[str, bytes] = {}
        self._queues: Mapping[str, Queued] = {}
        self._paused: Collection[str] = ()
        self._counted: tuple[float, int] | None = None

    def ready(self, brand: str, now_s: float) -> None:
        """Work of *brand* is known; if it was before, it has waited since then."""
        self._since_s.setdefault(brand, now_s)

    def since_s(self, brand: str, now_s: float) -> float:
        """Since when *brand* waits, *now_s* if nothing is known of it."""
        return self._since_s.get(brand, now_s)

    def committed(self, brand: str, queued: int, now_s: float) -> None:
        """A lane of this process committed; *queued* chunks are left."""
        # Of which version, the next count says: this commit must not look like somebody else's.
        self._versions.pop(brand, None)
        if queued:
            self._since_s[brand] = now_s
        else:
            self._since_s.pop(brand, None)

    def drained(self, brand: str) -> None:
        """A lane of this process found the queue empty."""
        self._since_s.pop(brand, None)

    def pause(self, brands: Collection[str]) -> None:
        """From now on *brands* are paused, and no others."""
        for brand in {*self._paused, *brands}:
            self._since_s.pop(brand, None)
        self._paused = brands

    def last(self, brands: Iterable[str]) -> dict[str, Queued]:
        """What waited in the queues of *brands* when they were last counted."""
        return {brand: self._queues[brand] for brand in brands if brand in self._queues}

    def counted(
        self,
        queues: Mapping[str, Queued],
        began_s: float,
        now_s: float,
        now_ms: int,
        *,
        view: str = "",
        kept: Callable[[str], bool] = lambda _brand: False,
    ) -> None:
        """Take over a whole count.

        Args:
            queues: of own brands, as far as they are not empty.
            began_s: when it began.
            now_s: when it was over.
            now_ms: the same by this machine's clock.
            view: among which processes the brands were shared out.
            kept: whether another brand waits for a lane here, so that its time has to be kept.
        """
        for brand, queue in queues.items():
            if self._versions.get(brand, queue.version) != queue.version:
                self._since_s[brand] = now_s  # another process committed
            else:
                self._since_s.setdefault(brand, now_s)
        self._versions = {brand: queue.version for brand, queue in queues.items()}
        # A brand that became ready during the count may have been looked at before.
        self._since_s = {
            brand: since_s
            for brand, since_s in self._since_s.items()
            if brand in queues or since_s >= began_s or kept(brand)
        }
        self._queues = queues
        self._counted = now_s, now_ms
        self.view, self.counted_s = view, now_s

    def statistics(self, now_s: float) -> BacklogStatistics | None:
        """The last count, None before the first and when it is too old to be true."""
        if self._counted is None or now_s - self._counted[0] > STALE_S:
            return None
        return BacklogStatistics(
            chunks=sum(queue.chunks for queue in self._queues.values()),
            brands=len(self._queues),
            oldest_s=self.oldest_s(now_s),
            counted_ms=self._counted[1],
            paused_chunks=sum(self._queues[brand].chunks for brand in self._paused if brand in self._queues),
        )

    def oldest_s(self, now_s: float, but: Callable[[str], bool] = lambda _brand: False) -> float:
        """For so long the brand that waits longest has seen no commit; paused ones and those of *but* do not count."""
        waiting = (
            self._since_s[brand]
            for brand in self._queues
            if brand in self._since_s and brand not in self._paused and not but(brand)
        )
        return max(0.0, now_s - min(waiting, default=now_s))


class Together:
    """The figures of all processes that share the work.

    Args:
        own: those of this process.
    """

    def __init__(self, own: Backlog) -> None:
        self._own = own
        self._view = ""
        self._others: Sequence[Share] = ()
        self._heard_s = 0.0
        self._last: tuple[float, BacklogStatistics] | None = None

    def heard(self, view: str, others: Sequence[Share], now_s: float) -> None:
        """*others* share the work with us, which makes this *view*; that is what they told last."""
        self._view, self._others, self._heard_s = view, others, now_s

    def statistics(self, now_s: float) -> BacklogStatistics | None:
        """What waits in all queues; None before the first count of all, and when the last one is too old to be true."""
        own = self._own.statistics(now_s)
        if own is None:
            return None
        heard = now_s - self._heard_s <= STALE_S or not self._others
        if heard and {self._own.view, *(share.view for share in self._others)} == {self._view}:
            self._last = now_s, self._sum(own, now_s)
        elif self._last is None or now_s - self._last[0] > STALE_S:
            return None
        return self._last[1]

    def _sum(self, own: BacklogStatistics, now_s: float) -> BacklogStatistics:
        past_s = now_s - self._heard_s
        oldest_s = [share.oldest_s + past_s for share in self._others if share.oldest_s]
        counted_s = min([self._own.counted_s, *(self._heard_s - share.age_s for share in self._others)])
        return BacklogStatistics(
            chunks=own.chunks + sum(share.chunks for share in self._others),
            brands=own.brands + sum(share.brands for share in self._others),
            oldest_s=max([own.oldest_s, *oldest_s]),
            counted_ms=own.counted_ms - round(1000 * (self._own.counted_s - counted_s)),
            paused_chunks=own.paused_chunks + sum(share.paused_chunks for share in self._others),
        )
