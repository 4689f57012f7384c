"""The schedules of a projector: each shows wrong, loses or doubles something without the guard that it is named after.

One server, laid out as a cluster. What happens while slots move belongs to the tests of clusters; what scripts answer
by themselves is in ``tests/store/test_projections.py``.
"""

from __future__ import annotations

import pytest

from orchestrator.contract.layout import guard_key
from orchestrator.errors import DeadLetterFullError, StaleStateError, WrongTypeError
from orchestrator.lane.projector import POSTPONED_MS
from orchestrator.lane.session import BrandSession
from orchestrator.store import StoreOptions
from orchestrator.store.projections import MAX_LETTERS, OWED_MS
from tests.lane.support import May
from tests.layout.world import DiedError, Process, Spread, die, once, only

HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def _impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had no answer is tried again at once, but where a test is about the pause."""
    if request.node.name != "test_readers_whose_server_is_away_cost_no_commits":
        monkeypatch.setattr("orchestrator.lane.projector.RETRY_MS", 0)


def dies(process: Process) -> None:
    """Visit with *process*, which does not survive it; its lease is over some time later."""
    with pytest.raises(DiedError):
        process.visit()


def commit_next(session: BrandSession) -> None:
    """A step that commits something; what was peeked along with the last commit may be empty."""
    while session.step().idle:
        pass


def test_an_undisturbed_visit_shows_all(spread: Spread) -> None:
    """Chunks, a duplicate, and garbage; a cold lease, then a warm one, which sends changes alone."""
    one = spread.process()
    spread.push_ids("a", "b", "a")
    spread.push(b"garbage")
    one.visit()
    spread.assert_shown()
    assert spread.payloads() == ["garbage"]
    one.way.sent.clear()
    spread.push_ids("c")
    one.visit()
    spread.assert_shown()
    assert "HGETALL" not in one.way.sent
    assert one.way.sent.count("project") == 3  # the summary, the trend, the recent chunks


def test_letters_come_with_what_else_is_shown(spread: Spread) -> None:
    """And not a turn later."""
    one = spread.process()
    spread.push(b"garbage")
    one.visit()
    assert one.way.sent.index("bury") < one.way.sent.index("settle")


def test_a_brand_is_left_with_nothing_to_be_done(spread: Spread) -> None:
    """Its due time is that of the state, and no claim finds it."""
    spread.push_ids("a")
    spread.process().visit()
    assert not spread.ready()
    assert spread.number("due") > spread.now_ms()
    assert not spread.locked()


def test_who_slept_before_showing_shows_nothing_old(spread: Spread) -> None:
    """Schedule 1: A commits v1 and sleeps, B takes over, commits v2 and shows it; then A's projection arrives."""
    a, b = spread.process(), spread.process()

    def take_over() -> None:
        spread.expire()
        spread.push_ids("b")
        b.visit()

    a.way.before = once("project", take_over)
    spread.push_ids("a")
    a.visit()
    assert spread.summary()["version"] == 2
    spread.assert_shown()


def test_a_projection_without_an_answer_is_sent_again(spread: Spread) -> None:
    """Schedule 2: all of it was carried out, and nobody knows; a lane that has nothing to do sends it again."""
    one = spread.process()
    spread.push_ids("a")
    one.way.after = only("project")
    session = one.open()
    session.step()
    one.way.heal()
    assert session.step().idle
    one.end()
    spread.assert_shown()
    assert spread.number("version") == 1


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_change_that_did_not_arrive_is_made_good_by_the_whole(spread: Spread, lost: str) -> None:
    """Schedule 3: v2 of a warm lease was lost, or its answer; v3 adds to it and finds another base, or the same."""
    one = spread.process()
    spread.push_ids("a")
    one.visit()
    session = one.open()
    setattr(one.way, lost, only("project"))
    spread.push_ids("b")
    commit_next(session)
    one.way.heal()
    spread.push_ids("c")
    commit_next(session)
    one.end()
    spread.assert_shown()


def test_what_a_colleague_could_not_show_is_in_the_whole(spread: Spread) -> None:
    """Schedule 12, by two processes: the guard names the first one's last commit and b is in no change of it."""
    one, other = spread.process(), spread.process()
    spread.push_ids("a")
    one.visit()
    other.way.before = only("project")
    spread.push_ids("b")
    other.visit()
    spread.push_ids("c")
    one.visit()
    spread.assert_shown()


def test_a_change_on_top_of_what_the_readers_server_forgot_is_made_good(spread: Spread) -> None:
    """Schedules 3 and 9: the guard went back together with the value, under a warm lease."""
    one = spread.process()
    spread.push_ids("a")
    one.visit()
    with spread.forgotten(*spread.beside("trend"), *spread.beside("recent")):
        spread.push_ids("b")
        one.visit()
    spread.push_ids("c")
    one.visit()
    spread.assert_shown()


@pytest.mark.parametrize("last", ["project", "settle"])
def test_a_death_before_showing_or_settling_leaves_a_brand_that_is_due(spread: Spread, last: str) -> None:
    """Schedule 4: whoever claims it makes a refresh, and shows the whole."""
    one = spread.process()
    one.way.before = once(last, die)
    spread.push_ids("a")
    dies(one)
    spread.expire()
    assert spread.number("due") == OWED_MS
    assert spread.ready()
    spread.process().visit()
    spread.assert_shown()


def test_letters_that_were_buried_before_a_death_are_not_buried_again(spread: Spread) -> None:
    """Schedule 5: the next holder finds them in the outbox."""
    one = spread.process()
    one.way.before = once("settle", die)
    spread.push(b"garbage")
    dies(one)
    spread.expire()
    assert spread.client.llen(spread.inner.failed) == 1
    spread.process().visit()
    assert spread.payloads() == ["garbage"]
    spread.assert_shown()


def test_letters_of_a_lost_settling_leave_with_the_next_commit(spread: Spread) -> None:
    """Schedule 6: the next commit has no letters, and nobody would look into the outbox for its sake."""
    one = spread.process()
    session = one.open()
    one.way.before = only("settle")
    spread.push(b"garbage")
    session.step()
    assert spread.client.llen(spread.inner.failed) == 1
    one.way.heal()
    assert session.step().idle
    assert spread.client.llen(spread.inner.failed) == 0
    spread.push_ids("a")
    commit_next(session)
    one.end()
    assert spread.payloads() == ["garbage"]
    spread.assert_shown()


def test_letters_of_a_lost_settling_leave_with_the_next_lease(spread: Spread) -> None:
    """Schedule 6 once more: nothing comes any more, and the process goes on to other brands."""
    one = spread.process()
    one.way.before = only("settle")
    spread.push(b"garbage")
    one.visit()
    one.way.heal()
    one.visit()
    assert spread.payloads() == ["garbage"]
    assert spread.client.llen(spread.inner.failed) == 0


def test_a_server_that_forgot_commits_shows_no_older_epoch(spread: Spread) -> None:
    """Schedule 8: it forgot what readers saw, and its clock is behind: without `least` they would see nothing more."""
    spread.push_ids("a")
    one = spread.process()
    one.visit()
    with spread.forgotten(*spread.own()):
        assert one.warm is not None
        one.warm.epoch = ahead = spread.now_ms() + HOUR_MS
        spread.push_ids("b")
        spread.push(b"garbage")
        one.visit()
    assert spread.projections.verify([spread.name]).owed == [spread.name]
    assert spread.ready()
    spread.process().visit()
    spread.assert_shown()
    assert spread.summary()["epoch"] > ahead


def test_a_lease_that_readers_have_outrun_gives_way_to_a_later_one(spread: Spread) -> None:
    """Schedule 8, where the readers' servers did not answer at the acquire: it goes on as soon as one does."""
    one = spread.process()
    spread.push_ids("a")
    one.visit()
    spread.client.hset(guard_key(spread.keys.summary), mapping={"e": spread.now_ms() + HOUR_MS, "v": 1})
    other = spread.process()
    other.way.before = only("HMGET")
    spread.push(b"garbage")
    session = other.open()
    session.step()
    with pytest.raises(StaleStateError, match="readers have seen epoch"):
        session.step()
    other.fail()
    spread.client.hset(spread.keys.meta, "due", 1)
    other.visit()
    spread.assert_shown()
    assert spread.payloads() == ["garbage"]


@pytest.mark.parametrize("part", ["summary", "trend", "recent"])
def test_what_a_readers_server_forgot_is_shown_anew(spread: Spread, part: str) -> None:
    """Schedule 9: value and guard go back together, so nobody notices until somebody compares."""
    spread.push_ids("a")
    one = spread.process()
    one.visit()
    with spread.forgotten(*spread.beside(part)):
        spread.push_ids("b")
        one.visit()
    assert not spread.ready()
    assert spread.projections.verify([spread.name]).owed == [spread.name]
    assert spread.ready()
    spread.process().visit()
    spread.assert_shown()


def test_whoever_takes_a_brand_over_compares_by_itself(spread: Spread) -> None:
    """Schedule 9 without any verification: a cold lease looks at what readers see."""
    spread.push_ids("a")
    one = spread.process()
    one.visit()
    with spread.forgotten(*spread.beside("mood"), *spread.beside("summary")):
        spread.push_ids("b")
        one.visit()
    spread.process().visit()
    spread.assert_shown()


def test_a_warm_process_that_is_asked_for_it_shows_the_whole(spread: Spread) -> None:
    """Schedule 9 once more: it takes what it has shown for shown, and the part that was forgotten has no changes."""
    spread.push_ids("a")
    one = spread.process()
    one.visit()
    outward = spread.beside("mood")
    spread.client.delete(*outward)
    assert spread.projections.verify([spread.name]).owed == [spread.name]
    one.visit()
    spread.assert_shown()


def test_a_holder_that_is_told_shows_all_anew(spread: Spread) -> None:
    """Schedule 9 under a lease: who verifies finds the brand held."""
    one = spread.process()
    spread.push_ids("a")
    session = one.open()
    with spread.forgotten(*spread.beside("trend")):
        session.step()
    found = spread.projections.verify([spread.name])
    assert (found.owed, found.held) == ([], [spread.name])
    session.show_anew()
    session.step()
    one.end()
    spread.assert_shown()


def test_a_letter_that_its_queue_forgot_comes_twice_and_is_never_lost(spread: Spread) -> None:
    """Schedule 10: the queue's server forgot the commit after the letter was buried, and has the item again."""
    one = spread.process()
    spread.push(b"garbage")
    with spread.forgotten(*spread.own()):
        one.visit()
    spread.process().visit()
    assert spread.payloads() == ["garbage", "garbage"]
    spread.assert_shown()


def test_what_somebody_else_put_into_the_outbox_holds_no_letter_up(spread: Spread) -> None:
    """It looks as if it came after all of ours, with a bar in it or without; it leaves with them and is not shown."""
    spread.client.rpush(spread.inner.failed, b'{"payload":"x"}', b'{"payload":"a|b"}')
    one = spread.process()
    spread.push(b"g0")
    one.visit()
    assert spread.payloads() == ["g0"]
    spread.assert_shown()


def test_what_somebody_else_put_into_the_outbox_costs_no_commits(spread: Spread) -> None:
    """Nothing of it is ours, so nothing is owed; and what could not be looked at still is."""
    one = spread.process()
    spread.push_ids("a")
    one.visit()
    spread.client.rpush(spread.inner.failed, b'{"payload":"x"}')
    spread.push_ids("b")
    one.visit()
    assert spread.number("due") > spread.now_ms() + POSTPONED_MS
    one.way.before = lambda name, keys: (name, *keys) != ("LRANGE", spread.inner.failed)
    spread.push_ids("c")
    one.visit()
    assert spread.number("due") <= spread.now_ms() + POSTPONED_MS
    one.way.heal()
    spread.client.rpush(spread.inner.failed, *[b'{"payload":"x"}'] * MAX_LETTERS)
    spread.push_ids("d")
    one.visit()
    assert spread.number("due") <= spread.now_ms() + POSTPONED_MS


def test_letters_that_cannot_leave_in_their_order_are_not_buried_for_ever(spread: Spread) -> None:
    """The meta was lost, and with it the epoch; they come once, and leave with the next letter."""
    later, earlier = (b"%016d.%012d.%06d" % (epoch, 1, 0) for epoch in (9, 8))
    entries = (b'%b|{"payload":"%b"}' % pair for pair in ((later, b"l"), (earlier, b"e")))
    one = spread.process()
    spread.push_ids("a")
    one.visit()
    spread.client.rpush(spread.inner.failed, *entries)
    one.way.before = lambda name, _keys: name != "bury" or one.way.sent.count("bury") < 9
    one.visit()
    one.way.heal()
    assert one.way.sent.count("bury") < 5
    assert spread.payloads() == ["l", "e"]
    spread.push(b"g0")
    one.visit()
    assert spread.payloads() == ["l", "e", "g0"]
    spread.assert_shown()


def test_a_full_list_parks_the_brand_before_it_folds(spread: Spread) -> None:
    """Schedule 11: the list never exceeds its cap, none is dropped, and all come once there is room."""
    spread.options = StoreOptions(failed_max=2)
    spread.client.rpush(spread.keys.failed, "a worker's")
    one = spread.process()
    session = one.open()
    one.way.before = only("bury")
    spread.push(b"g0")
    session.step()
    one.way.heal()
    spread.client.rpush(spread.keys.failed, "another one's")
    one.end()
    with pytest.raises(DeadLetterFullError):
        one.visit()
    one.fail()
    spread.push(b"g1")
    with pytest.raises(DeadLetterFullError):
        spread.process().open()
    spread.expire()
    assert (spread.client.llen(spread.keys.failed), spread.client.llen(spread.inner.failed)) == (2, 1)
    assert spread.queued() == 1
    spread.client.delete(spread.keys.failed)
    one.visit()
    assert spread.payloads() == ["g0", "g1"]
    spread.assert_shown()


def test_a_list_that_fills_up_meanwhile_ends_the_visit(spread: Spread) -> None:
    """Schedule 11, in its middle: the commit is in, its letter waits, and nothing more is folded."""
    spread.options = StoreOptions(failed_max=2)
    one = spread.process()
    session = one.open()
    one.way.before = once("bury", lambda: spread.client.rpush(spread.keys.failed, "w", "w"))
    spread.push(b"g0")
    spread.push_ids(*(f"c{number}" for number in range(2_000)))
    session.step()
    left = spread.queued()
    assert left
    with pytest.raises(DeadLetterFullError):
        session.step()
    assert spread.queued() == left
    one.fail()
    spread.client.delete(spread.keys.failed)
    one.visit()
    assert spread.payloads() == ["g0"]


def test_the_first_projection_of_an_unknown_lineage_is_whole(spread: Spread) -> None:
    """Schedule 12: v2 was forgotten and made anew by somebody else; readers' trend has what the forgotten one added."""
    spread.push_ids("a")
    one = spread.process()
    one.visit()
    with spread.forgotten(*spread.own()):
        spread.push(spread.item("b", processedAt="2025-01-01T05:00:00Z"), spread.item("c"))
        one.visit()
    spread.push_ids("d")
    spread.process().visit()
    spread.assert_shown()


def test_readers_whose_server_is_away_cost_no_commits(spread: Spread) -> None:
    """Schedule 14: what is owed is tried again, and no commit is made for it; nor is the brand claimed again and again.

    A process that does not know what is owed makes one commit for it, and has it wait.
    """
    one = spread.process()
    one.way.before = only("project", "bury")
    spread.push_ids("a")
    session = one.open()
    session.step()
    tries = one.way.sent.count("settle")
    for _ in range(5):
        assert session.step().idle
    assert (spread.number("version"), one.way.sent.count("settle")) == (1, tries)  # and not without a pause
    one.end()
    assert spread.now_ms() < spread.number("due") <= spread.now_ms() + POSTPONED_MS
    for _ in range(3):
        spread.client.hset(spread.keys.meta, "due", 1)
        one.visit()
    assert spread.number("version") == 1
    other = spread.process()
    other.way.before = only("project", "bury")
    spread.client.hset(spread.keys.meta, "due", 1)
    other.visit()
    assert spread.number("version") == 2
    assert not spread.ready()
    spread.client.hset(spread.keys.meta, "due", 1)
    other.way.heal()
    other.visit()
    assert spread.number("version") == 2
    spread.assert_shown()


def test_nothing_of_readers_servers_stops_a_commit(spread: Spread) -> None:
    """Nothing at all answers but the queue's, and only to acquire, begin and commit."""
    one = spread.process()
    one.way.before = lambda _name, _keys: False
    spread.push_ids("a", "b")
    spread.push(b"garbage", b"more")
    one.visit()
    assert spread.queued() == 0
    one.way.heal()
    one.visit()
    assert spread.payloads() == ["garbage", "more"]
    spread.assert_shown()


def test_commits_that_show_nothing_add_up(spread: Spread) -> None:
    """Under load a summary is written once a second; changes of the commits between are sent as one."""
    one = spread.process()
    spread.push_ids(*(f"c{number}" for number in range(400)))
    spread.push(*(b"garbage %d" % number for number in range(300)))
    session = one.open()
    while not session.burst(May(ahead=True))[-1].idle:
        pass
    one.end()
    assert spread.number("version") > one.way.sent.count("settle") - 2
    assert len(set(spread.payloads())) == len(spread.payloads()) == 300
    spread.assert_shown()


def test_a_foreign_type_of_what_readers_see_parks_the_brand(spread: Spread) -> None:
    """As it does on one server; what is committed stays, and is shown once the key is gone."""
    spread.client.set(spread.keys.trend, "mine")
    one = spread.process()
    spread.push_ids("a")
    session = one.open()
    session.step()
    with pytest.raises(WrongTypeError, match="trend"):
        session.step()
    one.fail()
    spread.client.delete(spread.keys.trend)
    spread.client.hset(spread.keys.meta, "due", 1)
    one.visit()
    spread.assert_shown()
