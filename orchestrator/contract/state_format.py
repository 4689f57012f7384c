"""The numbers of the state's formats: which one is written, and which ones can be read.

The number stands twice in Redis. The brand's ``meta`` hash has it, where ``acquire`` looks before anybody loads the
state. The state itself has it, where the brand rules read it. The rules and the store must not import each other; both
take the numbers from here.

A state of an older format is read, and the first commit writes all of it in the present one. There is no readable
format 1: only commits of before the first release wrote it, and each of its stories was a field of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STATE_FORMAT: Final = 5
"""Raised whenever a state means something else than before, or cannot be read by the version before."""

OLDEST_FORMAT: Final = 2
"""What this and every later format can be migrated from; ``tests/data/states`` has states of each."""


@dataclass(frozen=True, slots=True)
class Formats:
    """What one orchestrator can do with states; tests make it one of another version.

    Attributes:
        written: the format that it writes, the newest that it can read.
        oldest: the oldest that it can read.
    """

    written: int = STATE_FORMAT
    oldest: int = OLDEST_FORMAT


FORMATS: Final = Formats()
"""What this version can do."""
