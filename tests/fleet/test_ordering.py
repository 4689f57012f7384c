"""Which processes an order is for, and how each stands to orders in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.errors import ProcessChoiceError, ProcessUnknownError
from orchestrator.fleet.members import Member, Obedience
from orchestrator.fleet.ordering import asked, done, meant, resuming, stands
from tests.fleet.test_view import member as old_member

NOW_MS = 1_790_000_000_000
FREE, QUIET = Obedience(5), Obedience(5, NOW_MS - 180_000, by="ann@host")


def member(name: str, stands_so: Obedience = FREE, *waiting: Wanted, lanes: int = 5, active: int = 0) -> Member:
    """A process that takes orders, and has not heard some."""
    orders = tuple(ProcessOrder(wanted=wanted, at_ms=NOW_MS, by="ann") for wanted in waiting)
    plain = old_member(name)
    return replace(plain, id=f"o-{name}", obedience=stands_so, asked=orders, lanes=lanes, active=active)


def test_a_process_is_meant_by_name_or_id() -> None:
    """Or all are."""
    members = [member("a"), member("b")]
    assert meant(members, "a") == [members[0]]
    assert meant(members, "o-b") == [members[1]]
    assert meant(members, None) == members


def test_nobody_is_meant_by_a_name_that_nobody_has() -> None:
    """The message says who is there."""
    with pytest.raises(ProcessUnknownError, match=r"no process has the name or id 'c'; running: 'o-a' \(a\)"):
        meant([member("a")], "c")
    for wanted in ("a", None):
        with pytest.raises(ProcessUnknownError, match="no process is running"):
            meant([], wanted)
    with pytest.raises(ProcessUnknownError, match="and 2 more"):
        meant([member(str(number)) for number in range(7)], "c")


def test_an_id_of_several_processes_means_none() -> None:
    """Several may have the same one by setting; their names are their own."""
    members = [replace(member(name), id="same") for name in "ab"]
    with pytest.raises(ProcessChoiceError, match="2 processes have the id 'same': say which is meant by name: a, b"):
        meant(members, "same")
    assert meant(members, "b") == [members[1]]


def test_a_version_that_takes_no_orders_is_told_apart() -> None:
    """It would never hear, and nobody would say so; nor are the others ordered alone then."""
    members = [member("a"), old_member("old")]
    for wanted in ("old", None):
        with pytest.raises(ProcessChoiceError, match=r"'old' \(old\) is of version 1, which takes no orders"):
            meant(members, wanted)


def test_words_say_what_was_asked_and_what_holds() -> None:
    """The first until it was heard."""
    assert stands(NOW_MS, old_member("old")) == ""
    assert stands(NOW_MS, member("a")) == ""
    assert stands(NOW_MS, member("a", FREE, Wanted.QUIET)) == "asked to be quiet by ann, not heard yet"
    assert stands(NOW_MS, member("a", QUIET)) == "quiet for 3 min by ann@host"
    assert stands(NOW_MS, member("a", QUIET, active=2)) == "quiet for 3 min by ann@host, 2 brands still in work"
    assert stands(NOW_MS, member("a", replace(QUIET, stopping=True))) == "stopping by ann@host"
    assert stands(NOW_MS, member("a", lanes=9)) == "9 lanes by order, 5 by setting"
    assert stands(NOW_MS, member("a", QUIET, Wanted.RESUME, lanes=1)) == (
        "asked to resume by ann, not heard yet; quiet for 3 min by ann@host; 1 lane by order, 5 by setting"
    )


def test_lanes_are_asked_for_in_words() -> None:
    """By number, or as the settings say."""
    assert asked(ProcessOrder(wanted=Wanted.LANES, at_ms=1, lanes=1)) == "asked for 1 lane"
    assert asked(ProcessOrder(wanted=Wanted.LANES, at_ms=1)) == "asked for as many lanes as its settings say"
    assert asked(ProcessOrder(wanted=Wanted.STOP, at_ms=1)) == "asked to stop"


def test_it_is_said_how_a_process_resumes() -> None:
    """By its name, which is nobody else's."""
    assert resuming("00aa") == "orchestrator processes resume 00aa"


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        *((wanted, None, True) for wanted in Wanted),
        (Wanted.STOP, member("a"), False),
        (Wanted.STOP, member("a", replace(QUIET, stopping=True)), False),
        (Wanted.QUIET, member("a", FREE, Wanted.QUIET), False),
        (Wanted.QUIET, member("a", QUIET, active=1), False),
        (Wanted.QUIET, member("a", QUIET), True),
        (Wanted.QUIET, member("a", QUIET, Wanted.LANES), True),
        (Wanted.QUIET, member("a"), False),
        (Wanted.RESUME, member("a", QUIET, Wanted.RESUME), False),
        (Wanted.RESUME, member("a", active=3), True),
        (Wanted.LANES, member("a", FREE, Wanted.LANES), False),
        (Wanted.LANES, member("a", FREE, Wanted.QUIET), True),
    ],
)
def test_it_is_known_when_an_order_is_done(wanted: Wanted, there: Member | None, expected: bool) -> None:  # noqa: FBT001
    """Who is gone has done everything; a quiet one once nothing is in work."""
    assert done(wanted, there) is expected
