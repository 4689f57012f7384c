"""The marker of an archive: a small object at its root with an id, by which the place is known again.

Of a volume that is not mounted only the empty folder beneath is seen, and an address may name another bucket since.
Redis keeps the same id (:mod:`orchestrator.store.archive_id`); who writes compares the two before. The marker is put
once, by the first who comes, and is never changed. It lies beside the folders of brands, in which alone records are
looked for. What is found under its name is foreign. Source: ``docs/decisions/0102-the-marker-of-an-archive.md``.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveRefusedError,
    ArchiveUnavailableError,
    ObjectMissingError,
)
from orchestrator.objects.survey import BRAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.objects.objects import Objects

MARKER: Final = "archive.json"
"""Its name, before those of all brands' folders."""

MAX_BYTES: Final = 4_096
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Marker(msgspec.Struct, frozen=True):
    """What a marker says; a later version may say more.

    Attributes:
        archive: the id.
    """

    archive: str


class Fit(Enum):
    """How a place stands to the archive that Redis knows."""

    SAME = auto()
    """It has the id that Redis knows."""
    FIRST = auto()
    """Redis knows none: what the place has is the archive, marked or not."""
    UNMARKED = auto()
    """Redis knows an archive, and the place has no marker."""
    OTHER = auto()
    """It has another id than Redis knows."""
    EMPTY = auto()
    """Redis knows no id, but that something was archived; and nothing is there."""


def fit(known: str, found: str, *, empty: Callable[[], bool], chained: Callable[[], bool]) -> Fit:
    """How a place stands to the archive that Redis knows.

    Args:
        known: id that Redis has; empty: none.
        found: id that the place has; empty: it has no marker.
        empty: whether the place has nothing of any brand; asked only where both have no id.
        chained: whether Redis tells of records that were archived; asked only of an empty place.
    """
    if known:
        return Fit.SAME if found == known else Fit.OTHER if found else Fit.UNMARKED
    return Fit.EMPTY if not found and empty() and chained() else Fit.FIRST


def is_id(text: str) -> bool:
    """Whether *text* could be the id of an archive."""
    return _ID.fullmatch(text) is not None


def read_marker(objects: Objects) -> str:
    """The id that the place has; empty: there is no marker, or not even a folder.

    Raises:
        ArchiveUnavailableError: no answer.
        ArchiveRefusedError: it may not be read, or what has the marker's name is none.
    """
    try:
        data = objects.get(MARKER, MAX_BYTES)
    except ObjectMissingError:
        return ""
    except ArchiveUnavailableError:
        raise
    except ArchiveError as error:
        # Who may list nothing but folders is refused in S3 what is not there, too.
        if not _is_listed(objects):
            return ""
        raise ArchiveRefusedError(str(error)) from None
    try:
        found = _decode(data).archive
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = ""
    if not is_id(found):
        raise ArchiveRefusedError(f"{MARKER!r} in {objects.shown} is no marker, but what another program put there")
    return found


def write_marker(objects: Objects, archive: str) -> str:
    """Mark the place with the id *archive*, unless it is marked; the id that it has then.

    Raises:
        ArchiveUnavailableError: no answer; try again.
        ArchiveError: refused, or what has the marker's name is none.
    """
    objects.put_new(MARKER, msgspec.json.encode(Marker(archive)) + b"\n")
    # Read in any case: a store that knows no condition has whichever came last.
    found = read_marker(objects)
    if not found:
        raise ArchiveUnavailableError(f"{MARKER!r} in {objects.shown} is not there although it was put")
    return found


def is_empty(objects: Objects) -> bool:
    """Whether there is nothing of any brand; raises as :func:`read_marker`."""
    try:
        with _place():
            return not any(folder.startswith(BRAND) for folder in objects.folders())
    except ArchiveMisplacedError:  # not even a folder
        return True


@contextmanager
def _place() -> Iterator[None]:
    """What is refused here is so for each brand: thousands of them need not say so."""
    try:
        yield
    except ArchiveUnavailableError:
        raise
    except ArchiveError as error:
        raise ArchiveRefusedError(str(error)) from None


def _is_listed(objects: Objects) -> bool:
    with _place():
        first = next(objects.list(after=MARKER[:-1]), None)
    return first is not None and first.name == MARKER


_decode = msgspec.json.Decoder(Marker).decode
