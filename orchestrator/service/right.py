"""The right to put records of a brand into the archive, taken by others than the writer: to purge it, or to compact it.

One at a time has it (:mod:`orchestrator.store.consumed`). A writer has it while it puts, and gives it back. So whoever
has it knows that nobody else puts anything of that brand. A put may take longer than the right lasts: a bucket that
hangs is tried several times, a folder of a network may hang for ever. So it is lengthened meanwhile, by a thread.
"""

from __future__ import annotations

import secrets
import threading
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
"""As long as it may be: where its holder dies, what it had begun at a bucket must not end after it."""

KEEP_S: Final = _HOLD_S / 6
"""From one time that it is lengthened to the next: five may fail."""

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
                with _kept(lambda: consumed.hold(brand, token, _HOLD_S)):
                    yield True
                return
            sleep(_LOOK_S)
        yield False
    finally:
        # Also where no answer came: then the right may be had.
        with suppress(StoreError):
            consumed.leave(brand, token)


@contextmanager
def _kept(hold: Callable[[], bool]) -> Iterator[None]:
    """Have the right lengthened until the block ends."""
    ended = threading.Event()
    keeper = threading.Thread(target=keep, args=(hold, ended.wait), name="right", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()  # its call may be on its way, and the client is closed behind this


def keep(hold: Callable[[], bool], ended_within: Callable[[float], bool]) -> None:
    """Lengthen a right until it is lost or not wanted any more.

    Args:
        hold: lengthens it; False: it is lost.
        ended_within: waits so many seconds at most; whether it is not wanted any more.
    """
    while not ended_within(KEEP_S):
        with suppress(StoreError):  # it lasts some more attempts
            if not hold():
                return
