"""One format for all lines, with context, without secrets and payloads."""

from __future__ import annotations

import io
import json
import logging
import warnings
from typing import Any

import structlog

from orchestrator.process.logs import MAX_VALUE_CHARS, configure_logging


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return what was logged, decoded."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_configure_logging_writes_json_off_a_terminal() -> None:
    """A line is one JSON object with time, level, message, logger and orchestrator."""
    out = io.StringIO()
    configure_logging("o-1", "info", "auto", out)
    structlog.get_logger("orchestrator.lane").info("committed", chunks=3)
    (line,) = lines_of(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "message": "committed",
        "orchestrator": "o-1",
        "chunks": 3,
        "logger": "orchestrator.lane",
    }


def test_configure_logging_is_readable_on_a_terminal() -> None:
    """People get a line for people."""
    out = Terminal()
    configure_logging("o-1", "info", "auto", out)
    structlog.get_logger().info("committed")
    assert "committed" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_log_lines_carry_brand_and_lane_from_the_context() -> None:
    """What a lane binds stands in each line below it, in those of libraries too, and nowhere else."""
    out = io.StringIO()
    configure_logging("o-1", "info", "json", out)
    with structlog.contextvars.bound_contextvars(brand="nike", lane=2):
        structlog.get_logger().info("ours")
        logging.getLogger("hypercorn.error").info("theirs %d", 7)
    structlog.get_logger().info("after")
    ours, theirs, after = lines_of(out)
    assert (ours["brand"], ours["lane"]) == (theirs["brand"], theirs["lane"]) == ("nike", 2)
    assert theirs["message"] == "theirs 7"
    assert "brand" not in after
    assert {line["orchestrator"] for line in (ours, theirs, after)} == {"o-1"}


def test_log_level_applies_to_both_worlds() -> None:
    """Below the level nothing is written; chatty libraries start at warning."""
    out = io.StringIO()
    configure_logging("o-1", "info", "json", out)
    structlog.get_logger().debug("no")
    logging.getLogger("quart.app").debug("no")
    logging.getLogger("redis").info("no")
    logging.getLogger("redis").warning("yes")
    assert [line["message"] for line in lines_of(out)] == ["yes"]


def test_warnings_become_log_lines() -> None:
    """A library's deprecation is one line in the log, not loose text on standard error."""
    out = io.StringIO()
    configure_logging("o-1", "info", "json", out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old habit", stacklevel=1)
    assert "old habit" in lines_of(out)[0]["message"]


def test_log_lines_hold_no_secrets() -> None:
    """Credentials are masked in messages, values at any depth, and tracebacks."""
    out = io.StringIO()
    configure_logging("o-1", "info", "json", out)
    url = "redis://app:s3cret@db"
    try:
        int(url)
    except ValueError:
        structlog.get_logger().exception(f"no {url}", urls=[url], deep={"password": "s3cret", "x": (url,)})
    logging.getLogger("redis").error("cannot reach %s", url)
    assert "s3cret" not in out.getvalue()
    assert out.getvalue().count("app:***@db") >= 4


def test_log_lines_hold_no_payloads() -> None:
    """Texts under a payload's name are withheld, long values cut; numbers of that name pass."""
    out = io.StringIO()
    configure_logging("o-1", "info", "json", out)
    structlog.get_logger().info("x", payload="what people said", mentions=["m1"], error="y" * 9_000)
    structlog.get_logger().info("x", mentions=3)
    first, second = lines_of(out)
    assert first["payload"] == "<withheld, 16 long>"
    assert first["mentions"] == "<withheld, 1 long>"
    assert len(first["error"]) < MAX_VALUE_CHARS + 30
    assert second["mentions"] == 3


def test_log_tracebacks_hold_no_local_variables() -> None:
    """A local variable may be a mention's text, on a terminal as elsewhere."""
    for out in (io.StringIO(), Terminal()):
        configure_logging("o-1", "info", "auto", out)
        text = "what people " + "said"
        try:
            int(f"a{len(text)}")
        except ValueError:
            structlog.get_logger().exception("failed")
        assert "'a16'" in out.getvalue()
        assert "what people said" not in out.getvalue()


def test_terminal_lines_hold_no_control_characters() -> None:
    """Escape sequences from outside are shown, not carried out."""
    out = io.StringIO()
    configure_logging("o-1", "info", "console", out)
    structlog.get_logger().info("bad\x1b[2J", brand="a\x07b\u202e")
    assert out.getvalue().strip().isprintable()
    assert r"bad\x1b[2J" in out.getvalue()


def test_json_lines_survive_any_value() -> None:
    """Bytes, surrogates, objects and newlines never cost a line."""
    out = io.StringIO()
    configure_logging("o-1", "info", "json", out)
    structlog.get_logger().info("x", a=b"\xff", b="\ud800\n", c=object(), d={1: {2}}, e=float("nan"))
    assert len(out.getvalue().splitlines()) == 1


def test_configure_logging_again_replaces_the_former_way_out() -> None:
    """A second call does not double the lines."""
    first, second = io.StringIO(), io.StringIO()
    configure_logging("o-1", "info", "json", first)
    configure_logging("o-2", "info", "json", second)
    structlog.get_logger().info("x")
    assert first.getvalue() == ""
    assert [line["orchestrator"] for line in lines_of(second)] == ["o-2"]
