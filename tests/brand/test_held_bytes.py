"""What a state says that it takes in memory is what it takes."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Cluster
from tests.brand import held_probe
from tests.brand.support import DAY_MS, NOW_MS, batch_of, chunk, folded, listed
from tests.kernels.support import COMPILED

FACTOR = {"cython": 1.6, "python": 2.0}
"""By which a state may be wrong, either way: the pure twin only has constants for what it holds.

Compiled, all but one are within 1.35: texts that two panes share count for both, and again for who else has them."""

SMALL_BYTES = 16 << 10
"""What a state may say besides: of a small one the fixed part is half."""

NAMES = [f"{kind.__name__}{loaded}" for kind in held_probe.KINDS for loaded in ("", " loaded")]


def probe(implementation: str) -> dict[str, tuple[int, int]]:
    """What states say and what they hold, by kind, in a process of *implementation*."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc tells what it has given out")
    environment = {
        **os.environ,
        "PYTHONMALLOC": "malloc",
        "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
        "ORCHESTRATOR_MERGE": implementation,
    }
    command = [sys.executable, "-m", "tests.brand.held_probe"]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, tuple[int, int]] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def compiled() -> dict[str, tuple[int, int]]:
    """What states of the compiled kernels say and hold."""
    if not COMPILED:
        pytest.skip("the kernels are not compiled here")
    return probe("cython")


@pytest.fixture(scope="module")
def pure() -> dict[str, tuple[int, int]]:
    """What states of the pure twins say and hold."""
    return probe("python")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_state_says_is_what_it_holds(compiled: dict[str, tuple[int, int]], name: str) -> None:
    """Few ids or many, words, centroids, topics, known labels, an eviction heap; as folded and as loaded."""
    says, holds = compiled[name]
    assert holds / FACTOR["cython"] <= says <= holds * FACTOR["cython"] + SMALL_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_what_a_state_of_the_twins_says_is_roughly_what_it_holds(pure: dict[str, tuple[int, int]], name: str) -> None:
    """The twins have other objects and say other numbers."""
    says, holds = pure[name]
    assert holds / FACTOR["python"] <= says <= holds * FACTOR["python"] + SMALL_BYTES


def test_a_large_state_is_told_from_a_small_one() -> None:
    """The measure is bytes, not stories: one story with ten thousand ids is larger than fifty with one."""
    many = folded(*[chunk(number, clusters=[Cluster("s", "x", listed(*_ids(number)))]) for number in range(10)])
    small = folded(*[chunk(number, clusters=[Cluster("s", f"w{number}", listed("a"))]) for number in range(50)])
    for state in (many, small):
        state.take_changes()
    assert (many.story_count, small.story_count) == (1, 50)
    assert many.held_bytes > small.held_bytes + 50_000


def _ids(number: int) -> list[str]:
    return [f"{number}-{place}" for place in range(1_000)]


def test_stories_that_leave_take_their_bytes_along() -> None:
    """By the window and by the bound: afterwards a state says hardly more than an empty one."""
    config = FoldConfig(max_stories=1)
    state = folded(*[chunk(number, clusters=_clusters(number)) for number in range(40)], config=config)
    state.take_changes()
    gone = 39 * 600  # what is left of a story until its panes leave, and its words' places
    assert state.held_bytes < BrandState.empty(config).held_bytes + gone + 80_000
    state.advance(NOW_MS + 3 * DAY_MS)
    state.take_changes()
    assert state._stories._story_bytes == 0


def test_a_story_that_is_evicted_gives_back_what_it_has() -> None:
    """The lists of its panes have it until they leave; its ids and texts are not kept for that."""
    state = folded(chunk(1, clusters=_clusters(1)), config=FoldConfig(max_stories=1))
    (gone,) = state._stories.records.values()
    assert gone.ids.known == 1_000
    clusters = [Cluster("t", "another one", listed(*_ids(2), "more"))]
    state.fold(batch_of([chunk(2, clusters=clusters)], hashing=state.hashing), NOW_MS)
    assert gone not in state._stories.records.values()
    assert (gone.ids.known, gone.panes(), gone.examples) == (0, [], ())


def _clusters(number: int) -> list[Cluster]:
    return [Cluster("s", f"w{number} v{number}", listed(*_ids(number)))]


def test_rest_changes_no_result() -> None:
    """A state that rests after every chunk, and one that never does: the same changes and the same summary."""
    states = [BrandState(FoldConfig(), bytes(16)) for _ in range(2)]
    told: list[list[bytes]] = [[], []]
    for number in range(60):
        clusters = [Cluster("s", f"word{number % 7} and{number % 5} more", listed(f"m{number}"), centroid=0)]
        for state, its in zip(states, told, strict=True):
            rows = [[1.0, number % 3, 0.5 * (number % 11)]]
            state.fold(batch_of([chunk(number, clusters=clusters)], rows, state.hashing), NOW_MS + number * 60_000)
            its.append(repr(state.take_changes()).encode() + state.summary("nike", 0, 1, 1))
        states[0].rest()
    assert told[0] == told[1]


def test_rest_lets_the_batch_go() -> None:
    """There are no rows until the next one, and resting twice is resting once."""
    state = folded(*[chunk(number, clusters=[Cluster("s", f"w{number}", listed("a"))]) for number in range(1_100)])
    state.rest()
    with pytest.raises(IndexError):
        state._stories.index.match(("w1",), 0)
    state.take_changes()
    before = state.held_bytes
    state.rest()
    assert state.held_bytes == before
