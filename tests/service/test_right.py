"""The right to put records outlives whatever is done behind it, and ends with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.objects.bucket import CALL_S
from orchestrator.objects.objects import ATTEMPTS
from orchestrator.service import right
from orchestrator.service.right import KEEP_S, keep, the_right
from orchestrator.store.consumed import MOST_HOLD_S, Consumed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from orchestrator.contract.keys import BrandKeys

HUNG_S = ATTEMPTS * (CALL_S + 5.0)
"""A put at a bucket that hangs: every try takes as long as it may, with a pause behind it. 1,220 s."""


class Held:
    """A right in virtual time, which is lengthened while a put of *put_s* runs."""

    def __init__(self, put_s: float, *, fails: int = 0, lost_s: float = float("inf")) -> None:
        self.now_s, self.until_s, self.put_s = 0.0, MOST_HOLD_S, put_s
        self.fails, self.lost_s, self.holds = fails, lost_s, 0

    def hold(self) -> bool:
        """As Redis does; some answers do not come."""
        self.holds += 1
        if self.fails:
            self.fails -= 1
            raise StoreUnavailableError("no answer")
        if self.now_s >= self.lost_s:
            return False
        self.until_s = self.now_s + MOST_HOLD_S
        return True

    def ended_within(self, seconds: float) -> bool:
        """The put goes on meanwhile, and nobody else may have the right before it ends."""
        self.now_s = min(self.now_s + seconds, self.put_s)
        assert self.now_s < self.until_s, "somebody else may have it"
        return self.now_s == self.put_s


@pytest.mark.parametrize("fails", [0, 4])
def test_right_outlives_a_put_at_a_bucket_that_hangs(fails: int) -> None:
    """1,220 s at least, which is longer than it is taken for; also where Redis is away for 220 s of them."""
    assert HUNG_S > MOST_HOLD_S
    held = Held(HUNG_S, fails=fails)
    keep(held.hold, held.ended_within)
    assert held.now_s == HUNG_S
    assert held.holds == HUNG_S // KEEP_S


def test_right_that_is_lost_is_lengthened_no_more() -> None:
    """It is somebody else's."""
    held = Held(3 * KEEP_S, lost_s=2 * KEEP_S)
    keep(held.hold, held.ended_within)
    assert (held.holds, held.now_s) == (2, 2 * KEEP_S)


@pytest.fixture
def keys(redis_client: redis.Redis, brand: str) -> Iterator[BrandKeys]:
    """Of a brand of which nobody has the right."""
    found = Consumed(redis_client)._keys(brand)
    yield found
    redis_client.delete(found.archiving)


def test_right_is_lengthened_while_it_is_held_and_given_back(
    redis_client: redis.Redis, brand: str, keys: BrandKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread of its own, which ends with it."""
    lengthened = threading.Event()

    def at_once(hold: object, ended_within: object) -> None:
        def within(seconds: float) -> bool:
            assert seconds == KEEP_S
            lengthened.set()
            return bool(ended_within(0.001))  # type: ignore[operator]

        keep(hold, within)  # type: ignore[arg-type]

    monkeypatch.setattr(right, "keep", at_once)
    with the_right(redis_client, brand) as had:
        assert had
        redis_client.hset(keys.archiving, "until", 1)  # it would be over long ago
        lengthened.clear()
        assert lengthened.wait(10)
        lengthened.clear()
        assert lengthened.wait(10)
        assert not Consumed(redis_client).take(brand, "other", 1.0)
    assert Consumed(redis_client).take(brand, "other", 1.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "right"]
