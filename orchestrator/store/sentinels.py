"""Asks sentinels which server is the primary now, and connects there.

Owns which of their answers counts: :func:`settled` and :func:`blame` are pure. Keeps no connection to a sentinel, and
sends nothing again: who could not connect asks anew when the lane that needs it tries anew. Source: "Guidelines for
Redis clients with support for Redis Sentinel" (ask one after another, verify the role after connecting), and two steps
beyond it: an answer is not taken that is older than one we followed before, and a sentinel whose answer led nowhere is
asked last from then on. A sentinel that was cut off together with an old primary would lead us back to it otherwise,
and what is written there is lost.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from redis.connection import Connection
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from orchestrator.contract.address import Kind, Node, parse_nodes
from orchestrator.store.tls import TlsConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LONGEST_SAID: Final = 200
_LONGEST_NUMBER: Final = 18
_NUMBERS: Final = (b"config-epoch", b"num-slaves", b"quorum", b"num-other-sentinels")
_LEAST_SHARE_S: Final = 0.01


class SentinelLoginError(ResponseError):
    """Raised when sentinels refuse our user, its password, or what it asks them."""


class UnknownServiceError(ResponseError):
    """Raised when sentinels watch no primary of the name that we know it by."""


class NoSentinelError(ResponseError):
    """Raised when what should be a sentinel is a server that holds data."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one sentinel says.

    Attributes:
        sentinel: which one.
        primary: where the primary is; None if it does not say.
        epoch: number of the failover that made it the primary; 0 if the sentinel does not say.
        replicas: how many it knows of.
        quorum: how many sentinels must agree that the primary is away.
        sentinels: how many there are, itself included.
        problem: why it says nothing.
    """

    sentinel: Node
    primary: Node | None = None
    epoch: int = 0
    replicas: int = 0
    quorum: int = 0
    sentinels: int = 1
    problem: Exception | None = None


def settled(accounts: Sequence[Account]) -> Account | None:
    """The account that counts if none is as new as what we followed before; None if most are not of one mind.

    An older answer is the answer of a sentinel that was cut off, unless more than half of all listed ones give it: then
    somebody set the sentinels up anew, and their count of failovers began anew.
    """
    named = Counter(account.primary for account in accounts if account.primary is not None)
    for primary, count in named.most_common(1):
        if count > len(accounts) // 2:
            return max((account for account in accounts if account.primary == primary), key=lambda each: each.epoch)
    return None


def blame(accounts: Sequence[Account], service: str) -> RedisError:
    """Why *accounts* name no primary that could be followed: what can be mended first, and in the words of each."""
    problems = [(account.sentinel, account.problem) for account in accounts if account.problem is not None]
    for sentinel, problem in problems:
        if isinstance(problem, NoSentinelError):
            return problem
        if isinstance(problem, AuthenticationError | ResponseError):
            return SentinelLoginError(f"the sentinel {sentinel} refuses: {_short(problem)}")
    if any(account.primary is not None for account in accounts):
        return RedisConnectionError("the sentinels that answer know an older primary than we followed before")
    silent = "; ".join(f"{sentinel}: {_short(problem)}" for sentinel, problem in problems)
    if len(problems) == len(accounts):
        return RedisConnectionError(f"no sentinel answers: {silent}")
    return UnknownServiceError(f"the sentinels know no primary {service!r}{f' ({silent})' if silent else ''}")


def _short(problem: Exception | None) -> str:
    text = str(problem) or type(problem).__name__
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}..."


class Sentinels:
    """The sentinels of one primary. Thread-safe.

    Args:
        nodes: of the sentinels.
        service: the name by which they know the primary.
        options: of every connection to one of them, login included.
        tls: whether to speak TLS to them.
        timeout_s: for asking them, all together unless one of them is slow at every step.
    """

    def __init__(
        self, nodes: Sequence[Node], service: str, options: Mapping[str, Any], *, tls: bool, timeout_s: float
    ) -> None:
        self.service = service
        self.nodes = tuple(nodes)
        self._order = list(nodes)
        self._options = options
        self._connection = TlsConnection if tls else Connection
        self._timeout_s = timeout_s
        self._newest = 0
        self._lock = threading.Lock()

    def find(self, *, everyone: bool = False) -> Node:
        """Where the primary is, as the first sentinel says whose answer is not older than one before.

        Args:
            everyone: ask all of them, and take the newest answer: the one that we trust may be cut off by now, together
                with the primary that it names.

        Raises:
            RedisError: nobody says; the text says why, and how to mend what can be mended.
        """
        accounts: list[Account] = []
        news: list[Account] = []
        order = self._ordered()
        deadline_s = time.monotonic() + self._timeout_s
        for left, sentinel in zip(range(len(order), 0, -1), order, strict=True):
            account = self.ask(sentinel, max((deadline_s - time.monotonic()) / left, _LEAST_SHARE_S))
            accounts.append(account)
            if account.primary is not None and account.epoch >= self._newest:
                news.append(account)
                if not everyone:
                    break
        found = max(news, key=lambda each: each.epoch) if news else settled(accounts)
        if found is None:
            raise blame(accounts, self.service)
        self._trust(found)
        return cast("Node", found.primary)

    def survey(self) -> list[Account]:
        """What each of them says, in the order of the address."""
        return [self.ask(sentinel, self._timeout_s / len(self.nodes)) for sentinel in self.nodes]

    def doubt(self) -> None:
        """The last answer led nowhere: ask the one that gave it last from now on."""
        with self._lock:
            self._order.append(self._order.pop(0))

    def ask(self, sentinel: Node, within_s: float) -> Account:
        """What *sentinel* says; each step takes at most *within_s*."""
        patience = {"socket_timeout": within_s, "socket_connect_timeout": within_s}
        connection: Any = self._connection(**{**self._options, **patience}, host=sentinel.host, port=sentinel.port)
        try:
            connection.connect()
            if (mode := handshake(connection, "mode")) in {"standalone", "cluster"}:
                raise NoSentinelError(f"{sentinel} is no sentinel: a {mode} server answers there")
            connection.send_command("SENTINEL", "get-master-addr-by-name", self.service)
            connection.send_command("SENTINEL", "master", self.service)
            primary = connection.read_response()
            return _state(connection, Account(sentinel, _node(primary)))
        except (RedisError, OSError) as error:
            return Account(sentinel, problem=error)
        finally:
            connection.disconnect()

    def _ordered(self) -> list[Node]:
        with self._lock:
            return list(self._order)

    def _trust(self, account: Account) -> None:
        with self._lock:
            self._newest = account.epoch
            self._order.remove(account.sentinel)
            self._order.insert(0, account.sentinel)


def handshake(connection: Any, name: str) -> str:
    """What the server said of itself under *name* when *connection* was made; empty if it did not."""
    said = getattr(connection, "handshake_metadata", None) or {}
    value = said.get(name.encode(), said.get(name, b""))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _node(reply: Any) -> Node | None:
    """The address that a sentinel gave, which is anybody's bytes.

    Raises:
        RedisConnectionError: it is none.
    """
    if reply is None:
        return None
    try:
        host, port = (part.decode("ascii") for part in reply)
        (node,) = parse_nodes(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", Kind.STANDALONE)
    except (ValueError, TypeError, AttributeError):
        raise RedisConnectionError("it gives no address of the primary") from None
    return node


def _state(connection: Any, account: Account) -> Account:
    """*account* with numbers about the primary; with none if this user may not ask, or the primary is not known."""
    try:
        reply = connection.read_response()
    except ResponseError:
        return account
    epoch, replicas, quorum, others = (_count(reply, name) for name in _NUMBERS)
    return replace(account, epoch=epoch, replicas=replicas, quorum=quorum, sentinels=others + 1)


def _count(reply: Any, name: bytes) -> int:
    text = reply.get(name, b"") if isinstance(reply, dict) else b""
    return int(text) if isinstance(text, bytes) and text.isdigit() and len(text) <= _LONGEST_NUMBER else 0


class FollowingConnection(Connection):
    """A connection to whichever server is the primary when it is made.

    Args:
        sentinels: are asked each time.
        reached: told that it leads to a primary now; on the thread that connects.
        options: the library's own.
    """

    def __init__(
        self, *, sentinels: Sentinels, reached: Callable[[FollowingConnection, Node], None], **options: Any
    ) -> None:
        self._sentinels = sentinels
        self._reached = reached
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        """The socket. Every way to connect comes through here, those on which the library connects by itself, too."""
        self.host, self.port = self._sentinels.find()
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            self._sentinels.doubt()
            raise

    def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - the library's own
        """Introduce ourselves, and see that it is a primary: sentinels may not know yet that it is none any more."""
        node = Node(self.host, self.port)
        try:
            super().on_connect_check_health(check_health)
            role = handshake(self, "role")
            if role not in {"master", ""}:
                raise RedisConnectionError(f"{node} is a {role}, but the sentinels still name it as the primary")
        except RedisError:
            self._sentinels.doubt()
            raise
        self._reached(self, node)


class FollowingTlsConnection(FollowingConnection, TlsConnection):
    """The same over TLS."""
