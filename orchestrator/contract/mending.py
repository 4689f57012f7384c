"""Documents that are not quite JSON: what cannot change a number is mended, and what cannot be mended is named.

Owns what becomes of the bytes of a document that a strict parser refuses. Mended are: a byte order mark, NULs behind
the end, half a surrogate pair (U+FFFD stands for it, as in every reader of text), control characters inside of texts,
and ``NaN`` or ``Infinity`` in a centroid or in a field that nobody reads. Workers produce all of these without
noticing: ``JSON.stringify`` and ``json.dumps`` write half an emoji where a text was cut, and ``json.dumps`` writes
``NaN``. Everything here is off the usual way; no valid document comes by.

Source: RFC 8259 (sections 8.1 and 8.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from orchestrator.contract.depth import MAX_DEPTH, TOO_DEEP
from orchestrator.errors import InvalidChunkError

MAX_LOCATED_CHARS = 1 << 20
"""In a longer document the place of a fault is not looked for: that takes a microsecond a token."""

_SHOWN_CHARS = 24
_MAX_NAME_CHARS = 64
_SHOWN_DEPTH = 3  # $.clusters[0].name
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# The pair first: its halves must not be taken one by one. The last branch consumes any other escape as a whole, so that
# the second backslash of two is not the beginning of one.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
_HALF_CHARS = len(b"\\ud83d")
_REPLACEMENT = b"\\ufffd"

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_TEXT = re.compile(r'"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"', re.DOTALL)
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity", re.ASCII)


class Odd:
    """What stands where a number should and is no JSON: ``NaN``, ``Infinity``, ``-Infinity``."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token


_parse = json.JSONDecoder(parse_constant=Odd, strict=False).decode


def clean(item: bytes) -> bytes:
    """*item* as UTF-8, without a byte order mark and without NULs behind its end.

    Raises:
        InvalidChunkError: it is not UTF-8, apart from surrogates.
    """
    item = item.removeprefix(_BYTE_ORDER_MARK)
    if item.endswith(b"\0"):
        item = item.rstrip(b"\0")
    try:
        item.decode()
    except UnicodeDecodeError as error:
        return _without_surrogates(item, error)
    return item


def _without_surrogates(item: bytes, error: UnicodeDecodeError) -> bytes:
    """Surrogates as characters of their own: pairs, as Java may write them, are one character, halves are U+FFFD."""
    try:
        text = item.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise InvalidChunkError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def mend_escapes(document: bytes) -> bytes:
    """The *document* with U+FFFD for each half of a surrogate pair; as long as before."""
    return _ESCAPE.sub(lambda found: _REPLACEMENT if len(found[0]) == _HALF_CHARS else found[0], document)


def parse(document: bytes) -> Any:
    """The value of *document*, with an :class:`Odd` for each ``NaN`` and the like, except in centroids.

    Raises:
        InvalidChunkError: it cannot be read; the reason names the token.
    """
    text = document.decode()
    try:
        value = _parse(text)
    except json.JSONDecodeError as error:
        raise _fault(text, error) from None
    except ValueError as error:
        raise InvalidChunkError(f"not JSON: {error}") from None
    _drop_odd_centroids(value)
    return value


def _drop_odd_centroids(document: Any) -> None:
    """A centroid with something odd in it has no direction: it is absent."""
    clusters = document.get("clusters") if isinstance(document, dict) else None
    for cluster in clusters if isinstance(clusters, list) else ():
        vector = cluster.get("centroid") if isinstance(cluster, dict) else None
        if isinstance(vector, Odd) or (isinstance(vector, list) and any(isinstance(part, Odd) for part in vector)):
            cluster["centroid"] = None


def _fault(text: str, error: json.JSONDecodeError) -> InvalidChunkError:
    if len(text) <= MAX_LOCATED_CHARS:
        for token, expected, path in Walk(text).faults():
            found = f"{_shown(token)} is no JSON" if token else "the document ends too early"
            return InvalidChunkError(f"{found}, expected {expected}", path)
    return InvalidChunkError(f"not JSON: {error.msg} at character {error.pos}")


def too_deep(document: bytes) -> InvalidChunkError:
    """The refusal of a *document* beyond :data:`MAX_DEPTH`; it names the field that leads there."""
    text = document.decode(errors="replace")
    return InvalidChunkError(TOO_DEEP, Walk(text).way_down() if len(text) <= MAX_LOCATED_CHARS else "$")


def _shown(token: str) -> str:
    """*token* so that it can be read, and so short that it quotes no text."""
    cut = token if len(token) <= _SHOWN_CHARS else token[: _SHOWN_CHARS - 1] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]


_VALUE: Final = "a value"
_NAME: Final = 'a name in "'
_FIRST_NAME: Final = 'a name in " or }'
_COLON: Final = "a colon"
_END: Final = "nothing behind the document"


class Walk:
    """A walk over a document, piece by piece, that always knows the path: it finds where a parser would stop."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._stack: list[str | int] = []  # a name within an object, a place within an array
        self._expected = _VALUE

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """The first piece that does not fit ("" for the end), what is expected there, and the path; else nothing."""
        for found in _TOKEN.finditer(self._text):
            piece = found[0]
            if not self._step(piece):
                yield self._named(piece)
                return
        if self._expected != _END:
            yield "", self._expected, self.path

    def _named(self, piece: str) -> tuple[str, str, str]:
        """The fault that *piece* is; of a text not the whole but what is wrong in it."""
        if piece.startswith('"') and not _TEXT.fullmatch(piece):
            for found in re.finditer(r"\\(?:u[0-9a-fA-F]{4}|.)", piece, re.DOTALL):
                if not _TEXT.fullmatch(f'"{found[0]}"'):
                    return piece[found.start() : found.start() + 6], "an escape of JSON", self.path
            return "", 'a closing "', self.path
        return piece, self._expected, self.path

    def way_down(self) -> str:
        """The path of the first field that is nested very deeply, as far as a reader of the path needs it."""
        for found in _TOKEN.finditer(self._text):
            if not self._step(found[0]) or len(self._stack) > MAX_DEPTH:
                break
        del self._stack[_SHOWN_DEPTH:]
        while self._stack and isinstance(self._stack[-1], int):
            self._stack.pop()
        return self.path

    @property
    def path(self) -> str:
        """Where the walk is, as a JSON path."""
        return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self._stack if step != "")

    def _step(self, piece: str) -> bool:
        expected = self._expected
        if expected in (_NAME, _FIRST_NAME):
            return self._name(piece)
        if expected == _COLON:
            self._expected = _VALUE if piece == ":" else _COLON
            return self._expected == _VALUE
        if expected in (_VALUE, "a value or ]"):
            return self._value(piece)
        return self._behind_value(piece)

    def _name(self, piece: str) -> bool:
        if piece == "}" and self._expected == _FIRST_NAME:
            return self._close()
        if not _TEXT.fullmatch(piece):
            return False
        self._stack[-1] = piece[1:-1][:_MAX_NAME_CHARS]
        self._expected = _COLON
        return True

    def _value(self, piece: str) -> bool:
        if piece == "{":
            self._stack.append("")
            self._expected = _FIRST_NAME
        elif piece == "[":
            self._stack.append(0)
            self._expected = "a value or ]"
        elif piece == "]" and self._expected == "a value or ]":
            return self._close()
        elif not (_SCALAR.fullmatch(piece) or _TEXT.fullmatch(piece)):
            return False
        else:
            self._after_value()
        return True

    def _behind_value(self, piece: str) -> bool:
        if not self._stack:
            return False
        inside = self._stack[-1]
        if piece == ("]" if isinstance(inside, int) else "}"):
            return self._close()
        if piece != ",":
            return False
        if isinstance(inside, int):
            self._stack[-1] = inside + 1
            self._expected = _VALUE
        else:
            self._expected = _NAME
        return True

    def _close(self) -> bool:
        self._stack.pop()
        self._after_value()
        return True

    def _after_value(self) -> None:
        if not self._stack:
            self._expected = _END
        else:
            self._expected = "a comma or ]" if isinstance(self._stack[-1], int) else "a comma or }"
