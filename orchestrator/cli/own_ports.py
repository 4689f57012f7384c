"""Whether the service's ports are free here, or taken by this very service: the doctor is often asked beside one.

Who answers at HTTP_PORT says in ``/health`` who it is. It is this service if it has the name that is set, or is a
process that lives at this Redis. Its metrics name no process, so their port is this service's where HTTP_PORT is, and
metrics of ours answer there. What answers is foreign: asked once, for a bounded time, and read for a bounded length.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.process.secret_files import read_bounded
from orchestrator.store.preflight import Finding, Verdict

if TYPE_CHECKING:
    from orchestrator.settings import Settings

ANSWER_S: Final = 2.0
"""For so long a taken port is asked who is there."""

_MOST_BYTES: Final = 1 << 20
_TOKENS_BYTES: Final = 1 << 16
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared only
_METRIC: Final = b"orchestrator_build_info"


class _Health(msgspec.Struct, rename="camel"):
    orchestrator_id: str


_decode = msgspec.json.Decoder(_Health).decode


def port_findings(settings: Settings, living: Callable[[], Collection[str]]) -> Iterator[Finding]:
    """Of each port whether it can be bound, and if not, whether this service has it.

    Args:
        settings: those of the service.
        living: names of the processes that live at its Redis; asked where that matters.
    """
    host, ours = settings.http_host, ""
    for name, port in (("HTTP_PORT", settings.http_port), ("PROMETHEUS_PORT", settings.prometheus_port)):
        trouble = _trouble(host, port)
        if not trouble:
            yield Finding(name, Verdict.OK, f"{host}:{port} is free" if port else "any free port")
            continue
        found = _who(settings, port) if name == "HTTP_PORT" else ours
        if name == "HTTP_PORT" and found and (found == settings.orchestrator_id or found in living()):
            ours = found
            yield Finding(name, Verdict.OK, f"{host}:{port} is held by this service, which runs here as {found!r}")
        elif name != "HTTP_PORT" and ours and _METRIC in _answer(settings, port, "/metrics"):
            yield Finding(name, Verdict.OK, f"{host}:{port} is held by this service, as HTTP_PORT is")
        else:
            who = f" {found!r} is there, an orchestrator that is none of this Redis" if found and not ours else ""
            detail = f"{host}:{port} cannot be bound: {trouble}{';' if who else ''}{who}"
            yield Finding(name, Verdict.WARN, detail, f"set {name} to a free port, or end what has this one")


def _trouble(host: str, port: int) -> str:
    """Why *port* cannot be bound; empty: it can."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _who(settings: Settings, port: int) -> str:
    """The name of the orchestrator that answers at *port*; empty: none does, or it does not say."""
    try:
        return _decode(_answer(settings, port, "/health")).orchestrator_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # of somebody else
        return ""


def _answer(settings: Settings, port: int, path: str) -> bytes:
    """What is answered at *path*; nothing where nobody answers in time."""
    host = _ANYWHERE.get(settings.http_host, settings.http_host)
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("GET", path, headers=_headers(settings))
        return connection.getresponse().read(_MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def _headers(settings: Settings) -> dict[str, str]:
    """By a name that the service is known by, and with a token that reads, where these are asked for."""
    headers = {"Host": next(iter(settings.allowed_hosts))} if settings.allowed_hosts else {}
    path = settings.http_token_file
    if path:
        try:
            tokens = read_bounded(path, _TOKENS_BYTES).split()
        except ValueError:  # the service's start says so
            tokens = []
        headers |= {"Authorization": f"Bearer {tokens[0].decode(errors='replace')}"} if tokens else {}
    return headers
