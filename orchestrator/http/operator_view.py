"""What HTTP may ask of the service for those who operate it: the picture of all processes, dead letters, and actions.

Owns the types only; :mod:`orchestrator.service.operator` carries them out, off the event loop. Whether somebody may ask
is decided before any of this is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.acts import Act
    from orchestrator.contract.history import Period, Step
    from orchestrator.contract.letters import Letter, Selection
    from orchestrator.contract.process_orders import Wanted
    from orchestrator.fleet.members import Member
    from orchestrator.fleet.view import FleetView
    from orchestrator.letters import Order, Tally
    from orchestrator.store.purge import Holdings, Purged


@dataclass(frozen=True, slots=True)
class Grouped:
    """Dead letters by what they have in common.

    Attributes:
        tally: the letters that were read.
        read: how many these are.
        total: how many there are; more than *read* where there was no time for all.
    """

    tally: Tally
    read: int
    total: int


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some letters of one brand, the newest first, and how many are meant in all."""

    letters: Sequence[Letter]
    total: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What an order did, or would do.

    Attributes:
        tally: the letters that are meant and can be moved.
        refused: letters that are meant and cannot be sent, in all.
        told: place and reason of the first of those.
        moved: letters that were moved; 0 where it was only looked.
        gone: letters that somebody else had taken.
        left: letters that there was no time for; the same order does them.
    """

    tally: Tally
    refused: int = 0
    told: Sequence[tuple[str, int, str]] = ()
    moved: int = 0
    gone: int = 0
    left: int = 0


class OperatorView(Protocol):
    """What operators may ask of the service.

    Every method raises :class:`orchestrator.errors.StoreError` when Redis does not answer or refuses. What changes
    something is written to the audit list first, with *by*, and goes on when its caller is gone.
    """

    async def fleet(self) -> FleetView:
        """All processes and brands, a second old at most."""
        ...

    async def history(self, period: Period) -> Sequence[Step]:
        """The minutes of the last day, or the hours of a longer *period*, the oldest first."""
        ...

    async def acts(self, limit: int) -> Sequence[Act]:
        """The newest entries of the audit list, the newest first."""
        ...

    async def groups(self, brand: str | None) -> Grouped:
        """Dead letters of *brand*, or of those brands that have most, by writer, path and reason."""
        ...

    async def letters(self, brand: str, selection: Selection, limit: int) -> LetterPage:
        """The newest *limit* letters of *brand* that are meant."""
        ...

    async def look(self, brand: str | None, order: Order) -> Moved:
        """What *order* would do to letters of *brand*, or of all registered brands; changes nothing."""
        ...

    async def move(self, brand: str | None, order: Order, most: int | None) -> Moved:
        """Carry *order* out.

        Raises:
            TooManyLettersError: more than *most* letters are meant by now; nothing was done.
        """
        ...

    async def pause(self, brand: str, by: str, reason: str, for_ms: int | None) -> None:
        """Let nobody work on *brand* until it is resumed, or for so many milliseconds.

        Raises:
            PauseError: *reason* or *by* cannot be written.
        """
        ...

    async def resume(self, brand: str, by: str) -> bool:
        """Let *brand* go on; False: it was not paused."""
        ...

    async def take(self, brand: str, by: str, holder: str) -> bool:
        """Break the lock of *brand*; False: it is not that of *holder* any more, or none of ours, and stays.

        Nothing is lost and nothing counted twice: the holder's next commit changes nothing.
        """
        ...

    async def order(self, process: str | None, wanted: Wanted, by: str, lanes: int | None = None) -> Sequence[Member]:
        """Order *process*, by its name or its id, or all that run (None); returns those that were ordered.

        Raises:
            ProcessUnknownError: none is called so.
            ProcessChoiceError: several are, or one that is meant takes no orders; nobody was ordered.
        """
        ...

    async def test_route(self, route: str, by: str) -> str | None:
        """Send a marked test message to a route of alerts: what its endpoint answered; None: there is no such route."""
        ...

    async def sign_out(self, nonce: str, left_ms: int) -> None:
        """Let the session *nonce* be none in any process, for as long as its cookie would live."""
        ...

    async def signed_out(self, nonce: str) -> bool:
        """Whether the session *nonce* was ended, in whichever process."""
        ...

    async def holdings(self, brand: str) -> Holdings:
        """What is kept of *brand*, and a purge would take."""
        ...

    async def purge(self, brand: str, by: str, *, queue: bool, letters: bool) -> Purged:
        """Take *brand* out of the registry and remove all that is kept of it; with its queue and dead letters if asked.

        What waits in a queue that stays counts anew when the brand is registered again.
        """
        ...
