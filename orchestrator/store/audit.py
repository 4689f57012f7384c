"""The audit list: who asked for what, kept in Redis for all who operate.

Written before the action is tried: without an entry nothing is done. Synchronous and thread-safe. Source:
``orchestrator:audit`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from orchestrator.contract.acts import Act, Value, act, read_act
from orchestrator.contract.keys import AUDIT_KEY
from orchestrator.errors import WrongTypeError
from orchestrator.store.client import checked, translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

MAX_ACTS: Final = 1_000
"""Entries that are kept; the oldest go."""


def write_audit(
    client: redis.Redis, by: str, action: str, brand: str | None = None, details: Mapping[str, Value] | None = None
) -> Act:
    """Write down that *by* asked for *action* on *brand* (None: on all); to be called before it is done.

    Returns:
        what was written, with the time of Redis.

    Raises:
        WrongTypeError: the key has a foreign type.
        StoreError: Redis did not answer or refused; the action is not to be done then.
    """
    with translated(), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.type(AUDIT_KEY)
        (seconds, microseconds), kind = pipe.execute()
        if kind not in {b"none", b"list"}:
            raise WrongTypeError(AUDIT_KEY, kind.decode(), "list")
        made = act(int(seconds) * 1000 + int(microseconds) // 1000, by, action, brand, details or {})
        with client.pipeline(transaction=True) as writing:
            writing.rpush(AUDIT_KEY, made.entry())
            writing.ltrim(AUDIT_KEY, -MAX_ACTS, -1)
            checked(writing.execute(raise_on_error=False)[0])
    return made


def read_audit(client: redis.Redis, limit: int) -> list[Act]:
    """The newest *limit* acts, the newest first; entries that are not ours are left out.

    Raises:
        StoreError: Redis did not answer or refused, also because the key has a foreign type.
    """
    with translated():
        entries = cast("list[bytes]", client.lrange(AUDIT_KEY, -min(limit, MAX_ACTS), -1))
    return [found for entry in reversed(entries) if (found := read_act(entry)) is not None]
