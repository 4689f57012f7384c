"""What the archivist asks of Redis and of the archive; both are called on threads and may be abandoned there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.archivist.known import Position, Tail
    from orchestrator.contract.consumed import Head, Held, Kept, Note, Waiting


class Consumed(Protocol):
    """What was consumed and is not in the archive; every method raises ``StoreError`` without an answer.

    See :class:`orchestrator.store.consumed.Consumed`.
    """

    async def waiting(self, brands: Sequence[str]) -> Mapping[str, Waiting]:
        """What waits of each of *brands*, those without anything, too; not those whose node is away."""
        ...

    async def left(self, brands: Sequence[str]) -> Sequence[str]:
        """Others than *brands* of which records wait; none where another process looks for them."""
        ...

    async def take(self, brand: str, token: str, hold_s: float) -> Held | None:
        """The right to put the brand's records, and the note of who had it before; None while somebody else has it."""
        ...

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        ...

    async def read(self, brand: str, token: str, max_bytes: int, note: Note | None = None) -> Sequence[Kept]:
        """Whole records from the oldest on, no more bytes, but one at least if there is one; or just that range."""
        ...

    async def note(self, brand: str, token: str, note: Note) -> bool:
        """Note which records are put next; False if the right is lost."""
        ...

    async def remove(self, brand: str, token: str, note: Note) -> bool:
        """Take the noted records out, and the note; False if that is done, or something else is noted by now."""
        ...

    async def leave(self, brand: str, token: str) -> None:
        """Give the right back."""
        ...


class Shelf(Protocol):
    """The archive; every method raises ``ArchiveUnavailableError`` without an answer, ``ArchiveError`` otherwise."""

    async def check(self) -> None:
        """That it is the one that Redis knows; at its first use it is marked.

        Raises:
            ArchiveMisplacedError: it is not.
            StoreError: Redis gave no answer.
        """
        ...

    async def put(self, brand: str, run: Sequence[Kept]) -> None:
        """Put *run* as one object."""
        ...

    async def tail(self, brand: str, first: Head) -> Tail:
        """What is there of *brand*, as far as it matters for *first*, which comes next."""
        ...

    async def put_base(self, brand: str) -> tuple[Position, str]:
        """Put the state of *brand* as it is now; where it stands and the cid of its commit.

        Raises:
            StoreError, StaleStateError, InvalidStateError: there is no state to be read now.
        """
        ...
