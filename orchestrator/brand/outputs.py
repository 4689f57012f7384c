"""What goes into a fold and what comes out of it, as plain frozen values.

The lane passes a :class:`FoldConfig` in, counts what a :class:`FoldReport` tells and commits what :class:`Changes`
holds. Nothing here computes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from orchestrator.brand.panes import DAY_MS
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.contract.state_format import FORMATS, Formats


@dataclass(frozen=True, slots=True)
class FoldConfig:
    """What a deployment may choose about the rules, and for one brand otherwise than for all.

    Attributes:
        window_ms: how much time the summary covers, in milliseconds.
        max_stories: stories kept of a brand; the smallest leave first.
        similarity_threshold: least cosine of centroids at which a cluster joins a story.
        label_similarity_threshold: least cosine of words, where there are no centroids to compare.
        formats: of the state, which a deployment may not choose; tests stand for another version with it.
    """

    window_ms: int = DAY_MS
    max_stories: int = 5_000
    similarity_threshold: float = 0.75
    label_similarity_threshold: float = 0.175
    formats: Formats = FORMATS

    def under(self, settings: Mapping[str, int | float]) -> FoldConfig:
        """The same with those of *settings* (by their names) that the rules have; others say nothing."""
        given = {name: settings[name] for name in _FIELDS if name in settings}
        if not given:
            return self
        values: dict[str, Any] = {_FIELDS[name]: value for name, value in given.items()}
        if "SUMMARY_WINDOW_SEC" in given:
            values["window_ms"] = int(given["SUMMARY_WINDOW_SEC"] * 1000)
        if "MAX_STORIES" in given:
            values["max_stories"] = int(given["MAX_STORIES"])
        return replace(self, **values)


_FIELDS: Final = {
    "SUMMARY_WINDOW_SEC": "window_ms",
    "MAX_STORIES": "max_stories",
    "MERGE_SIMILARITY_THRESHOLD": "similarity_threshold",
    "LABEL_SIMILARITY_THRESHOLD": "label_similarity_threshold",
}


@dataclass(frozen=True, slots=True)
class FoldReport:
    """What was in one batch.

    Attributes:
        chunks: all of them.
        mentions: of all of them.
        clusters: those of chunks that count in the window.
        retimed: chunks that were stamped with their arrival.
        late: chunks that came too late for the window and count in the trend alone.
        zoneless: chunks with a time of no zone, taken for UTC.
        implausible: chunks with numbers that cannot be right.
        oldest_ms: the oldest usable time that a worker said, in Unix milliseconds; 0 if there is none.
    """

    chunks: int = 0
    mentions: int = 0
    clusters: int = 0
    retimed: int = 0
    late: int = 0
    zoneless: int = 0
    implausible: int = 0
    oldest_ms: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that changed since the changes were last taken, ready to be committed.

    Attributes:
        put: fields of the state hash to set.
        remove: fields of the state hash to delete.
        trend_put: fields of the trend hash to set, JSON.
        trend_remove: fields of the trend hash to delete.
        spikes: the whole list of episodes of volume, oldest first, JSON; None if it is unchanged.
        moods: the same of mood.
        stories: the same of stories.
        recent: entries to append to the list of recent chunks, oldest first, JSON; at most 50.
        due_ms: when the summary changes next without new chunks, Unix ms; 0 = never.
        alerts: episodes that opened or closed; alerts are sent after the commit.
    """

    put: Mapping[bytes, bytes] = field(default_factory=dict)
    remove: Sequence[bytes] = ()
    trend_put: Mapping[bytes, bytes] = field(default_factory=dict)
    trend_remove: Sequence[bytes] = ()
    spikes: Sequence[bytes] | None = None
    moods: Sequence[bytes] | None = None
    stories: Sequence[bytes] | None = None
    recent: Sequence[bytes] = ()
    due_ms: int = 0
    alerts: Sequence[EpisodeChange] = ()


@dataclass(frozen=True, slots=True)
class Reanchoring:
    """What was done to a state that lay in the future.

    Attributes:
        clock_ms: the time that it had been advanced to, Unix ms.
        now_ms: the present, which it is of now.
        chunks: counted in the future, and in the present quarter of an hour now.
        mentions: of these chunks.
        stories: that had something in the future.
        episodes: closed spikes that began in the future, and left the list.
    """

    clock_ms: int
    now_ms: int
    chunks: int
    mentions: int
    stories: int
    episodes: int
