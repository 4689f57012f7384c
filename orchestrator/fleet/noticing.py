"""What a process changes in the common list of brands that are left alone: its own entries, and dead ones.

Pure. An entry is written once each time a visit finds that the brand is still to be left alone, and not again if
somebody took it out in between: who commits for a brand knows better. So two processes with other settings do not write
one after the other for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from orchestrator.fleet.parking import Code, Parked


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why this process leaves a brand alone, or cannot get it done.

    Attributes:
        code: why.
        reason: what was found.
        since_s: since when, on a monotonic clock.
        found_s: when it was last found, on the same clock.
    """

    code: Code
    reason: str
    since_s: float
    found_s: float


class Change(NamedTuple):
    """One entry: as it was seen, and as it is to be; None: no entry."""

    brand: str
    seen: bytes | None
    parked: Parked | None


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry as it stands there, and what it says; None: it is none of ours."""

    raw: bytes
    parked: Parked | None


def changes(
    entries: Mapping[str, Seen],
    mine: Mapping[str, Parked],
    *,
    name: str,
    found: Collection[str],
    committed: Collection[str],
    living: Collection[str],
) -> list[Change]:
    """What the process *name* has to change.

    Args:
        entries: what stands there, by brand.
        mine: what this process leaves alone or cannot get done, each said by *name*.
        name: of this process.
        found: those of *mine* that were found so again since they were last written.
        committed: brands for which this process has committed since its last change.
        living: names of the processes that live, read after *entries*.
    """
    wanted: list[Change] = []
    for brand, entry in entries.items():
        there, own = entry.parked, mine.get(brand)
        if there is not None and there.by != name and there.by in living:
            # Theirs, and true until somebody commits who has nothing against the brand.
            if own is None and brand in committed:
                wanted.append(Change(brand, entry.raw, None))
            continue
        own = _since(there, own)
        if there is None or own != there:
            wanted.append(Change(brand, entry.raw, own))
    wanted += (Change(brand, None, own) for brand, own in mine.items() if brand not in entries and brand in found)
    return wanted


def _since(there: Parked | None, own: Parked | None) -> Parked | None:
    """*own*, from the time on that stands there for the same reason: it may be that of a process before this one."""
    if own is None or there is None or there.code is not own.code:
        return own
    return replace(own, since_ms=there.since_ms)
