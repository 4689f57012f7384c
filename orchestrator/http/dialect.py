"""What of HTTP is spoken: HTTP/1.1 and 1.0, framed in one way only, and nothing else on the same connection.

Owns which requests are refused before an application sees them. A shell around hypercorn's protocol, which would
also speak HTTP/2 without TLS to whoever asks: its streams were not counted among the connections, and one that takes
no data kept its answer for ever (100 connections of 16 streams cost 370 MB). A proxy that speaks HTTP/2 to its clients
speaks HTTP/1.1 to us.

Sources: RFC 9112, 6.1 (Transfer-Encoding beside Content-Length, or in HTTP/1.0, is a sign of request smuggling: answer
and close); RFC 9110, 7.8 (an Upgrade may be ignored) and 15.6.6.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import h11
from hypercorn.events import Closed
from hypercorn.protocol.h11 import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS
RETRY_AFTER_S: Final = 2

_PROBE_METHODS: Final = frozenset({b"GET", b"HEAD"})


def refusal(request: h11.Request) -> int:
    """The status with which *request* is refused, 0 if it is not."""
    names = {name for name, _ in request.headers}
    if not request.http_version.startswith(b"1."):
        return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
    # h11 would take the coding and forget the length; whoever stands in front of us may have done the opposite.
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version < b"1.1"):
        return HTTPStatus.BAD_REQUEST
    return 0


class Dialect(H11Protocol):
    """The protocol of one connection.

    Args:
        probes: paths of probes.
        probe: called when a probe came.
        serve: called when another request came; 0 to answer it, or the status to refuse it with.
    """

    def __init__(
        self, *args: Any, probes: frozenset[bytes], probe: Callable[[], None], serve: Callable[[], int]
    ) -> None:
        super().__init__(*args)
        self._probes = probes
        self._probe = probe
        self._serve = serve

    async def _check_protocol(self, event: h11.Request) -> None:
        """Change to no other protocol, whatever *event* asks for."""

    async def _create_stream(self, request: h11.Request) -> None:
        """Hand *request* to the application, or refuse it and close."""
        status = refusal(request) or self._admission(request)
        if not status:
            await super()._create_stream(request)
            return
        retry = [(b"retry-after", b"%d" % RETRY_AFTER_S)] if status in {BUSY, TOO_MANY} else []
        headers = chain(
            [(b"content-length", b"0"), (b"connection", b"close")], retry, self.config.response_headers("h11")
        )
        await self._send_h11_event(h11.Response(status_code=status, headers=list(headers)))
        await self._send_h11_event(h11.EndOfMessage())
        await self.send(Closed())

    def _admission(self, request: h11.Request) -> int:
        if request.method in _PROBE_METHODS and request.target.partition(b"?")[0] in self._probes:
            self._probe()
            return 0
        return self._serve()
