"""Which brands' keys are not as their last commits left them, for those who only want to know.

Takes no lease, and looks twice: a commit between two questions would look like damage. ``acquire`` is the one who
decides, by the same rule. Source: ``META`` and ``SIZE`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.fleet.parking import Code
from orchestrator.store.slices import ask_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.store.wire import Command

SIZES: Final = ("fields", "digests0", "digests1", "seen0", "seen1")
"""Fields of meta that tell the sizes of state, digests and, before format 5, of the sets of digests."""

NUMBERS: Final = (
    *("epoch", "version", "attempts", "suspects", "due", "format", "seen_since", "check0", "check1", "conflicts"),
    *SIZES,
)
"""Fields of meta that are whole numbers, the sizes last."""

_SLICE: Final = 128
"""Brands asked about in one round trip, with six commands each."""

_NUMBER: Final = re.compile(rb"[0-9]{1,15}")
_CID: Final = re.compile(rb"[0-9A-Za-z-]{0,64}")


class Damage(NamedTuple):
    """What is wrong with a brand's keys, and under which code a process that meets it parks the brand."""

    code: Code
    said: str


def damages(client: redis.Redis, brands: Sequence[str]) -> dict[str, Damage]:
    """What is wrong with each of *brands* whose keys are not as its last commit left them.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    suspects = _look(client, brands)
    again = _look(client, list(suspects)) if suspects else {}
    return {brand: damage for brand, damage in suspects.items() if again.get(brand) == damage}


def _look(client: redis.Redis, brands: Sequence[str]) -> dict[str, Damage]:
    found = (
        (brand, _damage(brand, *replies)) for brand, replies in ask_each(client, brands, _questions, at_once=_SLICE)
    )
    return {brand: damage for brand, damage in found if damage is not None}


def _questions(brand: str) -> list[Command]:
    keys = BrandKeys.of(brand)
    counts = ("HLEN", "STRLEN", "STRLEN", "SCARD", "SCARD")
    sizes: list[Command] = list(zip(counts, _sized(keys), strict=True))
    return [("HMGET", keys.meta, "cid", *NUMBERS), *sizes]


def _sized(keys: BrandKeys) -> tuple[str, ...]:
    """The keys whose sizes are noted, in the order of :data:`SIZES`."""
    return keys.state, keys.digests0, keys.digests1, keys.seen0, keys.seen1


def _damage(brand: str, meta: Any, *sizes: Any) -> Damage | None:
    """What is wrong; None if nothing is, or if a key has a foreign type, which is another trouble."""
    if not isinstance(meta, list) or not all(isinstance(size, int) for size in sizes):
        return None
    cid, *numbers = meta
    known = dict(zip(NUMBERS, numbers, strict=True))
    if _NUMBER.fullmatch(known["format"] or b"") and int(known["format"]) > STATE_FORMAT:
        return None  # a newer version's to judge
    if cid is not None and not _CID.fullmatch(cid):
        return Damage(Code.META, f"its cid is {cid[:40]!r}")
    for name, value in known.items():
        if value is not None and not _NUMBER.fullmatch(value):
            return Damage(Code.META, f"its {name} is {value[:40]!r}")
    keys = BrandKeys.of(brand)
    for key, size, left in zip(_sized(keys), sizes, numbers[-len(SIZES) :], strict=True):
        if left is not None and int(left) != size:
            return Damage(Code.SIZE, f"{key!r} has the size {size}, its last commit left {int(left)}")
    return None
