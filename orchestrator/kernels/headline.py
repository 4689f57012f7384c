"""What a story is called, as far as it is not worth compiling: which spelling of its headline is the most usual one.

A story's headline is the label that says most of what its members say: the one with most shared words, by the word
weights that the story has when a member joins (:meth:`StoryIndex.shared`). The label of the heaviest member is that of
one chunk; on labelled news the cosine of the label to the story's centroid is 0.82 by this rule and 0.70 by that one.
Which of two labels wins is decided by the fold kernels. Labels of the same words are spellings of one headline: that
is what is counted here, for both twins. It depends on the sequence of members alone.

Source: the rule of headlines in ``docs/insights.md``, ``docs/decisions/0039-headlines-by-shared-words.md``.
"""

from __future__ import annotations

from typing import Protocol

MAX_SPELLINGS = 4
"""Spellings of a headline that are counted apart, the shown one included."""

MARGIN = 1 + 2.0**-24
"""By how much a label has to share more words than the headline: what is equal by definition must be a tie for every
order of its words."""


class Named(Protocol):
    """What has a headline: the account of a story (:class:`orchestrator.kernels.fold_py.Account`)."""

    label: str
    label_mentions: int
    spellings: tuple[tuple[str, int], ...]


def count_spelling(story: Named, spelling: str, weight: int) -> None:
    """Count that a member of *weight* writes the headline of *story* so, and show the most usual spelling.

    Of equals the shown one stays. A spelling too many takes from each of the others what it brings itself, until one of
    them is gone: whatever senders invent, a spelling of more than a quarter of the mentions is among those counted
    (Misra and Gries, 1982).
    """
    others = dict(story.spellings)
    counted = others.pop(spelling, 0) + weight
    if spelling == story.label:
        story.label_mentions += weight
        return
    if counted == weight and len(others) == MAX_SPELLINGS - 1:
        taken = min(weight, *others.values())  # the shown one has no less
        others = {text: count - taken for text, count in others.items() if count > taken}
        story.label_mentions -= taken
        counted -= taken
    if counted > story.label_mentions:
        spelling, story.label = story.label, spelling
        counted, story.label_mentions = story.label_mentions, counted
    if counted:
        others[spelling] = counted
    story.spellings = tuple(others.items())
