"""Which brand next: examples of the rule, and a machine that looks for a brand forgotten."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestrator.fleet.parking import FAILING_FROM, Code
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.process.backoff import CAP_S
from orchestrator.scheduler.roster import BUSY_PAUSE_S, CLAIM_SLICE, FULL_LOOK, Roster

PARK_S = 30.0


def _roster(*brands: str) -> Roster:
    roster = Roster(backoff_base=2.0, park_s=PARK_S)
    roster.register(brands)
    return roster


def _ready(*brands: str) -> Roster:
    roster = _roster(*brands)
    for brand in brands:
        roster.mark_ready(brand)
    return roster


def _asked(roster: Roster) -> list[str]:
    return [brand for part in roster.claim_slices() for brand in part]


def _taken(roster: Roster, now_s: float) -> list[str]:
    """What free lanes would take at that time; *roster* itself stays as it is."""
    copy = deepcopy(roster)
    return list(iter(lambda: copy.take(now_s), None))


def reasons(roster: Roster) -> dict[str, str]:
    """Parked brands and why."""
    return {brand: trouble.reason for brand, trouble in roster.parked().items()}


def codes(roster: Roster) -> dict[str, Code]:
    """What ails brands."""
    return {brand: trouble.code for brand, trouble in roster.troubles().items()}


def fail(roster: Roster, code: Code | None, times: int = 1, outcome: LaneOutcome = LaneOutcome.FAILED) -> None:
    """Visits to the brand "a" that end so, one after the other."""
    for _ in range(times):
        roster.take(1e9)
        roster.finish("a", outcome, 0.0, reason="r", code=code)


# -- the registry


def test_register_tells_who_came_and_who_left() -> None:
    """Only the differences to the last reading are told, and duplicates count once."""
    roster = _roster("a", "b")
    assert roster.register(["b", "c", "c"]) == (["c"], ["a"])
    assert roster.brands() == ("b", "c")
    assert "a" not in roster
    assert roster.register(["b", "c"]) == ([], [])


def test_register_forgets_what_a_brand_that_left_was_waiting_for() -> None:
    """A brand that is not registered gets no lane, and comes back with a clean record."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.FAILED, 0.0)
    roster.register([])
    assert roster.take(99.0) is None
    assert not roster.mark_ready("a")
    roster.register(["a"])
    assert roster.failed() == 0


# -- order


def test_take_serves_brands_in_the_order_in_which_they_got_work() -> None:
    """First come, first served; a brand that yields goes to the end."""
    roster = _ready("a", "b", "c")
    assert roster.take(0.0) == "a"
    roster.finish("a", LaneOutcome.YIELDED, 0.0)
    assert [roster.take(0.0) for _ in range(4)] == ["b", "c", "a", None]


def test_take_passes_over_a_brand_that_is_put_off() -> None:
    """A failed brand does not hold up the ones after it."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.FAILED, 0.0)
    roster.register(["a", "b"])
    roster.mark_ready("b")
    assert roster.take(0.0) == "b"
    assert roster.take(0.0) is None
    assert not roster.has_waiting(0.0)


def _crowded(roster: Roster) -> list[str]:
    """A thousand brands join those of *roster*, and have work; returns all that are registered now."""
    brands = [*roster.brands(), *(f"new{number}" for number in range(1_000))]
    for brand in roster.register(brands)[0]:
        roster.mark_ready(brand)
    return brands


def test_take_does_not_let_a_crowd_of_new_brands_go_before_a_known_one() -> None:
    """Brands of the first reading are known; a newcomer comes before them at most once in a round."""
    roster = _roster("a")
    _crowded(roster)
    roster.mark_ready("a")
    assert _taken(roster, 0.0).index("a") < 2


@pytest.mark.parametrize("outcome", LaneOutcome)
def test_a_newcomer_is_known_once_it_was_served(outcome: LaneOutcome) -> None:
    """By this process or another one; a visit that failed, or that found the state unreadable, makes nobody known."""
    roster = _roster("first")
    roster.register(["first", "a"])
    roster.mark_ready("a")
    roster.take(0.0)
    _crowded(roster)
    roster.finish("a", outcome, 0.0)
    roster.mark_ready("a")
    served = outcome in {LaneOutcome.DRAINED, LaneOutcome.YIELDED, LaneOutcome.BUSY}
    assert (_taken(roster, 1e6).index("a") < 2) == served


def test_a_newcomer_is_known_from_its_first_commit_on() -> None:
    """A visit that is cut off later, by a failure or by a stop, takes nothing back."""
    roster = _roster("first")
    roster.register(["first", "a"])
    roster.progress("a")
    _crowded(roster)
    roster.mark_ready("a")
    assert _taken(roster, 0.0).index("a") < 2


def test_a_brand_that_left_comes_back_as_a_newcomer() -> None:
    """What is known of it left with it."""
    roster = _roster("first", "a")
    roster.register(["first"])
    _crowded(roster)
    roster.register([*roster.brands(), "a"])
    roster.mark_ready("a")
    assert _taken(roster, 0.0).index("a") == 1_000


def test_mark_ready_is_refused_for_a_brand_that_a_lane_holds() -> None:
    """Two lanes on one brand would only fence each other."""
    roster = _ready("a")
    roster.take(0.0)
    assert not roster.mark_ready("a")
    assert roster.take(0.0) is None


# -- how visits end


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (LaneOutcome.DRAINED, False),
        (LaneOutcome.BUSY, False),
        (LaneOutcome.YIELDED, True),
        (LaneOutcome.LOST, True),
        (LaneOutcome.FAILED, True),
        (LaneOutcome.PARKED, True),
        (LaneOutcome.LEFT, True),
    ],
)
def test_finish_decides_who_is_taken_again(outcome: LaneOutcome, *, again: bool) -> None:
    """Work that is known to be left is not left to the next claim; the rest is the claim's to find."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", outcome, 0.0)
    assert (roster.next_start_s() is not None) == again
    assert (_asked(roster) == ["a"]) == (not again)


def test_finish_lets_failures_wait_longer_and_longer() -> None:
    """The n-th failure in a row waits between half and all of 2 ** (n - 1) s, at most the cap."""
    roster = _ready("a")
    for full_s in (1.0, 2.0, 4.0, 8.0, 16.0, CAP_S, CAP_S):
        assert roster.take(1_000.0) == "a"
        roster.finish("a", LaneOutcome.FAILED, 0.0)
        assert full_s / 2 <= (roster.next_start_s() or 0.0) <= full_s


def test_finish_tries_a_lost_lease_again_at_once() -> None:
    """The first loss is nobody's failure; a second one in a row is put off."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.LOST, 0.0)
    assert roster.take(0.0) == "a"
    roster.finish("a", LaneOutcome.LOST, 0.0)
    assert roster.take(0.0) is None


def test_finish_well_forgets_earlier_failures() -> None:
    """One good visit clears the record, and health with it."""
    roster = _ready("a")
    for outcome in (LaneOutcome.FAILED, LaneOutcome.PARKED):
        roster.take(1_000.0)
        roster.finish("a", outcome, 0.0, reason="r")
    assert (roster.failed(), roster.successful(), reasons(roster)) == (1, 0, {"a": "r"})
    roster.take(1_000.0)
    roster.finish("a", LaneOutcome.DRAINED, 0.0)
    assert (roster.failed(), roster.successful(), roster.parked()) == (0, 1, {})


def test_progress_ends_what_ailed_a_brand() -> None:
    """A repaired brand may be busy for hours: its first commit clears health, not the end of its visit."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.PARKED, 0.0, reason="set")
    roster.take(PARK_S)
    roster.progress("a")
    roster.progress("unknown")
    assert (roster.failed(), roster.successful(), roster.parked()) == (0, 1, {})


def test_finish_looks_at_a_parked_brand_again() -> None:
    """Parked is not forgotten: it may have been repaired."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.PARKED, 0.0, reason="set")
    assert roster.take(PARK_S - 0.1) is None
    assert roster.take(PARK_S) == "a"


def test_a_brand_fails_from_the_third_visit_on() -> None:
    """The first ones may be anybody's bad moment. It is not parked: it is tried on and on."""
    roster = _ready("a")
    fail(roster, Code.REFUSED, FAILING_FROM - 1)
    assert not roster.troubles()
    fail(roster, Code.REFUSED)
    assert (codes(roster), roster.parked(), roster.failed()) == ({"a": Code.REFUSED}, {}, 1)
    assert roster.ails("a")
    roster.progress("a")
    assert (codes(roster), roster.ails("a"), roster.ails("unknown")) == ({}, False, False)


def test_failures_for_no_reason_of_the_brand_are_not_told_of_it() -> None:
    """Redis is away: others say so."""
    roster = _ready("a")
    fail(roster, None, 9)
    assert (codes(roster), roster.failed()) == ({}, 1)


def test_a_failure_does_not_hide_why_a_brand_is_parked() -> None:
    """Nobody has mended it meanwhile; but a newer version's state is gone if it could be loaded."""
    roster = _ready("a")
    fail(roster, Code.SETTINGS, outcome=LaneOutcome.PARKED)
    fail(roster, Code.REFUSED, 9)
    assert codes(roster) == {"a": Code.SETTINGS}
    fail(roster, Code.NEWER, outcome=LaneOutcome.LEFT)
    assert (codes(roster), roster.left(), roster.parked()) == ({"a": Code.NEWER}, ["a"], {})
    fail(roster, None)
    assert codes(roster) == {}


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        (LaneOutcome.PARKED, Code.META, Code.META),
        (LaneOutcome.PARKED, None, Code.OTHER),
        (LaneOutcome.FULL, Code.FULL, Code.FULL),
        (LaneOutcome.FULL, None, Code.FULL),
        (LaneOutcome.FULL, Code.ARCHIVE, Code.ARCHIVE),
        (LaneOutcome.LEFT, Code.NEWER, Code.NEWER),
    ],
)
def test_a_brand_that_is_left_alone_is_told_with_its_code(outcome: LaneOutcome, code: Code | None, told: Code) -> None:
    """So everybody gives the same remedy."""
    roster = _ready("a")
    fail(roster, code, outcome=outcome)
    assert codes(roster) == {"a": told}


def test_trouble_lasts_since_it_was_first_found() -> None:
    """And is found again at each look, until another one is found."""
    roster = _ready("a")
    for at_s, code in ((1.0, Code.META), (31.0, Code.META), (61.0, Code.SIZE)):
        roster.take(1e9)
        roster.finish("a", LaneOutcome.PARKED, at_s, reason="r", code=code)
        (trouble,) = roster.troubles().values()
        assert (trouble.since_s, trouble.found_s) == ({1.0: 1.0, 31.0: 1.0, 61.0: 61.0}[at_s], at_s)


def test_a_full_brand_starts_as_soon_as_there_is_room() -> None:
    """Others that are parked wait for their time, and a brand that a lane looks at is not asked about."""
    roster = _ready("a", "b")
    for brand, outcome in (("a", LaneOutcome.FULL), ("b", LaneOutcome.PARKED)):
        roster.take(0.0)
        roster.finish(brand, outcome, 0.0, reason="r")
    assert (roster.full(), reasons(roster)) == (["a"], {"a": "r", "b": "r"})
    for brand in ("a", "b", "unknown"):
        roster.roomy(brand)
    assert _taken(roster, 0.1) == ["a"]
    roster.take(0.1)
    assert roster.full() == []


def test_a_brand_that_waits_for_the_archive_starts_as_soon_as_there_is_room() -> None:
    """As one whose dead letters were full."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.FULL, 0.0, reason="r", code=Code.ARCHIVE)
    assert (roster.full(), list(roster.parked())) == (["a"], ["a"])
    roster.roomy("a")
    assert _taken(roster, 0.1) == ["a"]


def test_very_many_full_brands_are_asked_about_in_turn() -> None:
    """A look for room has a bound, and who is not in this one is in a next one."""
    names = [f"brand-{number}" for number in range(FULL_LOOK + CLAIM_SLICE)]
    roster = _ready(*names)
    assert roster.full_slices() == []
    for name in names:
        roster.take(0.0)
        roster.finish(name, LaneOutcome.FULL, 0.0, reason="r")
    looks = [roster.full_slices(), roster.full_slices()]
    assert [len(part) for look in looks for part in look] == [CLAIM_SLICE] * 4
    assert {name for look in looks for part in look for name in part} == set(names)


def test_finish_leaves_a_parked_brand_to_the_one_who_holds_it() -> None:
    """If another orchestrator folds it now, it is repaired, and this one's health need not complain."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.PARKED, 0.0, reason="set")
    roster.take(PARK_S)
    roster.finish("a", LaneOutcome.BUSY, PARK_S)
    assert (roster.parked(), roster.failed()) == ({}, 0)


def test_finish_looks_rarely_at_a_brand_that_is_left_to_a_newer_version() -> None:
    """No hint and no claim brings it back before; it is neither parked nor failed."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.LEFT, 0.0)
    assert (roster.left(), roster.parked(), roster.failed()) == (["a"], {}, 0)
    assert not roster.hint("a", PARK_S - 0.1)
    assert _asked(roster) == []
    assert roster.take(PARK_S - 0.1) is None
    assert roster.take(PARK_S) == "a"


@pytest.mark.parametrize("outcome", [outcome for outcome in LaneOutcome if outcome is not LaneOutcome.LEFT])
def test_a_brand_is_left_until_a_visit_ends_otherwise(outcome: LaneOutcome) -> None:
    """Somebody has put a state there that this version can read, or the brand begins anew."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.LEFT, 0.0)
    roster.take(PARK_S)
    assert roster.left() == ["a"]
    roster.finish("a", outcome, PARK_S)
    assert roster.left() == []


def test_finish_forgets_what_failed_at_a_brand_that_is_left() -> None:
    """What a newer version does with it is none of this one's failures."""
    roster = _ready("a")
    for outcome in (LaneOutcome.PARKED, LaneOutcome.FAILED, LaneOutcome.LEFT):
        roster.take(1e6)
        roster.finish("a", outcome, 0.0)
    assert (roster.parked(), roster.failed()) == ({}, 0)


def test_hint_does_not_wake_a_brand_that_is_put_off() -> None:
    """Hints for a brand that somebody else folds arrive with every commit of theirs; they are not followed."""
    roster = _ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.BUSY, 0.0)
    assert not roster.hint("a", BUSY_PAUSE_S / 2)
    assert roster.hint("a", BUSY_PAUSE_S)
    assert not roster.hint("unknown", 0.0)


def test_forgive_lets_failed_brands_start_at_once() -> None:
    """When Redis is back, nobody waits out a pause that its absence caused; those that were put off otherwise do."""
    roster = _ready("failed", "parked", "left")
    for outcome in (LaneOutcome.FAILED, LaneOutcome.PARKED, LaneOutcome.LEFT):
        roster.finish(str(roster.take(0.0)), outcome, 0.0)
    roster.forgive()
    assert roster.take(0.0) == "failed"
    assert roster.take(0.0) is None


# -- claims


def test_claim_slices_ask_about_idle_brands_only() -> None:
    """Brands that are held or ready need no claim."""
    roster = _ready("held", "ready")
    roster.take(0.0)
    roster.register(["held", "ready", "idle"])
    assert _asked(roster) == ["idle"]
    assert _ready("a").claim_slices() == []


def test_claim_slices_start_elsewhere_each_time() -> None:
    """Of a long registry every brand is asked about in every round, and each slice is the first one in turn."""
    brands = [f"b{number:04}" for number in range(2 * CLAIM_SLICE + 10)]
    roster = _roster(*brands)
    firsts = []
    for _ in range(3):
        slices = roster.claim_slices()
        assert max(map(len, slices)) == CLAIM_SLICE
        assert sorted(brand for part in slices for brand in part) == brands
        firsts.append(slices[0][0])
    assert firsts == [brands[0], brands[CLAIM_SLICE], brands[2 * CLAIM_SLICE]]


BRANDS = st.sampled_from(["a", "b", "c", "d"])


class RosterMachine(RuleBasedStateMachine):
    """Anything may happen in any order; *work* is the truth that the roster can only believe."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster(backoff_base=2.0, park_s=PARK_S)
        self.now_s = 0.0
        self.held: list[str] = []

    @rule(brands=st.lists(BRANDS))
    def register(self, brands: list[str]) -> None:
        """The registry is read."""
        self.roster.register(brands)

    @rule(brand=BRANDS)
    def hint(self, brand: str) -> None:
        """Somebody pushed."""
        self.roster.hint(brand, self.now_s)

    @rule(brand=BRANDS)
    def claim(self, brand: str) -> None:
        """A claim found work."""
        if brand in _asked(self.roster):
            assert self.roster.mark_ready(brand)

    @rule()
    def take(self) -> None:
        """A lane is free."""
        waiting = self.roster.has_waiting(self.now_s)
        brand = self.roster.take(self.now_s)
        assert (brand is not None) == waiting
        if brand is not None:
            assert brand not in self.held
            self.held.append(brand)

    @rule(brand=BRANDS)
    def progress(self, brand: str) -> None:
        """A commit is in."""
        self.roster.progress(brand)

    @precondition(lambda self: bool(self.held))
    @rule(outcome=st.sampled_from(LaneOutcome), data=st.data())
    def finish(self, outcome: LaneOutcome, data: st.DataObject) -> None:
        """A lane lets go."""
        brand = data.draw(st.sampled_from(self.held))
        self.held.remove(brand)
        self.roster.finish(brand, outcome, self.now_s, reason="r")

    @rule(seconds=st.floats(0.01, 100.0))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now_s += seconds

    @rule()
    def forgive(self) -> None:
        """Redis is back."""
        self.roster.forgive()

    @invariant()
    def no_brand_is_forgotten(self) -> None:
        """Every registered brand is held by a lane, waits for one with a time that comes, or is asked about."""
        asked = _asked(self.roster)
        ready = _taken(self.roster, self.now_s + 1e6)
        for brand in self.roster.brands():
            places = [brand in self.held, brand in asked, brand in ready]
            assert sum(places) == 1, (brand, places)

    @invariant()
    def the_next_start_is_never_far(self) -> None:
        """A ready brand starts within the longest pause there is."""
        next_s = self.roster.next_start_s()
        assert next_s is None or next_s <= self.now_s + max(CAP_S, PARK_S)

    @invariant()
    def health_adds_up(self) -> None:
        """No more brands are counted than there are, and a parked one is a failed one."""
        total = len(self.roster.brands())
        assert len(self.roster.parked()) <= self.roster.failed() <= total
        assert self.roster.successful() <= total


TestRosterMachine = RosterMachine.TestCase
TestRosterMachine.settings = settings(stateful_step_count=40, deadline=None)
