"""How old the first chunk of a queue is, for people who look for the queue that waits longest.

Takes the worker's word for it: a queue itself does not know when something was pushed. What the service alerts on is
another figure, which no worker's clock can change (``docs/decisions/0047-the-true-backlog.md``). Synchronous.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.keys import queue_key
from orchestrator.contract.times import parse_ms
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import redis

QUEUES: Final = 4
"""Of one call: of the largest chunks four take Redis some 20 ms, in which nobody else is served."""

CALLS: Final = 64
"""In one round trip."""

_LOOKED_AT_BYTES: Final = 2_048


def first_times(client: redis.Redis, brands: Sequence[str]) -> Mapping[str, int]:
    """When the first chunk of each queue of *brands* was made, Unix ms of its worker; without those that do not say.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    runner, told = ScriptRunner(client), list[bytes]()
    at_once = 1 if layout_of(client).spread else QUEUES
    each = at_once * CALLS
    for start in range(0, len(brands), each):
        names = [queue_key(brand) for brand in brands[start : start + each]]
        calls = [names[at : at + at_once] for at in range(0, len(names), at_once)]
        for reply in runner.run([evalsha(scripts.HEADS, keys, _LOOKED_AT_BYTES) for keys in calls]):
            told += checked(reply)
    times = zip(brands, (parse_ms(text.decode(errors="replace")) for text in told), strict=True)
    return {brand: at_ms for brand, at_ms in times if at_ms is not None}
