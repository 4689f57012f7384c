"""Sends pipelines and waits for them, and teaches the server the scripts that it forgot.

Owns the only resending there is: of pipelines whose scripts the server did not know, which therefore did nothing.
Everything is thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import NoScriptError

from orchestrator.errors import StoreError
from orchestrator.store import scripts
from orchestrator.store.client import translated
from orchestrator.store.cluster.client import ClusterPool
from orchestrator.store.line import Line, exchange
from orchestrator.store.wire import Bulk

if TYPE_CHECKING:
    import redis

    from orchestrator.store.client import Pool
    from orchestrator.store.wire import Command

SCRIPT_ATTEMPTS: Final = 3
"""Times that a pipeline is sent when the server has forgotten a script: once, and again after each reload."""


class ScriptRunner:
    """Sends pipelines of commands and scripts, and teaches the server the scripts when it forgot them.

    Attributes:
        client: of the server or cluster.
        cluster: the way to its nodes; None: one server.

    Thread-safe. A pipeline is no transaction: each command stands for itself, in order.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._load_lock = threading.Lock()
        pool = client.connection_pool
        self.cluster = pool if isinstance(pool, ClusterPool) else None

    def line(self, key: str) -> Line:
        """A line of its own to the server that has *key*."""
        return Line(self.pool) if self.cluster is None else self.cluster.line(key)

    @property
    def pool(self) -> Pool:
        """Where the connections come from."""
        return cast("Pool", self.client.connection_pool)  # connect() made the client

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send *commands* in one round trip; their replies in order, error replies as exceptions in the list.

        When a script was unknown (``SCRIPT FLUSH``, restart, failover), all are loaded and the **whole** pipeline is
        sent again: every script of the protocol may be delivered twice.

        Raises:
            StoreError: no answer, or the connection was refused. On a cluster only if there is no answer to any of
                them; else that error is in place of the replies that did not come.
        """
        if self.cluster is not None:
            return self.cluster.exchange(commands)
        for _ in range(SCRIPT_ATTEMPTS):
            replies = exchange(self.pool, commands)
            if not self.load_if_forgotten(replies):
                break
        return replies

    def attempt(self, commands: Sequence[Command]) -> list[Any]:
        """Like :meth:`run`, for what can wait: one try, and in place of a reply that did not come its error."""
        try:
            return self.run(commands) if self.cluster is None else self.cluster.exchange(commands, patient=False)
        except StoreError as error:
            return [error] * len(commands)

    def load_if_forgotten(self, replies: Sequence[Any]) -> bool:
        """Whether a script was unknown to the server by these *replies*; then all are loaded."""
        forgotten = any(isinstance(reply, NoScriptError) for reply in replies)
        if forgotten:
            self.load()
        return forgotten

    def load(self) -> None:
        """Teach the server all scripts; safe at any time."""
        if self.cluster is not None:
            self.cluster.load()
            return
        with translated(), self._load_lock:
            for script in scripts.ALL:
                self.client.script_load(script.text)


def evalsha(script: scripts.Script, keys: Sequence[str] | Bulk, *args: Any) -> Command:
    """The command that runs *script*."""
    if isinstance(keys, Bulk):
        return ("EVALSHA", script.digest, keys.arguments, keys, *args)
    return ("EVALSHA", script.digest, len(keys), *keys, *args)
