"""A campaign of a colleague's stale setting: processes that keep a day, and one that keeps a quarter of an hour."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orchestrator
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.times import read_time
from orchestrator.settings import Settings
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import Orchestrator, eventually
from tests.faults.traffic import fold_of

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.faults.traffic import Book

BURST = 400
STALE = {"SUMMARY_WINDOW_SEC": "900", "MAX_STORIES": "1"}
NARROW = FoldConfig(window_ms=900_000, max_stories=1)
_STALE_TEXT = Settings(summary_window_sec=900, max_stories=1).fingerprint.text().encode()
_START_S = 60.0
_TOTALS = ("totalChunks", "totalMentions", "sentiment")
_KEPT = ("state", "digests0", "digests1", "failed", "summary", "trend", "recent", "lock")


def stale_setting(folder: Path, *, seed: int, kills: int) -> Figures:
    """Run the stale one beside two others under load and kills, then alone; then adopt its settings, and be killed."""
    with arena(folder, seed, size=2) as world:
        world.traffic.hours = 6
        wide = tuple(world.fleet)
        _started(*wide)
        world.push(BURST)
        world.drain()
        with world.recruit(folder, **STALE) as stale:
            _started(stale)
            assert stale.logged("settings differ from those of a running process")
            for number in range(kills):
                world.push(BURST)
                victim = world.random.choice([*wide, stale] if number else [*wide])
                world.note(f"kill -9 {victim.name} with {world.backlog()} queued")
                victim.restart()
                world.push(BURST // 4)
            world.drain(60)  # also what the stale one comes first for, and is refused
            wide_chunks = _verify_wide(world)
            untouched = _alone(world, stale, wide)
            adoptions = _adopt(world, folder, wide)
            world.push(BURST)
            world.drain(60)
            kept = _verify_narrow(world)
            assert kept < wide_chunks
            return {"kills": kills, "untouched": untouched, "adoptions killed": adoptions, **_figures(world)}


def _figures(world: Arena) -> Figures:
    """What was pushed, all of it accounted for before and after the adoption."""
    books = world.traffic.books.values()
    return {"chunks": sum(len(book.chunks) for book in books), "lost": 0, "doubled": 0}


def _started(*fleet: Orchestrator) -> None:
    for one in fleet:
        what = f"{one.name} starts: {one.tail()}"
        eventually(lambda one=one: one.logged("registry read") and one.logged("serving"), within_s=_START_S, what=what)  # type: ignore[misc]


def _parked(world: Arena, stale: Orchestrator) -> int:
    """How many brands the stale one was refused since its last start; it needs work to ask for them."""
    if world.backlog() < BURST // 4:
        world.push(BURST // 4)
    return len({line["brand"] for line in stale.logged("brand parked")})


def _verify_wide(world: Arena) -> int:
    """Totals and stories are those of the wide settings; returns the chunks in all windows."""
    world.verify(in_order=False)
    chunks = 0
    for book in world.traffic.books.values():
        summary = _summary(world, book)
        expected = fold_of(book, _end_ms(summary))
        assert summary["clusterCount"] == expected["clusterCount"]
        chunks += summary["totalChunks"]
    return chunks


def _verify_narrow(world: Arena) -> int:
    """Totals are those of one fold of everything pushed under the narrow settings; returns the chunks that count."""
    chunks = 0
    for book in world.traffic.books.values():
        summary = _summary(world, book)
        expected = fold_of(book, _end_ms(summary), NARROW)
        assert {name: summary[name] for name in _TOTALS} == {name: expected[name] for name in _TOTALS}, book.brand
        assert summary["clusterCount"] <= 1
        chunks += summary["totalChunks"]
    return chunks


def _summary(world: Arena, book: Book) -> Any:
    with world.server.client() as client:
        document: Any = client.get(BrandKeys.of(book.brand).summary)
    return json.loads(document)


def _end_ms(summary: Any) -> int:
    moment = read_time(summary["windowEnd"])
    assert moment is not None
    return moment[0]


def _alone(world: Arena, stale: Orchestrator, wide: tuple[Orchestrator, ...]) -> int:
    """Leave the stale one alone with the brands; how many it left as they were."""
    for one in wide:
        one.end(_START_S)
    before, meta = _content(world), _meta(world)
    world.push(BURST)
    waiting = world.backlog()
    stale.restart()
    eventually(lambda: _parked(world, stale) == 4, within_s=_START_S, what=f"all are refused: {stale.tail()}")
    health = stale.health()  # and readiness holds: it raises otherwise
    assert health["status"] == "degraded"
    detail = health["checks"]["lanes"]["detail"]
    assert "4 parked" in detail
    assert "SUMMARY_WINDOW_SEC is 900 here and 86400 there, MAX_STORIES is 1 here and 5000 there" in detail
    assert "orchestrator config adopt" in detail
    assert world.backlog() == waiting
    assert (_content(world), _meta(world)) == (before, meta)
    for one in wide:
        one.start()
    world.drain(60)
    _verify_wide(world)
    return len(before)


def _adopt(world: Arena, folder: Path, wide: tuple[Orchestrator, ...]) -> int:
    """Adopt the stale settings for all brands, killed at random instants and repeated; how often it was killed."""
    for one in wide:
        one.end(_START_S)
    killed = 0
    for _ in range(3):
        process = _command(world, folder)
        try:
            process.wait(world.random.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            killed += 1
        process.kill()
        process.communicate()
        # Whole or not at all, brand by brand.
        assert {meta.get(b"adopted", b"") for meta in _meta(world)} <= {b"", _STALE_TEXT}
    process = _command(world, folder)
    said, _ = process.communicate(timeout=_START_S)
    assert process.returncode == 0, said
    assert said.decode().count("adopted, what does not fit") == 4
    return killed


def _command(world: Arena, folder: Path) -> Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    kept["PYTHONPATH"] = str(Path(orchestrator.__file__).parents[1])
    environment = kept | STALE | {"REDIS_URL": world.server.url}
    command = [sys.executable, "-m", "orchestrator", "config", "adopt", "--all"]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _meta(world: Arena) -> list[dict[bytes, bytes]]:
    with world.server.client() as client:
        return [cast("dict[bytes, bytes]", client.hgetall(BrandKeys.of(brand).meta)) for brand in world.traffic.books]


def _content(world: Arena) -> list[list[bytes | None]]:
    """What there is of each brand but its queue and its meta hash."""
    with world.server.client() as client:
        keys = [BrandKeys.of(brand) for brand in world.traffic.books]
        return [[client.dump(getattr(own, part)) for part in _KEPT] for own in keys]
