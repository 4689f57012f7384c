"""Failpoints: nothing unless armed, then exactly there and exactly then."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from orchestrator.errors import SettingsError, StoreUnavailableError
from orchestrator.process import failpoints


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def test_hit_does_nothing_unless_armed() -> None:
    """Production passes every point unharmed."""
    failpoints.arm("")
    failpoints.hit("session.prepared")
    failpoints.hit_chunks(["poison:kill:1"])
    assert failpoints.armed_spec() == ""


def test_hit_acts_at_the_named_point_alone() -> None:
    """Other points stay as they are."""
    assert failpoints.arm("here=fail") == ("here",)
    failpoints.hit("there")
    with pytest.raises(StoreUnavailableError):
        failpoints.hit("here")


def test_hit_acts_once_at_the_nth_passage() -> None:
    """``@3`` means the third passage, not the second and not the fourth."""
    failpoints.arm("here=bug@3")
    failpoints.hit("here")
    failpoints.hit("here")
    with pytest.raises(RuntimeError):
        failpoints.hit("here")
    failpoints.hit("here")


def test_arm_replaces_what_was_armed() -> None:
    """Only the last list counts, and it is what a child process is told."""
    failpoints.arm("here=bug")
    assert failpoints.arm(" there=fail@2 ; chunk ;") == ("there", "chunk")
    failpoints.hit("here")
    assert failpoints.armed_spec() == " there=fail@2 ; chunk ;"


@pytest.mark.parametrize("spec", ["here", "here=", "here=explode", "here=fail@", "here=fail@x", "here=fail@0", "=fail"])
def test_arm_refuses_what_it_does_not_understand(spec: str) -> None:
    """A misspelt failpoint must not look like a passed test."""
    with pytest.raises(SettingsError, match="ORCHESTRATOR_FAILPOINTS"):
        failpoints.arm(spec)


def test_arm_that_is_refused_changes_nothing() -> None:
    """What was armed before stays armed."""
    failpoints.arm("here=fail")
    with pytest.raises(SettingsError):
        failpoints.arm("there=explode")
    with pytest.raises(StoreUnavailableError):
        failpoints.hit("here")


def test_hit_chunks_acts_on_ids_that_ask_for_it() -> None:
    """Ids carry the action; ordinary ids and unarmed points are left alone."""
    failpoints.hit_chunks(["poison:bug:1"])
    failpoints.arm("chunk")
    failpoints.hit_chunks(["nike-1"])
    with pytest.raises(RuntimeError):
        failpoints.hit_chunks(["nike-1", "poison:bug:1"])


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("segfault", signal.SIGSEGV)])
def test_deadly_actions_end_the_process(action: str, number: signal.Signals) -> None:
    """A process that passes the point dies of the signal that the action stands for."""
    code = f"from orchestrator.process import failpoints as f; f.arm('here={action}'); f.hit('here')"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -number
