"""How many queue items to peek next: bounded in items and in bytes, adapted to what was seen.

Pure. The size in bytes is measured (``docs/decisions/0031-lanes-pass-a-baton.md``).
A peek cannot be bounded in bytes by Redis itself, so growth is at most twofold
per batch: a queue that turns from small to large items overshoots once, by what
one batch of items holds. A batch that is read ahead comes on top of the one that is folded:
memory holds two, and nothing is read ahead while batches grow.
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_ITEMS = 1024
"""What a batch costs as such is spread over its items; so many of the smallest take the server 1.2 ms."""

TARGET_BYTES = 2 << 20
FIRST_ITEMS = 16
"""Before any size is known: 16 of the usual largest items (69 KB) are half of the target."""


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
