"""The numbers of all brands, kept between requests: a summary is read again when its brand has committed since.

Nobody asks: nothing is read, and nothing runs in the background. What has changed is seen by the number of commits,
which the look at all brands brings along, so a request after the first reads the summaries of those brands that
committed in between, in slices, in threads. A summary that nobody rewrote for a while is read again all the same, since
a brand that was purged and came back may have as many commits as before.

Bounds: of a brand less than a kilobyte is kept, and nothing of brands that are not registered any more. A request waits
for a time; what was read by then stays, so the next one goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Final

import trio

from orchestrator.errors import StoreError
from orchestrator.http.numbers import Numbers, numbers_of
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.fleet.view import BrandStatus
    from orchestrator.http.service_view import ServiceView

SLICE: Final = 16
"""Summaries of one read: a megabyte of the largest that are written, 16 of what anybody could put there."""

READERS: Final = 2
"""Slices that are read at the same time, of the threads that all readers share."""

MAX_AGE_S: Final = 600.0
PATIENCE_S: Final = 10.0
"""A request waits so long for the numbers of all brands; the first one of 5,000 brands takes one or two seconds."""

HURRY_S: Final = 0.25
"""A page waits so long, and shows what is known by then."""

SETTLED_S: Final = 10.0
"""Of so many brands that each commits every few seconds, a page that is open reads each no more often than that."""


@dataclass(frozen=True, slots=True)
class _Entry:
    commits: int | None
    read_s: float
    numbers: Numbers | None


class BrandIndex:
    """Numbers of brands by name."""

    def __init__(self, service: ServiceView) -> None:
        self._service = service
        self._entries: dict[str, _Entry] = {}
        self._reading = trio.Lock()

    def __len__(self) -> int:
        """Brands of which numbers are kept."""
        return len(self._entries)

    async def all(self, statuses: Mapping[str, BrandStatus]) -> Mapping[str, Numbers]:
        """The numbers of all brands with a readable summary, as of *statuses* or later.

        Raises:
            ProblemError: 503: they could not be read in time; the next request finds more of them.
            StoreError: Redis did not answer.
        """
        if await self._refresh(statuses, PATIENCE_S, 0.0):
            return self._kept()
        known = f"{len(self._entries)} of {len(statuses)} brands"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"The summaries are being read, {known} so far; ask again.")

    async def soon(self, statuses: Mapping[str, BrandStatus]) -> tuple[Mapping[str, Numbers], int]:
        """What is known within a moment, and of how many brands nothing is yet: for a page that nobody waits for.

        Numbers may be :data:`SETTLED_S` old, but those of a brand whose spike opened or closed meanwhile.

        Raises:
            StoreError: Redis did not answer.
        """
        await self._refresh(statuses, HURRY_S, SETTLED_S)
        unread = sum(status.summarised and brand not in self._entries for brand, status in statuses.items())
        return self._kept(), unread

    async def _refresh(self, statuses: Mapping[str, BrandStatus], patience_s: float, settled_s: float) -> bool:
        """Read what is not known or has changed; whether that was done within *patience_s*."""
        with trio.move_on_after(patience_s):
            async with self._reading:  # who waits here finds what the one before has read
                self._forget(statuses)
                await self._read_all(self._stale(statuses, settled_s), statuses)
                return True
        return False

    def _kept(self) -> Mapping[str, Numbers]:
        return {brand: entry.numbers for brand, entry in self._entries.items() if entry.numbers is not None}

    async def some(self, brands: Sequence[str]) -> Mapping[str, Numbers]:
        """The numbers of *brands* as they are now, without those that have none.

        Raises:
            StoreError: Redis did not answer.
        """
        found: dict[str, Numbers] = {}
        for part in _slices(brands):
            found.update({name: numbers for name, numbers in (await self._read(part)).items() if numbers is not None})
        return found

    def _forget(self, statuses: Mapping[str, BrandStatus]) -> None:
        for brand in [brand for brand in self._entries if brand not in statuses or not statuses[brand].summarised]:
            del self._entries[brand]

    def _stale(self, statuses: Mapping[str, BrandStatus], settled_s: float) -> list[str]:
        now_s = trio.current_time()
        return [
            brand
            for brand, status in statuses.items()
            if status.summarised and self._is_stale(status, now_s, settled_s)
        ]

    def _is_stale(self, status: BrandStatus, now_s: float, settled_s: float) -> bool:
        entry = self._entries.get(status.brand)
        if entry is None or entry.read_s < now_s - MAX_AGE_S:
            return True
        if entry.commits is not None and entry.commits == status.commits:
            return False
        settled = entry.read_s > now_s - settled_s
        return not settled or (entry.numbers is not None and ("volume" in entry.numbers.episodes) != status.spiking)

    async def _read_all(self, brands: Sequence[str], statuses: Mapping[str, BrandStatus]) -> None:
        todo = _slices(brands)

        async def read() -> None:
            for part in todo:
                found, now_s = await self._read(part), trio.current_time()
                # With the commits as they were before the reading: what came in between is read again.
                self._entries.update(
                    {brand: _Entry(statuses[brand].commits, now_s, numbers) for brand, numbers in found.items()}
                )

        failures: list[StoreError] = []
        async with trio.open_nursery() as nursery:

            async def read_on() -> None:
                try:
                    await read()
                except StoreError as error:  # noted, or it would leave the nursery in a group
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            for _ in range(READERS):
                nursery.start_soon(read_on)
        if failures:
            raise failures[0]

    async def _read(self, brands: Sequence[str]) -> Mapping[str, Numbers | None]:
        return dict(zip(brands, await self._service.summaries(brands, numbers_of), strict=True))


def _slices(brands: Iterable[str]) -> Iterable[Sequence[str]]:
    """*brands* in slices, each handed out once, to whoever asks next."""
    rest = iter(brands)
    return iter(lambda: list(islice(rest, SLICE)), [])
