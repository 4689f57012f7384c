"""Small bars without an axis: amounts of equal stretches of time as one path of an SVG, and what they show in words.

Pure. One path for all bars, since pages have many of them. They have one colour and stand on a ground line, so nothing
rests on telling colours apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

HEIGHT: Final = 100
LEAST: Final = 3
"""Height of the smallest amount that is not nothing: it must be seen."""


@dataclass(frozen=True, slots=True)
class Spark:
    """Bars from the oldest to the newest.

    Attributes:
        path: the outline, in a box of ``width`` by :data:`HEIGHT`; empty if all amounts are zero.
        width: one for each amount.
        described: what they show.
    """

    path: str
    width: int
    described: str


def outline(amounts: Sequence[int], highest: int) -> str:
    """The bars of *amounts* as a path, one wide each; *highest* fills the box. Empty if there is nothing to see."""
    if highest <= 0 or not any(amount > 0 for amount in amounts):
        return ""
    path, level = [f"M0 {HEIGHT}"], HEIGHT
    for place, amount in enumerate(amounts):
        share = min(1.0, max(0, amount) / highest)
        top = HEIGHT - (max(LEAST, round(share * HEIGHT)) if amount > 0 else 0)
        if top != level:
            path.append(f"H{place}V{top}")
            level = top
    path.append(f"H{len(amounts)}V{HEIGHT}Z")
    return "".join(path)
