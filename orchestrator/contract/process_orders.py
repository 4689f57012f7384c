"""What operators order of one process: to take no more brands, to go on, to end, or to work with more or fewer lanes.

Pure. An order lies in Redis until its process has heard it; then the process says in its heartbeat how it stands, and
the order is gone. So an order never outlives its process, and whoever comes back after a restart begins as its settings
say. Every entry is untrusted bytes: bounded, and left out where it is not ours.

Source: ``orchestrator:orders`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

MAX_LANES: Final = 1_000
"""Of one process, by setting or by order."""

MAX_ENTRY_BYTES: Final = 1_024
MAX_BY_CHARS: Final = 128

_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


class Wanted(StrEnum):
    """What a process is to do; the value is its name in Redis, in JSON and in the audit list."""

    QUIET = "quiet"  # take no more brands, end what is in work, answer on
    RESUME = "resume"  # take brands again
    STOP = "stop"  # end as at SIGTERM
    LANES = "lanes"  # work on so many brands at a time


class ProcessOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One order.

    Attributes:
        wanted: what is to be done.
        at_ms: when it was given, Unix ms of the server.
        by: who gave it.
        lanes: of ``lanes``: how many; None: as many as the settings of the process say.
    """

    wanted: Wanted
    at_ms: int
    by: str = ""
    lanes: int | None = None

    def entry(self) -> bytes:
        """The order as it is stored."""
        return msgspec.json.encode(self)

    def __str__(self) -> str:
        if self.wanted is not Wanted.LANES:
            return self.wanted.value
        return "lanes default" if self.lanes is None else f"lanes {self.lanes}"


def fields(name: str) -> tuple[str, str]:
    """The two places for orders to the process *name*: how it is to go on, and with how many lanes.

    The newest order at a place replaces one that was not heard yet; one about lanes leaves the other alone.
    """
    return f"{name}:state", f"{name}:lanes"


def field_of(name: str, wanted: Wanted) -> str:
    """The place of such an order to the process *name*."""
    return fields(name)[wanted is Wanted.LANES]


def name_of(field: str) -> str:
    """To whom the order in *field* is given."""
    return field.rpartition(":")[0]


def read_order(entry: bytes) -> ProcessOrder | None:
    """The order that *entry* gives; None if it is not one of ours."""
    if len(entry) > MAX_ENTRY_BYTES:
        return None
    try:
        found: ProcessOrder = _decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not 0 < found.at_ms <= _LAST_MS or len(found.by) > MAX_BY_CHARS or not _countable(found):
        return None
    return found


def _countable(order: ProcessOrder) -> bool:
    """Whether *order* names lanes if and only if it may, and no more than there can be."""
    return order.lanes is None or (order.wanted is Wanted.LANES and 1 <= order.lanes <= MAX_LANES)


_decode: Any = msgspec.json.Decoder(ProcessOrder).decode
