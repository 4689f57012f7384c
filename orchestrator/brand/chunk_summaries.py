"""The chunk summaries: what the newest chunks of the window say in words.

They are part of the state and leave with the window. Only the text of a summary is kept, on one line and cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.text import clip
from orchestrator.contract.chunk import Chunk

FIELD = b"n"

MAX_SUMMARIES = 20
MAX_SUMMARY_CHARS = 400


class _Entry(Struct, frozen=True, array_like=True):
    pane: int
    text: str


_decoder = FieldDecoder(list[_Entry])


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
        for chunk, pane in zip(chunks, panes, strict=True):
            if chunk.summary and (text := clip(chunk.summary, MAX_SUMMARY_CHARS)):
                self._entries.append(_Entry(pane, text))
                self._dirty = True

    def advance(self, first: int) -> None:
        """Forget the summaries of panes before *first*."""
        kept = [entry for entry in self._entries if entry.pane >= first]
        if len(kept) < len(self._entries):
            self._entries = deque(kept, MAX_SUMMARIES)
            self._dirty = True

    def newest(self) -> list[str]:
        """The texts, newest first."""
        return [entry.text for entry in reversed(self._entries)]

    def take_changes(self, put: dict[bytes, bytes]) -> None:
        """Add the field to *put* if it changed."""
        if self._dirty:
            put[FIELD] = pack(list(self._entries))
            self._dirty = False

    def rewrite(self) -> None:
        """Write the field with the next changes."""
        self._dirty = True
