"""``orchestrator rebuild`` from the shell: what it shows, what it changes, what it leaves behind, how it ends."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.cli import rebuild_page
from orchestrator.objects.objects import Objects
from orchestrator.rebuild import engines
from orchestrator.rebuild.engines import Here
from orchestrator.service import decode_snapshot
from orchestrator.settings import Settings
from orchestrator.store.audit import read_audit
from tests.cli.conftest import Invoke
from tests.rebuild.archiving import Archiving
from tests.rebuild.support import url_of

SET = ("--set", "MERGE_SIMILARITY_THRESHOLD=0.3")
LOCAL = ("--executor", "local")


@pytest.fixture
def world(
    redis_client: redis.Redis, brand: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry_key: str
) -> Archiving:
    """A registered brand with nine chunks, of which two commits still wait for the archive."""
    url = url_of(tmp_path / "archive")
    monkeypatch.setenv("ARCHIVE_URL", url)
    world = Archiving(redis_client, Settings(archive_url=url), brand)
    world.commits(*range(9), each=2)
    world.archives(3)
    redis_client.rpush(registry_key, brand)
    return world


def stories(world: Archiving) -> int:
    """That readers see."""
    found: int = world.queue.summary()["clusterCount"]
    return found


def files(folder: Path) -> list[str]:
    """All below it."""
    return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)  # noqa: PTH118


def test_dry_run_shows_what_would_change_and_changes_nothing(invoke: Invoke, world: Archiving, tmp_path: Path) -> None:
    """A table of what readers see, before and after; nothing is written down, nothing is left."""
    before, archived = world.cid(), files(tmp_path / "archive")
    shown = invoke("rebuild", world.name, *SET, *LOCAL, "--dry-run")
    assert (shown.exit_code, shown.stderr) == (0, "")
    header, row = shown.stdout.splitlines()
    assert header.split() == ["Brand", *["Folded", "Chunks", "Mentions", "Stories", "Largest", "Topics", "Differences"]]
    assert f"{stories(world)} → 2" in row
    assert world.cid() == before
    assert files(tmp_path / "archive") == archived
    assert read_audit(world.client, 1000) == [] or all(act.action != "rebuild" for act in acts_of(world))


def acts_of(world: Archiving) -> list[Any]:
    """What operators did to it."""
    return [act for act in read_audit(world.client, 1000) if act.brand == world.name]


def test_rebuild_puts_it_in_place_and_writes_that_down(invoke: Invoke, world: Archiving) -> None:
    """By a pool of processes, the default; the next rebuild knows the brand's own setting, and may end it."""
    shown = invoke("rebuild", world.name, *SET, "--yes", "--workers", "1")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "in place, version 6" in shown.stdout
    assert stories(world) == 2
    (act,) = acts_of(world)
    assert (act.action, act.details["set"]) == ("rebuild", SET[1])
    again = invoke("rebuild", world.name, *LOCAL, "--yes")
    assert (again.exit_code, stories(world)) == (0, 2)
    assert len(json.loads(invoke("rebuild", world.name, *LOCAL, "--dry-run", "--json").stdout)["brands"]) == 1
    back = invoke("rebuild", world.name, *LOCAL, "--yes", "--set", "MERGE_SIMILARITY_THRESHOLD=")
    assert back.exit_code == 0
    assert stories(world) > 2
    world.archives()
    told = invoke("rebuild", world.name, *LOCAL, "--dry-run").stderr
    assert f"{world.name}: the fold begins with the state of 20" in told, "where nothing counts instead any more"


def test_what_is_the_same_already_is_not_written_down(invoke: Invoke, world: Archiving) -> None:
    """Nothing was done; who reads the list looks for what changed a brand."""
    before = world.cid()
    shown = invoke("rebuild", world.name, *LOCAL, "--yes")
    assert (shown.exit_code, world.cid()) == (0, before)
    assert "it is the same already" in shown.stdout
    assert acts_of(world) == []


def test_numbers_of_a_rebuilt_brand_are_explained(invoke: Invoke, world: Archiving) -> None:
    """Down to the first chunk of the window, while the swap waits for the archive and when it is there."""
    assert invoke("rebuild", world.name, *LOCAL, *SET, "--yes").exit_code == 0
    world.commits(20)
    for _ in range(2):
        told = json.loads(invoke("explain", world.name, "--total", "--json").stdout)
        assert (told["older"], told["chunks"], told["mentions"]) == (0, 10, 20)
        for story in world.queue.summary()["clusters"]:
            told = json.loads(invoke("explain", world.name, story["id"], "--json").stdout)
            assert (told["older"], told["explained"]) == (0, story["mentions"])
        world.archives()


def test_document_tells_all(invoke: Invoke, world: Archiving) -> None:
    """For programs, also of what went wrong."""
    shown = invoke("rebuild", "--all", *SET, *LOCAL, "--yes", "--json")
    document = json.loads(shown.stdout)
    assert (document["dryRun"], document["executor"], document["set"]) == (False, "this process", [SET[1]])
    (brand,) = document["brands"]
    assert (brand["brand"], brand["fault"], brand["swapped"]["version"]) == (world.name, None, 6)
    assert (brand["rebuilt"]["commits"], brand["swapped"]["tail"]) == (3, 2)
    assert brand["before"]["stories"] > brand["after"]["stories"] == 2
    assert len(brand["differences"]) >= brand["seen"] > 0


def test_brand_that_fails_is_named_and_the_others_are_done(invoke: Invoke, world: Archiving, registry_key: str) -> None:
    """Exit code 1."""
    fresh = f"{world.name} fresh"
    world.client.rpush(registry_key, fresh)
    shown = invoke("rebuild", "--all", *SET, *LOCAL, "--yes")
    assert shown.exit_code == 1
    assert f"{fresh}: nothing was committed yet" in shown.stderr
    assert "1 brand of 2 failed" in shown.stderr
    assert stories(world) == 2


def test_what_cannot_be_swapped_is_named(invoke: Invoke, world: Archiving) -> None:
    """What it would have been is shown all the same."""
    world.commits(9)
    records: Any = world.client.lrange(world.queue.keys.records, 0, -1)
    world.client.ltrim(world.queue.keys.records, len(records), -1)
    shown = invoke("rebuild", world.name, *SET, *LOCAL, "--yes")
    assert shown.exit_code == 1
    assert "chain is broken" in shown.stderr


def test_rebuild_is_gone_on_with_where_it_stopped(
    invoke: Invoke, world: Archiving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stopped after the fold: nothing is folded again. Stopped after the swap: nothing is done again."""
    arguments = ("rebuild", world.name, *SET, *LOCAL, "--yes", "--resume", "work")

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.rebuild.course.swap", stop)
        assert invoke(*arguments).exit_code == 1
    kept = files(tmp_path / "work")
    assert len(kept) == 3
    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.rebuild.task._folded", None)  # called, it would be a fault
        shown = invoke(*arguments)
    assert (shown.exit_code, "in place, version 6" in shown.stdout) == (0, True)
    cid = world.cid()
    again = invoke(*arguments)
    assert (again.exit_code, again.stdout, world.cid()) == (0, "", cid)
    assert "nothing is left to do" in again.stderr
    other = invoke("rebuild", world.name, *LOCAL, "--yes", "--resume", "work")
    assert other.exit_code == 2
    assert "has another rebuild" in other.stderr


def test_rebuild_that_was_killed_after_the_swap_before_its_note_counts_nothing_twice(
    invoke: Invoke, world: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put in place again, with what came since, or is the same already; then nothing is left to do."""
    arguments = ("rebuild", world.name, *SET, *LOCAL, "--yes", "--resume", "work")

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.rebuild.plan.note_swapped", die)
        assert invoke(*arguments).exit_code == 1
    version = world.queue.summary()["version"]
    world.commits(20, 3, 21)  # the second one was counted
    world.archives()
    chunks = world.queue.summary()["totalChunks"]
    assert chunks == 11
    shown = invoke(*arguments)
    assert shown.exit_code == 0, shown.stderr
    assert world.queue.summary()["totalChunks"] == chunks
    assert world.queue.summary()["version"] - version in {3, 4}
    world.commits(22, 20)
    world.archives()
    assert world.queue.summary()["totalChunks"] == 12
    assert invoke("state", "verify", world.name).exit_code == 0
    assert invoke("archive", "verify", world.name).exit_code == 0


def test_states_can_be_written_to_files(invoke: Invoke, world: Archiving, tmp_path: Path) -> None:
    """As of an earlier time, too, for those who mean to go back; their owner alone may read them, also after others."""
    for _ in range(2):
        shown = invoke("rebuild", world.name, *LOCAL, "--dry-run", "--until", "0s", "-o", "states")
        assert shown.exit_code == 0
        (file,) = (tmp_path / "states").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert decode_snapshot(file.read_bytes()).brand == world.name
        file.write_bytes(bytes(100_000))
        file.chmod(0o644)


def test_state_of_a_brand_that_is_not_archived_yet_is_written_too(
    invoke: Invoke, world: Archiving, registry_key: str, tmp_path: Path
) -> None:
    """It is folded from what waits in Redis, and keeps no other brand from its file."""
    fresh = Archiving(world.client, world.settings, f"{world.name} fresh")
    fresh.commits(1, 2)
    world.client.rpush(registry_key, fresh.name)
    shown = invoke("rebuild", "--all", *LOCAL, "--dry-run", "-o", "states")
    assert shown.exit_code == 0, shown.stderr
    states = [decode_snapshot(file.read_bytes()) for file in (tmp_path / "states").iterdir()]
    assert {state.brand for state in states} == {world.name, fresh.name}
    assert fresh.cid() in {state.cid for state in states}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "either their names or --all"),
        (("x", "--until", "2h"), "--until needs --dry-run"),
        (("x", "--dry-run", "--until", "soon"), "--until is 'soon'"),
        (("x", "--dry-run", "--until", "2199-01-01"), "--until is 2199-01-01T00:00:00Z, which is to come"),
        (("x",), "say --yes, or --dry-run to see how"),
        (("x", "--yes", "--executor", "spark"), "expected dask://HOST:8786"),
        (("x", "--yes", "--set", "PORT=1"), "cannot have a 'PORT' of its own"),
        (("x", "--yes", "--set", "MAX_STORIES"), "write NAME=VALUE"),
        (("x", "--yes", "--set", "MAX_STORIES=9", "--set", "max_stories="), "--set has MAX_STORIES more than once"),
        (("x", "--yes", *LOCAL), "not registered: 'x'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    invoke: Invoke, world: Archiving, arguments: tuple[str, ...], told: str
) -> None:
    """Before anything is folded, with what would be right."""
    before = world.cid()
    refused = invoke("rebuild", *arguments)
    assert refused.exit_code in {1, 2}
    assert told in refused.stderr
    assert world.cid() == before


def test_without_an_archive_there_is_nothing_to_fold(
    invoke: Invoke, world: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor may results lie as if they were an archive's."""
    kept = invoke("rebuild", world.name, "--yes", *LOCAL, "--resume", os.environ["ARCHIVE_URL"])
    assert (kept.exit_code, "another place" in kept.stderr) == (2, True)
    monkeypatch.delenv("ARCHIVE_URL")
    refused = invoke("rebuild", world.name, "--yes")
    assert (refused.exit_code, "ARCHIVE_URL is not set" in refused.stderr) == (2, True)


def test_without_a_place_for_temporary_files_it_says_what_helps(
    invoke: Invoke, world: Archiving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The image's root is read-only: somebody mounts a folder, or names one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    refused = invoke("rebuild", world.name, "--dry-run", *LOCAL)
    assert (refused.exit_code, "--resume FOLDER" in refused.stderr) == (1, True)
    assert invoke("rebuild", world.name, "--dry-run", *LOCAL, "--resume", "work").exit_code == 0


def test_results_of_a_cluster_lie_in_the_archive_and_go(
    invoke: Invoke, world: Archiving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside the brand's records, which all workers can reach; a purge of the brand would find them there."""
    seen: list[list[str]] = []

    def run(_: Any, work: Any, units: Any) -> Any:
        yield from Here().run(work, units)
        with Objects.open(world.settings.archive_url) as objects:
            seen.append([entry.name for entry in objects.list() if "/rebuilt/" in entry.name])

    monkeypatch.setattr("orchestrator.rebuild.cluster.Dask.run", run)
    before = files(tmp_path / "archive")
    assert invoke("rebuild", world.name, *SET, "--dry-run", "--executor", "dask://somewhere").exit_code == 0
    assert [len(names) for names in seen] == [2]
    assert files(tmp_path / "archive") == before


def test_table_and_remarks_are_bounded_and_plain(
    invoke: Invoke, world: Archiving, registry_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many brands those that change most; a base, items that went another way, and slow kernels are told."""
    other = Archiving(world.client, world.settings, f"{world.name} two")
    other.commits(*range(3))
    world.client.rpush(registry_key, other.name)
    monkeypatch.setattr(rebuild_page, "SHOWN", 1)
    shown = invoke("rebuild", "--all", *SET, *LOCAL, "--dry-run")
    assert len(shown.stdout.splitlines()) == 2
    assert "1 brands more: --json tells all." in shown.stderr


def test_engines_are_chosen_by_name(invoke: Invoke, world: Archiving, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many processes as are asked for."""
    ran: list[Any] = []

    def run(engine: Any, work: Any, units: Any) -> Any:
        ran.append(engine)
        return Here().run(work, units)

    monkeypatch.setattr(engines.Processes, "run", run)
    monkeypatch.setattr("orchestrator.rebuild.cluster.Dask.run", run)
    for arguments in (("--workers", "3"), ("--executor", "dask", "--workers", "4"), ()):
        assert invoke("rebuild", world.name, "--dry-run", *arguments).exit_code == 0
    assert [engine.workers for engine in ran[:2]] == [3, 4]
    assert 1 <= ran[2].workers <= (os.cpu_count() or 1)
