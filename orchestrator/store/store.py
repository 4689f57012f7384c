"""The store: every operation of the protocol as a method, thread-safe and synchronous.

Owns the order of arguments of the Lua commands and the shape of their answers.
Must not retry (the lane knows what is safe to send again), must not fold, must
not import trio: the lane calls it through ``trio.to_thread``. Source:
``docs/redis-protocol.md``.

After any error but :class:`~orchestrator.errors.StoreUnavailableError` the caller
MUST drop its in-memory state and acquire a new lease before it commits again;
after ``StoreUnavailableError`` it MAY send the same commit again.
"""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from orchestrator.contract import lock_token, own_settings
from orchestrator.contract.fingerprint import NO_CHANGE, UNKNOWN, Fingerprint, compare, reconcile, refusal
from orchestrator.contract.keys import BrandKeys, failed_key, queue_key
from orchestrator.errors import (
    ArchiveBehindError,
    ClockSkewError,
    DeadLetterFullError,
    SettingsRefusedError,
    StoreError,
    StoreUnavailableError,
)
from orchestrator.store import glance as glances
from orchestrator.store import letters as moves
from orchestrator.store import pauses, peeks, scripts, segments
from orchestrator.store.client import checked, translated
from orchestrator.store.clock import TIME, ServerClock, milliseconds_of
from orchestrator.store.cluster.claims import Masters, queue_slot
from orchestrator.store.codes import Code, behind_error, check_reply, full_error
from orchestrator.store.commits import Commits
from orchestrator.store.glance import Glance
from orchestrator.store.layouts import layout_of
from orchestrator.store.line import Question
from orchestrator.store.projections import Projections
from orchestrator.store.registry import registered
from orchestrator.store.runner import ScriptRunner, evalsha
from orchestrator.store.types import (
    NO_LOOK,
    ArchivePolicy,
    Claim,
    CommitReply,
    FailedPolicy,
    Lease,
    Letters,
    Look,
    Peek,
    Queued,
    Stored,
    StoredDigests,
    StoreOptions,
    Visit,
)
from orchestrator.store.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import redis

    from orchestrator.contract.own_settings import Number
    from orchestrator.contract.pauses import Pause
    from orchestrator.store.cluster.topology import Topology
    from orchestrator.store.glance import Part
    from orchestrator.store.line import Line, Reply
    from orchestrator.store.types import Commit, ReadOn, Registry
    from orchestrator.store.wire import Bulk, Command

MAX_CLAIM: Final = 512
"""Brands a claim looks at: 0.26 ms of the server's time, during which nobody else is served."""

MOST_LOCK_TTL_MS: Final = 600_000
"""The bound of ``LOCK_TTL_SEC``: what a token tells beyond it is nobody's setting."""

_NOBODY: Final = BrandKeys.of("orchestrator probe").meta
"""A key that does not exist, named as those of a brand are, so that the same permissions cover it."""

_WRITE_PROBE: Final = ("HDEL", _NOBODY, "")
"""A write that changes nothing: read-only servers and those with a full disk refuse it; at maxmemory it is allowed."""

_NOT_YET: Final = "*"
"""In place of a cid, which it cannot be: the caller peeks later."""

Operation = Literal["read", "write"]


def _ignore(_operation: Operation, _seconds: float) -> None:
    """The observer of a store that nobody measures."""


def _ignore_lock(_brand: str, _left_ms: int) -> None:
    """Nobody is told of a lock that was shortened."""


class Store:
    """The protocol on one Redis.

    Args:
        client: for everything but renewals; its pool bounds the calls in flight.
        options: what is the same for every commit.
        renewal_client: for renewals alone, so that they never wait for a large commit; *client* if None.
        observe: called with ("read" | "write", seconds) after every round trip.
        shortened: called with a brand and the milliseconds that its lock, which is somebody else's, would have lived,
            when it was shortened to the ttl; -1 = for ever.

    Attributes:
        clock: compares the server's clock with this machine's.
        projections: show what commits left, where readers' keys are in other slots; None: commits do.
    """

    def __init__(
        self,
        client: redis.Redis,
        options: StoreOptions | None = None,
        *,
        renewal_client: redis.Redis | None = None,
        observe: Callable[[Operation, float], None] = _ignore,
        shortened: Callable[[str, int], None] = _ignore_lock,
    ) -> None:
        self.options = options or StoreOptions()
        self.clock = ServerClock(self.options.max_clock_skew_s)
        self._shortened = shortened
        self._client = client
        self._layout = layout_of(client)
        self._runner = ScriptRunner(client)
        spread = self._layout.spread
        self.projections = Projections(self._runner, self._layout, self.options) if spread else None
        self._renewals = ScriptRunner(renewal_client) if renewal_client is not None else self._runner
        cluster = self._runner.cluster
        self._masters = None if cluster is None else Masters(cluster.topology, self.clock)
        self._observe = observe
        self._lock_ttl_ms = round(self.options.lock_ttl_s * 1000)
        self._commits = Commits(self.options, self._lock_ttl_ms, spread=spread)

    def close(self) -> None:
        """Close every connection; calls in flight in other threads fail."""
        with translated():
            self._client.close()
            self._renewals.client.close()

    @property
    def renewals(self) -> int:
        """How often the connections were made anew because the server had moved, or seemed to have."""
        return sum(runner.pool.renewals for runner in {self._runner, self._renewals})

    def renew_connections(self) -> None:
        """Make every connection anew before its next use: the server's name may lead elsewhere now."""
        for runner in {self._runner, self._renewals}:
            runner.pool.renew()

    def ping(self) -> None:
        """Return if the server answers, accepts us, takes writes and agrees with this machine about the time.

        Raises:
            ClockSkewError: only that it does not.
            StoreError: it does not.
        """
        if self._masters is not None:
            with self._timed("write"):
                self._masters.ask((), _nothing)
            return
        asked_ms = self.clock.now_ms()
        with self._timed("write"):
            probed, time_ = self._runner.run([_WRITE_PROBE, TIME])
        checked(probed)
        self.clock.compare(asked_ms, milliseconds_of(time_))

    def new_token(self, holder: str = "orchestrator") -> str:
        """A fencing token for one lease, made by *holder*, that tells how long its lock lives from each renewal.

        By the latter a process with a smaller ``LOCK_TTL_SEC`` knows that the lock does not outlive its ttl.
        """
        return lock_token.new_token(holder, self._lock_ttl_ms)

    def acquire(
        self,
        brand: str,
        token: str,
        *,
        least_epoch: int = 0,
        even_paused: bool = False,
        own: Mapping[str, Number] = own_settings.NONE,
        take: bool = False,
    ) -> Lease:
        """Take the lease of *brand*; with the same *token* it may be sent again after a lost reply.

        Args:
            brand: whose queue.
            token: the fencing token.
            least_epoch: the greatest epoch that the caller knows readers to have seen; the lease has a greater one.
            even_paused: also if the brand is paused, because an operator asks for it.
            own: settings that the brand had of its own when it was here last: if it still has them, that is known in
                one round trip instead of two.
            take: also from whoever holds it, whose next commit then changes nothing (``FENCED``).

        Raises:
            BrandBusyError: somebody else has it.
            BrandPausedError: an operator paused it.
            ClockSkewError: the lease is held, but it must not be used.
            WrongTypeError: one of the brand's keys has a foreign type.
            NewerStateError: a newer version wrote the state.
            DamagedMetaError, WrongSizeError: the keys are not as the last commit left them.
            SettingsRefusedError: under the settings of this process the state would lose history.
            InvalidStateError: the state has a format that is too old for this version, or settings that cannot be read.
        """
        pause_of = "" if even_paused else brand
        return self._lease(
            self._layout.inner(brand), _Wish(token, least_epoch, pause_of, _NOT_YET, (), own, take)
        ).lease

    def visit(
        self,
        brand: str,
        token: str,
        cid: str,
        limit: int,
        *,
        least_epoch: int = 0,
        own: Mapping[str, Number] = own_settings.NONE,
    ) -> Visit:
        """Take the lease of *brand* as :meth:`acquire` does, and in the same step begin, as :meth:`peek` does.

        Args:
            brand: whose queue.
            token: the fencing token.
            cid: what the state in memory ends with, empty if it is the empty state. If that is not what the brand's
                last commit left, nothing is peeked and no attempt is counted.
            limit: chunks to read, 1 at least.
            least_epoch: as in :meth:`acquire`.
            own: likewise.

        Raises:
            OrchestratorError: what acquire raises; after ClockSkewError the attempt may be counted.
            WrongTypeError: the queue is not a list.
        """
        keys = self._layout.inner(brand)
        return self._lease(keys, _Wish(token, least_epoch, brand, cid, (peeks.read(keys, limit),), own))

    def _lease(self, keys: BrandKeys, wish: _Wish) -> Visit:
        mine = self.options.fingerprint
        agreed, taken_over = mine.owning(wish.own), NO_CHANGE
        asked_ms = self.clock.now_ms()
        reply, *read = self._acquire(keys, wish, agreed.text())
        if Code(reply[0].decode()) is Code.SETTINGS:
            # Nothing is leased yet, so whoever works on the brand is not disturbed by a refusal. The second call agrees
            # to what was looked at here, and to nothing that somebody commits in between.
            _, stored, adopted = reply
            agreed, taken_over = reconcile(keys.brand, stored, adopted, mine, adopt=self.options.adopt)
            asked_ms = self.clock.now_ms()
            reply, *read = self._acquire(keys, wish, stored)
        check_reply(scripts.ACQUIRE, keys, reply)
        unburied = checked(read.pop()) if self._layout.spread else 0  # its slot may have moved in between
        unarchived = _number(read.pop()) if self.options.archive_bytes else 0
        _, epoch, version, cid, attempts, due_ms, now_ms, queued, settings, begun, suspects = reply
        if not settings:  # nothing was compared: what the brand had of its own is lost with them
            agreed = mine
        if version and not settings:  # an older version wrote the state, and did not say with which settings
            taken_over = compare(UNKNOWN, mine)
        told = (epoch, version, cid.decode(), attempts, due_ms, now_ms, queued)
        self.clock.compare(asked_ms, now_ms, self._server(keys.brand))
        lease = Lease(keys.brand, wish.token, *told, taken_over, bool(settings), unburied, agreed.own, unarchived)
        if not begun:
            return Visit(lease, None)
        counted = attempts + (queued > 0)
        return Visit(lease, Peek(lease.cid, version, counted, now_ms, queued, peeks.items_of(read), None, suspects))

    def settle(self, lease: Lease, bounds: Mapping[str, int]) -> None:
        """Return if the settings of this process may go on from a state that was stored with *bounds*.

        For a brand whose meta was lost, and with it the settings of its last commit. Where history would be thrown away
        they are noted in meta again, so that from now on ``acquire`` refuses, and ``config adopt`` says yes.

        Raises:
            SettingsRefusedError: history would be thrown away. The lease is held.
            StoreError: Redis gave no answer or refused.
        """
        if lease.settled or not bounds or self.options.adopt:
            return
        stored = Fingerprint(bounds)
        comparison = compare(stored, self.options.fingerprint)
        if comparison.losses:
            with self._timed("write"):
                checked(self._runner.run([("HSET", self._layout.keys(lease.brand).meta, "settings", stored.text())])[0])
            raise SettingsRefusedError(refusal(lease.brand, comparison))

    def _acquire(self, keys: BrandKeys, wish: _Wish, agreed: str | bytes) -> list[Any]:
        """What acquire answers, and what the commands say that are sent along."""
        formats = self.options.formats
        names = [*scripts.ACQUIRE.keys(keys), self._layout.paused(keys.brand)]
        wanted = (formats.oldest, formats.written, agreed, wish.least_epoch, wish.pause_of, MOST_LOCK_TTL_MS, wish.cid)
        command = evalsha(scripts.ACQUIRE, names, wish.token, self._lock_ttl_ms, *wanted, int(wish.take))
        with self._timed("write"):
            replies = self._runner.run([command, *wish.along, *self._outbox_of(keys)])
        reply = checked(replies[0])
        if Code(reply[0].decode()) is Code.BUSY and reply[1]:
            self._shortened(keys.brand, reply[1])
        return replies

    def _outbox_of(self, keys: BrandKeys) -> list[Command]:
        """How much waits for the archive, if there is one, and how many letters for a list in another slot."""
        archive: list[Command] = [("HGET", keys.archiving, "bytes")] if self.options.archive_bytes else []
        return [*archive, ("LLEN", keys.failed)] if self._layout.spread else archive

    def load_state(self, lease: Lease) -> dict[bytes, bytes]:
        """All fields of the brand's state, as a whole; empty for a brand that was never committed.

        Raises:
            InvalidStateError: a part of it that lies apart is lost or damaged.
            StaleStateError: somebody committed meanwhile.
        """
        with self._timed("read"):
            return segments.load(self._client, lease.brand)

    def load(self, lease: Lease) -> Stored:
        """All that the last commit left of the brand's memory, in one round trip; raises as :meth:`load_state`."""
        return self._load(lease, None)

    def salvage(self, lease: Lease) -> tuple[Stored, list[bytes]]:
        """What of it is whole, and the fields of the state whose segments are lost or damaged, by name."""
        lost: list[bytes] = []
        return self._load(lease, lost), lost

    def _load(self, lease: Lease, lost: list[bytes] | None) -> Stored:
        keys = self._layout.inner(lease.brand)
        commands: list[Command] = [
            ("HMGET", keys.meta, "seen_since", "check0", "check1", "conflicts"),
            *(("GET", key) for key in (keys.digests0, keys.digests1)),
            *(("SMEMBERS", key) for key in (keys.seen0, keys.seen1)),  # of versions before format 5
            *segments.reading(keys),
        ]
        with self._timed("read"):
            numbers, younger, older, *rest = map(checked, self._runner.run(commands))
        sets, fields = rest[:2], segments.read(lease.brand, rest[2:], lost)
        # Acquire has seen to it that they are numbers.
        begun_ms, *checks, conflicts = (None if number is None else int(number) for number in numbers)
        # A version before format 5 purged the brand, and knew no such keys: of these chunks none is counted.
        leftover = not (lease.cid or fields) and bool(younger or older)
        if leftover:
            younger, older, checks = b"", b"", [None, None]
        digests = StoredDigests(
            younger or b"",
            older or b"",
            begun_ms or 0,
            younger_check=checks[0],
            older_check=checks[1],
            younger_set=_digests(sets[0]),
            older_set=_digests(sets[1]),
            conflicts=conflicts or 0,
            leftover=leftover,
        )
        return Stored(fields, digests)

    def peek(self, lease: Lease, limit: int, look: Look = NO_LOOK) -> Peek:
        """Read the first *limit* chunks of the queue and count an attempt at them; *look* at those after them.

        Raises:
            LeaseLostError: the lock is not ours any more.
            ClockSkewError: the attempt is counted; forgive it at the release.
            WrongTypeError: the queue is not a list.
        """
        keys = self._layout.inner(lease.brand)
        asked_ms = self.clock.now_ms()
        with self._timed("read"):
            begun, items = self._runner.run(
                [peeks.begin(keys, lease.token, self._lock_ttl_ms, limit, look), peeks.read(keys, limit)]
            )
        check_reply(scripts.BEGIN, keys, checked(begun))
        peek = peeks.begun(begun, checked(items))
        self.clock.compare(asked_ms, peek.now_ms, self._server(lease.brand))
        return peek

    def line(self, brand: str) -> Line:
        """A line for one session of *brand*, which sends on it what need not be waited for at once."""
        return self._runner.line(queue_key(brand))

    def ask_time(self, line: Line) -> Reply[int]:
        """Ask on *line* for the server's time in Unix ms; the answer is left on its way.

        Reading it raises :class:`~orchestrator.errors.ClockSkewError` where that time must not be folded by.
        """
        asked_ms = self.clock.now_ms()

        def parse(replies: Sequence[Any]) -> int:
            now_ms = milliseconds_of(replies[0])
            self.clock.compare(asked_ms, now_ms, line.server)
            return now_ms

        return line.send(Question([TIME], parse))

    def send(
        self, line: Line, lease: Lease, commit: Commit, read_on: ReadOn | None
    ) -> tuple[Reply[CommitReply], Reply[list[bytes]] | None]:
        """Send *commit* on *line* and, in the same pipeline, the questions of *read_on*, if there are any.

        The script applies the commit atomically: either it is in, or nothing changed. After ``StoreUnavailableError``
        it is unknown which; sending the same commit again is safe and settles it. No commit is ever sent twice by
        itself, not even if the server did not know its script: then the scripts are loaded, and it is unavailable.

        Returns:
            the reply to the commit, which raises as below, and the chunks if any were asked for, each to be read.

        Raises:
            LeaseLostError: the lock is not ours any more.
            StaleStateError: somebody committed since, or Redis lost a commit of ours.
            QueueMovedError: the queue's head is not what was peeked.
            WrongTypeError: one of the brand's keys has a foreign type.
            DeadLetterFullError: the dead letters are at their cap and the policy is to pause.
            ArchiveBehindError: as much waits for the archive as may, and the policy is to pause.
        """
        keys = self._layout.inner(lease.brand)
        committing = self._commits.commands(keys, lease, commit)
        commands = list(committing)
        if read_on is not None:
            commands.append(
                peeks.begin(keys, lease.token, self._lock_ttl_ms, read_on.skip + read_on.limit, read_on.look)
            )
        asked_ms = self.clock.now_ms()

        def parse(replies: Sequence[Any]) -> CommitReply:
            # On another connection while the line holds its own: the pool has some to spare.
            self._runner.load_if_forgotten(replies)
            reply = self._commits.reply(keys, replies[len(committing) - 1 :])
            return reply if self._agrees(asked_ms, lease.brand, reply.next) else replace(reply, next=None)

        question = Question(commands, parse, partial(self._observe, "write"))
        if read_on is None:
            return line.send(question), None
        # The chunks come last: the commit's outcome is known before they are here.
        return line.send_both(question, Question([peeks.read(keys, read_on.limit, read_on.skip)], peeks.items_of))

    def settings_of(self, lease: Lease, commit: Commit) -> Fingerprint:
        """With which *commit* goes into the brand's meta, those of the brand included."""
        return self._commits.settings_of(lease, commit)

    def commit(self, lease: Lease, commit: Commit) -> CommitReply:
        """Send *commit* and wait for what becomes of it; raises what the reply of :meth:`send` raises."""
        keys = self._layout.inner(lease.brand)
        with self._timed("write"):
            replies = self._runner.run(self._commits.commands(keys, lease, commit))
        return self._commits.reply(keys, replies[-1:])

    def renew(self, leases: Sequence[Lease]) -> list[Lease]:
        """Let *leases* live for another ttl; those that are lost are returned.

        A lease is lost only if the server says so; without an answer the call raises and all may still live. Of a
        cluster's nodes one may give none: those leases may still live, too.
        """
        keys = [self._layout.keys(lease.brand) for lease in leases]
        commands = [
            evalsha(scripts.RENEW, scripts.RENEW.keys(own), lease.token, self._lock_ttl_ms)
            for own, lease in zip(keys, leases, strict=True)
        ]
        if not commands:
            return []
        with self._timed("write"):
            replies = [_unless_away(reply) for reply in self._renewals.run(commands)]
        return [lease for lease, reply in zip(leases, replies, strict=True) if reply is not None and not _holds(reply)]

    def release(self, lease: Lease, *, forgive: bool = False, suspects: int = 0) -> bool:
        """Give *lease* back; False if it was not ours any more.

        Args:
            lease: which one.
            forgive: take back the attempt of the last peek, because it was abandoned in good order.
            suspects: so many items from the head on were in hand when a step hung.
        """
        keys = self._layout.inner(lease.brand)
        with self._timed("write"):
            command = evalsha(scripts.RELEASE, scripts.RELEASE.keys(keys), lease.token, int(forgive), suspects)
            reply = checked(self._runner.run([command])[0])
        return _holds(reply)

    def forget(self, brand: str, fields: Sequence[str]) -> None:
        """Remove *fields* of the brand's meta, which then mean what they mean before a commit writes them.

        Its last commit gets another name, so nobody goes on from a state in memory: what is stored is what counts. The
        brand is due at once, so the next lease makes a commit that writes *fields*. Under somebody's lease that is
        harmless: its next commit is stale. Either all of this is done or nothing.

        Raises:
            WrongTypeError: the key of meta has a foreign type.
        """
        keys = self._layout.keys(brand)
        check_reply(scripts.FORGET, keys, self._run("write", scripts.FORGET, keys, secrets.token_hex(8), *fields))

    def claim(self, brands: Sequence[str]) -> Claim:
        """Those of *brands* (at most :data:`MAX_CLAIM`) that have work or a refresh due, and no lease; and all queues.

        Raises:
            ClockSkewError: nothing may be claimed.
            StoreRefusedError: also where a claim alone would succeed, but the server takes no writes: a lane that
                claims wants to commit.
        """
        if not brands:
            return Claim()
        if self._masters is not None:
            return self._claim_apart(self._masters, brands[:MAX_CLAIM])
        keys = bulk([key.encode() for brand in brands[:MAX_CLAIM] for key in self._layout.claim(brand)])
        asked_ms = self.clock.now_ms()
        commands = [_WRITE_PROBE, *pauses.STAMP, self._claim(keys)]
        with self._timed("read"):
            probed, *stamp, claimed = self._runner.run(commands)
        checked(probed)
        now_ms, indexes, long_locks, waiting = checked(claimed)
        for index, left_ms in long_locks:
            self._shortened(brands[index], left_ms)
        self.clock.compare(asked_ms, now_ms)
        claim = _claim(brands, indexes, waiting)
        return replace(claim, pauses=pauses.stamp_of(stamp), now_ms=now_ms)

    def _claim_apart(self, masters: Masters, brands: Sequence[str]) -> Claim:
        """The same of each master, about its own brands."""

        def question(own: list[str]) -> Command:
            names = bulk([key.encode() for brand in own for key in self._layout.claim(brand)])
            return evalsha(scripts.CLAIM, (), self._lock_ttl_ms, MOST_LOCK_TTL_MS, names)

        with self._timed("read"):
            answers = masters.ask(brands, question, pauses.STAMP)
        ready: list[str] = []
        queues: dict[str, Queued] = {}
        for own, (_, indexes, long_locks, waiting) in answers.nodes:
            for index, left_ms in long_locks:
                self._shortened(own[index], left_ms)
            claim = _claim(own, indexes, waiting)
            ready += claim.ready
            queues |= claim.queues
        return Claim(ready, queues, pauses.stamp_of(answers.beside), answers.now_ms, answers.away)

    def glance(self, parts: Sequence[Part], dues: Sequence[str] = ()) -> Glance:
        """Whether chunks wait in any queue of each of *parts*, and when the brands of *dues* are due.

        Says the same of the server as a claim does, for a fraction of its price.

        Raises:
            ClockSkewError: nothing may be claimed.
            StoreRefusedError: also where the server takes no writes.
        """
        if self._masters is not None:
            return self._glance_apart(self._masters, parts, dues)
        asked_ms = self.clock.now_ms()
        with self._timed("read"):
            commands = [_WRITE_PROBE, TIME, *pauses.STAMP, *glances.questions(parts, dues)]
            probed, time_, revision, marks, *replies = self._runner.run(commands)
        checked(probed)
        now_ms = milliseconds_of(time_)
        self.clock.compare(asked_ms, now_ms)
        return Glance(now_ms, pauses.stamp_of((revision, marks)), *glances.seen(parts, dues, replies))

    def _glance_apart(self, masters: Masters, parts: Sequence[Part], dues: Sequence[str]) -> Glance:
        """The same of each master, about its own brands."""

        def question(own: list[str]) -> Command:
            return evalsha(scripts.STIRRED, (), bulk([queue_key(brand).encode() for brand in own]))

        commands = [*pauses.STAMP, *glances.due_questions(dues, lambda brand: self._layout.claim(brand)[1])]
        with self._timed("read"):
            answers = masters.ask(chain.from_iterable(part.brands for part in parts), question, commands)
        stamp, due = answers.beside[: len(pauses.STAMP)], answers.beside[len(pauses.STAMP) :]
        existing = (own[index] for own, indexes in answers.nodes for index in indexes)
        stirred = glances.stirred(parts, existing)
        return Glance(answers.now_ms, pauses.stamp_of(stamp), stirred, glances.dues_seen(dues, due))

    @property
    def partly(self) -> bool:
        """Whether some nodes of a cluster answer, and some do not."""
        return self._masters is not None and self._masters.partly()

    @property
    def topology(self) -> Topology | None:
        """Of the cluster; None: one server."""
        cluster = self._runner.cluster
        return None if cluster is None else cluster.topology

    def count_away(self, brands: Sequence[str]) -> int:
        """How many of *brands* have their queue at a node of a cluster that is away, by what is known."""
        topology = self.topology
        return 0 if topology is None else topology.count_away(map(queue_slot, brands))

    def _server(self, brand: str) -> str:
        """Which of several servers has *brand*; empty: there is one."""
        cluster = self._runner.cluster
        return "" if cluster is None else str(cluster.topology.owner(queue_slot(brand)))

    def paused(self, brands: Sequence[str]) -> dict[str, Pause]:
        """Which of *brands* are paused, those included whose pause is over; :func:`~orchestrator.store.pauses.paused`.

        A key of a foreign type holds no pauses.
        """
        with self._timed("read"):
            return pauses.read(self._runner, brands)[1]

    def dead_letters(self, brands: Sequence[str]) -> dict[str, Letters]:
        """How those of *brands* stand that have dead letters; keys of a foreign type hold none."""
        with self._timed("read"):
            replies = self._runner.run([("LLEN", failed_key(brand)) for brand in brands])
        if isinstance(away := next((reply for reply in replies if isinstance(reply, StoreError)), None), StoreError):
            raise away  # the others alone would look as if letters were gone
        entries = {
            brand: reply for brand, reply in zip(brands, replies, strict=True) if isinstance(reply, int) and reply
        }
        with self._timed("read"):
            replies = self._runner.run([("STRLEN", self._layout.keys(brand).digests0) for brand in entries])
        digests = [reply if isinstance(reply, int) else 0 for reply in replies]
        return {brand: Letters(count, size) for (brand, count), size in zip(entries.items(), digests, strict=True)}

    def roomy(self, brands: Sequence[str]) -> list[str]:
        """Those of *brands* that have room for dead letters and for the archive, or where that cannot be counted."""
        options = self.options
        with self._timed("read"):
            lengths = self._runner.run([("LLEN", failed_key(brand)) for brand in brands])
        waiting: Sequence[Any] = [None] * len(brands)
        if options.archive_bytes and options.archive_policy is ArchivePolicy.PAUSE:
            keys = [self._layout.keys(brand).archiving for brand in brands]
            with self._timed("read"):
                waiting = self._runner.run([("HGET", key, "bytes") for key in keys])
        # A foreign type is for the lane to find: it parks the brand with the right reason.
        return [
            brand
            for brand, length, size in zip(brands, lengths, waiting, strict=True)
            if not (isinstance(length, StoreError) or isinstance(size, StoreError))
            and (not isinstance(length, int) or length < options.failed_max)
            and (not options.archive_bytes or _number(size) < options.archive_bytes)
        ]

    @property
    def keeps_letters(self) -> bool:
        """Whether a full list of dead letters stops a commit, and drops none."""
        return self.options.failed_policy is FailedPolicy.PAUSE

    def room(self, lease: Lease) -> int | None:
        """How many dead letters the brand may still get; None if that stops no commit, or if the commit has to say."""
        letters = self._letters(lease) if self.keeps_letters else None
        return None if letters is None else max(0, self.options.failed_max - letters)

    def full(self, lease: Lease) -> DeadLetterFullError:
        """What the commit of one more dead letter would raise, for those who know that there is no room."""
        return full_error(lease.brand, self._letters(lease) or 0)

    @property
    def archives(self) -> bool:
        """Whether commits are to leave records for an archive."""
        return bool(self.options.archive_bytes)

    def behind(self, lease: Lease, unarchived: int) -> ArchiveBehindError | None:
        """What a commit would raise if so many bytes wait for the archive; None if it may be made."""
        options = self.options
        stops = options.archive_bytes and options.archive_policy is ArchivePolicy.PAUSE
        return behind_error(lease.brand, unarchived) if stops and unarchived >= options.archive_bytes else None

    def finish_moves(self, brand: str) -> None:
        """Bring letters of *brand* into their queue that somebody took out of their list, and did not get so far."""
        moves.finish(self._client, brand)

    def _letters(self, lease: Lease) -> int | None:
        keys = self._layout.keys(lease.brand)
        if self._layout.spread:
            # Both lists, with one try: a commit does not wait for another slot, and has a bound of its own.
            inner = self._layout.inner(lease.brand)
            lengths = self._runner.attempt([("LLEN", keys.failed), ("LLEN", inner.failed)])
            return sum(lengths) if all(isinstance(length, int) for length in lengths) else None
        with self._timed("read"):
            length = self._runner.run([("LLEN", keys.failed)])[0]
        return length if isinstance(length, int) else None

    def registered(self, keys: Sequence[str]) -> Registry:
        """The brands registered under *keys*, each a SET or a LIST."""
        with self._timed("read"):
            return registered(self._client, keys)

    def _agrees(self, asked_ms: int, brand: str, peek: Peek | None) -> bool:
        """Whether *peek*, which travelled with a commit, may be used: like one that failed, it is peeked again."""
        try:
            if peek is not None:
                self.clock.compare(asked_ms, peek.now_ms, self._server(brand))
        except ClockSkewError:
            return False
        return True

    def _claim(self, keys: Bulk) -> Command:
        return evalsha(scripts.CLAIM, keys, self._lock_ttl_ms, MOST_LOCK_TTL_MS)

    def _run(self, operation: Operation, script: scripts.Script, keys: BrandKeys, *args: Any) -> Any:
        with self._timed(operation):
            return checked(self._runner.run([evalsha(script, script.keys(keys), *args)])[0])

    @contextmanager
    def _timed(self, operation: Operation) -> Iterator[None]:
        """Observe a round trip."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._observe(operation, time.perf_counter() - start)


class _Wish(NamedTuple):
    """How a lease is to be acquired: token, epoch to exceed, whose pause counts, how it begins, what it may be of."""

    token: str
    least_epoch: int
    pause_of: str
    cid: str
    along: tuple[Command, ...]
    own: Mapping[str, Number]
    take: bool = False


def _claim(brands: Sequence[str], indexes: list[int], waiting: list[Any]) -> Claim:
    """What claim.lua answered about *brands*: those to look at without chunks, and index, chunks, version of others."""
    places, counts, versions = waiting[::3], waiting[1::3], waiting[2::3]
    free = [index for index, chunks in zip(places, counts, strict=True) if chunks > 0]  # negative: under a lock
    queues = {
        brands[index]: Queued(abs(chunks), version)
        for index, chunks, version in zip(places, counts, versions, strict=True)
    }
    return Claim([brands[index] for index in sorted(indexes + free)], queues)


def _digests(members: Iterable[bytes]) -> frozenset[bytes]:
    """Of a set of before, which also holds the empty string."""
    return frozenset(members) - {b""}


def _unless_away(reply: Any) -> Any:
    """*reply*, None from a node of a cluster that is away."""
    return None if isinstance(reply, StoreUnavailableError) else checked(reply)


def _number(text: Any) -> int:
    """A number that the script wrote; 0 where somebody else wrote something else, which is for the commit to say."""
    return int(text) if isinstance(text, bytes) and text.isdigit() else 0


def _nothing(_brands: list[str]) -> Command:
    """The question about no brands."""
    return TIME


def _holds(reply: Any) -> bool:
    """Whether renew or release found the lock to be ours; a foreign type there means that it is not."""
    return Code(reply[0].decode()) is Code.OK
