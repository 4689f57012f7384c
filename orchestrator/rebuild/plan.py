"""What a rebuild is to do, and what of it is done: kept where its results are, so that it can be gone on with.

Killed at any instant: a plan is there as a whole or not, and what a brand's state was made of names it, so what is
there is right. The key of mention ids is in no plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchestrator import __version__
from orchestrator.contract.own_settings import Number
from orchestrator.errors import ArchiveError, ObjectMissingError
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.swapping import Swapped
from orchestrator.rebuild.task import Task

NAME: Final = "rebuild-plan.json"
FORMAT: Final = 1
MAX_BYTES: Final = 256 << 20


class Brand(msgspec.Struct, frozen=True, rename="camel"):
    """What is to become of one brand.

    Attributes:
        cid: the commit that is folded up to first.
        fold: settings that count instead of those in the records.
        own: settings of its own that the brand has afterwards.
    """

    cid: str
    fold: dict[str, Number]
    own: dict[str, Number]


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """What a rebuild is to do.

    Attributes:
        plan: the format of this.
        version: of the program.
        archive: its address.
        asked: what was asked for, to tell one rebuild from another.
        until_ms: leave out what was committed later.
        brands: by name.
    """

    plan: int
    version: str
    archive: str
    asked: list[str]
    until_ms: int | None
    brands: dict[str, Brand]

    def task(self, brand: str, place: str, hash_key: bytes) -> Task:
        """The unit of work for *brand*, whose result goes to *place*."""
        told = self.brands[brand]
        fold = tuple(sorted(told.fold.items()))
        return Task(self.archive, place, brand, told.cid, fold, self.until_ms, hash_key, self.version)


_decoder = msgspec.json.Decoder(Plan)


def kept(place: Objects) -> Plan | None:
    """The plan that is kept there; None: there is none.

    Raises:
        ArchiveError: it is none, or of another version of the program.
    """
    try:
        data = place.get(NAME)
    except ObjectMissingError:
        return None
    try:
        if len(data) > MAX_BYTES:
            raise ArchiveError(f"{place.shown}: {NAME} has {len(data)} bytes, which is none of ours")
        plan = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ArchiveError(f"{place.shown}: {NAME} is no plan of a rebuild: {error}") from None
    if plan.plan != FORMAT or plan.version != __version__:
        raise ArchiveError(
            f"{place.shown} has a rebuild of version {plan.version}, and this is {__version__}: begin another one"
        )
    return plan


def keep(place: Objects, plan: Plan) -> None:
    """Keep *plan* there."""
    place.put(NAME, msgspec.json.encode(plan))


def note_swapped(place: Objects, task: Task, swapped: Swapped) -> None:
    """*task* is done to its end."""
    place.put(f"{task.name}.swapped", msgspec.json.encode(swapped))


def was_swapped(place: Objects, task: Task) -> bool:
    """Whether it is."""
    try:
        return bool(place.get(f"{task.name}.swapped"))
    except ObjectMissingError:
        return False


def forget(place: Objects, task: Task) -> None:
    """Have nothing of *task* there any more."""
    place.remove([task.facts_name, task.state_name, f"{task.name}.swapped"])


def folded_with(
    own: Mapping[str, Number], changes: Mapping[str, Number | None], process: Mapping[str, Any]
) -> dict[str, Number]:
    """Settings that count for all of a brand's chunks.

    Args:
        own: what the brand has of its own by now.
        changes: what is to change; None takes the brand's own away, and the process's counts.
        process: of this process.
    """
    wanted: dict[str, Number | None] = {**own, **changes}
    return {name: process[name] if value is None else value for name, value in wanted.items()}
