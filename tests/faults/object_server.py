"""A server of objects that can be killed: what it acknowledged lies in files, whole, and outlives a kill -9.

It speaks as much of the protocol of S3 as an archive needs, and knows nobody's keys. ``python -m
tests.faults.object_server FOLDER PORT`` is the server, :class:`ObjectServer` is the process.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from types import TracebackType

BUCKET: Final = "bucket"
KEYS: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'


class ObjectServer:
    """The process; use as a context manager.

    Args:
        folder: where objects lie.

    Attributes:
        kills: how often it was killed.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.kills = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As ``ARCHIVE_URL``."""
        return f"s3://{BUCKET}/archive?endpoint_url=http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once it listens."""
        command = [sys.executable, "-m", "tests.faults.object_server", str(self._folder), str(self._port)]
        self._process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "the server of objects does not come up"
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """Kill -9, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.kills += 1

    def restart(self) -> None:
        """Kill -9 and start anew."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = Path()

    def do_PUT(self) -> None:
        """Whole, in the log of the file system, and only then acknowledged."""
        data, place = self._body(), self._place()
        part = self.folder / f"{secrets.token_hex(8)}.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(place)
        self._answer(200, ETag='"0"')

    def do_GET(self) -> None:
        """An object or a piece of it, or a listing."""
        if self._key() == "":
            self._list()
            return
        try:
            data = self._place().read_bytes()
        except FileNotFoundError:
            self._missing()
            return
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if ranged is None:
            self._answer(200, data)
            return
        first, last = int(ranged[1]), min(int(ranged[2] or len(data)), len(data) - 1)
        if first > last:
            self._answer(416, _error("InvalidRange"))
            return
        self._answer(206, data[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(data)}")

    def do_HEAD(self) -> None:
        """Its size."""
        place = self._place()
        if self._key() == "" or not place.exists():
            self._answer(200 if self._key() == "" else 404)
            return
        self._answer(200, size=place.stat().st_size, ETag='"0"')

    def do_POST(self) -> None:
        """Removes many."""
        for key in re.findall(r"<Key>(.*?)</Key>", self._body().decode()):
            (self.folder / quote(key, safe="")).unlink(missing_ok=True)
        self._answer(200, f"{_HEAD}<DeleteResult></DeleteResult>".encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def _key(self) -> str:
        _, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        return key

    def _place(self) -> Path:
        return self.folder / quote(self._key(), safe="")

    def _body(self) -> bytes:
        data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            return _unchunked(data)
        return data

    def _list(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        after = max(asked.get("start-after", ""), asked.get("continuation-token", ""))
        found, folders = [], dict[str, None]()
        for place in self.folder.iterdir():
            key = unquote(place.name)
            if place.suffix == ".part" or not key.startswith(prefix) or key <= after:
                continue
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if cut:
                folders[f"{prefix}{head}{cut}"] = None
            else:
                found.append((key, place.stat().st_size))
        found.sort()
        most = int(asked.get("max-keys", "1000"))
        page, more = found[:most], len(found) > most
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>0</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, size in page
        )
        contents += "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders)
        )
        token = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
        told = f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
        told += f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}"
        self._answer(200, f"{_HEAD}<ListBucketResult>{told}</ListBucketResult>".encode())

    def _missing(self) -> None:
        self._answer(404, _error("NoSuchKey"))

    def _answer(self, status: int, body: bytes = b"", *, size: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def _error(code: str) -> bytes:
    return f"{_HEAD}<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def _unchunked(data: bytes) -> bytes:
    found = []
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0] or b"0", 16)
        if not size:
            break
        found.append(data[:size])
        data = data[size + 2 :]
    return b"".join(found)


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed goes without a word."""


def main() -> None:
    """Serve until it is killed."""
    _Handler.folder = Path(sys.argv[1])
    _Server(("127.0.0.1", int(sys.argv[2])), _Handler).serve_forever()


if __name__ == "__main__":
    main()
