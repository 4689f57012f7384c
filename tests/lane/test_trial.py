"""Trials in real processes: an innocent item survives, each kind of killer dies, and nothing else is judged."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
from typing import Any

import msgspec
import pytest
import trio

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.errors import TrialError
from orchestrator.lane import trial
from orchestrator.lane.trial import TrialLimits, TrialRequest, survivors
from tests.lane.support import item

BRAND = "nike"
NOW_MS = 1_795_435_200_000
LIMITS = TrialLimits()


Children = trio.MemoryReceiveChannel[trio.Process]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Children:
    """The processes that are started, as they are."""
    send, receive = trio.open_memory_channel[trio.Process](1)
    open_process = trio.lowlevel.open_process

    async def tell(*args: Any, **options: Any) -> trio.Process:
        process = await open_process(*args, **options)
        send.send_nowait(process)
        return process

    monkeypatch.setattr(trio.lowlevel, "open_process", tell)
    return receive


def _request(chunk_id: str, *, limits: TrialLimits = LIMITS, **changes: Any) -> TrialRequest:
    values: dict[str, Any] = {
        "brand": BRAND,
        "items": [item(BRAND, chunk_id)],
        "fields": {},
        "fold": FoldConfig(),
        "max_chunk_bytes": 4_096,
        "now_ms": NOW_MS,
        "limits": limits,
        "failpoint_spec": "chunk",
    }
    return TrialRequest(**(values | changes))


async def test_trial_lets_an_innocent_item_survive() -> None:
    """An ordinary chunk on top of a stored state folds, and the process says so."""
    state = BrandState.empty(FoldConfig())
    state.fold(decode_batch([item(BRAND, "known")], BRAND), NOW_MS)
    assert await survivors(_request("suspect", fields=dict(state.take_changes().put))) == 1


async def test_trial_lets_an_unacceptable_item_survive() -> None:
    """What is no chunk kills nobody; the fold will reject it with its reason."""
    assert await survivors(_request("x", items=[b"{"])) == 1


@pytest.mark.parametrize("action", ["segfault", "allocate", "bug", "kill"])
async def test_trial_ends_with_the_item_that_kills_it(action: str) -> None:
    """A crash in native code, more memory than allowed, an exception and a signal all count as dead."""
    assert await survivors(_request(f"poison:{action}:1")) == 0


@pytest.mark.parametrize(("chunk_bytes", "memory_bytes"), [(1_024, 1 << 30), (8 << 20, 1 << 30), (256 << 20, 8 << 30)])
def test_trial_limits_grow_with_the_largest_chunk(chunk_bytes: int, memory_bytes: int) -> None:
    """Where a deployment allows huge chunks, an innocent one must not be condemned for its size."""
    assert TrialLimits.for_chunks(chunk_bytes).memory_bytes == memory_bytes


@pytest.mark.parametrize("position", [0, 1, 4])
async def test_trial_tells_which_item_killed_it(position: int) -> None:
    """Those before it survived; of those after it nothing is known."""
    items = [item(BRAND, f"c-{number}") for number in range(4)]
    items.insert(position, item(BRAND, "poison:segfault:1"))
    assert await survivors(_request("x", items=items)) == position


async def test_trial_gives_each_item_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many innocents together may take longer than one may."""
    heard: list[bytes] = []
    hear = trial._hear

    async def slowly(process: trio.Process) -> bytes:
        heard.append(await hear(process))
        return heard[-1]

    monkeypatch.setattr(trial, "_hear", slowly)
    items = [item(BRAND, f"c-{number}") for number in range(50)]
    assert await survivors(_request("x", items=items)) == 50
    assert b"".join(heard) == trial.STARTED + 50 * trial.SURVIVED


async def test_trial_on_a_slow_machine_condemns_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that still computes when its time is up is waited for; in the end the machine is at fault, not it."""
    monkeypatch.setattr(trial, "MOST_LOOKS", 2)  # here alone: the child's own alarm goes off later
    used_s = itertools.count()
    monkeypatch.setattr(trial, "_cpu_s", lambda _pid: float(next(used_s)))
    with pytest.raises(TrialError, match="too slow"):
        await survivors(_request("poison:hang:1", limits=TrialLimits(wall_s=0.1)))
    assert next(used_s) == trial.MOST_LOOKS + 2


def test_processor_time_is_read() -> None:
    """Of a process that is there; else nothing is known."""
    used_s = trial._cpu_s(os.getpid())
    assert used_s is not None
    assert used_s > 0
    assert trial._cpu_s(2**30) is None


async def test_trial_ends_at_its_wall_time() -> None:
    """An item that hangs without using the processor is killed."""
    assert await survivors(_request("poison:hang:1", limits=TrialLimits(wall_s=0.1))) == 0


async def test_trial_without_a_service_ends_by_itself() -> None:
    """If the service dies first, the hanging child still ends: its own alarm goes off."""
    request = msgspec.msgpack.encode(_request("poison:hang:1", limits=TrialLimits(wall_s=0.01)))
    ended = await trio.run_process([sys.executable, "-m", trial.__name__], stdin=request, check=False)
    assert ended.returncode == -signal.SIGALRM


async def test_trial_that_never_begins_says_nothing_about_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine too slow to start a process is not the item's fault."""
    monkeypatch.setattr(trial, "START_S", 0.0)
    with pytest.raises(TrialError, match="before the fold"):
        await survivors(_request("suspect"))


async def test_trial_that_cannot_start_says_nothing_about_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process, no verdict."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(TrialError, match="which cannot be held"):
        await survivors(_request("suspect"))


async def test_trial_needs_no_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a read-only root and no place for temporary files holds trials like any other."""

    def refuse(*_args: object, **_options: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert await survivors(_request("suspect")) == 1


async def test_trial_that_finds_no_place_for_its_item_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no files in memory and there is no other place, that is told and nothing about the item."""

    def refuse(*_args: object, **_options: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(TrialError, match="No usable temporary directory"):
        await survivors(_request("suspect"))


@pytest.mark.parametrize("fields", [{b"g": b"garbage"}, {b"x": b""}])
async def test_trial_that_ends_before_the_fold_says_nothing_about_the_item(fields: dict[bytes, bytes]) -> None:
    """A state that cannot be loaded is not the item's fault."""
    with pytest.raises(TrialError, match="before the fold"):
        await survivors(_request("suspect", fields=fields))


async def test_trial_is_out_of_reach_of_the_terminal(children: Children) -> None:
    """The process has a session of its own, so that Ctrl-C does not look like the item's doing."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(survivors, _request("poison:hang:1"))
        child = await children.receive()
        assert os.getsid(child.pid) == child.pid
        nursery.cancel_scope.cancel()


async def test_trial_cancelled_leaves_no_process(children: Children) -> None:
    """Cancellation kills and reaps it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(survivors, _request("poison:hang:1"))
        child = await children.receive()
        nursery.cancel_scope.cancel()
    assert child.returncode == -signal.SIGKILL
