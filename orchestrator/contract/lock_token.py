"""Tokens of leases: at least 128 random bits, after the name of the process that made them.

The name is for people who want to know who holds a brand; nothing is decided by it, and the bits alone fence. Tokens of
versions before format 4 are bits alone. What a lock holds is untrusted: anybody may have written it.

Source: ``orchestrator:{<q>}:lock`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import secrets
from typing import Final

MAX_HOLDER_CHARS: Final = 64
MAX_TOKEN_BYTES: Final = 128
"""Bytes of a lock that are looked at by those who only want to know; a token of ours is shorter."""

_BITS_BYTES: Final = 16
_NAME_BYTES: Final = 8


def new_name() -> str:
    """A name for a process, that no other one has."""
    return secrets.token_hex(_NAME_BYTES)


def is_process(holder: str) -> bool:
    """Whether *holder* is a process and not a command: so its life can be known."""
    return len(holder) == 2 * _NAME_BYTES and all(char in "0123456789abcdef" for char in holder)


def new_token(holder: str, lock_ttl_ms: int = 0) -> str:
    """A token that nobody else has, made by *holder*: the name of a process, or what a command is called.

    It ends with the ttl of its lock, 0 = it tells none: who has a smaller one leaves the lock alone.

    Raises:
        ValueError: the name holds characters that :func:`holder_of` does not take for one.
    """
    if not _fit(holder):
        raise ValueError(f"a holder has 1 to {MAX_HOLDER_CHARS} letters, digits and hyphens, not {holder!r}")
    token = f"{holder}:{secrets.token_hex(_BITS_BYTES)}"
    return f"{token}:{lock_ttl_ms}" if lock_ttl_ms else token


def holder_of(token: bytes) -> str:
    """Who made *token*; empty if it does not say, or not in a way that can be shown."""
    name, colon, _ = token[:MAX_TOKEN_BYTES].partition(b":")
    text = name.decode("ascii", errors="replace")
    return text if colon and _fit(text) else ""


def _fit(name: str) -> bool:
    return 0 < len(name) <= MAX_HOLDER_CHARS and name.isascii() and name.replace("-", "a").isalnum()
