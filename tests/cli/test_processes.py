"""Orders from a shell: to one process, to several, to all; written down before, and said when they are done."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest
import redis

from orchestrator.cli.processes import await_done
from orchestrator.cli.terminal import Failure
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import AUDIT_KEY, MEMBERS_KEY, ORDERS_KEY
from orchestrator.contract.process_orders import Wanted, read_order
from orchestrator.store.audit import read_audit
from orchestrator.store.members import NO_ORDERS, Heard, Told, ToldObedience, beat, leave, read_members
from tests.cli.conftest import Invoke

A, B = "00000000000000aa", "00000000000000bb"


def say(client: redis.Redis, name: str, heard: tuple[bytes, bytes] = NO_ORDERS, **fields: object) -> Heard:
    """A beat of a process that takes orders."""
    settings = msgspec.Raw(Fingerprint({}).text().encode())
    values: dict[str, object] = {"orders": ToldObedience(5)} | fields
    return beat(client, name, 0, Told(f"o-{name[-1]}", "1", 4, settings, 5, 1, **values), heard)  # type: ignore[arg-type]


@pytest.fixture
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """Two processes live."""
    redis_client.delete(MEMBERS_KEY, ORDERS_KEY, AUDIT_KEY)
    say(redis_client, A)
    say(redis_client, B)
    yield redis_client
    redis_client.delete(MEMBERS_KEY, ORDERS_KEY, AUDIT_KEY)


def ordered(client: redis.Redis) -> dict[str, list[str]]:
    """Who was ordered what, and has not heard it."""
    return {member.name: [str(order) for order in member.asked] for member in read_members(client)}


def acts(client: redis.Redis) -> list[tuple[str, object, object]]:
    """The audit list, the newest first."""
    return [(act.action, act.details.get("process"), act.details.get("lanes")) for act in read_audit(client, 9)]


def test_a_process_is_ordered_by_its_id(invoke: Invoke, client: redis.Redis) -> None:
    """It is written down, and said when it will be heard."""
    result = invoke("processes", "quiet", "o-a")
    assert (result.exit_code, result.stdout) == (0, f"o-a ({A}): ordered: quiet\n")
    assert "Heard within 5 s" in result.stderr
    assert ordered(client) == {A: ["quiet"], B: []}
    assert acts(client) == [("processes quiet", A, None)]
    order = read_order(say(client, A).orders[0])
    assert order is not None
    assert "@" in order.by


def test_several_and_all_are_ordered(invoke: Invoke, client: redis.Redis) -> None:
    """Each once, however often it is named; with an entry each."""
    assert invoke("processes", "resume", "o-a", B, A).exit_code == 0
    assert ordered(client) == {A: ["resume"], B: ["resume"]}
    assert invoke("processes", "lanes", "12", "--all").stdout.count("ordered: lanes 12") == 2
    assert ordered(client) == {A: ["lanes 12", "resume"], B: ["lanes 12", "resume"]}
    assert [act[0] for act in acts(client)] == ["processes lanes"] * 2 + ["processes resume"] * 2
    assert invoke("processes", "lanes", "default", "o-b").exit_code == 0
    assert ordered(client)[B] == ["lanes default", "resume"]
    assert acts(client)[0] == ("processes lanes", B, "default")


def test_an_end_is_asked_before(invoke: Invoke, client: redis.Redis) -> None:
    """What restarts processes is named; --yes is for scripts."""
    refused = invoke("processes", "stop", "o-a", stdin=b"n\n")
    assert refused.exit_code == 1
    assert "may start it again" in refused.stderr
    assert (ordered(client), acts(client)) == ({A: [], B: []}, [])
    done = invoke("processes", "stop", "--all", "--yes")
    assert done.exit_code == 0
    assert "may start it again" in done.stderr
    assert ordered(client) == {A: ["stop"], B: ["stop"]}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("quiet",), 2, "say which processes"),
        (("quiet", "o-a", "--all"), 2, "say which processes"),
        (("quiet", "o-a", "nobody"), 1, "nothing was ordered: no process has the name or id 'nobody'"),
        (("lanes", "0", "o-a"), 2, "expected a whole number from 1 to 1000, or default"),
        (("lanes", "1001", "o-a"), 2, "expected a whole number"),
        (("lanes", "many", "o-a"), 2, "expected a whole number"),
    ],
)
def test_what_cannot_be_ordered_is_refused(
    invoke: Invoke, client: redis.Redis, arguments: tuple[str, ...], code: int, told: str
) -> None:
    """As a whole: nobody hears half of it, and nothing is written down."""
    result = invoke("processes", *arguments)
    assert result.exit_code == code
    assert told in result.stderr
    assert (ordered(client), acts(client)) == ({A: [], B: []}, [])


def test_an_older_version_is_not_ordered(invoke: Invoke, client: redis.Redis) -> None:
    """It would never hear it."""
    say(client, B, orders=None)
    result = invoke("processes", "quiet", "--all")
    assert result.exit_code == 1
    assert "takes no orders: end it by a signal" in result.stderr
    assert ordered(client) == {A: [], B: []}


def test_list_says_what_was_asked_and_what_holds(invoke: Invoke, client: redis.Redis) -> None:
    """In words and as JSON; names of strangers steer no terminal."""
    invoke("processes", "quiet", "o-a")
    say(client, B, orders=ToldObedience(9, quiet_since_ms=1, by="ann\x1b[2J\u202e"))
    result = invoke("processes", "list")
    assert "asked to be quiet by" in result.stdout
    assert "5 lanes by order, 9 by setting" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    first, second = json.loads(invoke("processes", "list", "--json").stdout)
    assert first["orders"]["notHeard"][0]["wanted"] == "quiet"
    assert (second["orders"]["quietSince"], second["orders"]["lanesBySetting"]) == ("1970-01-01T00:00:00.001Z", 9)
    client.delete(MEMBERS_KEY)
    assert "No process is running." in invoke("processes", "list").stderr


def test_it_is_waited_until_it_is_done(client: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    """A quiet process is done when nothing is in work; here it hears at the second look and is done at the third."""
    chosen = read_members(client)[:1]
    stages = iter(
        ({"orders": ToldObedience(5, quiet_since_ms=1)}, {"orders": ToldObedience(5, quiet_since_ms=1), "active": 0})
    )

    def next_stage(_seconds: float) -> None:
        fields = next(stages)
        settings = msgspec.Raw(Fingerprint({}).text().encode())
        beat(client, A, 0, Told("o-a", "1", 4, settings, 5, fields.get("active", 1), orders=fields["orders"]))  # type: ignore[arg-type]

    await_done(client, chosen, Wanted.QUIET, 60.0, next_stage)
    assert next(stages, None) is None
    assert capsys.readouterr().out == "done\n"


def test_who_is_gone_has_stopped(client: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them."""
    chosen = read_members(client)
    names = iter((A, B))
    await_done(client, chosen, Wanted.STOP, 60.0, lambda _seconds: leave(client, next(names)))
    assert capsys.readouterr().out == "done by all 2\n"


def test_waiting_ends_and_names_who_is_late(client: redis.Redis) -> None:
    """The order stands all the same."""
    with pytest.raises(Failure, match="not done within 0 s by 'o-a', 'o-b'; the order stands"):
        await_done(client, read_members(client), Wanted.STOP, 0.0)


def test_waiting_is_asked_for(invoke: Invoke, client: redis.Redis) -> None:
    """By an option, whose time may run out."""
    result = invoke("processes", "quiet", "o-a", "--wait", "0.001")
    assert result.exit_code == 1
    assert "the order stands" in result.stderr
    assert ordered(client)[A] == ["quiet"]
