"""An operators' view held in memory: a fleet, dead letters and acts that a test sets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.contract.acts import Act, act
from orchestrator.contract.conflict import Conflict
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.history import Hour, Minute, Period, Step, hour_of
from orchestrator.contract.letters import Letter, LetterError, Selection
from orchestrator.contract.pauses import Pause
from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.errors import TooManyLettersError
from orchestrator.fleet.members import Load, Member, Obedience, Rates
from orchestrator.fleet.ordering import meant
from orchestrator.fleet.parking import Code, Parked
from orchestrator.fleet.view import BrandStatus, FleetView, Holder, Standing, standing
from orchestrator.http import Grouped, LetterPage, Moved
from orchestrator.letters import Tally
from orchestrator.store.purge import Holdings, Purged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.letters import Order

NOW_MS = 1_795_753_359_458
TOKEN = "operators-token-of-tests"  # noqa: S105 - of tests


def letter(payload: object, reason: str = "no brand", path: str = "$.brand") -> bytes:
    """An entry as an orchestrator writes it."""
    fields = {"error": "invalid_chunk_result", "reason": reason, "path": path, "receivedAt": "2026-11-27T04:22:39Z"}
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return json.dumps(fields | {"payload": text}).encode()


def member(name: str = "0a1b2c3d4e5f6071", **changes: Any) -> Member:
    """A process that lives."""
    return replace(
        Member(
            name,
            "worker-host-1",
            "0.9.0",
            4,
            Fingerprint({}),
            lanes=5,
            active=2,
            since_ms=NOW_MS - 7_200_000,
            age_ms=1_200,
            load=Load(0.4, 0.5, 300 << 20),
            rates=Rates(chunks=123.4),
            oldest_s=12.0,
            obedience=Obedience(5),
        ),
        **changes,
    )


class MemoryOperator:
    """An :class:`orchestrator.http.OperatorView` over what a test sets.

    Attributes:
        error: what every read of the fleet raises while it is set.
        refused: names of the parts that cannot be read.
        queues: payloads that were sent again, by brand.
    """

    def __init__(self) -> None:
        self.members: list[Member] = [member()]
        self.brands: dict[str, BrandStatus] = {}
        self.dead: dict[str, list[bytes]] = {}
        self.queues: dict[str, list[bytes]] = {}
        self.written: list[Act] = []
        self.minutes: list[Minute] = []
        self.routes = {"desk": "status 204"}
        self.ended: dict[str, int] = {}
        self.hours: list[Hour] = []
        self.error: Exception | None = None
        self.refused: dict[str, Exception] = {}

    def add(self, brand: str, stands: Standing = Standing.WAITING, **fields: Any) -> None:
        """Register *brand*."""
        self.brands[brand] = BrandStatus(brand, stands, **fields)

    def add_all_kinds(self, brand: str = "acme", reason: str = "no brand") -> None:
        """One brand of each kind, some dead letters, a day of history, and an act."""
        held = Holder(member().name, member().id, lives=True, since_ms=NOW_MS - 60_000, left_ms=20_000, token=b"t")
        self.add(brand, Standing.HELD, queued=1_200, holder=held, commits=41, summarised=True, spiking=True)
        self.add("beta", queued=30)
        parked = Parked(Code.FULL, f"its dead letters are full: {reason}", NOW_MS - 600_000, member().name)
        self.add("gamma", Standing.PARKED, queued=7, parked=parked)
        self.add("delta", Standing.PAUSED, queued=5, paused=Pause(reason, "ann@host", NOW_MS - 600_000, None))
        self.add("idle", Standing.IDLE)
        self.add("anew", Standing.IDLE, conflicts=12, newest_conflict=Conflict(NOW_MS - 300_000, "<i>chunk-1"))
        self.dead[brand] = [letter({"n": number}, reason) for number in range(3)] + [letter("x", "poison", "$")]
        self.dead["gamma"] = [b'{"worker_id":"w","chunk_id":"c","reason":"model","payload":"input"}', b"plain"]
        self.minutes = [Minute(NOW_MS // 60_000 - back, back * 10, 1.0, back / 7, 6) for back in range(600)]
        self.written.append(act(NOW_MS, "ann@host", "pause", "delta", {"reason": reason}))

    async def fleet(self) -> FleetView:
        """All of it now."""
        if self.error is not None:
            raise self.error
        brands = [replace(one, failed=len(self.dead.get(one.brand, []))) for one in self.brands.values()]
        return FleetView(NOW_MS, self.members, sorted(brands, key=lambda one: one.brand))

    async def history(self, period: Period) -> Sequence[Step]:
        """The minutes, or the hours that they make and those before."""
        self._check("history")
        if period is Period.DAY:
            return sorted(self.minutes, key=lambda minute: minute.minute)
        made = [hour_of(hour, self.minutes) for hour in sorted({one.minute // 60 for one in self.minutes})]
        return [*(one for one in self.hours if not made or one.hour < made[0].hour), *made]

    async def acts(self, limit: int) -> Sequence[Act]:
        """The newest acts."""
        self._check("acts")
        return self.written[::-1][:limit]

    async def groups(self, brand: str | None) -> Grouped:
        """All letters by group."""
        self._check("groups")
        tally = Tally()
        for name in [brand] if brand is not None else self.dead:
            for one in self._letters(name):
                tally.add(name, one)
        return Grouped(tally, tally.total, tally.total)

    async def letters(self, brand: str, selection: Selection, limit: int) -> LetterPage:
        """The newest letters."""
        meant = [one for one in self._letters(brand) if selection.takes(one)]
        return LetterPage(meant[::-1][:limit], len(meant))

    async def look(self, brand: str | None, order: Order) -> Moved:
        """What an order would do."""
        tally, told = Tally(), []
        for name in [brand] if brand is not None else self.dead:
            for one in self._letters(name):
                if not order.wanted.takes(one):
                    continue
                try:
                    one.payload()
                    tally.add(name, one)
                except LetterError as error:
                    if order.action.value == "drop":
                        tally.add(name, one)
                    else:
                        told.append((name, one.index, str(error)))
        return Moved(tally, len(told), told)

    async def move(self, brand: str | None, order: Order, most: int | None) -> Moved:
        """Do it."""
        looked = await self.look(brand, order)
        if most is not None and looked.tally.total > most:
            raise TooManyLettersError(looked.tally.total)
        self._note(order.by, order.action.value, brand, letters=looked.tally.total)
        for name in [brand] if brand is not None else list(self.dead):
            stay = []
            for one in self._letters(name):
                if not order.wanted.takes(one):
                    stay.append(one.raw)
                elif order.action.value == "retry":
                    self.queues.setdefault(name, []).append(one.payload())
            self.dead[name] = stay
        return replace(looked, moved=looked.tally.total)

    async def test_route(self, route: str, by: str) -> str | None:
        """Answer as the test says."""
        if route not in self.routes:
            return None
        self.written.append(act(NOW_MS, by, "alerts test", None, {"route": route}))
        return self.routes[route]

    async def pause(self, brand: str, by: str, reason: str, for_ms: int | None) -> None:
        """Pause."""
        self._note(by, "pause", brand, reason=reason)
        until_ms = None if for_ms is None else NOW_MS + for_ms
        paused: Any = Pause(reason, by, NOW_MS, until_ms)
        self.brands[brand] = replace(self.brands[brand], standing=Standing.PAUSED, paused=paused)

    async def resume(self, brand: str, by: str) -> bool:
        """Resume."""
        self._note(by, "resume", brand)
        known = self.brands.get(brand)
        if known is None or known.paused is None:
            return False
        self.brands[brand] = replace(known, standing=Standing.WAITING, paused=None)
        return True

    async def take(self, brand: str, by: str, holder: str) -> bool:
        """Break the lock."""
        self._note(by, "locks break", brand, holder=holder)
        known = self.brands.get(brand)
        if known is None or str(known.holder) != holder:
            return False
        now = standing(known.queued, None, known.parked, known.paused)
        self.brands[brand] = replace(known, standing=now, holder=None)
        return True

    async def order(self, process: str | None, wanted: Wanted, by: str, lanes: int | None = None) -> Sequence[Member]:
        """Order; nobody has heard it yet."""
        chosen = meant(self.members, process)
        self._note(by, f"processes {wanted.value}", None, processes=len(chosen), lanes=lanes)
        order = ProcessOrder(wanted=wanted, at_ms=NOW_MS, by=by, lanes=lanes)
        names = {one.name for one in chosen}
        self.members = [replace(one, asked=(order,)) if one.name in names else one for one in self.members]
        return chosen

    async def sign_out(self, nonce: str, left_ms: int) -> None:
        """End the session, in any process that shares this view."""
        self._check("sign_out")
        self.ended[nonce] = left_ms

    async def signed_out(self, nonce: str) -> bool:
        """Whether it was ended."""
        self._check("signed_out")
        return nonce in self.ended

    async def holdings(self, brand: str) -> Holdings:
        """What is kept."""
        known = self.brands.get(brand)
        commits = (known.commits or 0) if known else 0
        queued = (known.queued or 0) if known else 0
        return Holdings(commits, 0, bool(known), 0, 0, queued, len(self.dead.get(brand, [])), int(bool(known)))

    async def purge(self, brand: str, by: str, *, queue: bool, letters: bool) -> Purged:
        """Remove."""
        self._note(by, "purge", brand, queue=queue, letters=letters)
        known = self.brands.pop(brand, None)
        gone = len(self.dead.pop(brand, [])) if letters else 0
        chunks = (known.queued or 0) if known and queue else 0
        return Purged(held=False, keys=5 if known else 0, chunks=chunks, letters=gone)

    def _note(self, by: str, action: str, brand: str | None, **details: Any) -> None:
        self.written.append(act(NOW_MS, by, action, brand, details))

    def _letters(self, brand: str) -> list[Letter]:
        return [Letter.read(index, raw) for index, raw in enumerate(self.dead.get(brand, []))]

    def _check(self, part: str) -> None:
        if part in self.refused:
            raise self.refused[part]
