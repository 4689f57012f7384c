"""Connections to Redis: what each of them is told, the pool, and the one boundary at which errors are translated.

Owns no command of the protocol. Source of the choices: redis-py 8 retries ten times by default, so a command
whose reply was lost runs twice. Here nothing is retried silently: the lane decides what is safe to send again.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlencode

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.credentials import CredentialProvider
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from orchestrator.errors import StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.process.masking import mask_text
from orchestrator.process.secret_files import read_secret
from orchestrator.store.tls import TlsConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.connection import Connection, ConnectionInterface

    from orchestrator.contract.address import Address

# Redis quotes the arguments of a command that it does not know, and AUTH's argument is the password.
_QUOTED_ARGUMENTS: Final = re.compile(r",? with args beginning with:.*", re.DOTALL)
_READ_BYTES: Final = 256 * 1024  # in one call; a batch has megabytes, and redis-py's default is an eighth of this
NO_CONNECTION: Final = "No connection available."
# Error replies that redis-py has no class for and that say "later", not "never".
_TRANSIENT_REPLIES: Final = ("BUSY ", "UNBLOCKED ", "MASTERDOWN ")


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at Redis, beyond what the address says.

    Attributes:
        username: a user of its access list; empty for the one in the address, or the default user.
        password_file: file that holds the password, read at every connect; empty for the password in the address.
        sentinel_username: a user of the sentinels' own access list; empty for their default user.
        sentinel_password: at the sentinels; empty for none.
        sentinel_password_file: file that holds it, read at every connect.
    """

    username: str = ""
    password_file: str = ""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    sentinel_password_file: str = ""


class _PasswordFile(CredentialProvider):
    """What redis-py asks at every connect, so a password that was rotated is used without a restart."""

    def __init__(self, username: str, file: str, setting: str) -> None:
        self._username = username
        self._file = file
        self._setting = setting

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = read_secret(self._file)
        except ValueError as error:
            raise AuthenticationError(f"{self._setting}: {error}") from None
        return (self._username, password) if self._username else (password,)


def masked_url(url: str) -> str:
    """*url* with its password, wherever it stands, replaced by ``***``."""
    return mask_text(url)


class Pool(redis.BlockingConnectionPool):
    """Connections that can be made anew all at once; a thread that finds all of them in use waits for one.

    The plain pool raises as soon as all connections are in use, which is no failure of Redis.

    Attributes:
        renewals: how often all of them were made anew.
    """

    def __init__(self, **options: Any) -> None:
        self.renewals = 0
        self._outdated: set[ConnectionInterface] = set()  # those in use that are to be closed when they are given back
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def get_connection(self, command_name: str | None = None, *keys: object, **options: object) -> Connection:
        """A connection that is ready to send, made or made anew if need be.

        As the library's own, but for what that counts for metrics that nobody reads: half of what a short round trip
        costs this process.
        """
        del command_name, keys, options  # deprecated in the library
        try:
            connection = self.pool.get(timeout=self.timeout) or self.make_connection()  # type: ignore[no-untyped-call]
        except Empty:
            raise RedisConnectionError(NO_CONNECTION) from None
        try:
            if connection in self._outdated or not _ready(connection):
                # Before it connects: a renewal from here on closes it when it is given back.
                self._outdated.discard(connection)
                connection.disconnect()
                connection.connect()
        except BaseException:
            self.release(connection)
            raise
        return cast("Connection", connection)

    def release(self, connection: ConnectionInterface) -> None:
        """Take *connection* back, closed if it is to be made anew."""
        if connection in self._outdated:
            self._outdated.discard(connection)
            connection.disconnect()  # type: ignore[no-untyped-call]
        self.pool.put_nowait(connection)

    def renew(self) -> None:
        """Make every connection anew before its next use, which resolves the server's name again; thread-safe.

        Those in use go on until they are given back. It is the way to a primary that moved while the old one still
        answers: no connection breaks by itself then.
        """
        self.renewals += 1
        # All first: one that is given back before the free ones are taken out is closed for being here.
        self._outdated.update(self._connections)
        # The library's own way closes free connections where they lie, and a thread may have taken one by then. Out of
        # the queue they are ours.
        free: list[Connection | None] = []
        with suppress(Empty):
            while True:
                free.append(self.pool.get_nowait())
        for connection in free:
            if connection is not None:
                self._outdated.discard(connection)
                connection.disconnect()  # type: ignore[no-untyped-call]
        for connection in reversed(free):  # the one used last stays on top
            self.pool.put_nowait(connection)


def _ready(connection: Connection) -> bool:
    """Whether *connection* is open and nothing lies on it: neither an answer that nobody read nor its end."""
    try:
        return connection.is_connected and not connection.can_read()
    except RedisConnectionError:
        return False


def connection_options(address: Address, *, timeout_s: float, login: Login) -> dict[str, Any]:
    """What redis-py is told of every connection to a server at *address*, but for its host and port or path."""
    query = urlencode(address.options)
    options: dict[str, Any] = parse_url(f"redis{'s' * address.tls}://?{query}")  # type: ignore[no-untyped-call]
    username = login.username or address.username
    if address.tls:
        options["connection_class"] = TlsConnection
    # Ours last: an address must not turn off what the protocol rests on.
    return options | {
        **credentials(username, address.password, login.password_file, "REDIS_PASSWORD_FILE"),
        "db": address.database,
        "protocol": 3,  # hints need its push messages; everything else works the same
        "decode_responses": False,
        # redis-py closes a connection whose reply was late, so that nobody takes it for the next one's.
        "socket_timeout": timeout_s,
        "socket_read_size": _READ_BYTES,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),  # the default sends again, and a commit's attempts must be the lane's own
        # Off: it lets redis-py move a connection to another server by itself, between a question and its reply.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def credentials(username: str, password: str, file: str = "", setting: str = "") -> dict[str, Any]:
    """What redis-py is told of a login; beside a provider, which reads *file*, it wants to be told nothing else.

    Args:
        username: empty for the default user.
        password: empty for none; of no meaning if there is a file.
        file: that holds the password.
        setting: which names the file, for messages.
    """
    if file:
        return {"credential_provider": _PasswordFile(username, file, setting)}
    return {name: text for name, text in (("username", username), ("password", password)) if text}


def moved(reply: object) -> bool:
    """Whether *reply* is the error of a server that is a replica now: the primary is elsewhere."""
    # Before version 7, an error inside of a script has no code of its own, only a text around the first one.
    return isinstance(reply, ReadOnlyError) or (isinstance(reply, ResponseError) and "-READONLY " in str(reply))


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of redis-py, and of its socket, into one of ``errors.py``."""
    try:
        yield
    # OSError: a socket's errors are redis-py's own in most places, not in all.
    except (RedisError, OSError) as error:
        raise translate(error) from None  # a traceback prints causes, and the original may quote the password


def translate(error: Exception) -> StoreError:
    """The error of ours that *error* of redis-py means.

    Refused: the server answered, and the command changed nothing. Unavailable: there was no answer, or one that
    says to come back later, and whether the command ran is unknown.
    """
    if isinstance(error, StoreError):  # of a node of a cluster, in place of a reply
        return error
    # status_code: redis-py keeps the reply's first word there where it has a class for it.
    code = getattr(error, "status_code", None) or type(error).__name__
    text = f"{code}: {mask_text(_QUOTED_ARGUMENTS.sub('', str(error)))}"
    # The order matters: redis-py derives AuthenticationError from ConnectionError, and NoScriptError and TryAgainError
    # from ResponseError; each must be caught before its parent decides.
    if isinstance(error, AuthenticationError | AuthorizationError):
        return StoreRefusedError(text)
    # NoScriptError: a server that was restarted; the scripts are loaded again at the next try.
    if isinstance(error, TryAgainError | ClusterDownError | NoScriptError | InvalidResponse):
        return StoreUnavailableError(text)
    if isinstance(error, ResponseError) and not str(error).startswith(_TRANSIENT_REPLIES):
        return StoreRefusedError(text)
    return StoreUnavailableError(text)


def checked(reply: Any) -> Any:
    """*reply*, unless it is an error reply.

    Raises:
        StoreError: what the error reply means.
    """
    if isinstance(reply, Exception):
        raise translate(reply)
    return reply
