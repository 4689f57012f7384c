"""Commands as Redis reads them: packed in one piece, many small arguments at the price of one.

Owns the encoding of requests; replies are redis-py's business. A batch carries one or two state fields for each
story. Packed one by one, arguments cost more than the server's work, and packed by Python, those of a visit to a quiet
brand and of the looks at all brands were its largest share: hiredis packs them.

Source: the serialization protocol of Redis, where a command is an array of bulk strings; measured in
``docs/decisions/0029-one-wait-a-batch.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hiredis import pack_command

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
    return b"".join(map(_packed, commands))


def _packed(command: Command) -> bytes:
    kinds = list(map(type, command))
    if Bulk not in kinds:
        packed: bytes = pack_command(command)
        return packed
    count = begun = 0
    pieces = [b""]
    for place in [place for place, kind in enumerate(kinds) if kind is Bulk]:
        bulk_ = command[place]
        pieces += (_inside(command[begun:place]), bulk_.encoded)
        count += place - begun + bulk_.arguments
        begun = place + 1
    pieces.append(_inside(command[begun:]))
    pieces[0] = b"*%d\r\n" % (count + len(command) - begun)
    return b"".join(pieces)


def _inside(arguments: Command) -> bytes:
    """*arguments* without the head, which would count these alone."""
    if not arguments:
        return b""
    packed: bytes = pack_command(arguments)
    return packed[packed.index(b"\n") + 1 :]
