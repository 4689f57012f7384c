"""What an address of Redis says: one server, the primary that sentinels name, or a cluster.

Owns the syntax of ``REDIS_URL``, which is the same for the service, its commands and whoever connects in code; its
messages never quote a password. Must not read a file, resolve a name or connect: that is the settings' and the
store's. Sources: the URLs of redis-py; ``/service/database`` behind the sentinels is the form that redis-sentinel-url
made common; the characters of a service's name are those that sentinel.conf allows.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
_LAST_PORT: Final = 65_535

PLAIN_OPTIONS: Final = ("db", "username", "password", "client_name", "socket_keepalive")
TLS_FILES: Final = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
TLS_OPTIONS: Final = (*TLS_FILES, "ssl_password", "ssl_cert_reqs", "ssl_check_hostname")

_TRUTHS: Final = ("true", "false", "1", "0", "yes", "no")
_CHOICES: Final = {
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": _TRUTHS,
    "socket_keepalive": _TRUTHS,
}
_OWN_SETTING: Final = {
    "socket_timeout": "set REDIS_TIMEOUT_SEC instead",
    "socket_connect_timeout": "set REDIS_TIMEOUT_SEC instead",
    "timeout": "set REDIS_TIMEOUT_SEC instead",
    "max_connections": "it follows from CONCURRENCY_LIMIT",
}
"""What the client library would take, over the head of a setting that says it already."""
_OPTIONS: Final = {*PLAIN_OPTIONS, *TLS_OPTIONS, *_OWN_SETTING}

_SERVICE: Final = re.compile(r"[A-Za-z0-9._-]{1,256}", re.ASCII)
_NAME: Final = re.compile(r"[^\s\[\]@,;:/?#%\"'\\]{1,253}")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_DATABASE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class Kind(StrEnum):
    """What answers at an address."""

    STANDALONE = "standalone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Final = {
    "redis": (Kind.STANDALONE, False),
    "rediss": (Kind.STANDALONE, True),
    "unix": (Kind.STANDALONE, False),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
}
"""Each scheme with what it reaches, and whether over TLS."""

SCHEMES: Final = tuple(f"{scheme}://" for scheme in _SCHEMES)
_EXAMPLES: Final = {
    Kind.STANDALONE: "redis://localhost:6379",
    Kind.SENTINEL: "redis+sentinel://host-1:26379,host-2:26379/mymaster",
    Kind.CLUSTER: "redis+cluster://host-1:6379,host-2:6379",
}


class Node(NamedTuple):
    """A host and its port; an IPv6 address without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is, and who we are there by the address alone.

    Attributes:
        kind: what answers there.
        tls: whether to speak TLS, to the sentinels as well.
        nodes: the server, the sentinels, or some nodes of the cluster; none of a socket.
        path: of the socket; empty for a network address.
        service: by which the sentinels know the primary; empty unless they are asked.
        database: its number.
        username: empty for the default user.
        password: empty for none; neither shown nor in ``repr``.
        options: further ones for every connection, as they were written.
    """

    kind: Kind
    tls: bool = False
    nodes: tuple[Node, ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # among them the password of a key

    @property
    def url(self) -> str:
        """The address in its one canonical form, password included; :func:`parse_address` gives the same again."""
        user = quote(self.username, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        scheme = (
            "unix" if self.path else f"redis{'s' * self.tls}{'' if self.kind is Kind.STANDALONE else f'+{self.kind}'}"
        )
        options = (*self.options, ("db", str(self.database))) if self.path and self.database else self.options
        query = f"?{urlencode(options)}" if options else ""
        return f"{scheme}://{user}{'@' if user else ''}{self._where()}{query}"

    def _where(self) -> str:
        if self.path:
            return quote(self.path)
        parts = (self.service, str(self.database) if self.database else "")
        return ",".join(map(str, self.nodes)) + "".join(f"/{part}" for part in parts if part)


def parse_address(url: str, *, needs_host: bool = True) -> Address:
    """What *url* says; without *needs_host*, that of one server may leave the host to others.

    Raises:
        ValueError: saying what is wrong and what would be right, without anything that could be a password.
    """
    url = url.strip()
    scheme, found, rest = url.partition("://")
    if not found or scheme.lower() not in _SCHEMES:
        raise ValueError(f"it must start with one of {', '.join(SCHEMES)}")
    if "#" in rest:
        raise ValueError("a # must be written %23")
    if not rest.isprintable() or " " in rest:
        raise ValueError("it must have neither blanks nor control characters; a blank is written %20")
    kind, tls = _SCHEMES[scheme.lower()]
    place, _, query = rest.partition("?")
    authority, slash, path = place.partition("/")
    if "@" in path and scheme.lower() != "unix":
        raise ValueError("a / in a user or password must be written %2F")
    options = parse_qsl(query, keep_blank_values=True)
    if "@" in query and any(name not in _OPTIONS for name, _ in options):
        # Before anything of it is quoted: it may be the rest of a password.
        raise ValueError("a ? in a user or password must be written %3F, an @ in an option %40")
    user, _, hosts = authority.rpartition("@")
    address = _with_login(Address(kind, tls), user)
    if scheme.lower() == "unix":
        address = _socket(address, hosts, slash + path)
    else:
        nodes = parse_nodes(hosts, kind) if hosts or needs_host or kind is not Kind.STANDALONE else ()
        address = _with_path(replace(address, nodes=nodes), path.rstrip("/"))
    address = _with_options(address, options)
    if kind is Kind.CLUSTER and address.database:
        raise ValueError("a cluster has database 0 alone: leave the number out")
    return address


def parse_nodes(hosts: str, kind: Kind) -> tuple[Node, ...]:
    """The hosts in *hosts*, separated by commas, each with a port or the usual one of *kind*.

    Raises:
        ValueError: saying which is none, and what would be right.
    """
    if not hosts:
        raise ValueError(f"it needs a host: {_EXAMPLES[kind]}")
    parts = hosts.split(",")
    if kind is Kind.STANDALONE and len(parts) > 1:
        raise ValueError("several hosts need redis+sentinel://h1,h2/service or redis+cluster://h1,h2")
    nodes = tuple(_node(part.strip(), SENTINEL_PORT if kind is Kind.SENTINEL else REDIS_PORT) for part in parts)
    for number, node in enumerate(nodes):
        if node in nodes[:number]:
            raise ValueError(f"its host {node} stands there twice")
    return nodes


def is_host(name: str) -> bool:
    """Whether *name*, which is no IPv6 address, can be looked up; at others the resolver does not fail but crashes."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return bool(_NAME.fullmatch(name)) and name.isprintable()


def is_service(name: str) -> bool:
    """Whether sentinels can know a primary by *name*, and an address can say it."""
    return bool(_SERVICE.fullmatch(name)) and not name.isdecimal()


def check_service(service: str) -> str:
    """Return *service* if sentinels can know a primary by it.

    Raises:
        ValueError: saying what would be right.
    """
    if not _SERVICE.fullmatch(service):
        raise ValueError("the name of a primary at its sentinels has letters, digits and any of ._- alone")
    if service.isdecimal():
        raise ValueError(f"{service} is the number of a database: the name of the primary stands before it")
    return service


def ask_sentinels(address: Address, sentinels: str, service: str) -> Address:
    """*address*, which names no host, as one whose primary the *sentinels* know as *service*.

    Raises:
        ValueError: *sentinels* or *service* is none, or *address* says where the server is already.
    """
    if address.kind is not Kind.STANDALONE:
        raise ValueError(f"REDIS_SENTINELS and REDIS_URL with its {address.kind} hosts are both set: leave one out")
    if address.nodes or address.path:
        raise ValueError(
            "REDIS_SENTINELS and REDIS_URL with a place of its own are both set: leave the place out"
            " (redis://[user:password@]/[database], rediss:// for TLS), or REDIS_SENTINELS"
        )
    nodes = parse_nodes(sentinels, Kind.SENTINEL)
    return replace(address, kind=Kind.SENTINEL, nodes=nodes, service=check_service(service))


def _with_login(address: Address, user: str) -> Address:
    if "@" in user and address.kind is not Kind.STANDALONE:
        raise ValueError("user and password stand once, before the first host; an @ in them must be written %40")
    name, _, password = user.partition(":")
    return replace(address, username=_unquoted(name, "user"), password=_unquoted(password, "password"))


def _unquoted(text: str, what: str) -> str:
    if _ESCAPE.search(text):
        raise ValueError(f"a % in its {what} must be written %25")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"the escapes (%..) of its {what} must be UTF-8") from None


def _socket(address: Address, hosts: str, path: str) -> Address:
    if hosts or path in {"", "/"}:
        raise ValueError("it needs the path of the socket, which starts with a slash: unix:///run/redis.sock")
    return replace(address, path=_unquoted(path, "path"))


def _node(text: str, port: int) -> Node:
    if text.startswith("["):
        host, closed, behind = text[1:].partition("]")
        if not closed or not _is_ipv6(host) or behind[:1] not in {"", ":"}:
            raise ValueError("an IPv6 address stands in brackets, its port behind them: [::1]:6379")
    else:
        host, colon, behind = text.partition(":")
        behind = colon + behind
        if behind.count(":") > 1:
            raise ValueError("its port must be a whole number, and an IPv6 address stands in brackets: [::1]:6379")
        if not is_host(host):
            raise ValueError("a host is missing or is none: each must look like redis.example.com:6379")
    return Node(host, _port(behind[1:]) if behind else port)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= _LAST_PORT:
        # Not quoted: an @ that was forgotten makes a password look like a port.
        raise ValueError("its port must be a whole number from 1 to 65535")
    return int(text)


def _with_path(address: Address, path: str) -> Address:
    service, number = "", path
    if address.kind is Kind.SENTINEL:
        service, _, number = path.partition("/")
        if not service:
            raise ValueError(f"it needs the name by which the sentinels know the primary: {_EXAMPLES[Kind.SENTINEL]}")
        check_service(service)
    if number and not _DATABASE.fullmatch(number):
        example = f"{_EXAMPLES[address.kind]}/0"
        raise ValueError(f"its path must end with the number of a database or without one: {example}")
    return replace(address, service=service, database=int(number or 0))


def _with_options(address: Address, options: list[tuple[str, str]]) -> Address:
    values: dict[str, str] = {}
    for name, value in options:
        if name in values:
            raise ValueError(f"its option {name!r} stands there twice")
        _check_option(name, value, tls=address.tls)
        values[name] = value
    rest = tuple((name, value) for name, value in values.items() if name not in {"db", "username", "password"})
    for name, stands in (("db", address.database), ("username", address.username), ("password", address.password)):
        if name in values and stands:
            raise ValueError(f"its option {name} says again what stands before it: leave one out")
    return replace(
        address,
        database=int(values.get("db", address.database)),
        username=values.get("username", address.username),
        password=values.get("password", address.password),
        options=rest,
    )


def _check_option(name: str, value: str, *, tls: bool) -> None:
    allowed = (*PLAIN_OPTIONS, *TLS_OPTIONS) if tls else PLAIN_OPTIONS
    if name in _OWN_SETTING:
        raise ValueError(f"its option {name} is not taken: {_OWN_SETTING[name]}")
    if name in TLS_OPTIONS and not tls:
        raise ValueError(f"its option {name} needs an address that starts with rediss")
    if name not in allowed:
        raise ValueError(f"its option {name!r} is unknown; known are {', '.join(allowed)}")
    if not value:
        raise ValueError(f"its option {name} has no value")
    if name in _CHOICES and value.lower() not in _CHOICES[name]:
        raise ValueError(f"its option {name} must be one of {', '.join(_CHOICES[name])}")
    if name == "db" and not _DATABASE.fullmatch(value):
        raise ValueError("its option db must be the number of a database")
