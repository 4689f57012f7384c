"""Tokens from files, and the names of this service: who is let in, and that nothing of a token gets out."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http import access as access_module
from orchestrator.http.access import Access, AccessOptions, Right, TokenFile, parse_tokens
from orchestrator.process import secret_files

READER, OTHER, OPERATOR = "reader-" + "r" * 20, "other-" + "o" * 20, "operator/" + "p" * 20


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A file of each kind."""
    readers, operators = tmp_path / "readers", tmp_path / "operators"
    readers.write_text(f"# two, while clients change over\n{READER}\n\n{OTHER}\n")
    operators.write_text(OPERATOR)
    return readers, operators


@pytest.fixture
def access(files: tuple[Path, Path]) -> Access:
    """Access by both files."""
    return Access(AccessOptions(str(files[0]), str(files[1])))


def basic(password: str, user: str = "anybody") -> str:
    """The header that a browser sends."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (f"Bearer {READER}", Right.READ),
        (f"bearer  {OTHER} ", Right.READ),
        (f"Bearer {OPERATOR}", Right.ACT),
        (basic(READER), Right.READ),
        (basic(OTHER, user=""), Right.READ),
        (basic(OPERATOR), Right.READ),  # a browser attaches it to requests that others made up
        ("", Right.NOTHING),
        ("Bearer", Right.NOTHING),
        (READER, Right.NOTHING),
        (f"Token {READER}", Right.NOTHING),
        (f"Bearer {READER}x", Right.NOTHING),
        (f"Bearer {READER[:-1]}", Right.NOTHING),
        ("Bearer # two, while clients change over", Right.NOTHING),
        (basic(""), Right.NOTHING),
        ("Basic !", Right.NOTHING),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), Right.NOTHING),
        ("Bearer \xe9\ud800", Right.NOTHING),
    ],
)
def test_right_is_what_the_token_gives(access: Access, header: str, right: Right) -> None:
    """As Bearer, or as the password of any user."""
    assert access.right(header) is right


@given(st.text())
def test_right_takes_any_header(header: str) -> None:
    """Nothing that a client sends is more than a wrong token."""
    assert Access(AccessOptions(token_file=__file__)).right(header) is Right.NOTHING


def test_everybody_reads_without_a_token_file(files: tuple[Path, Path]) -> None:
    """Also with a header that is meant for a proxy in front; and an operator acts."""
    access = Access(AccessOptions(operator_token_file=str(files[1])))
    headers = ["", basic("proxy"), "Bearer nonsense", f"Bearer {OPERATOR}"]
    assert [access.right(header) for header in headers] == [Right.READ, Right.READ, Right.READ, Right.ACT]


def test_rotation_needs_no_restart(access: Access, files: tuple[Path, Path]) -> None:
    """The next request is judged by what the file holds then, also where a link is turned to another file."""
    new = "new-" + "n" * 20
    files[0].write_text(new)
    assert [access.right(f"Bearer {token}") for token in (READER, new)] == [Right.NOTHING, Right.READ]
    swapped = files[0].with_name("swapped")
    swapped.write_text(OTHER)
    files[0].unlink()
    files[0].symlink_to(swapped)
    assert [access.right(f"Bearer {token}") for token in (new, OTHER)] == [Right.NOTHING, Right.READ]


def test_a_file_that_is_gone_lets_nobody_in(
    access: Access, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and again after it was there in between."""
    told: list[str] = []
    monkeypatch.setattr(access_module._log, "error", lambda _, **fields: told.append(str(fields)), raising=False)
    content = files[0].read_text()
    for _ in range(2):
        files[0].unlink()
        assert [access.right(f"Bearer {READER}") for _ in range(3)] == [Right.NOTHING] * 3
        files[0].write_text(content)
        assert access.right(f"Bearer {READER}") is Right.READ
    assert len(told) == 2
    assert READER not in "".join(told)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has 0 tokens"),
        ("# nothing\n\n", "it has 0 tokens"),
        ("short", "line 1 must be 16 to 512"),
        (f"{READER}\nhas blanks in its midst", "line 2 must be"),
        ("s" * 513, "line 1 must be"),
        ("pa\N{LATIN SMALL LETTER SHARP S}wort-und-noch-mehr", "line 1 must be"),
        ("\n".join(f"{READER}{number}" for number in range(101)), "it has 101 tokens"),
    ],
)
def test_a_file_without_fit_tokens_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The message names the line and what would be right, and quotes nothing."""
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        Access(AccessOptions(token_file=str(file))).check()
    assert str(caught.value).startswith("HTTP_TOKEN_FILE: ")
    assert not text.strip() or text.splitlines()[-1] not in str(caught.value) or text.startswith("#")


def test_check_names_what_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, an endless file."""
    large = tmp_path / "large"
    large.write_bytes(b"#" * (access_module.MAX_FILE_BYTES + 1))
    for path, said in ((tmp_path / "none", "No such file"), (tmp_path, "directory"), (large, "more than")):
        with pytest.raises(ValueError, match=said):
            TokenFile(str(path)).check()


def test_parse_tokens_takes_what_generators_make() -> None:
    """Base64, base64 for addresses, hexadecimal, UUIDs."""
    tokens = [
        "q83vEjRWeJCrze8SNFZ4kA==",
        "a-b_c~d.e/f+gggggg",
        "0123456789abcdef",
        "8c1e2f4a-0000-4000-8000-000000000000",
    ]
    assert parse_tokens("\r\n".join(tokens)) == tokens


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("summaries.example.com", True),
        ("Summaries.Example.COM:9000", True),
        ("localhost:9000", True),
        ("localhost", False),
        ("localhost:9001", False),
        ("[::1]:9000", True),
        ("evil.example", False),
        ("summaries.example.com.evil.example", False),
        ("", False),
        ("summaries.example.com:", False),
        ("summaries.example.com:80:80", False),
    ],
)
def test_knows_host_compares_whole_names(host: str, known: bool) -> None:  # noqa: FBT001 - a table
    """A name that is listed without a port is known with any port, one with a port with that one."""
    access = Access(AccessOptions(hosts=frozenset({"summaries.example.com", "localhost:9000", "[::1]"})))
    assert access.knows_host(host) is known


def test_any_host_is_known_without_a_list() -> None:
    """The default."""
    assert Access(AccessOptions()).knows_host("evil.example")


async def test_judge_reads_files_off_the_loop(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system may hang, and probes have to be answered meanwhile; without a header no file is asked."""
    readers: list[int] = []

    def noted(path: str, most_bytes: int) -> bytes:
        readers.append(threading.get_ident())
        return secret_files.read_bounded(path, most_bytes)

    monkeypatch.setattr(access_module, "read_bounded", noted)
    assert await access.judge("") is Right.NOTHING
    assert readers == []
    assert await access.judge(f"Bearer {READER}") is Right.READ
    assert len(readers) == 2
    assert threading.get_ident() not in readers


async def test_judge_lets_nobody_in_while_the_files_hang(
    access: Access,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - time passes at once
) -> None:
    """As by a file that cannot be read. Virtual time: five seconds pass at once, the thread stays where it is."""
    mended = threading.Event()
    monkeypatch.setattr(access_module, "read_bounded", lambda _path, _most_bytes: mended.wait() and b"")
    assert await access.judge(f"Bearer {READER}") is Right.NOTHING
    assert trio.current_time() == pytest.approx(access_module.READ_TIMEOUT_S)
    mended.set()
