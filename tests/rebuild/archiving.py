"""A brand of a real Redis whose commits leave records, and a writer who takes them to an archive when told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis

from orchestrator.archive.record import record_of
from orchestrator.contract.consumed import note_of
from orchestrator.lane.session import BrandSession
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.service.options import session_config, store_options
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.consumed import Consumed
from tests.lane.support import Brand, drain
from tests.rebuild.support import chunk

AT = datetime.now(UTC).isoformat()
"""When all of these chunks were processed: whoever folds them, and when, counts them at the same time."""


@dataclass
class Archiving:
    """One brand under *settings*, which name an archive."""

    client: redis.Redis
    settings: Settings
    name: str
    queue: Brand = field(init=False)

    def __post_init__(self) -> None:
        self.queue = Brand(self.client, Store(self.client, store_options(self.settings)), self.name)

    def commits(self, *numbers: int, each: int = 1) -> None:
        """Chunks of these numbers, in commits of *each*."""
        for start in range(0, len(numbers), each):
            batch = numbers[start : start + each]
            self.queue.push(*(chunk(self.name, number, processedAt=AT) for number in batch))
            session = BrandSession(self.queue.store, session_config(self.settings), self.name)
            session.open()
            drain(session)
            session.settle()
            assert session.release()

    def archives(self, count: int = 1_000) -> None:
        """The oldest *count* records that wait are put into the archive and taken out of Redis."""
        consumed = Consumed(self.client)
        assert consumed.take(self.name, "writer", 30) is not None
        kept = consumed.read(self.name, "writer", 1 << 30)[:count]
        if kept:
            note = note_of(kept)
            assert consumed.note(self.name, "writer", note)
            with Objects.open(self.settings.archive_url) as objects:
                records = [record_of(self.name, each.head, each.payloads) for each in kept]
                BrandArchive(objects, self.name).put(records)
            assert consumed.remove(self.name, "writer", note)
        consumed.leave(self.name, "writer")

    def cid(self) -> str:
        """Id of the last commit."""
        found: Any = self.client.hget(self.queue.keys.meta, "cid")
        return str(found.decode())
