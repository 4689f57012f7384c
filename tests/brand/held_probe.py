"""``python -m tests.brand.held_probe``: what states of many kinds say of their bytes, and what they really hold.

A process of its own, with ``PYTHONMALLOC=malloc``: then every block of Python, too, is one of the C library's, which
knows what it has given out. A state holds what is given back when it goes. Prints JSON: by kind, what the state says
and what it held.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from orchestrator.brand import topics as topics_module
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from tests.brand.support import NOW_MS, Keys

Cluster = dict[str, Any]


class _Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def given_out() -> int:
    """Bytes of all blocks that the C library has given out, their headers included."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Mallinfo
    gc.collect()
    info = mallinfo()
    return int(info.uordblks + info.hblkhd)


def _chunk(number: int, clusters: Sequence[Cluster], topics: Sequence[str] = ()) -> bytes:
    sentiment = {"score": 0.1, "positive": 1, "neutral": 1, "negative": 0}
    listed = [{"id": f"c{number}-{place}", **one} for place, one in enumerate(clusters)]
    document = {"chunkId": f"c{number}", "brand": "nike", "sentiment": sentiment, "topics": topics, "clusters": listed}
    return json.dumps(document).encode()


def _label(number: int, count: int) -> str:
    return " ".join(f"w{number}x{place}" for place in range(count))


def few() -> Iterable[bytes]:
    """A brand with a chunk now and then."""
    return (_chunk(number, [{"label": _label(number, 5), "mentions": ["a", "b"]}]) for number in range(4))


def stories() -> Iterable[bytes]:
    """A thousand stories with eight ids each."""
    for number in range(125):
        clusters = [
            {"label": _label(8 * number + each, 5), "mentions": [f"{number}-{each}-{id_}" for id_ in range(8)]}
            for each in range(8)
        ]
        yield _chunk(number, clusters)


def ids() -> Iterable[bytes]:
    """Twenty stories with all the ids that they may remember."""
    for number in range(200):
        yield _chunk(
            number, [{"label": _label(number % 20, 5), "mentions": [f"{number}-{id_}" for id_ in range(1_100)]}]
        )


def centroids() -> Iterable[bytes]:
    """Two hundred stories that point somewhere."""
    for number in range(200):
        centroid = [0.0] * 384
        centroid[number % 384], centroid[(7 * number + 1) % 384] = 1.0, 0.3 + number / 500
        yield _chunk(number, [{"label": _label(number, 3), "mentions": ["a", f"b{number}"], "centroid": centroid}])


def words() -> Iterable[bytes]:
    """Stories of many words, most of which others have, too."""
    for number in range(400):
        texts = [" ".join(f"t{(number * 37 + place * place) % 3_000}" for place in range(20)) for _ in range(3)]
        yield _chunk(number, [{"label": _label(number, 12), "mentions": texts}])


def labels() -> Iterable[bytes]:
    """One story by the centroid, and a new label each time: more of them than a folder remembers at rest."""
    for number in range(2_000):
        yield _chunk(number, [{"label": _label(number, 6), "mentions": [f"m{number}"], "centroid": [1.0, 0.0]}])


def topics() -> Iterable[bytes]:
    """Many topics a chunk."""
    for number in range(200):
        yield _chunk(number, [], [f"topic of {number} the {place} kind" for place in range(12)])


def spellings() -> Iterable[bytes]:
    """Topics that are written in many ways."""
    for number in range(100):
        yield _chunk(
            number,
            [],
            [
                " ".join(["subject", chr(97 + place % 26) * 5, *["a"] * (number % 8), f"matter{place}"]).title()
                for place in range(100)
            ],
        )


def batches() -> Iterable[bytes]:
    """One story, and batches that are far larger than it."""
    centroid = [float(place % 7) for place in range(768)]
    for number in range(16):
        clusters = [{"label": "one story", "mentions": ["a"], "centroid": centroid} for _ in range(20)]
        yield _chunk(number, clusters)


def evicted() -> Iterable[bytes]:
    """Far more stories than are kept."""
    return stories()


KINDS: tuple[Callable[[], Iterable[bytes]], ...] = (
    few,
    stories,
    ids,
    centroids,
    words,
    labels,
    topics,
    spellings,
    batches,
    evicted,
)


def _built(kind: Callable[[], Iterable[bytes]]) -> tuple[BrandState, FoldConfig, Keys]:
    config = FoldConfig(max_stories=200) if kind is evicted else FoldConfig()
    state, keys = BrandState.empty(config), Keys()
    items = list(kind())
    for start in range(0, len(items), 16):
        now_ms = NOW_MS + start * PANE_MS // 64
        state.fold(decode_batch(items[start : start + 16], "nike", hashing=state.hashing), now_ms)
        keys.commit(state.take_changes())
    return state, config, keys


def _empty_shared_caches() -> None:
    """What all brands share is bounded and nobody's; but as long as it has a text too, nothing comes back with it."""
    for cache in gc.get_objects():
        if isinstance(cache, functools._lru_cache_wrapper):
            cache.cache_clear()
    topics_module._apart.clear()


def measured(kind: Callable[[], Iterable[bytes]]) -> Iterator[tuple[int, int]]:
    """What a state says that it holds, and what is given back when it goes: as folded, then as loaded."""
    state, config, keys = _built(kind)
    # A copy, because what a state shares with those who wrote it, or from which it was loaded, would not be given back.
    fields = {bytes(bytearray(name)): bytes(bytearray(value)) for name, value in keys.state.items()}
    states = [state]
    del state, keys
    yield _given_back(states)
    states = [BrandState.load(config, fields)]
    del fields
    yield _given_back(states)


def _given_back(states: list[BrandState]) -> tuple[int, int]:
    """The same of the only one of *states*, which goes."""
    state = states.pop()
    state.rest()
    _empty_shared_caches()
    says, before = state.held_bytes, given_out()
    del state
    return says, before - given_out()


if __name__ == "__main__":
    found = {
        f"{kind.__name__}{loaded}": figures
        for kind in KINDS
        for loaded, figures in zip(("", " loaded"), measured(kind), strict=True)
    }
    json.dump(found, sys.stdout)
