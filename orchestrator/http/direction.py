"""Foreign text in the midst of ours: it must not turn the direction in which ours is read.

Pure. A text of its own stands in ``<bdi>`` in the templates. Where foreign text is part of a line of ours, or where
no markup can stand (titles), the characters that order a direction are taken out; letters keep the direction that they
have by themselves. Source: Unicode Standard Annex 9, 2.1 to 2.6; "Trojan Source" (Boucher and Anderson, 2021).
"""

from __future__ import annotations

from typing import Final

_ORDERS: Final = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_FIRST_STRONG_ISOLATE: Final = "\N{FIRST STRONG ISOLATE}"
_POP_ISOLATE: Final = "\N{POP DIRECTIONAL ISOLATE}"


def undirected(text: str) -> str:
    """*text* without characters that order a direction, for a line that holds text of several people."""
    return text.translate(_ORDERS)


def isolated(text: str) -> str:
    """*text* between isolates, for places without markup."""
    return f"{_FIRST_STRONG_ISOLATE}{undirected(text)}{_POP_ISOLATE}"
