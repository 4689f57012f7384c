"""Is this Redis fit for the protocol? Checked at start-up and by ``orchestrator doctor``.

Owns the list of what is needed, why, and what to do about it. Must not change any key but those of a scratch
brand, which it removes again. Source: ``docs/redis-protocol.md``, section "The server".
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.address import REDIS_PORT, SENTINEL_PORT, Node, is_service
from orchestrator.contract.consumed import note_of
from orchestrator.errors import ClockSkewError, StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store.client import translated
from orchestrator.store.clock import MAX_SKEW_S, ServerClock
from orchestrator.store.cluster.client import ClusterClient
from orchestrator.store.cluster.fitness import look_at_nodes
from orchestrator.store.consumed import Consumed
from orchestrator.store.findings import Finding, Verdict, worst
from orchestrator.store.following import SentinelPool
from orchestrator.store.layouts import layout_of
from orchestrator.store.scripts import ARCHIVE, KEY_TYPES
from orchestrator.store.sentinels import handshake
from orchestrator.store.server_name import server_name
from orchestrator.store.store import Store
from orchestrator.store.types import Commit, DigestChange, Lease, Peek, Remember, StoreOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import redis

    from orchestrator.store.sentinels import Account

__all__ = ["MIN_VERSION", "SCRATCH_BRAND", "Finding", "Verdict", "examine", "judge", "look", "worst"]

MIN_VERSION: Final = (6, 2)
"""The oldest that the tests ran with; LPOS came with 6.0.6, TIME in writing scripts and RESP3 are older."""

_SHOWN: Final = 5
"""Primaries of a sentinel that a finding names."""

SCRATCH_BRAND: Final = "orchestrator preflight "
_SCRATCH_BYTES: Final = 1 << 20
_CIDS: Final = ("preflight-1", "preflight-2")
"""Of the two commits of the scratch brand, which is another one each time."""


_PASSING: Final = ("OOM", "ResponseError: MISCONF", "ResponseError: NOREPLICAS")
"""Refusals that pass. A queue that fills Redis must not keep away the service that would empty it."""

_UNUSABLE: Final = {
    **dict.fromkeys(
        ("WRONGPASS", "NOAUTH", "AuthenticationError"), ("login", "correct user and password in REDIS_URL")
    ),
    "SentinelLoginError": (
        "sentinels",
        "correct REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD_FILE; docs/sentinel.md says what that user needs",
    ),
    "UnknownServiceError": (
        "sentinels",
        "correct the name behind the hosts in REDIS_URL, or REDIS_SENTINEL_MASTER: SENTINEL MASTERS lists theirs",
    ),
    "NoSentinelError": (
        "sentinels",
        "name the sentinels, which usually listen on 26379; for one server REDIS_URL=redis://host:6379",
    ),
}
"""Refusals of every command, by the first word: the check that tells it, and its remedy. The other checks would only
repeat them, with remedies that do not help."""

_MANY_SENTINELS: Final = 3
"""So few can lose one and still agree on a failover."""


def examine(client: redis.Redis, *, max_clock_skew_s: float = MAX_SKEW_S, archive: bool = False) -> list[Finding]:
    """Check everything that the protocol needs from the server, what changes nothing first.

    Args:
        client: of the server.
        max_clock_skew_s: by which the clocks may differ.
        archive: whether commits are to leave what they consume, which needs more.

    Raises:
        StoreUnavailableError: the server gave no answer; nothing can be said about it.
    """
    findings = look(client, max_clock_skew_s=max_clock_skew_s)
    if len(findings) == 1:  # which says why nothing else was looked at
        return findings
    return [*findings, _rehearse(client, archive=archive), _transactions(client), _tracking(client)]


def look(client: redis.Redis, *, max_clock_skew_s: float = MAX_SKEW_S) -> list[Finding]:
    """What can be checked at any time: it changes nothing and costs two round trips, and one to each sentinel.

    One finding alone means that the address cannot be used, and why.

    Raises:
        StoreUnavailableError: the server gave no answer.
    """
    if isinstance(client, ClusterClient):
        return look_at_nodes(client, (_version, _eviction, _persistence), max_clock_skew_s=max_clock_skew_s)
    try:
        if (sentinel := _sentinel(client)) is not None:
            return [sentinel]
        with translated():
            info: dict[str, Any] = client.info("everything")
        if int(info.get("cluster_enabled", 0)):
            return [_cluster(client)]
    except StoreRefusedError as error:
        if unusable := _UNUSABLE.get(str(error).partition(":")[0]):
            return [Finding(unusable[0], Verdict.REFUSE, str(error), unusable[1])]
        remedy = "allow INFO to this user (ACL SETUSER ... +info), or check version, role and persistence by hand"
        findings = [Finding("info", Verdict.WARN, str(error), remedy)]
        info = {}
    else:
        findings = [check(info) for check in _CHECKS]
    return [*findings, *_sentinels(client, info), _clock(client, max_clock_skew_s)]


def _version(info: Mapping[str, Any]) -> Finding:
    found = str(info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if numbers < MIN_VERSION:  # of the Redis that it is compatible with
        return Finding("version", Verdict.REFUSE, server_name(info), "use Redis 6.2 or newer, or Valkey")
    return Finding("version", Verdict.OK, server_name(info))


def _role(info: Mapping[str, Any]) -> Finding:
    role = str(info.get("role", "master"))
    if role != "master":
        primary = f"redis://{info.get('master_host', 'host')}:{info.get('master_port', 'port')}"
        remedy = (
            f"point REDIS_URL at the primary, {primary} by what it says; where sentinels watch it,"
            " redis+sentinel://sentinel-1:26379,sentinel-2:26379/name follows the primary"
        )
        return Finding("role", Verdict.REFUSE, "the server is a replica, which takes no writes", remedy)
    return Finding("role", Verdict.OK, role)


def _sentinel(client: redis.Redis) -> Finding | None:
    """What to write instead if a sentinel answers: it knows most commands of a server, and holds nothing."""
    with translated():
        connection = client.connection_pool.get_connection()
        try:
            mode = handshake(connection, "mode")
        finally:
            client.connection_pool.release(connection)
        if mode != "sentinel":
            return None
        info = client.info("sentinel")
    named = [
        str(about.get("name", "")) for key, about in info.items() if key[6:].isdecimal() and isinstance(about, dict)
    ]
    names = [name for name in named if is_service(name)]
    place = Node(getattr(connection, "host", "host"), getattr(connection, "port", SENTINEL_PORT))
    remedy = (
        f"write REDIS_URL=redis+sentinel://{place}/{names[0] if names else 'mymaster'} (rediss+sentinel:// with TLS),"
        " with all sentinels before the name, separated by commas"
    )
    if len(names) > 1:
        remedy += f"; it watches {', '.join(sorted(names)[:_SHOWN])}"
    return Finding(
        "role", Verdict.REFUSE, "a sentinel answers, which knows where the primary is and holds no data", remedy
    )


def _sentinels(client: redis.Redis, info: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the sentinels could have the primary replaced, and whether it would know that it was."""
    pool = client.connection_pool
    if not isinstance(pool, SentinelPool):
        return
    yield judge(pool.sentinels.survey(), pool.primary)
    # Redis tells the number of good replicas only where it is asked to have some.
    if info and "min_slaves_good_slaves" not in info:
        remedy = (
            "set min-replicas-to-write 1 and min-replicas-max-lag 10 on every server, with two replicas or more: a"
            " primary that is cut off goes on taking chunks otherwise, which the next one never sees"
        )
        yield Finding("replicas", Verdict.WARN, "min-replicas-to-write is 0", remedy)
    elif info:
        yield Finding("replicas", Verdict.OK, "a primary without replicas takes no writes")


def judge(accounts: Sequence[Account], primary: Node | None) -> Finding:
    """What the *accounts* of all listed sentinels come to; connections lead to *primary* now."""
    heard = [account for account in accounts if account.problem is None]
    count = f"{len(heard)} of {len(accounts)} answer"
    silent = ", ".join(str(account.sentinel) for account in accounts if account.problem is not None)
    if silent:
        return Finding("sentinels", Verdict.WARN, count, f"start them, or take them out of the address: {silent}")
    others = {str(account.primary) for account in heard if account.primary != primary}
    if others:
        said = f"they name {' and '.join(sorted(others))}, connections lead to {primary}"
        return Finding("sentinels", Verdict.WARN, f"{count}, and do not agree on the primary", f"look again: {said}")
    known = max(account.sentinels for account in heard)
    if known < _MANY_SENTINELS:
        remedy = "run three or more on machines of their own: most of them must agree on a failover"
        return Finding("sentinels", Verdict.WARN, f"{count}, {known} in all", remedy)
    replicas = max(account.replicas for account in heard)
    if not replicas:
        return Finding(
            "sentinels",
            Verdict.WARN,
            f"{count}, and know no replica",
            "add a replica: there is nothing to fail over to",
        )
    return Finding("sentinels", Verdict.OK, f"{count}, primary {primary}, replicas {replicas}")


def _cluster(client: redis.Redis) -> Finding:
    """What to write instead if a node of a cluster answers."""
    options = client.connection_pool.connection_kwargs
    place = Node(str(options.get("host", "host")), int(options.get("port", REDIS_PORT)))
    remedy = (
        f"write REDIS_URL=redis+cluster://{place} (rediss+cluster:// with TLS), with some more of its nodes if you can"
    )
    return Finding("cluster", Verdict.REFUSE, "the server is a node of a cluster", remedy)


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy, limited = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0)) > 0
    detail = f"maxmemory-policy {policy}, maxmemory {info.get('maxmemory', 0)}"
    if policy == "noeviction":
        return Finding("eviction", Verdict.OK, detail)
    verdict = Verdict.REFUSE if limited and policy.startswith("allkeys") else Verdict.WARN
    return Finding("eviction", verdict, detail, "set maxmemory-policy noeviction: an evicted queue or state is lost")


def _persistence(info: Mapping[str, Any]) -> Finding:
    if int(info.get("aof_enabled", 0)):
        return Finding("persistence", Verdict.OK, "append-only file on")
    remedy = "set appendonly yes; with appendfsync everysec a crash costs at most the last second"
    return Finding("persistence", Verdict.WARN, "no append-only file: a crash of Redis loses chunks", remedy)


_CHECKS: Final[tuple[Callable[[Mapping[str, Any]], Finding], ...]] = (
    _version,
    _role,
    _eviction,
    _persistence,
)


def _clock(client: redis.Redis, max_skew_s: float) -> Finding:
    clock = ServerClock.told(max_skew_s)
    asked_ms = clock.now_ms()
    try:
        with translated():
            seconds, microseconds = client.time()
        clock.compare(asked_ms, int(seconds) * 1000 + int(microseconds) // 1000)
    except StoreRefusedError as error:
        return Finding("clock", Verdict.WARN, str(error), "allow TIME to this user")
    except ClockSkewError as error:
        until = "; until they agree the service claims nothing (MAX_CLOCK_SKEW_SEC=0: it does)" if max_skew_s else ""
        return Finding("clock", Verdict.WARN, str(error), f"run NTP on both machines{until}")
    return Finding("clock", Verdict.OK, "in step with this machine's")


def _rehearse(client: redis.Redis, *, archive: bool) -> Finding:
    """Carry out every command of the protocol on a brand that does not exist, with the real key names."""
    store = Store(client, StoreOptions(archive_bytes=_SCRATCH_BYTES) if archive else None)
    brand = SCRATCH_BRAND + secrets.token_hex(8)
    try:
        announced = _visit(client, store, brand)
    except StoreUnavailableError:
        raise
    except StoreError as error:
        if str(error).startswith(_PASSING):
            remedy = "make room, or wait: the service starts and goes on by itself once Redis accepts writes again"
            return Finding("commands", Verdict.WARN, str(error), remedy)
        remedy = "allow the commands and keys that docs/redis-protocol.md lists to this user"
        return Finding("commands", Verdict.REFUSE, str(error), remedy)
    if not announced:
        remedy = "allow the channel to this user (ACL SETUSER ... &summary:updates); until then readers have to poll"
        return Finding("commands", Verdict.WARN, "PUBLISH to summary:updates was refused", remedy)
    return Finding("commands", Verdict.OK, "acquire, begin, commit, renew, claim and release went through")


def _transactions(client: redis.Redis) -> Finding:
    """Lanes need none; what operators do does, and where it is refused they would learn it when they need it."""
    try:
        with translated(), client.pipeline(transaction=True) as pipe:
            pipe.ping()
            pipe.execute()
    except StoreRefusedError as error:
        remedy = "allow MULTI and EXEC to this user: until then nobody can pause, resume, retry, drop or purge"
        return Finding("transactions", Verdict.WARN, str(error), remedy)
    return Finding("transactions", Verdict.OK, "allowed")


def _visit(client: redis.Redis, store: Store, brand: str) -> bool:
    keys = layout_of(client).inner(brand)
    try:
        with translated():
            client.rpush(keys.queue, "one", "two")
            client.hset(keys.segments, "nobody's", "x")  # which acquire sweeps
        lease = store.acquire(brand, store.new_token("preflight"))
        replies = [store.commit(lease, commit) for commit in _commits(store, lease)]
        if store.archives:
            _put_nowhere(Consumed(client), brand)
        store.renew([lease])
        store.claim([brand])
        store.registered([keys.queue])
        store.release(lease)
    finally:
        with translated():
            client.delete(*(getattr(keys, part) for part in (*KEY_TYPES, *ARCHIVE)))
            client.delete(*map(keys.consumed, _CIDS))
    return all(reply.announced for reply in replies)


def _put_nowhere(consumed: Consumed, brand: str) -> None:
    """What whoever brings records to the archive does."""
    token = secrets.token_hex(8)
    consumed.take(brand, token, 1)
    note = note_of(consumed.read(brand, token, _SCRATCH_BYTES))
    consumed.note(brand, token, note)
    consumed.remove(brand, token, note)
    consumed.leave(brand, token)


def _commits(store: Store, lease: Lease) -> Iterator[Commit]:
    """Two commits that between them use every command that a commit can use."""
    for number, how in enumerate((Remember.REPLACE, Remember.ROTATE), 1):
        peek: Peek = store.peek(lease, 1)
        store.load(lease)
        yield Commit(
            cid=_CIDS[number - 1],
            expected_cid=peek.cid,
            version=peek.version + 1,
            consumed=1,
            head=peek.items[0],
            tail=peek.items[0],
            put={b"field %d" % number: b"x"},
            remove=[b"field 1"] if number > 1 else [],
            digests=DigestChange(how, b"%016d" % number, 1, 0, 0),
            failed=[b"{}"],
            summary=b"{}",
            spikes=[b"{}"],
            moods=[b"{}"],
            stories=[b"{}"],
            trend_put={b"%d" % number: b"x"},
            trend_remove=[b"1"] if number > 1 else [],
            recent=[b"{}"],
            outbox=[b"{}"],
        )


def _tracking(client: redis.Redis) -> Finding:
    try:
        with translated():
            # REDIRECT-less tracking needs RESP3; asking for its state needs the same permission and changes nothing.
            client.execute_command("CLIENT", "TRACKING", "OFF")  # type: ignore[no-untyped-call]
    except StoreRefusedError as error:
        remedy = "allow CLIENT TRACKING to this user; until then new chunks are found by polling"
        return Finding("wake hints", Verdict.WARN, str(error), remedy)
    return Finding("wake hints", Verdict.OK, "CLIENT TRACKING is available")
