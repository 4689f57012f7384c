"""The answers of the Lua commands, and the one place that turns them into errors.

Source: ``docs/redis-protocol.md``. A script answers with an array whose first element is one of :class:`Code`.
Nothing else in the project looks at it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.pauses import Pause, resuming
from orchestrator.errors import (
    ArchiveBehindError,
    BrandBusyError,
    BrandPausedError,
    DamagedMetaError,
    DeadLetterFullError,
    LeaseLostError,
    NewerStateError,
    OldStateError,
    OrchestratorError,
    QueueMovedError,
    SegmentLostError,
    StaleStateError,
    WrongSizeError,
    WrongTypeError,
)
from orchestrator.store.scripts import ARCHIVE, ARCHIVE_TYPES, KEY_TYPES, Script

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
    NEWER = "NEWER"
    FORMAT = "FORMAT"
    META = "META"
    SIZE = "SIZE"
    SETTINGS = "SETTINGS"
    PAUSED = "PAUSED"
    LOST = "LOST"
    OLD = "OLD"
    BEHIND = "BEHIND"
    ARCHIVE = "ARCHIVE"


def check_reply(script: Script, keys: BrandKeys, reply: Sequence[Any]) -> Code:
    """Return ``OK`` or ``DUP``; every other code of *reply* becomes its error.

    Raises:
        StoreError: one of its subclasses for each code.
        NewerStateError: a newer version wrote the state (``NEWER``).
        OldStateError: the state has a format that is too old for this version (``FORMAT``).
        DamagedMetaError, WrongSizeError: the brand's keys are not as its last commit left them (``META``, ``SIZE``).
    """
    code = Code(reply[0].decode())  # ValueError for an unknown one: script and service are of different versions
    if code in (Code.OK, Code.DUP):
        return code
    if code is Code.PAUSED:
        told = f"{Pause.read(reply[1])}; '{resuming(keys.brand)}' lets it go on"
        raise BrandPausedError(f"brand {keys.brand!r} is {told}")
    raise _error(code, script, keys, reply)


def full_error(brand: str, letters: int) -> DeadLetterFullError:
    """That *brand* has *letters* dead letters and no room for more."""
    return DeadLetterFullError(
        f"brand {brand!r}: there are {letters} dead letters, and no room for the next one under FAILED_MAX_ENTRIES"
    )


def behind_error(brand: str, waiting: int) -> ArchiveBehindError:
    """That *waiting* bytes of *brand* wait for the archive, and no more may."""
    return ArchiveBehindError(
        f"brand {brand!r}: {waiting} bytes wait for the archive, and no more may under ARCHIVE_OUTBOX_MB"
    )


def _error(code: Code, script: Script, keys: BrandKeys, reply: Sequence[Any]) -> OrchestratorError:
    if code is Code.TYPE:  # answers with the number of a key, not with a text: the brand's keys give its name
        part = _part(script, reply[1])
        return WrongTypeError(getattr(keys, part), reply[2].decode(), (KEY_TYPES | ARCHIVE_TYPES)[part])
    brand = f"brand {keys.brand!r}"
    if code in (Code.FULL, Code.ARCHIVE):
        return (full_error if code is Code.FULL else behind_error)(keys.brand, reply[1])
    if code is Code.SIZE:
        told = _size(script, keys, reply[1:])
        return WrongSizeError(f"{brand}: {told}", told)
    if code is Code.STALE and len(reply) > 2:  # noqa: PLR2004 - its cid is right; what follows is as in SIZE
        return StaleStateError(f"{brand}: {_size(script, keys, reply[2:])}")
    if code is Code.META:
        field, value = reply[1].decode(), reply[2]
        right = _WRITTEN.get(field, "a whole number of at most 15 digits")
        found = f"field {field!r} of {keys.meta!r} is {value!r}, expected {right}"
        return DamagedMetaError(f"{brand}: {found}", field, value)
    # A damaged cid need not be text.
    detail = reply[1].decode(errors="backslashreplace") if len(reply) > 1 and isinstance(reply[1], bytes) else reply[-1]
    error, text = _MEANING[code]
    return error(f"{brand}: {text.format(detail)}")


def _key(script: Script, keys: BrandKeys, index: int) -> str:
    name: str = getattr(keys, _part(script, index))
    return name


def _part(script: Script, index: int) -> str:
    """Which key of a brand the *index* into KEYS of *script* is."""
    return (*script.parts, *ARCHIVE)[index - 1]


def _size(script: Script, keys: BrandKeys, told: Sequence[Any]) -> str:
    """What *told* (index into KEYS, found size, size after the last commit) says."""
    index, found, left = told
    # A damaged size need not be text either.
    left = left.decode(errors="backslashreplace")
    return f"{_key(script, keys, index)!r} has the size {found}, its last commit left {left}"


_WRITTEN: Final = {"cid": "at most 64 letters, digits and hyphens"}

_MEANING: Final[dict[Code, tuple[type[OrchestratorError], str]]] = {
    Code.BUSY: (BrandBusyError, "leased by another orchestrator for at most {} ms more"),
    Code.FENCED: (LeaseLostError, "the lease is not ours any more"),
    Code.STALE: (StaleStateError, "its last commit is {!r}, not the one that the fold started from"),
    Code.LOST: (SegmentLostError, "{!r}, which was written just before, is not there as a whole"),
    Code.HEAD: (QueueMovedError, "the queue does not begin with the items that were peeked"),
    Code.NEWER: (NewerStateError, "its state has format {!r}, which a newer version wrote"),
    Code.FORMAT: (OldStateError, "its state has format {!r}, too old for this version"),
    Code.SETTINGS: (BrandBusyError, "its settings were changed just now, to {}"),
}
