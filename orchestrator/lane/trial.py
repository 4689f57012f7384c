"""Folding suspect chunks in a process of their own, with limits on memory, CPU and wall time.

Owns both sides: :func:`survivors` starts the process and judges it, :func:`main` is
what runs inside. The process gets the brand's stored state and the items on its
standard input and has no connection to Redis, so it can harm nothing but itself.
It folds one item after the other and says so after each, so the one that kills it is known.

A machine that is too slow condemns nobody: while the process computes, only the processor time that it was given
counts, and what is not over then says nothing about its item.

Source: quarantine in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import trio

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.errors import TrialError
from orchestrator.process import failpoints
from orchestrator.process.confinement import confine_memory
from orchestrator.process.memory_file import memory_file

STARTED = b"started\n"
SURVIVED = b"."

START_S = 20.0
"""For the interpreter and the state to load; a trial that has not begun by then says nothing about its item."""


LEAST_MEMORY_BYTES = 1 << 30
MEMORY_PER_CHUNK_BYTE = 32
"""Decoded JSON is larger than its text: an empty object with its comma, three bytes, takes 72 in Python."""


LOOK_SHARE = 0.005
"""Of a processor: a process that used less since the last look waits for something that does not come."""

MOST_LOOKS = 15
"""So many times its wall time a process may compute within its processor time; then it is the machine's fault."""


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """Bounds of one trial.

    Attributes:
        memory_bytes: growth beyond what the interpreter holds when the trial starts; a fold needs a
            few times its chunk's size.
        cpu_s: processor time of one item; a fold of the largest chunk takes well under a second.
        wall_s: from the beginning of one item's fold until the process is killed, unless it computes.
    """

    memory_bytes: int = LEAST_MEMORY_BYTES
    cpu_s: int = 10
    wall_s: float = 20.0

    @classmethod
    def for_chunks(cls, max_chunk_bytes: int) -> TrialLimits:
        """Limits that an innocent chunk of *max_chunk_bytes* stays below."""
        return cls(memory_bytes=max(LEAST_MEMORY_BYTES, MEMORY_PER_CHUNK_BYTE * max_chunk_bytes))


class TrialRequest(msgspec.Struct, frozen=True):
    """What the process reads from its standard input, as MessagePack.

    Attributes:
        items: to be folded one after the other.
        fields: the brand's stored state.
        failpoint_spec: the failpoints to arm, empty in production.
    """

    brand: str
    items: list[bytes]
    fields: dict[bytes, bytes]
    fold: FoldConfig
    max_chunk_bytes: int
    now_ms: int
    limits: TrialLimits
    failpoint_spec: str = ""


async def survivors(request: TrialRequest) -> int:
    """Fold the items elsewhere; returns how many survived until one killed the process, exceeded a limit or raised.

    Cancellation kills the process.

    Raises:
        TrialError: the process could not be started, or was given too little time to tell.
    """
    try:
        with memory_file("trial") as stdin:
            stdin.write(msgspec.msgpack.encode(request))
            stdin.seek(0)
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "orchestrator.lane.trial"],
                stdin=stdin.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is meant for the service, and would look like the item's doing
            )
    except OSError as error:
        raise TrialError(f"a suspect chunk waits for its trial, which cannot be held: {error}") from error
    try:
        said = await _listen(process, request.limits.wall_s, done=len(STARTED) + len(request.items))
    finally:
        process.kill()
        # Shielded: it was killed, so this returns at once, and no zombie stays.
        with trio.CancelScope(shield=True):
            await process.wait()
    if not said.startswith(STARTED):
        raise TrialError("a suspect chunk waits for its trial, whose process ended before the fold began")
    return len(said) - len(STARTED)


async def _listen(process: trio.Process, wall_s: float, *, done: int) -> bytes:
    """What the process says until it ends, has said *done* bytes, or hangs.

    Raises:
        TrialError: it computes for so long that only the machine can be at fault.
    """
    said = b""
    with trio.move_on_after(START_S):
        said = await _hear(process)
    looks, used_s = 0, _cpu_s(process.pid)
    while said.startswith(STARTED) and len(said) < done:
        piece = None
        with trio.move_on_after(wall_s):
            piece = await _hear(process)
        if piece == b"":
            break
        now_s = _cpu_s(process.pid)
        looks = looks + 1 if piece is None else 0
        if piece is None and (now_s is None or used_s is None or now_s - used_s < LOOK_SHARE * wall_s):
            break
        if looks > MOST_LOOKS:
            raise TrialError("a suspect chunk waits for its trial: the machine is too slow to hold one")
        used_s = now_s
        said += piece or b""
    return said


async def _hear(process: trio.Process) -> bytes:
    """The next that it says; empty at its end."""
    return b"" if process.stdout is None else bytes(await process.stdout.receive_some())


def _cpu_s(pid: int) -> float | None:
    """Processor time that a process was given so far; None where /proc does not tell, and then wall time has to do."""
    try:
        # After the name, which may hold anything: state and ten more, then user and system time in ticks.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def main() -> None:
    """Fold the items of the request on standard input; say so before the first and after each."""
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=TrialRequest)
    failpoints.arm(request.failpoint_spec)
    state = BrandState.load(request.fold, request.fields)
    sys.stdout.buffer.write(STARTED)
    sys.stdout.buffer.flush()
    confine_memory(request.limits.memory_bytes)
    chunk_limits = Limits(max_chunk_bytes=request.max_chunk_bytes)
    for item in request.items:
        _allow(request.limits)
        batch = decode_batch([item], request.brand, chunk_limits, state.hashing)
        failpoints.hit_chunks(chunk.chunk_id for chunk in batch.chunks)
        state.fold(batch, request.now_ms)
        state.summary(request.brand, request.now_ms, 0, 0)
        state.take_changes()
        sys.stdout.buffer.write(SURVIVED)
        sys.stdout.buffer.flush()


def _allow(limits: TrialLimits) -> None:
    """Let one item have its time, from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft_s = math.ceil(used.ru_utime + used.ru_stime) + limits.cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft_s, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    # The service kills long before; it may be gone by then, and a hanging child would stay for ever.
    signal.setitimer(signal.ITIMER_REAL, (MOST_LOOKS + 2) * limits.wall_s)


if __name__ == "__main__":
    main()
