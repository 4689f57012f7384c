"""Who may do what over HTTP: tokens from files, and the hosts that this service is called by.

Owns the decision; :mod:`orchestrator.http.guard` asks for it at every request. Tokens are read from their files each
time, so that a rotation needs no restart, and several are valid at once while clients change over. They are compared
in constant time, and never logged or shown. A file that cannot be read lets nobody in.

Sources: RFC 6750 (Bearer), RFC 7617 (Basic, so that a browser can sign in), RFC 9110, 7.4 (421 for a foreign host,
which keeps a page of somebody else from reading ours under a name of its own).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
import trio

from orchestrator.process.secret_files import read_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

MIN_TOKEN_CHARS: Final = 16
MAX_TOKEN_CHARS: Final = 512
MAX_TOKENS: Final = 100
MAX_FILE_BYTES: Final = 64 * 1024

READ_TIMEOUT_S: Final = 5.0
MAX_THREADS: Final = 4
"""Requests whose tokens are looked at at the same time; more wait, also when a file system hangs."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")

_log = structlog.get_logger(__name__)


class Right(IntEnum):
    """What a request may do; the greater includes the smaller."""

    NOTHING = 0
    READ = 1
    ACT = 2


def parse_tokens(text: str) -> list[str]:
    """The tokens in *text*, one a line; empty lines and lines that begin with ``#`` are none.

    Raises:
        ValueError: there is none, or one has a wrong form; the message does not quote it.
    """
    lines = [line.strip() for line in text.splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not 1 <= len(tokens) <= MAX_TOKENS:
        raise ValueError(f"it has {len(tokens)} tokens, it needs 1 to {MAX_TOKENS}, one a line")
    for number, line in enumerate(lines, 1):
        fits = MIN_TOKEN_CHARS <= len(line) <= MAX_TOKEN_CHARS and _TOKEN.fullmatch(line)
        if line in tokens and not fits:
            raise ValueError(
                f"line {number} must be {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} letters, digits or any of -._~+/"
            )
    return tokens


class TokenFile:
    """The tokens in one file, as it is now."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._trouble = ""

    def check(self) -> None:
        """Return if the file has tokens.

        Raises:
            ValueError: it has none, or cannot be read; the message names what is wrong, without any of it.
        """
        self._read()

    def tokens(self) -> Sequence[str]:
        """The tokens; none, and a line in the log, if the file cannot be read any more."""
        try:
            tokens = self._read()
        except ValueError as error:
            if str(error) != self._trouble:
                _log.error("token file not usable, nobody is let in by it", file=self._path, reason=str(error))
            self._trouble = str(error)
            return ()
        self._trouble = ""
        return tokens

    def _read(self) -> list[str]:
        return parse_tokens(read_bounded(self._path, MAX_FILE_BYTES).decode("ascii", "replace"))


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who is let in.

    Attributes:
        token_file: tokens that read; empty: everybody reads.
        operator_token_file: tokens that act, and read; empty: nobody acts.
        hosts: names by which this service may be called, in lower case, with or without port; none: any.
    """

    token_file: str = ""
    operator_token_file: str = ""
    hosts: frozenset[str] = frozenset()


class Access:
    """Decides what a request may do, from its headers."""

    def __init__(self, options: AccessOptions) -> None:
        self._hosts = options.hosts
        self._readers = TokenFile(options.token_file) if options.token_file else None
        self._operators = TokenFile(options.operator_token_file) if options.operator_token_file else None
        self._key = secrets.token_bytes(32)
        self._threads = trio.CapacityLimiter(MAX_THREADS)

    @property
    def guarded(self) -> bool:
        """Whether reading needs a token."""
        return self._readers is not None

    def check(self) -> None:
        """Return if every file has tokens.

        Raises:
            ValueError: one has none; the message begins with the name of its setting.
        """
        for name, file in (("HTTP_TOKEN_FILE", self._readers), ("HTTP_OPERATOR_TOKEN_FILE", self._operators)):
            try:
                if file is not None:
                    file.check()
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    def knows_host(self, host: str) -> bool:
        """Whether *host*, as a request names it, is one of ours."""
        host = host.lower()
        return not self._hosts or host in self._hosts or _without_port(host) in self._hosts

    async def judge(self, authorization: str) -> Right:
        """As :meth:`right`, with the files read off the loop."""
        if not authorization or (self._readers is None and self._operators is None):
            return self.right(authorization)  # which reads no file
        return await self.ask(partial(self.right, authorization), otherwise=self.right(""))

    async def ask(self, question: Callable[[], T], *, otherwise: T) -> T:
        """The answer to *question*, which reads files: on a thread, since a file system that hangs holds the loop.

        While it hangs nobody is let in by its file, as if it could not be read: the answer is *otherwise* then.
        """
        with trio.move_on_after(READ_TIMEOUT_S):
            return await trio.to_thread.run_sync(question, limiter=self._threads, abandon_on_cancel=True)
        _log.error("token files not read in time, nobody is let in by them", timeout_s=READ_TIMEOUT_S)
        return otherwise

    def right(self, authorization: str) -> Right:
        """What a request with this ``Authorization`` header, empty if it has none, may do.

        Somebody else's page can let a browser send what it was given for Basic. So that never acts.
        """
        least = Right.NOTHING if self._readers is not None else Right.READ
        scheme, _, value = authorization.partition(" ")
        bearer = scheme.lower() == "bearer"
        given = value.strip() if bearer else _password(value) if scheme.lower() == "basic" else ""
        if not given:
            return least
        # Both are asked whatever the first says, so that an answer's time tells nothing.
        acts, reads = self._is_of(self._operators, given), self._is_of(self._readers, given)
        if acts:
            return Right.ACT if bearer else Right.READ
        return Right.READ if reads else least

    @property
    def has_operators(self) -> bool:
        """Whether anybody may act at all."""
        return self._operators is not None

    def operators(self) -> Sequence[str]:
        """The operators' tokens, as they are now."""
        return () if self._operators is None else self._operators.tokens()

    def is_operators(self, token: str) -> bool:
        """Whether *token* is an operator's."""
        return self._is_of(self._operators, token)

    def _is_of(self, file: TokenFile | None, given: str) -> bool:
        if file is None:
            return False
        digest = self._digest(given)
        same = [hmac.compare_digest(digest, self._digest(token)) for token in file.tokens()]  # all: no early end
        return True in same

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode("utf-8", "replace"), key=self._key).digest()


def _password(value: str) -> str:
    """The password of Basic credentials, empty if they are none; any user name will do."""
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and (name.endswith("]") or ":" not in name) else host
