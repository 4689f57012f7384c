"""How a brand stands before the spike detector now: for who asks why there is no episode.

Reads the two fields of the state that the detector has and changes nothing. They are as of the brand's last commit, and
are taken on to the present: what would be judged if a chunk came now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.brand.seals import unseal_all
from orchestrator.brand.spikes import SETTLED_FIELD, UNSETTLED_FIELD, Spikes, Watch
from orchestrator.contract.keys import BrandKeys
from orchestrator.store import translated

if TYPE_CHECKING:
    import redis


def watch_spikes(client: redis.Redis, brand: str) -> Watch:
    """How *brand* stands now.

    Raises:
        InvalidStateError: the state is damaged, or of another version.
        StoreError: Redis does not answer.
    """
    names = (SETTLED_FIELD, UNSETTLED_FIELD)
    with translated():
        pipe = client.pipeline(transaction=False)
        pipe.time()
        pipe.hmget(BrandKeys.of(brand).state, names)
        (seconds, microseconds), values = cast("tuple[tuple[int, int], list[bytes | None]]", pipe.execute())
    fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return Spikes.load(unseal_all(fields, bare=b""), seconds * 1000 + microseconds // 1000).watch()
