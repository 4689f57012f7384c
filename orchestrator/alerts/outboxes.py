"""What telling alerts asks of the store; see :class:`orchestrator.store.outbox.Outbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.contract.outbox import Box, Swept


class Outboxes(Protocol):
    """The outboxes of all brands; every method raises :class:`orchestrator.errors.StoreError` without an answer."""

    async def waiting(self, brands: Sequence[str]) -> Swept:
        """Which of *brands* have alerts, and which of them nobody tells."""
        ...

    async def look(self, brands: Sequence[str]) -> Mapping[str, Box]:
        """What is in the outboxes of *brands* and beside them."""
        ...

    async def take(self, brand: str, token: str, hold_s: float) -> Box | None:
        """The brand's alerts in their order, and the right to tell them; None while somebody else has it."""
        ...

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        ...

    async def leave(self, brand: str, token: str) -> None:
        """Give the right back."""
        ...

    async def mark(self, brand: str, mark: str, others: Collection[str]) -> bool:
        """Note beside the outbox that one route is done with an alert; whether *others* say so of theirs."""
        ...

    async def remove(self, brand: str, entry: bytes, marks: Collection[str]) -> bool:
        """Take *entry* and its *marks* out; whether it was there."""
        ...

    async def forget(self, brand: str, marks: Collection[str]) -> None:
        """Take *marks* out whose alerts are gone."""
        ...

    async def take_turn(self, route: str, token: str, hold_s: float) -> bool:
        """The right to tell digests of *route*; False while somebody else has it."""
        ...

    async def keep_turn(self, route: str, token: str, hold_s: float) -> bool:
        """Keep that right for *hold_s* from now; False if it is lost."""
        ...

    async def leave_turn(self, route: str, token: str) -> None:
        """Give that right back."""
        ...
