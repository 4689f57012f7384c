"""The pure twin of the compiled reader of plain text (``kernels/tokens.h``): no text is plain to it.

What words a text has is defined by :mod:`orchestrator.brand.normal_form`. The compiled reader knows that rule for texts
of ASCII without anything rare in them, and says nothing of others; this one says nothing of any. So with both of them
the outcome is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PlainText:
    """Reads texts that are plain.

    Args:
        stops: words that say nothing.
        no_plurals: words that end like plurals and are none.
        frames: words that may stand before a title; with punctuation behind one of them a text is not plain.

    Raises:
        ValueError: a word is empty or longer than 15 characters, or there are more than 512.
    """

    def __init__(self, stops: Iterable[str], no_plurals: Iterable[str], frames: Iterable[str]) -> None:
        for word in (*stops, *no_plurals, *frames):
            if not 0 < len(word) <= 15:  # noqa: PLR2004 - as the docstring says
                raise ValueError(f"{word!r}: expected a short word")

    def read(self, text: str) -> tuple[tuple[str, ...], str, tuple[str, ...]] | None:  # noqa: ARG002 - as the other twin
        """Words, key and tokens of *text* (:class:`~orchestrator.brand.normal_form.Normal`); None: it is not plain."""
        return None
