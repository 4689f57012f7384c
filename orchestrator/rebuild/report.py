"""What readers would see otherwise: summaries of two states of a brand, side by side, as of the same time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from orchestrator.archive.compare import Difference, differences
from orchestrator.archive.snapshot import Snapshot, opened
from orchestrator.brand.outputs import FoldConfig

MAX_DIFFERENCES: Final = 1_000
"""That are looked for: of states that have little in common there are many."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Of a summary, what stands at its head.

    Attributes:
        chunks: in the window.
        mentions: of them.
        stories: all, also those that are not shown.
        topics: that are shown.
        largest: label and mentions of the largest story; empty and 0 without one.
    """

    chunks: int
    mentions: int
    stories: int
    topics: int
    largest: tuple[str, int]

    @classmethod
    def of(cls, document: Any) -> Seen:
        """What a summary says."""
        sizes = [(story["label"], story["mentions"]) for story in document["clusters"]]
        numbers = (document["totalChunks"], document["totalMentions"], document["clusterCount"])
        return cls(*numbers, len(document["topics"]), max(sizes, key=lambda story: story[1], default=("", 0)))


@dataclass(frozen=True, slots=True)
class Compared:
    """Two states of a brand.

    Attributes:
        before: what readers see of the one.
        after: what they would see of the other.
        seen: how many things readers would see otherwise.
        differences: all of them, and what only the service sees; not more than :data:`MAX_DIFFERENCES`.
        more: whether there are more.
    """

    before: Seen
    after: Seen
    seen: int
    differences: Sequence[Difference]
    more: bool

    @property
    def same(self) -> bool:
        """Whether both states are the same, byte for byte."""
        return not self.differences


def compared(before: Snapshot, after: Snapshot, config: FoldConfig) -> Compared:
    """*after* beside *before*, of one brand.

    Raises:
        ArchiveError, NewerStateError, InvalidStateError: one of them cannot be read.
    """
    states = [opened(snapshot, config)[0] for snapshot in (before, after)]
    at_ms = max(state.clock_ms for state in states)
    told = [Seen.of(msgspec.json.decode(state.summary(before.brand, at_ms, 0, 0))) for state in states]
    found = list(islice(differences(before, after, config), MAX_DIFFERENCES + 1))
    seen = sum(difference.seen for difference in found)
    return Compared(told[0], told[1], seen, found[:MAX_DIFFERENCES], more=len(found) > MAX_DIFFERENCES)
