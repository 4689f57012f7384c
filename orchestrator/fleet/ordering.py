"""Which processes an order is for, how each stands to orders in words, and when it has done what was asked.

Pure. A process is meant by its name, which no other one has, or by its id where that is nobody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.errors import ProcessChoiceError, ProcessUnknownError
from orchestrator.fleet.words import counted, since

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.fleet.members import Member

STOPPING: Final = (
    "It ends with exit code 0; what restarts processes (an orchestration, systemd) may start it again, as a new one."
)

_ASKED: Final = {Wanted.QUIET: "asked to be quiet", Wanted.RESUME: "asked to resume", Wanted.STOP: "asked to stop"}
_SHOWN: Final = 5


def meant(members: Sequence[Member], wanted: str | None) -> list[Member]:
    """The processes that *wanted* names, None: all that live.

    Raises:
        ProcessUnknownError: no process has such a name.
        ProcessChoiceError: several have this id, or what is meant takes no orders; nobody is to be ordered then.
    """
    named = list(members) if wanted is None else [one for one in members if wanted in {one.name, one.id}]
    if not named:
        raise ProcessUnknownError(_unknown(members, wanted))
    if wanted is not None and len(named) > 1:
        names = ", ".join(member.name for member in named[:_SHOWN])
        raise ProcessChoiceError(f"{len(named)} processes have the id {wanted!r}: say which is meant by name: {names}")
    deaf = [member for member in named if member.obedience is None]
    if deaf:
        which = f"{deaf[0].id!r} ({deaf[0].name}) is of version {deaf[0].version}"
        raise ProcessChoiceError(f"{which}, which takes no orders: end it by a signal where it runs")
    return named


def _unknown(members: Sequence[Member], wanted: str | None) -> str:
    if wanted is None or not members:
        return "no process is running"
    names = ", ".join(f"{member.id!r} ({member.name})" for member in members[:_SHOWN])
    more = f", and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
    return f"no process has the name or id {wanted!r}; running: {names}{more}"


def stands(now_ms: int, member: Member) -> str:
    """How *member* stands to orders, what was asked and not heard first; empty: nothing holds."""
    parts = [f"{asked(order)}{_by(order.by)}, not heard yet" for order in member.asked]
    obeyed = member.obedience
    if obeyed is None:
        return "; ".join(parts)
    if obeyed.stopping:
        parts.append(f"stopping{_by(obeyed.by)}")
    elif obeyed.quiet_since_ms is not None:
        work = f", {counted(member.active, 'brand')} still in work" if member.active else ""
        parts.append(f"quiet for {since(now_ms, obeyed.quiet_since_ms)}{_by(obeyed.by)}{work}")
    if member.lanes != obeyed.setting:
        parts.append(f"{counted(member.lanes, 'lane')} by order, {obeyed.setting} by setting")
    return "; ".join(parts)


def asked(order: ProcessOrder) -> str:
    """*order* in words."""
    if order.wanted is not Wanted.LANES:
        return _ASKED[order.wanted]
    lanes = "as many lanes as its settings say" if order.lanes is None else counted(order.lanes, "lane")
    return f"asked for {lanes}"


def resuming(name: str) -> str:
    """The command that lets the process *name* take brands again."""
    return f"orchestrator processes resume {name}"


def done(wanted: Wanted, member: Member | None) -> bool:
    """Whether a process that was asked for *wanted* has done it; *member* is None once it is gone.

    A quiet one has done it when nothing is in work any more: then it can be ended without anybody's waiting.
    """
    if member is None:
        return True
    lanes = wanted is Wanted.LANES
    if wanted is Wanted.STOP or any((order.wanted is Wanted.LANES) is lanes for order in member.asked):
        return False
    return wanted is not Wanted.QUIET or (member.quiet and not member.active)


def _by(who: str) -> str:
    return f" by {who}" if who else ""
