"""How long to wait after a failure: exponential, jittered, capped.

Pure; used by the scheduler for brands that failed and for a Redis that is away, and by the subscription to
updates. Retries of one call inside a lane are stamina's.
"""

from __future__ import annotations

import random
from collections.abc import Callable

CAP_S = 30.0
"""No brand waits longer than this; a human watching a recovery gives up at about a minute."""

_LARGEST_EXPONENT = 64
"""Beyond it every base > 1.5 is far above the cap, and ``base ** n`` would only risk an OverflowError."""


def backoff_s(
    failures: int, base: float, *, cap_s: float = CAP_S, jitter: Callable[[], float] = random.random
) -> float:
    """Seconds to wait after the *failures*-th failure in a row (1 = the first).

    ``base ** (failures - 1)``, capped, of which the upper half is random ("equal
    jitter"), so that orchestrators which failed together do not return together.

    Args:
        failures: consecutive failures, at least 1.
        base: factor between two waits, at least 1 (``RETRY_BACKOFF_BASE``).
        cap_s: the longest wait in seconds.
        jitter: returns a number in [0, 1).
    """
    full_s = min(cap_s, base ** min(failures - 1, _LARGEST_EXPONENT))
    return full_s / 2 + full_s / 2 * jitter()
