"""Questions about many brands, in slices: others are served between two round trips.

Owns the loop alone. Which commands are asked about a brand, and what a reply means, belongs to who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.store.client import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import redis

    from orchestrator.store.wire import Command


def ask_each(
    client: redis.Redis, brands: Sequence[str], commands: Callable[[str], Sequence[Command]], *, at_once: int
) -> Iterator[tuple[str, list[Any]]]:
    """Each of *brands* with the replies to its *commands*; an error reply stands as the exception that it is.

    Args:
        client: whom to ask; the commands change nothing.
        brands: about whom.
        commands: what to ask about one brand, the same number for each.
        at_once: brands in one round trip.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    for start in range(0, len(brands), at_once):
        asked = [(brand, commands(brand)) for brand in brands[start : start + at_once]]
        with translated(), client.pipeline(transaction=False) as pipe:
            for _, own in asked:
                for command in own:
                    pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            replies = iter(pipe.execute(raise_on_error=False))
        for brand, own in asked:
            yield brand, [next(replies) for _ in own]
