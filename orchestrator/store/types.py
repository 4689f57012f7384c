"""What goes into the store and what comes out: plain frozen values, no Redis.

Source: ``docs/redis-protocol.md``. Times are Unix milliseconds of the Redis
server (``TIME``), because it is the one clock that all orchestrators share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.fingerprint import NO_CHANGE, UNKNOWN, Comparison, Fingerprint
from orchestrator.contract.state_format import FORMATS, Formats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.contract.consumed import Head
    from orchestrator.contract.own_settings import Number

DAY_S: Final = 86_400


class FailedPolicy(StrEnum):
    """What happens when ``failed:brand:<brand>`` is at its cap."""

    PAUSE = "pause"
    DROP_OLDEST = "drop_oldest"


class ArchivePolicy(StrEnum):
    """What happens when as much of a brand waits for the archive as may."""

    PAUSE = "pause"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What is the same for every brand and every commit of one orchestrator.

    Attributes:
        lock_ttl_s: life of a lease without renewal.
        summary_ttl_s: life of a summary without a commit.
        spike_ttl_s: life of each list of episodes, and of the outbox, after its last change.
        trend_ttl_s: life of the trend after its last change.
        recent_ttl_s: life of the list of recent chunks after its last change.
        recent_max: entries kept in the list of recent chunks, and in the outbox.
        failed_max: entries at which ``failed_policy`` applies.
        failed_policy: ``pause`` parks the brand, or drop the oldest entries (counted in the reply).
        formats: of the state: which are acquired, and which one is written.
        fingerprint: the settings that the rules work with.
        adopt: go on with every brand, whatever history these settings throw away.
        max_clock_skew_s: by which the server's clock and this machine's may differ; 0 = they are not compared.
        archive_bytes: of a brand that may wait for the archive; 0 = there is none, and no commit leaves a record.
        archive_policy: ``pause`` parks the brand at that bound, or commits go on without records (counted).
    """

    lock_ttl_s: float = 15.0
    summary_ttl_s: int = 2 * DAY_S
    spike_ttl_s: int = 7 * DAY_S
    trend_ttl_s: int = 400 * DAY_S
    recent_ttl_s: int = 2 * DAY_S
    recent_max: int = 50
    failed_max: int = 10_000
    failed_policy: FailedPolicy = FailedPolicy.PAUSE
    formats: Formats = FORMATS
    fingerprint: Fingerprint = UNKNOWN
    adopt: bool = False
    max_clock_skew_s: float = 0.0
    archive_bytes: int = 0
    archive_policy: ArchivePolicy = ArchivePolicy.PAUSE


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to fold one brand, as it was when it was acquired.

    Attributes:
        brand: whose queue.
        token: the fencing token: 128 random bits, new at every acquire.
        epoch: order of leases; greater than that of any lease before, even one that a failover forgot.
        version: commits so far.
        cid: id of the last commit, empty before the first; state kept in memory is usable only if it ends with it.
        attempts: peeks since the last commit; 0 after an orderly stop.
        due_ms: when the summary should be refreshed without new chunks; 0 = never.
        now_ms: server time of the acquire.
        queued: chunks in the queue.
        taken_over: what differs between the settings of the last commit and those of the next one.
        settled: whether meta tells the settings of the last commit; if not, the state may.
        unburied: dead letters that are not in the list that operators know, where that is in another slot.
        own: settings of the brand's own, with which it is folded and committed instead of those of the process.
        unarchived: bytes that wait for the archive, if there is one.
    """

    brand: str
    token: str
    epoch: int
    version: int
    cid: str
    attempts: int
    due_ms: int
    now_ms: int
    queued: int
    taken_over: Comparison = NO_CHANGE
    settled: bool = True
    unburied: int = 0
    own: Mapping[str, Number] = field(default_factory=dict)
    unarchived: int = 0


class Look(NamedTuple):
    """What is to be found out about items that may be read next, before they are: Redis cannot bound a reply in bytes.

    Attributes:
        wanted: how many are wanted.
        most_bytes: that they may have together.
        each: of so many items one is looked at; so many may be read without a look.
    """

    wanted: int
    most_bytes: int
    each: int


NO_LOOK: Final = Look(0, 0, 0)
"""Nothing will be read next."""


@dataclass(frozen=True, slots=True)
class Peek:
    """The head of a queue, read and not taken.

    Attributes:
        cid: id of the last commit at the time of the peek.
        version: commits so far.
        attempts: peeks of a non-empty queue since the last commit, this one included.
        now_ms: server time, the ``now`` of the fold.
        queued: chunks in the queue.
        items: the first ones, as workers pushed them.
        fits: how many of the items after those that were asked for may be read next; None: nobody looked at them.
        suspects: so many of the first were in hand when a step hung, and are not settled since.
    """

    cid: str
    version: int
    attempts: int
    now_ms: int
    queued: int
    items: list[bytes]
    fits: int | None = 0
    suspects: int = 0


class Visit(NamedTuple):
    """A lease, and what was read along with it.

    Attributes:
        lease: held.
        peek: the head of the queue, an attempt at it counted; None if the state has to be loaded first.
    """

    lease: Lease
    peek: Peek | None


@dataclass(frozen=True, slots=True)
class StoredDigests:
    """What is stored of the chunks that a brand had, see :mod:`orchestrator.lane.duplicates`.

    Attributes:
        younger: the entries of the younger generation, one after the other.
        older: those of the older one.
        begun_ms: when the younger one was begun, Unix ms; 0 = nobody knows.
        younger_check: checksum that the last commit left of the younger one; None = none is known.
        older_check: likewise.
        younger_set: digests of chunkIds that versions before format 5 left in the younger generation, without order.
        older_set: likewise.
        conflicts: so many chunks had the id of another one and other numbers, so far.
        leftover: whether digests lie there of a state that is gone: they count no more, and the next commit removes
            them.
    """

    younger: bytes = b""
    older: bytes = b""
    begun_ms: int = 0
    younger_check: int | None = None
    older_check: int | None = None
    younger_set: frozenset[bytes] = frozenset()
    older_set: frozenset[bytes] = frozenset()
    conflicts: int = 0
    leftover: bool = False


NO_DIGESTS: Final = StoredDigests()
"""What is stored of a brand that never had a chunk."""


class Stored(NamedTuple):
    """What the last commit left of a brand's memory.

    Attributes:
        fields: of the state; none for a brand that was never committed.
        digests: of chunks that were folded.
    """

    fields: dict[bytes, bytes]
    digests: StoredDigests


class Remember(StrEnum):
    """What a commit does to the stored digests; the value is its name in the script."""

    APPEND = "append"
    ROTATE = "rotate"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class DigestChange:
    """What a commit writes of digests.

    Attributes:
        how: to append to the younger generation; to make that the older one first, and begin the next; or to write both
            anew.
        entries: of the younger generation: those that are appended, or all of them.
        begun_ms: when the younger one was begun, Unix ms.
        younger_check: checksum of all that the younger one then has.
        older_check: of the older one.
        older: all entries of the older one, where both are written anew.
        conflicts: chunks with the id of another one and other numbers, so far; 0: the stored number stays.
        newest: what is told of the newest of them.
    """

    how: Remember
    entries: bytes
    begun_ms: int
    younger_check: int
    older_check: int
    older: bytes = b""
    conflicts: int = 0
    newest: bytes = b""


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic step of a brand: these chunks leave the queue, this becomes true.

    Attributes:
        cid: id of this commit, random; the same one in every retry.
        expected_cid: the commit that the fold started from.
        version: the version that the summary inside speaks of: that of the peek + 1.
        consumed: items taken from the queue's head; 0 for a refresh.
        head: first peeked item, byte for byte.
        tail: last consumed item, byte for byte (the same as *head* for one item).
        put: state fields to write.
        remove: state fields to delete.
        digests: what is remembered of the chunks folded by this commit; None: the stored digests stay as they are.
        failed: entries for the dead-letter list.
        summary: the whole new summary, None to leave the old one.
        due_ms: when the brand should be refreshed without new chunks; 0 = never.
        spikes: the whole new spike list, None to leave the old one.
        moods: the same of episodes of mood.
        stories: the same of episodes of stories.
        trend_put: trend fields to write.
        trend_remove: trend fields to delete.
        recent: entries to append to the list of recent chunks.
        outbox: alerts that are to be told, oldest first.
        let_go: whether the lease is to end in the same step, if the queue is empty then.
        own: the brand's own settings from this commit on; None: those of the lease.
        record: what the archive is to know of it; None: nothing was folded for it, or there is no archive.
    """

    cid: str
    expected_cid: str
    version: int
    consumed: int = 0
    head: bytes = b""
    tail: bytes = b""
    put: Mapping[bytes, bytes] = field(default_factory=dict)
    remove: Sequence[bytes] = ()
    digests: DigestChange | None = None
    failed: Sequence[bytes] = ()
    summary: bytes | None = None
    due_ms: int = 0
    spikes: Sequence[bytes] | None = None
    moods: Sequence[bytes] | None = None
    stories: Sequence[bytes] | None = None
    trend_put: Mapping[bytes, bytes] = field(default_factory=dict)
    trend_remove: Sequence[bytes] = ()
    recent: Sequence[bytes] = ()
    outbox: Sequence[bytes] = ()
    let_go: bool = False
    own: Mapping[str, Number] | None = None
    record: Head | None = None


@dataclass(frozen=True, slots=True)
class ReadOn:
    """What to find out about the next chunks, after a commit and in its pipeline, so that the answer knows of it.

    Attributes:
        limit: chunks to read, as far as they are there.
        skip: chunks after the commit's own that are not read, because the caller has them already.
        look: at the items after these, for the next time.
    """

    limit: int
    skip: int = 0
    look: Look = NO_LOOK


@dataclass(frozen=True, slots=True)
class CommitReply:
    """What became of a commit that is in.

    Attributes:
        duplicate: an earlier delivery of the same commit had been applied already (``DUP``).
        version: commits so far, this one included.
        queued: chunks left in the queue.
        failed_dropped: old dead letters that the cap pushed out (policy ``drop_oldest``).
        alerts_dropped: oldest alerts that the cap of the outbox pushed out; nobody had taken them.
        announced: False if the server refused the PUBLISH (ACL); readers then have to poll.
        released: whether it let go, or had done so when it was applied: the caller holds no lease any more.
        next: the next peek, if one was asked for and the lease still held; without items, which have an answer of
            their own.
        unarchived: bytes that wait for the archive, if there is one.
        skipped: whether the commit has no record, because as much waits as may.
    """

    duplicate: bool
    version: int
    queued: int
    failed_dropped: int
    alerts_dropped: int
    announced: bool
    released: bool
    next: Peek | None
    unarchived: int = 0
    skipped: bool = False


class Queued(NamedTuple):
    """A queue that is not empty.

    Attributes:
        chunks: in it.
        version: of the brand's last commit, as its meta says it; empty if there is none.
    """

    chunks: int
    version: bytes


class Letters(NamedTuple):
    """The dead letters of a brand.

    Attributes:
        entries: in its failed list, whoever wrote them; one at least.
        digests: bytes of the younger generation of them, which change with each chunk that counts.
    """

    entries: int
    digests: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim says of the brands that it asked about.

    Attributes:
        ready: those with work or a refresh due, and no lease.
        queues: of those whose queues are not empty, whoever has their leases.
        pauses: changes whenever a brand, any brand, is paused or resumed; None: nobody could say.
        now_ms: server time; 0 = nobody was asked.
        away: those of which nobody said anything, because their node of a cluster is away.
    """

    ready: Sequence[str] = ()
    queues: Mapping[str, Queued] = field(default_factory=dict)
    pauses: object = None
    now_ms: int = 0
    away: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered brands.

    Attributes:
        brands: names that are fit to be brands, sorted, each once.
        refused: the others: (repr of the name, reason).
    """

    brands: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
