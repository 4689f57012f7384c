"""The history's loop: a minute's mean, one entry a minute, and that nothing depends on it."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from orchestrator.contract.history import Minute
from orchestrator.errors import StoreRefusedError, StoreUnavailableError
from orchestrator.service import recorder as module
from orchestrator.service.recorder import SAMPLE_S, SAMPLES, Recorder, Sample, minute_of
from tests.lane.fakes import in_place

MINUTE_S = SAMPLE_S * SAMPLES


class Ring:
    """In place of Redis: whose turn it is, and what was written."""

    def __init__(self) -> None:
        self.written: list[Minute] = []
        self.mine = True
        self.error: Exception | None = None
        self.samples = 0

    def take_turn(self, _client: object, _name: str) -> int | None:
        """The minute of the virtual clock, if it is this process's."""
        if self.error is not None:
            raise self.error
        return round(trio.current_time() / 60) if self.mine else None

    def record(self, _client: object, minute: Minute) -> None:
        """Note it."""
        self.written.append(minute)

    def sample(self) -> Sample:
        """One more each time."""
        self.samples += 1
        return Sample(self.samples, 1.0, float(self.samples))

    def dead_letters(self) -> int:
        """Always the same."""
        return 7


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    """A ring that the recorder writes to."""
    made = Ring()
    monkeypatch.setattr(module, "take_turn", made.take_turn)
    monkeypatch.setattr(module, "record", made.record)
    monkeypatch.setattr(trio.to_thread, "run_sync", in_place)
    return made


async def record_for(ring: Ring, seconds: float) -> None:
    """Let a recorder run for so long."""
    client: Any = None
    with trio.move_on_after(seconds):
        await Recorder(client, ring).run()


async def test_each_minute_is_written_once(ring: Ring, autojump_clock: trio.testing.MockClock) -> None:
    """Twelve samples of 5 s make a minute: 1 to 12 have the mean 6.5, and the last one counts for what waits."""
    await record_for(ring, 2 * MINUTE_S + 1)
    first, second = ring.written
    assert first == Minute(first.minute, 12, 1.0, 6.5, 7)
    assert second == Minute(first.minute + 1, 24, 1.0, 18.5, 7)


async def test_nothing_is_written_in_anothers_turn(ring: Ring, autojump_clock: trio.testing.MockClock) -> None:
    """And the samples of that minute are not those of the next."""
    ring.mine = False
    await record_for(ring, MINUTE_S + 1)
    assert ring.written == []


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), StoreRefusedError("WRONGTYPE")])
async def test_a_failure_is_told_once_and_lived_with(
    ring: Ring, autojump_clock: trio.testing.MockClock, error: Exception
) -> None:
    """Two minutes without Redis, one line."""
    ring.error = error
    with capture_logs() as logs:
        await record_for(ring, 2 * MINUTE_S + 1)
    assert [line["event"] for line in logs] == ["history not written"]


def test_what_is_not_known_stays_unknown() -> None:
    """A zero would say that nothing waits."""
    assert minute_of(5, [Sample(3, 2.0, 1.0), Sample()], None) == Minute(5, None, None, 1.0, None)
    assert minute_of(5, [Sample()], 0) == Minute(5, dead_letters=0)
