"""Trials in real processes: an innocent item survives, each kind of killer dies, and nothing else is judged."""

from __future__ import annotations

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
from orchestrator.lane import trial
from orchestrator.lane.trial import TrialError, TrialLimits, TrialRequest, survives
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
        "item": item(BRAND, chunk_id),
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
    assert await survives(_request("suspect", fields=dict(state.take_changes().put)))


async def test_trial_lets_an_unacceptable_item_survive() -> None:
    """What is no chunk kills nobody; the fold will reject it with its reason."""
    assert await survives(_request("x", item=b"{"))


@pytest.mark.parametrize("action", ["segfault", "allocate", "bug", "kill"])
async def test_trial_ends_with_the_item_that_kills_it(action: str) -> None:
    """A crash in native code, more memory than allowed, an exception and a signal all count as dead."""
    assert not await survives(_request(f"poison:{action}:1"))


@pytest.mark.parametrize(("chunk_bytes", "memory_bytes"), [(1_024, 1 << 30), (8 << 20, 1 << 30), (256 << 20, 8 << 30)])
def test_trial_limits_grow_with_the_largest_chunk(chunk_bytes: int, memory_bytes: int) -> None:
    """Where a deployment allows huge chunks, an innocent one must not be condemned for its size."""
    assert TrialLimits.for_chunks(chunk_bytes).memory_bytes == memory_bytes


async def test_trial_ends_at_its_wall_time() -> None:
    """An item that hangs without using the processor is killed."""
    assert not await survives(_request("poison:hang:1", limits=TrialLimits(wall_s=0.1)))


async def test_trial_without_a_service_ends_by_itself() -> None:
    """If the service dies first, the hanging child still ends: its own alarm goes off."""
    request = msgspec.msgpack.encode(_request("poison:hang:1", limits=TrialLimits(wall_s=0.1)))
    ended = await trio.run_process([sys.executable, "-m", trial.__name__], stdin=request, check=False)
    assert ended.returncode == -signal.SIGALRM


async def test_trial_that_never_begins_says_nothing_about_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine too slow to start a process is not the item's fault."""
    monkeypatch.setattr(trial, "START_S", 0.0)
    with pytest.raises(TrialError, match="before the fold"):
        await survives(_request("suspect"))


async def test_trial_that_cannot_start_says_nothing_about_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process, no verdict."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(TrialError, match="which cannot be held"):
        await survives(_request("suspect"))


async def test_trial_needs_no_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a read-only root and no place for temporary files holds trials like any other."""

    def refuse(*_args: object, **_options: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert await survives(_request("suspect"))


async def test_trial_that_finds_no_place_for_its_item_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no files in memory and there is no other place, that is told and nothing about the item."""

    def refuse(*_args: object, **_options: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(TrialError, match="No usable temporary directory"):
        await survives(_request("suspect"))


@pytest.mark.parametrize("fields", [{b"g": b"garbage"}, {b"x": b""}])
async def test_trial_that_ends_before_the_fold_says_nothing_about_the_item(fields: dict[bytes, bytes]) -> None:
    """A state that cannot be loaded is not the item's fault."""
    with pytest.raises(TrialError, match="before the fold"):
        await survives(_request("suspect", fields=fields))


async def test_trial_is_out_of_reach_of_the_terminal(children: Children) -> None:
    """The process has a session of its own, so that Ctrl-C does not look like the item's doing."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(survives, _request("poison:hang:1"))
        child = await children.receive()
        assert os.getsid(child.pid) == child.pid
        nursery.cancel_scope.cancel()


async def test_trial_cancelled_leaves_no_process(children: Children) -> None:
    """Cancellation kills and reaps it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(survives, _request("poison:hang:1"))
        child = await children.receive()
        nursery.cancel_scope.cancel()
    assert child.returncode == -signal.SIGKILL
