"""Which brands' keys are not as their last commits left them, for those who only want to know.

Takes no lease, and looks twice: a commit between two questions would look like damage. ``acquire`` is the one who
decides, by the same rule. Source: ``META`` and ``SIZE`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.contract.segments import MARK
from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.fleet.parking import Code
from orchestrator.store.client import translated
from orchestrator.store.layouts import layout_of
from orchestrator.store.slices import ask_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.contract.keys import BrandKeys
    from orchestrator.store.wire import Command

SIZES: Final = ("fields", "digests0", "digests1", "seen0", "seen1")
"""Fields of meta that tell the sizes of state, digests and, before format 5, of the sets of digests."""

NUMBERS: Final = (
    *("epoch", "version", "attempts", "suspects", "due", "format", "seen_since", "check0", "check1", "conflicts"),
    "segments",
    *SIZES,
)
"""Fields of meta that are whole numbers, the sizes last."""

_SLICE: Final = 128
"""Brands asked about in one round trip, with seven commands each."""

_MOST_STRAYS: Final = 10_000
"""As acquire sees it: no commits that were lost leave more segments than these behind."""

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
    found, keys_of = {}, layout_of(client).keys
    questions = ask_each(client, brands, lambda brand: _questions(keys_of(brand)), at_once=_SLICE)
    for brand, (meta, *sizes, apart) in questions:
        if not isinstance(meta, list) or not all(isinstance(size, int) for size in (*sizes, apart)):
            continue  # a foreign type is another trouble
        known = dict(zip(("cid", *NUMBERS), meta, strict=True))
        if _NUMBER.fullmatch(known["format"] or b"") and int(known["format"]) > STATE_FORMAT:
            continue  # a newer version's to judge
        keys = keys_of(brand)
        damage = _damage(keys, known, *sizes) or _damage_apart(client, keys, known["segments"], apart)
        if damage is not None:
            found[brand] = damage
    return found


def _questions(keys: BrandKeys) -> list[Command]:
    counts = ("HLEN", "STRLEN", "STRLEN", "SCARD", "SCARD")
    sizes: list[Command] = list(zip(counts, _sized(keys), strict=True))
    return [("HMGET", keys.meta, "cid", *NUMBERS), *sizes, ("HLEN", keys.segments)]


def _sized(keys: BrandKeys) -> tuple[str, ...]:
    """The keys whose sizes are noted, in the order of :data:`SIZES`."""
    return keys.state, keys.digests0, keys.digests1, keys.seen0, keys.seen1


def _damage(keys: BrandKeys, known: dict[str, bytes | None], *sizes: int) -> Damage | None:
    """What is wrong with meta, or by its word with the state or a generation; None if nothing is."""
    for name, value in known.items():
        if value is not None and not (_CID if name == "cid" else _NUMBER).fullmatch(value):
            return Damage(Code.META, f"its {name} is {value[:40]!r}")
    for key, size, name in zip(_sized(keys), sizes, SIZES, strict=True):
        if (left := known[name]) is not None and int(left) != size:
            return _of_size(key, size, left)
    return None


def _damage_apart(client: redis.Redis, keys: BrandKeys, left: bytes | None, size: int) -> Damage | None:
    """What is wrong with the segments, where nothing is with the rest: of those that lie there some may be nobody's."""
    if left is None or size == int(left):
        return None
    if int(left) < size <= int(left) + _MOST_STRAYS:
        size = _referred(client, keys)
    return None if size == int(left) else _of_size(keys.segments, size, left)


def _referred(client: redis.Redis, keys: BrandKeys) -> int:
    """How many of the segments that lie there a field of the state refers to."""
    with translated():
        names: Any = client.hkeys(keys.segments)
        fields: Any = client.hmget(keys.state, [name.partition(b":")[2] or name for name in names]) if names else []
    return sum(value is not None and value.startswith(MARK + name) for name, value in zip(names, fields, strict=True))


def _of_size(key: str, size: int, left: bytes) -> Damage:
    return Damage(Code.SIZE, f"{key!r} has the size {size}, its last commit left {int(left)}")
