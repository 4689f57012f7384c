"""What a cluster's label means: its words, and whether it is a name at all.

A label has no name in it if it says nothing of what the cluster is about: it is empty, a number, a placeholder
("Cluster 0"), or a worker's word for what fits nowhere ("Outliers", ``-1_the_to_and``). Clusters without a name count
in the totals and are no stories.

Source: the rule of stories in ``docs/insights.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from orchestrator.brand.english import stem
from orchestrator.brand.normal_form import MAX_CHARS, Normal, cut, normal_form

_KNOWN_LABELS = 8_192

_NOISE_LABEL = re.compile(r"\s*[-\u2212\u2013]1\s*(?:[_:].*)?", re.DOTALL)  # BERTopic: -1_the_to_and_you
_MINUS_ONE = re.compile(r"(?<![0-9A-Za-z])-1(?:_|\Z)")  # "-1_the_to", "cluster--1", but not "cluster-1"
_NOISE_WORDS = re.compile(r"outliers?|noise", re.IGNORECASE)
_GLUED_NUMBER = re.compile(r"(?<=[a-z])(?<!cluster)(?<!topic)\d", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d[\d.,:]*")

_NO_NAMES = frozenset(
    """
    cluster topic noise outlier other misc miscellaneous various unknown undefined unclassified uncategorized
    uncategorised unlabeled unlabelled unassigned unclustered untitled unnamed nameless na nan none null nil
    """.split()  # noqa: SIM905 - twenty quotes a line would hide the words
)
"""Say nothing on their own."""

_LONGEST_NO_NAME = max(map(len, _NO_NAMES))

_PLACEHOLDERS = _NO_NAMES | frozenset(
    """
    group label theme segment community bucket category class name thema tema no
    k kmean mean dbscan hdbscan lda nmf bertopic
    """.split()  # noqa: SIM905
)
"""Say nothing beside a number ("Group 1") or one of :data:`_NO_NAMES`."""


def words(label: str) -> tuple[str, ...]:
    """The distinct words of *label*, sorted, at most :data:`~orchestrator.brand.normal_form.MAX_WORDS`."""
    return normal_form(label).words


def is_name(label: str) -> bool:
    """Whether *label* says what its cluster is about."""
    return _is_name(cut(label))


def nameless_labels(labels: set[str]) -> set[str]:
    """Those of *labels* that are no names."""
    unknown = labels - _names
    if not unknown:
        return unknown
    nameless = {label for label in unknown if not is_name(label)}
    if len(_names) > _KNOWN_LABELS:
        _names.clear()
    # Labels come again and again, and a difference of sets is ten times as fast as asking for each.
    _names.update([label for label in unknown - nameless if len(label) <= MAX_CHARS])
    return nameless


def noise_ids(ids: Sequence[str]) -> set[str]:
    """Those of *ids* that are noise: -1 is what clustering libraries call it."""
    together = "".join(ids)  # nearly every cluster has an id of its own, and hardly one has such letters
    found = {one for one in ids if "-1" in one and _MINUS_ONE.search(one)} if "-1" in together else set[str]()
    if "oise" in together or "utlier" in together or "OISE" in together or "UTLIER" in together:
        found |= {one for one in ids if _NOISE_WORDS.fullmatch(one)}
    return found


_names: set[str] = set()
"""Labels that are known to be names."""


@lru_cache(_KNOWN_LABELS)
def _is_name(label: str) -> bool:
    normal = normal_form(label)
    return is_surely_name(label, normal) or is_name_by_rule(label, normal)


def is_surely_name(label: str, normal: Normal) -> bool:
    """Nearly every label, at a quarter of what the rule costs: it has a word that is neither number nor placeholder."""
    if len(normal.key) <= _LONGEST_NO_NAME or not label.isascii() or label.lstrip()[:1] == "-":
        return False
    for word in normal.words:  # noqa: SIM110 - a generator takes three times as long as what it looks at
        if word not in _PLACEHOLDERS and word[0].isalpha():
            return True
    return False


def is_name_by_rule(label: str, normal: Normal) -> bool:
    """The rule itself."""
    if _NOISE_LABEL.fullmatch(label):
        return False
    if _GLUED_NUMBER.search(label):  # a worker that numbers its clusters writes "Cluster 7", or at most "topic7"
        return True
    tokens = [stem(token) for token in normal.tokens]
    numbers = {token for token in tokens if _NUMBER.fullmatch(token) or token.isdecimal()}
    rest = set(tokens) - numbers
    if not rest or "".join(tokens) in _NO_NAMES:
        return False
    rest -= {"the"}
    if not rest or not rest <= _PLACEHOLDERS:
        return True
    return not (numbers or rest & _NO_NAMES or (len(rest) > 1 and "no" in rest))
