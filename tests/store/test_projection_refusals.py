"""What a full server and one that refuses a command make of the scripts of a cluster's layout: all, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.contract.layout import CLUSTER, guard_key, moved_key
from orchestrator.store import connect, scripts
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

KEYS = CLUSTER.inner("nike")
OUT = CLUSTER.keys("nike")
STAMP = f"{7:016d}.{1:012d}.{0:06d}"
CALLS: dict[str, tuple[scripts.Script, list[str], list[Any]]] = {
    "project": (
        scripts.PROJECT,
        [OUT.trend, guard_key(OUT.trend)],
        ["hash", 7, 2, 60_000, 0, 0, 9, "channel", "", 0, "f", "v"],
    ),
    "bury": (scripts.BURY, [OUT.failed, guard_key(OUT.failed)], [9, "pause", 64, STAMP, "letter"]),
    "settle": (scripts.SETTLE, [KEYS.lock, KEYS.meta, KEYS.failed], ["token", "cid", 5, STAMP, "shown"]),
    "owe": (scripts.OWE, ["nobody's lock", KEYS.meta], [""]),
    "arrive": (scripts.ARRIVE, [KEYS.queue, moved_key(KEYS.queue)], [60_000, 9, "id", "payload"]),
}
REFUSED = {"bury": ("hset", "hdel", "rpush"), "settle": ("hset", "hdel"), "owe": ("hset", "hdel"),
           "arrive": ("pexpire", "hset", "hdel")}  # fmt: skip


@pytest.fixture(scope="module")
def private() -> Iterator[RedisServer]:
    """A server that these tests may reconfigure."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def admin(private: RedisServer) -> Iterator[redis.Redis]:
    """A client that may do everything, on a server with what the scripts look at."""
    client = private.client()
    client.flushdb()
    client.set(KEYS.lock, "token")
    client.hset(KEYS.meta, "cid", "cid")
    client.rpush(KEYS.failed, f"{STAMP}|letter")
    yield client
    client.config_set("maxmemory", 0)
    client.close()


def call(client: redis.Redis, name: str) -> Any:
    """Run the script."""
    script, keys, arguments = CALLS[name]
    return cast("Any", client).eval(script.text, len(keys), *keys, *arguments)


@pytest.mark.parametrize("name", CALLS)
def test_a_full_server_takes_it(admin: redis.Redis, name: str) -> None:
    """Else what fills it could not be got rid of: the first write is one that is allowed then."""
    admin.config_set("maxmemory", 1)
    assert call(admin, name)[0] == b"OK"


@pytest.mark.parametrize(("name", "command"), [(name, command) for name, each in REFUSED.items() for command in each])
def test_what_is_refused_changes_nothing(admin: redis.Redis, private: RedisServer, name: str, command: str) -> None:
    """A command that an ACL took away refuses the script before its first change."""
    rules = ["reset", "on", ">secret", "~*", "&*", "+@all", f"-{command}"]
    admin.execute_command("ACL", "SETUSER", "limited", *rules)  # type: ignore[no-untyped-call]
    before = {key: admin.dump(key) for key in cast("list[bytes]", admin.keys())}
    limited = connect(f"{private.url}?username=limited&password=secret", timeout_s=5.0, pool_size=1)
    with pytest.raises(Exception, match=r"(?i)permission|can't run|not allowed"):
        call(limited, name)
    limited.close()
    assert {key: admin.dump(key) for key in cast("list[bytes]", admin.keys())} == before


def test_what_is_broken_off_is_shown_by_the_next_one_as_a_whole(admin: redis.Redis, private: RedisServer) -> None:
    """While it is written the guard names no commit: a change would be made on top of half of one."""
    _, (trend, guard), _ = CALLS["project"]
    admin.hset(trend, "f", "old")
    admin.hset(guard, mapping={"e": 7, "v": 1})
    admin.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "+@all", "-hset")  # type: ignore[no-untyped-call]
    limited = connect(f"{private.url}?username=limited&password=secret", timeout_s=5.0, pool_size=1)
    with pytest.raises(Exception, match=r"(?i)permission|can't run|not allowed"):
        call(limited, "project")
    limited.close()
    assert admin.exists(guard) == 0


def test_owing_names_a_foreign_type(admin: redis.Redis) -> None:
    """And not as an error of the server's, which nobody could tell from a damaged script."""
    admin.delete(KEYS.meta)
    admin.set(KEYS.meta, "mine")
    assert call(admin, "owe") == [b"TYPE", 2, b"string"]
