"""Which key decides where a command goes.

Pure. Only commands that this package sends are known, and the keys of a command that has several share a slot; if they
do not, the server says so. Source: the *key specifications* of the commands in the documentation of Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.slots import slot_of
from orchestrator.store.wire import Bulk

if TYPE_CHECKING:
    from orchestrator.store.wire import Command

_SCRIPTS: Final = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO"})
_KEYLESS: Final = frozenset(
    {
        *("ACL", "ASKING", "AUTH", "BGREWRITEAOF", "BGSAVE", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE"),
        *("DISCARD", "ECHO", "EXEC", "FLUSHALL", "FLUSHDB", "HELLO", "INFO", "KEYS", "LASTSAVE", "LATENCY", "MULTI"),
        *("PING", "PUBLISH", "PUBSUB", "RANDOMKEY", "ROLE", "SCAN", "SCRIPT", "SLOWLOG", "TIME", "UNWATCH", "WAIT"),
    }
)
_SECOND: Final = frozenset({"MEMORY", "OBJECT"})
"""Commands whose first argument is what to do with the key."""


def slot_of_command(command: Command) -> int | None:
    """The slot of the key that decides; None: any node will do."""
    word, at = str(command[0]).upper(), 1
    if word in _KEYLESS:
        return None
    if word in _SCRIPTS:
        if not int(command[2]):
            return None
        at = 3
    elif word in _SECOND:
        at = 2
    if at >= len(command):
        return None
    key = command[at]
    return slot_of(_first(key) if isinstance(key, Bulk) else key if isinstance(key, bytes) else str(key))


def _first(keys: Bulk) -> bytes:
    """The first of *keys*: ``$length``, a line end, and so many bytes."""
    length, _, rest = keys.encoded.partition(b"\r\n")
    return rest[: int(length[1:])]
