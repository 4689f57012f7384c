"""Dead letters of every shape are shown, and nothing in them reaches the terminal as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from orchestrator.cli.failed import as_json_line
from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.keys import BrandKeys
from tests.cli.conftest import Invoke

FOREIGN = [
    b'{"timestamp": 1732000000, "stage": "embed", "exception": "timeout", "chunk": {"id": 7}}',
    b'["a", "list"]',
    b"plain text \x1b[2J\x07",
    b"\xff\xfe\x00",
    b"",
    b"[" * 100_000,
]


def letter(brand: str, reason: str = "Expected `str`, got `int`") -> bytes:
    """Return an entry of ours."""
    return DeadLetter.of(
        b'{"x": "\xe2\x80\xae\x1b]0;title\x07"}',
        brand=brand,
        reason=reason,
        path="$.x",
        now_ms=0,
        orchestrator_id="o-1",
    ).encode()


@pytest.fixture
def failed_key(brand: str, redis_client: redis.Redis) -> str:
    """Return the brand's list, filled with an entry of ours and foreign ones."""
    key = BrandKeys.of(brand).failed
    redis_client.rpush(key, letter(brand), *FOREIGN)
    return key


@pytest.mark.usefixtures("failed_key")
@pytest.mark.parametrize("arguments", [("list",), ("show",), ("show", "--json")])
def test_failed_shows_every_shape_without_escapes(invoke: Invoke, brand: str, arguments: tuple[str, ...]) -> None:
    """Our entries and those of workers, JSON or not, text or not; control characters become visible."""
    command, *options = arguments
    result = invoke("failed", command, brand, *options)
    assert result.exit_code == 0
    assert "".join(result.stdout.splitlines()).isprintable()
    assert "Expected `str`, got `int`" in result.stdout
    assert "plain text" in result.stdout


@pytest.mark.usefixtures("failed_key")
def test_failed_list_is_a_table_with_places(invoke: Invoke, brand: str) -> None:
    """One row an entry, with its place, time, path and reason; foreign shapes say that they are."""
    lines = invoke("failed", "list", brand).stdout.splitlines()
    row = next(line for line in lines if "Expected" in line)
    assert row.split()[:4] == ["0", "1970-01-01", "00:00:00", "$.x"]
    assert sum("another shape" in line for line in lines) == len(FOREIGN)


@pytest.mark.usefixtures("failed_key")
def test_failed_list_is_bounded(invoke: Invoke, brand: str) -> None:
    """The newest entries are listed, and how many there are in all is said."""
    result = invoke("failed", "list", brand, "--limit", "2")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:] if line[:1].isdigit()] == ["5", "6"]
    assert "The newest 2 of 7 entries" in result.stderr


@pytest.mark.parametrize(("index", "place"), [("0", "#0 of 7"), ("-7", "#0 of 7"), ("-1", "#6 of 7"), ("3", "#3 of 7")])
@pytest.mark.usefixtures("failed_key")
def test_failed_show_picks_one_entry(invoke: Invoke, brand: str, index: str, place: str) -> None:
    """Places count from the oldest, negative ones from the newest."""
    lines = invoke("failed", "show", brand, "--index", index).stdout.splitlines()
    assert [line for line in lines if line.startswith("#")] == [place]


@pytest.mark.usefixtures("failed_key")
def test_failed_show_outside_of_the_list_fails(invoke: Invoke, brand: str) -> None:
    """A place that does not exist is an error that says how many there are."""
    result = invoke("failed", "show", brand, "--index", "7")
    assert (result.exit_code, result.stderr) == (1, f"Error: no dead letter of {brand!r} at 7: there are 7\n")


def test_failed_show_json_is_one_document_a_line(invoke: Invoke, brand: str, failed_key: str) -> None:
    """A tool can read every line, whatever the entry was; JSON entries are equal to what is stored."""
    assert failed_key
    documents = [json.loads(line) for line in invoke("failed", "show", brand, "--json").stdout.splitlines()]
    assert len(documents) == 7
    assert documents[0] == json.loads(letter(brand))
    assert documents[1:5] == [json.loads(FOREIGN[0]), ["a", "list"], "plain text \x1b[2J\x07", "\\xff\\xfe\x00"]


def test_failed_leaves_the_list_alone(invoke: Invoke, brand: str, failed_key: str, redis_client: redis.Redis) -> None:
    """Looking changes nothing."""
    before = redis_client.lrange(failed_key, 0, -1)
    for arguments in (("list",), ("list", brand), ("show", brand), ("show", brand, "--json")):
        invoke("failed", *arguments)
    assert redis_client.lrange(failed_key, 0, -1) == before


@pytest.mark.usefixtures("failed_key")
def test_failed_list_counts_brands_registered_or_not(
    invoke: Invoke, brand: str, redis_client: redis.Redis, registry_key: str
) -> None:
    """Without a brand: how many dead letters each has; a foreign type is told, an empty list is not."""
    redis_client.sadd(registry_key, f"{brand} clean", f"{brand} odd")
    redis_client.set(BrandKeys.of(f"{brand} odd").failed, "x")
    lines = invoke("failed", "list").stdout.splitlines()
    assert f"7\t{brand}" in lines
    assert f"wrong type\t{brand} odd" in lines
    assert not any(line.endswith("clean") for line in lines)


def test_failed_of_a_clean_brand(invoke: Invoke, brand: str) -> None:
    """No dead letters: listing is fine, showing one is an error."""
    assert invoke("failed", "list", brand).exit_code == 0
    assert invoke("failed", "show", brand).exit_code == 1


@pytest.mark.parametrize("raw", [b"\x1b[2J", '"\u009b31m"'.encode(), '"\u202e"'.encode(), b'"\\ud800"'])
def test_as_json_line_is_ascii(raw: bytes) -> None:
    """JSON for a pipe may still be looked at on a terminal."""
    assert as_json_line(raw).isascii()
    assert as_json_line(raw).isprintable()


@pytest.mark.parametrize("command", [("list",), ("show",), ("retry", "--all"), ("list", "--by-reason")])
def test_a_key_of_another_type_comes_with_a_remedy(
    invoke: Invoke, brand: str, redis_client: redis.Redis, command: tuple[str, ...]
) -> None:
    """Which key, what it is, what it should be, and what to do about it."""
    key = BrandKeys.of(brand).failed
    redis_client.set(key, "x")
    result = invoke("failed", command[0], brand, *command[1:])
    assert result.exit_code == 1
    assert f"key {key!r} is a string, expected a list; redis-cli TYPE it, and RENAME or DEL it" in result.stderr


@pytest.mark.parametrize("item", [b'{"a":\n 1}\n', b"\xff\x00\x1b[2J", b""])
def test_a_payload_goes_out_and_in_again_byte_for_byte(
    invoke: Invoke, brand: str, redis_client: redis.Redis, tmp_path: Path, item: bytes
) -> None:
    """Also one of several lines, of no text, or of nothing; what has become of it is sent in its place."""
    keys, mended = BrandKeys.of(brand), tmp_path / "mended"
    entry = DeadLetter.of(item, brand=brand, reason="r", path="$", now_ms=0, orchestrator_id="o").encode()
    redis_client.rpush(keys.failed, FOREIGN[0], entry)
    assert invoke("failed", "show", brand, "--index", "1", "--payload").stdout_bytes == item
    mended.write_bytes(item + b" mended")
    assert invoke("failed", "edit", brand, "--index", "1", "--payload", str(mended)).exit_code == 0
    assert redis_client.lrange(keys.queue, 0, -1) == [item + b" mended"]


@pytest.mark.usefixtures("failed_key")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "--payload"), 2, "needs --index"),
        (("show", "--payload", "--index", "1"), 1, "the letter at 1: it has no shape that is known"),
        (("edit", "--index", "0", "--payload", "-", "--set", "a=1"), 2, "say one of them"),
    ],
)
def test_a_payload_alone_is_of_one_letter(
    invoke: Invoke, brand: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """And it has to hold one."""
    result = invoke("failed", arguments[0], brand, *arguments[1:])
    assert (result.exit_code, said in result.stderr) == (code, True)


@pytest.mark.usefixtures("failed_key")
def test_a_payload_is_not_written_to_a_terminal(invoke: Invoke, brand: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes may steer it."""
    monkeypatch.setattr("orchestrator.cli.failed.on_terminal", lambda: True)
    assert invoke("failed", "show", brand, "--index", "0", "--payload").exit_code == 2
