"""The right to put records of a brand into the archive, taken by others than the writer: to purge it, or to compact it.

One at a time has it (:mod:`orchestrator.store.consumed`). A writer has it while it puts, and gives it back. So whoever
has it knows that nobody else puts anything of that brand.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from orchestrator.errors import StoreError
from orchestrator.store.consumed import MOST_HOLD_S, Consumed

if TYPE_CHECKING:
    import redis

WAIT_S: Final = 90.0
"""For so long a writer is waited for: one that died holds the right for twice LOCK_TTL_SEC."""

_HOLD_S: Final = MOST_HOLD_S
"""As long as it may be: what is done behind it must not end after it. It is given back at once."""

_LOOK_S: Final = 0.2


@contextmanager
def the_right(
    client: redis.Redis, brand: str, *, wait_s: float = WAIT_S, sleep: Callable[[float], object] = time.sleep
) -> Iterator[bool]:
    """Hold the right to put records of *brand*; False: somebody else had it for all of *wait_s*.

    Raises:
        StoreError: Redis gave no answer.
    """
    consumed, token = Consumed(client), secrets.token_hex(16)
    try:
        looks = max(1, round(wait_s / _LOOK_S))
        for _ in range(looks):
            if consumed.take(brand, token, _HOLD_S) is not None:
                yield True
                return
            sleep(_LOOK_S)
        yield False
    finally:
        # Also where no answer came: then the right may be had.
        with suppress(StoreError):
            consumed.leave(brand, token)
