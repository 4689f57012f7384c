"""Whether an archive can be written to: an object is put there, read and taken away again, each step by its name."""

from __future__ import annotations

import secrets
import time

from orchestrator.errors import ArchiveError
from orchestrator.objects.marker import read_marker
from orchestrator.service.archiving import open_archive
from orchestrator.service.placing import refuse_unless

_BYTES = 1_024


def probe_archive(url: str, known: str = "") -> str:
    """Put, read and remove an object in the archive at *url*; returns in words how that went.

    Args:
        url: of the archive.
        known: id of the archive that Redis knows; nothing is put into a place that has another one.

    Raises:
        ArchiveMisplacedError: it has another one.
        SettingsError: it is no address of an archive, or what it needs is not installed.
        ArchiveError: a step was refused or not answered, and which; what was put may be there.
    """
    name, data = f"probe/{secrets.token_hex(12)}", secrets.token_bytes(_BYTES)
    with open_archive(url) as objects:
        if known:
            refuse_unless(known, read_marker(objects), objects)
        started_s, step = time.monotonic(), "put"
        try:
            objects.put(name, data)
            step = "read"
            _check(objects.get(name), data)
            step = "removed"
            objects.remove([name])
        except ArchiveError as error:
            raise ArchiveError(f"{objects.shown}: an object could not be {step}: {error}") from None
        took_s = time.monotonic() - started_s
        return f"{objects.shown}: an object was put, read and removed in {took_s * 1000:.0f} ms"


def _check(found: bytes, put: bytes) -> None:
    if found != put:
        raise ArchiveError("something else is there than was put")
