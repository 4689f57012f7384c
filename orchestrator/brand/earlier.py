"""What stories had in the window before: each pane's mentions by story, noted when the pane leaves the window.

A story itself counts the window alone. Of a pane that leaves it, what living stories had there is noted once and kept
for another window. Nothing is noted of a story that leaves with the pane: if it comes back, it is a new one.

State fields: ``q`` (since when panes are noted) and ``q:<pane>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from orchestrator.brand.codec import FieldDecoder, number_in, pack

HEAD_FIELD = b"q"
PREFIX = b"q:"

_TOTAL_BYTES, _PANE_BYTES = 110, 150
"""In memory: a story's sum; a pane's note without its bytes."""


class _Head(Struct, frozen=True, array_like=True):
    """The panes from *since* to *first* were noted when they left; *first* was the oldest of the window then."""

    since: int
    first: int
    span: int


_head_decoder = FieldDecoder(_Head)
# Positive ones only: a sum that comes to nothing while another note of its story is left would be looked for in vain.
_note_decoder = FieldDecoder(dict[int, Annotated[int, Meta(gt=0)]])


class Earlier:
    """The mentions that one brand's stories had in the window before, of *span* panes."""

    def __init__(self, span: int) -> None:
        self._span = span
        self._head: _Head | None = None
        self._notes: dict[int, bytes] = {}
        self._totals: dict[int, int] = {}
        self._note_bytes = 0
        self._dirty: set[int] = set()
        self._removed: list[int] = []
        self._head_dirty = False

    @classmethod
    def load(cls, span: int, fields: Mapping[bytes, bytes]) -> Earlier:
        """What is noted in *fields*; nothing of another span, which was the window before of another window."""
        earlier = cls(span)
        notes = {number_in(name): value for name, value in fields.items() if name.startswith(PREFIX)}
        head = _head_decoder.read(HEAD_FIELD, fields[HEAD_FIELD]) if HEAD_FIELD in fields else None
        if head is None or head.span != span:
            earlier._removed = list(notes)
            return earlier
        earlier._head = head
        for pane, value in notes.items():
            earlier._enter(pane, value)
        return earlier

    @property
    def known(self) -> bool:
        """Whether all of the window before was noted."""
        return self._head is not None and self._head.since <= self._head.first - self._span

    def mentions(self, key: int) -> int:
        """What the story of that *key* had in the window before."""
        return self._totals.get(key, 0)

    def notes(self, pane: int) -> bool:
        """Whether *pane*, which leaves the window, is to be noted: not if it had left when this was last stored."""
        return self._head is not None and pane >= self._head.first

    def note(self, pane: int, had: Mapping[int, int]) -> None:
        """*pane* leaves the window; *had* are its mentions by story."""
        if had:
            # Sorted: stories have another order in memory after a restart, and the field must not tell.
            self._enter(pane, pack(dict(sorted(had.items()))))
            self._dirty.add(pane)

    @property
    def begun(self) -> bool:
        """Whether panes are noted."""
        return self._head is not None

    def begin(self, first: int) -> None:
        """Note the panes from *first* on, the oldest one of the window, when they leave."""
        self._head = _Head(first, first, self._span)
        self._head_dirty = True

    def advance(self, first: int) -> None:
        """*first* is the oldest pane of the window now, and those that left it are noted."""
        if self._head is None or first <= self._head.first:
            return
        self._head = _Head(self._head.since, first, self._span)
        self._head_dirty = True
        for pane in [pane for pane in self._notes if pane < first - self._span]:
            self._leave(pane)

    def forget(self) -> None:
        """Forget all: what is noted is of another time."""
        for pane in list(self._notes):
            self._leave(pane)
        self._head = None

    def take_changes(self, put: dict[bytes, bytes], remove: list[bytes]) -> None:
        """Add the fields that changed to *put* and those that went to *remove*."""
        for pane in self._dirty:
            put[b"%b%d" % (PREFIX, pane)] = self._notes[pane]
        if self._head_dirty and self._head is not None:
            put[HEAD_FIELD] = pack(self._head)
        remove.extend(b"%b%d" % (PREFIX, pane) for pane in self._removed)
        self._dirty, self._removed, self._head_dirty = set(), [], False

    def rewrite(self) -> None:
        """Write every field with the next changes."""
        self._dirty.update(self._notes)
        self._head_dirty = True

    def held_bytes(self) -> int:
        """Bytes in memory."""
        return len(self._totals) * _TOTAL_BYTES + len(self._notes) * _PANE_BYTES + self._note_bytes

    def _enter(self, pane: int, value: bytes) -> None:
        self._notes[pane] = value
        self._note_bytes += len(value)
        for key, mentions in _note_decoder.read(b"%b%d" % (PREFIX, pane), value).items():
            self._totals[key] = self._totals.get(key, 0) + mentions

    def _leave(self, pane: int) -> None:
        value = self._notes.pop(pane)
        self._note_bytes -= len(value)
        for key, mentions in _note_decoder.read(b"%b%d" % (PREFIX, pane), value).items():
            left = self._totals[key] - mentions
            if left:
                self._totals[key] = left
            else:
                del self._totals[key]
        self._dirty.discard(pane)
        self._removed.append(pane)
