"""A brand on one server that is laid out as on a cluster, what is lost on the way to readers, and what they see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from orchestrator.contract.layout import CLUSTER, SHADOWED, guard_key, moving_key
from orchestrator.errors import StoreUnavailableError
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.store import Store, StoreOptions, scripts
from orchestrator.store.projections import Part, Projections, decode_shown
from orchestrator.store.runner import ScriptRunner
from orchestrator.store.wire import Command
from tests.lane.support import CONFIG, Brand, May

NAMES: Final = {script.digest: script.name for script in scripts.ALL}
ENDS: Final = May(more=0, ends=True)


class DiedError(BaseException):
    """The process is gone: nothing of it goes on."""


@dataclass
class Way:
    """The way to readers, on which a test loses what it likes.

    Attributes:
        runner: the real one.
        before: told of each command (name of the script, keys) before it is sent; False: it never arrives.
        after: told of it once it was carried out; False: the answer is lost.
        sent: names of the commands that arrived.
    """

    runner: ScriptRunner
    before: Callable[[str, Sequence[str]], bool] = lambda _name, _keys: True
    after: Callable[[str, Sequence[str]], bool] = lambda _name, _keys: True
    sent: list[str] = field(default_factory=list)

    def attempt(self, commands: Sequence[Command]) -> list[Any]:
        """Each by itself: each has a slot of its own."""
        return [self._one(command) for command in commands]

    def heal(self) -> None:
        """Lose nothing any more."""
        self.before = self.after = lambda _name, _keys: True

    def _one(self, command: Command) -> Any:
        name, keys = _read(command)
        lost = StoreUnavailableError("lost")
        if not self.before(name, keys):
            return lost
        self.sent.append(name)
        (reply,) = self.runner.attempt([command])
        return reply if self.after(name, keys) else lost


def _read(command: Command) -> tuple[str, list[str]]:
    if command[0] == "EVALSHA":
        return NAMES[command[1]], list(command[3 : 3 + command[2]])
    return command[0], [command[1]]


@dataclass
class Process:
    """One orchestrator that works on the brand: its store, its way to readers, and what it keeps warm."""

    store: Store
    way: Way
    brand: str
    warm: Warm | None = None
    session: BrandSession | None = None

    def open(self) -> BrandSession:
        """Begin a visit."""
        self.session = BrandSession(self.store, CONFIG, self.brand, self.warm)
        self.session.open()
        return self.session

    def visit(self, steps: int = 100) -> None:
        """Drain the queue as an undisturbed lane would, and let go."""
        session = self.session = BrandSession(self.store, CONFIG, self.brand, self.warm)
        for _ in range(steps):
            done = session.burst(ENDS)
            if session.lease is None and session.opened:
                break
            if done[-1].idle:
                break
        self.end()

    def end(self) -> None:
        """Let go in good order."""
        assert self.session is not None
        self.warm = self.session.settle()
        self.session.release()

    def fail(self) -> None:
        """Let go after an error."""
        assert self.session is not None
        self.warm = self.session.abandon()
        self.session.release()


@dataclass
class Spread(Brand):
    """One brand, seen as workers and readers see it."""

    options: StoreOptions = field(default_factory=StoreOptions)

    def __post_init__(self) -> None:
        self.keys = CLUSTER.keys(self.name)
        self.inner = CLUSTER.inner(self.name)

    def process(self) -> Process:
        """Another orchestrator."""
        store = Store(self.client, self.options)
        projections = store.projections
        assert projections is not None
        way = Way(ScriptRunner(self.client))
        projections._runner = cast("ScriptRunner", way)
        return Process(store, way, self.name)

    @property
    def projections(self) -> Projections:
        """Those of an orchestrator that loses nothing."""
        found = Store(self.client, self.options).projections
        assert found is not None
        return found

    def expire(self) -> None:
        """The lease of whoever holds the brand is over."""
        self.client.delete(self.keys.lock)

    def number(self, name: str) -> int:
        """A number of meta."""
        return int(cast("bytes", self.client.hget(self.keys.meta, name)) or 0)

    def ready(self) -> bool:
        """Whether a claim finds the brand."""
        return self.name in self.store.claim([self.name]).ready

    def payloads(self) -> list[str]:
        """What the dead letters hold."""
        return [letter["payload"] for letter in self.failed()]

    def assert_shown(self) -> None:
        """Readers see what the last commit left, all of it, and nobody is owed anything."""
        shown = decode_shown(cast("bytes | None", self.client.hget(self.keys.meta, "shown")))
        for part in Part:
            outward = getattr(self.keys, part)
            if part is not Part.SUMMARY:
                assert self.value(outward) == self.value(getattr(self.inner, part)), part
            guard = cast("dict[bytes, bytes]", self.client.hgetall(guard_key(outward)))
            assert (int(guard[b"e"]), int(guard[b"v"])) == shown[part].position, part
        summary = self.summary()
        assert summary["version"] == self.number("version")
        assert summary["epoch"] == shown[Part.SUMMARY].position.epoch
        assert self.client.llen(self.inner.failed) == 0
        assert not 0 < self.number("due") <= self.now_ms()
        assert self.projections.verify([self.name]).owed == []

    def now_ms(self) -> int:
        """The server's time."""
        seconds, microseconds = self.client.time()
        return seconds * 1000 + microseconds // 1000

    def value(self, key: str) -> Any:
        """What is there; None if nothing is."""
        kind = cast("bytes", self.client.type(key))
        client = cast("Any", self.client)
        readers: dict[bytes, Callable[[str], Any]] = {
            b"none": lambda _: None,
            b"string": client.get,
            b"hash": client.hgetall,
            b"list": lambda name: client.lrange(name, 0, -1),
        }
        return readers[kind](key)

    @contextmanager
    def forgotten(self, *names: str) -> Iterator[None]:
        """What happens in the block is forgotten by the server that has the keys *names*."""
        before = {name: self.client.dump(name) for name in names}
        ttls = {name: max(0, self.client.pttl(name)) for name in names}
        yield
        for name, dump in before.items():
            self.client.delete(name)
            if dump is not None:
                self.client.restore(name, ttls[name], dump)

    def own(self) -> list[str]:
        """All names in the slot of the queue, but that of the lock."""
        inner = self.inner
        parts = ("queue", "meta", "state", "digests0", "digests1", "outbox", "segments", *SHADOWED)
        return [getattr(inner, part) for part in parts]

    def beside(self, part: str) -> list[str]:
        """What readers know as *part*, and what is in its slot."""
        outward = getattr(self.keys, part)
        return [outward, guard_key(outward), *([moving_key(outward)] if part == "failed" else [])]


def only(*names: str) -> Callable[[str, Sequence[str]], bool]:
    """Everything but these commands."""
    return lambda name, _keys: name not in names


def once(wanted: str, act: Callable[[], object]) -> Callable[[str, Sequence[str]], bool]:
    """*act* when the first command of that name comes by."""
    done: list[None] = []

    def pass_by(name: str, _keys: Sequence[str]) -> bool:
        if name == wanted and not done:
            done.append(None)
            act()
        return True

    return pass_by


def die() -> None:
    """End this process, here."""
    raise DiedError


def pretty(value: Any) -> str:
    """For messages."""
    return json.dumps(value, default=repr)
