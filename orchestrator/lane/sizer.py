"""How many queue items to peek next: bounded in items and in bytes, adapted to what was seen.

Pure. The size in bytes is measured (``docs/decisions/0031-lanes-pass-a-baton.md``).
Redis cannot bound a reply in bytes. So what is read was looked at before (``begin.lua``), or it is a few items; and of
what came, only so much is kept as may be in memory: a batch is read ahead while another one is folded
(``docs/decisions/0045-bounds-in-work-and-bytes.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from orchestrator.store import Look

MAX_ITEMS = 1024
"""What a batch costs as such is spread over its items; so many of the smallest take the server 1.2 ms."""

TARGET_BYTES = 2 << 20
MOST_BYTES = 8 << 20
"""Of a batch, but for a first item that is larger; beyond the target, because items differ in size."""

UNSEEN_ITEMS = 8
UNSEEN_BYTES = 64 << 20
"""Most of what is read without a look, in items and in bytes if none is larger than it may be: then it is one reply."""

FIRST_ITEMS = 16
"""Before any size is known: 16 of the usual largest items (69 KB) are half of the target."""


def unseen_items(max_chunk_bytes: int) -> int:
    """How many items may be read that nobody has looked at, where chunks have at most so many bytes."""
    return max(1, min(UNSEEN_ITEMS, UNSEEN_BYTES // max_chunk_bytes))


def keep(items: Sequence[bytes]) -> Sequence[bytes]:
    """The first of *items*, as many as may be in memory, one at least; the others are in the queue all the same."""
    if sum(map(len, items)) <= MOST_BYTES:
        return items
    return items[: max(1, sum(total <= MOST_BYTES for total in accumulate(map(len, items))))]


class BatchSizer:
    """The size of a brand's next batch."""

    __slots__ = ("_grown", "_items", "_largest_items", "_target_bytes")

    def __init__(self, *, max_items: int = MAX_ITEMS, target_bytes: int = TARGET_BYTES) -> None:
        self._largest_items = max_items
        self._target_bytes = target_bytes
        self._items = min(FIRST_ITEMS, max_items)
        self._grown = False

    @property
    def items(self) -> int:
        """Items to peek next, at least 1."""
        return self._items

    @property
    def ahead(self) -> int:
        """Items to read beyond the next batch: another batch, once batches have grown to their size."""
        return self._items if self._grown else 0

    def look(self, max_chunk_bytes: int, *, held: bool) -> Look:
        """What is to be found out about the items after those that are read now: as many as the next read may want.

        Args:
            max_chunk_bytes: chunks have at most so many.
            held: whether the next read is for one batch; else it is for two, and they may have grown by then.
        """
        batches = 1 if held and self._grown else 2 if self._grown else 4
        wanted = min(self._items * batches, 2 * self._largest_items)
        return Look(wanted, MOST_BYTES, unseen_items(max_chunk_bytes))

    def saw(self, items: Sequence[bytes]) -> None:
        """Adapt to a full batch that was peeked: aim at the target in bytes, at most double."""
        if not items:
            return
        mean_bytes = max(1, sum(map(len, items)) // len(items))
        aim = max(1, min(self._largest_items, self._target_bytes // mean_bytes))
        self._items = min(aim, max(self._items * 2, 1))
        self._grown = self._items == aim

    def halve(self) -> None:
        """Shrink after a fenced or timed-out commit, which a smaller batch may pass."""
        self._items = max(1, self._items // 2)
        self._grown = False

    def restart(self) -> None:
        """Begin with one item again and grow from there."""
        self._items = 1
        self._grown = False
