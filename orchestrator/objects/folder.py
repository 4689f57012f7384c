"""An archive in a folder of this machine, or of one that it has mounted.

An object is written under another name, synced and renamed, so it is whole or not there, whatever dies meanwhile. From
the archive's folder on no symbolic link is followed and nothing but a plain file is opened: who may write there must
not lead a reader elsewhere. The folder itself may be a link; that is its owner's.

Where the file system takes ``A`` and ``a`` for one, the second of two brands whose names differ in nothing else has no
folder: nothing is there of it, and nothing is put.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveRefusedError,
    ArchiveUnavailableError,
    ObjectMissingError,
)
from orchestrator.objects.place import Entry, in_order, oddity

T = TypeVar("T")

PARTS: Final = ".parts"
"""The folder of what is being written; its name is none of an object."""

_LEFT_S: Final = 86_400
"""After which a part was left by a writer that died."""

_ATTEMPTS: Final = 5
"""At a folder that goes while it is opened: it goes because it was empty, so hardly twice."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PASSING: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EMFILE, errno.ENFILE),
        *(errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    }
)
"""What may be otherwise at the next attempt."""


_REFUSING: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR})
_LINKLESS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""How a file system says that it has no links, as some shares have none."""


class Folder:
    """The folder at *root*, absolute; it is made by the first put."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._tidied = False

    def put(self, name: str, data: bytes) -> None:
        """Write, sync, rename, sync the folder."""
        self._put(name, data, os.rename)

    def put_new(self, name: str, data: bytes) -> None:
        """The same, with a link in place of the new name: that does not replace."""
        with suppress(FileExistsError):
            self._put(name, data, _link)

    def _put(self, name: str, data: bytes, move: Callable[..., None]) -> None:
        part = f"{secrets.token_hex(8)}.part"
        with self._told(name), ExitStack() as stack:
            with self._refusal():
                parts = stack.enter_context(self._folder([PARTS], make=True))
            self._tidy(parts)
            try:
                with self._refusal():
                    _write(parts, part, data)
                self._move(parts, part, name, move)
            except BaseException:  # whatever it is, the part is of no use
                with suppress(OSError):
                    os.unlink(part, dir_fd=parts)
                raise

    def get(self, name: str, max_bytes: int) -> bytes:
        """Read a plain file, whose size is looked at before."""
        *folders, last = name.split("/")
        with self._told(name), self._folder(folders) as folder:
            # Not blocking: a pipe would wait for its writer.
            opened = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(opened, "rb") as file:
                found = os.fstat(opened)
                if not stat.S_ISREG(found.st_mode):
                    raise ArchiveError(f"{name!r} is no plain file")
                if found.st_size > max_bytes:
                    raise ArchiveError(f"{name!r} has {found.st_size} bytes, at most {max_bytes} are read")
                return file.read(max_bytes)

    def entries(self, folder: str, after: str) -> Iterator[Entry]:
        """One folder after the other, each read as a whole."""
        behind = in_order(after)
        parts = [part for part in folder.split("/") if part]
        todo: list[tuple[str, Entry | None]] = [("/".join(parts), None)]
        while todo:
            name, entry = todo.pop()
            if entry is not None:
                yield entry
                continue
            found = self._scan(name, _entry)
            # By their whole names: what is in a folder stands where its slash does.
            found.sort(key=lambda each: in_order(each[0] + "/" * (each[1] is None)), reverse=True)
            todo += [each for each in found if each[1] is None or in_order(each[0]) > behind]

    def folders(self, folder: str) -> Iterator[str]:
        """Links are none."""
        found = (name.rpartition("/")[2] for name, is_folder in self._scan(folder, _is_folder) if is_folder)
        yield from sorted(found, key=lambda name: in_order(f"{name}/"))

    def remove(self, names: Sequence[str]) -> None:
        """One by one; folders that are empty then go too."""
        for name in names:
            parts = name.split("/")
            with suppress(ObjectMissingError), self._told(name):
                with self._folder(parts[:-1]) as folder:
                    os.unlink(parts[-1], dir_fd=folder)
                    os.fsync(folder)
                while len(parts) > 1:
                    parts.pop()
                    with suppress(OSError), self._folder(parts[:-1]) as folder:
                        os.rmdir(parts[-1], dir_fd=folder)

    def close(self) -> None:
        """Nothing is held."""

    def _move(self, parts: int, part: str, name: str, move: Callable[..., None]) -> None:
        """Give *part* its name; a folder that was empty may be taken away while it is opened."""
        *folders, last = name.split("/")
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError), self._folder(folders, make=True) as folder:
                move(part, last, src_dir_fd=parts, dst_dir_fd=folder)
                os.fsync(folder)
                return
        raise ArchiveUnavailableError(f"{name!r} in {self._root}: somebody takes its folder away again and again")

    def _scan(self, folder: str, look: Callable[[str, os.DirEntry[str]], T]) -> list[tuple[str, T]]:
        """What there is in *folder* by whole names, and what *look* says of it; nothing where no such folder is."""
        parts = [part for part in folder.split("/") if part]
        below = f"{folder}/" if folder else ""
        try:
            # Looked at while the folder is open: to open it again for each of ten thousand objects takes seconds.
            with self._told(folder), self._folder(parts) as opened, os.scandir(opened) as found:
                return [(name, look(name, entry)) for entry in found if (name := f"{below}{entry.name}") != PARTS]
        except ObjectMissingError:
            if not parts:
                raise ArchiveMisplacedError(
                    f"there is no folder {self._root}: nothing was put into it yet, or its volume is not mounted"
                ) from None
            return []

    @contextmanager
    def _folder(self, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """The folder of those parts, open."""
        if make:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root = os.open(self._root, _FOLDER)
        try:
            with _inside(root, parts, make=make) as folder:
                yield folder
        finally:
            os.close(root)

    def _tidy(self, parts: int) -> None:
        """Once: take away what a writer that died a day ago had begun."""
        if self._tidied:
            return
        self._tidied = True
        with os.scandir(parts) as found:
            names = [entry.name for entry in found if entry.name.endswith(".part")]
        for name in names:
            with suppress(OSError):
                if time.time() - os.stat(name, dir_fd=parts, follow_symlinks=False).st_mtime > _LEFT_S:
                    os.unlink(name, dir_fd=parts)

    @contextmanager
    def _refusal(self) -> Iterator[None]:
        """What the operating system refuses before any brand's folder comes into it, as the refusal of the place."""
        try:
            yield
        except OSError as error:
            if error.errno not in _REFUSING:
                raise
            raise ArchiveRefusedError(f"{self._root} takes nothing: {error.strerror}") from None

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What the operating system says, as errors of an archive."""
        try:
            yield
        except OSError as error:
            if isinstance(error, FileExistsError):  # of put_new alone, which takes it for an answer
                raise
            said = f"{name!r} in {self._root}: {error.strerror or type(error).__name__}"
            if isinstance(error, FileNotFoundError):
                raise ObjectMissingError(said) from None
            if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and self._root.is_dir()):
                raise ArchiveError(f"{said}: links are not followed inside of an archive") from None
            if error.errno in _PASSING or isinstance(error, TimeoutError | ConnectionError):
                raise ArchiveUnavailableError(said) from None
            raise ArchiveError(said) from None


@contextmanager
def _inside(root: int, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """The folder of *parts* below *root*, open; made part by part where asked, each synced into the one above."""
    at = os.dup(root)
    try:
        for place, part in enumerate(parts):
            if make:
                try:
                    os.mkdir(part, 0o700, dir_fd=at)
                    os.fsync(at)
                except FileExistsError:
                    pass
            if not place and part != PARTS:
                _check_case(at, part, make=make)
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _is_folder(_: str, found: os.DirEntry[str]) -> bool:
    return found.is_dir(follow_symlinks=False)


def _entry(name: str, found: os.DirEntry[str]) -> Entry | None:
    """None for a folder."""
    if found.is_dir(follow_symlinks=False):
        return None
    try:
        about = found.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone since; whoever wants it will see
        return Entry(name, 0, oddity(name))
    if stat.S_ISREG(about.st_mode):
        return Entry(name, about.st_size, oddity(name))
    return Entry(name, 0, "it is a symbolic link" if stat.S_ISLNK(about.st_mode) else "it is no plain file")


def _check_case(folder: int, name: str, *, make: bool) -> None:
    """Whether *name* in *folder* is that folder, and not another brand's, whose name differs in capitals alone."""
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    try:
        other = os.stat(name.swapcase(), dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    names = os.listdir(folder)
    if name in names or not os.path.samestat(found, other):
        return
    if not make:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    taken = next((one for one in names if one.lower() == name.lower()), name)
    raise ArchiveError(
        f"{name!r} cannot be made beside {taken!r}: this file system takes small and capital letters for the same. Give"
        " ARCHIVE_URL a folder on one that does not, or a bucket"
    )


def _link(part: str, name: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Give *part* that name, unless it is taken.

    Raises:
        FileExistsError: it is.
    """
    try:
        os.link(part, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINKLESS:
            raise
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=dst_dir_fd, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(part, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    else:
        os.unlink(part, dir_fd=src_dir_fd)


def _write(folder: int, name: str, data: bytes) -> None:
    opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(opened, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(opened)
