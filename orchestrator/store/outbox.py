"""The outbox of alerts: which brands have one to be told, the right to tell, and taking out what is settled.

A commit writes an alert in the same step as the state that gave rise to it. Here it is found again by whoever tells
it: at most one process tells a brand's alerts at a time, as long as its hold lasts, and the next one may tell what
was told and not taken out (at least once, in order). Synchronous and thread-safe.

Source: ``docs/redis-protocol.md``, section 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.outbox import Swept
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

MAX_SWEEP: Final = 512
"""Brands that one call looks at: 0.1 ms of the server's time."""

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

    def waiting(self, brands: Sequence[str]) -> Swept:
        """Which of *brands* (at most :data:`MAX_SWEEP`) have alerts that nobody tells, and how many all have.

        A hold that outlives :data:`MOST_HOLD_S` is brought to it: a clock that was set back, or somebody's hand, would
        else keep the alerts for as long.
        """
        keys = {brand: BrandKeys.of(brand) for brand in brands[:MAX_SWEEP]}
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
        odd = self._odd([keys[brand] for brand, ms in lives_ms.items() if ms == _FOR_EVER or ms > MOST_HOLD_S * 1000])
        untold = tuple(brand for brand, ms in lives_ms.items() if ms == _NO_KEY or brand in odd)
        return Swept(untold, sum(lengths.values()), odd)

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

    def take(self, brand: str, token: str, hold_s: float) -> list[bytes] | None:
        """Its alerts, oldest first, and the right to tell them for *hold_s*; None while somebody else has it.

        Nothing is removed. After an unanswered call the right may be held for that time without a use. Where the key
        of the right has a foreign type nobody can have it, and the alerts are told without: twice is better than never.
        """
        keys = BrandKeys.of(brand)
        held, kind, entries = self._runner.run(
            [
                ("SET", keys.telling, token, "NX", "PX", round(hold_s * 1000)),
                ("TYPE", keys.telling),
                ("LRANGE", keys.outbox, 0, -1),
            ]
        )
        if checked(held) is None and checked(kind).decode() in {_TYPE, "none"}:
            return None
        found: list[bytes] = checked(entries)
        return found

    def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        keys = BrandKeys.of(brand)
        reply = checked(self._runner.run([evalsha(scripts.RENEW, [keys.telling], token, round(hold_s * 1000))])[0])
        return Code(reply[0].decode()) is not Code.FENCED  # TYPE: there is no right, see take()

    def remove(self, brand: str, entry: bytes) -> None:
        """Take *entry* out, told or given up; safe to repeat, and also without the right: what was told was told."""
        checked(self._runner.run([("LREM", BrandKeys.of(brand).outbox, 1, entry)])[0])

    def leave(self, brand: str, token: str) -> None:
        """Give the right back; does nothing if it was lost."""
        keys = BrandKeys.of(brand)
        checked(self._runner.run([evalsha(scripts.RELEASE, [keys.telling, keys.meta], token, 0, 0)])[0])


def _number(reply: Any) -> int:
    if isinstance(reply, ResponseError):
        return 0
    found: int = checked(reply)
    return found
