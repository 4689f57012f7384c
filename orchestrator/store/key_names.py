"""The names of all keys of a server, gone through in slices of bounded work: for searches of what no list names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from orchestrator.store.client import translated

if TYPE_CHECKING:
    import redis

SLICE_KEYS: Final = 1_000
"""Names that the server looks through at once: a fraction of a millisecond."""


def look_through(client: redis.Redis, cursor: int, match: str, count: int) -> tuple[int, list[bytes]]:
    """One slice.

    Args:
        client: of the server.
        cursor: where it begins; 0: at the beginning.
        match: a pattern that the names fit.
        count: names that are looked through, about.

    Returns:
        Where the next one begins, 0 behind the last one, and what fits; a name may come twice.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        behind, names = cast("tuple[int, list[bytes]]", client.scan(cursor, match=match, count=count))
    return int(behind), names
