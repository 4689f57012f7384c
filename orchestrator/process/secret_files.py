"""Reads secrets from files, as container platforms mount them.

A file is read anew whenever its secret is needed, so a rotation needs no restart. What is read goes to the caller
alone: no error quotes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

MAX_SECRET_BYTES: Final = 4_096
"""More than any password or token has; a path that names a log or a device is refused before it fills memory."""


def read_secret(path: str) -> str:
    """The text in the file at *path*, without the line end that editors and ``echo`` leave.

    Raises:
        ValueError: it cannot be read, is empty, too large, or no line of UTF-8; the text names the path and what would
            be right, never what is in the file.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with NUL
        reason = getattr(error, "strerror", None) or "no path"
        raise ValueError(f"the file {path} cannot be read: {reason}") from None
    if len(data) > MAX_SECRET_BYTES:
        raise ValueError(f"the file {path} has more than {MAX_SECRET_BYTES} bytes, so it is no secret")
    if not data.strip(b"\r\n"):
        raise ValueError(f"the file {path} is empty; it must hold the secret in its first line")
    try:
        secret = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} must hold one line of printable UTF-8") from None
    if not secret.isprintable():
        raise ValueError(f"the file {path} must hold one line of printable UTF-8")
    return secret
