"""How a brand stands before the spike detector now: for who asks why there is no episode.

Reads the two fields of the state that the detector has and changes nothing. They are as of the brand's last commit, and
are taken on to the present: what would be judged if a chunk came now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.brand.moods import Moods
from orchestrator.brand.seals import unseal_all
from orchestrator.brand.spikes import SETTLED_FIELD, UNSETTLED_FIELD, Spikes, Watch
from orchestrator.brand.story_episodes import StoryEpisodes
from orchestrator.store import layout_of, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis


def watch_spikes(client: redis.Redis, brand: str) -> Watch:
    """How *brand* stands now.

    Raises:
        InvalidStateError: the state is damaged, or of another version.
        StoreError: Redis does not answer.
    """
    fields, now_ms = _read(client, brand, (SETTLED_FIELD, UNSETTLED_FIELD))
    return Spikes.load(fields, now_ms).watch()


def watch_kinds(client: redis.Redis, brand: str) -> tuple[tuple[int, float | None], tuple[int, float | None]]:
    """How *brand* stood in mood and stories at its last commit.

    Returns:
        For each whether (or how many) episodes are open, and what is usual, None while it is learned: the negative
        share of mentions, and the most mentions of the largest story in a quarter of an hour.

    Raises:
        InvalidStateError: the state is damaged, or of another version.
        StoreError: Redis does not answer.
    """
    fields, _ = _read(client, brand, (Moods.learned_field, StoryEpisodes.learned_field))
    mood, stories = Moods.load(fields), StoryEpisodes.load(fields)
    return (int(mood.open_episode() is not None), mood.share()), (len(stories.open_episodes()), stories.usual())


def _read(client: redis.Redis, brand: str, names: Sequence[bytes]) -> tuple[dict[bytes, bytes], int]:
    """Those fields of the state that are there, without their seals, and the server's time in Unix ms."""
    with translated():
        pipe = client.pipeline(transaction=False)
        pipe.time()
        pipe.hmget(layout_of(client).keys(brand).state, names)
        (seconds, microseconds), values = cast("tuple[tuple[int, int], list[bytes | None]]", pipe.execute())
    fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return dict(unseal_all(fields, bare=b"")), seconds * 1000 + microseconds // 1000
