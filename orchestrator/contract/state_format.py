"""The number of the state's format, written once.

It stands twice in Redis: in the state itself, where the brand rules read it, and in the brand's ``meta`` hash, where
``acquire`` compares it before anybody loads the state. The rules and the store must not import each other; both take
the number from here.
"""

from __future__ import annotations

from typing import Final

STATE_FORMAT: Final = 2
"""Raised whenever the layout of a field changes. State of another format is refused, never guessed at."""
