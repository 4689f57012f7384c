"""State in memory to fields of the state hash and back: msgpack, typed.

A change of a field's layout raises :data:`orchestrator.contract.state_format.STATE_FORMAT`. What is new is appended to
an array, with a default: so the same decoder reads what an older version wrote, whose arrays are shorter. A field that
cannot be read is an :class:`~orchestrator.errors.InvalidStateError` that names it. The lane then parks the brand,
because a guess would turn damage into wrong numbers.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from orchestrator.errors import InvalidStateError

T = TypeVar("T")

pack = msgspec.msgpack.Encoder().encode


class FieldDecoder(Generic[T]):
    """Reads one kind of field."""

    __slots__ = ("_decoder",)

    def __init__(self, layout: type[T]) -> None:
        self._decoder = msgspec.msgpack.Decoder(layout)

    def read(self, name: bytes, value: bytes) -> T:
        """What *value*, the content of field *name*, holds."""
        try:
            return self._decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidStateError(f"state field {name!r} cannot be read: {error}") from None


def number_in(name: bytes) -> int:
    """The number after the prefix of a field's name, as in ``p:1961234``."""
    try:
        return int(name.partition(b":")[2])
    except ValueError:
        raise InvalidStateError(f"state field {name!r} is not one of ours") from None


def pack_wide(value: int) -> bytes:
    """An integer of any width: msgpack's integers have 64 bits at most, and exact sums may need more."""
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def unpack_wide(data: bytes) -> int:
    """The inverse of :func:`pack_wide`."""
    return int.from_bytes(data, "little", signed=True)
