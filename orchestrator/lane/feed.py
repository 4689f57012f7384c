"""What is read of a queue ahead of its turn: the next batch, decoded, and the one behind it, on its way.

Owns when that is asked for, received and decoded. Decides nothing about a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.contract.decode import Limits, scan_batch
from orchestrator.errors import StoreError
from orchestrator.lane.batch_size import BatchSizer
from orchestrator.lane.intake import Reading, read
from orchestrator.store.runner import Late
from orchestrator.store.types import Ask, CommitReply

if TYPE_CHECKING:
    from orchestrator.kernels.scan_py import Scan


class Feed:
    """The batches of one queue behind the one that is being folded.

    Args:
        brand: whose queue.
        limits: bounds of what is decoded.
        sizer: says how many items a batch has, and is told of each that came.

    Attributes:
        late: what is left on its way, or was read from it; the next command of this brand goes the same way.
        reading: the next batch, decoded; None if it was not read ahead.
    """

    def __init__(self, brand: str, limits: Limits, sizer: BatchSizer) -> None:
        self.late: Late[Any] | None = None
        self.reading: Reading | None = None
        self._brand = brand
        self._limits = limits
        self._sizer = sizer
        self._behind: Callable[[], list[bytes]] | None = None
        self._scan: Scan | None = None
        self._ended = False

    def read(self, items: list[bytes]) -> Reading:
        """Decode *items*, which were not read ahead."""
        return read(scan_batch(items, self._limits), self._brand, self._limits)

    def receive(self) -> None:
        """Take in the batch that is on its way, waiting for it, and begin to scan it. If it does not come, none is."""
        take, self._behind = self._behind, None
        if take is None:
            return
        try:
            items = take()
        except StoreError:  # whatever is sent next on that connection fails, too, and says why
            self.forget()
            return
        if items:
            self._sizer.saw(items)
            self._scan = scan_batch(items, self._limits, ahead=True)

    def decode(self) -> None:
        """Make the batch that was received the next one."""
        scan, self._scan = self._scan, None
        if scan is not None:
            self.reading = read(scan, self._brand, self._limits)

    def ask(self, held: int) -> Ask:
        """What to ask for if so many items behind the commit's own are here; without any, a batch and one behind it."""
        return Ask(self._sizer.items if held else self._sizer.items + self._sizer.ahead, held)

    def follow(self, reply: CommitReply) -> list[bytes]:
        """Take what came with a commit: what is behind the items that were held, or the first items of the queue.

        Returns:
            those of the next batch, if none were held.
        """
        self.late, items = reply.late, []
        if reply.late is not None:
            self._behind = reply.late.read
        elif reply.next is not None:
            count = self._sizer.items
            items, behind = reply.next.items[:count], reply.next.items[count:]
            if behind:
                self._behind = lambda: behind
        if self._ended:  # by whoever gave up waiting for this thread
            self.forget()
        return items

    def detach(self) -> None:
        """Give up what is on its way, and keep what is here."""
        late, self.late, self._behind = self.late, None, None
        if late is not None:
            late.drop()

    def forget(self) -> None:
        """Give up what was read ahead."""
        self.reading = self._scan = None
        self.detach()

    def end(self) -> None:
        """Give it up for good; whatever a thread still does about it leads to nothing."""
        self._ended = True
        self.forget()
