"""Units of work for engines: other processes find them by the name of this module."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import ArchiveError


@dataclass(frozen=True)
class Unit:
    """A number, and what is to happen to whom works on it."""

    number: int
    does: str = ""
    path: str = ""


def work(unit: Unit) -> Any:
    """Twice the number."""
    match unit.does:
        case "refuse":
            raise ArchiveError("there is no record of commit 'a'")
        case "fail":
            raise ZeroDivisionError("of redis://:secret@host,\n on two lines")
        case "give what cannot be sent":
            return threading.Lock()
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once":
            try:
                Path(unit.path).touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        case "tell whether it is deaf":
            return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        case "never end":
            threading.Event().wait()
    return unit.number * 2
