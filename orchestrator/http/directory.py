"""The registered brands in reading order, kept from one request to the next.

Sorting 100,000 names takes a tenth of a second of the event loop; noticing that they are the same as before takes
a millisecond.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


_PLAIN: Final = str.maketrans(
    {"\N{LATIN SMALL LETTER DOTLESS I}": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that people type without their stroke, and that Unicode does not take apart."""


def folded(text: str) -> str:
    """*text* as people search for it: without case, accents and doubled blanks; may be empty."""
    if not text.isascii():
        # Case first: a capital may fold to a letter with a mark of its own (İ), which then goes with the others.
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(char for char in apart if not unicodedata.combining(char)).translate(_PLAIN)
    return " ".join(text.casefold().split())


class Directory:
    """Names in alphabetical order, whatever their case and accents."""

    def __init__(self) -> None:
        self._seen: tuple[str, ...] = ()
        self._folded: list[tuple[str, str]] = []
        self._names: list[str] = []

    def names(self, registered: Sequence[str]) -> Sequence[str]:
        """*registered* in order."""
        self._look_at(registered)
        return self._names

    def find(self, registered: Sequence[str], part: str) -> Sequence[str]:
        """Those of *registered* that hold each word of *part*, whatever their case and accents, in order.

        All for an empty one.
        """
        self._look_at(registered)
        wanted = folded(part).split()
        if not wanted:  # of nothing, or of nothing but marks
            return [] if part.strip() else self._names
        return [name for plain, name in self._folded if all(word in plain for word in wanted)]

    def _look_at(self, registered: Sequence[str]) -> None:
        seen = tuple(registered)
        if seen != self._seen:
            self._seen = seen
            known = {name: plain for plain, name in self._folded}  # folding costs more than a look
            self._folded = sorted((known.get(name) or folded(name), name) for name in seen)
            self._names = [name for _, name in self._folded]
