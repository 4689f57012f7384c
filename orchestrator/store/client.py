"""The threaded Redis client: how it connects, and the one boundary that translates its errors.

Owns no command of the protocol. Source of the choices: redis-py 8 retries ten
times by default, so that a command whose reply was lost runs twice; here nothing
is retried silently, the lane decides what is safe to send again.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    InvalidResponse,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from orchestrator.errors import SettingsError, StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.masking import mask_text
from orchestrator.store import scripts
from orchestrator.store.wire import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redis.connection import ConnectionInterface

    from orchestrator.store.wire import Command

    Meanwhile = Callable[[], Sequence[Command]]

SCRIPT_ATTEMPTS: Final = 3
"""Times that a pipeline is sent when the server has forgotten a script: once, and again after each reload."""

# Redis quotes the arguments of a command that it does not know, and AUTH's argument is the password.
_QUOTED_ARGUMENTS: Final = re.compile(r",? with args beginning with:.*", re.DOTALL)
_TRANSIENT_REPLIES: Final = ("BUSY ", "UNBLOCKED ", "MASTERDOWN ")


def masked_url(url: str) -> str:
    """*url* with its password, wherever it stands, replaced by ``***``."""
    return mask_text(url)


def connect(url: str, *, timeout_s: float, pool_size: int) -> redis.Redis:
    """A client for *url* that never retries by itself and has at most *pool_size* connections.

    Nothing is sent yet. A thread that finds all connections in use waits for one, at most *timeout_s*.

    Raises:
        SettingsError: *url* is not a Redis URL.
    """
    try:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=pool_size,
            timeout=timeout_s,
            protocol=3,  # hints need its push messages; everything else works the same
            socket_timeout=timeout_s,
            socket_read_size=1 << 18,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except (ValueError, TypeError):
        # The library's text may quote the address, and with it the password.
        raise SettingsError(
            "REDIS_URL must look like redis://[user:password@]host[:port][/db], rediss://... or unix:///path"
        ) from None
    return redis.Redis.from_pool(pool)  # close() closes the pool, too


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of redis-py and the socket beneath it into one of ``errors.py``."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise translate(error) from None  # the original may quote arguments


def translate(error: Exception) -> StoreError:
    """The error of ours that *error* of redis-py means.

    Refused: the server answered, and the command changed nothing. Unavailable: no answer, or one that
    says to come back later; whether the command ran is unknown.
    """
    code = getattr(error, "status_code", None) or type(error).__name__
    text = f"{code}: {mask_text(_QUOTED_ARGUMENTS.sub('', str(error)))}"
    if isinstance(error, AuthenticationError | AuthorizationError):
        return StoreRefusedError(text)
    if isinstance(error, TryAgainError | ClusterDownError | NoScriptError | InvalidResponse):
        return StoreUnavailableError(text)
    if isinstance(error, ResponseError) and not str(error).startswith(_TRANSIENT_REPLIES):
        return StoreRefusedError(text)
    return StoreUnavailableError(text)


def _nothing() -> Sequence[Command]:
    return ()


class ScriptRunner:
    """Sends pipelines of commands and scripts, and teaches the server the scripts when it forgot them.

    Thread-safe. A pipeline is no transaction: each command stands for itself, in order.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._load_lock = threading.Lock()

    def run(self, commands: Sequence[Command], meanwhile: Meanwhile = _nothing) -> list[Any]:
        """Send *commands* in one round trip; their replies in order, error replies as exceptions in the list.

        When a script was unknown (``SCRIPT FLUSH``, restart, failover), all are loaded and the **whole** pipeline is
        sent again: every script of the protocol may be delivered twice.

        Args:
            commands: of one pipeline.
            meanwhile: called while the server works, again if the pipeline is sent again. The commands that it
                returns follow on the same connection, so they see what *commands* did; their replies are the last.

        Raises:
            StoreError: no answer, or the connection was refused.
        """
        with translated():
            for _ in range(SCRIPT_ATTEMPTS):
                replies = self._send(commands, meanwhile)
                if not any(isinstance(reply, NoScriptError) for reply in replies):
                    break
                self.load()
        return replies

    def load(self) -> None:
        """Teach the server all scripts; safe at any time."""
        with translated(), self._load_lock:
            for script in scripts.ALL:
                self.client.script_load(script.text)

    def _send(self, commands: Sequence[Command], meanwhile: Meanwhile) -> list[Any]:
        pool = self.client.connection_pool
        connection = pool.get_connection()
        try:
            _transmit(connection, commands)
            following = meanwhile()
            if following:
                _transmit(connection, following)
            return [_reply(connection) for _ in (*commands, *following)]
        except BaseException:
            # Replies may be under way, and nobody else must take them for his own.
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            pool.release(connection)


def _transmit(connection: ConnectionInterface, commands: Sequence[Command]) -> None:
    if not connection.is_connected:  # closed by another thread: sending would connect anew, and mix replies up
        raise RedisConnectionError("the connection was closed")
    connection.send_packed_command([pack(commands)])  # type: ignore[no-untyped-call]


def _reply(connection: ConnectionInterface) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def evalsha(script: scripts.Script, keys: Sequence[str], *args: Any) -> Command:
    """The command that runs *script*."""
    return ("EVALSHA", script.digest, len(keys), *keys, *args)


def checked(reply: Any) -> Any:
    """*reply*, unless it is an error reply.

    Raises:
        StoreError: what the error reply means.
    """
    if isinstance(reply, Exception):
        raise translate(reply)
    return reply
