"""States kept between two leases, within a budget of bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.session import Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler import warm_states
from orchestrator.scheduler.warm_states import WarmStates

BARE_BYTES = 1
"""What is kept of a brand here beside its state."""


class _Sized(Warm):
    """A kept state of a size that the test chooses."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        state: Any = object()
        super().__init__(BatchSizer(), cid="c", state=state)
        self.size = size

    @property
    def held_bytes(self) -> int:
        return BARE_BYTES if self.state is None else self.size


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics()


def value_of(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The exposed value of one sample."""
    return metrics.registry.get_sample_value(f"orchestrator_{name}", labels)


def dropped(metrics: Metrics) -> tuple[float | None, float | None]:
    """States that had to go, for others and for their size."""
    name = "warm_states_dropped_total"
    return value_of(metrics, name, reason="room"), value_of(metrics, name, reason="size")


def _state_of(states: WarmStates, brand: str) -> Any:
    warm = states.take(brand)
    assert warm is not None
    return warm.state


def test_what_cools_down_keeps_neither_state_nor_ledger() -> None:
    """They are of one commit, and both take memory that nobody would count any more."""
    warm = Warm(BatchSizer(), cid="c", epoch=7, state=BrandState.empty(FoldConfig()), ledger=Ledger())
    warm.cool()
    assert (warm.state, warm.ledger, warm.epoch) == (None, None, 7)


def test_take_gives_what_was_put_once(metrics: Metrics) -> None:
    """A kept state serves one session: two would both change it."""
    states, warm = WarmStates(10, metrics), _Sized(1)
    states.put("nike", warm)
    assert states.take("nike") is warm
    assert states.take("nike") is None


def test_put_replaces_what_was_kept(metrics: Metrics) -> None:
    """The newest state of a brand is the only one, and the only one that counts."""
    states, newer = WarmStates(10, metrics), _Sized(2)
    states.put("nike", _Sized(7))
    states.put("nike", newer)
    assert (len(states), states.held_bytes) == (1, 2)
    assert states.take("nike") is newer
    assert dropped(metrics) == (0, 0)


def test_put_drops_the_least_recently_used_brands(metrics: Metrics) -> None:
    """Beyond the budget the brands that were put longest ago leave, as many as have to."""
    states = WarmStates(10, metrics)
    for brand, size in (("a", 3), ("b", 3), ("c", 3), ("a", 3), ("d", 6)):
        states.put(brand, _Sized(size))
    assert [brand for brand in "abcd" if _state_of(states, brand)] == ["a", "d"]
    assert dropped(metrics) == (2, 0)


def test_put_takes_the_size_as_it_is_then(metrics: Metrics) -> None:
    """What a state says later, in somebody else's hands, changes no sum."""
    states, warm = WarmStates(10, metrics), _Sized(4)
    states.put("nike", warm)
    warm.size = 9
    states.take("nike")
    assert states.held_bytes == 0


def test_put_keeps_the_rest_of_what_is_larger_than_the_budget(metrics: Metrics) -> None:
    """Its state is dropped and nobody makes room for it; what else is known of the brand stays."""
    states, huge = WarmStates(10, metrics), _Sized(11)
    states.put("small", _Sized(4))
    states.put("huge", huge)
    kept = states.take("huge")
    assert kept is huge
    assert (kept.state, kept.cid) == (None, "c")
    assert states.take("small") is not None
    assert dropped(metrics) == (0, 1)


def test_put_keeps_what_just_fits(metrics: Metrics) -> None:
    """The budget itself is allowed, to one and to all."""
    states = WarmStates(10, metrics)
    states.put("a", _Sized(10))
    assert len(states) == 1
    states.put("b", _Sized(5))
    states.put("c", _Sized(5))
    assert (len(states), states.held_bytes) == (2, 10)


def test_no_budget_keeps_no_state(metrics: Metrics) -> None:
    """A deployment may do without, every visit loads; but a token, and the epoch that readers saw, are kept."""
    states, warm = WarmStates(0, metrics), _Sized(5)
    warm.token, warm.epoch = "unanswered", 7
    states.put("nike", warm)
    assert (len(states), states.held_bytes, dropped(metrics)) == (0, 0, (0, 1))
    kept = states.take("nike")
    assert kept is warm
    assert (kept.state, kept.token, kept.epoch) == (None, "unanswered", 7)


def test_who_makes_room_loses_the_state_alone(metrics: Metrics) -> None:
    """As without a budget: its token is worth as much."""
    states, warm = WarmStates(10, metrics), _Sized(6)
    warm.token = "unanswered"  # noqa: S105 - a word
    states.put("nike", warm)
    states.put("puma", _Sized(6))
    assert states.take("nike") is warm
    assert (warm.state, warm.token) == (None, "unanswered")


def test_brands_of_which_something_is_kept_are_bounded(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were put longest ago leave as a whole."""
    monkeypatch.setattr(warm_states, "MOST_BRANDS", 2)
    states = WarmStates(10, metrics)
    for brand, size in (("a", 3), ("b", 11), ("c", 3)):
        states.put(brand, _Sized(size))
    assert [states.take(brand) is None for brand in "abc"] == [True, False, False]
    assert states.held_bytes == 0


def test_metrics_follow_what_is_kept(metrics: Metrics) -> None:
    """How many there are and what they take, after each put and each take."""
    states = WarmStates(10, metrics)
    states.put("a", _Sized(3))
    states.put("b", _Sized(4))
    assert (value_of(metrics, "warm_state_bytes"), value_of(metrics, "warm_state_brands")) == (7, 2)
    states.take("a")
    assert (value_of(metrics, "warm_state_bytes"), value_of(metrics, "warm_state_brands")) == (4, 1)


def _put_by_hand(kept: dict[str, int], brand: str, size: int) -> dict[str, int]:
    """The rule as it reads: *kept*, brand and bytes with the least recently used first, after one put; 0 = no state."""
    kept = {name: its for name, its in kept.items() if name != brand} | {brand: 0 if size > 10 else size}
    for name in kept:
        if sum(kept.values()) > 10:
            kept[name] = 0
    return kept


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 12), st.booleans()), max_size=60))
def test_budget_holds_whatever_is_put_and_taken(actions: list[tuple[str, int, bool]]) -> None:
    """Never more bytes than allowed; the sum does not drift, and nothing but states is lost."""
    states, kept = WarmStates(10, Metrics()), dict[str, int]()
    for brand, size, put in actions:
        if put:
            states.put(brand, _Sized(size))
            kept = _put_by_hand(kept, brand, size)
        else:
            warm, size_by_hand = states.take(brand), kept.pop(brand, None)
            found = None if warm is None else 0 if warm.state is None else warm.held_bytes
            assert found == size_by_hand
        assert (len(states), states.held_bytes) == (sum(map(bool, kept.values())), sum(kept.values()))
