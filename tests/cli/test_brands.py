"""Registering brands under keys of either type, and listing how they stand."""

from __future__ import annotations

import json

import msgspec
import pytest
import redis
from rich.console import Console

from orchestrator.cli import brands_list
from orchestrator.cli.brands_list import BrandRow, look_at, make_page
from orchestrator.cli.terminal import ROOMY
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import AUDIT_KEY, MEMBERS_KEY, PARKED_KEY, BrandKeys
from orchestrator.fleet.parking import Code, Parked, remedy
from orchestrator.fleet.view import BrandStatus, Standing
from orchestrator.fleet.words import own as own_words
from orchestrator.store import pauses
from orchestrator.store.audit import read_audit
from orchestrator.store.fleet import SLICE
from orchestrator.store.members import Told, beat
from orchestrator.store.parked import encode
from tests.cli.conftest import Invoke

UNASKED: dict[str, object] = {"oldestSeconds": None, "paused": None, "parked": None, "ownSettings": {}}
"""What a brand has that is not paused, if nobody asks for ages."""


def test_brands_add_list_remove(invoke: Invoke, brand: str) -> None:
    """A brand of any characters comes, is listed, and goes."""
    assert invoke("brands", "add", brand, "other").stdout == f"{brand}: registered\nother: registered\n"
    assert invoke("brands", "list").stdout == f"{brand}\nother\n"
    assert invoke("brands", "remove", brand).stdout == f"{brand}: removed\n"
    assert invoke("brands", "list").stdout == "other\n"


def test_brands_add_twice_registers_once(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """Adding is idempotent, in a list too, and a name with blanks around it is the same name."""
    redis_client.rpush(registry_key, " nike ")
    assert invoke("brands", "add", "nike").stdout == "nike: is registered already\n"
    assert redis_client.lrange(registry_key, 0, -1) == [b" nike "]


def test_brands_add_keeps_the_type_that_is_there(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """A list stays a list; a key that does not exist becomes a set."""
    invoke("brands", "add", "first")
    assert redis_client.type(registry_key) == b"set"
    redis_client.delete(registry_key)
    redis_client.rpush(registry_key, "first")
    invoke("brands", "add", "second")
    assert redis_client.lrange(registry_key, 0, -1) == [b"first", b"second"]


def test_brands_add_prefers_a_key_that_exists(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis, registry_key: str
) -> None:
    """Where producers use the second name, a brand is registered under the second name."""
    monkeypatch.setenv("BRAND_LIST_KEY", f"{registry_key}:a,{registry_key}:b")
    redis_client.sadd(f"{registry_key}:b", "first")
    invoke("brands", "add", "second")
    assert redis_client.smembers(f"{registry_key}:b") == {b"first", b"second"}
    assert not redis_client.exists(f"{registry_key}:a")


def test_brands_remove_takes_all_spellings_under_all_keys(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis, registry_key: str
) -> None:
    """A removed brand is registered nowhere any more; the others stay."""
    monkeypatch.setenv("BRAND_LIST_KEY", f"{registry_key}:a,{registry_key}:b")
    redis_client.sadd(f"{registry_key}:a", "nike", " nike", "nikee")
    redis_client.rpush(f"{registry_key}:b", "nike\n", "puma", "nike")
    assert invoke("brands", "remove", "nike").exit_code == 0
    assert redis_client.smembers(f"{registry_key}:a") == {b"nikee"}
    assert redis_client.lrange(f"{registry_key}:b", 0, -1) == [b"puma"]


def test_brands_remove_of_an_unknown_brand_fails(invoke: Invoke) -> None:
    """A typo is not reported as done."""
    result = invoke("brands", "remove", "nobody")
    assert (result.exit_code, result.stderr) == (1, "Error: not registered: nobody\n")


@pytest.mark.parametrize("name", ["", "   ", "a\x07b", "x" * 257])
def test_brands_add_refuses_what_cannot_be_a_brand(invoke: Invoke, name: str) -> None:
    """The rule of the contract applies before anything is written."""
    result = invoke("brands", "add", "fine", name)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "\x07" not in result.stderr
    assert invoke("brands", "list").stdout == ""


def test_brands_add_refuses_a_key_of_another_type(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """A key that holds something else is named, and left alone."""
    redis_client.set(registry_key, "x")
    result = invoke("brands", "add", "nike")
    assert result.exit_code == 1
    assert f"key '{registry_key}' is a string, expected a set or a list of brands" in result.stderr


def test_brands_list_shows_how_brands_stand(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Queue, dead letters, commits and summary of each brand, in JSON."""
    keys = BrandKeys.of(brand)
    invoke("brands", "add", brand)
    redis_client.rpush(keys.queue, "1", "2")
    redis_client.set(keys.failed, "another type")
    redis_client.hset(keys.meta, "version", "7")
    redis_client.set(keys.summary, "{}")
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    assert row == {"brand": brand, "queued": 2, "failed": None, "commits": 7, "summary": True} | UNASKED


def test_brands_list_shows_a_brand_whose_commits_are_damaged(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """It is listed like the others, which are wanted just then."""
    invoke("brands", "add", brand)
    redis_client.hset(BrandKeys.of(brand).meta, "version", b"\xffinf")
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    assert row == {"brand": brand, "queued": 0, "failed": 0, "commits": None, "summary": False} | UNASKED


def test_brands_list_warns_about_names_that_are_refused(
    invoke: Invoke, redis_client: redis.Redis, registry_key: str
) -> None:
    """Entries that the service ignores are named on standard error, without their control characters."""
    redis_client.sadd(registry_key, "good", "bad\x1b[2J", b"\xff")
    result = invoke("brands", "list")
    assert result.stdout == "good\n"
    assert result.stderr.count("is refused") == 2
    assert "\x1b" not in result.stderr


def test_brands_list_of_nothing_says_what_to_do(invoke: Invoke) -> None:
    """An empty registry is no error."""
    result = invoke("brands", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "orchestrator brands add" in result.stderr


def _sorted(invoke: Invoke, by: str) -> list[str]:
    return invoke("brands", "list", "--sort", by).stdout.split()


def test_brands_list_sorts_what_needs_somebody_to_the_top(invoke: Invoke, redis_client: redis.Redis) -> None:
    """What cannot be counted first; among equals by name."""
    names = ("sort-a", "sort-b", "sort-c", "sort-d")
    invoke("brands", "add", *names)
    a, b, c, d = map(BrandKeys.of, names)
    redis_client.rpush(b.queue, "1")
    redis_client.rpush(c.queue, "1", "2")
    redis_client.rpush(a.failed, "1")
    redis_client.set(d.queue, "x")
    assert _sorted(invoke, "name") == list(names)
    assert _sorted(invoke, "backlog") == ["sort-d", "sort-c", "sort-b", "sort-a"]
    assert _sorted(invoke, "dead") == ["sort-a", "sort-b", "sort-c", "sort-d"]
    redis_client.set(c.failed, "x")
    assert _sorted(invoke, "dead") == ["sort-c", "sort-a", "sort-b", "sort-d"]
    redis_client.delete(*(getattr(keys, part) for keys in (a, b, c, d) for part in ("queue", "failed")))


def test_brands_list_sorts_by_the_age_of_the_first_chunk(invoke: Invoke, redis_client: redis.Redis) -> None:
    """As its worker says; one that says nothing comes after those that do, before empty queues."""
    names = ("old-a", "old-b", "old-c", "old-d", "old-e")
    invoke("brands", "add", *names)
    queues = [BrandKeys.of(name).queue for name in names]
    redis_client.rpush(queues[1], '{"chunkId":"1"}')
    redis_client.rpush(queues[2], '{"processedAt":"2025-01-01T00:00:00Z"}', '{"processedAt":"2001-01-01T00:00:00Z"}')
    redis_client.rpush(queues[3], '{"processedAt" : 1600000000}')
    redis_client.rpush(queues[4], '{"processedAt":"2199-01-01T00:00:00Z"}')
    rows = json.loads(invoke("brands", "list", "--sort", "oldest", "--json").stdout)
    redis_client.delete(*queues)
    assert [row["brand"] for row in rows] == ["old-d", "old-c", "old-b", "old-e", "old-a"]
    assert rows[0]["oldestSeconds"] > rows[1]["oldestSeconds"] > 0
    assert [row["oldestSeconds"] for row in rows[2:]] == [None, 0.0, None]


def test_brands_list_names_paused_brands(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """And so does add, where somebody may wonder why nothing happens."""
    invoke("brands", "add", brand)
    pauses.pause(redis_client, [brand], by="ops@host", reason="why")
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    told = invoke("brands", "add", brand).stderr
    pauses.resume(redis_client, [brand])
    assert (row["paused"]["by"], row["paused"]["reason"], row["paused"]["until"]) == ("ops@host", "why", None)
    assert f"{brand} is paused by ops@host since" in told


def test_brands_list_shows_many_brands_in_slices(invoke: Invoke, redis_client: redis.Redis, registry_key: str) -> None:
    """All of them, each once."""
    names = [f"many {number:04}" for number in range(2 * SLICE + 1)]
    redis_client.sadd(registry_key, *names)
    rows = json.loads(invoke("brands", "list", "--json", "--sort", "backlog").stdout)
    assert [row["brand"] for row in rows] == names


def test_brands_list_as_a_table(invoke: Invoke, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """People get ages in words and who paused what."""
    monkeypatch.setattr(brands_list, "on_terminal", lambda: True)
    invoke("brands", "add", "table")
    keys = BrandKeys.of("table")
    redis_client.rpush(keys.queue, '{"processedAt":"2025-01-01T00:00:00Z"}')
    pauses.pause(redis_client, ["table"], by="ops@host")
    shown = invoke("brands", "list", "--sort", "oldest").stdout
    assert "Oldest" not in invoke("brands", "list").stdout
    pauses.resume(redis_client, ["table"])
    redis_client.delete(keys.queue)
    assert "paused by ops@host" in " ".join(shown.split())
    assert " d " in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_brands_list_has_names_and_remedies_on_every_terminal(width: int) -> None:
    """What is narrow leaves numbers out, never the brand; how old the chunks of an empty queue are is no question."""
    parked = Parked(Code.META, "its epoch is wrong", 1, "a")
    rows = [
        BrandRow(BrandStatus("puma", Standing.PARKED, queued=None, failed=10_000, parked=parked)),
        BrandRow(BrandStatus("waits", Standing.WAITING, queued=12_345), 7_300),
        BrandRow(BrandStatus("silent", Standing.WAITING, queued=1)),
        BrandRow(BrandStatus("empty", Standing.IDLE)),
    ]
    console = Console(width=width, markup=False, highlight=False, emoji=False, color_system=None)
    with console.capture() as capture:
        console.print(make_page(rows, width, ages=True))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    for words in ("puma unreadable 10,000", "waits 12,345 2 h 0", "silent 1 not told 0", "empty 0 0"):
        assert any(" ".join(line.split()).startswith(words) for line in lines), words
    assert f"puma: its epoch is wrong: {remedy(Code.META, 'puma')}" in " ".join(" ".join(lines).split())
    assert ("Commits" in lines[0]) is (width >= ROOMY)


def test_brands_list_names_parked_brands_with_what_helps(
    invoke: Invoke, redis_client: redis.Redis, brand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other surface does, whichever process parked them."""
    invoke("brands", "add", brand)
    beat(redis_client, "00000000000000aa", 0, Told("o-1", "1", 4, msgspec.Raw(b"{}"), 1, 0))
    redis_client.hset(PARKED_KEY, brand, encode(Parked(Code.META, "its epoch is wrong", 1, "00000000000000aa")))
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    monkeypatch.setattr(brands_list, "on_terminal", lambda: True)
    shown = invoke("brands", "list").stdout
    redis_client.delete(PARKED_KEY, MEMBERS_KEY)
    assert (row["parked"]["code"], row["parked"]["remedy"]) == ("meta", remedy(Code.META, brand))
    assert f"{brand}: its epoch is wrong: {remedy(Code.META, brand)}" in " ".join(shown.split())


# -- purging


def _kept(client: redis.Redis, brand: str) -> BrandKeys:
    """A brand with a state, a summary, two chunks and a dead letter."""
    keys = BrandKeys.of(brand)
    client.hset(keys.meta, mapping={"version": 7, "cid": "x"})
    client.set(keys.summary, "{}")
    client.rpush(keys.queue, "1", "2")
    client.rpush(keys.failed, "{}")
    return keys


def test_brands_remove_purge_says_what_goes_and_what_stays(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """And does nothing in a dry run; then it is gone, from the registry as well, and in the audit list."""
    invoke("brands", "add", brand)
    keys = _kept(redis_client, brand)
    dry = invoke("brands", "remove", "--purge", brand, "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "Would purge 1 brand.\n")
    assert dry.stderr == (
        f"{brand}: for good go the state of 7 commits, 0 remembered chunkIds, the summary; 2 queued chunks (--queue"
        " removes them) and 1 dead letter (--failed removes it) stay, and if folded later count anew, in an empty"
        " state\n"
    )
    assert redis_client.exists(keys.meta, keys.summary) == 2
    done = invoke("brands", "remove", "--purge", brand, "--yes")
    assert (done.exit_code, done.stdout) == (0, f"{brand}: purged, 2 keys gone\n")
    assert invoke("brands", "list").stdout == ""
    assert redis_client.exists(keys.meta, keys.summary, keys.queue, keys.failed) == 2
    (act,) = read_audit(redis_client, 1)
    assert (act.action, act.brand, act.details) == ("purge", brand, {"queue": False, "failed": False})


def test_brands_remove_purge_takes_queue_and_dead_letters_along(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """If they are asked for by name; and says so before."""
    invoke("brands", "add", brand)
    keys = _kept(redis_client, brand)
    result = invoke("brands", "remove", "--purge", "--queue", "--failed", brand, "--yes")
    assert result.stdout == f"{brand}: purged, 4 keys, 2 queued chunks, 1 dead letter gone\n"
    assert result.stderr == (
        f"{brand}: for good go the state of 7 commits, 0 remembered chunkIds, the summary, 2 queued chunks,"
        " 1 dead letter\n"
    )
    assert redis_client.exists(keys.queue, keys.failed) == 0


def test_brands_remove_purge_asks_first(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Where nobody can be asked, nothing is done without --yes."""
    invoke("brands", "add", brand)
    keys = _kept(redis_client, brand)
    result = invoke("brands", "remove", "--purge", brand)
    assert result.exit_code == 2
    assert "say --yes, or --dry-run" in result.stderr
    assert redis_client.exists(keys.meta)
    assert invoke("brands", "list").stdout == f"{brand}\n"


def test_brands_remove_purge_cleans_up_after_a_brand_that_was_removed(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """Or whose purge was killed half-way; of one that never was there is nothing to purge."""
    keys = _kept(redis_client, brand)
    assert invoke("brands", "remove", "--purge", brand, "--yes").exit_code == 0
    assert not redis_client.exists(keys.meta)
    redis_client.delete(keys.lock)
    result = invoke("brands", "remove", "--purge", "nobody", brand, "--yes")
    assert result.exit_code == 1
    assert "nothing was done: neither registered nor is anything kept of 'nobody'" in result.stderr
    assert invoke("brands", "remove", "--purge", "--queue", brand, "--yes").exit_code == 0


@pytest.mark.parametrize("option", ["--queue", "--failed"])
def test_brands_remove_without_purge_keeps_everything(invoke: Invoke, brand: str, option: str) -> None:
    """An option that means nothing is a misunderstanding."""
    invoke("brands", "add", brand)
    result = invoke("brands", "remove", option, brand)
    assert (result.exit_code, "need --purge" in result.stderr) == (2, True)
    assert invoke("brands", "remove", brand, "--dry-run").stdout == f"{brand}: would be removed\n"
    assert invoke("brands", "list").stdout == f"{brand}\n"


def test_brands_remove_purge_does_nothing_that_cannot_be_written_down(
    invoke: Invoke, redis_client: redis.Redis, brand: str
) -> None:
    """The audit list first."""
    invoke("brands", "add", brand)
    keys = _kept(redis_client, brand)
    kept = redis_client.dump(AUDIT_KEY)
    redis_client.delete(AUDIT_KEY)
    redis_client.set(AUDIT_KEY, "x")
    assert invoke("brands", "remove", "--purge", brand, "--yes").exit_code == 1
    assert invoke("brands", "pause", brand).exit_code == 1
    redis_client.delete(AUDIT_KEY)
    if kept is not None:
        redis_client.restore(AUDIT_KEY, 0, kept)
    assert redis_client.exists(keys.meta)
    assert invoke("brands", "list").stdout == f"{brand}\n"


def test_brands_list_tells_of_settings_of_their_own(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """In a sentence below the table, and in JSON."""
    invoke("brands", "add", brand)
    own = Fingerprint({}).owning({"MAX_STORIES": 7})
    redis_client.hset(BrandKeys.of(brand).meta, "settings", own.text())
    (row,) = json.loads(invoke("brands", "list", "--json").stdout)
    assert row["ownSettings"] == {"MAX_STORIES": 7}
    told = own_words(look_at(redis_client, [brand])[0].status)
    assert told == "it is folded with settings of its own: MAX_STORIES=7"
