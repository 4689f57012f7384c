"""Places where a test can make this process die, hang or fail, exactly there.

Off unless ``ORCHESTRATOR_FAILPOINTS`` is set when the service starts; then the log says so loudly. The variable is
a list of ``name=action[@n]``, separated by ``;``: the *n*-th passage (default 1) of the point *name* carries out
*action*. The point ``chunk`` is passed once for every chunk whose id starts with ``poison:<action>:``.

Production never sets it. Its user is the fault-injection suite (``tests/faults``).
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from orchestrator.errors import SettingsError, StoreUnavailableError

VARIABLE: Final = "ORCHESTRATOR_FAILPOINTS"
_POISON: Final = "poison:"
_CHUNK: Final = "chunk"
_ENTRY: Final = re.compile(r"(?P<name>[\w.]+)=(?P<action>\w+)(?:@(?P<passage>[1-9]\d*))?")


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _segfault() -> None:
    ctypes.string_at(0)


def _hang() -> None:
    while True:
        threading.Event().wait(3600)


def _allocate() -> None:
    block = bytearray(2 << 30)
    block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])  # touch every page


def _fail() -> None:
    raise StoreUnavailableError("failpoint")


def _bug() -> None:
    raise RuntimeError("failpoint")


ACTIONS: Final[Mapping[str, Callable[[], None]]] = {
    "kill": _kill,
    "stop": _stop,
    "segfault": _segfault,
    "hang": _hang,
    "allocate": _allocate,
    "fail": _fail,
    "bug": _bug,
}


class _Armed:
    """The failpoints in force; empty in production."""

    def __init__(self) -> None:
        self.points: dict[str, tuple[Callable[[], None], int]] = {}
        self.spec = ""
        self.poison = False
        self.lock = threading.Lock()


_armed = _Armed()


def arm(spec: str) -> tuple[str, ...]:
    """Arm the points of *spec*, replacing all others; returns their names.

    Raises:
        SettingsError: *spec* names an action that does not exist, or is not of the form above.
    """
    entries = [entry for part in spec.split(";") if (entry := part.strip())]
    poison = _CHUNK in entries
    points = dict(map(_parse, (entry for entry in entries if entry != _CHUNK)))
    _armed.spec, _armed.points, _armed.poison = spec, points, poison
    return (*points, _CHUNK) if poison else tuple(points)


def _parse(entry: str) -> tuple[str, tuple[Callable[[], None], int]]:
    match = _ENTRY.fullmatch(entry)
    if match is None or match["action"] not in ACTIONS:
        raise SettingsError(f"{VARIABLE}: {entry!r} is not name=action[@n] with an action of {', '.join(ACTIONS)}")
    return match["name"], (ACTIONS[match["action"]], int(match["passage"] or "1"))


def armed_spec() -> str:
    """What was armed, for a process that is to behave alike."""
    return _armed.spec


def hit(name: str) -> None:
    """Pass the point *name*; costs one truth test where nothing is armed."""
    if not _armed.points or name not in _armed.points:
        return
    with _armed.lock:  # two threads may pass at once, and only one of them is the n-th
        action, left = _armed.points[name]
        _armed.points[name] = (action, left - 1)
    if left == 1:
        action()


def hit_chunks(chunk_ids: Iterable[str]) -> None:
    """Pass the point ``chunk`` for every one of *chunk_ids*."""
    if not _armed.poison:
        return
    for chunk_id in chunk_ids:
        if chunk_id.startswith(_POISON):
            ACTIONS[chunk_id.removeprefix(_POISON).partition(":")[0]]()
