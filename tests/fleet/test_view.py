"""How a brand stands, and what the picture counts and sorts."""

from __future__ import annotations

import itertools

import pytest

from orchestrator.contract.conflict import Conflict
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.pauses import Pause
from orchestrator.fleet.members import Load, Member, Rates, summed
from orchestrator.fleet.parking import FAILING, Code, Parked
from orchestrator.fleet.view import CONFLICTS_TOLD_MS, BrandStatus, FleetView, Holder, Standing, by_urgency, standing
from orchestrator.fleet.words import conflicts

HOLDER = Holder("b", "o-b", lives=True, since_ms=1, left_ms=9)
PAUSED = Pause("", "ann", 1, None)


def parked(code: Code = Code.TYPE, by: str = "a") -> Parked:
    """What the process *by* says."""
    return Parked(code, "something", 1, by)


def member(name: str, rates: Rates | None = None, oldest_s: float | None = None) -> Member:
    """A process that lives."""
    return Member(name, name, "1", 4, Fingerprint({}), 5, 1, 0, 0, Load(0.5, 1.0, 1), rates, oldest_s)


@pytest.mark.parametrize("code", Code)
def test_every_code_has_its_standing(code: Code) -> None:
    """What a process says of a brand that nobody works on is how the brand stands."""
    expected = Standing.NEWER if code is Code.NEWER else Standing.PARKED
    assert standing(7, None, parked(code), None) is (Standing.FAILING if code in FAILING else expected)


def test_chunks_make_a_brand_wait() -> None:
    """And so does a queue that cannot be counted: acquire says what is wrong with it."""
    assert standing(0, None, None, None) is Standing.IDLE
    assert standing(1, None, None, None) is Standing.WAITING
    assert standing(None, None, None, None) is Standing.WAITING


def test_who_works_on_a_brand_knows_better_than_who_parked_it() -> None:
    """The settings of one process may be refused where those of another one fit."""
    assert standing(1, HOLDER, parked(by="a"), None) is Standing.HELD
    assert standing(1, HOLDER, None, None) is Standing.HELD


def test_who_parked_a_brand_holds_it_to_look_again() -> None:
    """That makes it no less parked."""
    assert standing(1, HOLDER, parked(by="b"), None) is Standing.PARKED


def test_paused_comes_first() -> None:
    """An operator's word explains all the rest."""
    for holder, one, queued in itertools.product((None, HOLDER), (None, parked()), (0, 1, None)):
        assert standing(queued, holder, one, PAUSED) is Standing.PAUSED


def test_most_chunks_come_first() -> None:
    """Then most dead letters, then by name; what cannot be counted leads."""
    brands = [
        BrandStatus("d", Standing.IDLE),
        BrandStatus("c", Standing.IDLE, failed=3),
        BrandStatus("b", Standing.WAITING, queued=9),
        BrandStatus("a", Standing.WAITING, queued=9),
        BrandStatus("z", Standing.WAITING, queued=None),
    ]
    assert [brand.brand for brand in by_urgency(brands)] == ["z", "a", "b", "c", "d"]


def test_picture_counts() -> None:
    """Sums leave out what cannot be counted."""
    view = FleetView(
        1,
        [member("a", Rates(1, 20, 0.5, 2, 3), 7.5), member("b", Rates(2, 30, 0.5)), member("old")],
        [
            BrandStatus("x", Standing.WAITING, queued=3, failed=2, spiking=True),
            BrandStatus("y", Standing.PARKED, queued=None, failed=4),
            BrandStatus("z", Standing.HELD, queued=4, commits=None),
        ],
    )
    assert (view.chunks, view.brands_with_chunks, view.dead_letters, view.lanes) == (7, 2, 6, 15)
    assert view.rates == Rates(3, 50, 1, 2, 3)
    assert view.oldest_s == 7.5
    assert [brand.brand for brand in view.spiking] == ["x"]
    assert view.counts == {Standing.WAITING: 1, Standing.PARKED: 1, Standing.HELD: 1}
    assert [brand.brand for brand in view.standing(Standing.PARKED, Standing.HELD)] == ["y", "z"]
    assert [brand.brand for brand in view.brands if brand.unreadable] == ["y", "z"]


def test_nobody_tells_of_rates() -> None:
    """Then nothing is known to be done, and not how long anything waits."""
    assert summed([]) == Rates()
    assert FleetView(1, [member("old")]).oldest_s is None


def test_a_holder_is_known_by_its_id() -> None:
    """Else by the name in the token, else as somebody who says no name."""
    assert str(HOLDER) == "o-b"
    assert str(Holder("repair", "", None, None, None)) == "repair"
    assert str(Holder("", "", None, None, None)) == "an older version"


def conflicting(brand: str, chunks: int, at_ms: int) -> BrandStatus:
    """A brand in which so many chunks contradicted the one of their id."""
    return BrandStatus(brand, Standing.IDLE, conflicts=chunks, newest_conflict=Conflict(at_ms, f"id of {brand}"))


def test_conflicts_of_the_last_day_are_told_the_newest_first() -> None:
    """What is older stays a number: nobody can act on it any more."""
    now_ms = 10 * CONFLICTS_TOLD_MS
    brands = [
        conflicting("old", 3, now_ms - CONFLICTS_TOLD_MS),
        conflicting("a", 1, now_ms - CONFLICTS_TOLD_MS + 1),
        conflicting("c", 1, now_ms),
        conflicting("b", 1, now_ms),
        BrandStatus("none", Standing.IDLE),
        BrandStatus("damaged", Standing.IDLE, conflicts=7),
        BrandStatus("forged", Standing.IDLE, newest_conflict=Conflict(now_ms, "x")),
    ]
    assert [brand.brand for brand in FleetView(now_ms, brands=brands).conflicting] == ["b", "c", "a"]


def test_conflicts_are_told_in_a_sentence() -> None:
    """How many, which, and how long ago where that is asked for; nothing where there are none."""
    brand = conflicting("b", 2_000, 60_000)
    told = "2,000 chunks had the chunkId of one that was counted and other numbers, and did not count"
    assert conflicts(brand) == f"{told}; the last one: 'id of b'"
    assert conflicts(brand, 360_000) == f"{told}; the last one 5 min ago: 'id of b'"
    assert conflicts(BrandStatus("none", Standing.IDLE)) == ""
