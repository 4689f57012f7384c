"""What of a commit goes past its script, and a state with what lies apart.

Owns when segments are written apart. Not how they are named and referred to
(:mod:`orchestrator.contract.segments`). Source: ``docs/redis-protocol.md``, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.segments import Reference, may_lie_apart, whole
from orchestrator.errors import StaleStateError
from orchestrator.store.client import translated
from orchestrator.store.layouts import layout_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import redis

    from orchestrator.contract.keys import BrandKeys
    from orchestrator.store.types import Commit
    from orchestrator.store.wire import Command

WHOLE_COMMITS: Final = 100
"""So many commits with large segments go through the script whole after one whose segments were lost: at ``maxmemory``
Redis refuses the plain command, and takes the script, which empties the queue."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The fields that a commit puts, as they are sent.

    Attributes:
        put: fields of the state, references among them.
        apart: names and values that go past the script.
    """

    put: Mapping[bytes, bytes]
    apart: dict[bytes, bytes] = field(default_factory=dict)

    def lengths(self) -> list[bytes]:
        """Name and length of each value that goes past the script, one after the other."""
        return [part for name, value in self.apart.items() for part in (name, b"%d" % len(value))]


class Splitter:
    """Says what of each commit goes past the script; thread-safe.

    However often a commit is sent, and in whichever of the two ways, it applies once and means the same.
    """

    def __init__(self) -> None:
        self._whole = 0

    def split(self, commit: Commit) -> Parts:
        """The parts of *commit*: its large segments apart, unless such were lost a short while ago."""
        large = [field for field, value in commit.put.items() if may_lie_apart(field, value)]
        if not large:  # nor does it count below: small ones come by the hundred before the refused one is sent again
            return Parts(commit.put)
        if self._whole > 0:
            self._whole -= 1
            return Parts(commit.put)
        put, apart = dict(commit.put), {}
        for name in large:
            reference = Reference.to(commit.cid, name, put[name])
            apart[reference.name] = put[name]
            put[name] = reference.stored()
        return Parts(put, apart)

    def lost(self) -> None:
        """What went past a script was not there when the script looked."""
        self._whole = WHOLE_COMMITS


def writing(keys: BrandKeys, parts: Parts) -> list[Command]:
    """The command that writes what lies apart; none if nothing does."""
    return [("HSET", keys.segments, *chain.from_iterable(parts.apart.items()))] if parts.apart else []


def reading(keys: BrandKeys) -> list[Command]:
    """What to ask for a state as a whole; :func:`read` takes the replies.

    No transaction: at maxmemory Redis takes none, not even to read, and who cannot load cannot empty the queue.
    """
    cid = ("HGET", keys.meta, "cid")
    return [cid, ("HGETALL", keys.state), ("HGETALL", keys.segments), cid]


def read(brand: str, replies: Sequence[Any], lost: list[bytes] | None = None) -> dict[bytes, bytes]:
    """The state that *replies* hold, of one moment; *lost* as in :func:`orchestrator.contract.segments.whole`.

    Raises:
        InvalidStateError: what lies apart is lost or damaged.
        StaleStateError: somebody committed meanwhile, so the two do not fit each other.
    """
    before, fields, apart, after = replies
    if before != after:
        raise StaleStateError(f"brand {brand!r}: another commit came while its state was read")
    return whole(_pairs(fields), _pairs(apart), lost)


def load(client: redis.Redis, brand: str) -> dict[bytes, bytes]:
    """The state of *brand* as a whole; raises as :func:`read`, and a StoreError where Redis gives no answer."""
    commands = reading(layout_of(client).keys(brand))
    with translated(), client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        return read(brand, pipe.execute())


def _pairs(fields: Any) -> dict[bytes, bytes]:
    """What HGETALL answered, in either protocol."""
    return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
