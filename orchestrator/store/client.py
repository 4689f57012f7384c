"""The threaded Redis client: how it connects, and the one boundary that translates its errors.

Owns no command of the protocol. Source of the choices: redis-py 8 retries ten
times by default, so that a command whose reply was lost runs twice; here nothing
is retried silently, the lane decides what is safe to send again.
"""

from __future__ import annotations

import re
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
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from orchestrator.errors import SettingsError, StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.process.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def checked(reply: Any) -> Any:
    """*reply*, unless it is an error reply.

    Raises:
        StoreError: what the error reply means.
    """
    if isinstance(reply, Exception):
        raise translate(reply)
    return reply
