"""The objects of an archive: what is put there is never changed.

So everything may be tried again: who puts an object twice has it there once, and who reads it twice reads the same.
Owns how often and how long, and the bound of an object. Blocking; called on threads. A process that was forked off, or
that an ``Objects`` was sent to, opens its own connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

from orchestrator.contract.archive_url import FILE, parse_archive_url
from orchestrator.errors import ArchiveError, ArchiveMisplacedError, ArchiveUnavailableError
from orchestrator.objects.bucket import Bucket
from orchestrator.objects.folder import Folder
from orchestrator.objects.place import Entry, Place, check_name
from orchestrator.process.backoff import backoff_s

MAX_BYTES: Final = 1 << 30
"""Of an object."""

ATTEMPTS: Final = 4
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0

_T = TypeVar("_T")


class Objects:
    """The objects at an address of an archive.

    Args:
        place: the folder or bucket.
        url: its address, which has no secret in it.
        sleep: waits between attempts.
    """

    def __init__(self, place: Place, url: str, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._place = place
        self._url = url
        self._sleep = sleep
        self._closings = 0

    @classmethod
    def open(cls, url: str) -> Objects:
        """The archive at *url*; nothing is read or connected to yet.

        Raises:
            ArchiveError: it is no address of an archive.
        """
        try:
            parsed = parse_archive_url(url)
        except ValueError as error:
            raise ArchiveError(f"ARCHIVE_URL is refused: {error}") from None
        return cls(Folder(parsed.path) if parsed.scheme == FILE else Bucket(parsed), url)

    def __reduce__(self) -> tuple[Callable[[str], Objects], tuple[str]]:
        """To other processes it goes by its address."""
        return Objects.open, (self._url,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def shown(self) -> str:
        """Where they are, as people are told of it."""
        return parse_archive_url(self._url).shown

    @property
    def digest(self) -> str:
        """Stands for the place, as processes tell each other of it."""
        return parse_archive_url(self._url).digest

    @property
    def mounted(self) -> bool:
        """Whether it is a folder, beneath which another one may lie from one moment to the next."""
        return parse_archive_url(self._url).scheme == FILE

    def put(self, name: str, data: bytes) -> None:
        """Have *data* there under *name*, whole or not at all; the same again is no harm.

        Raises:
            ArchiveUnavailableError: it may be there or not; try again.
            ArchiveError: refused: no rights, no such bucket, no such name, too large.
        """
        check_name(name)
        if len(data) > MAX_BYTES:
            raise ArchiveError(f"{name!r} has {len(data)} bytes, at most {MAX_BYTES} are put")
        self._tried(lambda: self._place.put(name, data))

    def put_new(self, name: str, data: bytes) -> None:
        """Have *data* there under *name* unless something is there, which stays; who must know which reads it.

        Raises: as :meth:`put`.
        """
        check_name(name)
        self._tried(lambda: self._place.put_new(name, data))

    def get(self, name: str, max_bytes: int | None = None) -> bytes:
        """What is there under *name*, if it has no more than *max_bytes*, or than any object has.

        Raises:
            ObjectMissingError: nothing is.
            ArchiveUnavailableError: no answer.
            ArchiveError: refused, too large, or no object.
        """
        check_name(name)
        return self._tried(lambda: self._place.get(name, MAX_BYTES if max_bytes is None else max_bytes))

    def list(self, folder: str = "", after: str = "") -> Iterator[Entry]:
        """Every object below *folder* with its size, sorted by the bytes of its name, as they are found.

        Those whose whole name is not behind *after* are left out.

        What is none of an archive's is there too, and says why.

        Raises:
            ArchiveUnavailableError: no answer.
            ArchiveError: refused, or no such bucket or folder of the archive.
        """
        check_name(folder or "all")
        last, failures, closings = after, 0, self._closings
        while True:
            try:
                for entry in self._place.entries(folder, last):
                    last, failures = entry.name, 0
                    yield entry
            except ArchiveMisplacedError:
                raise
            except ArchiveUnavailableError:
                failures += 1
                if failures == ATTEMPTS or not self._paused(failures, closings):
                    raise
            else:
                return

    def folders(self, folder: str = "") -> Iterator[str]:
        """The names of the folders in *folder*, sorted, each its last part alone; raises as :meth:`list`."""
        check_name(folder or "all")
        return iter(self._tried(lambda: list(self._place.folders(folder))))

    def remove(self, names: Sequence[str]) -> None:
        """Have none of *names* there any more.

        Raises:
            ArchiveUnavailableError: some may be there; try again.
            ArchiveError: refused.
        """
        for name in names:
            check_name(name)
        if names:
            self._tried(lambda: self._place.remove(names))

    def close(self) -> None:
        """Give back connections and threads; it may be used again all the same.

        Calls of threads that nobody waits for any more end with an error and are not tried again.
        """
        self._closings += 1
        self._place.close()

    def _tried(self, call: Callable[[], _T]) -> _T:
        closings = self._closings
        for attempt in range(1, ATTEMPTS):
            try:
                return call()
            except ArchiveMisplacedError:  # nobody mounts a volume within seconds
                raise
            except ArchiveUnavailableError:
                if not self._paused(attempt, closings):
                    raise
        return call()

    def _paused(self, failures: int, closings: int) -> bool:
        """Wait; whether to try again: behind a close, that would open connections that nobody closes."""
        self._sleep(_FIRST_PAUSE_S * backoff_s(failures, 2, cap_s=_LONGEST_PAUSE_S / _FIRST_PAUSE_S))
        return self._closings == closings
