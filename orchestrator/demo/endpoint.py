"""An endpoint for the demo's alerts: it takes what the service posts, the whole way of an alert, and logs its text."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

import structlog

MAX_BODY_BYTES: Final = 64 * 1024
MAX_SHOWN_CHARS: Final = 500
_TIMEOUT_S: Final = 5.0

log = structlog.get_logger(__name__)


class _Handler(BaseHTTPRequestHandler):
    timeout = _TIMEOUT_S

    def do_POST(self) -> None:
        """Take one alert."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.send_error(413)
            return
        log.warning("ALERT", text=text_of(self.rfile.read(int(length))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """What the service's own log tells need not be told twice."""


def text_of(body: bytes) -> str:
    """What an alert says to people; empty if it is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    text = document.get("text") if isinstance(document, dict) else None
    return text[:MAX_SHOWN_CHARS] if isinstance(text, str) else ""


class AlertLog:
    """Listens on a free port of this machine alone while the context is open."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-alerts", daemon=True)

    @property
    def url(self) -> str:
        """Where alerts are to be sent."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=_TIMEOUT_S)
