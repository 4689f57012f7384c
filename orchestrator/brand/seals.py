"""Seals: a checksum at the end of every field of the state hash, over the field's name and its value.

Damage that can still be decoded would count as if it were true: of 3,914 random changes of single fields, 72 loaded
with other totals. A seal is four bytes of CRC-32. It finds every change of up to four bytes on end, and any other but
for one in four thousand million; that the name is under it finds a value that stands under another name. It is no
protection against somebody who means it.

States of formats 2 and 3 have no seals, nor have the segments of mention ids that a migration left as they were. Their
fields are told by what they lack: nobody can decode a whole field that is followed by a seal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import InvalidStateError
from orchestrator.kernels.checksums import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping

SEAL_BYTES = 4

_SEALED = 0x2144DF1C
"""The CRC-32 of anything that is followed by its own CRC-32, lowest byte first: so nothing has to be taken apart."""


def seal_all(fields: dict[bytes, bytes]) -> None:
    """Put a seal at the end of each value."""
    for name, value in fields.items():
        fields[name] = value + _seal(name, value)


def is_sealed(name: bytes, value: bytes) -> bool:
    """Whether *value* ends with the seal of what is before it, under that *name*."""
    return len(value) >= SEAL_BYTES and crc32(value, crc32(name)) == _SEALED


def unseal_all(fields: Mapping[bytes, bytes], *, bare: bytes) -> dict[bytes, bytes]:
    """The values without their seals.

    Args:
        fields: by name.
        bare: fields whose names begin so may be without a seal.

    Raises:
        InvalidStateError: one is not what was committed under its name.
    """
    values = {}
    for name, value in fields.items():
        if is_sealed(name, value):
            values[name] = value[:-SEAL_BYTES]
        elif name.startswith(bare):
            values[name] = value
        else:
            raise InvalidStateError(
                f"state field {name!r} is damaged: its checksum does not fit its {len(value)} bytes"
            )
    return values


def _seal(name: bytes, value: bytes) -> bytes:
    return crc32(value, crc32(name)).to_bytes(SEAL_BYTES, "little")
