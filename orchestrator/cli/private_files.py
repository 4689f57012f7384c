"""Files that hold what people wrote, and keys: their owner alone may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


def write_private(path: Path, data: bytes, *, replace: bool) -> int:
    """*data* as the file *path*, readable by its owner alone, whoever could read what was there; returns its size.

    Raises:
        FileExistsError: it is there, and is not to be replaced.
        OSError: it cannot be written, or is not ours to close to others; then it is as before.
    """
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | (0 if replace else os.O_EXCL), _MODE)
    with os.fdopen(opened, "wb") as file:
        if stat.S_ISREG(os.fstat(opened).st_mode):  # of a pipe neither is asked
            os.fchmod(opened, _MODE)  # a mode at the opening is for files that are made by it
            os.ftruncate(opened, 0)
        return file.write(data)
