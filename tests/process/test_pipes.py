"""Whoever read the output is gone: it is noticed without a write, once, and nothing fails on the way out."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from orchestrator.process.pipes import watching_readers

DEADLINE_S = 30


def test_reader_that_goes_is_noticed_without_a_write() -> None:
    """And what is written from then on leads nowhere."""
    reading, writing = os.pipe()
    gone = threading.Event()
    with watching_readers([writing], gone.set):
        assert not gone.is_set()
        os.close(reading)
        assert gone.wait(DEADLINE_S)
        assert os.write(writing, b"the last words") == 14
    os.close(writing)


def test_one_of_several_is_enough(tmp_path: Path) -> None:
    """Files and what is closed are none of its business, and the other pipe stays as it is."""
    (one, to_one), (two, to_two) = os.pipe(), os.pipe()
    gone: list[int] = []
    noticed = threading.Event()

    def end() -> None:
        gone.append(1)
        noticed.set()

    with (tmp_path / "log").open("w") as file:
        os.close(reading := os.dup(one))
        with watching_readers([file.fileno(), reading, to_one, to_two], end):
            os.close(two)
            assert noticed.wait(DEADLINE_S)
    assert gone == [1]
    os.write(to_one, b"x")
    assert os.read(one, 1) == b"x"
    for descriptor in (one, to_one, to_two):
        os.close(descriptor)


def test_reader_that_stays_is_left_alone() -> None:
    """The end of the watch calls nothing."""
    reading, writing = os.pipe()
    gone: list[int] = []
    with watching_readers([writing], lambda: gone.append(1)):
        pass
    os.write(writing, b"x")
    assert (os.read(reading, 1), gone) == (b"x", [])
    os.close(reading)
    os.close(writing)


def test_without_a_pipe_nothing_is_watched(tmp_path: Path) -> None:
    """No thread begins for a file."""
    before = threading.active_count()
    with (tmp_path / "log").open("w") as file, watching_readers([file.fileno()], lambda: None):
        assert threading.active_count() == before
