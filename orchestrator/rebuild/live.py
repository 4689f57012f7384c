"""A brand where it is folded and read: what a rebuild asks of Redis, and of the service that works there.

Reading disturbs nobody: what waits for the archive is read without the right to put it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.archive.record import Record, record_of
from orchestrator.archive.snapshot import Snapshot
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.own_settings import Number
from orchestrator.errors import ArchiveError
from orchestrator.service import Held, Patience, held, swap_in, take_snapshot
from orchestrator.store import checked, layout_of
from orchestrator.store.consumed import Consumed
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.settings import Settings

LEAVES: Final = Patience(wait_s=1.0)
"""While a brand goes on: a lane that has it keeps it."""

_NOBODY: Final = ""
"""Who has no right to put what waits; what cannot be read stays then."""

_ALL_BYTES: Final = 1 << 50


class RedisLive:
    """As :class:`orchestrator.rebuild.course.Watched` says, in the Redis of *client*."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._consumed = Consumed(client)

    @property
    def config(self) -> FoldConfig:
        """The rules' settings here."""
        return FoldConfig().under(self._settings.fingerprint.values)

    def look(self, brand: str) -> tuple[Snapshot, Mapping[str, Number]]:
        """The state as of its last commit, and the settings that the brand has of its own."""
        snapshot = take_snapshot(self._client, self._settings, brand)
        if not snapshot.settings:
            return snapshot, {}
        try:
            return snapshot, Fingerprint.read(snapshot.settings).own
        except ValueError as error:
            raise ArchiveError(f"brand {brand!r}: meta.settings: {error}") from None

    def cid(self, brand: str) -> str:
        """Id of its last commit."""
        command = ("HGET", layout_of(self._client).keys(brand).meta, "cid")
        found = checked(ScriptRunner(self._client).run([command])[0])
        return (found or b"").decode(errors="backslashreplace")

    def waiting(self, brand: str) -> Sequence[Record]:
        """What still waits for the archive, the oldest first."""
        kept = self._consumed.read(brand, _NOBODY, _ALL_BYTES)
        return [record_of(brand, each.head, each.payloads) for each in kept]

    def swap_in(self, snapshot: Snapshot, *, over: str, own: Mapping[str, Number]) -> int:
        """Put *snapshot* in place of the commit *over*, with the settings *own*; returns the version after it."""
        return swap_in(self._client, self._settings, snapshot, over=over, own=own, patience=LEAVES).version

    @contextmanager
    def held(self, brand: str) -> Iterator[_Held]:
        """Nobody else commits to the brand within the block."""
        with held(self._client, self._settings, brand) as found:
            yield _Held(found)


@dataclass(frozen=True, slots=True)
class _Held:
    brand: Held

    @property
    def cid(self) -> str:
        return self.brand.cid

    def put(self, snapshot: Snapshot, *, own: Mapping[str, Number]) -> int:
        return self.brand.put(snapshot, own=own).version
