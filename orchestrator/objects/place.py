"""What a folder or a bucket has to do for an archive, and which names are taken there.

Owns the names' alphabet: what :func:`orchestrator.archive.record.folder_of` and the names of objects are made of, and
nothing that a file system, a shell or a store could read as more than a name. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from orchestrator.errors import ArchiveError

MAX_NAME_BYTES: Final = 700
"""Of a name in the archive: with a folder before it, below the 1,024 bytes of S3."""

_PART: Final = re.compile(r"[A-Za-z0-9%._~=+-]{1,255}", re.ASCII)


class Entry(NamedTuple):
    """One object of a listing.

    Attributes:
        name: from the archive's folder on, with ``/`` between its parts; where it is odd, as it was found.
        size: in bytes.
        odd: why it is none of ours and is not read; empty where nothing speaks against it.
    """

    name: str
    size: int
    odd: str = ""


class Place(Protocol):
    """A folder or a bucket. Each call blocks, is bounded in time, and is tried once."""

    def put(self, name: str, data: bytes) -> None:
        """Have *data* there under *name*, whole or not at all."""

    def put_new(self, name: str, data: bytes) -> None:
        """The same, unless something is there already, which stays. Where a store cannot tell, one of two stays."""

    def get(self, name: str, max_bytes: int) -> bytes:
        """What is there under *name*.

        Raises:
            ObjectMissingError: nothing is.
            ArchiveError: it is larger than *max_bytes*, or no object.
        """

    def entries(self, folder: str, after: str) -> Iterator[Entry]:
        """Everything below *folder* whose name is behind *after*, by name; nothing where there is no such folder."""

    def folders(self, folder: str) -> Iterator[str]:
        """Names of the folders in *folder*, their last part alone, in the order of what is in them."""

    def remove(self, names: Sequence[str]) -> None:
        """Have none of *names* there any more; those that were not there are no fault."""

    def close(self) -> None:
        """Give back connections and threads."""


def oddity(name: str) -> str:
    """Why *name* is none that an archive gives; empty for one that is."""
    if len(name.encode(errors="surrogatepass")) > MAX_NAME_BYTES:
        return f"its name has more than {MAX_NAME_BYTES} bytes"
    for part in name.split("/"):
        if not _PART.fullmatch(part):
            return "its name has other characters than an archive's names"
        if part.startswith("."):
            return "its name begins with a dot"
    return ""


def check_name(name: str) -> str:
    """Return *name*.

    Raises:
        ArchiveError: it is none that an archive gives.
    """
    if why := oddity(name):
        raise ArchiveError(f"{name[:MAX_NAME_BYTES]!r} is no object of an archive: {why}")
    return name


def in_order(name: str) -> bytes:
    """The order of listings: that of S3, by the bytes of the whole name."""
    return name.encode(errors="surrogatepass")
