"""States kept between two leases, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lane.session import Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.scheduler.warm_states import WarmStates


class _Sized(Warm):
    """A kept state of a size that the test chooses."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        super().__init__(BatchSizer())
        self.size = size

    @property
    def stories(self) -> int:
        return self.size


def test_take_gives_what_was_put_once() -> None:
    """A kept state serves one session: two would both change it."""
    states, warm = WarmStates(), _Sized(1)
    states.put("nike", warm)
    assert states.take("nike") is warm
    assert states.take("nike") is None


def test_put_replaces_what_was_kept() -> None:
    """The newest state of a brand is the only one."""
    states, newer = WarmStates(), _Sized(2)
    states.put("nike", _Sized(1))
    states.put("nike", newer)
    assert len(states) == 1
    assert states.take("nike") is newer


def test_put_drops_the_least_recently_used_brand() -> None:
    """Beyond the most brands, the one that was put longest ago leaves."""
    states = WarmStates(max_brands=2)
    for brand in ("a", "b", "a", "c"):
        states.put(brand, _Sized(1))
    assert states.take("b") is None
    assert len(states) == 2


def test_put_keeps_one_state_that_is_larger_than_the_bound() -> None:
    """A single huge brand still profits; everything else makes room for it."""
    states = WarmStates(max_stories=10)
    states.put("small", _Sized(1))
    states.put("huge", _Sized(1_000))
    assert len(states) == 1
    assert states.take("huge") is not None


def _put_by_hand(kept: dict[str, int], brand: str, size: int) -> dict[str, int]:
    """The rule as it reads: *kept*, brand and stories with the least recently used first, after one put."""
    kept = {name: stories for name, stories in kept.items() if name != brand} | {brand: size}
    while len(kept) > 4 or (sum(kept.values()) > 10 and len(kept) > 1):
        del kept[next(iter(kept))]
    return kept


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 8), st.booleans()), max_size=60))
def test_bounds_hold_whatever_is_put_and_taken(actions: list[tuple[str, int, bool]]) -> None:
    """Never more brands than allowed, nor more stories unless a single brand has them; the count does not drift."""
    states, kept = WarmStates(max_brands=4, max_stories=10), dict[str, int]()
    for brand, size, put in actions:
        if put:
            states.put(brand, _Sized(size))
            kept = _put_by_hand(kept, brand, size)
        else:
            warm, size_by_hand = states.take(brand), kept.pop(brand, None)
            assert (None if warm is None else warm.stories) == size_by_hand
        assert len(states) == len(kept)
    assert {brand for brand in "abcdef" if states.take(brand) is not None} == set(kept)
