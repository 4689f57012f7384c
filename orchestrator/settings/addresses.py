"""Which addresses are usable, and what to say of one that is not.

Owns the list of options that an address of Redis may have. Messages never quote a password.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_PUBLIC: Final = re.compile(r"[A-Za-z0-9:/._~%\[\]-]+")
_PATH_PART: Final = re.compile(r"[A-Za-z0-9._~-]+")
OWN_PATHS: Final = frozenset(
    {"brands", "compare", "health", "livez", "metrics", "ops", "readyz", "static", "stories.csv", "v1"}
)
"""First parts of this service's own paths, under which no proxy can offer it; tests/http/test_mount.py compares."""

REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "embedded")

_PLAIN_OPTIONS: Final = ("db", "username", "password", "client_name", "socket_keepalive")
_TLS_FILES: Final = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_TLS_OPTIONS: Final = (*_TLS_FILES, "ssl_password", "ssl_cert_reqs", "ssl_check_hostname")
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


def check_redis_url(url: str) -> str:
    """Return *url* trimmed if it is an address that the store can open.

    Raises:
        ValueError: naming what is wrong, without the password.
    """
    url = url.strip()
    parts = urlsplit(url)
    if parts.scheme not in REDIS_SCHEMES or "://" not in url:
        raise ValueError("it must start with redis://, rediss://, unix:// or embedded://")
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("it needs the path of the socket: unix:///run/redis.sock")
    if parts.scheme == "embedded" and (parts.netloc or parts.query):
        raise ValueError("it takes an absolute folder or none: embedded:///var/lib/orchestrator or embedded://")
    if parts.scheme in {"redis", "rediss"}:
        _check_network_address(parts)
    _check_options(parts.scheme, parse_qsl(parts.query, keep_blank_values=True))
    return url


def check_login(url: str, username: str, password_file: str) -> None:
    """Return if user and password are given in one place each.

    Raises:
        ValueError: there are two of one; both places are named.
    """
    if not (username or password_file):
        return
    parts = urlsplit(url)
    if parts.scheme == "embedded":
        raise ValueError("REDIS_USERNAME and REDIS_PASSWORD_FILE are of no use with an embedded Redis")
    options = {name for name, _ in parse_qsl(parts.query)}
    if username and (parts.username or "username" in options):
        raise ValueError("REDIS_USERNAME and a user in REDIS_URL are both set: leave one out")
    if password_file and (parts.password or "password" in options):
        raise ValueError("REDIS_PASSWORD_FILE and a password in REDIS_URL are both set: leave one out")


def check_hosts(hosts: str) -> str:
    """Return *hosts* trimmed if it is a list of host names, with or without ports.

    Raises:
        ValueError: naming what is none.
    """
    for name in filter(None, map(str.strip, hosts.split(","))):
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is no host; it must look like summaries.example.com,localhost:9000")
    return hosts.strip()


def check_origins(origins: str) -> str:
    """Return *origins* trimmed if it is ``*`` or a list of origins as browsers send them.

    Raises:
        ValueError: naming what is none.
    """
    named = [name for part in origins.split(",") if (name := part.strip())]
    if "*" in named and len(named) > 1:
        raise ValueError("* stands for every origin: leave the others out")
    for name in named:
        if name != "*" and not _ORIGIN.fullmatch(name):
            raise ValueError(
                f"{name!r} is no origin; it must look like https://boards.example.com, in small letters and without"
                " a slash at the end"
            )
    return origins.strip()


def check_root_path(path: str) -> str:
    """Return *path* without blanks and a slash at its end, if a proxy can offer the service there; empty is fine.

    Raises:
        ValueError: it is no plain path, or begins like one of ours, so that requests with and without it look alike.
    """
    path = path.strip().rstrip("/")
    if not path:
        return ""
    parts = path.split("/")[1:]
    if not path.startswith("/") or not all(_PATH_PART.fullmatch(part) and part.strip(".") for part in parts):
        raise ValueError("it must look like /summaries, with letters, digits and any of -._~ between its slashes")
    if parts[0] in OWN_PATHS:
        raise ValueError(f"it must not begin with /{parts[0]}, which is one of this service's own paths")
    return path


def check_public_url(url: str) -> str:
    """Return *url* trimmed and without a slash at its end, if links can begin with it; empty is fine.

    Raises:
        ValueError: it is no plain address of a web server.
    """
    url = url.strip().rstrip("/")
    problem = f"{url!r} is no address that links can begin with; it must look like https://host/path"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(problem) from None
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if url and not (usable and plain and _PUBLIC.fullmatch(url)):
        raise ValueError(problem)
    return url


def _check_network_address(parts: SplitResult) -> None:
    if not parts.hostname:
        raise ValueError("it needs a host: redis://localhost:6379")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("its port must be a whole number from 0 to 65535") from None
    database = parts.path.strip("/")
    if database and not database.isdecimal():
        raise ValueError("its path must be the number of a database: redis://localhost:6379/0")


def _check_options(scheme: str, options: list[tuple[str, str]]) -> None:
    allowed = (*_PLAIN_OPTIONS, *_TLS_OPTIONS) if scheme == "rediss" else _PLAIN_OPTIONS
    values: dict[str, str] = {}
    for name, value in options:
        if name in values:
            raise ValueError(f"its option {name!r} stands there twice")
        if name in _OWN_SETTING:
            raise ValueError(f"its option {name} is not taken: {_OWN_SETTING[name]}")
        if name in _TLS_OPTIONS and scheme != "rediss":
            raise ValueError(f"its option {name} needs an address that starts with rediss://")
        if name not in allowed:
            raise ValueError(f"its option {name!r} is unknown; known are {', '.join(allowed)}")
        if not value:
            raise ValueError(f"its option {name} has no value")
        if name in _CHOICES and value.lower() not in _CHOICES[name]:
            raise ValueError(f"its option {name} must be one of {', '.join(_CHOICES[name])}")
        values[name] = value
    if not values.get("db", "0").isdecimal():
        raise ValueError("its option db must be the number of a database")
    _check_certificates(values)


def _check_certificates(values: dict[str, str]) -> None:
    """Read every file that a handshake will need: one that is missing now would be waited for without a word."""
    for name in _TLS_FILES:
        path = values.get(name)
        if path is not None and not (Path(path).is_dir() if name == "ssl_ca_path" else Path(path).is_file()):
            raise ValueError(f"its option {name} names {path}, which is no {_kind(name)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities, certificate, key = (values.get(name) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"))
    if authorities is not None:
        try:
            context.load_verify_locations(cafile=authorities)
        except (ssl.SSLError, OSError):
            raise ValueError(f"its option ssl_ca_certs names {authorities}, which holds no PEM certificates") from None
    if key is not None and certificate is None:
        raise ValueError("its option ssl_keyfile needs ssl_certfile beside it")
    if certificate is not None:
        try:
            # Without a password a locked key must not ask for one on the terminal.
            context.load_cert_chain(certificate, key, values.get("ssl_password", ""))
        except (ssl.SSLError, OSError):
            raise ValueError(
                f"ssl_certfile {certificate} and ssl_keyfile {key or certificate} are no PEM certificate with its key"
            ) from None


def _kind(name: str) -> str:
    return "folder" if name == "ssl_ca_path" else "file"
