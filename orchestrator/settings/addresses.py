"""Which addresses are usable, and what to say of one that is not.

Owns what an address of ours must be like. That of Redis is read in ``contract.address``; here are its places in several
settings and the files that it names. Messages never quote a password.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orchestrator.contract import archive_url
from orchestrator.contract.address import TLS_FILES, Kind, ask_sentinels, parse_address, parse_nodes

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_PUBLIC: Final = re.compile(r"[A-Za-z0-9:/._~%\[\]-]+")
_PATH_PART: Final = re.compile(r"[A-Za-z0-9._~-]+")
OWN_PATHS: Final = frozenset(
    {"brands", "compare", "health", "livez", "metrics", "ops", "past", "readyz", "static", "stories.csv", "v1"}
)
"""First parts of this service's own paths, under which no proxy can offer it; tests/http/test_mount.py compares."""


def check_redis_url(url: str) -> str:
    """Return *url* trimmed if it is an address that the store can open; one without a host may pass, for sentinels.

    Raises:
        ValueError: naming what is wrong, without the password.
    """
    url = url.strip()
    if url.lower().startswith("embedded:"):
        return _check_embedded(url)
    try:
        address = parse_address(url, needs_host=False)
    except ValueError as error:
        raise ValueError(f"{error}; or embedded://" if "must start with" in str(error) else str(error)) from None
    _check_certificates(dict(address.options))
    return url


def check_archive_url(url: str) -> str:
    """Return *url* trimmed if an archive can be there; empty is fine.

    Raises:
        ValueError: naming what is wrong, without a password.
    """
    url = url.strip()
    if url and archive_url.parse_archive_url(url).scheme == archive_url.MEMORY:
        raise ValueError(f"memory:// is gone with its process: it must begin with {', '.join(archive_url.SCHEMES)}")
    return url


def server_address(url: str, sentinels: str, service: str) -> str:
    """Where the server is: *url*, or with *sentinels* the address of those that know its primary as *service*.

    Raises:
        ValueError: they contradict each other, or one of them is missing; all are named.
    """
    if not sentinels:
        if service:
            raise ValueError("REDIS_SENTINEL_MASTER needs REDIS_SENTINELS=host-1:26379,host-2:26379 beside it")
        if not url.lower().startswith("embedded:"):
            try:
                parse_address(url)
            except ValueError as error:
                raise ValueError(f"REDIS_URL is refused: {error}") from None
        return url
    if url.lower().startswith("embedded:"):
        raise ValueError("REDIS_SENTINELS is of no use with an embedded Redis")
    if not service:
        raise ValueError("REDIS_SENTINELS needs REDIS_SENTINEL_MASTER, the name by which they know the primary")
    return ask_sentinels(parse_address(url, needs_host=False), sentinels, service).url


def check_sentinels(sentinels: str) -> str:
    """Return *sentinels* trimmed if it is a list of hosts, with or without ports; empty is fine.

    Raises:
        ValueError: naming what is wrong.
    """
    sentinels = sentinels.strip()
    if "@" in sentinels or "/" in sentinels:
        raise ValueError(
            "it must have hosts alone, like host-1:26379,host-2:26379; user and password of the sentinels are"
            " REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD_FILE"
        )
    if sentinels:
        parse_nodes(sentinels, Kind.SENTINEL)
    return sentinels


def check_login(url: str, username: str, password_file: str) -> None:
    """Return if user and password are given in one place each.

    Raises:
        ValueError: there are two of one; both places are named.
    """
    if not (username or password_file):
        return
    if url.lower().startswith("embedded:"):
        raise ValueError("REDIS_USERNAME and REDIS_PASSWORD_FILE are of no use with an embedded Redis")
    address = parse_address(url, needs_host=False)
    if username and address.username:
        raise ValueError("REDIS_USERNAME and a user in REDIS_URL are both set: leave one out")
    if password_file and address.password:
        raise ValueError("REDIS_PASSWORD_FILE and a password in REDIS_URL are both set: leave one out")


def check_sentinel_login(url: str, username: str, password: str, password_file: str) -> None:
    """Return if what the sentinels at *url* are told of us is whole, and said once.

    Raises:
        ValueError: naming the settings that do not go together.
    """
    if password and password_file:
        raise ValueError("REDIS_SENTINEL_PASSWORD and REDIS_SENTINEL_PASSWORD_FILE are both set: leave one out")
    if username and not (password or password_file):
        raise ValueError("REDIS_SENTINEL_USERNAME needs REDIS_SENTINEL_PASSWORD_FILE beside it")
    asked = url.lower().startswith(("redis+sentinel:", "rediss+sentinel:"))
    if (password or password_file) and not asked:
        raise ValueError(
            "REDIS_SENTINEL_PASSWORD and REDIS_SENTINEL_PASSWORD_FILE are of no use without sentinels: set"
            " REDIS_SENTINELS and REDIS_SENTINEL_MASTER, or REDIS_URL=redis+sentinel://..."
        )


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


def _check_embedded(url: str) -> str:
    parts = urlsplit(url)
    if not url.startswith("embedded://") or parts.netloc or parts.query:
        raise ValueError("it takes an absolute folder or none: embedded:///var/lib/orchestrator or embedded://")
    return url


def _check_certificates(values: dict[str, str]) -> None:
    """Read every file that a handshake will need: one that is missing now would be waited for without a word."""
    for name in TLS_FILES:
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
