"""The mark of a pause: written, read back, and told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.pauses import Pause, check_by, check_reason, resuming
from orchestrator.errors import PauseError

NOON_MS = 1_795_780_800_000  # 2026-11-27T12:00:00Z


@given(
    st.text(max_size=256),
    st.text(max_size=128),
    st.integers(1, NOON_MS),
    st.none() | st.integers(0, 2**53),
)
def test_a_mark_is_read_as_it_was_written(reason: str, by: str, since_ms: int, until_ms: int | None) -> None:
    """Whatever the reason says, also what looks like a part of a mark."""
    pause = Pause(reason, by, since_ms, until_ms)
    assert Pause.read(pause.mark()) == pause
    assert json.loads(pause.mark()) == {"untilMs": until_ms, "sinceMs": since_ms, "reason": reason, "by": by}


@given(st.binary(max_size=300))
def test_any_bytes_are_a_pause(mark: bytes) -> None:
    """Without an end, unless they begin as ours do."""
    assert Pause.read(mark).until_ms is None


def test_the_end_is_where_our_marks_begin() -> None:
    """Elsewhere in the document it is none, so that the guard in Redis need not parse it."""
    assert Pause.read(b'{"untilMs":5,').until_ms == 5
    assert Pause.read(b'{"reason":"x","untilMs":5}').until_ms is None
    assert Pause.read(b'{"reason":{"untilMs":5,"x":1}}').until_ms is None
    assert Pause.read(Pause('","untilMs":5,"', "x", 1, None).mark()).until_ms is None


def test_a_pause_holds_until_its_end() -> None:
    """One without an end holds for ever."""
    assert Pause("", "", 1, 10).holds(9)
    assert not Pause("", "", 1, 10).holds(10)
    assert Pause("", "", 1, None).holds(NOON_MS)


@pytest.mark.parametrize(
    ("pause", "told"),
    [
        (
            Pause("a bad deploy", "ops@host", NOON_MS, NOON_MS + 3_600_000),
            "paused by ops@host since 2026-11-27T12:00:00Z until 2026-11-27T13:00:00Z: a bad deploy",
        ),
        (Pause("", "ops@host", NOON_MS, None), "paused by ops@host since 2026-11-27T12:00:00Z"),
        (Pause("", "", 0, None), "paused"),
        (Pause("", "", 0, 10**18), "paused until the end of time"),
    ],
)
def test_a_pause_is_told_in_a_sentence(pause: Pause, told: str) -> None:
    """With what is known of it."""
    assert str(pause) == told


def test_times_that_are_none_are_not_told() -> None:
    """A foreign mark may have any number."""
    assert Pause.read(b'{"untilMs":null,"sinceMs":-5}').since_ms == 0
    assert Pause.read(b'{"untilMs":null,"sinceMs":999999999999999999}').since_ms == 0
    assert str(Pause.read(b"nonsense")) == "paused: its mark cannot be read"


def test_a_foreign_mark_is_cut_to_what_we_would_have_written() -> None:
    """It is shown wherever the brand is."""
    pause = Pause.read(Pause("x" * 1_000, "y" * 1_000, 1, None).mark())
    assert (len(pause.reason), len(pause.by)) == (256, 128)


def test_the_remedy_can_be_pasted() -> None:
    """Into a shell, for any brand."""
    assert resuming("it's") == """orchestrator brands resume 'it'"'"'s'"""


def test_reasons_are_lines_of_text() -> None:
    """Trimmed; a message says what is wrong."""
    assert check_reason(" x ") == "x"
    with pytest.raises(PauseError, match="at most 256"):
        check_reason("x" * 257)
    with pytest.raises(PauseError, match="one line of text"):
        check_by("a\nb")
