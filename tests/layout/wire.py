"""What goes over the wire, and the slots of its keys: as a cluster would see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis.connection import AbstractConnection

from orchestrator.contract.slots import slot_of

_OF_NO_KEY = {
    *(b"TIME", b"PING", b"HELLO", b"SELECT", b"AUTH", b"CLIENT", b"SCRIPT", b"SCAN", b"INFO", b"CONFIG", b"PUBLISH"),
    *(b"MULTI", b"EXEC", b"SUBSCRIBE", b"UNSUBSCRIBE", b"ACL"),
}
_OF_MANY_KEYS = {b"EXISTS", b"DEL", b"UNLINK", b"RENAME"}


def keys_of(command: list[bytes]) -> list[bytes]:
    """The keys of *command*; those of commands that nobody has looked at yet are an error."""
    name = command[0].upper()
    if name in _OF_NO_KEY:
        return []
    if name in {b"EVALSHA", b"EVAL"}:
        return command[3 : 3 + int(command[2])]
    if name == b"MEMORY":
        return command[2:3]
    return command[1:] if name in _OF_MANY_KEYS else command[1:2]


def crossing(commands: list[list[bytes]]) -> list[list[bytes]]:
    """Those of *commands*, and those blocks from MULTI to EXEC, whose keys are in several slots."""
    found, block, inside = [], list[bytes](), False
    for command in commands:
        name = command[0].upper()
        # What comes between the two is carried out at once, so all of it has to be in one place.
        block = keys_of(command) if not inside else [*block, *keys_of(command)]
        inside = name != b"EXEC" and (inside or name == b"MULTI")
        if not inside and name == b"EXEC":
            block = []
        if len(set(map(slot_of, block))) > 1:
            found.append(command)
    return found


@contextmanager
def recorded() -> Iterator[list[list[bytes]]]:
    """All commands that any client of this process sends in the block."""
    commands: list[list[bytes]] = []
    real: Any = AbstractConnection.send_packed_command

    def send(self: AbstractConnection, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002
        pieces = command if isinstance(command, list | tuple) else [command]
        commands.extend(_parsed(b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)))
        real(self, command, check_health)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AbstractConnection, "send_packed_command", send)
        yield commands


def _parsed(packed: bytes) -> Iterator[list[bytes]]:
    at = 0

    def line() -> bytes:
        nonlocal at
        end = packed.index(b"\r\n", at)
        found, at = packed[at:end], end + 2
        return found

    while at < len(packed):
        command = []
        for _ in range(int(line()[1:])):
            length = int(line()[1:])
            command.append(packed[at : at + length])
            at += length + 2
        yield command
