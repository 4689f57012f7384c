"""A brand under test: pushes, short ways to make commits, and dumps to compare."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.keys import BrandKeys
from orchestrator.store import Commit, Lease, Peek, Store
from orchestrator.store.scripts import ARCHIVE, KEY_TYPES
from orchestrator.store.types import DigestChange, Remember

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

_IDS = itertools.count(1)


@dataclass
class World:
    """One brand, seen through a store and beside it."""

    client: redis.Redis
    store: Store
    brand: str
    keys: BrandKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = BrandKeys.of(self.brand)

    def push(self, *items: bytes) -> None:
        """What a worker does."""
        self.client.rpush(self.keys.queue, *items)

    def lease(self) -> Lease:
        """A lease with a fresh token."""
        return self.store.acquire(self.brand, f"token-{next(_IDS)}")

    def holding(self, *items: bytes) -> tuple[Lease, Peek]:
        """A lease, and a peek at *items* which are pushed before it."""
        if items:
            self.push(*items)
        lease = self.lease()
        return lease, self.store.peek(lease, 100)

    def dump(self) -> dict[str, Any]:
        """Every key of the brand as Redis would save it, with whether it expires."""
        names = [getattr(self.keys, part) for part in (*KEY_TYPES, *ARCHIVE)]
        names += [key.decode() for key in sorted(self.consumed())]
        return {name: (self._content(name), self.client.pttl(name) == -1) for name in names}

    def consumed(self) -> list[bytes]:
        """The keys of payloads that wait for the archive."""
        found: list[bytes] = self.client.keys(f"*{self.keys.queue}*:consumed:*")  # type: ignore[assignment]
        return [key for key in found if key.startswith(self.keys.consumed("").encode())]

    def _content(self, name: str) -> Any:
        """Content without the encoding: a set that grew and shrank dumps in another order."""
        kind: Any = self.client.type(name)
        readers: dict[bytes, Any] = {
            b"none": lambda _: None,
            b"string": self.client.get,
            b"hash": self.client.hgetall,
            b"set": self.client.smembers,
            b"list": lambda key: self.client.lrange(key, 0, -1),
            b"zset": lambda key: self.client.zrange(key, 0, -1, withscores=True),
        }
        return kind, readers[kind](name)

    @contextmanager
    def refused_quietly(self) -> Iterator[None]:
        """The block must leave every key of the brand as it was."""
        before = self.dump()
        yield
        assert self.dump() == before

    @contextmanager
    def refused(self, error: type[Exception]) -> Iterator[None]:
        """The block must raise *error* and leave every key of the brand as it was."""
        before = self.dump()
        with pytest.raises(error):
            yield
        assert self.dump() == before


def added(*entries: bytes, how: Remember = Remember.APPEND, older: bytes = b"") -> DigestChange:
    """What a commit does with *entries* of digests; its checksums are any numbers, which a script does not compare."""
    return DigestChange(how, b"".join(entries), 1_700_000_000_000, 7, 8, older)


def commit_of(peek: Peek, **changes: Any) -> Commit:
    """A commit that consumes all of *peek*; *changes* override its fields."""
    values: dict[str, Any] = {
        "cid": f"cid-{next(_IDS)}",
        "expected_cid": peek.cid,
        "version": peek.version + 1,
        "consumed": len(peek.items),
        "head": peek.items[0] if peek.items else b"",
        "tail": peek.items[-1] if peek.items else b"",
        "put": {b"field": b"%d" % (peek.version + 1)},
    }
    return Commit(**(values | changes))
