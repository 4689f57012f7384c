"""What a label means for the merge: its set of words.

Words are runs of letters, digits and combining marks after Unicode normalisation (NFKC) and case folding, so that
"Launch buzz!", "LAUNCH BUZZ" and their full-width forms are one label. A label without such words (only symbols or
emoji) is split at blanks instead. An empty label has no words and resembles no other.

Source: the rule of stories in ``docs/insights.md``.
"""

from __future__ import annotations

import re
import unicodedata

from orchestrator.kernels.merge import MAX_WORDS

_ASCII_WORD = re.compile(r"[a-z0-9]+")


def words(label: str) -> tuple[str, ...]:
    """The distinct words of *label*, sorted, at most :data:`~orchestrator.kernels.merge.MAX_WORDS`."""
    if label.isascii():
        text = label.lower()
        found = _ASCII_WORD.findall(text)
    else:
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
        found = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text).split()
    return tuple(sorted(set(found or text.split()))[:MAX_WORDS])
