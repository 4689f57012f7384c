"""What a cluster's label means: its words, and whether it is a name at all.

A label has no name in it if it says nothing of what the cluster is about: it is empty, a number, a placeholder
("Cluster 0"), or a worker's word for what fits nowhere ("Outliers", ``-1_the_to_and``). Clusters without a name count
in the totals and are no stories.

Source: the rule of stories in ``docs/insights.md``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from orchestrator.brand.english import stem
from orchestrator.brand.normal_form import cut, normal_form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.chunk import Chunk, Cluster

_KNOWN_LABELS = 8_192

_NOISE_LABEL = re.compile(r"\s*[-\u2212\u2013]1\s*(?:[_:].*)?", re.DOTALL)  # BERTopic: -1_the_to_and_you
_NOISE_ID = re.compile(r"(?:.*[^0-9a-z])?-1(?:_.*)?|outliers?|noise", re.DOTALL | re.IGNORECASE)
_GLUED_NUMBER = re.compile(r"(?<=[a-z])(?<!cluster)(?<!topic)\d", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d[\d.,:]*")

_NO_NAMES = frozenset(
    """
    cluster topic noise outlier other misc miscellaneous various unknown undefined unclassified uncategorized
    uncategorised unlabeled unlabelled unassigned unclustered untitled unnamed nameless na nan none null nil
    """.split()  # noqa: SIM905 - twenty quotes a line would hide the words
)
"""Say nothing on their own."""

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


def is_noise(cluster_id: str) -> bool:
    """Whether a cluster of that id holds what the worker could put nowhere: -1 is what clustering libraries say."""
    # A look before the pattern: nearly every cluster has an id of its own.
    return ("-1" in cluster_id or cluster_id[:1] in "oOnN") and _NOISE_ID.fullmatch(cluster_id) is not None


def with_names(chunks: Sequence[Chunk]) -> Sequence[Chunk]:
    """*chunks* without the clusters that found and join no story."""
    labels = {cluster.label for chunk in chunks for cluster in chunk.clusters}
    ids = {cluster.id for chunk in chunks for cluster in chunk.clusters}
    unnamed = {label for label in labels if not is_name(label)}
    noise = {one for one in ids if is_noise(one)}
    if not unnamed and not noise:
        return chunks
    return [
        replace(
            chunk,
            clusters=[one for one in chunk.clusters if one.label not in unnamed and one.id not in noise],
        )
        for chunk in chunks
    ]


def names_a_story(cluster: Cluster) -> bool:
    """Whether *cluster* may found or join a story."""
    return is_name(cluster.label) and not is_noise(cluster.id)


@lru_cache(_KNOWN_LABELS)
def _is_name(label: str) -> bool:
    if _NOISE_LABEL.fullmatch(label):
        return False
    if _GLUED_NUMBER.search(label):  # a worker that numbers its clusters writes "Cluster 7", or at most "topic7"
        return True
    tokens = [stem(token) for token in normal_form(label).tokens]
    numbers = {token for token in tokens if _NUMBER.fullmatch(token) or token.isdecimal()}
    rest = set(tokens) - numbers
    if not rest or "".join(tokens) in _NO_NAMES:
        return False
    rest -= {"the"}
    if not rest or not rest <= _PLACEHOLDERS:
        return True
    return not (numbers or rest & _NO_NAMES or (len(rest) > 1 and "no" in rest))
