"""Folding one suspect chunk in a process of its own, with limits on memory, CPU and wall time.

Owns both sides: :func:`survives` starts the process and judges it, :func:`main` is
what runs inside. The process gets the brand's stored state and the item on its
standard input and has no connection to Redis, so it can harm nothing but itself.

Source: quarantine in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import trio

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.errors import OrchestratorError
from orchestrator.process import failpoints

STARTED = b"started\n"
SURVIVED = b"survived\n"

START_S = 20.0
"""For the interpreter and the state to load; a trial that has not begun by then says nothing about its item."""


LEAST_MEMORY_BYTES = 1 << 30
MEMORY_PER_CHUNK_BYTE = 32
"""Decoded JSON is larger than its text: an empty object with its comma, three bytes, takes 72 in Python."""


class TrialError(OrchestratorError):
    """Raised when a trial could not be held (no process, no memory to start it); nothing is known of the item."""


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """Bounds of one trial.

    Attributes:
        memory_bytes: growth beyond what the interpreter holds when the trial starts; a fold needs a
            few times its chunk's size.
        cpu_s: processor time; a fold of the largest chunk takes well under a second.
        wall_s: from the beginning of the fold until the process is killed.
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
        fields: the brand's stored state.
        failpoint_spec: the failpoints to arm, empty in production.
    """

    brand: str
    item: bytes
    fields: dict[bytes, bytes]
    fold: FoldConfig
    max_chunk_bytes: int
    now_ms: int
    limits: TrialLimits
    failpoint_spec: str = ""


async def survives(request: TrialRequest) -> bool:
    """Fold the item elsewhere; False if that killed the process, exceeded a limit or raised.

    Cancellation kills the process.

    Raises:
        TrialError: the process could not be started.
    """
    try:
        # A file instead of a pipe: nobody has to feed it while the process dies.
        with _memory_file() as stdin:
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
        said = await _listen(process, request.limits.wall_s)
    finally:
        process.kill()
        # Shielded: it was killed, so this returns at once, and no zombie stays.
        with trio.CancelScope(shield=True):
            await process.wait()
    if not said.startswith(STARTED):
        raise TrialError("a suspect chunk waits for its trial, whose process ended before the fold began")
    return said.endswith(SURVIVED)


def _memory_file() -> IO[bytes]:
    """A file in memory where the kernel has such: a read-only container may have no place for another one."""
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):  # a sandbox may forbid the call
            return os.fdopen(os.memfd_create("trial"), "w+b")
    return tempfile.TemporaryFile()


async def _listen(process: trio.Process, wall_s: float) -> bytes:
    """What the process says until it ends or its time is up."""
    said = b""
    if process.stdout is not None:
        with trio.move_on_after(START_S) as limit:
            async for piece in process.stdout:
                if not said:
                    limit.deadline = trio.current_time() + wall_s
                said += piece
    return said


def main() -> None:
    """Fold the item of the request on standard input; say so before and after."""
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=TrialRequest)
    failpoints.arm(request.failpoint_spec)
    state = BrandState.load(request.fold, request.fields)
    sys.stdout.buffer.write(STARTED)
    sys.stdout.buffer.flush()
    _confine(request.limits)
    limits = Limits(max_chunk_bytes=request.max_chunk_bytes)
    batch = decode_batch([request.item], request.brand, limits, state.hashing)
    failpoints.hit_chunks(chunk.chunk_id for chunk in batch.chunks)
    state.fold(batch, request.now_ms)
    state.summary(request.brand, request.now_ms, 0, 0)
    state.take_changes()
    sys.stdout.buffer.write(SURVIVED)
    sys.stdout.buffer.flush()


def _confine(limits: TrialLimits) -> None:
    held_bytes = _address_space_bytes()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s))
    # The service kills at this time too; it may be gone by then, and a hanging child would stay for ever.
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)
    if held_bytes:
        most_bytes = held_bytes + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


def _address_space_bytes() -> int:
    """Address space of this process; 0 where /proc does not tell, and then CPU and wall time have to do."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0


if __name__ == "__main__":
    main()
