"""Reading the lists of dead letters: one brand's, and how many each brand has."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

import redis

from orchestrator.cli.terminal import remark
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.letters import Letter, Selection
from orchestrator.store import checked, translated
from orchestrator.store.letters import Walk
from orchestrator.store.registry import registered

_PREFIX = BrandKeys.of("").failed


def read_letters(client: redis.Redis, brand: str, first: int, last: int) -> tuple[list[Letter], int]:
    """Entries *first* to *last* (negative: from the end) of *brand* with their places, and how many there are.

    Raises:
        StoreError: Redis did not answer or refused (a key of another type).
    """
    key = BrandKeys.of(brand).failed
    with translated(), client.pipeline(transaction=True) as pipeline:  # one snapshot, so that places are right
        pipeline.llen(key)
        pipeline.lrange(key, first, last)
        total, raws = (checked(reply) for reply in pipeline.execute(raise_on_error=False))
    start = max(0, first + total if first < 0 else first)
    return [Letter.read(start + offset, raw) for offset, raw in enumerate(raws)], int(total)


def count_all(client: redis.Redis, registry_keys: Sequence[str]) -> dict[str, int | None]:
    """Dead letters by brand, of all brands that have some, registered or not; None: a key of another type.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        found = {_brand_of(key) for key in cast("Iterator[bytes]", client.scan_iter(match=f"{_PREFIX}*", count=1_000))}
        names = sorted(found.union(registered(client, registry_keys).brands))
        with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.llen(BrandKeys.of(name).failed)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
    lengths = {
        name: None if isinstance(reply, Exception) else int(reply) for name, reply in zip(names, replies, strict=True)
    }
    return {name: number for name, number in lengths.items() if number != 0}


def find_letters(client: redis.Redis, brand: str, selection: Selection, limit: int) -> tuple[list[Letter], int]:
    """The newest *limit* letters of *brand* that are meant, the oldest first, and how many are meant in all.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found: deque[Letter] = deque(maxlen=limit)
    total = 0
    for letter in each_letter(client, brand):
        if selection.takes(letter):
            found.append(letter)
            total += 1
    return list(found), total


def brands_with_letters(client: redis.Redis, registry_keys: Sequence[str]) -> list[str]:
    """All brands that have dead letters; a key of another type is told of and left out.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    counts = count_all(client, registry_keys)
    for brand in (brand for brand, number in counts.items() if number is None):
        remark(f"Warning: {BrandKeys.of(brand).failed!r} is no list, so {brand!r} is left out.")
    return [brand for brand, number in counts.items() if number is not None]


def each_letter(client: redis.Redis, brand: str) -> Iterator[Letter]:
    """All letters of *brand*, read slice by slice.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    walk = Walk(client, brand)
    while raws := walk.read():
        yield from (Letter.read(walk.place + offset, raw) for offset, raw in enumerate(raws))
        walk.place += len(raws)


def _brand_of(key: bytes) -> str:
    return key.decode(errors="backslashreplace").removeprefix(_PREFIX)
