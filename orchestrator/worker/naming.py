"""Names of chunks that are the same each time, in each language: a chunkId counts once, so it must not be chance.

Two kinds. :func:`input_id` names a chunk after what it was made *from*, so that work that is done again, and comes out
a little differently, has the same name: what a worker should use. :func:`content_id` names it after what is in it.

Both are SHA-256 over the canonical JSON of RFC 8785 (members in the order of their UTF-16 code units, numbers as
ECMAScript writes them), of which 128 bits are kept: a name of another chunk would have to be sought. The first letter
says which kind, and the number in which version of these rules.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from orchestrator.errors import InvalidChunkError

MAX_SAFE_INTEGER: Final = 2**53 - 1
_DIGITS: Final = 32
_MOST_BEFORE_POINT: Final = 21  # as ECMAScript writes numbers: beyond these with an exponent
_MOST_ZEROS: Final = 6


def input_id(brand: str, names: Iterable[str | int]) -> str:
    """The chunkId for what is made from *names*: ids of mentions, or of the job, in any order and number.

    Raises:
        InvalidChunkError: there are no names.
    """
    wanted = sorted({well_formed(str(name)) for name in names}, key=_utf16)
    if not wanted:
        raise InvalidChunkError("Expected at least one name of what the chunk is made from, got none")
    return f"i1-{_digest({'brand': well_formed(brand.strip()), 'input': wanted})}"


def content_id(document: Mapping[str, Any]) -> str:
    """The chunkId for the content of *document*, apart from a ``chunkId`` that it has.

    Fields that are null count as absent, as everywhere. ``processedAt`` is part of the content: without it, two chunks
    that say the same are one.

    Raises:
        InvalidChunkError: a value is no JSON, or a whole number that not every language can hold.
    """
    return f"c1-{_digest({name: value for name, value in document.items() if name != 'chunkId'})}"


def well_formed(text: str) -> str:
    """*text* with U+FFFD for each half of a surrogate pair, as the service reads it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def canonical(value: Any, path: str = "$") -> str:
    """*value* after RFC 8785, without members that are null.

    Raises:
        InvalidChunkError: it is no JSON, or a whole number beyond 2**53 - 1.
    """
    if isinstance(value, str):
        return json.dumps(well_formed(value), ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return _number(value, path)
    if isinstance(value, Mapping):
        members = sorted(((str(name), each) for name, each in value.items() if each is not None), key=_name)
        written = [canonical(name) + ":" + canonical(each, f"{path}.{name}") for name, each in members]
        return "{" + ",".join(written) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([canonical(each, f"{path}[{place}]") for place, each in enumerate(value)]) + "]"
    raise InvalidChunkError(f"Expected a value of JSON, got `{type(value).__name__}`", path)


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:_DIGITS]


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _name(member: tuple[str, Any]) -> bytes:
    return _utf16(member[0])


def _number(value: float, path: str) -> str:
    """After ECMAScript, Number::toString: the shortest digits that mean *value*, which are Python's as well."""
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        raise InvalidChunkError(f"Expected a whole number up to 2**53 - 1, or a text, got {value}", path)
    if not math.isfinite(value):
        raise InvalidChunkError(f"Expected a finite number, got {value}", path)
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(float(value))).partition("e")
    whole, _, fraction = mantissa.partition(".")
    leading = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(leading))  # digits before the point
    return ("-" if value < 0 else "") + _placed(leading.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= _MOST_BEFORE_POINT:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _MOST_BEFORE_POINT:
        return f"{digits[:point]}.{digits[point:]}"
    if -_MOST_ZEROS < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"
