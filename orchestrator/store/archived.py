"""Up to which commit of a brand the archive leads, as far as Redis tells: what waits for it is not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.contract.consumed import decode
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.store.client import checked
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis


@dataclass(frozen=True, slots=True)
class Standing:
    """What Redis tells.

    Attributes:
        cid: of the newest commit that is in the archive, unless that has a gap there; empty: there is none.
        waiting: records that wait for the archive.
        settings: of the last commit, by name, those of the brand's own among them; empty: they cannot be read.
        now_ms: the present, Unix ms of Redis.
    """

    cid: str
    waiting: int
    settings: Mapping[str, int | float]
    now_ms: int


def read_standing(client: redis.Redis, brand: str) -> Standing:
    """What Redis tells of *brand*.

    Raises:
        ArchiveError: what waits is no record.
        StoreError: Redis gave no answer or refused.
    """
    layout = layout_of(client)
    inner, keys = layout.inner(brand), layout.keys(brand)
    commands = [
        ("HMGET", inner.meta, "cid", "settings"),
        ("TIME",),
        ("LINDEX", keys.records, 0),
        ("LLEN", keys.records),
    ]
    # The commit first: what is taken out of the list after that was put into the archive before.
    (cid, settings), now, oldest, waiting = map(checked, ScriptRunner(client).run(commands))
    now_ms = int(now[0]) * 1000 + int(now[1]) // 1000
    last = (cid or b"").decode(errors="replace") if oldest is None else decode(oldest).previous
    return Standing(last, waiting, _settings(settings), now_ms)


def _settings(text: bytes | None) -> Mapping[str, int | float]:
    try:
        return Fingerprint.read(text).effective if text else {}
    except ValueError:
        return {}
