"""Sessions of operators: signed, bounded in life, ended by a rotation of the token; failed attempts are bounded."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from orchestrator.http.access import Access, AccessOptions
from orchestrator.http.sessions import (
    FAILURES_S,
    LIFETIME_S,
    MAX_ADDRESSES,
    MAX_COOKIE_CHARS,
    MAX_ENDED,
    MAX_FAILURES,
    MAX_FAILURES_IN_ALL,
    MAX_WHO_CHARS,
    Attempts,
    Session,
    Sessions,
)

if TYPE_CHECKING:
    from pathlib import Path

TOKEN, OTHER = "t" * 20, "u" * 20
NOW_S = 1_795_753_359.5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with two operators' tokens."""
    path = tmp_path / "operators"
    path.write_text(f"{OTHER}\n{TOKEN}\n")
    return path


@pytest.fixture
def sessions(file: Path) -> Sessions:
    """The sessions of a process with that file."""
    return Sessions(Access(AccessOptions(operator_token_file=str(file))))


def begun(sessions: Sessions, who: str = "ann") -> tuple[str, Session]:
    """A cookie and its session."""
    cookie = sessions.begin(TOKEN, who, NOW_S)
    assert cookie is not None
    found = sessions.find(cookie, NOW_S)
    assert found is not None
    return cookie, found


def test_a_session_knows_who_began_it(sessions: Sessions) -> None:
    """The name comes back, shortened; each session has a token of its own for its forms."""
    _, first = begun(sessions)
    _, second = begun(sessions, "b" * 1_000)
    assert (first.who, second.who) == ("ann", "b" * MAX_WHO_CHARS)
    assert first.allows(first.form_token)
    assert not first.allows(second.form_token)
    assert not first.allows("")
    assert not first.allows("\udcff")


@pytest.mark.parametrize("token", ["", "x" * 20, TOKEN[:-1], f"{TOKEN}x", "\udcff"])
def test_only_an_operators_token_begins_one(sessions: Sessions, token: str) -> None:
    """Neither a part of it nor anything else."""
    assert sessions.begin(token, "ann", NOW_S) is None


def test_nobody_begins_one_without_a_file_of_operators() -> None:
    """No setting, no actions."""
    sessions = Sessions(Access(AccessOptions()))
    assert sessions.begin("", "ann", NOW_S) is None
    assert sessions.find("", NOW_S) is None


def test_a_session_ends_by_itself(sessions: Sessions) -> None:
    """After a working day; and it is none long before it was begun."""
    cookie, _ = begun(sessions)
    assert sessions.find(cookie, NOW_S + LIFETIME_S - 1) is not None
    assert sessions.find(cookie, NOW_S + LIFETIME_S) is None
    assert sessions.find(cookie, NOW_S - 2 * LIFETIME_S) is None


def test_a_session_can_be_ended(sessions: Sessions) -> None:
    """Whoever kept its cookie has nothing; other sessions go on; what is remembered is bounded."""
    cookie, session = begun(sessions)
    kept, _ = begun(sessions)
    sessions.end(session)
    assert sessions.find(cookie, NOW_S) is None
    assert sessions.find(kept, NOW_S) is not None
    for number in range(MAX_ENDED):
        sessions.end(Session("x", 0, str(number), ""))
    assert sessions.find(cookie, NOW_S) is not None


def test_a_token_that_is_taken_out_ends_its_sessions(sessions: Sessions, file: Path) -> None:
    """And no other's."""
    cookie, _ = begun(sessions)
    other = sessions.begin(OTHER, "bob", NOW_S)
    assert other is not None
    file.write_text(f"{OTHER}\n")
    assert sessions.find(cookie, NOW_S) is None
    assert sessions.find(other, NOW_S) is not None


def test_another_process_with_the_file_knows_the_session(sessions: Sessions, file: Path) -> None:
    """A restart and a load balancer sign nobody out."""
    cookie, session = begun(sessions)
    assert Sessions(Access(AccessOptions(operator_token_file=str(file)))).find(cookie, NOW_S) == session


def test_a_cookie_cannot_be_forged(sessions: Sessions) -> None:
    """Not one bit of it may change."""
    cookie, _ = begun(sessions)
    raw = base64.urlsafe_b64decode(cookie)
    for place in range(len(raw)):
        forged = bytearray(raw)
        forged[place] ^= 1
        assert sessions.find(base64.urlsafe_b64encode(bytes(forged)).decode(), NOW_S) is None


@pytest.mark.parametrize("cookie", ["", "=", "x", "\xff", "A" * MAX_COOKIE_CHARS, "A" * 10_000, "AAAA" * 20])
def test_what_is_no_cookie_is_no_session(sessions: Sessions, cookie: str) -> None:
    """Whatever a client sends."""
    assert sessions.find(cookie, NOW_S) is None


def test_a_cookie_is_read_back_whatever_the_name_is(sessions: Sessions) -> None:
    """The longest name in the dearest characters fits."""
    for who in ("\N{SNOWMAN}" * 500, '"' * 500, "\x00" * 500, "\N{GRINNING FACE}" * 500):
        cookie, session = begun(sessions, who)
        assert session.who == who[:MAX_WHO_CHARS]
        assert len(cookie) <= MAX_COOKIE_CHARS


def test_failed_attempts_are_bounded_by_address() -> None:
    """Ten a minute; another address is not held up."""
    attempts = Attempts()
    for _ in range(MAX_FAILURES):
        assert attempts.allowed("a", NOW_S)
        attempts.failed("a", NOW_S)
    assert not attempts.allowed("a", NOW_S + FAILURES_S - 1)
    assert attempts.allowed("b", NOW_S)
    assert attempts.allowed("a", NOW_S + FAILURES_S)


def test_failed_attempts_are_bounded_in_all() -> None:
    """Also where each comes from an address of its own, and what is kept of them."""
    attempts = Attempts()
    for number in range(MAX_FAILURES_IN_ALL):
        assert attempts.allowed("b", NOW_S)
        attempts.failed(str(number), NOW_S)
    assert not attempts.allowed("b", NOW_S)
    for number in range(2 * MAX_ADDRESSES):
        attempts.failed(str(number), NOW_S)
    assert attempts.allowed("b", NOW_S + FAILURES_S)
