"""Stored states that earlier versions left in Redis: ``tests/data/states``, one folder a format.

Every later version has to read them. :mod:`tests.write_states` wrote them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.contract.keys import BrandKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

FOLDER = Path(__file__).parent / "data" / "states"


@dataclass(frozen=True)
class StoredState:
    """One brand as a version of that format left it.

    Attributes:
        brand: its name.
        now_ms: when its last commit was made, Unix ms.
        state: the fields of the state hash.
        segments: what of it lies apart; nothing did before format 5.
        meta: those of the meta hash.
        seen: digests of the chunks that were counted.
        trend: the published trend.
        spikes: the published episodes.
        summary: the published summary.
        next_ms: when the next batch was folded by that version.
        next_items: that batch.
        next_summary: what the summary was then.
    """

    brand: str
    now_ms: int
    state: Mapping[bytes, bytes]
    segments: Mapping[bytes, bytes]
    meta: Mapping[bytes, bytes]
    seen: frozenset[bytes]
    trend: Any
    spikes: Any
    summary: Any
    next_ms: int
    next_items: list[bytes]
    next_summary: Any

    @classmethod
    def read(cls, path: Path) -> StoredState:
        """The one in that file."""
        document = json.loads(path.read_text(encoding="utf-8"))
        following = document["next"]
        return cls(
            brand=document["brand"],
            now_ms=document["now_ms"],
            state=_bytes(document["state"]),
            segments=_bytes(document.get("segments", {})),
            meta=_bytes(document["meta"]),
            seen=frozenset(map(b64decode, document["seen0"])),
            trend=document["trend"],
            spikes=document["spikes"],
            summary=document["summary"],
            next_ms=following["now_ms"],
            next_items=[item.encode() for item in following["items"]],
            next_summary=following["summary"],
        )

    def restore(self, client: redis.Redis, brand: str) -> None:
        """Put what outlives a lease into Redis, as the keys of *brand*."""
        keys = BrandKeys.of(brand)
        for key, fields in ((keys.state, self.state), (keys.segments, self.segments), (keys.meta, self.meta)):
            if fields:
                client.hset(key, items=[part for pair in fields.items() for part in pair])
        client.sadd(keys.seen0, *self.seen)


def _bytes(fields: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): b64decode(value) for name, value in fields.items()}


def stored_formats() -> list[int]:
    """The formats of which there are states."""
    return sorted(int(folder.name.removeprefix("format-")) for folder in FOLDER.iterdir())


def stored_states() -> dict[str, StoredState]:
    """All of them, by format and name."""
    return {f"{path.parent.name}/{path.stem}": StoredState.read(path) for path in sorted(FOLDER.glob("*/*.json"))}
