"""Waiting for something outside of this process that gives no signal: the one place where tests poll."""

from __future__ import annotations

from collections.abc import Callable

import trio

INTERVAL_S = 0.005
DEADLINE_S = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Return once *condition* holds.

    Raises:
        TooSlowError: it still does not after a minute.
    """
    with trio.fail_after(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await trio.sleep(INTERVAL_S)
