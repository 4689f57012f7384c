"""Large segments of a state lie apart, where no script reads them: how they are named, and referred to.

Lua hashes every byte of every argument of a script. So a large segment is written past the commit, by a plain HSET
into the hash ``segments`` just before it, and in the state there stands a *reference* to it: that the commit writes.

A name is ``<cid>:<field>``: no two commits share one, so nothing that was committed is ever overwritten. A reference is
a byte that no other field begins with (0xC1, which MessagePack never uses), the name, the length of the value, its last
four bytes, which are its seal (:mod:`orchestrator.brand.seals`), and a CRC-32 of all before.

Only segments may lie apart: such a field is written once, and removed once. Source: ``docs/redis-protocol.md``,
``docs/decisions/0065-large-segments-past-the-script.md``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from orchestrator.errors import InvalidStateError

if TYPE_CHECKING:
    from collections.abc import Mapping

STORIES: Final = b"s:"
"""Prefix of the segments of stories."""

MENTION_IDS: Final = b"m:"
"""Prefix of the segments of mention ids."""

LARGE_BYTES: Final = 4096
"""What a segment has at least that lies apart. Measured: below, one more command costs as much as the bytes in Lua."""

MARK: Final = b"\xc1"
"""First byte of a reference."""

_CHECK_BYTES: Final = 4
_SEGMENT: Final = re.compile(rb"(?:%b|%b)[0-9]+" % (STORIES, MENTION_IDS))
_REFERENCE: Final = re.compile(rb"\xc1([0-9A-Za-z-]{1,64}:(\S+)) ([0-9]{1,15}) (.{4})(.{4})", re.DOTALL)


class Reference(NamedTuple):
    """What a field of the state says of a segment that lies apart.

    Attributes:
        name: its field in the hash ``segments``.
        length: of its value, bytes.
        check: the last four bytes of its value.
    """

    name: bytes
    length: int
    check: bytes

    @classmethod
    def to(cls, cid: str, field: bytes, value: bytes) -> Reference:
        """The one to *value*, which the commit *cid* writes for *field* of the state."""
        return cls(b"%b:%b" % (cid.encode(), field), len(value), value[-_CHECK_BYTES:])

    @classmethod
    def read(cls, field: bytes, value: bytes) -> Reference:
        """The one that *value* of *field* is.

        Raises:
            InvalidStateError: it is damaged, or stands in another field than it was written for.
        """
        found = _REFERENCE.fullmatch(value)
        if found is None or found[2] != field or _crc(value[:-_CHECK_BYTES]) != found[5]:
            raise InvalidStateError(f"state field {field!r} is damaged: it refers to no segment of ours")
        return cls(found[1], int(found[3]), found[4])

    def stored(self) -> bytes:
        """What stands in the field of the state."""
        told = b"%b%b %d %b" % (MARK, self.name, self.length, self.check)
        return told + _crc(told)


def may_lie_apart(field: bytes, value: bytes) -> bool:
    """Whether *value* of *field* is a segment that is large enough to be kept from the scripts."""
    return len(value) >= LARGE_BYTES and _SEGMENT.fullmatch(field) is not None


def whole(
    fields: Mapping[bytes, bytes], segments: Mapping[bytes, bytes], lost: list[bytes] | None = None
) -> dict[bytes, bytes]:
    """The *fields* of a state with what lies apart, of which *segments* holds all, in its place.

    Args:
        fields: as they are stored.
        segments: by name.
        lost: where it is given, fields whose segments are missing or damaged are left out, and are told here.

    Raises:
        InvalidStateError: a segment is missing, or is not the one that was committed.
    """
    values = dict(fields)
    for field, value in fields.items():
        if value[:1] == MARK:
            found, wrong = _referred(field, value, segments)
            if not wrong:
                values[field] = found
            elif lost is None:
                raise InvalidStateError(f"state field {field!r} {wrong}")
            else:
                del values[field]
                lost.append(field)
    return values


def _referred(field: bytes, value: bytes, segments: Mapping[bytes, bytes]) -> tuple[bytes, str]:
    """The segment that *value* of *field* refers to, and what is wrong with it, if anything is."""
    reference = Reference.read(field, value)
    found = segments.get(reference.name)
    if found is None:
        return b"", f"is lost: there is no segment {reference.name!r}"
    if (len(found), found[-_CHECK_BYTES:]) != (reference.length, reference.check):
        told = f"has {len(found)} bytes, and was committed with {reference.length}, or ends otherwise"
        return found, f"is damaged: its segment {reference.name!r} {told}"
    return found, ""


def _crc(told: bytes) -> bytes:
    return crc32(told).to_bytes(_CHECK_BYTES, "little")
