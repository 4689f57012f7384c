"""Just the letters that were meant are moved, once, whatever else happens to the list meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import redis

from orchestrator.contract.keys import BrandKeys, worker_queue_key
from orchestrator.contract.letters import Letter, Selection, Writer
from orchestrator.contract.set_value import Setting
from orchestrator.letters import Action, Order, Outcome, carry_out, moving, plan, send_edited
from orchestrator.letters.moving import Pace
from orchestrator.store.letters import Sent, mend
from tests.letters.mixed_list import FOREIGN, WORKER, fill, letter


@pytest.fixture
def keys(brand: str, redis_client: redis.Redis) -> BrandKeys:
    """The brand's keys; its list holds three letters of ours, one of a worker and one of nobody."""
    return fill(redis_client, brand)


def items(client: Any, key: str) -> list[bytes]:
    """What a list holds."""
    found: list[bytes] = client.lrange(key, 0, -1)
    return found


def retry(reason: str | None = None, **options: Any) -> Order:
    """An order to send letters of that reason again."""
    return Order(Action.RETRY, Selection(reason=reason), "ann", **options)


def do(client: redis.Redis, keys: BrandKeys, order: Order, **options: Any) -> Outcome:
    """Plan it and carry it out."""
    return carry_out(client, order, plan(client, keys.brand, order), **options)


@pytest.mark.parametrize("action", Action)
def test_letters_of_others_are_moved_by_name_alone(keys: BrandKeys, redis_client: redis.Redis, action: Action) -> None:
    """An order for all means all of ours; a worker's input goes to the queue of workers, and what is nobody's stays."""
    assert do(redis_client, keys, Order(action, Selection(), "ann")) == Outcome(moved=3)
    assert items(redis_client, keys.failed) == [WORKER, FOREIGN]
    assert do(redis_client, keys, Order(action, Selection(writer=Writer.WORKER), "ann")) == Outcome(moved=1)
    assert items(redis_client, keys.failed) == [FOREIGN]
    assert len(items(redis_client, keys.queue)) == (3 if action is Action.RETRY else 0)
    assert items(redis_client, worker_queue_key(keys.brand)) == ([b"input"] if action is Action.RETRY else [])


def test_what_is_nobodys_cannot_be_sent_and_can_be_dropped(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """The plan says so before anything is done."""
    others = Selection(writer=Writer.OTHER)
    made = plan(redis_client, keys.brand, Order(Action.RETRY, others, "ann"))
    assert (made.total, made.refused, made.told[0][0], made.meant) == (0, 1, 3, True)
    assert do(redis_client, keys, Order(Action.DROP, others, "ann")) == Outcome(moved=1)


def test_a_plan_changes_nothing_and_counts_by_group(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """It is the dry run."""
    before = items(redis_client, keys.failed)
    made = plan(redis_client, keys.brand, retry(limit=2))
    assert {(group.reason, group.path): number for group, number in made.tally.groups.items()} == {
        ("bad", "$.x"): 1,
        ("poison", "$.x"): 1,
    }
    assert items(redis_client, keys.failed) == before


def test_values_are_set_on_the_way(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """In each payload that is sent."""
    do(redis_client, keys, retry("poison", values=(Setting.parse("brand=acme"),)))
    assert items(redis_client, keys.queue) == [b'{"n":2,"brand":"acme"}']


def test_progress_is_told_and_may_end_the_work(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """After each call, with what Redis has confirmed; what was done stays done."""
    redis_client.rpush(keys.failed, *(letter(b"%d" % number, "many") for number in range(150)))
    told: list[int] = []

    def progress(letters: int) -> None:
        told.append(letters)
        if letters > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(redis_client, keys, retry("many"), progress=progress)
    assert told == sorted(told)
    assert redis_client.llen(keys.queue) == told[-1] < 150
    assert redis_client.llen(keys.failed) == 5 + 150 - told[-1]


def test_an_edited_letter_is_sent_wherever_it_stands(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """By its bytes; a worker's to the queue of workers; False if somebody took it."""
    first, second = (Letter.read(index, raw) for index, raw in enumerate(items(redis_client, keys.failed)[:2]))
    redis_client.lpush(keys.failed, letter(b"new"))
    for one, expected in ((first, True), (first, False), (second, True)):
        assert send_edited(redis_client, keys.brand, one, b"mended", by="ann") is expected
    assert items(redis_client, keys.queue) == [b"mended"]
    assert items(redis_client, worker_queue_key(keys.brand)) == [b"mended"]


def test_a_letter_that_fails_again_is_not_sent_twice(
    keys: BrandKeys, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that puts each chunk back into the list at once does not keep the command busy for ever."""

    def bouncing(client: redis.Redis, brand: str, sent: Sequence[Sent], *, who: str, queue: str | None) -> list[bool]:
        done = mend(client, brand, sent, who=who, queue=queue)
        client.rpush(keys.failed, *(letter(one.payload, "again") for one in sent))
        return done

    monkeypatch.setattr(moving, "mend", bouncing)
    assert do(redis_client, keys, retry("b")) == Outcome(moved=2)
    reasons = [json.loads(raw)["reason"] for raw in items(redis_client, keys.failed) if b"invalid" in raw]
    assert reasons.count("again") == 2


def test_two_retries_at_once_share_the_letters(
    keys: BrandKeys, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes letters between the look and the call: each is sent once, and what is there is found."""
    redis_client.rpush(keys.failed, *(letter(b"%d" % number, "many") for number in range(150)))
    theirs = retry("many", limit=40)
    todo = [plan(redis_client, keys.brand, theirs)]
    moved: list[Outcome] = []

    def interrupted(
        client: redis.Redis, brand: str, sent: Sequence[Sent], *, who: str, queue: str | None
    ) -> list[bool]:
        if todo:
            moved.append(carry_out(client, theirs, todo.pop()))
        return mend(client, brand, sent, who=who, queue=queue)

    monkeypatch.setattr(moving, "mend", interrupted)
    assert do(redis_client, keys, retry("many")) == Outcome(moved=110, gone=40)
    assert moved == [Outcome(moved=40)]
    assert sorted(map(int, items(redis_client, keys.queue))) == list(range(150))


def test_many_letters_keep_their_order(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """What was moved is not skipped over: calls after the first go on where it ended."""
    redis_client.rpush(keys.failed, *(letter(b"%d" % number, "many") for number in range(400)))
    do(redis_client, keys, retry("many"))
    assert items(redis_client, keys.queue) == [b"%d" % number for number in range(400)]


def test_a_rate_is_kept(keys: BrandKeys, redis_client: redis.Redis) -> None:
    """Calls are no larger than what a second may have, and each is followed by its time."""
    slept: list[float] = []
    assert do(redis_client, keys, retry("b", rate=2.5), sleep=slept.append) == Outcome(moved=2)
    assert slept == [2 / 2.5]


def test_others_are_served_between_two_long_calls() -> None:
    """A call in a long list is followed by as much time for everybody else; a short one, or a slow rate, by no more."""
    slept: list[float] = []
    for rate, letters, took_s in ((None, 9, 0.004), (None, 9, 0.05), (10.0, 9, 0.05), (None, 0, 0.05)):
        Pace(rate, slept.append).called(letters, took_s)
    assert slept == [0.05, 0.9, 0.05]
