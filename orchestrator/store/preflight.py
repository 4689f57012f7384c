"""Is this Redis fit for the protocol? Checked at start-up and by ``orchestrator doctor``.

Owns the list of what is needed, why, and what to do about it. Must not change any key but those of a scratch
brand, which it removes again. Source: ``docs/redis-protocol.md``, section "The server".
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import ClockSkewError, StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store.client import translated
from orchestrator.store.clock import MAX_SKEW_S, ServerClock
from orchestrator.store.layouts import layout_of
from orchestrator.store.scripts import KEY_TYPES
from orchestrator.store.server_name import server_name
from orchestrator.store.store import Store
from orchestrator.store.types import Commit, DigestChange, Lease, Peek, Remember

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import redis

MIN_VERSION: Final = (6, 2)
"""The oldest that the tests ran with; LPOS came with 6.0.6, TIME in writing scripts and RESP3 are older."""

SCRATCH_BRAND: Final = "orchestrator preflight "


_PASSING: Final = ("OOM", "ResponseError: MISCONF", "ResponseError: NOREPLICAS")
"""Refusals that pass. A queue that fills Redis must not keep away the service that would empty it."""

_LOGIN: Final = ("WRONGPASS", "NOAUTH", "AuthenticationError")
"""Refusals of every command; the other checks would only repeat them, with remedies that do not help."""


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: what was looked at.
        verdict: whether the service should start.
        detail: what was found.
        remedy: what to do about it; empty if nothing.
    """

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(client: redis.Redis, *, max_clock_skew_s: float = MAX_SKEW_S) -> list[Finding]:
    """Check everything that the protocol needs from the server, what changes nothing first.

    Raises:
        StoreUnavailableError: the server gave no answer; nothing can be said about it.
    """
    findings = look(client, max_clock_skew_s=max_clock_skew_s)
    if findings[0].check == "login":
        return findings
    return [*findings, _rehearse(client), _transactions(client), _tracking(client)]


def look(client: redis.Redis, *, max_clock_skew_s: float = MAX_SKEW_S) -> list[Finding]:
    """What can be checked at any time: it changes nothing and costs two round trips.

    Raises:
        StoreUnavailableError: the server gave no answer.
    """
    try:
        with translated():
            info: dict[str, Any] = client.info("everything")
    except StoreRefusedError as error:
        if str(error).startswith(_LOGIN):
            return [Finding("login", Verdict.REFUSE, str(error), "correct user and password in REDIS_URL")]
        remedy = "allow INFO to this user (ACL SETUSER ... +info), or check version, role and persistence by hand"
        findings = [Finding("info", Verdict.WARN, str(error), remedy)]
    else:
        findings = [check(info) for check in _CHECKS]
    return [*findings, _clock(client, max_clock_skew_s)]


def worst(findings: Sequence[Finding]) -> Verdict:
    """The gravest verdict among *findings*."""
    return max((finding.verdict for finding in findings), key=list(Verdict).index, default=Verdict.OK)


def _version(info: Mapping[str, Any]) -> Finding:
    found = str(info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if numbers < MIN_VERSION:  # of the Redis that it is compatible with
        return Finding("version", Verdict.REFUSE, server_name(info), "use Redis 6.2 or newer, or Valkey")
    return Finding("version", Verdict.OK, server_name(info))


def _role(info: Mapping[str, Any]) -> Finding:
    role = str(info.get("role", "master"))
    if role != "master":
        return Finding("role", Verdict.REFUSE, f"the server is a {role}", "point REDIS_URL at the primary")
    return Finding("role", Verdict.OK, role)


def _cluster(info: Mapping[str, Any]) -> Finding:
    if int(info.get("cluster_enabled", 0)):
        remedy = "use a Redis without cluster mode: the keys that readers know lie in several slots"
        return Finding("cluster", Verdict.REFUSE, "cluster mode is on", remedy)
    return Finding("cluster", Verdict.OK, "off")


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
    _cluster,
    _eviction,
    _persistence,
)


def _clock(client: redis.Redis, max_skew_s: float) -> Finding:
    clock = ServerClock(max_skew_s or MAX_SKEW_S)  # where it stops nobody, it is told all the same
    asked_ms = clock.now_ms()
    try:
        with translated():
            seconds, microseconds = client.time()
        clock.compare(asked_ms, int(seconds) * 1000 + int(microseconds) // 1000)
    except StoreRefusedError as error:
        return Finding("clock", Verdict.WARN, str(error), "allow TIME to this user")
    except ClockSkewError as error:
        remedy = "run NTP on both machines; until they agree the service claims nothing (MAX_CLOCK_SKEW_SEC=0: it does)"
        return Finding("clock", Verdict.WARN, str(error), remedy)
    return Finding("clock", Verdict.OK, "in step with this machine's")


def _rehearse(client: redis.Redis) -> Finding:
    """Carry out every command of the protocol on a brand that does not exist, with the real key names."""
    store = Store(client)
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
        store.renew([lease])
        store.claim([brand])
        store.registered([keys.queue])
        store.release(lease)
    finally:
        with translated():
            client.delete(*(getattr(keys, part) for part in KEY_TYPES))
    return all(reply.announced for reply in replies)


def _commits(store: Store, lease: Lease) -> Iterator[Commit]:
    """Two commits that between them use every command that a commit can use."""
    for number, how in enumerate((Remember.REPLACE, Remember.ROTATE), 1):
        peek: Peek = store.peek(lease, 1)
        store.load(lease)
        yield Commit(
            cid=secrets.token_hex(8),
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
