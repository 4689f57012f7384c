"""Reads secrets from files, as container platforms mount them.

A file is read anew whenever its secret is needed, so a rotation needs no restart. What is read goes to the caller
alone: no error quotes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

MAX_SECRET_BYTES: Final = 4_096
"""More than any password or token has; a path that names a log or a device is refused before it fills memory."""


def read_bounded(path: str, most_bytes: int) -> bytes:
    """What is in the file at *path*; blocks as long as its file system does, so not for an event loop.

    Raises:
        ValueError: it cannot be read, or has more than *most_bytes*; the text names the path and no content.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with NUL
        reason = getattr(error, "strerror", None) or "no path"
        raise ValueError(f"the file {path} cannot be read: {reason}") from None
    if len(data) > most_bytes:
        raise ValueError(f"the file {path} has more than {most_bytes} bytes, so it holds something else")
    return data


def read_secret(path: str) -> str:
    """The text in the file at *path*, without the line end that editors and ``echo`` leave.

    Raises:
        ValueError: it cannot be read, is empty, too large, or no line of UTF-8; the text names the path and what would
            be right, never what is in the file.
    """
    data = read_bounded(path, MAX_SECRET_BYTES)
    if not data.strip(b"\r\n"):
        raise ValueError(f"the file {path} is empty; it must hold the secret in its first line")
    try:
        secret = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} must hold one line of printable UTF-8") from None
    if not secret.isprintable():
        raise ValueError(f"the file {path} must hold one line of printable UTF-8")
    return secret
