"""The archive's days are tended in background: by one process, with a word in the log, whatever comes of it."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import redis
import structlog
import trio
from structlog.testing import capture_logs

from orchestrator import __version__
from orchestrator.errors import StoreUnavailableError
from orchestrator.fleet.members import Member
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.process.metrics import Metrics
from orchestrator.service import tender as tender_module
from orchestrator.service.tender import EVERY_S, FIRST_S, Tender, make_tender
from orchestrator.settings import Settings
from tests.cli.test_archive_tend import old
from tests.http.operators import member
from tests.objects.test_way import base_at

__all__ = ["old"]


def alive(*names: str, version: str = __version__) -> list[Member]:
    """Processes of this version."""
    return [replace(member(name), version=version) for name in names]


async def nobody() -> Sequence[Member]:
    """None lives."""
    return ()


class Counting(Tender):
    """Counts its rounds."""

    rounds = 0

    async def tend(self) -> None:
        """Only that."""
        self.rounds += 1


@pytest.mark.parametrize(
    ("members", "rounds"),
    [(alive("a", "b"), 0), (alive("b", "c"), 1), ([*alive("a", version="0.0.1"), *alive("b")], 1), ([], 0)],
)
async def test_the_first_of_those_that_live_tends(
    members: list[Member],
    rounds: int,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    """Of its version: an older one does not know how. An hour later who lives then."""
    now = [members]

    async def living() -> Sequence[Member]:
        return now[0]

    tender = Counting("b", living, [], {}, Metrics())
    async with trio.open_nursery() as nursery:
        await nursery.start(tender.run)
        await trio.sleep(3 * FIRST_S + 1)
        assert tender.rounds == rounds
        now[0] = alive("b")
        await trio.sleep(1.25 * EVERY_S + 1)
        assert tender.rounds > rounds
        nursery.cancel_scope.cancel()


async def test_redis_that_is_away_is_nobodys_turn(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    """And an hour later it is asked again."""

    async def away() -> Sequence[Member]:
        raise StoreUnavailableError("away")

    tender = Counting("b", away, [], {}, Metrics())
    async with trio.open_nursery() as nursery:
        await nursery.start(tender.run)
        await trio.sleep(3 * EVERY_S)
        nursery.cancel_scope.cancel()
    assert tender.rounds == 0


@pytest.mark.parametrize(
    ("script", "event", "told"),
    [
        ('print(\'{"compacted": 2, "pruned": 1, "open": 0, "left": []}\')', "archive tended", {"days_as_parquet": 2}),
        (
            'print(\'{"compacted": 0, "pruned": 0, "open": 3, "left": ["a: b", "c", "d", "e"]}\')',
            "days of the archive stay as they are",
            {"days": 4, "why": ["a: b", "c", "d"]},
        ),
        (
            "import sys; sys.exit('Error: redis://u:secret@h \\x1b[1m is away')",
            "the archive could not be tended, it is tried again",
            {"reason": "Error: redis://u:***@h \\x1b[1m is away"},
        ),
        (
            "import sys; sys.exit('x' * 600)",
            "the archive could not be tended, it is tried again",
            {"reason": "x" * 500},
        ),
        ("print('[]')", "the archive could not be tended, it is tried again", {"reason": "[]"}),
        ("pass", "the archive could not be tended, it is tried again", {"reason": "it ended with code 0"}),
    ],
)
async def test_what_came_of_it_is_in_the_log(script: str, event: str, told: dict[str, object]) -> None:
    """Days that became something, days that stay and why, and why nothing was done; no secrets."""
    metrics = Metrics()
    tender = Tender("b", nobody, [sys.executable, "-c", script], {}, metrics)
    with capture_logs() as logs:
        await tender.tend()
    (line,) = logs
    assert line["event"] == event
    assert told.items() <= line.items()
    outcome = {"archive tended": "done", "days of the archive stay as they are": "left"}.get(event, "failed")
    assert value(metrics, "archive_rounds_total", outcome=outcome) == 1
    assert value(metrics, "archive_untended") == bool(tender.trouble) == (outcome != "done")
    assert math.isnan(value(metrics, "archive_unpacked")) == (outcome == "failed")
    assert "secret" not in tender.trouble


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Of a metric."""
    found = metrics.registry.get_sample_value(f"orchestrator_{name}", labels)
    assert found is not None
    return found


async def test_trouble_is_of_who_tends(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    """Once another process does, this one's last round says nothing any more: an alert would have no end."""
    living, metrics = [alive("b")], Metrics()

    async def members() -> Sequence[Member]:
        return living[0]

    class Failing(Tender):
        async def tend(self) -> None:
            """As if it had not been done."""
            self._failed("the archive is away")

    tender = Failing("b", members, [], {}, metrics)
    async with trio.open_nursery() as nursery:
        await nursery.start(tender.run)
        await trio.sleep(3 * FIRST_S + 1)
        assert (value(metrics, "archive_untended"), bool(tender.trouble)) == (1, True)
        living[0] = alive("a", "b")
        await trio.sleep(1.25 * EVERY_S + 1)
        assert (value(metrics, "archive_untended"), tender.trouble) == (0, "")
        nursery.cancel_scope.cancel()


async def test_command_that_is_not_there_is_told() -> None:
    """It ends nothing."""
    with capture_logs() as logs:
        await Tender("b", nobody, ["/nowhere/at/all"], {}, Metrics()).tend()
    assert [line["event"] for line in logs] == ["the archive could not be tended, it is tried again"]


async def test_round_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not done by then is done in the next one."""
    monkeypatch.setattr(tender_module, "LONGEST_S", 0.0)
    script = 'print(\'{"compacted": 2, "pruned": 1, "open": 0, "left": []}\')'
    with capture_logs() as logs:
        await Tender("b", nobody, [sys.executable, "-c", script], {}, Metrics()).tend()
    assert [line["reason"].partition(":")[0] for line in logs] == ["TooSlowError"]


async def test_days_are_tended(
    old: BrandArchive,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    redis_url: str,
) -> None:
    """By a process of its own: closed ones become Parquet, and old ones go."""
    for record in old.way_to("e3").records:
        if record.cid == "c0":
            old.put_base(replace(base_at(record), brand=old.brand))
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # that of an embedded server is told by nobody else
    settings = Settings(archive_url=os.environ["ARCHIVE_URL"], archive_retention_days=4)
    monkeypatch.setenv("ARCHIVE_RETENTION_DAYS", "1")  # since the start of this process
    tender = make_tender(redis_client, settings, "b", Metrics(), structlog.get_logger(), embedded_url=redis_url)
    assert tender is not None
    with capture_logs() as logs:
        await tender.tend()
    assert [(line["event"], line["days_as_parquet"], line["days_gone"]) for line in logs] == [("archive tended", 3, 2)]
    assert len([ref for day in old.days() for ref in old.day(day)]) == 3


def test_nothing_is_tended_where_nothing_is_to_do(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without an archive, or with neither setting; where pyarrow is missing it is told, and old days go all the same.

    ``--compact`` is not among the arguments then.
    """
    log = structlog.get_logger()
    url = f"file://{tmp_path}"
    assert make_tender(redis_client, Settings(), "b", Metrics(), log) is None
    assert make_tender(redis_client, Settings(archive_url=url, archive_compact=False), "b", Metrics(), log) is None
    assert make_tender(redis_client, Settings(archive_url=url), "b", Metrics(), log) is not None
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name))
    with capture_logs() as logs:
        assert make_tender(redis_client, Settings(archive_url=url), "b", Metrics(), log) is None
        tender = make_tender(redis_client, Settings(archive_url=url, archive_retention_days=3), "b", Metrics(), log)
    assert tender is not None
    assert "--compact" not in tender._command
    assert [line["event"] for line in logs] == [
        "closed days of the archive stay as they are: Parquet needs pyarrow"
    ] * 2
    assert json.dumps(logs).count("service3-orchestrator[archive]") == 2
