"""What an address of an archive says: a folder, or a place in a bucket.

Owns the syntax of ``ARCHIVE_URL``. Its messages quote no part in which a password could stand. Must not touch a file or
a network: that is the objects'. Keys of a bucket are none of it. They are found where the tools of its provider find
them (``AWS_ACCESS_KEY_ID``, a role of the machine, ``GOOGLE_APPLICATION_CREDENTIALS``), so that no address is a secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

FILE: Final = "file"
MEMORY: Final = "memory"
"""Of one process, gone with it: for tests."""

OPTIONS: Final = {
    FILE: (),
    MEMORY: (),
    "s3": ("endpoint_url", "region", "profile"),
    "gs": ("project", "endpoint_url"),
    "az": ("account_name",),
}
"""Each scheme with what may follow the ``?``."""

SCHEMES: Final = tuple(f"{scheme}://" for scheme in OPTIONS if scheme != MEMORY)
_EXAMPLE: Final = "file:///var/lib/orchestrator/archive, s3://bucket/folder or gs://bucket/folder"
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]", re.ASCII)
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_CHARS: Final = 1_024


@dataclass(frozen=True, slots=True)
class ArchiveUrl:
    """Where an archive is.

    Attributes:
        scheme: one of :data:`OPTIONS`.
        bucket: its name; empty for a folder.
        path: the folder, absolute for ``file``; in a bucket without slashes at its ends, and may be empty.
        options: what followed the ``?``, by name.
    """

    scheme: str
    bucket: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The place, as people are told of it: without the options."""
        return f"{self.scheme}://{'/'.join(part for part in (self.bucket, self.path) if part)}"

    @property
    def digest(self) -> str:
        """Stands for the place where processes compare theirs; how one comes there is none of it."""
        return hashlib.blake2b(self.shown.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def parse_archive_url(url: str) -> ArchiveUrl:
    """What *url* says.

    Raises:
        ValueError: it is no address of an archive; the message says what would be right, and has no password.
    """
    scheme, found, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not found or scheme not in OPTIONS or len(url) > _MAX_CHARS:
        raise ValueError(f"it must look like {_EXAMPLE}")
    place, _, query = rest.partition("?")
    if "@" in place:
        raise ValueError(
            "it must have no user and no key in it: give them as the tools of its provider take them, like"
            " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
        )
    if "#" in rest or _ESCAPE.search(rest) or not rest.isprintable():
        raise ValueError(f"what is no plain character must be escaped with %: it must look like {_EXAMPLE}")
    options = _options(scheme, query)
    if scheme == FILE:
        return ArchiveUrl(FILE, "", _folder(unquote(place)), options)
    bucket, _, path = place.partition("/")
    if not (scheme == MEMORY and not bucket) and not _BUCKET.fullmatch(bucket):
        raise ValueError(f"it must name a bucket behind {scheme}://: it must look like {_EXAMPLE}")
    return ArchiveUrl(scheme, bucket, _inside(unquote(path)), options)


def _folder(path: str) -> str:
    if not path.startswith("/") or not path.strip("/"):
        raise ValueError("it must name an absolute folder behind file://, like file:///var/lib/orchestrator/archive")
    return "/" + _inside(path)


def _inside(path: str) -> str:
    """*path* without slashes at its ends; it may not lead out."""
    path = path.strip("/")
    if path and not all(part.strip(".") and part.isprintable() for part in path.split("/")):
        raise ValueError("its folders must have names, and none may be . or ..")
    return path


def _options(scheme: str, query: str) -> dict[str, str]:
    allowed = OPTIONS[scheme]
    right = f"may be {', '.join(allowed)}" if allowed else f"{scheme}:// takes none"
    try:
        found = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=len(OPTIONS) * 2)
    except ValueError:
        raise ValueError(f"its options behind ? must look like name=value; {right}") from None
    options = dict(found)
    if len(options) < len(found) or not all(options.values()):
        raise ValueError(f"each of its options must stand there once, with a value; {right}")
    for name in options:
        if name not in allowed:
            raise ValueError(f"one of its options is none that is known; {right}")
    _check_endpoint(options.get("endpoint_url", ""))
    return options


def _check_endpoint(url: str) -> None:
    if url and ("@" in url or not re.fullmatch(r"https?://[^\s/?#@]+/?", url)):
        raise ValueError("its option endpoint_url must look like https://host:9000, without a user or a path")
