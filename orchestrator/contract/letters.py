"""Reading dead letters back: whose they are, what they hold, and whether somebody asks for them.

Source: the contract: ``failed:brand:<brand>`` is shared. Ours are written by :mod:`orchestrator.contract.dead_letter`;
workers append ``{worker_id, chunk_id, reason, payload}``, whose payload is a worker's *input*, and what others wrote
may have any shape. Every entry is untrusted bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from orchestrator.contract.depth import too_deep
from orchestrator.contract.times import parse_ms

OUR_ERROR: Final = "invalid_chunk_result"

_WORKER_FIELDS: Final = (("worker_id", "workerId"), ("chunk_id", "chunkId"), ("payload",))
_TIME_FIELDS: Final = ("receivedAt", "received_at", "failedAt", "failed_at", "timestamp")
_MAX_GROUP_CHARS: Final = 300  # of a foreign reason, which may have any length; ours are shorter
_GROUP_BYTES: Final = 8
_PLACE: Final = re.compile(r"\[\d+\]")


class Writer(StrEnum):
    """Who wrote an entry, as far as its shape says."""

    ORCHESTRATOR = "orchestrator"
    WORKER = "worker"
    OTHER = "other"


class LetterError(ValueError):
    """Raised when an entry cannot be sent again; the text says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: its place in the list, its bytes, and what they hold if that is a JSON object."""

    index: int
    raw: bytes
    fields: dict[str, Any] | None

    @classmethod
    def read(cls, index: int, raw: bytes) -> Letter:
        """The entry *raw* at *index*, whatever its bytes are."""
        try:
            # Decoded here: the parser would take UTF-16, too, whose depth nobody has looked at.
            value = None if too_deep(raw) else json.loads(raw.decode("utf-8-sig", "surrogatepass"))
        except ValueError:
            value = None
        return cls(index, raw, value if isinstance(value, dict) else None)

    def text(self, name: str) -> str:
        """A field as text, empty if there is none."""
        value = (self.fields or {}).get(name)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    @property
    def writer(self) -> Writer:
        """Who wrote it."""
        fields = self.fields or {}
        if fields.get("error") == OUR_ERROR:
            return Writer.ORCHESTRATOR
        by_worker = all(any(name in fields for name in names) for names in _WORKER_FIELDS)
        return Writer.WORKER if by_worker else Writer.OTHER

    @property
    def group(self) -> tuple[str, str]:
        """Reason and path that it has in common with others, both cut; places in lists are left out of the path."""
        return self.text("reason")[:_MAX_GROUP_CHARS], _PLACE.sub("[]", self.text("path"))[:_MAX_GROUP_CHARS]

    @property
    def group_name(self) -> str:
        """A short name for :attr:`group` and the writer, whatever characters they are made of."""
        return group_name(self.writer, *self.group)

    @property
    def paths(self) -> tuple[str, str, str]:
        """By what it may be asked for: its path, that without places in lists, and the one of its group."""
        path = self.text("path")
        return path, _PLACE.sub("[]", path), self.group[1]

    @property
    def at_ms(self) -> int | None:
        """When it was received, Unix ms; None if it does not say."""
        return next((at for name in _TIME_FIELDS if (at := parse_ms(self.text(name))) is not None), None)

    def payload(self) -> bytes:
        """The item that it holds, byte for byte.

        Raises:
            LetterError: it holds none, or not all of it.
        """
        fields = self.fields or {}
        if self.writer is Writer.OTHER:
            raise LetterError("it has no shape that is known, so nobody can say what its payload is")
        payload = fields.get("payload")
        if self.writer is Writer.WORKER and not isinstance(payload, str):
            if payload is None:
                raise LetterError("its payload is null")
            return json.dumps(payload, separators=(",", ":")).encode()
        if fields.get("cutBytes"):
            raise LetterError(
                f"{fields['cutBytes']} bytes at the end of its payload are missing, because no entry could hold them:"
                " push the chunk again from where it came"
            )
        if not isinstance(payload, str):
            raise LetterError("its payload is no text")
        encoding = fields.get("encoding") if self.writer is Writer.ORCHESTRATOR else None
        try:
            return _decoded(payload, encoding)
        except ValueError:
            raise LetterError(f"its payload is not what its encoding {encoding!r} says") from None


def _decoded(payload: str, encoding: object) -> bytes:
    if encoding is None:
        return payload.encode()  # UnicodeEncodeError: half of a surrogate pair
    if encoding == "base64":
        try:
            return base64.b64decode(payload, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    raise ValueError("unknown encoding")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters somebody asks for; what is None does not matter.

    Attributes:
        writer: who wrote them.
        reason: part of their reason, in small or capital letters.
        path: their JSON path; places in lists may be left out (``$.mentions[].id``).
        since_ms, until_ms: when they were received, Unix ms, the second one excluded; one without a time is not meant.
        grep: what their payload holds.
        index: their place in the list.
        group: name of the one group that they belong to.
    """

    writer: Writer | None = None
    reason: str | None = None
    path: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    grep: re.Pattern[str] | None = None
    index: int | None = None
    group: str | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether *letter* is meant."""
        return (
            (self.writer is None or letter.writer is self.writer)
            and (self.index is None or letter.index == self.index)
            and (self.group is None or letter.group_name == self.group)
            and (self.reason is None or self.reason.casefold() in letter.text("reason").casefold())
            and (self.path is None or self.path in letter.paths)
            and self._in_time(letter)
            and (self.grep is None or self.grep.search(_searched(letter)) is not None)
        )

    def _in_time(self, letter: Letter) -> bool:
        if self.since_ms is None and self.until_ms is None:
            return True
        at_ms = letter.at_ms
        if at_ms is None:
            return False
        return (self.since_ms is None or at_ms >= self.since_ms) and (self.until_ms is None or at_ms < self.until_ms)


def group_name(writer: Writer, reason: str, path: str) -> str:
    """A short name for the letters of one writer that have reason and path in common."""
    # A half of a surrogate pair may stand in what others wrote.
    told = f"{writer}\0{reason}\0{path}".encode("utf-8", "surrogatepass")
    return blake2b(told, digest_size=_GROUP_BYTES).hexdigest()


def _searched(letter: Letter) -> str:
    """The payload as text, or all of an entry that has none."""
    try:
        return letter.payload().decode(errors="backslashreplace")
    except LetterError:
        return letter.text("payload") or letter.raw.decode(errors="backslashreplace")
