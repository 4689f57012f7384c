"""In which format the states of brands are, for those who only want to know.

Takes no lease, so the answer may be old when it arrives; ``acquire`` is the one who decides. Source: ``meta.format`` in
``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.store.layouts import layout_of
from orchestrator.store.slices import ask_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.store.wire import Command

MOST_DIGITS: Final = 15
"""As ``acquire`` sees it: a longer number is damaged."""

_SLICE: Final = 512
"""Brands asked about in one round trip, as many as in a claim."""


def state_formats(client: redis.Redis, brands: Sequence[str]) -> dict[str, int]:
    """The format of each of *brands* that has a state, as far as its meta hash can be read.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    keys_of = layout_of(client).keys

    def question(brand: str) -> list[Command]:
        return [("HGET", keys_of(brand).meta, "format")]

    return {
        brand: int(reply)
        for brand, (reply,) in ask_each(client, brands, question, at_once=_SLICE)
        if isinstance(reply, bytes) and reply.isdigit() and len(reply) <= MOST_DIGITS
    }
