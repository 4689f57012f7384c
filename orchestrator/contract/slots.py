"""Slots of Redis Cluster: which one a key is in, and names for further keys in the same one.

A cluster spreads keys over 16,384 slots by their names, and takes a command only if all of its keys share a slot.
Source: the cluster specification of Redis (*Key distribution model*, *Hash tags*): the slot is the CRC-16/XMODEM of the
name, or of what stands between its first ``{`` and the first ``}`` after that, if that is not empty.
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache
from itertools import count
from typing import Final

SLOTS: Final = 16_384


def slot_of(key: str | bytes) -> int:
    """The slot of *key*."""
    return _slot(_hashed(key.encode() if isinstance(key, str) else key))


def sibling(key: str) -> str:
    """What names of further keys in the slot of *key* begin with; another one for each key.

    A name without braces is its own tag. In one with braces the part that is hashed becomes the tag, and the name
    follows, so that ``a{b}c`` and ``{b}`` have siblings of their own. A part that holds a ``}``, which is a whole name
    that cannot be a tag, is stood for by the smallest number in its slot.
    """
    part = _hashed(key.encode()).decode()
    if "{" not in key and "}" not in key:
        return f"orchestrator:{{{key}}}:"
    tag = part if "}" not in part else _numbers()[slot_of(key)]
    return f"orchestrator:{{{tag}}}:{key}:"


def _hashed(key: bytes) -> bytes:
    _, opened, rest = key.partition(b"{")
    tag, closed, _ = rest.partition(b"}")
    return tag if opened and closed and tag else key


def _slot(part: bytes) -> int:
    return crc_hqx(part, 0) % SLOTS


@cache
def _numbers() -> dict[int, str]:
    """For each slot the smallest decimal number in it; 160,000 are looked at, once."""
    found: dict[int, str] = {}
    for number in map(str, count()):
        found.setdefault(_slot(number.encode()), number)
        if len(found) == SLOTS:
            return found
    raise AssertionError("unreachable: numbers do not end")
