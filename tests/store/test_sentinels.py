"""Which word of which sentinel counts, and connections that follow the primary."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from redis import exceptions
from redis.connection import Connection

from orchestrator.contract.address import Node
from orchestrator.errors import StoreRefusedError, StoreUnavailableError
from orchestrator.store import Login, Store, connect
from orchestrator.store.following import SentinelPool
from orchestrator.store.preflight import Verdict, examine, judge
from orchestrator.store.sentinels import Account, NoSentinelError, Sentinels, blame, settled
from tests.redis_server import RedisServer
from tests.sentinel_servers import SERVICE, Watched, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

A, B = Node("10.0.0.1", 6379), Node("10.0.0.2", 6379)
ONE, TWO, THREE = (Node(f"s{number}", 26379) for number in (1, 2, 3))
AWAY = exceptions.ConnectionError("Connection refused")
FIRST = "f1rst"
LOGIN = exceptions.AuthenticationError("invalid password")


@pytest.mark.parametrize(
    ("accounts", "primary"),
    [
        ([Account(ONE, A, 1), Account(TWO, A, 2), Account(THREE, B, 3)], A),
        ([Account(ONE, A, 1), Account(TWO, problem=AWAY), Account(THREE, problem=AWAY)], None),
        ([Account(ONE, A, 1), Account(TWO, B, 1)], None),
        ([Account(ONE, A)], A),
        ([Account(ONE)], None),
        ([], None),
    ],
)
def test_settled_takes_the_word_of_more_than_half_of_all(accounts: list[Account], primary: Node | None) -> None:
    """Of all that are listed, not of those that answer: a sentinel that was cut off answers us alone."""
    found = settled(accounts)
    assert (None if found is None else found.primary) == primary


@pytest.mark.parametrize(
    ("accounts", "kind", "said"),
    [
        (
            [Account(ONE, problem=AWAY), Account(TWO, problem=AWAY)],
            "ConnectionError",
            "no sentinel answers: s1:26379: Con",
        ),
        ([Account(ONE), Account(TWO, problem=AWAY)], "UnknownServiceError", "no primary 'mine' \\(s2:26379: Con"),
        ([Account(ONE), Account(TWO, problem=LOGIN)], "SentinelLoginError", "the sentinel s2:26379 refuses: invalid"),
        ([Account(ONE, problem=NoSentinelError("a server"))], "NoSentinelError", "a server"),
        ([Account(ONE, A), Account(TWO)], "ConnectionError", "know an older primary"),
        ([Account(ONE, problem=exceptions.ConnectionError("x" * 999))], "ConnectionError", "x{200}\\.\\.\\."),
    ],
)
def test_blame_names_what_can_be_mended_first(accounts: list[Account], kind: str, said: str) -> None:
    """A password that is wrong at one sentinel is told though another is away; and nobody's text is endless."""
    problem = blame(accounts, "mine")
    assert type(problem).__name__ == kind
    with pytest.raises(exceptions.RedisError, match=said):
        raise problem


class Scripted(Sentinels):
    """Sentinels that say what a test wants them to say, and whom they were asked in turn."""

    def __init__(self, *nodes: Node) -> None:
        super().__init__(nodes, SERVICE, {}, tls=False, timeout_s=1.0)
        self.said: dict[Node, Account] = {}
        self.asked: list[Node] = []

    def say(self, *accounts: Account) -> None:
        """From now on."""
        self.said = {account.sentinel: account for account in accounts}
        self.asked = []

    def ask(self, sentinel: Node, within_s: float) -> Account:
        """What it was told to say."""
        assert within_s > 0
        self.asked.append(sentinel)
        return self.said[sentinel]


def test_find_asks_until_one_answers_and_begins_with_that_one_from_then_on() -> None:
    """One that is away costs its share of the time once, not at every connection."""
    sentinels = Scripted(ONE, TWO, THREE)
    sentinels.say(Account(ONE, problem=AWAY), Account(TWO, A), Account(THREE, A))
    assert sentinels.find() == A
    assert sentinels.find() == A
    assert sentinels.asked == [ONE, TWO, TWO]


def test_find_does_not_go_back_to_an_older_primary() -> None:
    """A sentinel that was cut off together with it names it still; writes there would be lost."""
    sentinels = Scripted(ONE, TWO, THREE)
    sentinels.say(Account(ONE, B, 5))
    assert sentinels.find() == B
    sentinels.say(Account(ONE, problem=AWAY), Account(TWO, A, 4), Account(THREE, B, 5))
    assert sentinels.find() == B
    sentinels.say(Account(ONE, problem=AWAY), Account(TWO, A, 4), Account(THREE, problem=AWAY))
    with pytest.raises(exceptions.ConnectionError, match="older primary"):
        sentinels.find()


def test_find_of_everyone_takes_the_newest_answer() -> None:
    """The sentinel that we trust was cut off together with the primary, and we reach both: no connection breaks."""
    sentinels = Scripted(ONE, TWO, THREE)
    sentinels.say(Account(ONE, A, 4))
    assert sentinels.find() == A
    sentinels.say(Account(ONE, A, 4), Account(TWO, problem=AWAY), Account(THREE, B, 5))
    assert sentinels.find() == A
    assert sentinels.find(everyone=True) == B
    assert sentinels.find() == B
    assert sentinels.asked == [ONE, ONE, TWO, THREE, THREE]


def test_find_follows_sentinels_that_were_set_up_anew() -> None:
    """Their count of failovers begins anew, and most of them are of one mind: else we would wait for ever."""
    sentinels = Scripted(ONE, TWO, THREE)
    sentinels.say(Account(ONE, A, 5))
    sentinels.find()
    sentinels.say(Account(ONE, problem=AWAY), Account(TWO, B, 0), Account(THREE, B, 0))
    assert sentinels.find() == B
    sentinels.say(Account(TWO, B, 0), Account(ONE, problem=AWAY), Account(THREE, problem=AWAY))
    assert sentinels.find() == B


def test_doubted_sentinel_is_asked_last() -> None:
    """Its answer led nowhere; another may know better."""
    sentinels = Scripted(ONE, TWO)
    sentinels.say(Account(ONE, A), Account(TWO, B))
    assert sentinels.find() == A
    sentinels.doubt()
    assert sentinels.find() == B


class Babbler(threading.Thread):
    """A sentinel that answers each connection with the same *bytes*, whatever it is asked."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(daemon=True)
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.node = Node("127.0.0.1", self._listener.getsockname()[1])

    def run(self) -> None:
        """Answer one connection."""
        peer, _ = self._listener.accept()
        with peer, self._listener:
            peer.sendall(b"%2\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n" + self._reply)
            while peer.recv(4096):
                pass


@pytest.mark.parametrize(
    ("reply", "primary"),
    [
        (b"*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n%1\r\n$12\r\nconfig-epoch\r\n$1\r\n7\r\n", Account(ONE, A, 7)),
        (b"*2\r\n$3\r\n::1\r\n$2\r\n80\r\n%0\r\n", Account(ONE, Node("::1", 80))),
        (b"*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n-NOPERM no\r\n", Account(ONE, A)),
        (b"*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n%1\r\n$12\r\nconfig-epoch\r\n$2\r\n-7\r\n", Account(ONE, A)),
        (b"_\r\n-ERR No such master with that name\r\n", Account(ONE)),
        (b"*2\r\n$8\r\n10.0.0.1\r\n$5\r\n99999\r\n%0\r\n", None),
        (b"*2\r\n$4\r\na@ b\r\n$4\r\n6379\r\n%0\r\n", None),
        (b"*2\r\n$4\r\na..b\r\n$4\r\n6379\r\n%0\r\n", None),
        (b"*2\r\n$3\r\na\0b\r\n$4\r\n6379\r\n%0\r\n", None),
        (b"*2\r\n$2\r\n\xff\xfe\r\n$4\r\n6379\r\n%0\r\n", None),
        (b"*1\r\n$4\r\n6379\r\n%0\r\n", None),
        (b":1\r\n%0\r\n", None),
    ],
)
def test_ask_takes_an_address_and_nothing_else_for_one(reply: bytes, primary: Account | None) -> None:
    """What a sentinel says is anybody's bytes; there may be no number of failovers in it."""
    babbler = Babbler(b"+OK\r\n+OK\r\n" + reply)
    babbler.start()
    sentinels = Sentinels([babbler.node], SERVICE, {"protocol": 3}, tls=False, timeout_s=5.0)
    account = sentinels.ask(babbler.node, 5.0)
    babbler.join()
    found = (account.primary, account.epoch, account.problem is None)
    assert found == ((None, 0, False) if primary is None else (primary.primary, primary.epoch, True))


def test_ask_waits_no_longer_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step, whatever the options of other connections say."""
    sentinels = Sentinels(
        [ONE], SERVICE, {"socket_timeout": 60.0, "socket_connect_timeout": 60.0}, tls=False, timeout_s=60
    )
    told: list[dict[str, Any]] = []

    def connection(**options: Any) -> Connection:
        told.append(options)
        return Connection(**options | {"host": "127.0.0.1", "port": 1})  # type: ignore[no-untyped-call]

    monkeypatch.setattr(sentinels, "_connection", connection)
    assert isinstance(sentinels.ask(ONE, 0.05).problem, exceptions.ConnectionError)
    assert [(each["socket_timeout"], each["socket_connect_timeout"]) for each in told] == [(0.05, 0.05)]


def judged(*accounts: Account) -> str:
    """What the doctor says of them, if connections lead to A: the verdict and a part of the words."""
    finding = judge(accounts, A)
    return f"{finding.verdict}: {finding.detail}; {finding.remedy}"


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ([Account(ONE, A, replicas=1, sentinels=3)] * 3, "ok: 3 of 3 answer, primary 10.0.0.1:6379, replicas 1"),
        (
            [Account(ONE, A, replicas=1, sentinels=3), Account(TWO, problem=AWAY)],
            "warn: 1 of 2 answer; start .*s2:26379",
        ),
        (
            [Account(ONE, A, sentinels=3), Account(TWO, B, sentinels=3)],
            "warn: .*do not agree.*they name 10.0.0.2:6379, ",
        ),
        ([Account(ONE, A, replicas=1, sentinels=2)], "warn: .*, 2 in all; run three or more"),
        ([Account(ONE, A, sentinels=3)], "warn: .*know no replica; add a replica"),
    ],
)
def test_judge_says_what_a_failover_would_lack(accounts: Sequence[Account], said: str) -> None:
    """Hosts stand where operators alone see them, but for a server that is well."""
    with pytest.raises(AssertionError, match=f"^{said}"):
        raise AssertionError(judged(*accounts))


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """A primary, a replica and three sentinels, which no test here kills."""
    with Watched(down_after_ms=30_000) as servers:
        yield servers


def pool_of(client: Any) -> SentinelPool:
    """The pool of *client*."""
    assert isinstance(client.connection_pool, SentinelPool)
    return client.connection_pool


def test_connection_leads_to_the_primary(watched: Watched) -> None:
    """Whichever of the listed sentinels answers; here the first is none."""
    client = connect(f"redis+sentinel://127.0.0.1:1,{watched.hosts}/{SERVICE}/1", timeout_s=5.0, pool_size=1)
    Store(client).ping()
    assert pool_of(client).primary == Node("127.0.0.1", watched.primary())
    assert client.connection_pool.connection_kwargs["db"] == 1
    assert {finding.verdict for finding in examine(client) if finding.check in {"role", "commands"}} == {Verdict.OK}
    (found,) = [finding for finding in examine(client) if finding.check == "sentinels"]
    assert (found.verdict, found.detail) == (Verdict.WARN, "3 of 4 answer")
    client.close()


def test_replica_that_is_still_named_is_not_served_by(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its role is looked at before anything is sent, and the sentinel that named it is asked last."""
    client = connect(watched.url, timeout_s=5.0, pool_size=1)
    pool, doubts = pool_of(client), list[int]()
    monkeypatch.setattr(pool.sentinels, "find", lambda: Node("127.0.0.1", watched.ports[1]))
    monkeypatch.setattr(pool.sentinels, "doubt", lambda: doubts.append(1))
    with pytest.raises(StoreUnavailableError, match=r"is a (replica|slave), but the sentinels still name it"):
        Store(client).ping()
    assert (doubts, pool.primary) == ([1], None)
    client.close()


def test_primary_that_does_not_answer_makes_its_sentinel_doubtful(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens where it is said to be."""
    client = connect(watched.url, timeout_s=5.0, pool_size=1)
    doubts = list[int]()
    monkeypatch.setattr(pool_of(client).sentinels, "find", lambda: Node("127.0.0.1", free_ports(1)[0]))
    monkeypatch.setattr(pool_of(client).sentinels, "doubt", lambda: doubts.append(1))
    with pytest.raises(StoreUnavailableError, match="refused"):
        Store(client).ping()
    assert doubts == [1]
    client.close()


def test_sentinel_that_hangs_is_passed_over(watched: Watched) -> None:
    """It has its share of the time, and the next one is asked."""
    process = watched.sentinels[0].process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        client = connect(watched.url, timeout_s=1.0, pool_size=1)
        Store(client).ping()
        client.close()
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("url", "check", "detail", "remedy"),
    [
        ("redis://{sentinel}", "role", "a sentinel answers", "REDIS_URL=redis+sentinel://{sentinel}/mymaster "),
        ("redis://{replica}", "role", "the server is a replica", "redis://{primary} "),
        (
            "redis+sentinel://{primary}/mymaster",
            "sentinels",
            "{primary} is no sentinel: a standalone server",
            "REDIS_URL=",
        ),
        ("redis+sentinel://{sentinel}/other", "sentinels", "know no primary 'other'", "REDIS_SENTINEL_MASTER"),
    ],
)
def test_address_of_the_wrong_kind_is_told_with_the_right_one(
    watched: Watched, url: str, check: str, detail: str, remedy: str
) -> None:
    """At the start, by the doctor and while we run, with what to write instead."""
    ports = {"sentinel": watched.sentinels[0].port, "primary": watched.ports[0], "replica": watched.ports[1]}
    places = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    client = connect(url.format(**places), timeout_s=5.0, pool_size=1)
    found = next(finding for finding in examine(client) if finding.check == check)
    assert found.verdict is Verdict.REFUSE
    assert detail.format(**places) in found.detail
    assert remedy.format(**places) in found.remedy
    client.close()


@pytest.fixture
def guarded(watched: Watched) -> Iterator[Watched]:
    """The same while the sentinels have a user ``app``, whose password is ``first``, and no other may ask."""
    for sentinel in watched.sentinels:
        with sentinel.client() as client:
            client.execute_command("ACL", "SETUSER", "app", "on", f">{FIRST}", "+@all")
            client.execute_command("ACL", "SETUSER", "default", "-sentinel")
    yield watched
    for sentinel in watched.sentinels:
        with sentinel.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "+@all")


def test_sentinels_have_a_login_of_their_own(guarded: Watched, tmp_path: Path) -> None:
    """Read at every connect, as that of the server, which knows no such user; a wrong one is told without the word."""
    file = tmp_path / "password"
    file.write_text("wr0ng")
    login = Login(sentinel_username="app", sentinel_password_file=str(file))
    store = Store(client := connect(guarded.url, timeout_s=5.0, pool_size=1, login=login))
    with pytest.raises(StoreRefusedError, match=r"SentinelLoginError: the sentinel .* refuses: ") as caught:
        store.ping()
    assert "wr0ng" not in str(caught.value)
    assert [finding.check for finding in examine(client)] == ["sentinels"]
    file.write_text(f"{FIRST}\n")
    store.ping()
    file.unlink()
    pool_of(client).renew()
    with pytest.raises(StoreRefusedError, match=r"REDIS_SENTINEL_PASSWORD_FILE: the file .* cannot be read"):
        store.ping()
    store.close()
    login = Login(sentinel_username="app", sentinel_password=FIRST)
    assert FIRST not in repr(login)
    given = connect(guarded.url, timeout_s=5.0, pool_size=1, login=login)
    Store(given).ping()
    given.close()


def test_sentinels_are_not_told_the_password_of_the_servers() -> None:
    """Nor user and database: they are other programs, of which a stranger may run one."""
    client = connect(f"rediss+sentinel://me:{FIRST}@s1/mymaster/3?client_name=x", timeout_s=5.0, pool_size=1)
    told = pool_of(client).sentinels._options
    assert FIRST not in repr(told)
    assert "me" not in told.values()
    assert {"username", "password", "db", "credential_provider"} & told.keys() == set()
    assert told["client_name"] == "x"


def test_sentinels_that_let_nobody_ask_say_so(guarded: Watched) -> None:
    """Without a login: its lack is no silence."""
    with pytest.raises(StoreRefusedError, match=r"SentinelLoginError: .* no permissions"):
        Store(connect(guarded.url, timeout_s=5.0, pool_size=1)).ping()


Pair = tuple["SentinelPool", "Callable[[int], None]", list[int]]


@pytest.fixture
def pair(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A pool, which of two servers its sentinels name, and their ports; both servers take writes."""
    other = free_ports(1)[0]
    ports = [watched.ports[0], other]
    named = [ports[0]]
    client = connect(watched.url, timeout_s=5.0, pool_size=3)
    monkeypatch.setattr(pool_of(client).sentinels, "find", lambda **_: Node("127.0.0.1", named[0]))
    with RedisServer(arguments=["--port", str(other), "--bind", "127.0.0.1"]):
        yield pool_of(client), lambda number: named.__setitem__(0, ports[number]), ports
        client.close()


def test_every_connection_leaves_a_primary_that_was_replaced(pair: Pair) -> None:
    """It still answers, so that none of them would break; and the one that found out is not made anew once more."""
    pool, name, ports = pair
    connections: list[Any] = [pool.get_connection() for _ in range(3)]
    free, busy, third = connections
    third.disconnect()
    pool.release(free)
    name(1)
    busy.send_command("PING")
    third.connect()
    assert (third.port, pool.renewals, free.is_connected) == (ports[1], 1, False)
    pool.release(third)
    assert third.is_connected
    assert busy.read_response() in {b"PONG", "PONG"}
    pool.release(busy)
    assert not busy.is_connected
    assert {connection.port for connection in (pool.get_connection() for _ in range(3))} == {ports[1]}
    assert pool.renewals == 1


def test_look_finds_a_primary_that_moved_without_a_word(pair: Pair) -> None:
    """No connection had a reason to ask."""
    pool, name, ports = pair
    assert pool.look() == Node("127.0.0.1", ports[0])
    pool.release(pool.get_connection())
    assert (pool.look().port, pool.renewals) == (ports[0], 0)
    name(1)
    assert (pool.look().port, pool.renewals) == (ports[1], 1)
    assert pool.get_connection().port == ports[1]


def test_look_asks_all_sentinels(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that we trust may be on the side of a primary that was replaced."""
    pool, _, ports = pair
    newest = {True: Node("127.0.0.1", ports[1]), False: Node("127.0.0.1", ports[0])}
    monkeypatch.setattr(pool.sentinels, "find", lambda *, everyone=False: newest[everyone])
    assert pool.look().port == ports[1]


def test_pool_of_sentinels_waits_for_a_free_connection_and_never_tries_again(watched: Watched) -> None:
    """As that of one server: the library's own raises at once, and sends again."""
    client = connect(watched.url, timeout_s=0.2, pool_size=1)
    connection: Any = client.connection_pool.get_connection()
    assert connection.retry.get_retries() == 0
    with pytest.raises(StoreUnavailableError, match="No connection available"):
        Store(client).ping()
    client.connection_pool.release(connection)
    Store(client).ping()
    client.close()
