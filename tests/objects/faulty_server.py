"""A server that should speak the protocol of S3 and does what a test says instead."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


def said(status: int, body: bytes = b"", **headers: str) -> Answer:
    """That status with that body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/xml", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def error(status: int, code: str) -> Answer:
    """An error as S3 says it."""
    return said(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    """Half of an answer, then the end of the connection."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)
    hang_up(handler)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """The end of the connection."""
    handler.close_connection = True
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


@dataclass
class FaultyServer:
    """What it answers, the last one again and again, and how often it was asked."""

    endpoint: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def silent(self, handler: BaseHTTPRequestHandler) -> None:
        """No answer, as long as the test lasts."""
        del handler
        self.ended.wait()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """The next one."""
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append(f"{handler.command} {handler.path}")
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(handler)


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """One on a free port."""
    found = FaultyServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            try:
                found.answer(self)
            except OSError:
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
