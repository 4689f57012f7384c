"""Whose alerts are to be told next: each brand by one worker at a time, brands in the order of their news. Pure."""

from __future__ import annotations


class Turns:
    """Brands that may have alerts to be told."""

    def __init__(self) -> None:
        self._ready: dict[str, None] = {}
        self._taken: set[str] = set()
        self._again: set[str] = set()

    def add(self, brand: str) -> None:
        """*brand* has news; if its turn has begun, it gets another one, because that may have looked already."""
        if brand in self._taken:
            self._again.add(brand)
        else:
            self._ready[brand] = None

    def take(self) -> str | None:
        """The next brand, whose turn begins; None if there is none."""
        brand = next(iter(self._ready), None)
        if brand is not None:
            del self._ready[brand]
            self._taken.add(brand)
        return brand

    def done(self, brand: str) -> None:
        """The turn of *brand* is over."""
        self._taken.remove(brand)
        if brand in self._again:
            self._again.remove(brand)
            self._ready[brand] = None
