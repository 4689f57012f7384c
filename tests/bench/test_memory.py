"""Weighing a brand, and asking for ``/livez`` while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import _payloads
from bench.memory import fold_and_weigh, probing


def test_weighed_brand_has_the_stories_and_stores_them(tmp_path: Path) -> None:
    """Each story is there, and storage has of it at least two bytes for each number of its direction."""
    path = tmp_path / "chunks"
    path.write_bytes(b"".join(chunk + b"\n" for chunk in _payloads.large(_payloads.founding(100), stories=100)))
    size = fold_and_weigh(path, 100)
    assert size.stories == 100
    assert size.stored_bytes > 100 * 384 * 2


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[int, threading.Event]]:
    """A server that answers with *statuses* in turn, the last one for ever; its port, and when that came."""
    left = list(statuses)
    last_came = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()
            if len(left) > 1:
                left.pop(0)
            else:
                last_came.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, last_came
        server.shutdown()
        thread.join()


def test_probing_times_every_answer() -> None:
    """While the context is open answers come in, each with its milliseconds."""
    with answering(200, 200) as (port, last_came), probing(port) as probes:
        assert last_came.wait(30)
    assert len(probes.answers_ms) >= 2
    assert min(probes.answers_ms) > 0


def test_probing_tells_of_an_answer_that_is_not_ok() -> None:
    """A service that says it does not live is no latency: the measurement fails."""
    told = pytest.raises(RuntimeError, match="/livez answered 503")
    with answering(200, 503) as (port, last_came), told, probing(port):
        assert last_came.wait(30)


def test_probing_tells_of_an_answer_that_did_not_come() -> None:
    """Nobody listens any more: the measurement fails instead of leaving the gap out."""
    with answering(200) as (port, _):
        pass
    with pytest.raises(OSError, match="refused"), probing(port) as probes:
        pass
    assert probes.answers_ms == []
