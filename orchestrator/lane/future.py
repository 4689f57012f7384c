"""A state that lies in the future is worked on by nobody: every chunk would be folded into that one time.

Such a state is what one commit leaves behind that was made while Redis's clock was wrong. It does not come back by
itself, so the brand is parked until its time has come or somebody repairs it.

Pure. Source: section "Clocks" in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.brand.state import lies_ahead
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import FutureStateError

if TYPE_CHECKING:
    from orchestrator.brand.state import BrandState


def refuse_the_future(brand: str, state: BrandState, now_ms: int) -> None:
    """Return if *state* is of *now_ms*, the server's time, or earlier.

    Raises:
        FutureStateError: it is not; names both times.
    """
    if lies_ahead(state.clock_ms, now_ms):
        raise FutureStateError(
            f"brand {brand!r}: its state is of {iso_utc_seconds(state.clock_ms)} and Redis's clock says"
            f" {iso_utc_seconds(now_ms)}"
        )
