"""Orders to processes: giving them, and reading those that were not heard yet.

A process hears its own along with its heartbeat, see :mod:`orchestrator.store.members`. Synchronous and thread-safe.
Source: ``orchestrator:orders`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from orchestrator.contract.process_orders import (
    MAX_BY_CHARS,
    ProcessOrder,
    Wanted,
    field_of,
    name_of,
    read_order,
)
from orchestrator.errors import StoreRefusedError, WrongTypeError
from orchestrator.fleet.members import TTL_S
from orchestrator.store.client import checked, translated
from orchestrator.store.layouts import layout_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import redis

MAX_PLACES: Final = 512
"""Two for each process that there can be; a key with more was filled by somebody else."""


def give(client: redis.Redis, names: Sequence[str], wanted: Wanted, by: str, lanes: int | None = None) -> None:
    """Order the processes *names*; each hears it with its next beat. To be written to the audit list before.

    An order that one of them has not heard yet gives way to this one.

    Raises:
        WrongTypeError: the key has a foreign type.
        StoreError: Redis did not answer or refused; nothing was ordered.
    """
    orders = layout_of(client).orders
    with translated(), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.type(orders)
        (seconds, microseconds), kind = pipe.execute()
        if kind not in {b"none", b"hash"}:
            raise WrongTypeError(orders, kind.decode(), "hash")
        at_ms = int(seconds) * 1000 + int(microseconds) // 1000
        entry = ProcessOrder(wanted=wanted, at_ms=at_ms, by=by[:MAX_BY_CHARS], lanes=lanes).entry()
        with client.pipeline(transaction=True) as writing:
            writing.hset(orders, mapping={field_of(name, wanted): entry for name in names})
            # It goes with the last process; each beat lets it live on.
            writing.pexpire(orders, round(TTL_S * 1000))
            for reply in writing.execute(raise_on_error=False):
                checked(reply)


def read_orders(client: redis.Redis) -> Mapping[str, tuple[ProcessOrder, ...]]:
    """Orders that were not heard yet, by the name of the process; none from a key of a foreign type.

    Raises:
        StoreError: Redis did not answer.
    """
    orders = layout_of(client).orders
    try:
        with translated():
            if not 0 < client.hlen(orders) <= MAX_PLACES:
                return {}
            entries = cast("dict[bytes, bytes]", client.hgetall(orders))
    except StoreRefusedError:  # the picture is drawn without
        return {}
    found: dict[str, tuple[ProcessOrder, ...]] = {}
    for field, entry in sorted(entries.items()):
        order = read_order(entry)
        if order is not None:
            name = name_of(field.decode("ascii", "replace"))
            found[name] = (*found.get(name, ()), order)
    return found
