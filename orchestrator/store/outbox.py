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
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

MAX_SWEEP: Final = 512
"""Brands that one call looks at: 0.1 ms of the server's time."""


class Outbox:
    """The outboxes of all brands. Every method raises :class:`~orchestrator.errors.StoreError` without an answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._runner = ScriptRunner(client)

    def waiting(self, brands: Sequence[str]) -> list[str]:
        """Those of *brands* (at most :data:`MAX_SWEEP`) that have alerts which nobody tells at the moment."""
        asked = brands[:MAX_SWEEP]
        keys = [BrandKeys.of(brand) for brand in asked]
        if not keys:
            return []
        replies = self._runner.run(
            [command for own in keys for command in (("LLEN", own.outbox), ("EXISTS", own.telling))]
        )
        pairs = zip(replies[::2], replies[1::2], strict=True)
        # A key of a foreign type is an error here: the lane parks the brand for it.
        return [
            brand for brand, (length, told) in zip(asked, pairs, strict=True) if _number(length) and not _number(told)
        ]

    def take(self, brand: str, token: str, hold_s: float) -> list[bytes] | None:
        """Its alerts, oldest first, and the right to tell them for *hold_s*; None while somebody else has it.

        Nothing is removed. After an unanswered call the right may be held for that time without a use.
        """
        keys = BrandKeys.of(brand)
        held, entries = self._runner.run(
            [("SET", keys.telling, token, "NX", "PX", round(hold_s * 1000)), ("LRANGE", keys.outbox, 0, -1)]
        )
        if checked(held) is None:
            return None
        found: list[bytes] = checked(entries)
        return found

    def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        keys = BrandKeys.of(brand)
        return _ok(self._runner.run([evalsha(scripts.RENEW, [keys.telling], token, round(hold_s * 1000))]))

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


def _ok(replies: Sequence[Any]) -> bool:
    return Code(checked(replies[0])[0].decode()) is Code.OK
