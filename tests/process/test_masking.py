"""Secrets never survive masking, the rest of a text does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.process.masking import MASK, mask_secret, mask_text, printable


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:pw@host", "redis://:***@host"),
        ("redis://user:pw@host:1/2", "redis://user:***@host:1/2"),
        ("redis+sentinel://u:pw@h1:1,[::1]:2/m/0", "redis+sentinel://u:***@h1:1,[::1]:2/m/0"),
        ("rediss+cluster://:pw@h1,h2?ssl_password=pw", "rediss+cluster://:***@h1,h2?ssl_password=***"),
        ("redis+sentinel://u:pw@h1,u:pw2@h2/m", "redis+sentinel://u:***@h2/m"),
        ("redis://token@host", "redis://***@host"),
        ("redis://u:p@ss/w@host", "redis://u:***@host"),
        ("redis://h?password=pw&db=1", "redis://h?password=***&db=1"),
        ("https://hooks.example/x?token=abc", "https://hooks.example/x?token=***"),
        ("https://h/x?X-Amz-Date=1&X-Amz-Signature=abc&x=1", "https://h/x?X-Amz-Date=1&X-Amz-Signature=***&x=1"),
        ("az://c/f?account_key=abc&sig=d", "az://c/f?account_key=***&sig=***"),
        ("cannot reach redis://:pw@host: refused", "cannot reach redis://:***@host: refused"),
        ("no address, mail a@b", "no address, mail a@b"),
    ],
)
def test_mask_text_hides_credentials_of_urls(text: str, masked: str) -> None:
    """Passwords and tokens go; scheme, user, host and the words around stay."""
    assert mask_text(text) == masked


@given(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="\"'"), min_size=4))
def test_mask_text_hides_any_password(password: str) -> None:
    """No character in a password, bare ``@`` and ``/`` included, lets a part of it through."""
    assert mask_text(f"redis://app:{password}@host:6379/0") == "redis://app:***@host:6379/0"


def test_mask_secret_keeps_only_whether_it_is_set() -> None:
    """A secret as a whole shows nothing, not even its length."""
    assert (mask_secret("abc"), mask_secret("")) == (MASK, "")


@given(st.text())
def test_printable_leaves_nothing_that_steers_a_terminal(text: str) -> None:
    """Whatever comes in, what goes out is printable but for the joiners inside of letters and emoji."""
    shown = printable(text)
    assert shown.replace("\u200c", "").replace("\u200d", "").isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Café 👩\u200d🚀 東京", "Café 👩\u200d🚀 東京"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\nb", r"a\nb"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
    ],
)
def test_printable_shows_escapes_and_keeps_writing(text: str, shown: str) -> None:
    """Escape sequences and reordering marks become visible, scripts and emoji stay as they are."""
    assert printable(text) == shown


def test_printable_keeps_what_it_is_told_to() -> None:
    """A text of lines may keep its lines."""
    assert printable("a\nb\x07", keep="\n") == "a\nb\\x07"
