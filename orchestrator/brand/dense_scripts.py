"""Scripts that write no blanks between words, or glue particles to them: compared by pairs of characters.

Two spellings of a Chinese complaint share most pairs of neighbouring characters, wherever a word may begin. That is how
search engines treat such scripts where they have no dictionary. A character here is a letter with the marks on it.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA = "\u3041-\u309f"
_KATAKANA = "\u30a1-\u30ff\u31f0-\u31ff"
_HANGUL = "\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e"
_THAI_AND_LAO = "\u0e01-\u0eff"
_BURMESE_AND_KHMER = "\u1000-\u109f\u1780-\u17ff"
_ALL = _HAN + _HIRAGANA + _KATAKANA + _HANGUL + _THAI_AND_LAO + _BURMESE_AND_KHMER

_PIECE = re.compile(
    f"[{_HAN}]+|[{_HIRAGANA}]+|[{_KATAKANA}]+|[{_HANGUL}]+|[{_THAI_AND_LAO}]+|[{_BURMESE_AND_KHMER}]+|[^{_ALL}]+"
)
_ANY = re.compile(f"[{_ALL}]")
_OF = re.compile(f"(?<=[{_HAN}][{_HAN}])\u7684(?=[{_HAN}][{_HAN}])")  # 的; not within 目的 or 的士
_PARTICLE = re.compile(f"[{_HIRAGANA}]")


def is_dense(text: str) -> bool:
    """Whether *text* has a character of such a script."""
    return _ANY.search(text) is not None


def pieces(token: str) -> list[str]:
    """*token* cut where the script changes, without particles that stand between two pieces."""
    if not _ANY.search(token):
        return [token]
    found = [part for piece in _PIECE.findall(token) for part in _OF.split(piece)]
    return [piece for piece in found if not _PARTICLE.fullmatch(piece)] or found


def words(piece: str) -> list[str]:
    """The pairs of neighbouring characters of a *piece* in such a script; another piece is a word itself."""
    if piece.isascii() or not _ANY.match(piece):
        return [piece]
    characters: list[str] = []
    for char in piece:
        if characters and unicodedata.category(char)[0] == "M":
            characters[-1] += char
        else:
            characters.append(char)
    if len(characters) == 1:
        return characters
    return [left + right for left, right in pairwise(characters)]
