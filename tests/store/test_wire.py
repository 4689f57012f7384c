"""Commands are packed so that Redis reads back exactly their arguments."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.store.wire import Bulk, Command, bulk, pack

VALUES = st.lists(st.binary(max_size=20), max_size=8)
SAME_LENGTH = st.integers(0, 13).flatmap(lambda size: st.lists(st.binary(min_size=size, max_size=size), max_size=8))
ARGUMENTS = st.one_of(
    st.binary(max_size=20), st.text(max_size=9), st.integers(-(10**12), 10**12), VALUES.map(bulk), SAME_LENGTH.map(bulk)
)
COMMANDS = st.lists(st.lists(ARGUMENTS, min_size=1, max_size=6).map(lambda rest: ("NAME", *rest)), max_size=4)


def read(packed: bytes) -> list[list[bytes]]:
    """The arrays in *packed*, by a plain reader."""
    stream, arrays = BytesIO(packed), []
    while head := stream.readline():
        assert head.startswith(b"*")
        arrays.append([_read_string(stream) for _ in range(int(head[1:]))])
    return arrays


def _read_string(stream: BytesIO) -> bytes:
    head = stream.readline()
    assert head.startswith(b"$")
    value = stream.read(int(head[1:]))
    assert stream.read(2) == b"\r\n"
    return value


def plain(command: Command) -> list[bytes]:
    """The arguments one by one."""
    arguments: list[bytes] = []
    for argument in command:
        if isinstance(argument, Bulk):
            [inside] = read(b"*%d\r\n%b" % (argument.arguments, argument.encoded))
            arguments += inside
        else:
            arguments.append(argument if isinstance(argument, bytes) else str(argument).encode())
    return arguments


@given(commands=COMMANDS)
def test_pack_is_read_back_as_the_same_arguments(commands: list[Command]) -> None:
    """Bytes, text, numbers and bulks in any mixture, several commands one after the other."""
    assert read(pack(commands)) == [plain(command) for command in commands]


@given(values=st.one_of(VALUES, SAME_LENGTH, st.lists(st.sampled_from([b"", b"x" * 4095, b"x" * 4096]), max_size=3)))
def test_bulk_stands_for_its_values_in_order(values: list[bytes]) -> None:
    """Of one length or of many, short or longer than the table of prefixes, none at all included."""
    [arguments] = read(pack([("NAME", bulk(values), b"end")]))
    assert arguments == [b"NAME", *values, b"end"]
    assert bulk(values).arguments == len(values)
