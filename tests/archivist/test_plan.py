"""Whose turn it is: by size, by age, fairly; and who waits for whom where something is away."""

from __future__ import annotations

from orchestrator.archivist.plan import Plan, Terms
from orchestrator.contract.consumed import Waiting

NOW_MS = 1_000_000
TERMS = Terms(object_bytes=100, age_s=30.0, hold_s=30.0)


def waiting_of(size: int = 0, oldest_ms: int = 0) -> Waiting:
    """So many bytes wait since then."""
    return Waiting(size, oldest_ms, 1 if size else 0, 0, 0, "")


def plan() -> Plan:
    """One whose jitter is known."""
    return Plan(TERMS, jitter=lambda: 1.0)


def test_a_brand_is_due_by_size_at_once() -> None:
    """An object's worth waits for nothing."""
    found = plan()
    found.see({"nike": waiting_of(99, NOW_MS), "puma": waiting_of(100, NOW_MS)}, NOW_MS, 0.0)
    assert [found.take(0.0), found.take(0.0)] == ["puma", None]


def test_a_brand_is_due_by_age() -> None:
    """Its oldest record waits for others so long, whatever was seen meanwhile."""
    found = plan()
    found.see({"nike": waiting_of(1, NOW_MS - 10_000)}, NOW_MS, 5.0)
    assert found.next_s() == 25.0
    found.see({"nike": waiting_of(2, NOW_MS - 10_000)}, NOW_MS + 1_000, 6.0)
    assert found.take(24.9) is None
    assert found.take(25.0) == "nike"


def test_a_brand_is_due_whichever_of_the_two_numbers_was_lost() -> None:
    """Records whose bytes nobody counted would wait until the next commit; bytes without records are put right."""
    found = plan()
    found.see({"nike": Waiting(0, NOW_MS - 30_000, 1, 0, 0, ""), "puma": Waiting(7, 0, 0, 0, 0, "")}, NOW_MS, 0.0)
    assert {found.take(0.0), found.take(0.0)} == {"nike", "puma"}


def test_a_clock_of_redis_that_is_ahead_or_behind_makes_nothing_wait_for_long() -> None:
    """The two clocks are compared, but not trusted."""
    found = plan()
    found.see({"nike": waiting_of(1, NOW_MS + 10**9)}, NOW_MS, 0.0)
    assert found.next_s() == 30.0
    found.see({"puma": waiting_of(1, 0)}, NOW_MS, 0.0)
    assert found.take(0.0) == "puma"


def test_brands_take_turns_in_the_order_in_which_they_became_due() -> None:
    """A busy brand that is due again and again comes behind the others."""
    found = plan()
    busy, quiet = waiting_of(1_000, NOW_MS), waiting_of(1, NOW_MS - 29_000)
    found.see({"busy": busy, "a": quiet, "b": quiet}, NOW_MS, 0.0)
    order = []
    for now_s in (0.0, 1.0, 1.0, 1.0):
        brand = found.take(now_s)
        assert brand is not None
        order.append(brand)
        found.done(brand, reached=True)
        found.see({"busy": busy}, NOW_MS, now_s + 0.5)
    assert order == ["busy", "busy", "a", "b"]


def test_what_is_due_keeps_its_place_however_often_it_is_seen() -> None:
    """A look does not send it behind the others; nor does a clock that is far off bring one before them."""
    found, much = plan(), waiting_of(100, NOW_MS)
    found.see({"first": much}, NOW_MS, 0.0)
    found.see({"second": much, "third": waiting_of(1, 0)}, NOW_MS, 1.0)
    found.see({"first": much, "second": much}, NOW_MS, 2.0)
    assert [found.take(2.0), found.take(2.0), found.take(2.0)] == ["first", "second", "third"]


def test_a_brand_is_in_one_hand_at_a_time() -> None:
    """What comes meanwhile waits for the end of its turn, which has it looked at again."""
    found, waiting = plan(), {"nike": waiting_of(100, NOW_MS)}
    found.see(waiting, NOW_MS, 0.0)
    assert found.take(0.0) == "nike"
    found.see(waiting, NOW_MS, 0.0)
    assert found.take(0.0) is None
    found.done("nike", reached=True)
    assert found.told() == ["nike"]
    found.see(waiting, NOW_MS, 0.0)
    assert found.take(0.0) == "nike"


def test_what_waits_no_more_is_forgotten() -> None:
    """Nothing of it stays in memory."""
    found = plan()
    found.see({"nike": waiting_of(100, NOW_MS)}, NOW_MS, 0.0)
    found.see({"nike": waiting_of()}, NOW_MS, 0.0)
    assert found.take(99.0) is None
    assert found.next_s() == float("inf")


def test_a_brand_of_somebody_else_is_left_for_a_while() -> None:
    """And the others are not."""
    found, waiting = plan(), waiting_of(100, NOW_MS)
    found.see({"nike": waiting}, NOW_MS, 0.0)
    found.busy(str(found.take(0.0)), 0.0)
    found.see({"nike": waiting, "puma": waiting}, NOW_MS, 1.0)
    assert [found.take(1.0), found.take(1.0), found.take(10.0)] == ["puma", None, "nike"]


def test_a_brand_that_fails_comes_more_and_more_rarely() -> None:
    """1, 2, 4 s; the others go on; what succeeds is forgiven."""
    found, waiting = plan(), waiting_of(100, NOW_MS)
    now_s = 0.0
    for wait_s in (1.0, 2.0, 4.0):
        found.see({"nike": waiting}, NOW_MS, now_s)
        assert found.take(now_s) == "nike"
        found.failed("nike", now_s)
        found.see({"nike": waiting, "puma": waiting}, NOW_MS, now_s)
        assert found.take(now_s) == "puma"
        found.done("puma", reached=True)
        assert found.take(now_s + wait_s - 0.01) is None
        now_s += wait_s
    assert found.take(now_s) == "nike"
    found.done("nike", reached=True)
    found.see({"nike": waiting}, NOW_MS, now_s)
    assert found.take(now_s) == "nike"
    found.failed("nike", now_s)
    found.see({"nike": waiting}, NOW_MS, now_s)
    assert [found.take(now_s + 0.99), found.take(now_s + 1.0)] == [None, "nike"]


def test_an_archive_that_is_away_is_asked_by_one_and_more_and_more_rarely() -> None:
    """Until it answers; then all come."""
    found, waiting = plan(), waiting_of(100, NOW_MS)
    brands = {"nike": waiting, "puma": waiting, "asics": waiting}
    found.see(brands, NOW_MS, 0.0)
    found.away(str(found.take(0.0)), 0.0)
    found.see(brands, NOW_MS, 0.0)
    assert found.next_s() == 1.0
    assert found.take(0.99) is None
    probing = found.take(1.0)
    assert probing is not None
    assert found.take(1.0) is None  # the others wait for what it finds
    assert found.next_s() == float("inf")
    found.away(probing, 1.0)
    assert found.take(2.99) is None
    probing = str(found.take(3.0))
    found.done(probing, reached=False)  # nothing was left to be put: that says nothing of the archive
    found.see(brands, NOW_MS, 3.0)
    probing = str(found.take(3.0))
    assert found.take(3.0) is None
    found.done(probing, reached=True)
    found.see(brands, NOW_MS, 3.0)
    assert {found.take(3.0), found.take(3.0), found.take(3.0)} == set(brands)


def test_after_a_refusal_of_the_place_another_brand_asks_first() -> None:
    """It may be about this brand all the same; then the others go on."""
    plan = Plan(Terms(100, 30.0, 30.0), jitter=lambda: 0.0)
    plan.see({brand: Waiting(100, 0, 1, 0, 0, "") for brand in ("a", "b")}, 0, 0.0)
    first = plan.take(0.0)
    assert first is not None
    plan.refused(first, 0.0)
    plan.see({brand: Waiting(100, 0, 1, 0, 0, "") for brand in ("a", "b")}, 0, 0.0)
    assert plan.take(0.4) is None  # half a second, as for one that is away
    assert plan.take(0.5) == {"a": "b", "b": "a"}[first]


def refused(found: Plan, brand: str) -> bool:
    """Whether the refusal of *brand*, whose turn it is made, is about it alone."""
    found.see({brand: waiting_of(100)}, NOW_MS, 0.0)
    assert found.take(1e9) == brand
    return found.refused(brand, 0.0)


def taken(found: Plan, brand: str, *, reached: bool = True) -> None:
    """The turn of *brand* ends well."""
    found.see({brand: waiting_of(100)}, NOW_MS, 0.0)
    assert found.take(1e9) == brand
    found.done(brand, reached=reached)


def test_refusal_is_about_a_brand_alone_where_another_one_was_taken() -> None:
    """Between two of its own; after that it asks more and more rarely, and the others do not wait for it."""
    found = plan()
    assert [refused(found, "nike"), refused(found, "nike")] == [False, False]
    taken(found, "puma")
    assert refused(found, "nike")
    found.see({"puma": waiting_of(100)}, NOW_MS, 0.0)
    assert found.take(0.0) == "puma"
    found.done("puma", reached=True)
    assert refused(found, "nike")


def test_refusal_is_about_all_again_after_it_ended() -> None:
    """Who was refused and is not any more, or has nothing to put any more, is as any other."""
    found = plan()
    assert not refused(found, "nike")
    taken(found, "nike")
    taken(found, "puma")
    assert not refused(found, "nike")
    taken(found, "puma")
    taken(found, "nike", reached=False)
    assert not refused(found, "nike")
    taken(found, "puma")
    found.see({"nike": waiting_of()}, NOW_MS, 0.0)
    assert not refused(found, "nike")


def test_turn_without_an_object_says_nothing_of_who_was_refused() -> None:
    """There was nothing to put."""
    found = plan()
    assert not refused(found, "nike")
    taken(found, "puma", reached=False)
    assert not refused(found, "nike")
