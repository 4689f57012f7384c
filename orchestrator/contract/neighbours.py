"""Which registered brand was a name meant to be, and what makes it another one?

A producer that pushes to ``acme`` with a trailing blank, or to the name in another Unicode form, fills a queue that
nobody reads. The two names look alike where people look, so a person has to be told what differs.

A name is a neighbour of a brand if both are the same once everything that is easily overlooked is taken away: blanks,
what has no width, the Unicode form, and case. Those of the four are named without which the two would still differ.

Sources: Unicode Standard Annex 15 (normal forms); Technical Standard 39, 5.4 (characters that are not seen).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from orchestrator.contract.brands import check_brand
from orchestrator.errors import InvalidBrandError

_MOST_SHOWN: Final = 3
"""Code points that a sentence names."""

_BLANK: Final = re.compile(r"(\s+)")
_CONTROLS: Final = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_VARIATIONS: Final = range(0xFE00, 0xFE10)


def _blanks(text: str) -> str:
    return "".join(text.split())


def _unseen(text: str) -> str:
    return "".join(char for char in text if not _has_no_width(char))


def _has_no_width(char: str) -> bool:
    """Whether *char* is not seen and is no blank: formats such as U+200B, controls, selectors of variants."""
    if char.isspace():
        return False
    return unicodedata.category(char) in {"Cf", "Cc"} or ord(char) in _VARIATIONS


def _form(text: str, form: Literal["NFC", "NFKC"] = "NFKC") -> str:
    # Blanks stay as they are: NFKC would make a space of one that does not break, and which blank it is would be lost.
    return "".join(part if part.isspace() else unicodedata.normalize(form, part) for part in _BLANK.split(text))


def _case(text: str) -> str:
    return text.casefold()


_ASPECTS: Final[tuple[Callable[[str], str], ...]] = (_unseen, _form, _case, _blanks)
"""What is easily overlooked, in the order in which it is taken away."""


def _plain(text: str, without: Callable[[str], str] | None = None) -> str:
    """*text* less all aspects but *without*."""
    for aspect in _ASPECTS:
        if aspect is not without:
            text = aspect(text)
    # Folding the case of a letter may leave the normal form.
    return text if without is _form else _form(text)


class Neighbours:
    """The registered brands by what is left of them.

    Args:
        brands: all that are registered.
    """

    def __init__(self, brands: Iterable[str]) -> None:
        self._brands: dict[str, list[str]] = {}
        for brand in brands:
            self._brands.setdefault(_plain(brand), []).append(brand)

    def nearest(self, name: str) -> str | None:
        """The brand that *name* differs from in the fewest ways, None if it is like none."""
        alike = self._brands.get(_plain(name), ())
        return min(alike, key=lambda brand: (len(_differing(name, brand)), brand), default=None)

    def explain(self, name: bytes) -> str:
        """One sentence about the *name* of a queue that belongs to no registered brand."""
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return f"{name!r} is not UTF-8, so it can be no brand"
        brand = self.nearest(text)
        if brand is not None:
            return f"{text!r} differs from the registered brand {brand!r} by {difference(text, brand)}"
        try:
            trimmed = check_brand(text)
        except InvalidBrandError as error:
            return str(error)
        if trimmed != text:
            return f"{text!r} has blanks around it, and {trimmed!r} is not registered either"
        return f"{text!r} is not registered, and no registered brand is written like it"


def difference(name: str, brand: str) -> str:
    """What makes *name* another one than its neighbour *brand*."""
    return " and ".join(_TOLD[aspect](name, brand) for aspect in _differing(name, brand))


def _differing(name: str, brand: str) -> Sequence[Callable[[str], str]]:
    """The aspects without which the two would differ; where two do for each other, the first that is enough."""
    needed = [aspect for aspect in _ASPECTS if _plain(name, aspect) != _plain(brand, aspect)]
    return needed or next(([aspect] for aspect in _ASPECTS if aspect(name) == aspect(brand)), _ASPECTS)


def _told_unseen(name: str, brand: str) -> str:
    points = sorted({ord(char) for char in set(name) ^ set(brand) if _has_no_width(char)})
    kind = "control" if points and all(chr(point) in _CONTROLS for point in points) else "zero-width"
    shown = ", ".join(f"U+{point:04X}" for point in points[:_MOST_SHOWN])
    more = ", ..." if len(points) > _MOST_SHOWN else ""
    return f"{kind} characters ({shown}{more})" if points else f"the place of {kind} characters"


def _told_form(name: str, brand: str) -> str:
    if _form(_plain(name, _form), "NFC") != _form(_plain(brand, _form), "NFC"):
        return "compatibility characters (the two are the same after NFKC)"
    return f"its Unicode form ({_form_of(name)}, the brand has {_form_of(brand)})"


def _form_of(text: str) -> str:
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    return next((form for form in forms if unicodedata.is_normalized(form, text)), "a mixed one")


def _told_blanks(name: str, brand: str) -> str:
    where = [
        word
        for word, found in (
            ("a leading blank", name[:1].isspace()),
            ("a trailing blank", name[-1:].isspace()),
            ("the blanks within", _inner(name) != _inner(brand)),
        )
        if found
    ]
    return " and ".join(where) or "the place of its blanks"


def _inner(text: str) -> list[str]:
    """The blanks between the words of *text*."""
    return [char for char in text.strip() if char.isspace()]


_TOLD: Final[dict[Callable[[str], str], Callable[[str, str], str]]] = {
    _unseen: _told_unseen,
    _form: _told_form,
    _case: lambda _name, _brand: "case",
    _blanks: _told_blanks,
}
