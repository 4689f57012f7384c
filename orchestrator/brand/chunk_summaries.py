"""The chunk summaries: what the newest chunks of the window say in words.

They are part of the state and leave with the window. Only the text of a summary is kept, on one line and cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from operator import attrgetter
from sys import getsizeof

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.normal_form import normal_form, without_frame
from orchestrator.brand.panes import PANE_MS, Present
from orchestrator.brand.text import clip
from orchestrator.contract.chunk import Chunk
from orchestrator.kernels.entries import SUMMARY_CHARS

FIELD = b"n"

MAX_SUMMARIES = 20
MAX_SUMMARY_CHARS = SUMMARY_CHARS

_LABELS = 32  # of a chunk that are looked for in its summary
_ENTRY_BYTES = 80  # in memory, without the text
_BETWEEN = " \N{MIDDLE DOT} "


class _Entry(Struct, frozen=True, array_like=True):
    pane: int
    text: str


_decoder = FieldDecoder(list[_Entry])
_summary_of = attrgetter("summary")


def separated(chunk: Chunk) -> str:
    """The summary of *chunk*; if that is but its clusters' labels in a row, each once, with signs between.

    Labels in a row are what a worker writes whose language model is not there; nobody can see where one of them ends.
    """
    text = " ".join((chunk.summary or "")[: 4 * MAX_SUMMARY_CHARS].split())
    first_word = text.partition(" ")[0]
    if not any(first_word in cluster.label for cluster in chunk.clusters[:_LABELS]):
        return text  # nearly every summary is prose
    labels = sorted({" ".join(cluster.label.split()) for cluster in chunk.clusters[:_LABELS]} - {""}, key=len)
    parts: list[str] = []
    rest = text
    while rest:
        # The longest that fits, and at the end a part of one: the worker may have cut the text.
        found = next((label for label in reversed(labels) if f"{rest} ".startswith(f"{label} ")), None)
        if found is None and not (parts and any(label.startswith(rest) for label in labels)):
            return text
        parts.append(found or rest)
        rest = rest[len(parts[-1]) + 1 :]
    distinct: dict[str, str] = {}
    for part in parts:
        distinct.setdefault(normal_form(part).key or part, without_frame(part))
    return _BETWEEN.join(distinct.values())


class ChunkSummaries:
    """The newest chunk summaries of the window, oldest first."""

    def __init__(self, entries: Sequence[_Entry] = ()) -> None:
        self._entries = deque(entries, MAX_SUMMARIES)
        self._dirty = False

    @classmethod
    def load(cls, fields: Mapping[bytes, bytes]) -> ChunkSummaries:
        """The chunk summaries that *fields* hold."""
        return cls(_decoder.read(FIELD, fields[FIELD])) if FIELD in fields else cls()

    def fold(self, chunks: Sequence[Chunk], panes: Sequence[int]) -> None:
        """Take in the summaries of *chunks*, whose panes are in the same order."""
        if not any(map(_summary_of, chunks)):
            return
        newest: list[_Entry] = []
        # From behind: of a long batch nearly all summaries would be pushed out by later ones.
        for chunk, pane in zip(reversed(chunks), reversed(panes), strict=True):
            if chunk.summary and (text := clip(separated(chunk), MAX_SUMMARY_CHARS)):
                newest.append(_Entry(pane, text))
                if len(newest) == MAX_SUMMARIES:
                    break
        self._entries.extend(reversed(newest))
        self._dirty = self._dirty or bool(newest)

    def advance(self, first: int) -> None:
        """Forget the summaries of panes before *first*."""
        kept = [entry for entry in self._entries if entry.pane >= first]
        if len(kept) < len(self._entries):
            self._entries = deque(kept, MAX_SUMMARIES)
            self._dirty = True

    def reanchor(self, present: Present) -> None:
        """Let summaries of the future be of the present pane; :meth:`rewrite` after it."""
        entries = [_Entry(present.move(entry.pane, PANE_MS), entry.text) for entry in self._entries]
        self._entries = deque(entries, MAX_SUMMARIES)

    def newest(self) -> list[str]:
        """The texts, newest first."""
        return [entry.text for entry in reversed(self._entries)]

    def held_bytes(self) -> int:
        """Bytes in memory."""
        return sum(_ENTRY_BYTES + getsizeof(entry.text) for entry in self._entries)

    def take_changes(self, put: dict[bytes, bytes]) -> None:
        """Add the field to *put* if it changed."""
        if self._dirty:
            put[FIELD] = pack(list(self._entries))
            self._dirty = False

    def rewrite(self) -> None:
        """Write the field with the next changes."""
        self._dirty = True
