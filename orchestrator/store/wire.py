"""Commands as Redis reads them: packed in one piece, many small arguments at the price of one.

Owns the encoding of requests; replies are redis-py's business. A batch carries one or two state fields for each
story. Packed one by one, arguments cost more than the server's work.

Source: the serialization protocol of Redis, where a command is an array of bulk strings; measured in
``docs/decisions/0029-one-wait-a-batch.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LENGTHS: Final = tuple(b"$%d" % length for length in range(4096))
"""Prefixes ready to use for what state fields and keys measure; a longer one takes a moment."""


class Bulk(NamedTuple):
    """Some consecutive arguments, encoded once for all commands that carry them."""

    arguments: int
    encoded: bytes


Command = tuple[Any, ...]
"""Arguments of a command: bytes, text, numbers, and :class:`Bulk` for several at once."""


def bulk(values: Sequence[bytes]) -> Bulk:
    """*values* as consecutive arguments."""
    if not values:
        return Bulk(0, b"")
    lengths = list(map(len, values))
    first = lengths[0]
    if lengths.count(first) == len(lengths):  # the separator is the same throughout
        prefix = b"$%d\r\n" % first
        return Bulk(len(values), prefix + (b"\r\n" + prefix).join(values) + b"\r\n")
    pieces: list[bytes] = [b""] * (2 * len(values) + 1)
    pieces[:-1:2] = [_LENGTHS[length] if length < len(_LENGTHS) else b"$%d" % length for length in lengths]
    pieces[1::2] = values
    return Bulk(len(values), b"\r\n".join(pieces))


def pack(commands: Iterable[Command]) -> bytes:
    """*commands* one after the other."""
    return b"".join([piece for command in commands for piece in _pieces(command)])


def _pieces(command: Command) -> list[bytes]:
    count = 0
    pieces = [b""]
    for argument in command:
        if isinstance(argument, Bulk):
            count += argument.arguments
            pieces.append(argument.encoded)
        else:
            value = argument if isinstance(argument, bytes) else str(argument).encode()
            count += 1
            pieces += (b"$%d\r\n" % len(value), value, b"\r\n")
    pieces[0] = b"*%d\r\n" % count
    return pieces
