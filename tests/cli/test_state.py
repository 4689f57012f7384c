"""A brand's state leaves as a file, comes back as an ordinary commit, and is refused where something would be lost."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract import segments
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import StaleStateError
from orchestrator.service import decode_snapshot, encode_snapshot, take_snapshot
from orchestrator.settings import Settings
from orchestrator.store import Store, pauses
from orchestrator.store.audit import read_audit
from tests.cli.conftest import Invoke
from tests.lane.support import Brand

FILE = "nike.state"


@pytest.fixture
def queue(redis_client: redis.Redis, store: Store, brand: str) -> Brand:
    """A brand with two commits, letters and duplicates among them."""
    queue = Brand(redis_client, store, brand)
    queue.push_ids("c1", "c2", "c2")
    queue.push(b"{")
    queue.visit()
    queue.push_ids("c3")
    queue.visit()
    return queue


def everything(queue: Brand) -> dict[str, Any]:
    """All keys of the brand, but what names a commit and its lease, and what readers are told of it."""
    client, keys = queue.client, BrandKeys.of(queue.name)
    meta = client.hgetall(keys.meta)
    names = (b"cid", b"epoch", b"version", b"due", b"attempts", b"settings", b"shown")
    summary = json.loads(client.get(keys.summary) or b"{}")
    return {
        "state": client.hgetall(keys.state),
        "digests": [client.get(key) or b"" for key in (keys.digests0, keys.digests1)],
        "meta": {name: value for name, value in meta.items() if name not in names},
        "trend": client.hgetall(keys.trend),
        "recent": client.lrange(keys.recent, 0, -1),
        "spike": client.lrange(keys.spike, 0, -1),
        "summary": {name: summary.get(name) for name in ("totalChunks", "totalMentions", "clusters", "topics")},
    }


def wiped(queue: Brand) -> None:
    """Take all of the brand away, as another Redis has it."""
    keys = BrandKeys.of(queue.name)
    queue.client.delete(*(name for name in vars_of(keys) if name != queue.name))


def vars_of(keys: BrandKeys) -> list[str]:
    """All names of the brand's keys."""
    return [getattr(keys, name) for name in keys.__slots__]


def version(queue: Brand) -> int:
    """Commits so far."""
    return queue.meta("version")


def test_state_comes_back_on_an_empty_redis(invoke: Invoke, queue: Brand) -> None:
    """State, digests, trend, recent chunks and summary are as before, byte for byte; known chunks are known."""
    before = everything(queue)
    exported = invoke("state", "export", queue.name, "-o", FILE)
    assert exported.exit_code == 0, exported.output
    assert stat.S_IMODE(Path(FILE).stat().st_mode) == 0o600
    wiped(queue)
    done = invoke("state", "import", queue.name, FILE)
    assert done.exit_code == 0, done.output
    after = everything(queue)
    assert after == before
    assert not queue.locked()
    assert read_audit(queue.client, 1)[0].action == "import"
    queue.push_ids("c1", "c4")
    queue.visit()
    assert queue.summary()["totalChunks"] == 4
    assert invoke("state", "diff", queue.name, FILE).exit_code == 1


def test_same_state_has_no_difference(invoke: Invoke, queue: Brand) -> None:
    """With Redis and with another file."""
    invoke("state", "export", queue.name, "-o", FILE)
    invoke("state", "export", queue.name, "-o", "other")
    for arguments in ((FILE,), (FILE, "other")):
        result = invoke("state", "diff", queue.name, *arguments)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "byte for byte" in result.stderr


def test_brand_that_has_moved_on_is_not_overwritten(invoke: Invoke, queue: Brand) -> None:
    """The refusal says what would be gone, and names the commit with which it is meant."""
    invoke("state", "export", queue.name, "-o", FILE)
    file = take_snapshot(queue.client, Settings(), queue.name)
    queue.push_ids("c4", "c5")
    queue.visit()
    queue.client.hset(queue.keys.trend, "day:1999-01-01", "{}")
    refused = invoke("state", "import", queue.name, FILE)
    assert refused.exit_code == 1
    found: Any = queue.client.hget(queue.keys.meta, "cid")
    cid = found.decode()
    assert "has moved on" in refused.stderr
    assert f"--over {cid}" in refused.stderr
    assert "(version 3, 1 commits later)" in refused.stderr
    wrong = invoke("state", "import", queue.name, FILE, "--over", "feed")
    assert "not 'feed'" in wrong.stderr
    assert version(queue) == 3
    tried = invoke("state", "import", queue.name, FILE, "--over", cid, "--dry-run")
    assert "would be as in" in tried.stdout
    assert version(queue) == 3
    told = json.loads(invoke("state", "diff", queue.name, FILE, "--json").stdout)
    assert [one["other"] for one in told if one["where"] == "totalChunks"] == ["5"]
    assert invoke("state", "import", queue.name, FILE, "--over", cid).exit_code == 0
    assert (version(queue), queue.summary()["totalChunks"]) == (4, 3)
    back = take_snapshot(queue.client, Settings(), queue.name)
    assert (len(back.stored.fields), back.trend) == (len(file.stored.fields), file.trend)
    queue.push_ids("c4", "c1")
    queue.visit()
    assert queue.summary()["totalChunks"] == 4
    assert not queue.locked()


def test_large_segments_take_the_place_of_others(invoke: Invoke, queue: Brand) -> None:
    """Each is written once and removed once, whatever their numbers: so many lie apart as the state refers to."""

    def push(number: int) -> None:
        for part in "xyz":
            mentions = [f"{part}{number}-{place}" for place in range(250)]
            cluster = {"id": "1", "label": "launch buzz", "mentions": mentions}
            queue.push(queue.item(f"{part}{number}", clusters=[cluster]))
        queue.visit()

    def referred() -> int:
        values: Any = queue.client.hvals(queue.keys.state)
        return sum(value.startswith(segments.MARK) for value in values)

    for number in range(3):
        push(number)
    invoke("state", "export", queue.name, "-o", FILE)
    for number in range(3, 9):
        push(number)
    for _ in range(2):
        found: Any = queue.client.hget(queue.keys.meta, "cid")
        done = invoke("state", "import", queue.name, FILE, "--over", found.decode())
        assert done.exit_code == 0, done.output
        same = invoke("state", "diff", queue.name, FILE)
        assert (same.exit_code, same.stdout) == (0, "")
        assert queue.meta("fields") == queue.client.hlen(queue.keys.state)
        assert queue.meta("segments") == queue.client.hlen(queue.keys.segments) == referred() > 0
        push(3)
        assert queue.meta("segments") == queue.client.hlen(queue.keys.segments) == referred()
    assert queue.summary()["totalChunks"] == 15


def test_diff_shows_a_page(invoke: Invoke, queue: Brand) -> None:
    """What readers see first; the rest is counted."""
    invoke("state", "export", queue.name, "-o", FILE)
    queue.push_ids("c4")
    queue.visit()
    result = invoke("state", "diff", queue.name, FILE)
    assert result.exit_code == 1
    assert "totalChunks" in result.stdout
    assert result.stdout.index("totalChunks") < result.stdout.index("quarter of an hour")


def test_brand_that_is_worked_on_is_left_alone(invoke: Invoke, queue: Brand) -> None:
    """Busy is busy; a paused brand is not, and stays paused."""
    invoke("state", "export", queue.name, "-o", FILE)
    session = queue.opened()
    busy = invoke("state", "import", queue.name, FILE)
    assert busy.exit_code == 1
    session.settle()
    assert session.release()
    pauses.pause(queue.client, [queue.name], by="x")
    assert invoke("state", "import", queue.name, FILE).exit_code == 0
    assert pauses.resume(queue.client, [queue.name])[queue.name] is not None


def test_file_of_other_settings_or_brands_is_refused(
    invoke: Invoke, queue: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where history would be thrown away, somebody has to say so; a brand's state is no other brand's."""
    monkeypatch.setenv("SUMMARY_WINDOW_SEC", "86400")
    queue.client.hset(queue.keys.meta, "settings", '{"SUMMARY_WINDOW_SEC":86400,"MAX_STORIES":5000}')
    invoke("state", "export", queue.name, "-o", FILE)
    other = invoke("state", "import", "somebody else", FILE)
    assert "not of 'somebody else'" in other.stderr
    wiped(queue)
    monkeypatch.setenv("SUMMARY_WINDOW_SEC", "3600")
    refused = invoke("state", "import", queue.name, FILE)
    assert refused.exit_code == 1
    assert "SUMMARY_WINDOW_SEC" in refused.stderr
    assert "or import with SETTINGS_ADOPT=true" in " ".join(refused.stderr.split())
    assert version(queue) == 0
    monkeypatch.setenv("SETTINGS_ADOPT", "true")
    assert invoke("state", "import", queue.name, FILE).exit_code == 0


def test_shell_with_other_settings_brings_a_state_back_under_those_of_the_brand(
    invoke: Invoke, queue: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would be lost, so nobody has to say yes: to a yes the shell's own would count, and history be gone."""
    queue.client.hset(queue.keys.meta, "settings", '{"SUMMARY_WINDOW_SEC":86400,"MAX_STORIES":5000}')
    invoke("state", "export", queue.name, "-o", FILE)
    monkeypatch.setenv("SUMMARY_WINDOW_SEC", "3600")
    done = invoke("state", "import", queue.name, FILE)
    assert done.exit_code == 0, done.stderr
    settings = json.loads(queue.client.hget(queue.keys.meta, "settings") or b"{}")
    assert settings["SUMMARY_WINDOW_SEC"] == 86_400


def test_file_is_not_replaced_by_chance(invoke: Invoke, queue: Brand) -> None:
    """One that is there stays, unless --force says otherwise; a brand without a state gives none."""
    assert invoke("state", "export", "never seen", "-o", FILE).exit_code == 1
    assert not Path(FILE).exists()
    Path(FILE).write_text("mine")
    assert "--force" in invoke("state", "export", queue.name, "-o", FILE).stderr
    assert Path(FILE).read_text() == "mine"
    broken = invoke("state", "import", queue.name, FILE)
    assert (broken.exit_code, "no state that" in broken.stderr) == (1, True)
    Path(FILE).write_bytes(bytes(100_000))
    Path(FILE).chmod(0o644)
    assert invoke("state", "export", queue.name, "-o", FILE, "--force").exit_code == 0
    assert stat.S_IMODE(Path(FILE).stat().st_mode) == 0o600
    assert decode_snapshot(Path(FILE).read_bytes()).brand == queue.name
    assert invoke("state", "diff", queue.name, FILE).exit_code == 0


def test_state_of_a_time_to_come_is_refused(invoke: Invoke, queue: Brand) -> None:
    """A file that was made where the clock was ahead; nothing is changed."""
    ahead_ms = 400 * 86_400_000
    snapshot = take_snapshot(queue.client, Settings(), queue.name)
    state = BrandState.load(FoldConfig(), snapshot.stored.fields)
    state.advance(snapshot.taken_ms + ahead_ms)
    changes = state.take_changes()
    kept = {name: value for name, value in snapshot.stored.fields.items() if name not in set(changes.remove)}
    stored = snapshot.stored._replace(fields=kept | dict(changes.put))
    Path(FILE).write_bytes(encode_snapshot(replace(snapshot, stored=stored)))
    refused = invoke("state", "import", queue.name, FILE)
    assert refused.exit_code == 1
    assert "its state is of 20" in refused.stderr
    assert (version(queue), queue.locked()) == (2, False)


def test_export_is_of_one_moment(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit in the middle of a look: it is looked at again; commits at each look are told."""
    load, looks = Store.load, []

    def interrupted(store: Store, lease: Any) -> Any:
        found = load(store, lease)
        looks.append(lease.cid)
        if len(looks) < 3:
            queue.push_ids(f"d{len(looks)}")
            queue.visit()
        return found

    # sessions load their state that way, too
    monkeypatch.setattr("orchestrator.service.snapshots.Store", type("Looked", (Store,), {"load": interrupted}))
    snapshot = take_snapshot(queue.client, Settings(), queue.name)
    assert len(looks) == 3
    assert snapshot.version == version(queue) == 4
    looks[:] = []
    monkeypatch.setattr("orchestrator.service.snapshots._ATTEMPTS", 2)
    with pytest.raises(StaleStateError, match="all the time"):
        take_snapshot(queue.client, Settings(), queue.name)
