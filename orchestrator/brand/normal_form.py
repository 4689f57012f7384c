"""The normal form of a text: what two spellings of one thing have in common, for labels, topics and words alike.

Owns what takes part in a comparison and what does not. Whatever a reader cannot see is out (format characters,
variation selectors, marks that pile up), whatever a reader does see is in (emoji, the plus of C++, the sign of -5 %).
Must not be shown to anybody: what is shown is the text as it came.

Work and result are bounded whatever the sender wrote: a text is cut *before* it is normalised, because putting long
runs of combining marks in order takes the square of their length.

Source: the rule of stories and topics in ``docs/insights.md``; Unicode annexes 15 (normal forms) and 29 (what belongs
to one character), the s-stemmer of Harman (1991) with the endings that it leaves apart.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from functools import lru_cache
from itertools import groupby, pairwise
from typing import NamedTuple

from orchestrator.brand import dense_scripts, english
from orchestrator.kernels.tokens import PlainText

MAX_CHARS = 256
"""Of a text, before anything else is done with it. A title has fewer; the words of a cluster are used up before."""

MAX_WORDS = 24
"""Of one text. More of them hardly tell more, and each is a list to search."""

MAX_MARKS = 4
"""Combining marks in a row. Vietnamese has two on a letter, Hebrew three; what has more is drawn, not written."""

_MAX_TOKENS = 4 * MAX_WORDS
_KNOWN_TEXTS = 8_192

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_CUT_ENTITY = re.compile(r"&#?\w{0,30}\Z")
_URL = re.compile(r"(?:https?://|www\.)[!-~]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,}/[!-~]*", re.IGNORECASE)
_TOPIC_NUMBER = re.compile(r"\A\s*\d{1,4}_(?=[^\W\d_])")  # as BERTopic names topics: 3_refund_money_back
_GENDERED = re.compile("\u200d[\u2640\u2642]\ufe0f?")  # a shrugging woman is a shrug, as any skin is
_TAGGED_FLAG = re.compile("\U0001f3f4([\U000e0020-\U000e007e]+)\U000e007f")  # England, Scotland, Wales
_FLAG = re.compile("([\U0001f1e6-\U0001f1ff]{2})")

_PREFIX = re.compile(
    r"""\s*(?P<bracket>[\[(])?
        (?:breaking(?:\ news)?|just\ in|reports?|updated?|news|alert|exclusive|developing|watch|video|live|rt|psa
          |headline|summary|(?:topic|cluster|theme|label|group)(?:\s*\#?\d+)?)
        (?(bracket)[\])]:?\s*|(?:\s*[:|\N{EN DASH}\N{EM DASH}]\s+|\s+-\s+))(?=\S)""",
    re.IGNORECASE | re.VERBOSE,
)
_FRAMES = (
    *(
        "breaking",
        "just",
        "report",
        "reports",
        "update",
        "updated",
        "news",
        "alert",
        "exclusive",
        "developing",
        "watch",
    ),
    *("video", "live", "rt", "psa", "headline", "summary", "topic", "cluster", "theme", "label", "group"),
)
"""What a prefix begins with."""

PLAIN = PlainText(english.STOP_WORDS, english.NO_PLURALS, _FRAMES)
"""Reads most texts as :func:`normal_form` does, and leaves the others to it."""

_MOST_PREFIXES = 3  # "Breaking: Report: ..."
_COUNT = re.compile(r"(?<=\S)\s*\((?!(?:19|20)\d\d\))\d{1,6}\)\s*\Z")  # of what a cluster holds; a year is none

_UNITS = "‰¢£¥฿₦₩₪₫€₱₴₹₺₽₿"

_LETTER = "a-z0-9" + "".join(
    f"{chr(after + 1)}-{chr(before - 1)}"
    for after, before in pairwise([0x7F, *sorted(map(ord, _UNITS)), sys.maxunicode + 1])
    if before - after > 1
)
"""Of prepared text: its other characters that are not ASCII have become blanks or stand alone."""

_TOKEN = re.compile(
    rf"""
      (?<!\S)(?:[:;=]['^-]?[()\[\]dpo/|*]|<3|[<>=])(?!\S)                      # :-) and <, if they stand alone
    | (?<![{_LETTER}])[a-z]{{1,2}}&[a-z]{{1,2}}(?![{_LETTER}])     # at&t, h&m
    | (?<![{_LETTER}])(?:[a-z]\.){{2,}}                                        # u.s.
    | (?:(?<![^\s(])[+-](?=[{_UNITS}$]?\d))?
      [{_UNITS}$]?\d+(?:[.,:]\d+)*[{_LETTER}]*(?:\+(?!\w)|\s?[%{_UNITS}$](?!\d))?   # -5 %, $5, 5 €, 50+
    | [a-z]\#(?!\w)                                                            # c#
    | [{_LETTER}]+(?:(?:'|\$(?=[a-z])|(?<=\d)[.,:](?=\d))[{_LETTER}]+)*(?:\+{{1,2}}(?!\w))?   # didn't, v1.2, c++
    | [%{_UNITS}$]
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(rf"([+-]?)([{_UNITS}$]?)(\d[^\s%{_UNITS}$]*)\s?([%{_UNITS}$]?)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_ELISION = re.compile(r"(?:[cdjlmnst]|qu)'(?=\w\w)")
_NAME_AND_NUMBER = re.compile(r"([a-z]{2,})(\d[\d.,:]*)")

_OTHER_FORMS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4`\u2032\uff07", "'"),
        **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-"),
        "\u0131": "i",  # a Turk's I is both; who writes without dots means it too
        "\u064a": "\u06cc",  # Arabic and Persian yeh and kaf look the same
        "\u0649": "\u06cc",
        "\u0643": "\u06a9",
        **dict.fromkeys("\u0640\u034f\u115f\u1160\u3164\uffa0\u00a9\u00ae\u2122\u2120", ""),
        **dict.fromkeys("\u2800\ufffd\u25a0\u25a1\u25aa\u25ab\u25b8\u25ba\u25cb\u25cf\u25e6", " "),  # nothing, bullets
    }
)
_VISIBLE_SYMBOLS = {"So", "Sm"}


class Normal(NamedTuple):
    """What a text is in comparisons.

    Attributes:
        words: distinct and sorted, at most :data:`MAX_WORDS`, without stop words. A text of stop words alone has one
            word, the whole of it, so that it resembles only itself.
        key: the same for all spellings of one topic; empty for what is none (only stop words, addresses, no words).
        tokens: the words in their order, stop words and endings included.
    """

    words: tuple[str, ...]
    key: str
    tokens: tuple[str, ...]


def normal_form(text: str) -> Normal:
    """The normal form of *text*."""
    return _normal_form(cut(text))


def cut(text: str) -> str:
    """As much of *text* as takes part in comparisons."""
    if len(text) <= MAX_CHARS:
        return text
    return _CUT_ENTITY.sub("", text.lstrip()[:MAX_CHARS])


@lru_cache(1_024)
def without_frame(text: str) -> str:
    """*text* without a word like "Report:" before it and a number like "(17)" behind it."""
    if not any(map(text.__contains__, ":|-)]\N{EN DASH}\N{EM DASH}")):  # most: much cheaper than what follows
        return text
    for _ in range(_MOST_PREFIXES):
        prefix = _PREFIX.match(text)
        if prefix is None:
            break
        text = text[prefix.end() :]
    return _COUNT.sub("", text)


@lru_cache(_KNOWN_TEXTS)
def _normal_form(text: str) -> Normal:
    found = PLAIN.read(text)
    return defined_form(text) if found is None else Normal(*found)


def defined_form(text: str) -> Normal:
    """The rule itself, whatever the text."""
    tokens = _tokens(text)
    content = [token for token in tokens if token not in english.STOP_WORDS]
    if not content and len("".join(tokens)) == 1:  # a letter that stands alone is a name and no article
        content = tokens
    stems = [english.stem(token) for token in content]
    if not stems:
        return Normal((" ".join(tokens),) if tokens else (), "", tuple(tokens))
    distinct = stems if text.isascii() else [word for stem in stems for word in dense_scripts.words(stem)]
    words = tuple(sorted(list(dict.fromkeys(distinct))[:MAX_WORDS]))
    return Normal(words, _key(stems, keywords=bool(_TOPIC_NUMBER.match(text))), tuple(tokens))


def _key(stems: list[str], *, keywords: bool) -> str:
    """The key of a text with these words; of *keywords*, the order says nothing."""
    # Without blanks, so that #CustomerService, customer-service and "customer service" are one topic; without repeats
    # and with symbols last, so that an emoji counts once and wherever it stands.
    once = sorted(stems) if keywords else [stem for stem, _ in groupby(stems)]
    key = "".join(once)
    return key if key.isalnum() else "".join(sorted(once, key=_is_symbol))


def _is_symbol(word: str) -> bool:
    return not any(map(str.isalnum, word))


def _tokens(text: str) -> list[str]:
    """The words of *text* in their order."""
    letters = text.replace(" ", "")
    if letters.isascii() and letters.isalpha():  # most labels: three times as fast as what follows
        return text.lower().split()
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if "/" in text or "www." in text:
        text = _URL.sub(" ", text)
    text = _TOPIC_NUMBER.sub("", without_frame(text))
    text = text.lower() if text.isascii() else _prepared(text)
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token.isalpha() and token.isascii():  # nearly every one
            found.append(token)
        else:
            found += _taken_apart(token)
        if len(found) >= _MAX_TOKENS:  # 256 symbols are as many words
            break
    return found


def _taken_apart(token: str) -> list[str]:
    """The words of what is more than letters."""
    if token.isascii() and not any(map(str.isalnum, token)):
        return [token]
    number = _NUMBER.fullmatch(token)
    if number is not None:
        sign, before, value, behind = number.groups()
        value = value.replace(",", "") if _THOUSANDS.fullmatch(value) else value
        percent = behind in ("%", "‰")
        return [f"{sign}{before or ('' if percent else behind)}{value}{behind if percent else ''}"]
    if "'" in token:
        token = _ELISION.sub("", token).replace("'", "")
    if token[-1] == "." and token[0] != ":":
        return [token.replace(".", "")]
    numbered = _NAME_AND_NUMBER.fullmatch(token)  # iPhone17 is iPhone 17, while 5G stays what it is
    if numbered is not None:
        return list(numbered.groups())
    return [token] if token.isascii() else dense_scripts.pieces(token)


def _prepared(text: str) -> str:
    """*text* in lower case, with what is not ASCII reduced to letters, marks and symbols that stand alone."""
    text = _GENDERED.sub("", text.translate(_OTHER_FORMS))
    if "\U0001f3f4" in text:
        text = _TAGGED_FLAG.sub(lambda flag: " \U0001f3f4 " + flag[1].translate(_TAGS) + " ", text)
    text = unicodedata.normalize("NFKD", _bounded_marks(text))[:MAX_CHARS]
    text = unicodedata.normalize("NFC", _without_accents(text.casefold()))[:MAX_CHARS]
    return _FLAG.sub(r" \1 ", "".join([char if char < "\x80" else _visible(char) for char in text]))


_TAGS = {code: chr(code - 0xE0000) for code in range(0xE0020, 0xE007F)}


def _bounded_marks(text: str) -> str:
    """*text* without what cannot be seen, and without more than :data:`MAX_MARKS` marks in a row."""
    kept: list[str] = []
    marks = 0
    for char in text:
        if char < "\u0300":
            marks = 0
            if char != "\xad":
                kept.append(char)
            continue
        category = unicodedata.category(char)
        if category == "Cf" or _is_selector(char):
            continue
        marks = marks + 1 if category[0] == "M" else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _is_selector(char: str) -> bool:
    """Whether *char* only says how the one before it is to be drawn."""
    return (
        "\ufe00" <= char <= "\ufe0f"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0100" <= char <= "\U000e01ef"
        or "\u180b" <= char <= "\u180f"
    )


def _without_accents(text: str) -> str:
    """Decomposed *text* without the marks that people leave out: accents, vowel points.

    Marks that make another letter of it stay: those of Japanese and Indic scripts, the breve of Cyrillic.
    """
    kept: list[str] = []
    base = " "
    for char in text:
        if char < "\u0300":
            base = char
        elif "\u0300" <= char <= "\u036f":
            # Latin and Greek stand below U+0400 once they are decomposed; of Cyrillic only yo is written without dots.
            if base < "\u0400" or (base == "\u0435" and char == "\u0308"):
                continue
        elif "\u0591" <= char <= "\u05c7" or "\u064b" <= char <= "\u0652" or char == "\u0670":
            if unicodedata.combining(char):
                continue
        else:
            base = char
        kept.append(char)
    return "".join(kept)


def _visible(char: str) -> str:
    """A character that is not ASCII as the words are found by: a letter, a word of its own, or a blank."""
    category = unicodedata.category(char)
    if category[0] in "LMN" or char in _UNITS or "\U0001f1e6" <= char <= "\U0001f1ff":
        return char
    return f" {char} " if category in _VISIBLE_SYMBOLS else " "
