"""The picture as one JSON document, for scripts.

Pure. Names are those of the platform's documents: camelCase, times in ISO 8601, durations in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator.contract.alert_routes import RouteState, RouteStates
from orchestrator.contract.times import iso_utc
from orchestrator.fleet.members import Load, Member, Rates
from orchestrator.fleet.parking import remedy
from orchestrator.fleet.view import BrandStatus, FleetView, Holder, OrphanQueues, Standing

_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def fleet_document(view: FleetView, alerts: RouteStates | None = None) -> dict[str, Any]:
    """Everything but the brands that there is nothing to say of; *alerts*: None where nobody is told of any."""
    return {
        "asOf": _time(view.as_of_ms),
        "processes": [member_document(member) for member in view.members],
        "backlog": {"chunks": view.chunks, "brands": view.brands_with_chunks, "oldestSeconds": view.oldest_s},
        "rates": _rates(view.rates),
        "deadLetters": view.dead_letters,
        "brands": {
            "registered": len(view.brands),
            "refused": view.refused,
            **{standing.value: view.counts.get(standing, 0) for standing in Standing},
        },
        "held": [lock_document(brand) for brand in view.brands if brand.holder is not None],
        "parked": [parked_document(brand) for brand in view.brands if brand.parked is not None],
        "paused": [paused_document(brand) for brand in view.brands if brand.paused is not None],
        "orphans": None if view.orphans is None else _orphans(view.orphans),
        "ownSettings": {brand.brand: dict(brand.own) for brand in view.owning},
        "conflicting": [conflict_document(brand) for brand in view.conflicting],
        "spiking": [brand.brand for brand in view.spiking],
        "alertRoutes": None if alerts is None else [route_document(state) for state in alerts.routes],
        "alertRoutesProblem": "" if alerts is None else alerts.problem,
    }


def route_document(state: RouteState) -> dict[str, Any]:
    """One route of alerts, as its file and Redis tell: what its endpoint answers only the running process knows."""
    return {
        "name": state.name,
        "address": state.address,
        "chooses": state.chooses,
        "quietUntil": _moment(state.quiet_until_ms),
        "digestSeconds": state.digest_ms / 1000,
        "waiting": state.waiting,
        "oldestDueAt": _moment(state.oldest_ms),
        "kept": state.kept,
        "nextDueAt": _moment(state.next_ms),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else _time(at_ms)


def member_document(member: Member) -> dict[str, Any]:
    """One process."""
    return {
        "name": member.name,
        "id": member.id,
        "version": member.version,
        "format": member.format,
        "settings": dict(member.fingerprint.values),
        "lanes": member.lanes,
        "active": member.active,
        "since": _time(member.since_ms),
        "ageSeconds": member.age_ms / 1000,
        "load": _load(member.load),
        "rates": None if member.rates is None else _rates(member.rates),
        "oldestSeconds": member.oldest_s,
        "holds": list(member.holds),
        "orders": _obedience(member),
    }


def _obedience(member: Member) -> dict[str, Any] | None:
    """How a process stands to orders; None: it is of a version that takes none."""
    obeyed = member.obedience
    if obeyed is None:
        return None
    return {
        "quietSince": None if obeyed.quiet_since_ms is None else _time(obeyed.quiet_since_ms),
        "stopping": obeyed.stopping,
        "by": obeyed.by,
        "lanesBySetting": obeyed.setting,
        "notHeard": [
            {"wanted": order.wanted.value, "lanes": order.lanes, "at": _time(order.at_ms), "by": order.by}
            for order in member.asked
        ],
    }


def lock_document(status: BrandStatus) -> Mapping[str, Any]:
    """Who holds a brand that somebody holds."""
    holder = status.holder or Holder("", "", None, None, None)
    return {
        "brand": status.brand,
        "by": holder.name,
        "id": holder.id,
        "lives": holder.lives,
        "since": None if holder.since_ms is None else _time(holder.since_ms),
        "leftSeconds": None if holder.left_ms is None else holder.left_ms / 1000,
    }


def parked_document(status: BrandStatus) -> Mapping[str, Any] | None:
    """Why a brand is left alone, or fails; None: it is not."""
    parked = status.parked
    if parked is None:
        return None
    return {
        "brand": status.brand,
        "standing": status.standing.value,
        "code": parked.code.value,
        "reason": parked.reason,
        "remedy": remedy(parked.code, status.brand),
        "since": _time(parked.since_ms),
        "by": parked.by,
    }


def conflict_document(status: BrandStatus) -> Mapping[str, Any]:
    """How many chunks of a brand had the id of another one and other numbers."""
    newest = status.newest_conflict
    return {
        "brand": status.brand,
        "chunks": status.conflicts,
        "newestChunkId": None if newest is None else newest.chunk_id,
        "newestAt": None if newest is None else _time(newest.at_ms),
    }


def paused_document(status: BrandStatus) -> Mapping[str, Any] | None:
    """Who wants a brand left alone, and until when; None: nobody."""
    pause = status.paused
    if pause is None:
        return None
    return {
        "brand": status.brand,
        "reason": pause.reason,
        "by": pause.by,
        "since": _time(pause.since_ms),
        "until": None if pause.until_ms is None else _time(pause.until_ms),
    }


def _time(at_ms: int) -> str:
    return iso_utc(min(at_ms, _LAST_MS))  # a time from Redis may lie beyond the years that there are


def _orphans(found: OrphanQueues) -> Mapping[str, Any]:
    return {
        "queues": found.queues,
        "chunks": found.chunks,
        "found": _time(found.found_ms),
        "named": [{"name": one.name, "chunks": one.chunks, "why": one.why} for one in found.named],
    }


def _rates(rates: Rates) -> dict[str, float]:
    return {
        "chunks": rates.chunks,
        "mentions": rates.mentions,
        "brands": rates.brands,
        "duplicates": rates.duplicates,
        "deadLetters": rates.dead_letters,
    }


def _load(load: Load | None) -> dict[str, float] | None:
    return None if load is None else {"lanes": load.lanes, "cpu": load.cpu, "memoryBytes": load.memory_bytes}
