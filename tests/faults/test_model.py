"""A stateful model of two orchestrators on one brand: whatever happens between two steps, the invariants hold.

The orchestrators are real sessions on a real store; what lies between them and Redis loses requests and replies and
delivers old commits again. The model knows only what was pushed, what was stolen, and in which order Redis accepted
commits. Most runs are on fakeredis, a share on a real server.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import fakeredis
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract import segments as contract_segments
from orchestrator.contract.decode import Limits
from orchestrator.contract.keys import PAUSED_KEY, BrandKeys
from orchestrator.contract.segments import LARGE_BYTES, MARK, Reference
from orchestrator.errors import (
    BrandBusyError,
    BrandPausedError,
    LeaseLostError,
    OrchestratorError,
    StaleStateError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.session_config import SessionConfig
from orchestrator.lane.sizer import BatchSizer
from orchestrator.store import Commit, CommitReply, Lease, pauses, segments
from orchestrator.store.purge import purge
from orchestrator.store.scripts import KEY_TYPES
from orchestrator.store.types import Visit
from tests.faults.traffic import Book, Traffic, comparable, fold_of
from tests.lane.support import Interfering, May

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from tests.redis_server import RedisServer

CONFIG = SessionConfig("model", FoldConfig(), Limits())
EXAMPLES = int(os.environ.get("ORCHESTRATOR_TEST_EXAMPLES", "15"))
_NUMBERS = itertools.count(1)
NOW_MS = 1_700_000_000_000


@dataclass(slots=True)
class Truth:
    """What Redis must contain.

    Attributes:
        queue: items that are queued, in order.
        prefix: items that were consumed, in order.
        commits: ids of the commits that were applied, in order.
        letters: dead letters that lay there when the brand was purged.
        paused: the mark of the brand's pause, if it is paused.
    """

    queue: list[bytes] = field(default_factory=list)
    prefix: list[bytes] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    letters: int = 0
    paused: bytes | None = None


class LossyStore(Interfering):
    """A store that loses what it is told to of the next commit, and remembers everything it delivered.

    That is the whole request, its script alone (what goes past it arrives), or the reply.
    """

    def __init__(self, client: redis.Redis, truth: Truth) -> None:
        super().__init__(client)
        self.truth = truth
        self.lose = ""
        self.delivered: list[tuple[Lease, Commit]] = []

    def visit(self, brand: str, token: str, cid: str, limit: int, **named: Any) -> Visit:
        """Acquire and begin, or lose one or the other if told so."""
        lose, self.lose = (self.lose, "") if self.lose.startswith("visit") else ("", self.lose)
        if lose == "visit request":
            raise StoreUnavailableError("the request is lost")
        visit = super().visit(brand, token, cid, limit, **named)
        if lose == "visit reply":
            raise StoreUnavailableError("the reply is lost")
        return visit

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """Deliver a commit, or lose it if told so."""
        self.delivered.append((lease, commit))
        lose = self.lose
        if lose in {"request", "script"}:
            self.lose = ""
            if lose == "script":
                self._runner.run(self._commits.commands(BrandKeys.of(lease.brand), lease, commit)[:-1])
            raise StoreUnavailableError(f"the {lose} is lost")

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """Hear of it, or not if told so."""
        lose, self.lose = self.lose, ""
        reply = self.enter(commit, super().after_commit(lease, commit, read))
        if lose == "reply":
            raise StoreUnavailableError("the reply is lost")
        return reply

    def deliver(self, lease: Lease, commit: Commit) -> CommitReply:
        """Let a commit reach Redis once more."""
        return self.enter(commit, self.commit(lease, commit))

    def enter(self, commit: Commit, reply: CommitReply) -> CommitReply:
        """Enter a commit into the truth if it was applied."""
        if commit.cid in self.truth.commits:
            assert reply.duplicate or self.truth.commits[-1] == commit.cid
        if not reply.duplicate:
            assert self.truth.paused is None, "a commit went through although the brand is paused"
            self.truth.prefix += self.truth.queue[: commit.consumed]
            del self.truth.queue[: commit.consumed]
            self.truth.commits.append(commit.cid)
        return reply


@dataclass
class Actor:
    """One orchestrator's view of the brand."""

    session: BrandSession | None = None
    warm: Warm | None = None


MEANWHILE: dict[str, Callable[[Any, int], object]] = {
    "foreign pop": lambda model, _: model.foreign_pop(),
    "push": lambda model, _: model.push(2),
    "push to the left": lambda model, _: model.push_to_the_left(),
    "the lock expires": lambda model, _: model.expire_lock(),
    "the other one works": lambda model, actor: model.work(1 - actor, 1),
    "the other one takes over": lambda model, actor: (model.expire_lock(), model.work(1 - actor, 1))[-1],
    "the other one comes and goes": lambda model, actor: (
        model.expire_lock(),
        model.work(1 - actor, 1),
        model.close(1 - actor),
    )[-1],
    "a snapshot": lambda model, _: model.take_snapshot(),
    "a rollback": lambda model, _: model.roll_back(),
    "removal": lambda model, _: model.remove_brand(),
    "a pause": lambda model, _: model.pause(),
    "a pause and its end": lambda model, _: (model.pause(), model.resume())[-1],
    "a purge": lambda model, _: model.purge(queue=False, letters=False),
    "a purge of all": lambda model, _: model.purge(queue=True, letters=True),
    "scripts forgotten": lambda model, _: model.forget_scripts(),
}
"""What can happen while a commit has no answer; the number is the actor that waits for one."""


class Model(RuleBasedStateMachine):
    """Two actors, one brand, everything that can go wrong between two of their steps."""

    client_of: ClassVar[Any] = None

    @initialize(seed=st.integers(0, 1 << 30))
    def begin(self, seed: int) -> None:
        """A new brand on a server with nothing of it."""
        # The model's stories are small: nearly all segments lie apart, or none does.
        vars(contract_segments)["LARGE_BYTES"] = 100 if seed % 4 else LARGE_BYTES
        self.client: redis.Redis = type(self).client_of()
        self.brand = f"model {next(_NUMBERS)}"
        self.keys = BrandKeys.of(self.brand)
        self.traffic = Traffic(seed, [self.brand], duplicate_rate=0.3, garbage_rate=0.1)
        self.truth = Truth()
        self.store = LossyStore(self.client, self.truth)
        self.actors = [Actor(), Actor()]
        self.epoch = 0  # of the last lease
        self.snapshot: tuple[Truth, dict[str, Any]] | None = None

    # -- workers and strangers

    @rule(count=st.integers(1, 25))
    def push(self, count: int) -> None:
        """Workers push, now and then a chunk that they pushed before."""
        items = [self.traffic.make(self.brand) for _ in range(count)]
        self.client.rpush(self.keys.queue, *items)
        self.truth.queue += items

    @rule()
    def foreign_pop(self) -> None:
        """A stranger takes the head."""
        item = self.client.lpop(self.keys.queue)
        assert item == (self.truth.queue.pop(0) if self.truth.queue else None)

    @rule()
    def push_to_the_left(self) -> None:
        """A worker with a wrong command puts an item before the head.

        One that is not in the queue yet: copies at both ends of a batch are what the guard of the head cannot tell.
        """
        items = iter(lambda: self.traffic.make(self.brand), None)
        item = next(item for item in items if item not in self.truth.queue)
        self.client.lpush(self.keys.queue, item)
        self.truth.queue.insert(0, item)

    # -- Redis

    @rule()
    def expire_lock(self) -> None:
        """A pause, a partition or a death lasts longer than the ttl."""
        self.client.delete(self.keys.lock)

    @rule()
    def forget_scripts(self) -> None:
        """SCRIPT FLUSH."""
        self.client.script_flush()

    @rule()
    def take_snapshot(self) -> None:
        """What a lagging replica knows from now on."""
        self.snapshot = (copy.deepcopy(self.truth), self._contents())

    @rule()
    def roll_back(self) -> None:
        """Redis comes back with an older state, the orchestrators' memory does not."""
        if self.snapshot is None:
            return
        truth, contents = copy.deepcopy(self.snapshot)
        self._restore(contents)
        for name in Truth.__slots__:  # in place, because the store has it too
            setattr(self.truth, name, getattr(truth, name))
        # What is of all brands came back as well. Its revision, alone after a purge, goes and takes the expiry along.
        self.client.hdel(PAUSED_KEY, "", self.brand)
        if truth.paused is not None:
            self.client.hset(PAUSED_KEY, self.brand, truth.paused)
        self.epoch = 0

    @rule()
    def remove_brand(self) -> None:
        """An operator deletes everything about the brand, which may come back later."""
        self.client.delete(*self._names())
        self.truth.queue, self.truth.prefix, self.truth.commits, self.truth.letters = [], [], [], 0
        self.epoch = 0

    # -- operators

    @rule()
    def pause(self) -> None:
        """From its answer on, nothing of the brand is committed; the store asserts it."""
        pauses.pause(self.client, [self.brand], by="model")
        mark: Any = self.client.hget(PAUSED_KEY, self.brand)
        self.truth.paused = mark

    @rule()
    def resume(self) -> None:
        """Or nothing, if it is not paused."""
        was = pauses.resume(self.client, [self.brand])[self.brand]
        assert self.truth.paused is None or was is not None  # one that is over may still be there
        self.truth.paused = None

    @rule()
    def pause_ends(self) -> None:
        """The server's clock passes the end of the pause."""
        if self.truth.paused is not None:
            self.client.hset(PAUSED_KEY, self.brand, '{"untilMs":1,"by":"model"}')
            self.truth.paused = None

    @rule(queue=st.booleans(), letters=st.booleans())
    def purge(self, queue: bool, letters: bool) -> None:  # noqa: FBT001 - Hypothesis passes keywords
        """All that is kept goes, under whatever lease; what stays in the queue counts anew."""
        letters_before = self.client.llen(self.keys.failed)
        done = purge(self.client, self.brand, queue=queue, letters=letters, hold_s=0.002)
        assert (done.chunks, done.letters) == (len(self.truth.queue) * queue, letters_before * letters)
        self.truth.prefix, self.truth.commits, self.truth.paused = [], [], None
        self.truth.letters = 0 if letters else letters_before
        self.truth.queue = [] if queue else self.truth.queue
        while self.client.exists(self.keys.lock):  # two milliseconds
            pass

    @rule(
        # Of the sets of digests of before, commit takes away whatever there is.
        part=st.sampled_from([part for part in KEY_TYPES if part not in {"lock", "seen0", "seen1"}]),
        actor=st.integers(0, 1),
    )
    def wrong_type(self, part: str, actor: int) -> None:
        """A key is overwritten for a while; nobody may write anything meanwhile."""
        contents = self._contents()
        name = getattr(self.keys, part)
        self.client.delete(name)
        self.client.zadd(name, {"stranger": 1})
        commits = len(self.truth.commits)
        self.work(actor, 1)
        assert len(self.truth.commits) == commits
        self._restore(contents)

    # -- orchestrators

    def open(self, actor: int) -> None:
        """Acquire the lease, with whatever is warm from last time."""
        one = self.actors[actor]
        if one.session is not None:
            return
        # Small batches: most of them are then read ahead of their turn.
        session = BrandSession(self.store, CONFIG, self.brand, one.warm or Warm(BatchSizer(max_items=4)))
        one.warm = None
        try:
            session.open()
        except BrandPausedError:
            assert self.truth.paused is not None
            one.warm = session.settle()
        except BrandBusyError:
            one.warm = session.settle()
        except WrongTypeError:
            one.warm = session.abandon()
        else:
            one.session = session
            assert self.truth.paused is None
            assert session.lease is not None
            assert session.lease.epoch > self.epoch, "an epoch went back"
            self.epoch = session.lease.epoch

    @rule(actor=st.integers(0, 1), steps=st.integers(1, 3), ahead=st.booleans())
    def work(self, actor: int, steps: int, ahead: bool = False) -> None:  # noqa: FBT001, FBT002 - Hypothesis passes keywords
        """Take the lease if it can be had, and commit some batches."""
        self.open(actor)
        for _ in range(steps):
            self.step(actor, "", ahead=ahead)

    @rule(
        actor=st.integers(0, 1),
        lose=st.sampled_from(["request", "script", "reply"]),
        ahead=st.booleans(),
        meanwhile=st.lists(st.sampled_from(sorted(MEANWHILE)), min_size=1, max_size=3),
    )
    def work_interrupted(self, actor: int, lose: str, ahead: bool, meanwhile: list[str]) -> None:  # noqa: FBT001
        """A commit gets no answer, things happen, and the same commit is sent again."""
        self.push(3)
        self.open(actor)
        self.step(actor, lose, ahead=ahead)
        for name in meanwhile:
            MEANWHILE[name](self, actor)
        self.step(actor, "")

    @rule(
        actor=st.integers(0, 1),
        losses=st.lists(st.sampled_from(["", "visit request", "visit reply", "request", "reply"]), max_size=4),
        meanwhile=st.lists(st.sampled_from(sorted(MEANWHILE)), max_size=2),
        count=st.integers(0, 3),
    )
    def visit(self, actor: int, losses: list[str], meanwhile: list[str], count: int) -> None:
        """A whole visit as a lane makes it that others wait for: each call may lose something, and then things happen.

        It ends by itself or, after so many calls, as a lane that gives up.
        """
        if count:
            self.push(count)
        one = self.actors[actor]
        if one.session is None:
            one.session = BrandSession(self.store, CONFIG, self.brand, one.warm or Warm(BatchSizer(max_items=4)))
            one.warm = None
        for lose in [*losses, *[""] * 4]:
            if one.session is None or (one.session.opened and not one.session.owes_release):
                break  # given up, or at its end
            self.store.lose = lose
            self._burst(one)
            self.store.lose = ""
            for name in meanwhile if lose else ():
                MEANWHILE[name](self, actor)
        if one.session is not None and one.session.opened and not one.session.owes_release:
            assert one.session.lease is None
            one.warm = one.session.settle()
            one.session = None
        elif one.session is not None:
            self._give_up(one)

    def _burst(self, one: Actor) -> None:
        """Some steps of a visit, and all of it where nothing is lost."""
        assert one.session is not None
        opened = one.session.opened
        try:
            step = one.session.burst(May(ends=True))[-1]
            if step.suspect:
                one.session.judge(1)
        except StoreUnavailableError:
            pass  # also where nothing was lost, but scripts were forgotten
        except OrchestratorError:
            self._give_up(one)
        if one.session is not None and one.session.opened and not opened:
            pipeline = one.session._pipeline
            assert pipeline is not None
            assert pipeline._lease.epoch > self.epoch, "an epoch went back"
            self.epoch = pipeline._lease.epoch

    def step(self, actor: int, lose: str, *, ahead: bool = False) -> None:
        """Fold and commit, or go on with a commit whose outcome is unknown."""
        one = self.actors[actor]
        if one.session is None:
            return
        self.store.lose = lose
        try:
            step = one.session.step(fold_ahead=ahead)
            if step.suspect:
                one.session.judge(1)
        except StoreUnavailableError:
            pass  # the next step goes on with the same commit
        except OrchestratorError:
            self._give_up(one)
        self.store.lose = ""

    @rule(actor=st.integers(0, 1))
    def close(self, actor: int) -> None:
        """End in good order and keep the state warm."""
        one = self.actors[actor]
        if one.session is not None:
            one.warm = one.session.settle()
            one.session.release()
            one.session = None

    @rule(actor=st.integers(0, 1))
    def die(self, actor: int) -> None:
        """Kill -9: everything in memory is gone, the lock stays."""
        session = self.actors[actor].session
        if session is not None:
            session.abandon()  # nobody is left to read from its connections
        self.actors[actor] = Actor()

    @precondition(lambda self: self.store.delivered)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """The network delivers an old commit once more."""
        lease, commit = data.draw(st.sampled_from(self.store.delivered))
        applied = commit.cid in self.truth.commits
        before = self._contents()
        count, segments = len(self.truth.commits), self._segments()
        try:
            reply = self.store.deliver(lease, commit)
        except OrchestratorError as error:
            assert isinstance(error, LeaseLostError | StaleStateError) or not applied  # noqa: PT017
            reply = None
        if applied or reply is None or reply.duplicate:
            assert len(self.truth.commits) == count
            # What goes past the script comes before it is known that the commit does not count: in nobody's way.
            assert segments.items() <= self._segments().items()
            before[self.keys.segments] = self._segments()
            assert {**self._contents(), self.keys.segments: self._segments()} == before

    def _give_up(self, one: Actor) -> None:
        assert one.session is not None
        one.warm = one.session.abandon()
        one.session.release()
        one.session = None

    # -- what must hold after every step

    @invariant()
    def queue_is_what_was_not_consumed(self) -> None:
        """I1: everything is in the queue or in the consumed prefix."""
        assert self.client.lrange(self.keys.queue, 0, -1) == self.truth.queue

    @invariant()
    def state_is_the_fold_of_the_prefix(self) -> None:
        """I2 and I7: state, dead letters and digests are those of the consumed prefix, whatever the batches were."""
        book = self._book()
        state = BrandState.load(CONFIG.fold, segments.load(self.client, self.brand))
        if self.truth.prefix:
            assert comparable(state.summary(self.brand, NOW_MS, 0, 0)) == fold_of(book, NOW_MS)
        letters = self.client.lrange(self.keys.failed, 0, -1)
        chunks = json.loads(state.summary(self.brand, NOW_MS, 0, 0))["totalChunks"]
        valid = [item for item in self.truth.prefix if item in self._valid()]
        assert chunks == len(set(valid))
        assert len(letters) == self.truth.letters + len(self.truth.prefix) - len(valid)

    @invariant()
    def commits_form_a_chain(self) -> None:
        """I3 and I5: the version counts the commits that were applied, and the last one is known."""
        meta: Any = self.client.hgetall(self.keys.meta)
        assert int(meta.get(b"version", 0)) == len(self.truth.commits)
        assert meta.get(b"cid", b"").decode() == (self.truth.commits[-1] if self.truth.commits else "")

    @invariant()
    def segments_are_those_that_the_state_refers_to(self) -> None:
        """All of them are there and counted; strays besides come of commits that did not go in, one each at most."""
        fields: Any = self.client.hgetall(self.keys.state)
        meta: Any = self.client.hgetall(self.keys.meta)
        names = {Reference.read(name, value).name for name, value in fields.items() if value[:1] == MARK}
        assert names <= self._segments().keys()
        assert not meta or int(meta.get(b"segments", 0)) == len(names)

    @invariant()
    def summary_is_that_of_the_state_at_rest(self) -> None:
        """I8: when the queue was emptied, the summary tells the whole."""
        raw: Any = self.client.get(self.keys.summary)
        if raw is not None and json.loads(raw)["version"] == len(self.truth.commits) and self.truth.prefix:
            assert comparable(raw) == fold_of(self._book(), NOW_MS)

    def teardown(self) -> None:
        """I9: when faults stop, one orchestrator drains the queue and nothing is missing."""
        if not hasattr(self, "client"):
            return
        self.expire_lock()
        self.resume()
        self.actors = [Actor(), Actor()]
        self.open(0)
        for _ in range(4 * len(self.truth.queue) + 4):
            self.step(0, "")
        assert self.truth.queue == []
        self.segments_are_those_that_the_state_refers_to()
        assert len(self._segments()) == int(self.client.hget(self.keys.meta, "segments") or 0), "strays are left"
        self.state_is_the_fold_of_the_prefix()
        self.commits_form_a_chain()
        self.client.delete(*self._names())
        self.client.close()

    # -- aids

    def _book(self) -> Book:
        return Book(self.brand, items=list(self.truth.prefix))

    def _valid(self) -> set[bytes]:
        return {json.dumps(chunk).encode() for chunk in self.traffic.books[self.brand].chunks.values()}

    def _segments(self) -> dict[bytes, bytes]:
        found: Any = self.client.hgetall(self.keys.segments)
        return dict(found)

    def _names(self) -> list[str]:
        return [getattr(self.keys, part) for part in KEY_TYPES]

    def _contents(self) -> dict[str, Any]:
        """Every key of the brand, in a form that can be put back."""
        readers: dict[str, Any] = {
            "string": self.client.get,
            "hash": self.client.hgetall,
            "set": self.client.smembers,
            "list": lambda name: self.client.lrange(name, 0, -1),
        }
        names = dict(zip(KEY_TYPES, self._names(), strict=True))
        return {name: readers[KEY_TYPES[part]](name) for part, name in names.items() if self.client.exists(name)}

    def _restore(self, contents: dict[str, Any]) -> None:
        self.client.delete(*self._names())
        for name, value in contents.items():
            if isinstance(value, dict):
                self.client.hset(name, mapping=value)
            elif isinstance(value, set):
                self.client.sadd(name, *value)
            elif isinstance(value, list):
                self.client.rpush(name, *value)
            else:
                self.client.set(name, value)


def run(client_of: Any, examples: int) -> None:
    """Run the model on clients that *client_of* makes."""
    machine = type("Model", (Model,), {"client_of": staticmethod(client_of)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, print_blob=True)
    )


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model says of large segments is gone after it."""
    monkeypatch.setattr(contract_segments, "LARGE_BYTES", LARGE_BYTES)


def test_invariants_hold_after_every_step_on_fakeredis() -> None:
    """Most runs are here, because they are cheap."""
    run(lambda: fakeredis.FakeRedis(server=fakeredis.FakeServer()), EXAMPLES)


def test_invariants_hold_after_every_step_on_a_real_server(redis_server: RedisServer) -> None:
    """A share of the runs is on the real thing."""
    run(redis_server.client, EXAMPLES // 3)
