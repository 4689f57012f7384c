"""What operators do, on a brand whose keys are in several slots: step by step, and killed between any two steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.contract.keys import PAUSED_KEY, worker_queue_key
from orchestrator.contract.layout import CLUSTER, guard_key, moved_key, moving_key
from orchestrator.errors import BrandPausedError, StoreUnavailableError, WrongTypeError
from orchestrator.letters.reading import slice_of
from orchestrator.store import pauses, scripts
from orchestrator.store.fleet import read_brand
from orchestrator.store.letters import Sent, Walk, finish, marks, mend
from orchestrator.store.pauses import all_paused, pause, paused, resume
from orchestrator.store.projections import Buried, Part, Projections
from orchestrator.store.purge import look, purge
from orchestrator.store.runner import ScriptRunner
from tests.layout.world import DiedError, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.store.wire import Command

NAMES = {script.digest: script.name for script in scripts.ALL}


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Have the process die at its n-th round trip from now on, before it is sent; returns what was sent."""

    def at(number: int) -> list[str]:
        real = ScriptRunner.run
        sent: list[str] = []

        def run(self: ScriptRunner, commands: Sequence[Command]) -> list[Any]:
            if len(sent) == number:
                raise DiedError
            sent.append(str(NAMES.get(commands[0][1], commands[0][0])))
            return real(self, commands)

        monkeypatch.setattr(ScriptRunner, "run", run)
        return sent

    return at


def survives(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> bool:
    """Whether *act* came to its end; then nothing is cut any more."""
    try:
        act()
    except DiedError:
        return False
    finally:
        monkeypatch.undo()
    return True


# -- pauses


def test_a_paused_brand_is_acquired_by_nobody_until_it_is_resumed(spread: Spread) -> None:
    """The mark is in the slot of the queue, with the lock; and all see it where they look."""
    session = spread.process().open()
    before = pauses.stamp_of(ScriptRunner(spread.client).run(pauses.STAMP))
    assert pause(spread.client, [spread.name], by="ann", reason="tests") == {spread.name: True}
    assert pauses.stamp_of(ScriptRunner(spread.client).run(pauses.STAMP)) != before
    assert spread.name in all_paused(spread.client)
    assert paused(spread.client, [spread.name])[spread.name].reason == "tests"
    with pytest.raises(BrandPausedError):
        spread.process().open()
    assert not session.release()
    ended = resume(spread.client, [spread.name])[spread.name]
    assert (ended and ended.by, paused(spread.client, [spread.name])) == ("ann", {})
    assert spread.client.exists(CLUSTER.paused(spread.name)) == 0
    spread.process().visit()
    assert resume(spread.client, [spread.name]) == {spread.name: None}


def test_a_pause_that_is_over_pauses_nobody(spread: Spread) -> None:
    """The next acquire removes the mark where it counts."""
    pause(spread.client, [spread.name], by="ann", for_ms=60_000)
    mark = cast("bytes", spread.client.hget(CLUSTER.paused(spread.name), spread.name))
    past = mark.replace(mark.partition(b":")[2].partition(b",")[0], b"7", 1)
    for key in (CLUSTER.paused(spread.name), PAUSED_KEY):
        spread.client.hset(key, spread.name, past)
    spread.process().open()
    assert not spread.client.hexists(CLUSTER.paused(spread.name), spread.name)
    assert paused(spread.client, [spread.name]) == {}
    resume(spread.client, [spread.name])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_whoever_is_killed_within_a_pause_leaves_no_pause_that_nobody_sees(
    spread: Spread, cut: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A brand that nobody may acquire is always shown as paused; calling again does the rest."""
    cut(number)
    done = survives(monkeypatch, lambda: pause(spread.client, [spread.name], by="ann"))
    assert done == (number == 2)
    held_back = bool(spread.client.hexists(CLUSTER.paused(spread.name), spread.name))
    shown = spread.name in paused(spread.client, [spread.name])
    assert shown >= held_back
    assert (shown, held_back) == ((False, False), (True, False), (True, True))[number]
    pause(spread.client, [spread.name], by="ann")
    cut(number)
    done = survives(monkeypatch, lambda: resume(spread.client, [spread.name]))
    held_back = bool(spread.client.hexists(CLUSTER.paused(spread.name), spread.name))
    shown = spread.name in paused(spread.client, [spread.name])
    assert (shown, held_back) == ((True, True), (True, False), (False, False))[number]
    assert resume(spread.client, [spread.name]).keys() == {spread.name}


# -- dead letters: schedule 16


def letters_of(spread: Spread) -> list[Sent]:
    """All of them, to be sent as they are."""
    found, _ = slice_of(spread.client, spread.name, 0, -1)
    return [Sent(letter.index, letter.raw, before=letter.payload(), payload=letter.payload()) for letter in found]


@pytest.mark.parametrize("number", range(6))
def test_whoever_is_killed_within_a_retry_loses_and_doubles_nothing(
    spread: Spread, cut: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Schedule 16: out of the list, into the queue, off the way; anybody goes on from any point, twice if need be."""
    spread.push(b"g0", b"g1")
    spread.process().visit()
    sent = letters_of(spread)
    cut(number)
    done = survives(monkeypatch, lambda: mend(spread.client, spread.name, sent, who="ann", queue=spread.keys.queue))
    assert done == (number >= 5)
    where = [spread.client.llen(key) for key in (spread.keys.failed, moving_key(spread.keys.failed), spread.keys.queue)]
    assert sum(where) >= 2, where
    for _ in range(2):
        finish(spread.client, spread.name)
    if letters_of(spread):
        assert mend(spread.client, spread.name, letters_of(spread), who="ann", queue=spread.keys.queue) == [True] * 2
    assert sorted(spread.value(spread.keys.queue)) == [b"g0", b"g1"]
    assert spread.client.exists(spread.keys.failed, moving_key(spread.keys.failed)) == 0
    assert [mark and mark.times for mark in marks(spread.client, spread.name, [b"g0", b"g1"])] == [1, 1]


def test_two_who_go_on_at_once_push_each_letter_once(spread: Spread) -> None:
    """Schedule 16 with two: both saw it on its way; the slower one arrives when it has left."""
    spread.push(b"g0")
    spread.process().visit()
    moving = moving_key(spread.keys.failed)
    mend(spread.client, spread.name, letters_of(spread), who="ann", queue=None)  # dropped: none goes on its way
    assert spread.client.exists(moving) == 0
    entry = b"%016x%032x q|payload" % (1, 2)
    for _ in range(2):
        spread.client.rpush(moving, entry)
        assert finish(spread.client, spread.name) == 1
    assert spread.value(spread.keys.queue) == [b"payload"]


def test_letters_on_their_way_are_found_by_whoever_looks_at_the_list(spread: Spread) -> None:
    """Also those that go to a worker's queue; what is no letter stays where it is, and stands in nobody's way."""
    moving = moving_key(spread.keys.failed)
    spread.client.rpush(moving, b"what is this", b"%048x w|to a worker" % 7, b"%048x q|to us" % 8)
    assert Walk(spread.client, spread.name).read() == []
    assert spread.value(worker_queue_key(spread.name)) == [b"to a worker"]
    assert spread.value(spread.keys.queue) == [b"to us"]
    assert spread.value(moving) == [b"what is this"]


def test_ids_of_letters_that_arrived_are_bounded(spread: Spread) -> None:
    """The oldest go."""
    runner, queue = ScriptRunner(spread.client), spread.keys.queue
    for number in (3, 1, 2):
        flat = (f"{number:048x}", "payload")
        (reply,) = runner.run([("EVALSHA", scripts.ARRIVE.digest, 2, queue, moved_key(queue), 60_000, 2, *flat)])
        assert reply == [b"OK", 1]
    assert sorted(cast("list[bytes]", spread.client.hkeys(moved_key(queue)))) == [b"%048x" % 2, b"%048x" % 3]
    assert 0 < spread.client.pttl(moved_key(queue)) <= 60_000


def test_the_first_letter_that_arrives_leaves_its_id_and_nothing_else(spread: Spread) -> None:
    """For a while: there was no key yet that could have been told how long it lives."""
    queue, moved = spread.keys.queue, moved_key(spread.keys.queue)
    ScriptRunner(spread.client).run([("EVALSHA", scripts.ARRIVE.digest, 2, queue, moved, 60_000, 2, "id", "payload")])
    assert spread.client.hgetall(moved) == {b"id": b"1"}
    assert 0 < spread.client.pttl(moved) <= 60_000


@pytest.mark.parametrize("part", ["queue", "moved"])
def test_letters_do_not_arrive_in_a_foreign_type(spread: Spread, part: str) -> None:
    """They wait on their way."""
    key = spread.keys.queue if part == "queue" else moved_key(spread.keys.queue)
    spread.client.set(key, "mine")
    spread.client.rpush(moving_key(spread.keys.failed), b"%048x q|to us" % 8)
    with pytest.raises(WrongTypeError, match="chunks"):
        finish(spread.client, spread.name)
    assert spread.client.llen(moving_key(spread.keys.failed)) == 1


# -- purges


def names_of(spread: Spread) -> set[str]:
    """All keys that have to do with the brand, but what keeps late writes out for a while."""
    found = {key.decode() for key in cast("list[bytes]", spread.client.keys()) if spread.name.encode() in key}
    guards = {guard_key(getattr(spread.keys, part)) for part in (*Part, "failed")}
    passing = {spread.keys.lock, CLUSTER.paused(spread.name)}
    assert all(0 < spread.client.pttl(name) <= 60_000 for name in found & passing)
    return found - guards - passing


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("everything", [False, True])
def test_a_purge_may_be_killed_and_sent_again(
    spread: Spread,
    cut: Callable[[int], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    everything: bool,  # noqa: FBT001
) -> None:
    """From its first step on nobody goes on from the old state; what is not asked for stays, to the last letter."""
    one = spread.process()
    one.way.before = lambda name, _keys: name != "bury"
    spread.push_ids("a")
    spread.push(b"g0")
    one.visit()
    spread.push_ids("waits")
    pause(spread.client, [spread.name], by="ann")
    cut(number)
    survives(monkeypatch, lambda: purge(spread.client, spread.name, queue=everything, letters=everything))
    purge(spread.client, spread.name, queue=everything, letters=everything)
    left = set() if everything else {spread.keys.queue, spread.keys.failed}
    assert names_of(spread) == left
    assert paused(spread.client, [spread.name]) == {}
    if not everything:
        assert spread.payloads() == ["g0"]
    spread.expire()
    holdings = look(spread.client, spread.name)
    assert (holdings.commits, holdings.summary, holdings.letters) == (0, False, 0 if everything else 1)


def test_a_purge_of_letters_leaves_nothing_for_ever(spread: Spread) -> None:
    """What keeps out letters that a slow process is still to bury lives for as long as such a process may."""
    spread.push(b"g0")
    spread.process().visit()
    guard = guard_key(spread.keys.failed)
    assert spread.client.ttl(guard) == -1
    purge(spread.client, spread.name, letters=True)
    assert 0 < spread.client.ttl(guard) <= 3_600


def test_a_purge_keeps_out_what_a_slow_process_is_still_to_show(spread: Spread) -> None:
    """It committed, sleeps, and shows a summary of a brand that is gone."""
    one = spread.process()
    done: list[object] = []

    def gone(name: str, _keys: object) -> bool:
        if name == "project" and not done:
            done.append(purge(spread.client, spread.name))
        return True

    one.way.before = gone
    spread.push_ids("a")
    one.visit()
    assert done
    assert spread.summary() is None
    assert names_of(spread) == set()
    spread.expire()
    spread.push_ids("b")
    spread.process().visit()
    spread.assert_shown()
    assert spread.summary()["totalChunks"] == 1


def test_a_purge_outdoes_readers_of_an_epoch_ahead_of_the_clock(spread: Spread) -> None:
    """They have seen it, and whatever version it had; what is gone has a later one."""
    ahead = spread.now_ms() + 3_600_000
    spread.push_ids("a")
    spread.process().visit()
    spread.client.hset(guard_key(spread.keys.summary), mapping={"e": ahead, "v": 9})
    purge(spread.client, spread.name)
    assert spread.summary() is None
    spread.expire()
    spread.push_ids("b")
    lease = spread.process().open().lease
    assert lease is not None
    assert lease.epoch > ahead + 1


@pytest.mark.parametrize("trouble", ["lock", "answer", "nobody", "order"])
def test_a_purge_that_cannot_bring_letters_home_says_so(
    spread: Spread, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """It neither tries for ever, where its lock is over, nor leaves them unseen; called again it does the rest."""
    one = spread.process()
    one.way.before = lambda name, _keys: name != "bury"
    spread.push(b"g0")
    one.visit()
    if trouble == "order":
        spread.client.lpush(spread.inner.failed, b"%016d.%012d.%06d|{}" % (10**15, 1, 0))
    show, letters, calls = Projections.show, Projections.letters, [0]

    def shows(self: Projections, *given: Any) -> Any:
        if trouble == "lock":
            spread.expire()
        return ([], Buried(None)) if trouble == "answer" and len(given) > 2 else show(self, *given)

    def waits(*given: Any) -> Any:
        calls[0] += 1
        assert calls[0] < 9, "for ever"
        return None if trouble == "nobody" else letters(*given)

    monkeypatch.setattr(Projections, "show", shows)
    monkeypatch.setattr(Projections, "letters", waits)
    with pytest.raises(StoreUnavailableError, match="dead letters are on their way still; call again"):
        purge(spread.client, spread.name)
    monkeypatch.undo()
    if trouble == "order":
        return  # nobody of ours wrote that, and somebody has to look
    purge(spread.client, spread.name)
    assert spread.payloads() == ["g0"]
    assert names_of(spread) == {spread.keys.failed}


@pytest.mark.parametrize("part", ["outbox", "list"])
def test_a_purge_is_not_held_up_by_a_foreign_type_of_letters(spread: Spread, part: str) -> None:
    """None of ours lies in it, or comes into it, however often one asks."""
    key = spread.inner.failed if part == "outbox" else spread.keys.failed
    spread.client.rpush(spread.inner.failed, b"%016d.%012d.%06d|{}" % (7, 1, 0))
    spread.client.delete(key)
    spread.client.set(key, "mine")
    purge(spread.client, spread.name)
    assert names_of(spread) == {key, spread.inner.failed}


# -- looking


def test_all_that_stands_beside_a_brand_is_seen(spread: Spread) -> None:
    """Its letters wherever they are, and its summary."""
    one = spread.process()
    one.way.before = lambda name, _keys: name != "bury"
    spread.push(b"g0")
    one.visit()
    one.way.heal()
    spread.client.rpush(spread.keys.failed, "a worker's")
    status = read_brand(spread.client, spread.name)
    assert (status.failed, status.summarised, status.commits, status.queued) == (2, True, 1, 0)
    spread.client.delete(spread.keys.failed)
    spread.client.set(spread.keys.failed, "mine")
    assert read_brand(spread.client, spread.name).failed is None
    assert look(spread.client, spread.name).summary


def test_whoever_takes_a_brand_over_brings_its_letters_home(spread: Spread) -> None:
    """Nobody calls any command any more."""
    spread.client.rpush(moving_key(spread.keys.failed), b"%048x q|" % 8 + spread.item("a"))
    spread.process().visit()
    assert spread.summary()["totalChunks"] == 1
