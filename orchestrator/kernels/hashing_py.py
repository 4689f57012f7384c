"""The definition of the hashes by which mentions are remembered; ``hash.h`` and ``unkeyed.h`` compute the same.

A brand's ids are hashed under its key: SipHash-1-3. State formats 2 and 3 hold hashes that have no key in them; what
they hold is hashed once more, under the key, and found again by doing both to a text.

Source: ``docs/decisions/0044-hashes-under-a-key.md``.
"""

from __future__ import annotations

from orchestrator.kernels.hash_keys import KEY_BYTES

_MASK = 2**64 - 1
_SEED = 0x9E3779B97F4A7C15
_STEP = 0xD6E8FEB86659FD93
_LAST = 0xA0761D6478BD642F


def hash_text(text: str, key: bytes) -> int:
    """A 64-bit hash of *text* under *key*, the same on every machine and in every release: stored state holds it."""
    return _siphash(text.encode(), key)


def unkeyed_hash(text: str) -> int:
    """The hash of *text* that formats 2 and 3 hold. Anybody can make texts that have the same."""
    data = text.encode()
    value = _SEED ^ (len(data) * _LAST & _MASK)
    for start in range(0, len(data), 8):
        value = (value ^ int.from_bytes(data[start : start + 8], "little")) * _STEP & _MASK
        value ^= value >> 32
    value = value * _LAST & _MASK
    return (value ^ (value >> 29)) or 1


def under_key(hashes: bytes, key: bytes) -> bytes:
    """What unkeyed *hashes* (little-endian 64-bit words) become under *key*, in their order."""
    numbers = [_siphash(hashes[at : at + 8], key) for at in range(0, len(hashes), 8)]
    return b"".join(number.to_bytes(8, "little") for number in numbers)


def _siphash(data: bytes, key: bytes) -> int:
    """SipHash-1-3, and 1 in the place of 0, which marks a free slot in the compiled table."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes, expected {KEY_BYTES}")
    first, second = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    lanes = (
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    )
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        a, b, c, d = _round(*lanes[:3], lanes[3] ^ word)
        lanes = a ^ word, b, c, d
    a, b, c, d = lanes
    a, b, c, d = _round(*_round(*_round(a, b, c ^ 0xFF, d)))
    return (a ^ b ^ c ^ d) or 1


def _round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a, c = (a + b) & _MASK, (c + d) & _MASK
    b, d = _turned(b, 13) ^ a, _turned(d, 16) ^ c
    a = _turned(a, 32)
    c, a = (c + b) & _MASK, (a + d) & _MASK
    return a, _turned(b, 17) ^ c, _turned(c, 32), _turned(d, 21) ^ a


def _turned(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK
