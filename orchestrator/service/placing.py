"""Whether the place that ``ARCHIVE_URL`` names is the archive that Redis knows: asked by whoever is about to write.

Owns the remedies, and how often it is looked. The rule is :func:`orchestrator.objects.marker.fit`. Blocking.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ArchiveMisplacedError, ArchiveRefusedError, StoreRefusedError
from orchestrator.objects.marker import Fit, fit, is_empty, read_marker, write_marker
from orchestrator.store.archive_id import keep_id, known_id, next_id, was_archived

if TYPE_CHECKING:
    import redis

    from orchestrator.objects.objects import Objects

LOOK_S: Final = 30.0
"""From one look at Redis and at the marker of a bucket to the next; that of a folder is looked at with each object."""

REMEDY: Final = (
    "mount the volume, or set ARCHIVE_URL right; if the archive really is there from now on, say so with"
    " 'orchestrator archive adopt'"
)


class Placing:
    """Looks, and at the first use of a place marks it.

    Args:
        client: of the server.
        objects: of the archive.
        brands: whose records may have been archived.
        monotonic: seconds, on any thread.
    """

    def __init__(
        self,
        client: redis.Redis,
        objects: Objects,
        brands: Callable[[], Sequence[str]] = tuple,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._objects = objects
        self._brands = brands
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known, self._looked_s = "", float("-inf")

    def check(self) -> None:
        """That this is the archive, or is it from now on.

        Raises:
            ArchiveMisplacedError: it is not, and nothing may be written there; the message has the remedy.
            ArchiveUnavailableError: no answer from the archive.
            ArchiveError: refused, also by Redis, or its marker is none.
            StoreError: no answer from Redis.
        """
        with self._lock:
            now_s = self._monotonic()
            if now_s - self._looked_s < LOOK_S:
                if self._objects.mounted:
                    refuse_unless(self._known, read_marker(self._objects), self._objects)
                return
            self._looked_s = float("-inf")
            try:
                self._known = self._settled()
            except StoreRefusedError as error:  # it is so for each of thousands of brands
                raise ArchiveRefusedError(
                    f"nothing is put into {self._objects.shown}: whether it is the archive cannot be told: {error}"
                ) from None
            self._looked_s = now_s

    def _settled(self) -> str:
        """The id of the archive."""
        client, objects = self._client, self._objects
        known, found = known_id(client), read_marker(objects)
        _refuse(
            fit(
                known,
                found,
                empty=lambda: is_empty(objects),
                chained=lambda: was_archived(client, self._brands()),
            ),
            known,
            found,
            objects,
        )
        if not known:
            known = _claimed(client, objects, found)
            refuse_unless(known, read_marker(objects), objects)  # somebody else may have claimed another place
        return known


def refuse_unless(known: str, found: str, objects: Objects) -> None:
    """Raise ``ArchiveMisplacedError`` unless the place with the id *found* is the archive *known*; empty: none is."""
    _refuse(fit(known, found, empty=lambda: False, chained=lambda: False), known, found, objects)


def must_fit(client: redis.Redis, objects: Objects) -> None:
    """Look once, and mark nothing: for commands and for who reads.

    Raises:
        ArchiveMisplacedError: it is not the archive that Redis knows.
        ArchiveUnavailableError, ArchiveError, StoreError: as :meth:`Placing.check`.
    """
    if known := known_id(client):
        refuse_unless(known, read_marker(objects), objects)


def adopt(client: redis.Redis, objects: Objects) -> str:
    """Take the place for the archive from now on, whatever Redis knows; the id, which it is marked with if it had none.

    Raises: as :meth:`Placing.check`, but for ``ArchiveMisplacedError``.
    """
    return keep_id(client, _marked(client, objects), anew=True)


def _claimed(client: redis.Redis, objects: Objects, found: str) -> str:
    """The id that Redis knows from now on."""
    return keep_id(client, found or _marked(client, objects))


def _marked(client: redis.Redis, objects: Objects) -> str:
    """The id of the place, which is marked now: with one that Redis holds for it, so that all who mark it agree."""
    return write_marker(objects, next_id(client, objects.digest, secrets.token_hex(16)))


def _refuse(how: Fit, known: str, found: str, objects: Objects) -> None:
    said = {
        Fit.UNMARKED: f"has no marker, and Redis knows the archive {known}",
        Fit.OTHER: f"is the archive {found}, and Redis knows the archive {known}",
        Fit.EMPTY: "is empty, and Redis tells of records that were archived",
    }
    if how in said:
        raise ArchiveMisplacedError(f"{objects.shown} {said[how]}, so nothing is put there: {REMEDY}")
