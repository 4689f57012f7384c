"""The doctor looks at everything and refuses what the service would refuse."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from orchestrator.contract.conflict import Conflict
from orchestrator.contract.consumed import Head
from orchestrator.contract.consumed import encode as encode_head
from orchestrator.contract.keys import MEMBERS_KEY, ORDERS_KEY, PARKED_KEY, PAUSED_KEY, BrandKeys
from orchestrator.contract.pauses import Pause
from orchestrator.contract.process_orders import Wanted
from orchestrator.contract.state_format import OLDEST_FORMAT, STATE_FORMAT
from orchestrator.fleet.parking import Code, Parked, remedy
from orchestrator.settings import Settings
from orchestrator.store import pauses
from orchestrator.store.archive_id import keep_id
from orchestrator.store.members import Told, ToldObedience, beat
from orchestrator.store.parked import encode
from orchestrator.store.pauses import pause, resume
from orchestrator.store.process_orders import give
from tests.alerts.support import alert
from tests.cli.conftest import Invoke
from tests.redis_server import RedisServer


def findings_of(output: str) -> dict[str, dict[str, Any]]:
    """Return the findings in the JSON *output*, by check."""
    return {finding["check"]: finding for finding in json.loads(output)}


@pytest.fixture(autouse=True)
def _free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "0")
    monkeypatch.setenv("PROMETHEUS_PORT", "0")


def test_doctor_is_content_with_a_fit_server(invoke: Invoke) -> None:
    """All checks are made, and what is only worth a warning does not fail."""
    invoke("brands", "add", "nike")
    result = invoke("doctor", "--json")
    findings = findings_of(result.stdout)
    assert result.exit_code == 0
    assert {"merge kernel", "HTTP_PORT", "version", "eviction", "persistence", "commands", "brands"} <= set(findings)
    assert findings["commands"]["verdict"] == findings["brands"]["verdict"] == "ok"


def test_doctor_prints_a_table_with_remedies(invoke: Invoke, registry_key: str) -> None:
    """People read what was found and what to do about it."""
    result = invoke("doctor")
    assert f"none is registered under {registry_key}" in result.stdout
    assert "→ register one: orchestrator brands add BRAND" in result.stdout


def test_doctor_tells_of_numbers_that_cannot_be_right(invoke: Invoke, redis_client: redis.Redis) -> None:
    """The brand with most implausible chunks is named with the remedy; summaries of other programs are left alone."""
    for brand in ("acme", "nike", "puma", "tesla"):
        invoke("brands", "add", brand)
    assert findings_of(invoke("doctor", "--json").stdout)["numbers"]["verdict"] == "ok"
    redis_client.set("summary:brand:acme", '{"implausibleChunks": 2}')
    redis_client.set("summary:brand:nike", '{"implausibleChunks": 31}')
    redis_client.set("summary:brand:puma", "no summary")
    redis_client.lpush("summary:brand:tesla", "no string")
    finding = findings_of(invoke("doctor", "--json").stdout)["numbers"]
    redis_client.delete(*(f"summary:brand:{brand}" for brand in ("acme", "nike", "puma", "tesla")))
    assert finding["verdict"] == "warn"
    assert finding["detail"].startswith("2 brands with implausible chunks, nike: 31 implausible chunks in the window")
    assert "sentiment.unit" in finding["remedy"]


def test_doctor_leaves_nothing_behind(invoke: Invoke, redis_client: redis.Redis) -> None:
    """The scratch brand of the rehearsal is gone afterwards."""
    invoke("doctor")
    assert list(redis_client.scan_iter(match="*preflight*")) == []


def test_doctor_refuses_a_replica(monkeypatch: pytest.MonkeyPatch, offline: Invoke, redis_server: RedisServer) -> None:
    """Exit code 1 and the remedy, where the service would not start."""
    with RedisServer(arguments=["--replicaof", "127.0.0.1", "1"]) as replica:
        monkeypatch.setenv("REDIS_URL", replica.url)
        result = offline("doctor", "--json")
    assert redis_server.process is not None
    assert result.exit_code == 1
    assert findings_of(result.stdout)["role"]["verdict"] == "refuse"
    assert result.stderr == "Error: the service would not start here\n"


def test_doctor_counts_a_silent_redis_as_a_finding(
    monkeypatch: pytest.MonkeyPatch, offline: Invoke, tmp_path: Path
) -> None:
    """The other findings are told all the same."""
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none.sock")
    result = offline("doctor", "--json")
    findings = findings_of(result.stdout)
    assert result.exit_code == 1
    assert findings["redis"]["verdict"] == "refuse"
    assert findings["merge kernel"]


def test_doctor_warns_about_a_port_in_use(monkeypatch: pytest.MonkeyPatch, invoke: Invoke) -> None:
    """A port that somebody listens on is named with its remedy; a running service is no reason to refuse."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("HTTP_HOST", "127.0.0.1")
        monkeypatch.setenv("HTTP_PORT", str(taken.getsockname()[1]))
        finding = findings_of(invoke("doctor", "--json").stdout)["HTTP_PORT"]
    assert finding["verdict"] == "warn"
    assert "HTTP_PORT" in finding["remedy"]


def test_doctor_warns_about_refused_names(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """A registered name that no lane will ever look at is a finding."""
    redis_client.sadd(registry_key, "good", "bad\x07")
    finding = findings_of(invoke("doctor", "--json").stdout)["brands"]
    assert finding["verdict"] == "warn"
    assert finding["detail"].startswith("1 registered, 1 refused")


def test_doctor_names_brands_that_a_newer_version_wrote(invoke: Invoke, redis_client: redis.Redis) -> None:
    """After a rollback nobody works on them, and no process can know that; the remedy says what to do."""
    invoke("brands", "add", "doctor newer", "doctor older", "doctor new")
    for name, number in (("doctor newer", STATE_FORMAT + 1), ("doctor older", OLDEST_FORMAT)):
        redis_client.hset(BrandKeys.of(name).meta, "format", number)
    result = invoke("doctor", "--json")
    finding = findings_of(result.stdout)["state formats"]
    assert result.exit_code == 0
    assert finding["verdict"] == "warn"
    assert finding["detail"] == "1 written by a newer version, left alone by this one: 'doctor newer'"
    assert finding["remedy"] == remedy(Code.NEWER, "doctor newer")


def test_doctor_names_brands_whose_state_is_too_old(invoke: Invoke, redis_client: redis.Redis) -> None:
    """They are parked, and somebody has to begin anew with them."""
    names = [f"doctor {number}" for number in range(7)]
    invoke("brands", "add", *names)
    for name in names:
        redis_client.hset(BrandKeys.of(name).meta, "format", OLDEST_FORMAT - 1)
    finding = findings_of(invoke("doctor", "--json").stdout)["state formats"]
    shown = ", ".join(map(repr, names[:5]))
    assert finding["verdict"] == "warn"
    assert finding["detail"] == f"7 too old for this version, parked: {shown}, and 2 more"
    assert finding["remedy"] == remedy(Code.FORMAT, names[0])


def test_doctor_names_brands_that_would_lose_history(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis
) -> None:
    """With the values on both sides and the remedy; adopted ones are fine, unreadable ones are not."""
    names = ["doctor lose", "doctor adopted", "doctor damaged", "doctor same"]
    invoke("brands", "add", *names)
    narrow, usual = Settings(max_stories=9).fingerprint.text(), Settings().fingerprint.text()
    for name, text in zip(names, (usual, usual, "x", narrow), strict=True):
        redis_client.hset(BrandKeys.of(name).meta, "settings", text)
    redis_client.hset(BrandKeys.of("doctor adopted").meta, "adopted", narrow)
    monkeypatch.setenv("MAX_STORIES", "9")
    finding = findings_of(invoke("doctor", "--json").stdout)["settings"]
    assert finding["verdict"] == "warn"
    assert finding["detail"].startswith("2 would lose history under those in force here")
    assert "MAX_STORIES 5000 → 9" in finding["detail"]
    assert "cannot be read" in finding["detail"]
    assert "'doctor damaged', 'doctor lose'" in finding["detail"]
    assert finding["remedy"].startswith(remedy(Code.UNREADABLE_SETTINGS, "doctor damaged"))
    assert "config adopt --all" in finding["remedy"]
    redis_client.delete(BrandKeys.of("doctor damaged").meta)
    finding = findings_of(invoke("doctor", "--json").stdout)["settings"]
    assert finding["remedy"] == remedy(Code.SETTINGS, "doctor lose")
    for name in names:
        redis_client.delete(BrandKeys.of(name).meta)
    assert findings_of(invoke("doctor", "--json").stdout)["settings"]["verdict"] == "ok"


def test_doctor_names_processes_with_other_settings(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis
) -> None:
    """A stale .env in this shell or in one of the processes shows here, too."""
    assert findings_of(invoke("doctor", "--json").stdout)["processes"]["detail"] == "none is running"
    settings = msgspec.Raw(Settings().fingerprint.text().encode())
    beat(redis_client, "a", 0, Told("o-1", "1", 4, settings, 5, 0))
    finding = findings_of(invoke("doctor", "--json").stdout)["processes"]
    assert (finding["verdict"], finding["detail"]) == ("ok", "1 running: 'o-1'")
    monkeypatch.setenv("SUMMARY_WINDOW_SEC", "900")
    finding = findings_of(invoke("doctor", "--json").stdout)["processes"]
    redis_client.delete(MEMBERS_KEY)
    assert finding["verdict"] == "warn"
    assert finding["detail"] == "1 of 1 have other settings: 'o-1': SUMMARY_WINDOW_SEC 86400 → 900 here"


def test_doctor_counts_states_that_will_be_migrated(invoke: Invoke, redis_client: redis.Redis) -> None:
    """An upgrade is over when none of an older format is left, and nobody has to do anything for it."""
    invoke("brands", "add", "doctor a", "doctor b", "doctor c", "doctor d")
    for name, number in (("doctor a", OLDEST_FORMAT), ("doctor b", STATE_FORMAT), ("doctor c", STATE_FORMAT)):
        redis_client.hset(BrandKeys.of(name).meta, "format", number)
    finding = findings_of(invoke("doctor", "--json").stdout)["state formats"]
    assert finding["verdict"] == "ok"
    assert finding["detail"] == (
        f"1 of format {OLDEST_FORMAT}, 2 of format {STATE_FORMAT}; this version writes {STATE_FORMAT}"
    )


def test_doctor_names_a_brand_whose_keys_are_damaged(invoke: Invoke, redis_client: redis.Redis) -> None:
    """With what is wrong and the command that helps with just that: a lost key needs another option."""
    invoke("brands", "add", "nike")
    meta = BrandKeys.of("nike").meta
    assert findings_of(invoke("doctor", "--json").stdout)["kept keys"]["verdict"] == "ok"
    redis_client.hset(meta, "epoch", "inf")
    finding = findings_of(invoke("doctor", "--json").stdout)["kept keys"]
    redis_client.delete(meta)
    assert finding["verdict"] == "warn"
    assert "'nike': its epoch is b'inf'" in finding["detail"]
    assert finding["remedy"] == remedy(Code.META, "nike")
    redis_client.hset(meta, "fields", 3)
    finding = findings_of(invoke("doctor", "--json").stdout)["kept keys"]
    redis_client.delete(meta)
    assert "has the size 0, its last commit left 3" in finding["detail"]
    assert finding["remedy"] == remedy(Code.SIZE, "nike")


def test_doctor_names_the_brand_that_is_paused_for_longest(invoke: Invoke, redis_client: redis.Redis) -> None:
    """With who, why and what lets it go on: a pause may have been forgotten."""
    invoke("brands", "add", "acme", "nike")
    assert findings_of(invoke("doctor", "--json").stdout)["paused"]["verdict"] == "ok"
    pauses.pause(redis_client, ["acme"], by="x")
    redis_client.hset(PAUSED_KEY, "nike", Pause("a bad deploy", "ops@host", 1_735_689_600_000, None).mark())
    finding = findings_of(invoke("doctor", "--json").stdout)["paused"]
    redis_client.delete(PAUSED_KEY)
    assert finding["verdict"] == "warn"
    assert finding["detail"].startswith("2 brands paused, their chunks wait; for longest 'nike': paused by ops@host ")
    assert finding["detail"].endswith(": a bad deploy")
    assert finding["remedy"] == "orchestrator brands resume nike"


def test_doctor_says_what_status_shows(invoke: Invoke, redis_client: redis.Redis) -> None:
    """In sentences: what waits and whether somebody works on it, who is left alone and what helps, who is paused."""
    name, settings = "00000000000000aa", msgspec.Raw(Settings().fingerprint.text().encode())
    invoke("brands", "add", "doctor parked", "doctor paused", "doctor held")
    findings = findings_of(invoke("doctor", "--json").stdout)
    assert (findings["work"]["detail"], findings["left alone"]["verdict"]) == ("nothing waits", "ok")
    redis_client.rpush(BrandKeys.of("doctor paused").queue, "x")
    finding = findings_of(invoke("doctor", "--json").stdout)["work"]
    assert (finding["verdict"], finding["remedy"]) == ("warn", "start one: orchestrator run")
    assert finding["detail"] == "1 chunk in 1 of 3 brands; no process is running"
    beat(redis_client, name, 0, Told("o-1", "1", 4, settings, 5, 0))
    redis_client.hset(PARKED_KEY, "doctor parked", encode(Parked(Code.TYPE, "a set", 1, name)))
    redis_client.set(BrandKeys.of("doctor held").lock, "00000000000000bb:0", px=9_000)
    pause(redis_client, ["doctor paused"], by="ann")
    findings = findings_of(invoke("doctor", "--json").stdout)
    resume(redis_client, ["doctor paused"])
    redis_client.delete(PARKED_KEY, MEMBERS_KEY, *(BrandKeys.of(f"doctor {one}").lock for one in ("held",)))
    redis_client.delete(BrandKeys.of("doctor paused").queue)
    assert findings["work"]["verdict"] == "ok"
    assert findings["left alone"]["verdict"] == "warn"
    assert findings["left alone"]["detail"] == "1 brand: 'doctor parked'; 'doctor parked' parked: a set"
    assert findings["left alone"]["remedy"] == remedy(Code.TYPE, "doctor parked")
    assert "'doctor paused': paused by ann" in findings["paused"]["detail"]
    assert findings["locks"]["detail"] == "1 brand held by processes that are gone: 'doctor held'"


def test_doctor_says_who_takes_no_brands(invoke: Invoke, redis_client: redis.Redis) -> None:
    """Because somebody said so, and may have forgotten it; also who was asked to and has not heard it."""
    settings = msgspec.Raw(Settings().fingerprint.text().encode())
    quiet = ToldObedience(5, quiet_since_ms=1, by="ann@host")
    names = ["00000000000000aa", "00000000000000bb"]
    beat(redis_client, names[0], 1, Told("o-1", "1", 4, settings, 5, 0, orders=quiet))
    beat(redis_client, names[1], 2, Told("o-2", "1", 4, settings, 5, 0, orders=ToldObedience(5)))
    one = findings_of(invoke("doctor", "--json").stdout)["orders"]
    give(redis_client, names[1:], Wanted.QUIET, "bob")
    both = findings_of(invoke("doctor", "--json").stdout)["orders"]
    redis_client.delete(MEMBERS_KEY, ORDERS_KEY)
    assert (one["verdict"], one["remedy"]) == ("warn", f"orchestrator processes resume {names[0]}")
    assert one["detail"].startswith("1 of 2: 'o-1' quiet for")
    assert one["detail"].endswith("by ann@host")
    assert both["detail"].startswith("no process takes brands: 'o-1' quiet for")
    assert findings_of(invoke("doctor", "--json").stdout)["orders"]["verdict"] == "ok"


def test_doctor_names_queues_that_nobody_reads(invoke: Invoke, redis_client: redis.Redis) -> None:
    """With the registered brand that was meant, and what the name differs by; it searches now."""
    invoke("brands", "add", "acme")
    redis_client.rpush("result:brand:acme\u200b:chunks", *(["x"] * 100_000))  # more than what other tests left
    finding = findings_of(invoke("doctor", "--json").stdout)["orphan queues"]
    redis_client.delete("result:brand:acme\u200b:chunks")
    assert finding["verdict"] == "warn"
    assert (
        "'acme\\u200b' differs from the registered brand 'acme' by zero-width characters (U+200B)" in finding["detail"]
    )
    assert "docs/runbooks/orphan-queues.md" in finding["remedy"]


def test_doctor_names_a_brand_whose_chunks_contradict_the_one_of_their_id(
    invoke: Invoke, redis_client: redis.Redis
) -> None:
    """How many, the newest id, and what helps; a day later it is no news any more."""
    name, now_ms = "doctor anew", time.time_ns() // 1_000_000
    invoke("brands", "add", name)
    meta = BrandKeys.of(name).meta
    redis_client.hset(meta, mapping={"conflicts": 12, "conflict": Conflict(now_ms, "chunk-1").encode()})
    finding = findings_of(invoke("doctor", "--json").stdout)["chunk ids"]
    redis_client.hset(meta, "conflict", Conflict(now_ms - 90_000_000, "chunk-1").encode())
    later = findings_of(invoke("doctor", "--json").stdout)["chunk ids"]
    redis_client.delete(meta)
    assert finding["verdict"] == "warn"
    assert "12 chunks had the chunkId" in finding["detail"]
    assert "'chunk-1'" in finding["detail"]
    assert "docs/runbooks/duplicate-conflicts.md" in finding["remedy"]
    assert later["verdict"] == "ok"


def test_doctor_reads_the_routes_of_alerts(
    invoke: Invoke, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, brand: str
) -> None:
    """A file with mistakes would refuse the start; alerts that wait for long are told with the route and what helps."""
    invoke("brands", "add", brand)
    file = tmp_path / "routes.toml"
    file.write_text('[[route]]\nname = "desk"\n')
    monkeypatch.setenv("ALERT_ROUTES_FILE", str(file))
    result = invoke("doctor", "--json")
    assert result.exit_code == 1
    finding = findings_of(result.stdout)["alert routes"]
    assert (finding["verdict"], finding["remedy"][:13]) == ("refuse", "mend the file")
    assert "route 'desk': it has neither url nor url_file" in finding["detail"]
    file.write_text('[[route]]\nname = "desk"\nurl = "https://h.example/x"\n')
    outbox = BrandKeys.of(brand).outbox
    redis_client.rpush(outbox, alert(brand=brand).entry(round(time.time() * 1000) - 120_000).encode())
    findings = findings_of(invoke("doctor", "--json").stdout)
    redis_client.delete(outbox)
    assert findings["alert routes"]["detail"] == "'desk'"
    assert findings["alerts"]["verdict"] == "warn"
    assert findings["alerts"]["detail"].startswith("desk: 1 alert should have been told since ")
    assert findings["alerts"]["remedy"] == "see what its endpoint answers: orchestrator alerts test desk"
    assert findings_of(invoke("doctor", "--json").stdout)["alerts"]["detail"] == "none waits"


def test_doctor_counts_brands_with_settings_of_their_own(invoke: Invoke, redis_client: redis.Redis) -> None:
    """Their own values are no reason to refuse them; what cannot be read is."""
    invoke("brands", "add", "owning", "plain")
    mine = Settings().fingerprint
    for brand, fingerprint in (("owning", mine.owning({"MAX_STORIES": 90_000})), ("plain", mine)):
        redis_client.hset(BrandKeys.of(brand).meta, "settings", fingerprint.text())
    finding = findings_of(invoke("doctor", "--json").stdout)["settings"]
    assert (finding["verdict"], finding["detail"]) == (
        "ok",
        "2 brands would lose nothing under those in force; 1 brand with some of their own: 'owning'",
    )
    redis_client.hset(BrandKeys.of("owning").meta, "settings", '[{},{"MORE":1}]')
    assert "settings that cannot be read" in findings_of(invoke("doctor", "--json").stdout)["settings"]["detail"]
    redis_client.delete(*(BrandKeys.of(brand).meta for brand in ("owning", "plain")))


def leave(client: redis.Redis, brand: str, *, at_ms: int, size: int = 1_000) -> None:
    """Have a record of *brand* wait for the archive since then."""
    keys = BrandKeys.of(brand)
    head = Head("c1", "", 1, 1, at_ms, at_ms, 0, {}, items=1, size=size)
    client.rpush(keys.records, encode_head(head))
    client.rpush(keys.consumed("c1"), b"x" * size)
    client.hset(keys.archiving, mapping={"bytes": size, "since": at_ms})


def test_doctor_puts_an_object_into_the_archive(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And reads it, and takes it away again; nothing of it stays."""
    assert findings_of(invoke("doctor", "--json").stdout)["archive"]["detail"].startswith("none")
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/archive")
    found = findings_of(invoke("doctor", "--json").stdout)["archive"]
    assert found["verdict"] == "ok"
    assert f"file://{tmp_path}/archive: an object was put, read and removed in" in found["detail"]
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_doctor_warns_of_an_archive_that_takes_nothing(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the step that failed; the service starts all the same, so it is no refusal."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/file/archive")
    result = invoke("doctor", "--json")
    found = findings_of(result.stdout)["archive"]
    assert (result.exit_code, found["verdict"]) == (0, "warn")
    assert "an object could not be put" in found["detail"]
    assert "archive-unreachable.md" in found["remedy"]


def test_doctor_puts_nothing_into_a_place_that_is_not_the_archive(
    invoke: Invoke, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The volume is not mounted, and what would be put lay beneath it."""
    keep_id(redis_client, "1" * 32)
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/archive")
    result = invoke("doctor", "--json")
    found = findings_of(result.stdout)["archive"]
    assert (result.exit_code, found["verdict"]) == (0, "warn")
    assert found["detail"].startswith(f"file://{tmp_path}/archive has no marker, and Redis knows the archive 111")
    assert "mount the volume" in found["remedy"]
    assert "archive-misplaced.md" in found["remedy"]
    assert not (tmp_path / "archive").exists()


def test_doctor_refuses_an_archive_whose_package_is_missing(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of the service, which would not start."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setenv("ARCHIVE_URL", "s3://bucket/folder")
    result = invoke("doctor", "--json")
    found = findings_of(result.stdout)["archive"]
    assert (result.exit_code, found["verdict"]) == (1, "refuse")
    assert "pip install 'service3-orchestrator[archive]'" in found["detail"]


def test_doctor_says_what_waits_for_the_archive(
    invoke: Invoke, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Late, full, or for nobody: each with what helps."""
    brand, now_ms = "waits for the archive", time.time_ns() // 1_000_000
    invoke("brands", "add", brand)
    assert findings_of(invoke("doctor", "--json").stdout)["consumed"]["detail"] == "nothing waits for the archive"
    leave(redis_client, brand, at_ms=now_ms - 1_000)
    found = findings_of(invoke("doctor", "--json").stdout)["consumed"]
    assert (found["verdict"], "ARCHIVE_URL is not set" in found["detail"]) == ("warn", True)
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/archive")
    assert findings_of(invoke("doctor", "--json").stdout)["consumed"]["verdict"] == "ok"
    leave(redis_client, brand, at_ms=now_ms - 200_000)
    assert "archive-late" in findings_of(invoke("doctor", "--json").stdout)["consumed"]["remedy"]
    leave(redis_client, brand, at_ms=now_ms, size=64 << 20)
    found = findings_of(invoke("doctor", "--json").stdout)["consumed"]
    assert "archive-full" in found["remedy"]
    assert f"most: {brand!r} 67.1 MB; 1 at ARCHIVE_OUTBOX_MB" in found["detail"]


def test_status_says_what_waits_for_the_archive(invoke: Invoke, redis_client: redis.Redis) -> None:
    """In a line, and in the document for scripts."""
    brand = "waits for status"
    invoke("brands", "add", brand)
    assert "Archive" not in invoke("status").stdout
    leave(redis_client, brand, at_ms=time.time_ns() // 1_000_000 - 5_000, size=2_000_000)
    redis_client.hset(BrandKeys.of(brand).archiving, "skipped", 7)
    redis_client.hset(BrandKeys.of(brand).archiving, mapping={"gaps": "2", "gap": "c-9"})
    page = " ".join(invoke("status").stdout.split())
    assert f"2 gaps, one of {brand!r} before commit 'c-9'" in page
    assert "Archive 2.0 MB of 1 brand wait, the oldest for 5 s" in page
    told = json.loads(invoke("status", "--json").stdout)["archive"]
    assert (told["bytes"], told["brands"], told["fullBrands"], told["skippedRecords"]) == (2_000_000, 1, 0, 7)
    assert (told["gaps"], told["oldestSeconds"] >= 5) == (2, True)
