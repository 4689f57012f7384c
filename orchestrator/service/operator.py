"""What operators ask of the service over HTTP, carried out on threads.

Implements :class:`orchestrator.http.OperatorView` over the functions that the command line calls, too. Reads are shared
by those who ask in the same second and bounded in time; what changes something is written down first, and told in the
log when it is done, also where nobody waits for the answer any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

import redis
import structlog
import trio

from orchestrator.alerts.deliver import Alerts
from orchestrator.contract.acts import Act, Value
from orchestrator.contract.alert_routes import RouteState
from orchestrator.contract.history import Period, Step
from orchestrator.contract.letters import Selection
from orchestrator.contract.process_orders import Wanted
from orchestrator.errors import TooManyLettersError
from orchestrator.fleet.members import Member
from orchestrator.fleet.ordering import meant
from orchestrator.fleet.view import FleetView
from orchestrator.http import Grouped, LetterPage, Moved
from orchestrator.letters import Order, Tally, carry_out, each, find, plan
from orchestrator.objects.objects import Objects
from orchestrator.service.purging import purge_brand
from orchestrator.store.audit import read_audit, write_audit
from orchestrator.store.fleet import read_brand, read_fleet
from orchestrator.store.history import read_history
from orchestrator.store.locks import break_lock
from orchestrator.store.members import read_members
from orchestrator.store.pauses import pause, resume
from orchestrator.store.process_orders import give
from orchestrator.store.purge import HOLD_S, Holdings, Purged, look
from orchestrator.store.registration import unregister
from orchestrator.store.signed_out import is_signed_out, mark_signed_out

T = TypeVar("T")

OPERATOR_THREADS = 2
"""Calls at the same time; more wait, so that operators never starve lanes of connections."""

FRESH_S = 1.0
GROUPS_FRESH_S = 5.0
READ_S = 2.0
"""For so long letters are read for a page; what is not read by then is only counted."""

MOVE_S = 20.0
"""After so long no further brand is begun; the answer says what is left."""


class Shared(Generic[T]):
    """The last answer of a call, for all who ask while it is fresh; who asks during the call waits for it."""

    def __init__(self, fresh_s: float) -> None:
        self._fresh_s = fresh_s
        self._lock = trio.Lock()
        self._answer: T | None = None
        self._until_s = float("-inf")

    async def get(self, call: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
        """The answer of *call*, made on a thread if the last one is not fresh any more."""
        async with self._lock:
            if self._answer is None or trio.current_time() >= self._until_s:
                self._answer = await trio.to_thread.run_sync(call, limiter=limiter, abandon_on_cancel=True)
                self._until_s = trio.current_time() + self._fresh_s
            return self._answer

    def forget(self) -> None:
        """Something was changed: the next one asks anew."""
        self._until_s = float("-inf")


class Operator:
    """What operators may ask.

    Args:
        client: of the server.
        registry_keys: where brands are registered.
        lock_ttl_s: for how long a lock of a brand lives.
        clock: seconds, for the bounds of reading and moving.

    Attributes:
        alerts: tells endpoints of episodes; None: nobody does.
        objects: of the archive; None: there is none.
    """

    def __init__(
        self,
        client: redis.Redis,
        registry_keys: Sequence[str],
        *,
        lock_ttl_s: float = HOLD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.alerts: Alerts | None = None
        self.objects: Objects | None = None
        self._client = client
        self._registry_keys = registry_keys
        self._hold_s = min(HOLD_S, lock_ttl_s)
        self._clock = clock
        self._limiter = trio.CapacityLimiter(OPERATOR_THREADS)
        self._fleet: Shared[FleetView] = Shared(FRESH_S)
        self._history: dict[Period, Shared[Sequence[Step]]] = {period: Shared(FRESH_S) for period in Period}
        self._groups: Shared[Grouped] = Shared(GROUPS_FRESH_S)
        self._log = structlog.get_logger("orchestrator.operator")

    async def fleet(self) -> FleetView:
        """All processes and brands, a second old at most."""
        return await self._fleet.get(lambda: read_fleet(self._client, self._registry_keys), self._limiter)

    async def history(self, period: Period) -> Sequence[Step]:
        """The minutes of the last day, or the hours of a longer *period*, the oldest first."""
        return await self._history[period].get(lambda: read_history(self._client, period), self._limiter)

    async def acts(self, limit: int) -> Sequence[Act]:
        """The newest entries of the audit list, the newest first."""
        return await self._call(lambda: read_audit(self._client, limit))

    async def groups(self, brand: str | None) -> Grouped:
        """Dead letters by writer, path and reason, as far as there is time to read them."""
        if brand is not None:
            return await self._call(lambda: self._read_groups([brand], None))
        fleet = await self.fleet()
        names = [one.brand for one in sorted(fleet.brands, key=lambda one: -(one.failed or 0)) if one.failed]
        return await self._groups.get(lambda: self._read_groups(names, fleet.dead_letters), self._limiter)

    async def letters(self, brand: str, selection: Selection, limit: int) -> LetterPage:
        """The newest *limit* letters of *brand* that are meant, the newest first."""
        found, total = await self._call(lambda: find(self._client, brand, selection, limit))
        return LetterPage(found[::-1], total)

    async def look(self, brand: str | None, order: Order) -> Moved:
        """What *order* would do; changes nothing."""
        names = await self._names(brand)
        return await self._call(lambda: self._look(names, order))

    async def move(self, brand: str | None, order: Order, most: int | None) -> Moved:
        """Carry *order* out, unless it means more than *most* letters."""
        names = await self._names(brand)
        moved = await self._call(lambda: self._move(names, brand, order, most))
        self._changed()
        return moved

    async def pause(self, brand: str, by: str, reason: str, for_ms: int | None) -> None:
        """Let nobody work on *brand* until it is resumed, or for so many milliseconds."""
        details = {"reason": reason, "hours": None if for_ms is None else for_ms / 3_600_000}
        call = partial(pause, self._client, [brand], by=by, reason=reason, for_ms=for_ms)
        await self._act(by, "pause", brand, details, call)

    async def resume(self, brand: str, by: str) -> bool:
        """Let *brand* go on; False: it was not paused."""
        ended = await self._act(by, "resume", brand, {}, lambda: resume(self._client, [brand]))
        return ended[brand] is not None

    async def take(self, brand: str, by: str, holder: str) -> bool:
        """Break the lock of *brand*, if it is that of *holder* still."""

        def take() -> bool:
            found = read_brand(self._client, brand).holder
            if found is None or str(found) != holder:
                return False
            return break_lock(self._client, brand, found.token)

        return await self._act(by, "locks break", brand, {"holder": holder}, take)

    async def order(self, process: str | None, wanted: Wanted, by: str, lanes: int | None = None) -> Sequence[Member]:
        """Order *process*, named by name or id, or all; those that were ordered."""

        def order() -> Sequence[Member]:
            chosen = meant(read_members(self._client), process)
            count: Value = None if wanted is not Wanted.LANES else lanes if lanes is not None else "default"
            for member in chosen:
                details: dict[str, Value] = {"process": member.name, "id": member.id, "lanes": count}
                told: dict[str, Value] = {name: value for name, value in details.items() if value is not None}
                self._write_down(by, f"processes {wanted.value}", None, told)
            give(self._client, [member.name for member in chosen], wanted, by, lanes)
            return chosen

        ordered = await self._call(order)
        self._changed()
        return ordered

    async def test_route(self, route: str, by: str) -> str | None:
        """Send a marked test message to a route of alerts; what its endpoint answered, None: there is no such."""
        if self.alerts is None or route not in {state.name for state in self._routes()}:
            return None
        await self._call(lambda: self._write_down(by, "alerts test", None, {"route": route}))
        answer = await self.alerts.test(route)
        self._log.info("done for an operator", action="alerts test", route=route, by=by, answer=answer)
        return answer

    def _routes(self) -> Sequence[RouteState]:
        states = None if self.alerts is None else self.alerts.states()
        return () if states is None else states.routes

    async def sign_out(self, nonce: str, left_ms: int) -> None:
        """Let the session *nonce* be none in any process."""
        await self._call(lambda: mark_signed_out(self._client, nonce, left_ms))

    async def signed_out(self, nonce: str) -> bool:
        """Whether the session *nonce* was ended, in whichever process."""
        return await self._call(lambda: is_signed_out(self._client, nonce))

    async def holdings(self, brand: str) -> Holdings:
        """What is kept of *brand*."""
        return await self._call(lambda: look(self._client, brand))

    async def purge(self, brand: str, by: str, *, queue: bool, letters: bool) -> Purged:
        """Take *brand* out of the registry and remove all that is kept of it, in the archive, too.

        What remains there is told, and in the log.
        """

        def remove() -> Purged:
            # Out of the registry first: otherwise somebody would begin with an empty state at once.
            unregister(self._client, self._registry_keys, brand)
            return purge_brand(self._client, brand, self.objects, queue=queue, letters=letters, hold_s=self._hold_s)

        purged = await self._act(by, "purge", brand, {"queue": queue, "letters": letters}, remove)
        if purged.remains:
            self._log.error("a purge left objects in the archive: do it again", brand=brand, reason=purged.remains)
        return purged

    async def _names(self, brand: str | None) -> Sequence[str]:
        return [brand] if brand is not None else [one.brand for one in (await self.fleet()).brands if one.failed]

    def _read_groups(self, names: Sequence[str], total: int | None) -> Grouped:
        tally, read = Tally(), 0
        end_s = self._clock() + READ_S
        for name in names:
            for letter in each(self._client, name):
                if self._clock() > end_s:
                    return Grouped(tally, read, max(read + 1, total or 0))
                tally.add(name, letter)
                read += 1
        return Grouped(tally, read, read)

    def _look(self, names: Sequence[str], order: Order) -> Moved:
        tally, told, refused = Tally(), [], 0
        for name in names:
            made = plan(self._client, name, order)
            for group, number in made.tally.groups.items():
                tally.groups[group] += number
            tally.rest += made.tally.rest
            refused += made.refused
            told += [(name, index, why) for index, why in made.told]
        return Moved(tally, refused, told)

    def _move(self, names: Sequence[str], brand: str | None, order: Order, most: int | None) -> Moved:
        looked = self._look(names, order)
        total = looked.tally.total
        if most is not None and total > most:
            raise TooManyLettersError(total)
        if total:
            self._write_down(order.by, order.action.value, brand, {"letters": total, **_told(order.selection)})
        moved = gone = 0
        end_s = self._clock() + MOVE_S
        meant = {group.brand for group in looked.tally.groups} if not looked.tally.rest else set(names)
        for name in [name for name in names if name in meant]:
            if self._clock() > end_s:
                break
            outcome = carry_out(self._client, order, plan(self._client, name, order))
            moved, gone = moved + outcome.moved, gone + outcome.gone
        self._log.info("dead letters moved", action=order.action.value, brand=brand, by=order.by, moved=moved)
        return replace(looked, moved=moved, gone=gone, left=max(0, total - moved - gone))

    async def _act(self, by: str, action: str, brand: str, details: dict[str, Value], call: Callable[[], T]) -> T:
        """Write down what is asked for, do it, and tell it."""

        def act() -> T:
            self._write_down(by, action, brand, {name: told for name, told in details.items() if told is not None})
            answer = call()
            self._log.info("done for an operator", action=action, brand=brand, by=by)
            return answer

        answer = await self._call(act)
        self._changed()
        return answer

    def _write_down(self, by: str, action: str, brand: str | None, details: dict[str, Value]) -> None:
        write_audit(self._client, by, action, brand, details)
        self._log.info("asked for by an operator", action=action, brand=brand, by=by, details=details)

    def _changed(self) -> None:
        self._fleet.forget()
        self._groups.forget()

    async def _call(self, call: Callable[[], T]) -> T:
        # Abandoned when its caller is gone: the thread goes on to the end, and each step of it is whole.
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)


def _told(selection: Selection) -> dict[str, Value]:
    """What somebody asked for, for the audit list."""
    told: dict[str, Value] = {
        "writer": selection.writer and selection.writer.value,
        "reason": selection.reason,
        "path": selection.path,
        "group": selection.group,
        "index": selection.index,
        "grep": selection.grep and selection.grep.pattern,
    }
    return {name: value for name, value in told.items() if value is not None}
