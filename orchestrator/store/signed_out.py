"""Sessions of operators that were ended before their time: a mark each, which lives as long as the session would have.

Synchronous and thread-safe. Source: ``orchestrator:signed-out:<nonce>`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.keys import signed_out_key
from orchestrator.store.client import translated

if TYPE_CHECKING:
    import redis


def mark_signed_out(client: redis.Redis, nonce: str, left_ms: int) -> None:
    """Let the session *nonce* be none for every process, for so long as its cookie would be taken for one.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        client.set(signed_out_key(nonce), "", px=max(1, left_ms))


def is_signed_out(client: redis.Redis, nonce: str) -> bool:
    """Whether the session *nonce* was ended, in whichever process.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        return client.exists(signed_out_key(nonce)) == 1
