"""Sends what compresses well as gzip to who takes it.

Not compressed: what is small, streams (events must leave at once), what says ``no-transform``, and pages for who is
signed in (a request with a cookie): a page that holds a secret beside text of somebody else's choice gives the secret
away by its length (BREACH). A page with a secret says ``no-transform`` as well, so that no proxy compresses it either.

A compressed answer is another representation: who may get one has its ETag made weak, the same for both, so that either
is found again by ``If-None-Match``. Sources: RFC 9110, 8.8.1 and 12.5.3; RFC 9111, 4.1 (``Vary``).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import trio
from quart import request
from quart.wrappers.response import DataBody

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio
    from werkzeug.datastructures import Accept

LEAST_BYTES: Final = 1_024
"""Below it the headers of a packet weigh more than what is saved."""

INLINE_BYTES: Final = 32 * 1_024
"""Up to it compressing costs the event loop about half a millisecond; more goes to a thread."""

LEVEL: Final = 5
_GZIP: Final = 16 + zlib.MAX_WBITS
_TYPES: Final = frozenset(
    {
        "application/json",
        "application/openmetrics-text",
        "application/problem+json",
        "image/svg+xml",
        "text/css",
        "text/html",
        "text/javascript",
        "text/plain",
    }
)


def gzipped(data: bytes) -> bytes:
    """*data* as one gzip member, the same for the same data."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()


def takes_gzip(accepted: Accept) -> bool:
    """Whether *accepted*, an ``Accept-Encoding``, takes gzip at least as gladly as what is not coded."""
    gzip = accepted["gzip"]  # the quality; that of * if gzip is not named
    plain = max((quality for coding, quality in accepted if coding.lower() == "identity"), default=0)
    return bool(gzip > 0 and gzip >= plain)


def compressible(response: Response) -> bool:
    """Whether *response*, whatever its size, is of a kind that may be compressed."""
    if response.mimetype not in _TYPES or "Content-Encoding" in response.headers:
        return False
    if "no-transform" in response.headers.get("Cache-Control", ""):
        return False
    return response.mimetype != "text/html" or not request.headers.get("Cookie")


def compress(app: QuartTrio) -> None:
    """Let *app* compress its answers where that is asked for and worth it."""

    @app.after_request
    async def pack(response: Response) -> Response:
        if not compressible(response):
            return response
        response.vary.add("Accept-Encoding")
        if not takes_gzip(request.accept_encodings):
            return response
        etag, weak = response.get_etag()
        if etag is not None and not weak:  # also of a 304, whose 200 may have been compressed
            response.set_etag(etag, weak=True)
        if not isinstance(response.response, DataBody):
            return response
        data = response.response.data
        if len(data) < LEAST_BYTES:
            return response
        # Abandoned when the reader is gone: it ends by itself.
        packed = (
            gzipped(data)
            if len(data) <= INLINE_BYTES
            else await trio.to_thread.run_sync(gzipped, data, abandon_on_cancel=True)
        )
        response.set_data(packed)
        response.headers["Content-Encoding"] = "gzip"
        return response
