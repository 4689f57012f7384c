"""Filling queues before anything is measured, and seeing when they are drained."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import redis

from orchestrator.contract.keys import queue_key

_PUSH_BYTES = 4 << 20
_LOOKED_AT = 64
_POLL_S = 0.01  # seldom enough to cost the server nothing, often enough for runs of seconds


def push(client: redis.Redis, key: str, chunks: Iterable[bytes]) -> int:
    """RPUSH *chunks* in pieces of a few MiB; returns how many bytes they are."""
    piece: list[bytes] = []
    piece_bytes = total_bytes = 0
    for chunk in chunks:
        piece.append(chunk)
        piece_bytes += len(chunk)
        if piece_bytes >= _PUSH_BYTES:
            client.rpush(key, *piece)
            total_bytes += piece_bytes
            piece, piece_bytes = [], 0
    if piece:
        client.rpush(key, *piece)
    return total_bytes + piece_bytes


def wait_until_drained(client: redis.Redis, brands: Sequence[str]) -> None:
    """Return when the queues of *brands* are empty, which they are by the commit of their last chunks."""
    waiting = list(brands)
    while waiting:
        # Some at a time: to look at ten thousand queues again and again would cost the server as much as the service.
        pipeline = client.pipeline(transaction=False)
        asked = waiting[-_LOOKED_AT:]
        for brand in asked:
            pipeline.llen(queue_key(brand))
        held = [brand for brand, length in zip(asked, pipeline.execute(), strict=True) if length]
        waiting[-_LOOKED_AT:] = held
        if held:
            time.sleep(_POLL_S)
