"""Every code has a remedy, every error that parks has a code, and every command in a remedy exists."""

from __future__ import annotations

import re
import shlex

import pytest

from orchestrator import errors
from orchestrator.errors import (
    BrandBusyError,
    BrandPausedError,
    ClockSkewError,
    DamagedMetaError,
    InvalidStateError,
    OldStateError,
    OrchestratorError,
    StoreUnavailableError,
    UnreadableSettingsError,
    WrongSizeError,
    WrongTypeError,
)
from orchestrator.fleet.parking import REMEDIES, Code, Parked, code_of, remedy
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.telling import OUTCOMES
from tests.cli.command_tree import unknown

COMMAND = re.compile(r"'(orchestrator [^']*?)'(?=[ ,;.)]|$)")
HARMLESS = {BrandBusyError, BrandPausedError, ClockSkewError, StoreUnavailableError}
"""Errors after which a brand is left alone for no reason of its own."""


def commands(text: str) -> list[list[str]]:
    """The commands that *text* names, as a shell takes them apart."""
    return [shlex.split(command)[1:] for command in COMMAND.findall(text)]


def kinds() -> list[type[OrchestratorError]]:
    """Every error of ours."""
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, OrchestratorError)]


def example(kind: type[OrchestratorError]) -> OrchestratorError:
    """One of that kind."""
    if kind is DamagedMetaError:
        return DamagedMetaError("x", "epoch", b"inf")
    if kind is WrongSizeError:
        return WrongSizeError("x", "told")
    return WrongTypeError("k", "hash", "list") if kind is WrongTypeError else kind("x")


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_remedy(code: Code) -> None:
    """A sentence without a hole in it, on one line."""
    text = remedy(code, "nike")
    assert text
    assert "{" not in text
    assert "\n" not in text
    assert not text.endswith(".")


def test_no_remedy_is_without_a_code() -> None:
    """What is not used any more goes."""
    assert set(REMEDIES) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_every_command_of_a_remedy_exists(code: Code) -> None:
    """With the options that it names, and the brand in its place."""
    text = remedy(code, "nike")
    assert len(commands(text)) == text.count("'orchestrator ")
    assert list(filter(None, map(unknown, commands(text)))) == []


def test_a_brand_is_quoted_for_the_shell() -> None:
    """Whatever its name holds, it is one argument."""
    assert remedy(Code.META, "a b; rm -rf {brand}").startswith("run 'orchestrator repair 'a b; rm -rf {brand}''")


def test_remedies_name_commands_at_all() -> None:
    """The pattern above finds them."""
    assert ["repair", "nike"] in commands(remedy(Code.META, "nike"))
    assert len(commands(remedy(Code.FULL, "nike"))) == 3


@pytest.mark.parametrize("kind", kinds())
def test_every_error_that_parks_has_a_code(kind: type[OrchestratorError]) -> None:
    """As the lane decides what parks; and a code of its own where another remedy helps."""
    outcome = next(outcome for each, outcome, _ in OUTCOMES if issubclass(kind, each))
    if outcome in {LaneOutcome.PARKED, LaneOutcome.FULL, LaneOutcome.LEFT, LaneOutcome.LOST}:
        assert code_of(example(kind)) is not None
    if kind in HARMLESS:
        assert code_of(example(kind)) is None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (OldStateError, Code.FORMAT),
        (UnreadableSettingsError, Code.UNREADABLE_SETTINGS),
        (InvalidStateError, Code.STATE),
        (WrongSizeError, Code.SIZE),
        (DamagedMetaError, Code.META),
    ],
)
def test_the_narrowest_error_decides(kind: type[OrchestratorError], code: Code) -> None:
    """What damaged states have in common needs different remedies."""
    assert code_of(example(kind)) is code


def test_parked_is_told_with_its_remedy() -> None:
    """One sentence for logs and pages."""
    assert (
        Parked(Code.META, "its epoch is b'inf'", 1, "a")
        .told("nike")
        .startswith("its epoch is b'inf': run 'orchestrator repair nike'")
    )
