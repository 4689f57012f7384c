"""Reads the picture of all processes and brands, for page, command line, doctor and health alike.

Takes no lease and changes nothing, so what it says may be old when it arrives. Brands are looked at in slices of one
script each, in which Redis serves nobody else for one or two milliseconds. Everything read is untrusted and bounded.

Source: ``look`` in ``docs/redis-protocol.md``; the types and the rules are those of :mod:`orchestrator.fleet`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.contract.conflict import Conflict
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.lock_token import MAX_TOKEN_BYTES, holder_of, is_process
from orchestrator.errors import StoreRefusedError
from orchestrator.fleet.view import BrandStatus, FleetView, Holder, OrphanQueue, OrphanQueues, standing
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.layouts import layout_of
from orchestrator.store.members import read_members
from orchestrator.store.orphans import read_report, tell
from orchestrator.store.parked import read_parked, read_parked_of
from orchestrator.store.pauses import paused
from orchestrator.store.registry import registered
from orchestrator.store.runner import ScriptRunner, evalsha
from orchestrator.store.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import redis

    from orchestrator.contract.keys import BrandKeys
    from orchestrator.contract.layout import Layout
    from orchestrator.contract.own_settings import Number
    from orchestrator.contract.pauses import Pause
    from orchestrator.fleet.members import Member
    from orchestrator.fleet.parking import Parked
    from orchestrator.store.wire import Bulk, Command

SLICE: Final = 128
"""Brands of one script."""

_FIELD_BYTES: Final = 1_024
"""Of a field of meta or an entry of the spike list; ours have a quarter of it."""

_MOST_DIGITS: Final = 15
_NO_LOCK: Final = -2


class _Episode(msgspec.Struct, rename="camel"):
    """What of a spike is looked at: it has no end while it is open."""

    timestamp: str
    ended_at: str | None = None


def read_fleet(client: redis.Redis, registry_keys: Sequence[str]) -> FleetView:
    """The processes that live, and how all registered brands stand.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    registry = registered(client, registry_keys)
    members = read_members(client)
    now_ms, brands = _look(client, registry.brands, members, read_parked(client))
    return FleetView(now_ms, members, brands, len(registry.refused), _orphans(client, frozenset(registry.brands)))


def read_brands(client: redis.Redis, brands: Sequence[str]) -> list[BrandStatus]:
    """How each of *brands* stands, registered or not.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    return _look(client, brands, read_members(client), read_parked(client))[1]


def read_brand(client: redis.Redis, brand: str) -> BrandStatus:
    """How *brand* stands, registered or not.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    parked = read_parked_of(client, brand)
    _, (status,) = _look(client, [brand], read_members(client), {} if parked is None else {brand: parked})
    return status


def _look(
    client: redis.Redis, brands: Sequence[str], members: Sequence[Member], parked: Mapping[str, Parked]
) -> tuple[int, list[BrandStatus]]:
    """The server's time, and how each of *brands* stands."""
    living = {member.name: member for member in members}
    # What a process said that is gone holds for nobody: who goes on with the brand finds out for itself.
    parked = {brand: one for brand, one in parked.items() if one.by in living}
    runner, layout = ScriptRunner(client), layout_of(client)
    pauses = paused(client, brands)
    found: list[BrandStatus] = []
    now_ms = 0
    for start in range(0, max(1, len(brands)), SLICE):
        asked = brands[start : start + SLICE]
        now_ms, answers = (_looked_at_apart if layout.spread else _looked_at)(runner, layout, asked)
        found += (
            _status(brand, answer, now_ms, living, (parked.get(brand), pauses.get(brand)))
            for brand, answer in zip(asked, answers, strict=True)
        )
    return now_ms, found


def _orphans(client: redis.Redis, registered: Collection[str]) -> OrphanQueues | None:
    try:
        report = read_report(client)
        if report is None:
            return None
        found = tell(client, report, registered)
    except StoreRefusedError:  # a key of a foreign type: the picture is drawn without
        return None
    named = [OrphanQueue(one.name, one.chunks, one.why) for one in found.named]
    return OrphanQueues(found.queues, found.chunks, found.found_ms, named)


def _looked_at(runner: ScriptRunner, layout: Layout, brands: Sequence[str]) -> tuple[int, list[Any]]:
    """The server's time, and what look says of each of *brands*."""
    names = bulk([name.encode() for keys in map(layout.keys, brands) for name in _names(keys)])
    now_ms, *answers = checked(runner.run([_question(names)])[0])
    return now_ms, answers


def _looked_at_apart(runner: ScriptRunner, layout: Layout, brands: Sequence[str]) -> tuple[int, list[Any]]:
    """The same where keys of a brand do not share a slot: dead letters and summary are looked at where they are.

    So is the time, without any brand.
    """
    commands = [_question([]), *(_question(_names(layout.inner(brand))) for brand in brands)]
    outward = [command for keys in map(layout.keys, brands) for command in _outward(keys)]
    replies = runner.run([*commands, *outward])
    looks, lengths = [checked(reply) for reply in replies[: len(commands)]], replies[len(commands) :]
    answers = []
    for (_, answer), letters, summarised in zip(looks[1:], lengths[::2], lengths[1::2], strict=True):
        queued, untold, *middle = answer
        shown = letters if isinstance(letters, int) else -1  # a foreign type
        # Those that are not in the list yet are dead letters all the same.
        length = shown if shown < 0 else shown + max(0, untold)
        answers.append([queued, length, *middle[:4], checked(summarised), *middle[5:]])
    return max(look[0] for look in looks), answers


def _question(names: Sequence[str] | Bulk) -> Command:
    return evalsha(scripts.LOOK, names, MAX_TOKEN_BYTES, _FIELD_BYTES)


def _names(keys: BrandKeys) -> list[str]:
    return [keys.lock, keys.meta, keys.queue, keys.failed, keys.summary, keys.spike]


def _outward(keys: BrandKeys) -> list[Command]:
    return [("LLEN", keys.failed), ("EXISTS", keys.summary)]


def _status(
    brand: str,
    answer: Any,
    now_ms: int,
    living: Mapping[str, Member],
    alone: tuple[Parked | None, Pause | None],
) -> BrandStatus:
    parked, pause = alone
    queued, failed, version, epoch, token, left_ms, summarised, spike, conflicts, conflict, settings = answer
    holder = None if left_ms == _NO_LOCK else _holder(token, left_ms, _number(epoch), now_ms, living)
    return BrandStatus(
        brand,
        standing(_length(queued), holder, parked, pause),
        queued=_length(queued),
        failed=_length(failed),
        commits=_number(version),
        summarised=summarised == 1,
        spiking=bool(spike) and _open(spike),
        holder=holder,
        parked=parked,
        paused=pause,
        conflicts=_number(conflicts) or 0,
        newest_conflict=Conflict.read(conflict),
        own=_own(settings) if settings else {},
    )


def _holder(token: bytes, left_ms: int, epoch: int | None, now_ms: int, living: Mapping[str, Member]) -> Holder:
    name = holder_of(token)
    member = living.get(name)
    return Holder(
        name=name,
        id="" if member is None else member.id,
        lives=_lives(name, member),
        # An epoch is the server's clock at the acquire, or later than that where the clock was set back since.
        since_ms=min(epoch, now_ms) if epoch else None,
        left_ms=left_ms if left_ms >= 0 else None,
        token=token,
    )


def _lives(name: str, member: Member | None) -> bool | None:
    if member is not None:
        return True
    # Commands take leases, too, and say nothing of themselves; tokens of older versions have no name.
    return False if is_process(name) else None


def _length(reply: int) -> int | None:
    return None if reply < 0 else reply


def _number(field: Any) -> int | None:
    """A number of meta: 0 if it is missing, None if it is none of ours."""
    if field == b"":
        return 0
    return int(field) if isinstance(field, bytes) and field.isdigit() and len(field) <= _MOST_DIGITS else None


def _own(settings: bytes) -> Mapping[str, Number]:
    """The brand's own; none where they cannot be read: then the brand is parked, and that is told."""
    try:
        return Fingerprint.read(settings).own
    except ValueError:
        return {}


def _open(entry: bytes) -> bool:
    try:
        return _decode_episode(entry).ended_at is None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


_decode_episode: Any = msgspec.json.Decoder(_Episode).decode
