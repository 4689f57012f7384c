"""Adopting settings for brands: looks at what each would lose, and says yes to just that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from orchestrator.contract.fingerprint import UNKNOWN, Fingerprint, Verdict, compare
from orchestrator.errors import StoreError
from orchestrator.store.stored_settings import StoredSettings, adopt, stored_settings

_ATTEMPTS = 3
"""Looks at a brand whose settings change again and again, because processes with several of them work on it."""


def adopt_for(
    client: redis.Redis, brands: Sequence[str], mine: Fingerprint, *, tell_all: bool
) -> Iterator[tuple[str, str]]:
    """Say yes to what *brands* lose under *mine*; yields each and what was done, once that is done.

    Each brand is one atomic step and may be adopted again: a command that was killed is simply repeated.

    Args:
        client: the Redis.
        brands: which.
        mine: the settings to adopt.
        tell_all: whether those are told of, too, for which nothing was to be done.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = stored_settings(client, brands)
    for brand in brands:
        outcome, done = _adopt(client, brand, found.get(brand), mine)
        if done or tell_all:
            yield brand, outcome


def _adopt(client: redis.Redis, brand: str, found: StoredSettings | None, mine: Fingerprint) -> tuple[str, bool]:
    """What became of one brand, and whether there was something to do."""
    for _ in range(_ATTEMPTS):
        if found is None:
            return "has no state with settings of its own, so there is nothing to adopt", False
        try:
            comparison = compare(Fingerprint.read(found.settings), mine)
            if comparison.verdict is not Verdict.WOULD_LOSE:
                return "loses nothing under these settings, so there is nothing to adopt", False
            what = ", ".join(map(str, comparison.losses))
        except ValueError:
            comparison = compare(UNKNOWN, mine)
            what = f"its settings cannot be read; from now on {comparison}"
        if adopt(client, brand, found.settings, mine):
            return f"adopted, what does not fit goes with the next commit: {what}", True
        found = stored_settings(client, [brand]).get(brand)
    raise StoreError(f"brand {brand!r}: its settings change all the time: stop the processes with other ones first")
