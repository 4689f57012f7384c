"""The definition of the hash by which mentions are remembered; ``hash.h`` computes the same."""

from __future__ import annotations

_MASK = 2**64 - 1
_SEED = 0x9E3779B97F4A7C15
_STEP = 0xD6E8FEB86659FD93
_LAST = 0xA0761D6478BD642F


def hash_text(text: str) -> int:
    """A 64-bit hash of *text*, the same on every machine and in every release: stored state holds it.

    Strings of up to 8 bytes cannot collide with others of their length (each step is a bijection).
    """
    data = text.encode()
    value = _SEED ^ (len(data) * _LAST & _MASK)
    for start in range(0, len(data), 8):
        value = (value ^ int.from_bytes(data[start : start + 8], "little")) * _STEP & _MASK
        value ^= value >> 32
    value = value * _LAST & _MASK
    return (value ^ (value >> 29)) or 1  # 0 marks a free slot in the compiled table
