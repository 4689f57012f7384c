"""The outbox of alerts: which brands have one to be told, the right to tell, and taking out what is settled.

A commit writes an alert in the same step as the state that gave rise to it. Here it is found again by whoever tells
it: at most one process tells a brand's alerts at a time, as long as its hold lasts, and the next one may tell what
was told and neither marked nor taken out (at least once, in order). Where several routes want an alert, a mark beside
the outbox says which of them are done with it. Synchronous and thread-safe.

Source: ``docs/redis-protocol.md``, section 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from orchestrator.contract.keys import digest_key
from orchestrator.contract.outbox import Box, Swept
from orchestrator.contract.slots import sibling
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import redis

    from orchestrator.contract.keys import BrandKeys

MAX_SWEEP: Final = 512
"""Brands that one call looks at: 0.1 ms of the server's time."""

MAX_LOOK: Final = 16
"""Brands whose alerts one call reads: 50 alerts of some KB each at the worst."""

MARKS_TTL_MS: Final = 8 * 86_400_000
"""A day longer than an outbox lives after its last alert."""

MOST_HOLD_S: Final = 330.0
"""The longest wait between two attempts that an endpoint may ask for, and an attempt."""

_TYPE: Final = "string"
_NO_KEY: Final = -2
_FOR_EVER: Final = -1
"""What PTTL says."""


class Outbox:
    """The outboxes of all brands. Every method raises :class:`~orchestrator.errors.StoreError` without an answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._runner = ScriptRunner(client)
        self._keys = layout_of(client).keys

    def waiting(self, brands: Sequence[str]) -> Swept:
        """Which of *brands* (at most :data:`MAX_SWEEP`) have alerts that nobody tells, and how many all have.

        A hold that outlives :data:`MOST_HOLD_S` is brought to it: a clock that was set back, or somebody's hand, would
        else keep the alerts for as long.
        """
        keys = {brand: self._keys(brand) for brand in brands[:MAX_SWEEP]}
        if not keys:
            return Swept()
        replies = self._runner.run(
            [command for own in keys.values() for command in (("LLEN", own.outbox), ("PTTL", own.telling))]
        )
        # A key of a foreign type has no length here: the lane parks the brand for it.
        lengths = dict(zip(keys, map(_number, replies[::2]), strict=True))
        lives_ms = {
            brand: checked(reply) for brand, reply in zip(keys, replies[1::2], strict=True) if lengths[brand] > 0
        }
        odd = self._odd_marks([keys[brand] for brand in lives_ms])
        rights = self._odd(
            [keys[brand] for brand, ms in lives_ms.items() if ms == _FOR_EVER or ms > MOST_HOLD_S * 1000]
        )
        untold = tuple(brand for brand, ms in lives_ms.items() if ms == _NO_KEY or brand in rights)
        telling = tuple(brand for brand in lives_ms if brand not in untold)
        return Swept(untold, sum(lengths.values()), odd | rights, telling)

    def _odd(self, suspects: Sequence[BrandKeys]) -> dict[str, str]:
        """What is wrong with the right to tell the alerts of those brands."""
        if not suspects:
            return {}
        kinds = map(checked, self._runner.run([("TYPE", own.telling) for own in suspects]))
        types = {own.brand: kind.decode() for own, kind in zip(suspects, kinds, strict=True)}
        held = [own for own in suspects if types[own.brand] == _TYPE]
        if held:
            self._runner.run([("PEXPIRE", own.telling, round(MOST_HOLD_S * 1000)) for own in held])
        return {
            own.brand: f"{own.telling!r} would have lived for longer than {MOST_HOLD_S:g} s"
            if own in held
            else f"{own.telling!r} is a {types[own.brand]}, expected a {_TYPE}: remove it"
            for own in suspects
            if types[own.brand] != "none"  # gone meanwhile
        }

    def _odd_marks(self, brands: Sequence[BrandKeys]) -> dict[str, str]:
        """Where no mark can be kept, because somebody else's key is in its place."""
        kinds = map(checked, self._runner.run([("TYPE", own.told) for own in brands])) if brands else ()
        types = zip(brands, (kind.decode() for kind in kinds), strict=True)
        return {
            own.brand: f"{own.told!r} is a {found}, expected a set: remove it"
            for own, found in types
            if found not in {"set", "none"}
        }

    def look(self, brands: Sequence[str]) -> dict[str, Box]:
        """What is in the outboxes of *brands* (at most :data:`MAX_LOOK`) and beside them.

        Marks first: one that is made in between belongs to an alert that is read after it, and is no stray.
        """
        keys = [self._keys(brand) for brand in brands[:MAX_LOOK]]
        commands = [command for own in keys for command in (("SMEMBERS", own.told), ("LRANGE", own.outbox, 0, -1))]
        replies = self._runner.run(commands) if commands else []
        return {
            own.brand: Box(_entries(entries), _marks(marks))
            for own, marks, entries in zip(keys, replies[::2], replies[1::2], strict=True)
        }

    def take(self, brand: str, token: str, hold_s: float) -> Box | None:
        """Its alerts, oldest first, and the right to tell them for *hold_s*; None while somebody else has it.

        Nothing is removed. After an unanswered call the right may be held for that time without a use. Where the key
        of the right has a foreign type nobody can have it, and the alerts are told without: twice is better than never.
        """
        keys = self._keys(brand)
        held, kind, marks, entries = self._runner.run(
            [
                ("SET", keys.telling, token, "NX", "PX", round(hold_s * 1000)),
                ("TYPE", keys.telling),
                ("SMEMBERS", keys.told),
                ("LRANGE", keys.outbox, 0, -1),
            ]
        )
        if checked(held) is None and checked(kind).decode() in {_TYPE, "none"}:
            return None
        found: list[bytes] = checked(entries)
        return Box(tuple(found), _marks(marks))

    def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        keys = self._keys(brand)
        reply = checked(self._runner.run([evalsha(scripts.RENEW, [keys.telling], token, round(hold_s * 1000))])[0])
        return Code(reply[0].decode()) is not Code.FENCED  # TYPE: there is no right, see take()

    def mark(self, brand: str, mark: str, others: Collection[str]) -> bool:
        """Note that one route is done with an alert; whether *others* are noted, too. Safe to repeat.

        Where the key has a foreign type nothing is noted: whoever asks has to remember what it told.
        """
        keys = self._keys(brand)
        noted, _, found = self._runner.run(
            [
                ("SADD", keys.told, mark),
                ("PEXPIRE", keys.told, MARKS_TTL_MS),
                ("SMEMBERS", keys.told),  # and not SMISMEMBER, which a user of its own may not be allowed
            ]
        )
        if isinstance(noted, ResponseError) and isinstance(found, ResponseError):
            return False
        checked(noted)
        return _marks(found) >= set(others)

    def remove(self, brand: str, entry: bytes, marks: Collection[str] = ()) -> bool:
        """Take *entry* and its *marks* out, told or given up; whether it was there.

        Safe to repeat, and also without the right: what was told was told. The entry first: a mark that is left over
        is a stray, an alert without its marks would be told again.
        """
        keys = self._keys(brand)
        gone, *_ = self._runner.run(
            [("LREM", keys.outbox, 1, entry), *([("SREM", keys.told, *marks)] if marks else [])]
        )
        return bool(checked(gone))

    def forget(self, brand: str, marks: Collection[str]) -> None:
        """Take *marks* out, whose alerts are gone."""
        if marks:
            self._runner.run([("SREM", self._keys(brand).told, *marks)])

    def leave(self, brand: str, token: str) -> None:
        """Give the right back; does nothing if it was lost."""
        keys = self._keys(brand)
        checked(self._runner.run([evalsha(scripts.RELEASE, [keys.telling, keys.meta], token, 0, 0)])[0])

    def take_turn(self, route: str, token: str, hold_s: float) -> bool:
        """The right to tell digests of *route* for *hold_s*; False while somebody else has it.

        One that would outlive every wait is brought to one, as that of a brand is; of a foreign type it is nobody's.
        """
        key, most_ms = digest_key(route), round(MOST_HOLD_S * 1000)
        held, kind, left = self._runner.run(
            [("SET", key, token, "NX", "PX", round(hold_s * 1000)), ("TYPE", key), ("PTTL", key)]
        )
        if checked(held) is None and checked(kind).decode() == _TYPE:
            if checked(left) == _FOR_EVER or left > most_ms:
                self._runner.run([("PEXPIRE", key, most_ms)])
            return False
        return True

    def keep_turn(self, route: str, token: str, hold_s: float) -> bool:
        """Keep that right for *hold_s* from now; False if it is lost."""
        reply = checked(self._runner.run([evalsha(scripts.RENEW, [digest_key(route)], token, round(hold_s * 1000))])[0])
        return Code(reply[0].decode()) is not Code.FENCED

    def leave_turn(self, route: str, token: str) -> None:
        """Give that right back; does nothing if it was lost."""
        key = digest_key(route)
        # Nothing of the second key is read or written: with two zeros release is about the lock alone.
        checked(self._runner.run([evalsha(scripts.RELEASE, [key, f"{sibling(key)}none"], token, 0, 0)])[0])


def _entries(reply: Any) -> tuple[bytes, ...]:
    return () if isinstance(reply, ResponseError) else tuple(checked(reply))


def _marks(reply: Any) -> frozenset[str]:
    """None from a key of a foreign type: then alerts are told again rather than lost."""
    found = () if isinstance(reply, ResponseError) else checked(reply)
    return frozenset(mark.decode("utf-8", "replace") for mark in found)


def _number(reply: Any) -> int:
    if isinstance(reply, ResponseError):
        return 0
    found: int = checked(reply)
    return found
