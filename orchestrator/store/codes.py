"""The answers of the Lua commands, and the one place that turns them into errors.

Source: ``docs/redis-protocol.md``. A script answers with an array whose first element is one of :class:`Code`.
Nothing else in the project looks at it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import (
    BrandBusyError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    OrchestratorError,
    QueueMovedError,
    StaleStateError,
    WrongTypeError,
)
from orchestrator.store.scripts import KEY_TYPES, Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.keys import BrandKeys


class Code(StrEnum):
    """First element of a script's answer."""

    OK = "OK"
    DUP = "DUP"
    BUSY = "BUSY"
    FENCED = "FENCED"
    STALE = "STALE"
    HEAD = "HEAD"
    TYPE = "TYPE"
    FULL = "FULL"
    FORMAT = "FORMAT"


def check_reply(script: Script, keys: BrandKeys, reply: Sequence[Any]) -> Code:
    """Return ``OK`` or ``DUP``; every other code of *reply* becomes its error.

    Raises:
        StoreError: one of its subclasses for each code.
        InvalidStateError: the state has a format that this version does not know (``FORMAT``).
    """
    code = Code(reply[0].decode())  # ValueError for an unknown one: script and service are of different versions
    if code in (Code.OK, Code.DUP):
        return code
    raise _error(code, script, keys, reply)


def _error(code: Code, script: Script, keys: BrandKeys, reply: Sequence[Any]) -> OrchestratorError:
    detail = reply[1].decode() if len(reply) > 1 and isinstance(reply[1], bytes) else reply[-1]
    if code is Code.TYPE:  # answers with the number of a key, not with a text: the brand's keys give its name
        part = script.parts[reply[1] - 1]
        return WrongTypeError(getattr(keys, part), found=reply[2].decode(), expected=KEY_TYPES[part])
    error, text = _MEANING[code]
    return error(f"brand {keys.brand!r}: " + text.format(detail))


_MEANING: Final[dict[Code, tuple[type[OrchestratorError], str]]] = {
    Code.BUSY: (BrandBusyError, "leased by another orchestrator for at most {} ms more"),
    Code.FENCED: (LeaseLostError, "the lease is not ours any more"),
    Code.STALE: (StaleStateError, "its last commit is {!r}, not the one that the fold started from"),
    Code.HEAD: (QueueMovedError, "the queue does not begin with the items that were peeked"),
    Code.FULL: (DeadLetterFullError, "a batch with dead letters does not fit under their cap: {} are there"),
    Code.FORMAT: (InvalidStateError, "the state has format {!r}, unknown to this version"),
}
