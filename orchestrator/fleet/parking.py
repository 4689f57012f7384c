"""Why a brand is left alone, and what helps: one table from code to remedy, for every surface.

A process *parks* a brand that needs somebody to act; it looks at it again rarely. A brand *fails* when visit after
visit is given up, for a reason that may pass. A brand is *left* when a newer version wrote its state. All three are
told of in the same way: a code, what was found, since when, and by whom.

The remedy belongs to the code and is never stored, so that all processes and commands give the same one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.errors import (
    ArchiveBehindError,
    DamagedMetaError,
    DeadLetterFullError,
    FutureStateError,
    InvalidStateError,
    LeaseLostError,
    NewerStateError,
    OldStateError,
    QueueMovedError,
    SettingsRefusedError,
    StaleStateError,
    StoreRefusedError,
    TrialError,
    UnreadableSettingsError,
    WrongSizeError,
    WrongTypeError,
)

FAILING_FROM: Final = 3
"""Visits given up in a row before a brand is said to be failing: the first ones may be anybody's bad moment."""


class Code(StrEnum):
    """Why a brand is left alone, or fails; the value is its name in Redis and in JSON."""

    TYPE = "type"
    META = "meta"
    SIZE = "size"
    STATE = "state"
    FORMAT = "format"
    FUTURE = "future"
    SETTINGS = "settings"
    UNREADABLE_SETTINGS = "unreadable_settings"
    FULL = "full"
    ARCHIVE = "archive"
    TRIAL = "trial"
    NEWER = "newer"
    REFUSED = "refused"
    LOST = "lost"
    SLOW = "slow"
    DEFECT = "defect"
    OTHER = "other"
    """One that this version does not know."""


ROOM: Final = frozenset({Code.FULL, Code.ARCHIVE})
"""Codes of brands that wait for room, and go on once there is some."""

FAILING: Final = frozenset({Code.REFUSED, Code.LOST, Code.SLOW, Code.DEFECT})
"""Codes of brands that are not parked: each visit is tried, later and later, and given up."""

_AGAIN: Final = "it goes on by itself, within BRAND_REFRESH_INTERVAL_SEC"

REMEDIES: Final = MappingProxyType(
    {
        Code.TYPE: f"rename or delete that key, which nobody of ours wrote; {_AGAIN}",
        Code.META: f"run 'orchestrator repair {{brand}}'; {_AGAIN}",
        Code.SIZE: (
            "put that key back from a backup of the same moment, or count on what is there:"
            f" 'orchestrator repair --accept-loss {{brand}}'; {_AGAIN}"
        ),
        Code.STATE: (
            "put that field, or the whole state, back from a backup of the same moment, or begin anew with the brand as"
            f" docs/releasing.md says; {_AGAIN}"
        ),
        Code.FORMAT: f"begin anew with the brand as docs/releasing.md says; {_AGAIN}",
        Code.FUTURE: (
            "if Redis's clock is right, run 'orchestrator repair {brand}'; if it is wrong, set it right;"
            f" then {_AGAIN}"
        ),
        Code.SETTINGS: (
            "start this process with the settings of the state, or let history go that does not fit these:"
            f" 'orchestrator config adopt {{brand}}'; {_AGAIN}"
        ),
        Code.UNREADABLE_SETTINGS: (
            f"say that the settings of this process are meant: 'orchestrator config adopt {{brand}}'; {_AGAIN}"
        ),
        Code.FULL: (
            "look at them with 'orchestrator failed list {brand} --by-reason', then send them again with"
            " 'orchestrator failed retry {brand} --all' or remove them with 'orchestrator failed drop {brand} --all'"
            " (letters of workers with --workers, of others with --others); it goes on within a second"
        ),
        Code.ARCHIVE: (
            "see that the archive can be reached and written to, as 'orchestrator doctor' does; or let more wait with"
            " ARCHIVE_OUTBOX_MB, or have commits go on without the archive with ARCHIVE_POLICY=skip; it goes on within"
            " a second of room"
        ),
        Code.TRIAL: f"give this machine memory, processes and time to spare for one more process; {_AGAIN}",
        Code.NEWER: "start a process of that version, or roll back as docs/releasing.md says",
        Code.REFUSED: (
            "let Redis take the command: room under maxmemory, and the permissions that 'orchestrator doctor' looks at"
        ),
        Code.LOST: (
            "see that nobody but workers, with RPUSH, writes to its queue, and that LOCK_TTL_SEC is the same in all"
            " processes"
        ),
        Code.SLOW: "give this machine more time, or raise STEP_TIMEOUT_SEC; its log says how long steps take",
        Code.DEFECT: "report it with the traceback that the log of this process has; its chunks stay in the queue",
        Code.OTHER: "look into the log of the process that says so, which is of another version",
    }
)
"""What helps, by code; ``{brand}`` is the brand's name, quoted for a shell."""

_OF_ERRORS: Final[tuple[tuple[type[Exception], Code], ...]] = (
    (WrongTypeError, Code.TYPE),
    (DamagedMetaError, Code.META),
    (WrongSizeError, Code.SIZE),
    (FutureStateError, Code.FUTURE),
    (OldStateError, Code.FORMAT),
    (UnreadableSettingsError, Code.UNREADABLE_SETTINGS),
    (InvalidStateError, Code.STATE),
    (SettingsRefusedError, Code.SETTINGS),
    (DeadLetterFullError, Code.FULL),
    (ArchiveBehindError, Code.ARCHIVE),
    (TrialError, Code.TRIAL),
    (NewerStateError, Code.NEWER),
    (StoreRefusedError, Code.REFUSED),
    (LeaseLostError, Code.LOST),
    (StaleStateError, Code.LOST),
    (QueueMovedError, Code.LOST),
)
"""The code of each error, the first that fits."""


@dataclass(frozen=True, slots=True)
class Parked:
    """What one process says of a brand that it leaves alone, or cannot get done.

    Attributes:
        code: why.
        reason: what was found, one sentence.
        since_ms: since when, Unix ms.
        by: name of the process.
    """

    code: Code
    reason: str
    since_ms: int
    by: str

    def told(self, brand: str) -> str:
        """What was found, and what helps."""
        return f"{self.reason}: {remedy(self.code, brand)}"


def code_of(error: Exception) -> Code | None:
    """Why a brand is left alone after *error*; None: that error is no reason."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), None)


def told(error: Exception, brand: str) -> str:
    """*error*, and what helps *brand* if it is a reason to leave a brand alone."""
    code = code_of(error)
    return str(error) if code is None else f"{error}: {remedy(code, brand)}"


def remedy(code: Code, brand: str) -> str:
    """What helps *brand*, as commands that can be pasted into a shell."""
    return REMEDIES[code].replace("{brand}", shlex.quote(brand))
