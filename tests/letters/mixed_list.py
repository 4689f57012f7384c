"""A list of dead letters of all writers, as a brand may have it."""

from __future__ import annotations

import redis

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.keys import BrandKeys

WORKER = b'{"worker_id": "w", "chunk_id": "c", "reason": "model", "payload": "input"}'
FOREIGN = b"plain text"


def letter(item: bytes, reason: str = "bad") -> bytes:
    """An entry of ours."""
    return DeadLetter.of(item, brand="b", reason=reason, path="$.x", now_ms=0, orchestrator_id="o").encode()


def fill(client: redis.Redis, brand: str) -> BrandKeys:
    """Give *brand* three letters of ours, one of a worker and one of nobody; return its keys."""
    keys = BrandKeys.of(brand)
    entries = [letter(b'{"n":1}'), WORKER, letter(b'{"n":2}', "poison"), FOREIGN, letter(b'{"n":3}')]
    client.rpush(keys.failed, *entries)
    return keys
