"""When to ask whether somebody works on a brand, on a clock that tests move."""

from __future__ import annotations

from math import inf

from orchestrator.scheduler.later import Asked, Later


def test_each_brand_is_asked_about_when_its_time_has_come() -> None:
    """Once, however many hints there are meanwhile; they do not put it off."""
    later = Later()
    later.defer("a", 10.0, 0.5)
    later.defer("b", 10.0, 0.25)
    later.defer("a", 10.1, 9.0)
    assert ("a" in later, "c" in later, later.next_s()) == (True, False, 10.25)
    assert list(later.take(10.2)) == []
    assert list(later.take(10.25)) == [Asked("b", 10.0)]
    assert list(later.take(99.0)) == [Asked("a", 10.0)]
    assert (later.next_s(), "a" in later) == (inf, False)


def test_asking_again_keeps_since_when_it_waits() -> None:
    """But not beside a hint that came meanwhile."""
    later = Later()
    later.again(Asked("a", 1.0), 5.0)
    later.defer("b", 4.0, 1.0)
    later.again(Asked("b", 1.0), 9.0)
    assert list(later.take(5.0)) == [Asked("a", 1.0), Asked("b", 4.0)]


def test_a_brand_that_left_is_forgotten() -> None:
    """With what is known of it; one that comes back has no time of before."""
    later = Later()
    later.lent.add("a")
    later.defer("a", 0.0, 1.0)
    later.forget("a")
    assert (later.next_s(), later.lent) == (inf, set())
    later.defer("a", 5.0, 1.0)
    assert list(later.take(5.9)) == []
    assert list(later.take(6.0)) == [Asked("a", 5.0)]
