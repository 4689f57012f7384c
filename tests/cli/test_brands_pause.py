"""Pausing brands and resuming them from a shell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from orchestrator.contract.keys import PAUSED_KEY, BrandKeys
from orchestrator.store import pauses
from orchestrator.store.audit import read_audit
from tests.cli.conftest import Invoke


@pytest.fixture(autouse=True)
def _nothing_paused(redis_client: redis.Redis) -> Iterator[None]:
    """The key is of all brands."""
    redis_client.delete(PAUSED_KEY)
    yield
    redis_client.delete(PAUSED_KEY)


def test_pause_says_how_the_brand_goes_on(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """The mark says who and why, the answer what undoes it; it is in the audit list."""
    invoke("brands", "add", brand)
    result = invoke("brands", "pause", brand, "--reason", "a bad deploy")
    assert (result.exit_code, result.stdout) == (0, f"{brand}: paused\n")
    assert f"orchestrator brands resume '{brand}'" in result.stderr
    (pause,) = pauses.paused(redis_client, [brand]).values()
    assert pause.reason == "a bad deploy"
    assert "@" in pause.by
    (act, *_) = read_audit(redis_client, 1)
    assert (act.action, act.brand, act.details) == ("pause", brand, {"reason": "a bad deploy"})


def test_resume_says_which_pause_is_over(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Once; after that it is not paused, which is no error."""
    invoke("brands", "add", brand)
    invoke("brands", "pause", brand, "--reason", "x")
    told = invoke("brands", "resume", brand).stdout
    assert told.startswith(f"{brand}: resumed; it was paused by ")
    assert told.endswith(": x\n")
    assert invoke("brands", "resume", brand).stdout == f"{brand}: is not paused\n"
    assert not redis_client.exists(PAUSED_KEY)
    assert read_audit(redis_client, 1)[0].action == "resume"


def test_pause_tells_of_work_that_is_interrupted(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """And that nothing of it is lost."""
    invoke("brands", "add", brand)
    redis_client.set(BrandKeys.of(brand).lock, "somebody")
    assert (
        "1 brand of them in work: what was under way is folded again later" in invoke("brands", "pause", brand).stderr
    )


def test_all_brands_are_paused_and_resumed_at_once(invoke: Invoke, redis_client: redis.Redis) -> None:
    """Those that are registered; so that one of them may be resumed alone."""
    names = [f"b{number:02}" for number in range(25)]
    invoke("brands", "add", *names)
    result = invoke("brands", "pause", "--all")
    assert result.stdout.splitlines()[-1] == "... and 5 brands more: paused"
    assert "resume --all" in result.stderr
    assert invoke("brands", "resume", "b07").exit_code == 0
    assert set(pauses.paused(redis_client, names)) == set(names) - {"b07"}
    assert read_audit(redis_client, 2)[1].brand is None
    assert invoke("brands", "resume", "--all").stdout.splitlines()[-1] == "... and 4 brands more: resumed"
    assert invoke("brands", "resume", "--all").stdout == "No brand is paused.\n"


def test_resume_reaches_a_brand_that_is_not_registered_any_more(invoke: Invoke, brand: str) -> None:
    """Its mark is there all the same."""
    invoke("brands", "add", brand)
    invoke("brands", "pause", brand)
    invoke("brands", "remove", brand)
    assert "resumed" in invoke("brands", "resume", brand).stdout


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_an_unregistered_brand_is_an_error(invoke: Invoke, redis_client: redis.Redis, command: str) -> None:
    """Which names the ones that are like it; nothing is done, not even to the others."""
    invoke("brands", "add", "nike", "acme")
    result = invoke("brands", command, "acme", "nikee")
    assert result.exit_code == 1
    assert result.stderr == "Error: nothing was done: not registered: 'nikee'; did you mean 'nike'?\n"
    assert "'orchestrator brands list' has the names" in invoke("brands", command, "zzz").stderr
    assert not redis_client.exists(PAUSED_KEY)


def test_without_registered_brands_there_is_nothing_to_pause(invoke: Invoke) -> None:
    """The answer says what to do."""
    result = invoke("brands", "pause", "--all")
    assert (result.exit_code, "brands add BRAND" in result.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [(), ("nike", "--all")])
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_which_brands_has_to_be_said(invoke: Invoke, command: str, arguments: tuple[str, ...]) -> None:
    """By name, or all of them."""
    result = invoke("brands", command, *arguments)
    assert (result.exit_code, "either their names or --all" in result.stderr) == (2, True)


@pytest.mark.parametrize(("until", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7_200), ("3d", 259_200)])
def test_an_end_from_now(invoke: Invoke, redis_client: redis.Redis, brand: str, until: str, seconds: int) -> None:
    """By the server's clock; the answer tells it."""
    invoke("brands", "add", brand)
    result = invoke("brands", "pause", brand, "--until", until)
    (pause,) = pauses.paused(redis_client, [brand]).values()
    assert pause.until_ms == pause.since_ms + seconds * 1_000
    assert result.stdout.startswith(f"{brand}: paused until 2")


def test_an_end_at_a_time(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """As ISO 8601."""
    invoke("brands", "add", brand)
    result = invoke("brands", "pause", brand, "--until", "2199-01-01T00:00:00Z")
    assert result.stdout == f"{brand}: paused until 2199-01-01T00:00:00Z\n"
    assert list(pauses.paused(redis_client, [brand])) == [brand]


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--until", "tomorrow", "expected a time such as 30m"),
        ("--until", "0s", "is past"),
        ("--until", "2001-01-01T00:00:00Z", "is past"),
        ("--reason", "x" * 257, "at most 256"),
        ("--reason", "a\nb", "one line"),
    ],
)
def test_what_cannot_be_is_refused(
    invoke: Invoke, redis_client: redis.Redis, brand: str, option: str, value: str, told: str
) -> None:
    """With the option and what would be right; nothing is paused."""
    invoke("brands", "add", brand)
    result = invoke("brands", "pause", brand, option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert told in result.stderr
    assert not redis_client.exists(PAUSED_KEY)


def test_marks_of_others_cannot_steer_a_terminal(invoke: Invoke, redis_client: redis.Redis, brand: str) -> None:
    """Somebody else's reason is shown as text."""
    invoke("brands", "add", brand)
    redis_client.hset(PAUSED_KEY, brand, '{"untilMs":null,"reason":"\\u001b[2J\\u202e"}')
    assert invoke("brands", "resume", brand).stdout == f"{brand}: resumed; it was paused: \\x1b[2J\\u202e\n"
