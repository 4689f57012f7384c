"""Every error that this service raises on purpose, in one shallow tree.

A caller decides by class, never by message; what a handler needs to know is an attribute. Errors of libraries
(redis, msgspec) are translated where they enter: in ``store.client`` and ``contract.decode``. Nothing here imports
another module of the project.
"""

from __future__ import annotations


class OrchestratorError(Exception):
    """Base of all errors of this service."""


class SettingsError(OrchestratorError):
    """Raised when a setting is unusable; the message names variable, value and what would be right."""


class InvalidChunkError(OrchestratorError):
    """Raised when a queue item is not a chunk result; the item belongs into ``failed:brand:<brand>``.

    Attributes:
        reason: what is wrong and what would be right, in one sentence.
        path: JSON path of the offending value, ``$`` for the whole document.
    """

    def __init__(self, reason: str, path: str = "$") -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason
        self.path = path


class QueueFullError(OrchestratorError):
    """Raised when a worker's bound on what may wait in a brand's queue is reached; nothing more was pushed.

    Attributes:
        brand: whose queue.
        waiting: how many chunks wait there.
        most: how many may.
        pushed: chunkIds that this call had pushed before, in their order.
    """

    def __init__(self, brand: str, waiting: int, most: int, pushed: tuple[str, ...] = ()) -> None:
        super().__init__(f"{waiting} chunks of brand {brand!r} wait, at most {most} may: push again when fewer do")
        self.brand = brand
        self.waiting = waiting
        self.most = most
        self.pushed = pushed


class InvalidBrandError(OrchestratorError):
    """Raised when a registered name cannot be a brand (empty, over 256 bytes, control characters)."""


class InvalidStateError(OrchestratorError):
    """Raised when a brand's stored state is not what a commit left, or cannot be migrated; the brand is parked."""


class FutureStateError(InvalidStateError):
    """Raised when a brand's state is of a time that is still to come by Redis's clock; the brand is parked."""


class OldStateError(InvalidStateError):
    """Raised when a brand's state has a format that is too old for this version (``FORMAT``); the brand is parked."""


class UnreadableSettingsError(InvalidStateError):
    """Raised when nobody can tell with which settings a brand's state was written; the brand is parked."""


class DamagedMetaError(InvalidStateError):
    """Raised when a field of ``meta`` is none that a commit writes (``META``).

    Attributes:
        field: its name; without it the brand goes on.
        value: what it is, at most 40 bytes of it.
    """

    def __init__(self, message: str, field: str, value: bytes) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class WrongSizeError(InvalidStateError):
    """Raised when state or digests do not have the size, or digests the checksum, of the last commit (``SIZE``).

    Attributes:
        told: the key, and what about it is not as the last commit left it.
    """

    def __init__(self, message: str, told: str) -> None:
        super().__init__(message)
        self.told = told


class NewerStateError(OrchestratorError):
    """Raised when a newer version wrote a brand's state: the brand is left to processes of that version."""


class SettingsRefusedError(OrchestratorError):
    """Raised when this process's settings would throw away history of a brand, and nobody said yes to that."""


class OwnSettingError(OrchestratorError):
    """Raised when a brand cannot have such a setting of its own, or not with such a value."""


class ArchiveError(OrchestratorError):
    """Raised when a record of an archive, or a file of a state, is not what was written, or does not fit."""


class ArchiveUnavailableError(ArchiveError):
    """Raised when an archive's folder or bucket gave no answer, or has no room; the outcome is unknown; try again."""


class ArchiveMisplacedError(ArchiveUnavailableError):
    """Raised when a place is not the archive that its Redis knows, or no folder is there: a volume is not mounted."""


class ArchiveRefusedError(ArchiveError):
    """Raised when a place takes nothing, of whatever brand: it is read-only, there are no rights, or no bucket."""


class ObjectMissingError(ArchiveError):
    """Raised when an archive has no object of that name: it never had, or compaction or retention took it away."""


class EngineError(OrchestratorError):
    """Raised when there is nothing (any more) on which a rebuild could run: no such package, no scheduler."""


class NewerRecordError(ArchiveError):
    """Raised when a newer version left a record for the archive: processes of that version put it there."""


class TrialError(OrchestratorError):
    """Raised when a trial could not be held (no process, no memory to start it); nothing is known of the item."""


class NothingToExplainError(OrchestratorError):
    """Raised when a brand has no such story or topic, or several; the message says which there are."""


class PastBusyError(OrchestratorError):
    """Raised when as many ask for the past as may at a time; try again."""


class PastSlowError(OrchestratorError):
    """Raised when the past would take longer to tell than a reader waits; the command line has the time."""


class StoreError(OrchestratorError):
    """Base of all errors that come from Redis, or from the protocol on it."""


class StoreUnavailableError(StoreError):
    """Raised when Redis gave no answer: refused, reset, timed out, loading. The outcome is unknown; try again."""


class StoreRefusedError(StoreError):
    """Raised when Redis answered with an error (OOM, READONLY, NOAUTH, NOPERM, ...) and changed nothing."""


class SegmentLostError(StoreUnavailableError):
    """Raised when what a commit refers to was not written, or was lost at once (``LOST``); it may be sent again."""


class ClockSkewError(StoreError):
    """Raised when Redis's clock and this machine's differ by more than is allowed; nothing may be folded by either."""


class TooManyLettersError(OrchestratorError):
    """Raised when more dead letters are meant than somebody has agreed to; nothing was done.

    Attributes:
        total: how many are meant now.
    """

    def __init__(self, total: int) -> None:
        super().__init__(f"{total} dead letters are meant by now, more than were agreed to")
        self.total = total


class ProcessUnknownError(OrchestratorError):
    """Raised when no process that runs has the name or id that was asked for; the message says who runs."""


class ProcessChoiceError(OrchestratorError):
    """Raised when several processes have the id that was asked for, or one that takes no orders is meant."""


class PauseError(OrchestratorError):
    """Raised when a brand cannot be paused or resumed as it was asked for; the message says what would be right."""


class BrandPausedError(StoreError):
    """Raised when an operator paused the brand (``PAUSED``); its chunks wait until somebody resumes it."""


class BrandBusyError(StoreError):
    """Raised when another orchestrator holds the brand's lease."""


class LeaseLostError(StoreError):
    """Raised when the lock does not hold the lease's token any more (``FENCED``): somebody else may own the brand."""


class StaleStateError(StoreError):
    """Raised when a brand's keys are not as the commit left them that the fold started from (``STALE``)."""


class QueueMovedError(StoreError):
    """Raised when the queue's head or batch end is not what was peeked (``HEAD``): a foreign pop or push."""


class WrongTypeError(StoreError):
    """Raised when a brand's key has a foreign Redis type (``TYPE``); the brand is parked.

    Attributes:
        key: the key as text.
        found: its Redis type.
        expected: the type that the contract gives it.
    """

    def __init__(self, key: str, found: str, expected: str) -> None:
        super().__init__(f"key {key!r} is a {found}, expected a {expected}")
        self.key = key
        self.found = found
        self.expected = expected


class DeadLetterFullError(StoreError):
    """Raised when ``failed:brand:<brand>`` is at its cap and the policy is ``pause``: the brand parks (``FULL``)."""


class ArchiveBehindError(StoreError):
    """Raised when as much of a brand waits for the archive as may: by the policy ``pause`` it parks (``ARCHIVE``)."""


class HintsUnsupportedError(StoreError):
    """Raised when the server refuses CLIENT TRACKING; the scheduler then polls."""


class EmbeddedRedisError(OrchestratorError):
    """Raised when the embedded server cannot be found, started or reached."""
