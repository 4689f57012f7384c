"""Two states of a brand, field by field, in the words that an operator knows.

What readers see comes first, by the names of the summary and the trend; then what only the service sees, by what a
field is of. Where only the latter differ, the same is stored in another way, which is in order where commits were cut
otherwise. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from orchestrator.archive.snapshot import SEGMENTS, Snapshot, folded_with, numbered, opened
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.contract.digests import ENTRY_BYTES

ABSENT: Final = "absent"
_HOUR_MS: Final = 3_600_000
_DIGEST_BYTES: Final = 12
_MAX_CHARS: Final = 200
_NUMBER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
"""Of a pane or an hour. What is in a state is foreign: there are more digits than these, and longer numbers."""

_KEYED: Final = {"clusters": "id", "topics": "topic", "storyEpisodes": "story"}
"""Lists whose members are told by a name, not by their place."""

_WORDS: Final = {
    "g": "the clock, flags and the key of mention ids",
    "q": "what is known of the window before",
    "t": "the trend's oldest day",
    "n": "what chunks said of themselves",
    "d": "settled quarters of an hour of the detector of spikes",
    "o": "unsettled quarters of an hour of the detector of spikes",
    "e": "episodes of volume",
    "u": "what the detector of mood has learned",
    "v": "episodes of mood",
    "w": "what the detector of stories' episodes has learned",
    "x": "episodes of stories",
    "s": "stories",
    "f": "how many clusters were ever folded",
    "b": "words that all stories have",
    "m": "mention ids of stories",
}


class Difference(NamedTuple):
    """One thing that two states say otherwise.

    Attributes:
        where: ``clusters[launch-1].mentions``, ``hour 2026-11-28T05:00Z``.
        one: what the first one says.
        other: what the second one says.
        seen: whether readers see it.
    """

    where: str
    one: str
    other: str
    seen: bool


def differences(one: Snapshot, other: Snapshot, config: FoldConfig) -> Iterator[Difference]:
    """Everything that *one* and *other* say otherwise, what readers see first.

    Raises:
        ArchiveError, NewerStateError, InvalidStateError: one of them cannot be read.
    """
    states = [opened(snapshot, folded_with(snapshot, config))[0] for snapshot in (one, other)]
    at_ms = max(state.clock_ms for state in states)
    documents = [json.loads(state.summary(one.brand, at_ms, 0, 0)) for state in states]
    yield from _documents("", *documents)
    for name in _names(one.trend, other.trend):
        yield from _texts(f"trend {name.decode(errors='replace')}", one.trend.get(name), other.trend.get(name))
    yield from _chunks(one, other)
    # Where a state took another one's place its segments have other numbers.
    fields, others = (numbered(snapshot.stored.fields, dict.fromkeys(SEGMENTS, 0)) for snapshot in (one, other))
    for name in _names(fields, others):
        yield Difference(field_words(name), _size(fields.get(name)), _size(others.get(name)), seen=False)


def field_words(name: bytes) -> str:
    """What a field of the state is of: ``hour 2026-11-28T05:00Z (h:490000)``."""
    text = name.decode(errors="backslashreplace")
    kind, _, number = text.partition(":")
    told = _NUMBER.fullmatch(number)
    if kind in {"p", "q"} and told:
        of = "" if kind == "p" else "stories of the window before in the "
        return f"{of}quarter of an hour {_moment(int(number) * PANE_MS)} ({text})"
    if kind == "h" and told:
        return f"hour {_moment(int(number) * _HOUR_MS)} ({text})"
    return f"{_WORDS.get(kind, 'a field that this version does not know')} ({text})"


def _names(one: Mapping[bytes, bytes], other: Mapping[bytes, bytes]) -> list[bytes]:
    """Those that differ, sorted."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _documents(path: str, one: Any, other: Any) -> Iterator[Difference]:
    """Where two JSON documents differ, at the deepest place that has a name."""
    if one == other:
        return
    if key := _KEYED.get(path):
        one, other = _by_name(one, key), _by_name(other, key)
        for name in [*one, *(name for name in other if name not in one)]:
            yield from _documents(f"{path}[{name}]", one.get(name), other.get(name))
    elif isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            yield from _documents(f"{path}.{name}" if path else str(name), one.get(name), other.get(name))
    else:
        yield Difference(path, _told(one), _told(other), seen=True)


def _by_name(members: list[Any], key: str) -> dict[str, Any]:
    return {str(member.get(key, place)): member for place, member in enumerate(members)}


def _texts(where: str, one: bytes | None, other: bytes | None) -> Iterator[Difference]:
    """An outward value, JSON as a rule, that differs."""
    try:
        documents = [None if text is None else json.loads(text) for text in (one, other)]
    except ValueError:
        yield Difference(where, _size(one), _size(other), seen=True)
    else:
        yield from _documents(where, *documents)


def _chunks(one: Snapshot, other: Snapshot) -> Iterator[Difference]:
    """Which chunks are known: how many only here, only there."""
    known = [
        {
            data[place : place + _DIGEST_BYTES]
            for data in (snapshot.stored.digests.younger, snapshot.stored.digests.older)
            for place in range(0, len(data) - ENTRY_BYTES + 1, ENTRY_BYTES)
        }
        for snapshot in (one, other)
    ]
    if known[0] != known[1]:
        here, there = len(known[0] - known[1]), len(known[1] - known[0])
        yield Difference("chunks that are known", f"{here} that the other has not", f"{there} likewise", seen=False)


def _size(value: bytes | None) -> str:
    return ABSENT if value is None else f"{len(value)} bytes"


def _told(value: Any) -> str:
    text = ABSENT if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_CHARS else f"{text[: _MAX_CHARS - 1]}…"


def _moment(at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"
