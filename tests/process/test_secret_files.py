"""Secrets come from files as they are mounted, and no error quotes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.process.secret_files import MAX_SECRET_BYTES, read_secret

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("text", ["s3cret", "s3cret\n", "s3cret\r\n", "s3cret\n\n"])
def test_read_secret_leaves_out_the_line_end(tmp_path: Path, text: str) -> None:
    """Editors and ``echo`` put one there."""
    file = tmp_path / "secret"
    file.write_bytes(text.encode())
    assert read_secret(str(file)) == "s3cret"


def test_read_secret_keeps_blanks(tmp_path: Path) -> None:
    """They may be part of a password."""
    file = tmp_path / "secret"
    file.write_text(" pass word \n")
    assert read_secret(str(file)) == " pass word "


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"s3cret\nsecond", "one line of printable UTF-8"),
        (b"s3cret\x00", "one line of printable UTF-8"),
        (b"s3cret\xff", "one line of printable UTF-8"),
        (b"s3cret" * MAX_SECRET_BYTES, f"more than {MAX_SECRET_BYTES} bytes"),
    ],
)
def test_read_secret_says_what_is_wrong_with_the_file(tmp_path: Path, data: bytes, problem: str) -> None:
    """The message names the file, and quotes nothing of it."""
    file = tmp_path / "token"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=problem) as caught:
        read_secret(str(file))
    assert str(file) in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "", "nul\0"])
def test_read_secret_says_that_there_is_no_file(tmp_path: Path, name: str) -> None:
    """A folder, a missing file, and what is no path."""
    with pytest.raises(ValueError, match="cannot be read"):
        read_secret(str(tmp_path / name))
