"""The picture on a terminal and as JSON, once and again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
import pytest
import redis
from rich.console import Console

from orchestrator.cli import status as module
from orchestrator.cli.status import Picture, looks
from orchestrator.cli.status_page import SHOWN, make_page
from orchestrator.cli.terminal import Failure
from orchestrator.contract.conflict import Conflict
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import MEMBERS_KEY, PARKED_KEY, BrandKeys
from orchestrator.contract.lock_token import new_token
from orchestrator.contract.pauses import Pause
from orchestrator.fleet.document import fleet_document
from orchestrator.fleet.members import Load, Member, Obedience, Rates
from orchestrator.fleet.parking import REMEDIES, Code, Parked, remedy
from orchestrator.fleet.view import BrandStatus, FleetView, Holder, OrphanQueue, OrphanQueues, Standing
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.members import Told, ToldLoad, ToldRates, beat
from orchestrator.store.parked import encode
from orchestrator.store.unarchived import Unarchived
from tests.cli.conftest import Invoke

A = "00000000000000aa"
NOW_MS = 1_790_000_000_000
SETTINGS = Fingerprint({})


@pytest.fixture(autouse=True)
def _nobody(redis_client: redis.Redis) -> Iterator[None]:
    redis_client.delete(PARKED_KEY, MEMBERS_KEY)
    yield
    redis_client.delete(PARKED_KEY, MEMBERS_KEY)


def picture(**changes: Any) -> FleetView:
    """Two processes, one of an older version, and a brand of each kind."""
    members = [
        Member(
            *(A, "o-1", "1.2.3", 4, SETTINGS, 5, 2, NOW_MS - 7_200_000, 100),
            load=Load(0.41, 0.62, 190_840_832),
            rates=Rates(1_203, 24_060, 12, 0, 0.2),
            oldest_s=16.0,
            holds=("held",),
        ),
        Member("00000000000000bb", "o-2", "1.1.0", 4, SETTINGS, 5, 0, NOW_MS - 30_000, 100),
    ]
    holder = Holder(A, "o-1", lives=True, since_ms=NOW_MS - 5_000, left_ms=14_000)
    parked = Parked(Code.META, "its epoch is b'inf'", NOW_MS - 600_000, A)
    brands = [
        BrandStatus("held", Standing.HELD, queued=3, holder=holder),
        BrandStatus("waits", Standing.WAITING, queued=99_990, failed=322, spiking=True),
        BrandStatus("parked", Standing.PARKED, queued=7, parked=parked),
        BrandStatus("stopped", Standing.PAUSED, paused=Pause("a look", "ann", NOW_MS - 1_000, None)),
        BrandStatus("idle", Standing.IDLE),
        BrandStatus("anew", Standing.IDLE, conflicts=12, newest_conflict=Conflict(NOW_MS - 300_000, "chunk-1")),
    ]
    orphans = OrphanQueues(1, 5, NOW_MS, [OrphanQueue("waits ", 5, "like 'waits' but for a blank")])
    return replace(FleetView(NOW_MS, members, brands, 1, orphans), **changes)


def shown(view: FleetView, width: int = 80) -> str:
    """The page, *width* columns wide."""
    console = Console(width=width, markup=False, highlight=False, emoji=False, color_system=None)
    with console.capture() as capture:
        console.print(make_page(view))
    return capture.get()


def test_page_says_everything_in_80_columns() -> None:
    """Who runs, how busy, what waits, who holds what, and what helps."""
    text = shown(picture())
    for part in (
        "2 running, 2 of 10 lanes with a brand",
        "100,000 chunks in 3 of 6 brands, the oldest for 16 s",
        "1,203 chunks/s, 24,060 mentions/s, 12 brands/s",
        "Dead letters  322",
        "Spiking       'waits'",
        "2/5",
        "41 %",
        "62 %",
        "182 MiB",
        "orchestrator repair parked",
        "paused by ann",
        "1 registered names",
        "5 chunks in 1 queue of no registered brand: 'waits '",
        "DUPLICATE_CONFLICTS=dead_letter",
    ):
        assert part in " ".join(text.split("\n")) or part in text, part
    assert max(map(len, text.split("\n"))) <= 80
    assert "idle" not in text


def test_page_says_how_processes_stand_to_orders() -> None:
    """Below each that was ordered something, and in the count."""
    [one, other] = picture().members
    quiet = replace(other, obedience=Obedience(5, NOW_MS - 180_000, by="ann@host"))
    text = shown(picture(members=[one, quiet]))
    assert "2 running, 1 quiet, 2 of 10 lanes with a brand" in text
    assert "→ o-2 (00000000000000bb): quiet for 3 min by ann@host" in text
    assert max(map(len, text.split("\n"))) <= 80
    document = fleet_document(picture(members=[one, quiet]))
    assert document["processes"][0]["orders"] is None
    assert document["processes"][1]["orders"]["by"] == "ann@host"


def test_wide_terminals_use_the_room() -> None:
    """A remedy that needs three lines on 80 columns needs fewer on 200."""
    assert len(shown(picture(), 200).split("\n")) < len(shown(picture()).split("\n"))


def test_page_shows_the_most_urgent_and_counts_the_rest() -> None:
    """5,000 brands that wait make no page of 5,000 lines."""
    brands = [BrandStatus(f"b{number:04}", Standing.WAITING, queued=number + 1) for number in range(5_000)]
    lines = shown(picture(brands=brands)).split("\n")
    assert len(lines) < 30
    assert any("b4999" in line for line in lines)
    assert any(f"... and {5_000 - SHOWN:,} brands more" in line for line in lines)


def test_names_steer_no_terminal() -> None:
    """Whatever a brand or a process is called."""
    evil = "x\x1b[2J\u202e"
    brands = [
        BrandStatus(evil, Standing.PARKED, parked=Parked(Code.TYPE, evil, 1, A), spiking=True, queued=None),
        BrandStatus(evil, Standing.PAUSED, paused=Pause(evil, evil, 1, 10**15)),
        BrandStatus(evil, Standing.HELD, holder=Holder(evil, evil, None, None, None)),
    ]
    text = shown(picture(brands=brands))
    assert "\x1b" not in text
    assert "\u202e" not in text
    json.dumps(fleet_document(picture(brands=brands)))


def test_document_has_all_of_it() -> None:
    """As scripts want it: numbers, not words."""
    document = fleet_document(picture())
    assert (document["alertRoutes"], document["alertRoutesProblem"]) == (None, "")
    assert document["backlog"] == {"chunks": 100_000, "brands": 3, "oldestSeconds": 16.0}
    assert document["rates"]["mentions"] == 24_060
    assert document["processes"][0]["load"] == {"lanes": 0.41, "cpu": 0.62, "memoryBytes": 190_840_832}
    assert document["processes"][1]["load"] is document["processes"][1]["rates"] is None
    assert document["brands"] == {
        "registered": 6,
        "refused": 1,
        "paused": 1,
        "held": 1,
        "parked": 1,
        "newer": 0,
        "failing": 0,
        "waiting": 1,
        "idle": 2,
    }
    (parked,) = document["parked"]
    assert (parked["code"], parked["remedy"]) == ("meta", remedy(Code.META, "parked"))
    (held,) = document["held"]
    assert (held["by"], held["lives"], held["leftSeconds"]) == (A, True, 14.0)
    assert [one["brand"] for one in document["paused"]] == ["stopped"]
    assert document["spiking"] == ["waits"]
    (anew,) = document["conflicting"]
    assert (anew["brand"], anew["chunks"], anew["newestChunkId"]) == ("anew", 12, "chunk-1")
    assert document["orphans"]["named"][0]["why"] == "like 'waits' but for a blank"


def fill(client: redis.Redis, registry_key: str) -> None:
    """One process, a brand that it holds, one that waits, one that it parks."""
    told = Told(
        *("o-1", "1", 4, msgspec.Raw(SETTINGS.text().encode()), 5, 1),
        load=ToldLoad(0.5, 1.0, 1 << 20),
        rates=ToldRates(1, 2, 3, 4, 5),
    )
    beat(client, A, 0, told)
    client.sadd(registry_key, "status held", "status waits", "status parked")
    Store(client).acquire("status held", new_token(A))
    client.rpush(BrandKeys.of("status waits").queue, "x", "y")
    client.hset(PARKED_KEY, "status parked", encode(Parked(Code.TYPE, "a set", 1, A)))


def empty(client: redis.Redis) -> None:
    """Take it away again."""
    client.delete(
        BrandKeys.of("status held").lock, BrandKeys.of("status held").meta, BrandKeys.of("status waits").queue
    )


def test_status_reads_it_from_redis(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """Nothing runs for it; both ways say the same."""
    fill(redis_client, registry_key)
    page, document = invoke("status"), json.loads(invoke("status", "--json").stdout)
    empty(redis_client)
    assert page.exit_code == 0
    assert "1 running, 1 of 5 lanes with a brand" in page.stdout
    assert "2 chunks in 1 of 3 brands" in page.stdout
    assert REMEDIES[Code.TYPE][:30] in page.stdout
    assert [one["brand"] for one in document["held"]] == ["status held"]
    assert [one["brand"] for one in document["parked"]] == ["status parked"]
    assert document["backlog"]["chunks"] == 2


def test_status_without_anything(invoke: Invoke) -> None:
    """A page all the same."""
    result = invoke("status")
    assert result.exit_code == 0
    assert "none is running" in result.stdout
    assert "nothing waits" in result.stdout


def test_watch_looks_once_for_each_wait_and_survives_an_outage(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, registry_key: str
) -> None:
    """It never looks without a wait in between; while Redis is away it shows the last picture and says so."""
    waits: list[int] = []
    settings = Settings(redis_url=redis_url, brand_list_key=registry_key)
    away = False

    def read(*_: object) -> FleetView:
        if away:
            raise Failure("no answer")
        return picture(as_of_ms=len(waits))

    monkeypatch.setattr(module, "read_fleet", read)
    found = looks(settings, lambda: waits.append(1))
    assert [(last.view.as_of_ms, failure) for last, failure in islice(found, 2) if last] == [(0, ""), (1, "")]
    away = True
    last, failure = next(found)
    assert last is not None
    assert (last.view.as_of_ms, failure, len(waits)) == (1, "no answer", 2)
    away = False
    last, failure = next(found)
    assert last is not None
    assert (last.view.as_of_ms, failure, len(waits)) == (3, "", 3)


@pytest.mark.parametrize("as_json", [False, True])
def test_watch_goes_on_until_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, *, as_json: bool
) -> None:
    """Ctrl-C is how one leaves it, and no failure; a look each time that it slept."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    result = invoke("status", "--watch", "--interval", "7", *(["--json"] if as_json else []))
    assert (result.exit_code, slept) == (0, [7.0] * 3)
    if as_json:
        assert [json.loads(line)["backlog"]["chunks"] for line in result.stdout.splitlines()] == [0, 0, 0]
    else:
        assert result.stdout.count("none is running") == 3


def test_watch_draws_anew_on_a_terminal_no_more_than_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else it would scroll; an outage is told above the last picture."""
    monkeypatch.setattr(module, "on_terminal", lambda: True)
    monkeypatch.setattr(module, "make_console", lambda: Console(width=80, height=9, color_system=None))
    module._show(Picture(picture(), None, Unarchived()), "no answer", as_json=False)
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].endswith("no answer; what follows is the last picture")
    assert lines[0].startswith("\x1b[H\x1b[2J")
    assert len(lines) == 9


def test_watch_says_so_if_redis_is_away_from_the_first_look_on(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no picture to show; scripts hear it on standard error."""
    assert invoke is not None
    module._show(None, "no answer", as_json=False)
    module._show(None, "no answer", as_json=True)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("no answer\n\n\n", "no answer\n")
