"""What readers saw at an earlier time and which chunks made a number, as commands tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from orchestrator.archive.record import Record
from orchestrator.contract.keys import BrandKeys
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.settings import Settings
from tests.archive.test_explain import NOW_MS, SMALL, payload
from tests.archive.test_explain import records as records_of
from tests.cli.conftest import Invoke
from tests.rebuild.archiving import Archiving

MINUTE_MS = 60_000


@pytest.fixture
def name(brand: str, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A brand with two commits in an archive, on the second of which Redis stands."""
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/archive")
    chunks = [
        payload("k1", ("s", "Door recall", ["a", "b"]), ("t", "summer launch", ["c"]), brand=brand, topics=["recall"]),
        payload("k2", ("x", "door recall", ["b", "d"]), at_ms=NOW_MS + MINUTE_MS, brand=brand, topics=["recall"]),
    ]
    made = [(NOW_MS + place * MINUTE_MS, [chunk]) for place, chunk in enumerate(chunks)]
    chain: list[Record] = records_of(made, SMALL, brand)
    BrandArchive(Objects.open(f"file://{tmp_path}/archive"), brand).put(chain)
    redis_client.hset(BrandKeys.of(brand).meta, "cid", chain[-1].cid)
    return brand


def test_summary_at_a_time_is_the_document_of_then(invoke: Invoke, name: str) -> None:
    """As text and as it was stored; before the first commit there was none."""
    found = invoke("summary", name, "--at", "2026-11-23T12:00:30Z", "--json")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert (document["version"], document["totalMentions"]) == (1, 3)
    page = invoke("summary", name, "--at", "2026-11-23T12:01:00Z").stdout
    assert "5 mentions in 2 chunks" in page
    before = invoke("summary", name, "--at", "2026-11-23T11:00:00Z")
    assert (before.exit_code, "had no summary then" in before.stderr) == (1, True)


def test_story_is_explained_by_its_chunks(invoke: Invoke, name: str) -> None:
    """Ids, mentions, times and places; by a part of its headline, and as it was."""
    found = invoke("explain", name, "recall", "--json", "--order", "largest")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert (document["id"], document["mentions"], document["explained"], document["chunks"]) == ("s", 3, 3, 2)
    first = document["contributions"][0]
    assert (first["chunkId"], first["mentions"], first["commit"], first["item"]) == ("k1", 2, "c1", 0)
    assert first["object"].endswith(".ndjson.gz")
    page = invoke("explain", name, "s", "--limit", "1")
    assert "k2" in page.stdout
    assert "k1" not in page.stdout
    assert "3 mentions from 2 chunks of the archive. 1 more chunk: --limit, or --json." in page.stderr
    earlier = json.loads(invoke("explain", name, "s", "--at", "2026-11-23T12:00:30Z", "--json").stdout)
    assert (earlier["mentions"], earlier["commit"]) == (2, "c1")


@pytest.mark.parametrize(
    ("options", "label", "mentions"),
    [
        (("--total",), "", 5),
        (("--topic", "#Recall"), "recall", 4),
        (("--hour", "2026-11-23T12:30:00Z"), "2026-11-23T12:00:00.000Z", 5),
        (("--hour", "2026-11-23T10:00:00Z"), "2026-11-23T10:00:00.000Z", 0),
    ],
)
def test_numbers_are_explained(invoke: Invoke, name: str, options: tuple[str, ...], label: str, mentions: int) -> None:
    """The total, a topic, an hour; one without chunks too."""
    found = invoke("explain", name, *options, "--json")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert (document["label"], document["mentions"], document["explained"]) == (label, mentions, mentions)
    assert invoke("explain", name, *options).exit_code == 0


def test_what_cannot_be_told_is_one_line(invoke: Invoke, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such story, no number or two, no time, a time to come, no archive, nothing committed."""
    assert "has no story 'zebra'" in invoke("explain", name, "zebra").stderr
    for wrong in ((), ("s", "--total")):
        refused = invoke("explain", name, *wrong)
        assert (refused.exit_code, "name one number" in refused.stderr) == (2, True)
    refused = invoke("explain", name, "s", "--at", "soon")
    assert (refused.exit_code, "--at is 'soon', expected a time" in refused.stderr) == (2, True)
    assert "that time is to come" in invoke("summary", name, "--at", "2199-01-01").stderr
    nobody = invoke("explain", f"{name} x", "s")
    assert (nobody.exit_code, "is in the archive yet" in nobody.stderr) == (1, True)
    monkeypatch.setenv("ARCHIVE_URL", "")
    assert "ARCHIVE_URL names no folder" in invoke("explain", name, "s").stderr


def test_what_waits_for_the_archive_is_told_too(
    invoke: Invoke, brand: str, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All mentions that the summary shows, however many of their chunks are archived; the others have no object."""
    settings = Settings(archive_url=f"file://{tmp_path}/archive")
    monkeypatch.setenv("ARCHIVE_URL", settings.archive_url)
    world = Archiving(redis_client, settings, brand)
    world.commits(*range(6))
    shown = json.loads(invoke("summary", brand, "--json").stdout)
    for archived in (0, 2, 6):
        told = json.loads(invoke("explain", brand, "--total", "--json").stdout)
        assert (told["commit"], told["mentions"], told["explained"]) == (world.cid(), shown["totalMentions"], 12)
        assert [bool(one["object"]) for one in told["contributions"]].count(True) == archived, "taken one by one"
        assert json.loads(invoke("summary", brand, "--at", "0s", "--json").stdout) == shown
        world.archives(2 if archived == 0 else 4)
    assert "not archived yet" not in invoke("explain", brand, "--total").stdout


def test_text_of_workers_steers_no_terminal(
    invoke: Invoke, brand: str, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escapes in ids and labels are shown as text."""
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/archive")
    chain = records_of(
        [(NOW_MS, [payload("k\x1b[31m", ("s", "door\x1b[2J recall", ["a"]), brand=brand)])], SMALL, brand
    )
    BrandArchive(Objects.open(f"file://{tmp_path}/archive"), brand).put(chain)
    redis_client.hset(BrandKeys.of(brand).meta, "cid", "c1")
    for options in ((), ("--json",)):
        assert "\x1b" not in invoke("explain", brand, "s", *options).output
