"""English as far as words need it: which ones say nothing, and what a plural is of.

Other languages have no list here. Their common words weigh little anyway, because they are in many stories.
"""

from __future__ import annotations

from functools import lru_cache

STOP_WORDS = frozenset(
    """
    a an the and or of to in on at by for from with as into onto via per about
    is are was were be been being am do does did has have had having will would shall should can could must
    i me my mine myself we our ours you your yours he him his she her hers it its they them their theirs
    this that these those there here then than so such too also just
    who whom whose which what when where why how if while because
    im ive thats whats youre theyre
    """.split()  # noqa: SIM905 - thirty quotes a line would hide the words
)
"""Words that say nothing about what a text is about.

What turns a sense round stays in ("not", "no", "up", "down", "off", "without"), and so does what is a name in capitals
("US") or a month.
"""

_SHORTEST = 4
NO_PLURALS = frozenset({"news", "series", "species", "lens", "always", "perhaps", "thus", "does", "paris", "christmas"})
_HISSING = ("xe", "che", "she", "sse", "zze", "oe", "use")
"""Both "box" and "axe" make "-xes": what either is reduced to is without the e."""


@lru_cache(16_384)  # few words are most of all text
def stem(word: str) -> str:
    """*word* in the singular, or rather what singular and plural have in common; of other words what they are.

    >>> stem("delays"), stem("boxes"), stem("companies"), stem("movies"), stem("movie")
    ('delay', 'box', 'company', 'movy', 'movy')
    """
    if len(word) < _SHORTEST or word[-1] not in "se" or word in NO_PLURALS or not word.isascii():
        return word
    singular = word
    if word[-1] == "s":
        if word[-2] in "sui" or not word[-2].isalpha():
            return word
        singular = word[:-1]
        if word[-2] != "e" or len(word) == _SHORTEST:  # delays; ties and uses, whose singular is too short for more
            return singular
    if singular.endswith("ie"):
        return singular[:-2] + "y"
    return singular[:-1] if singular.endswith(_HISSING) else singular
