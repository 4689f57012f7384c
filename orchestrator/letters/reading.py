"""Reading the lists of dead letters: one brand's, in slices, and how many each brand has."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.letters import Letter, LetterError
from orchestrator.errors import WrongTypeError
from orchestrator.letters.tally import Tally
from orchestrator.store import checked, translated
from orchestrator.store.letters import Walk, marks
from orchestrator.store.registry import registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import redis

    from orchestrator.contract.letters import Selection
    from orchestrator.store.letters import Mark

_SLICE = 512
_PREFIX = BrandKeys.of("").failed


@dataclass(frozen=True, slots=True)
class Counts:
    """How many dead letters there are.

    Attributes:
        letters: by brand, of all brands that have some, registered or not.
        foreign: brands whose key is no list.
    """

    letters: dict[str, int]
    foreign: tuple[str, ...]


def slice_of(client: redis.Redis, brand: str, first: int, last: int) -> tuple[list[Letter], int]:
    """Entries *first* to *last* (negative: from the end) of *brand* with their places, and how many there are.

    Raises:
        WrongTypeError: the key is no list.
        StoreError: Redis did not answer or refused.
    """
    key = BrandKeys.of(brand).failed
    with translated(), client.pipeline(transaction=True) as pipeline:  # one snapshot, so that places are right
        pipeline.type(key)
        pipeline.llen(key)
        pipeline.lrange(key, first, last)
        kind, *replies = pipeline.execute(raise_on_error=False)
    if (found := checked(kind)) not in {b"list", b"none"}:
        raise WrongTypeError(key, found.decode(), "list")
    total, raws = map(checked, replies)
    start = max(0, first + total if first < 0 else first)
    return [Letter.read(start + offset, raw) for offset, raw in enumerate(raws)], int(total)


def counts(client: redis.Redis, registry_keys: Sequence[str]) -> Counts:
    """How many dead letters each brand has.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        found = {_brand_of(key) for key in cast("Iterator[bytes]", client.scan_iter(match=f"{_PREFIX}*", count=1_000))}
        names = sorted(found.union(registered(client, registry_keys).brands))
    letters: dict[str, int] = {}
    foreign: list[str] = []
    for start in range(0, len(names), _SLICE):
        part = names[start : start + _SLICE]
        for name, length in zip(part, _lengths(client, part), strict=True):
            if length is None:
                foreign.append(name)
            elif length:
                letters[name] = length
    return Counts(letters, tuple(foreign))


def _lengths(client: redis.Redis, brands: Sequence[str]) -> list[int | None]:
    """Entries of each list; None: it is none."""
    with translated(), client.pipeline(transaction=False) as pipeline:
        for name in brands:
            pipeline.llen(BrandKeys.of(name).failed)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
    return [None if "WRONGTYPE" in str(reply) else int(checked(reply)) for reply in replies]


def each(client: redis.Redis, brand: str) -> Iterator[Letter]:
    """All letters of *brand*, the oldest first, read slice by slice.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    walk = Walk(client, brand)
    while raws := walk.read():
        yield from (Letter.read(walk.place + offset, raw) for offset, raw in enumerate(raws))
        walk.place += len(raws)


def find(client: redis.Redis, brand: str, selection: Selection, limit: int) -> tuple[list[Letter], int]:
    """The newest *limit* letters of *brand* that are meant, the oldest first, and how many are meant in all.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found: deque[Letter] = deque(maxlen=limit)
    total = 0
    for letter in each(client, brand):
        if selection.takes(letter):
            found.append(letter)
            total += 1
    return list(found), total


def groups(client: redis.Redis, brands: Iterable[str], selection: Selection) -> Tally:
    """The letters of *brands* that are meant, counted by brand, writer, path and reason.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    tally = Tally()
    for brand in brands:
        for letter in each(client, brand):
            if selection.takes(letter):
                tally.add(brand, letter)
    return tally


def marks_of(client: redis.Redis, brand: str, letters: Iterable[Letter]) -> dict[int, Mark]:
    """What is known of those of *letters* that were sent again before, by place.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    payloads = {}
    for letter in letters:
        with suppress(LetterError):
            payloads[letter.index] = letter.payload()
    found = marks(client, brand, list(payloads.values()))
    return {index: mark for index, mark in zip(payloads, found, strict=True) if mark is not None}


def _brand_of(key: bytes) -> str:
    return key.decode(errors="backslashreplace").removeprefix(_PREFIX)
