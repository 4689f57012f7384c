"""Dead letters are sent again, mended or removed: those that are meant and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import redis

from orchestrator.cli.who import who
from orchestrator.contract.keys import AUDIT_KEY, BrandKeys, worker_queue_key
from orchestrator.store.audit import read_audit
from tests.cli.conftest import Invoke
from tests.letters.mixed_list import FOREIGN, WORKER, fill, letter


@pytest.fixture
def keys(brand: str, redis_client: redis.Redis) -> BrandKeys:
    """The brand's keys; its list holds three letters of ours, one of a worker and one of nobody."""
    return fill(redis_client, brand)


def held(client: Any, keys: BrandKeys) -> tuple[list[bytes], list[bytes]]:
    """The reasons of dead letters, or their bytes, and the queue."""
    entries = client.lrange(keys.failed, 0, -1)
    return [entry if b"invalid" not in entry else json.loads(entry)["reason"].encode() for entry in entries], (
        client.lrange(keys.queue, 0, -1)
    )


def test_retry_sends_all_of_ours_in_their_order(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """Letters of workers and of nobody stay as they are."""
    result = invoke("failed", "retry", brand, "--all")
    assert (result.exit_code, result.stdout) == (0, "Sent 3 letters again.\n")
    assert held(redis_client, keys) == ([WORKER, FOREIGN], [b'{"n":1}', b'{"n":2}', b'{"n":3}'])


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (("--reason", "pois"), [2]),
        (("--grep", '"n":3'), [3]),
        (("--index", "2"), [2]),
        (("--all", "--limit", "2"), [1, 2]),
        (("--path", "$.x", "--until", "1970-01-02"), [1, 2, 3]),
        (("--since", "2h"), []),
    ],
)
def test_retry_sends_those_that_are_meant(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis, options: Sequence[str], sent: list[int]
) -> None:
    """Filters narrow, the limit takes the oldest."""
    assert invoke("failed", "retry", brand, *options).exit_code == 0
    assert held(redis_client, keys)[1] == [b'{"n":%d}' % number for number in sent]


@pytest.mark.usefixtures("keys")
def test_what_is_done_is_written_down_first(invoke: Invoke, brand: str, redis_client: redis.Redis) -> None:
    """Who, what, how many and by which filter; a dry run is no action."""
    assert invoke("failed", "drop", brand, "--reason", "pois", "--dry-run").exit_code == 0
    assert invoke("failed", "drop", brand, "--reason", "pois", "--yes").exit_code == 0
    assert invoke("failed", "edit", brand, "--index", "0", "--set", "n=9").exit_code == 0
    assert invoke("failed", "retry", brand, "--all", "--set", "brand=acme").exit_code == 0
    acts = [act for act in read_audit(redis_client, 10) if act.brand == brand]
    assert [(act.action, act.details) for act in acts] == [
        ("retry", {"letters": 1, "set": "brand=acme", "writer": "orchestrator"}),
        ("edit", {"index": 0, "letters": 1, "set": "n=9"}),
        ("drop", {"letters": 1, "reason": "pois", "writer": "orchestrator"}),
    ]
    assert acts[0].by == who()


def test_nothing_is_done_that_cannot_be_written_down(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """Where the audit list is no list, letters stay."""
    before, kept = held(redis_client, keys), redis_client.dump(AUDIT_KEY)
    redis_client.delete(AUDIT_KEY)
    redis_client.set(AUDIT_KEY, "x")
    try:
        for arguments in (("retry", brand, "--all"), ("drop", brand, "--all", "--yes")):
            result = invoke("failed", *arguments)
            assert result.exit_code == 1
            assert AUDIT_KEY in result.stderr
        assert held(redis_client, keys) == before
    finally:
        redis_client.delete(AUDIT_KEY)
        if kept is not None:
            redis_client.restore(AUDIT_KEY, 0, kept)


def test_retry_asks_which(invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis) -> None:
    """Nothing is sent or dropped because somebody forgot to say which."""
    before = held(redis_client, keys)
    for command in ("retry", "drop"):
        result = invoke("failed", command, brand)
        assert result.exit_code == 2
        assert "--all" in result.stderr
    assert invoke("failed", "retry", "--index", "0").exit_code == 2
    assert held(redis_client, keys) == before


def test_dry_run_changes_nothing_and_groups(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """It says how many letters of which reason would go."""
    before = held(redis_client, keys)
    result = invoke("failed", "retry", brand, "--all", "--dry-run")
    assert result.stdout.splitlines() == [
        f"2\t{brand}\t$.x\tbad",
        f"1\t{brand}\t$.x\tpoison",
        "Would have sent 3 letters again.",
    ]
    assert invoke("failed", "drop", brand, "--all", "--dry-run").exit_code == 0
    assert held(redis_client, keys) == before


def test_retry_of_workers_goes_to_their_queue(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """A worker's input is no chunk; ours stay."""
    assert invoke("failed", "retry", brand, "--all", "--workers").exit_code == 0
    assert redis_client.lrange(worker_queue_key(brand), 0, -1) == [b"input"]
    assert held(redis_client, keys) == ([b"bad", b"poison", FOREIGN, b"bad"], [])


def test_drop_removes_those_that_are_meant(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """Off a terminal only with --yes; those of others only by name."""
    assert invoke("failed", "drop", brand, "--reason", "bad").exit_code == 2
    assert invoke("failed", "drop", brand, "--reason", "bad", "--yes").stdout == "Removed 2 letters.\n"
    assert held(redis_client, keys) == ([WORKER, b"poison", FOREIGN], [])
    assert invoke("failed", "drop", brand, "--all", "--others", "--yes").exit_code == 0
    assert held(redis_client, keys) == ([WORKER, b"poison"], [])


def test_set_mends_on_the_way_and_refuses_what_is_no_json(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis
) -> None:
    """What cannot be mended stays, with the reason; the rest goes."""
    redis_client.rpush(keys.failed, letter(b"no JSON"))
    result = invoke("failed", "retry", brand, "--all", "--set", "brand=acme")
    assert result.exit_code == 1
    assert f"{brand}: the letter at 5 stays: its payload is no JSON" in result.stderr
    assert held(redis_client, keys)[1] == [b'{"n":%d,"brand":"acme"}' % number for number in (1, 2, 3)]
    assert invoke("failed", "retry", brand, "--all", "--set", "brand").exit_code == 2


def test_json_says_what_was_done(invoke: Invoke, brand: str, keys: BrandKeys) -> None:
    """One document."""
    assert keys
    document = json.loads(invoke("failed", "retry", brand, "--all", "--limit", "2", "--json").stdout)
    assert {name: document[name] for name in ("action", "dryRun", "selected", "moved", "gone")} == {
        "action": "retry",
        "dryRun": False,
        "selected": 2,
        "moved": 2,
        "gone": 0,
    }


def test_without_a_brand_all_are_meant(invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis) -> None:
    """Every brand that has dead letters, narrowed by what the letters hold."""
    other = BrandKeys.of(f"{brand} two")
    redis_client.rpush(other.failed, letter(b"unheard-of"))
    redis_client.set(BrandKeys.of(f"{brand} odd").failed, "x")
    result = invoke("failed", "retry", "--grep", "unheard-of")
    assert result.stdout == "Sent 1 letter again.\n"
    assert f"'{brand} odd' is left out" in result.stderr
    assert redis_client.lrange(other.queue, 0, -1) == [b"unheard-of"]
    assert redis_client.llen(keys.queue) == 0


def test_edit_sends_what_was_mended(
    invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --set, or in an editor; a letter of a worker only if it is asked for by name."""
    assert invoke("failed", "edit", brand, "--index", "0", "--set", "n=7").stdout == "Sent 1 letter again.\n"
    monkeypatch.setenv("EDITOR", "sed -i s/2/8/")
    assert invoke("failed", "edit", brand, "--index", "1").exit_code == 0
    assert held(redis_client, keys) == ([WORKER, FOREIGN, b"bad"], [b'{"n":7}', b'{"n":8}'])
    assert "--workers" in invoke("failed", "edit", brand, "--index", "0").stderr
    assert invoke("failed", "edit", brand, "--index", "9").exit_code == 1
    monkeypatch.setenv("EDITOR", "true")
    assert "Nothing was changed" in invoke("failed", "edit", brand, "--index", "2").stderr
    assert redis_client.llen(keys.failed) == 3


def test_show_tells_of_earlier_retries(invoke: Invoke, brand: str, keys: BrandKeys, redis_client: redis.Redis) -> None:
    """A letter that fails again is known by its payload."""
    invoke("failed", "retry", brand, "--index", "0")
    redis_client.rpush(keys.failed, letter(b'{"n":1}', "still bad"))
    assert "sent again 1 time, last " in invoke("failed", "show", brand, "--index", "-1").stdout


def test_list_groups_by_reason(invoke: Invoke, brand: str, keys: BrandKeys) -> None:
    """The largest group first; filters count here, too."""
    assert keys
    groups = json.loads(invoke("failed", "list", brand, "--by-reason", "--json").stdout)
    assert (groups[0]["reason"], groups[0]["letters"], len(groups)) == ("bad", 2, 4)
    assert "bad" in invoke("failed", "list", brand, "--by-reason").stdout
    found = json.loads(invoke("failed", "list", brand, "--reason", "poison", "--json").stdout)
    assert [entry["index"] for entry in found] == [2]
    assert [line.split()[0] for line in invoke("failed", "list", "--grep", '"n":[12]').stdout.splitlines()[1:]]


@pytest.mark.parametrize("options", [("--since", "yesterday"), ("--grep", "(")])
def test_a_filter_that_cannot_be_read_is_refused(invoke: Invoke, brand: str, options: tuple[str, str]) -> None:
    """With the value and what would be right."""
    result = invoke("failed", "list", brand, *options)
    assert (result.exit_code, options[1] in result.stderr) == (2, True)
