"""What is asked of Redis when, on a clock that tests move."""

from __future__ import annotations

from collections import Counter

from orchestrator.scheduler.looks import MAX_DUES, NEAR_MS, OTHERS_DUES_S, OTHERS_S, OWN_DUES_S, Looks
from orchestrator.scheduler.roster import CLAIM_SLICE
from orchestrator.store.glance import MAX_PARTS, STRANGE, Part

OWN = [f"own-{number}" for number in range(3 * CLAIM_SLICE + 7)]
OTHERS = [f"other-{number}" for number in range(2 * CLAIM_SLICE)]


def looks_at(own: list[str], others: list[str], ttl_s: float = 60.0) -> Looks:
    """Nothing is in doubt any more, and all that was to be read at first was read."""
    looks = Looks(ttl_s)
    looks.divide([*own, *others], set(own))
    for _ in looks.glances(0.0):
        pass
    looks.asked([], 0, idle)
    return looks


def idle(_brand: str) -> bool:
    """Nobody has it."""
    return True


def glanced(looks: Looks, now_s: float) -> tuple[set[str], list[str]]:
    """The brands of all glances of a round, and those whose dues are read."""
    rounds = list(looks.glances(now_s))
    assert all(len(parts) <= MAX_PARTS and len(dues) <= MAX_DUES for parts, dues in rounds)
    return {brand for parts, _ in rounds for part in parts for brand in part.brands}, [
        brand for _, dues in rounds for brand in dues
    ]


def asked(looks: Looks, *stirred: Part, now_ms: int = 0) -> set[str]:
    """The brands of all claims of a round."""
    slices = looks.asked(stirred, now_ms, idle)
    assert all(len(brands) <= CLAIM_SLICE for brands in slices)
    return {brand for brands in slices for brand in brands}


def test_what_became_ours_is_asked_about_and_its_due_read() -> None:
    """At the start all brands, and those of a process that died: whatever waits in them, nobody told us."""
    looks = Looks(60.0)
    looks.divide([*OWN, *OTHERS], set(OWN))
    brands, dues = glanced(looks, 0.0)
    assert brands == set(OTHERS)  # a glance at own ones would tell less than the claim that comes anyway
    assert set(dues) == set(OWN)
    assert asked(looks) == set(OWN)
    assert asked(looks) == set()
    looks.divide([*OWN, *OTHERS], {*OWN, *OTHERS})
    assert set(glanced(looks, 1.0)[1]) == set(OTHERS) == asked(looks)


def test_own_brands_are_glanced_at_in_every_round() -> None:
    """Those in doubt are not, because a claim asks about them."""
    looks = looks_at(OWN, OTHERS)
    assert glanced(looks, 1.0)[0] >= set(OWN)
    looks.doubt(["own-1", "other-1", "unknown"])
    assert looks.waiting
    assert set(OWN) - glanced(looks, 2.0)[0] == {"own-1"}
    assert asked(looks) == {"own-1"}
    assert not looks.waiting


def test_own_brands_are_not_glanced_at_again_at_once() -> None:
    """Rounds that only count come more often."""
    looks = looks_at(OWN, [])
    assert glanced(looks, 1.0)[0] == set(OWN)
    assert glanced(looks, 1.5)[0] == set()
    assert glanced(looks, 1.75)[0] == set(OWN)


def test_brands_of_others_are_glanced_at_in_turn() -> None:
    """Each of them once within 20 s, or within a lease that lives for less."""
    for ttl_s, within_s in ((60.0, OTHERS_S), (8.0, 8.0)):
        looks = looks_at(OWN, OTHERS, ttl_s)
        seen: Counter[str] = Counter()
        for second in range(1, round(within_s) + 1):
            seen.update(glanced(looks, float(second))[0] & set(OTHERS))
        assert seen == Counter(OTHERS)


def test_a_stirred_part_is_asked_about() -> None:
    """It has a queue of which no hint told."""
    looks = looks_at(OWN, OTHERS)
    assert asked(looks, Part.of(["own-1", "other-2"])) == {"own-1", "other-2"}


def test_a_claim_starts_elsewhere_each_time() -> None:
    """With a fixed start the same brands would always come last."""
    looks = looks_at(OWN, [])
    firsts = set()
    for _ in range(3):
        looks.doubt(OWN)
        firsts.add(looks.asked([], 0, idle)[0][0])
    assert len(firsts) == 3


def test_dues_are_read_in_turn() -> None:
    """Those of own brands within 20 s, those of others rarely: they are what other processes' commits have set."""
    looks = looks_at(OWN, OTHERS)
    read: Counter[str] = Counter()
    for second in range(1, round(OTHERS_DUES_S) + 1):
        read.update(glanced(looks, float(second))[1])
    assert {read[brand] for brand in OWN} == {OTHERS_DUES_S / OWN_DUES_S}
    assert {read[brand] for brand in OTHERS} == {1}


def test_a_due_is_asked_about_when_it_has_come() -> None:
    """And its time is read again, because nobody may get to it."""
    looks = looks_at(["a", "b", "c"], ["d"])
    looks.saw({"a": 5_000, "b": 9_000, "c": 0, "d": 5_000}, 1_000)
    assert asked(looks, now_ms=4_999) == set()
    assert asked(looks, now_ms=5_000) == {"a", "d"}
    assert set(glanced(looks, 0.0)[1]) == {"a", "d"}
    assert asked(looks, now_ms=8_000) == set()


def test_a_due_that_moved_is_forgotten() -> None:
    """Also one that moved nearer, or away for good, or whose brand left."""
    looks = looks_at(["a", "b", "c", "d"], [])
    looks.saw({"a": 5_000, "b": 5_000, "c": 5_000, "d": 5_000}, 0)
    looks.saw({"a": 7_000, "b": 3_000, "c": 0}, 0)
    looks.divide("abc", set("abc"))
    assert asked(looks, now_ms=3_000) == {"b"}
    assert asked(looks, now_ms=6_000) == set()
    assert asked(looks, now_ms=7_000) == {"a"}


def test_a_due_that_is_far_away_is_read_again_before_it_comes() -> None:
    """So that the heap holds what is near, however many brands there are."""
    looks = looks_at(["a"], [])
    looks.saw({"a": NEAR_MS + 1}, 0)
    assert asked(looks, now_ms=NEAR_MS + 1) == set()
    assert NEAR_MS > 2 * 1000 * OWN_DUES_S
    looks.saw({"a": NEAR_MS + 1}, 1)
    assert asked(looks, now_ms=NEAR_MS + 1) == {"a"}


def test_a_due_that_is_no_time_is_asked_about_at_once() -> None:
    """A claim says what is wrong with it."""
    looks = looks_at(["a"], [])
    looks.saw({"a": STRANGE}, 1_000)
    assert asked(looks, now_ms=1_000) == {"a"}


def test_a_brand_that_is_busy_here_is_not_asked_about_for_its_due() -> None:
    """Its lane sees to it, and its due is read when that visit ends."""
    looks = looks_at(["a"], [])
    looks.saw({"a": 5_000}, 0)
    assert looks.asked([], 5_000, lambda _brand: False) == []
    assert glanced(looks, 0.0)[1] == []
    looks.ended(["a"])
    assert glanced(looks, 0.0)[1] == ["a"]


def test_what_was_missed_is_glanced_at_again() -> None:
    """Redis gave no answer: nothing of the round counts."""
    looks = looks_at(["a"], ["d"])
    looks.ended(["a"])
    (parts, dues), *_ = looks.glances(1.0)
    assert (len(parts), dues) == (1, ["a"])
    looks.missed(dues)
    assert glanced(looks, 1.1) == ({"a", "d"}, ["a"])


def test_when_hints_were_missed_everything_is_looked_at() -> None:
    """Own brands by claims, those of others by a glance."""
    looks = looks_at(OWN, OTHERS)
    looks.doubt_all()
    assert glanced(looks, 0.1)[0] == set(OTHERS)
    assert asked(looks) == set(OWN)


def test_parts_that_are_as_they_were_are_kept() -> None:
    """Encoding names takes time; a registry of 100,000 brands changes by one brand."""
    looks = looks_at(OWN, [])
    before = {id(part) for parts, _ in looks.glances(1.0) for part in parts}
    brands = [*OWN[:-1], "new"]
    looks.divide(brands, set(brands))
    looks.asked([], 0, idle)
    rounds = [part for parts, _ in looks.glances(2.0) for part in parts]
    assert {brand for part in rounds for brand in part.brands} == set(brands)
    assert sum(id(part) in before for part in rounds) >= len(before) - 2


def test_what_is_not_ours_any_more_is_in_no_doubt() -> None:
    """Its new owner asks about it, and counts it."""
    looks = looks_at(["a", "b"], [])
    looks.doubt(["a", "b"])
    looks.divide(["a", "b", "c"], {"b"})
    assert asked(looks) == {"b"}
