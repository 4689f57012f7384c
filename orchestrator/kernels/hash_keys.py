"""How the mention ids of one brand are hashed: under a key that is the brand's own and nobody else's to know.

A batch is hashed while it is scanned, before anything of it is folded; so who scans has to say for whom.

Source: ``docs/decisions/0044-hashes-under-a-key.md``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

KEY_BYTES = 16


def fresh_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True, slots=True)
class Hashing:
    """What a scan is to make of mention ids.

    Attributes:
        key: the brand's; never shown.
        old_too: a second hash of each id is wanted, by which those are found that were counted before the brand had a
            key: the hash of its unkeyed hash.
    """

    key: bytes = field(repr=False)
    old_too: bool = False

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"a key of {len(self.key)} bytes, expected {KEY_BYTES}")

    @classmethod
    def of_nobody(cls) -> Hashing:
        """Under a key that no brand has: for a batch that is looked at and never folded."""
        return cls(fresh_key())
