"""An archive in a bucket: S3 and what speaks its protocol by s3fs, others by their package of fsspec.

These packages are asynchronous inside and have a loop of asyncio on a thread. That of s3fs is one of our own here and
ends with :meth:`Bucket.close`. What they raise is translated at this one place, and what a server says is shown masked
and cut. They retry nothing by themselves: how often something is tried is decided in one place, above this.
"""

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from orchestrator.contract.archive_url import ArchiveUrl
from orchestrator.errors import ArchiveError, ArchiveRefusedError, ArchiveUnavailableError, ObjectMissingError
from orchestrator.objects.place import Entry, in_order, oddity
from orchestrator.process.extras import extra_helps, package_helps
from orchestrator.process.masking import mask_text, printable

CONNECT_S: Final = 5
READ_S: Final = 30
"""Between two pieces of an answer."""

CALL_S: Final = 300
"""Of one call, however many pieces it has."""

_PACKAGES: Final = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "memory": "fsspec"}
_PAGE: Final = 1_000
"""Of a listing, and of names that are removed at once."""

_MAX_SAID: Final = 200
_PASSING: Final = frozenset({errno.EBUSY, errno.EREMOTEIO if hasattr(errno, "EREMOTEIO") else errno.EIO, errno.EIO})
"""How s3fs says ``SlowDown``, ``ServiceUnavailable``, ``InternalError`` and what it does not know."""

_CONDITIONLESS: Final = frozenset({errno.ENOSYS, errno.EINVAL})
"""How s3fs says ``NotImplemented`` and ``InvalidArgument``: what a store answers to a condition that it does not know,
and some of them to one that did not hold."""

_PASSING_CODES: Final = frozenset({"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"})
"""How S3 says the same of one object among many that were to be removed, in an answer that is none of an error."""

_STATUS: Final = range(100, 600)
_SERVER_ERROR: Final = 500
_PASSING_STATUS: Final = frozenset({408, 425, 429})
_PASSING_CLASSES: Final = frozenset(
    {
        *("HTTPClientError", "ConnectionError", "ResponseParserError", "IncompleteRead", "IncompleteReadError"),
        *("ClientError", "ServerTimeoutError", "FSTimeoutError", "TimeoutError", "ServiceRequestError"),
        *("ServiceResponseError", "TransportError", "HTTPException"),
    }
)
"""Of botocore, aiohttp, fsspec, google.auth and azure.core: no answer, or half of one."""


def check_installed(url: ArchiveUrl) -> None:
    """Whether what *url* needs is installed.

    Raises:
        ArchiveError: it is not; the message says how it is installed.
    """
    package = _PACKAGES.get(url.scheme)
    if package is None:
        return
    try:
        importlib.import_module(package)
        importlib.import_module("fsspec")
    except ImportError:
        helps = extra_helps("archive") if package in {"s3fs", "fsspec"} else package_helps(package)
        raise ArchiveError(f"{url.scheme}:// needs a package that is not installed: {helps}") from None


class Bucket:
    """The bucket and folder that *url* names."""

    def __init__(self, url: ArchiveUrl) -> None:
        self._url = url
        self._prefix = f"{url.path}/" if url.path else ""
        self._fs: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opened_by = 0
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        """A store takes an object as a whole, or nothing of it."""
        with self._told(name), self._refusal():
            self._call("pipe_file", self._path(name), data)

    def put_new(self, name: str, data: bytes) -> None:
        """By the condition that S3 and others know; a store that does not is asked before."""
        with self._told(name), self._refusal():
            try:
                self._call("pipe_file", self._path(name), data, mode="create")
            except FileExistsError:
                return
            except (TypeError, NotImplementedError, OSError) as error:
                if isinstance(error, OSError) and error.errno not in _CONDITIONLESS:
                    raise
                if not self._call("exists", self._path(name)):
                    self._call("pipe_file", self._path(name), data)

    def get(self, name: str, max_bytes: int) -> bytes:
        """One request, which asks for no more than may be read."""
        with self._told(name):
            try:
                data: bytes = self._call("cat_file", self._path(name), start=0, end=max_bytes + 1)
            except OSError as error:
                if error.errno != errno.EINVAL or self._call("info", self._path(name))["size"]:
                    raise
                return b""  # there is no first byte to ask for
        if len(data) > max_bytes:
            raise ArchiveError(f"{name!r} has more than {max_bytes} bytes, which are not read")
        return data

    def entries(self, folder: str, after: str) -> Iterator[Entry]:
        """Page by page where it is S3, folder by folder elsewhere."""
        below = f"{folder}/" if folder else ""
        if self._url.scheme != "s3":
            yield from (found for found in self._walk(folder) if in_order(found.name) > in_order(after))
            return
        for found in self._pages(self._prefix + below, **({"StartAfter": self._prefix + after} if after else {})):
            for key, size in found:
                name = key.removeprefix(self._prefix)
                if not name.startswith(below):
                    raise ArchiveError(f"{self._url.shown} lists {name[:_MAX_SAID]!r}, which was not asked for")
                if not name.endswith("/"):  # consoles make such ones for folders
                    yield Entry(name, size, oddity(name))

    def folders(self, folder: str) -> Iterator[str]:
        """By the slash in names."""
        below = f"{folder}/" if folder else ""
        if self._url.scheme == "s3":
            for found in self._pages(self._prefix + below, Delimiter="/"):
                for prefix, _ in found:
                    yield prefix.removeprefix(self._prefix + below).removesuffix("/")
        else:
            yield from (name for name, size in self._listed(folder) if size is None)

    def remove(self, names: Sequence[str]) -> None:
        """Many in one request where it is S3."""
        for start in range(0, len(names), _PAGE):
            page = names[start : start + _PAGE]
            with self._told(page[0]):
                if self._url.scheme == "s3":
                    keys = [{"Key": self._prefix + name} for name in page]
                    answer = self._call(
                        "call_s3", "delete_objects", Bucket=self._url.bucket, Delete={"Objects": keys, "Quiet": True}
                    )
                    for failed in answer.get("Errors") or ():
                        raise _failing(failed.get("Code"))(
                            _said(f"{failed.get('Key')!r} was not removed: {failed.get('Code')}")
                        )
                    continue
                for name in page:
                    with suppress(FileNotFoundError):
                        self._call("rm_file", self._path(name))

    def close(self) -> None:
        """End the connections, then the loop and its thread."""
        with self._lock:
            fs, loop, thread, mine = self._fs, self._loop, self._thread, self._opened_by == os.getpid()
            self._fs = self._loop = self._thread = None
        if not mine or loop is None or thread is None:
            return
        creator = getattr(fs, "_s3creator", None)
        if creator is not None:
            with suppress(Exception):  # a connection that is broken is closed as well
                asyncio.run_coroutine_threadsafe(creator.__aexit__(None, None, None), loop).result(CONNECT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CONNECT_S)
        if not thread.is_alive():
            let_go(loop)
            loop.close()

    def _pages(self, prefix: str, **more: Any) -> Iterator[list[tuple[str, int]]]:
        """Names and sizes, or with a delimiter the folders alone; what a server answers may be anything."""
        after: dict[str, Any] = {}
        while True:
            with self._told(prefix):
                found = self._call(
                    "call_s3",
                    "list_objects_v2",
                    Bucket=self._url.bucket,
                    Prefix=prefix,
                    MaxKeys=_PAGE,
                    **more,
                    **after,
                )
                last, after = after, {}
                if found.get("IsTruncated"):
                    after = {"ContinuationToken": found["NextContinuationToken"]}
                if "Delimiter" in more:
                    names = [(str(each["Prefix"]), 0) for each in found.get("CommonPrefixes") or ()]
                else:
                    names = [(str(each["Key"]), int(each["Size"])) for each in found.get("Contents") or ()]
            yield names
            if not after:
                return
            if after == last:
                raise ArchiveError(f"{self._url.shown} lists the same again and again, and never comes to an end")

    def _walk(self, folder: str) -> Iterator[Entry]:
        for name, size in self._listed(folder):
            whole = f"{folder}/{name}" if folder else name
            if size is None:
                yield from self._walk(whole)
            else:
                yield Entry(whole, size, oddity(whole))

    def _listed(self, folder: str) -> list[tuple[str, int | None]]:
        """Names in a folder with their sizes, None for a folder."""
        path = self._path(folder)
        with self._told(folder):
            try:
                found = self._call("ls", path, detail=True)
            except FileNotFoundError:
                return []
        names = [
            (str(each["name"]).rstrip("/").rpartition("/")[2], None if each["type"] == "directory" else each["size"])
            for each in found
            if str(each["name"]).strip("/") != path.strip("/")
        ]
        return sorted(names, key=lambda each: in_order(each[0] + "/" * (each[1] is None)))

    def _path(self, name: str) -> str:
        return "/".join(part for part in (self._url.bucket, self._url.path, name) if part)

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        fs = self._open()
        timeout = {"timeout": CALL_S} if getattr(fs, "async_impl", False) else {}
        answer = getattr(fs, method)(*arguments, **named, **timeout)
        if self._fs is not fs:  # a call that was let go looks as if it had gone well
            raise ArchiveError(f"{self._url.shown} was closed meanwhile")
        return answer

    def _open(self) -> Any:
        """The file system; a process that was forked off opens its own."""
        with self._lock:
            if self._fs is None or self._opened_by != os.getpid():
                self._opened_by = os.getpid()
                self._fs = self._new()
            return self._fs

    def _new(self) -> Any:
        check_installed(self._url)
        fsspec: Any = importlib.import_module("fsspec")
        named: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        options = dict(self._url.options)
        if self._url.scheme != "s3":
            # On fsspec's loop, which does not end: the packages of the others close their connections at exit, on it.
            return fsspec.filesystem(self._url.scheme, **named, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="archive", daemon=True)
        self._thread.start()
        client = {"region_name": options.pop("region")} if "region" in options else {}
        attempts = {"total_max_attempts": 1, "mode": "standard"}
        config = {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": attempts}
        fs = fsspec.filesystem("s3", loop=self._loop, client_kwargs=client, config_kwargs=config, **named, **options)
        fs.retries = 1
        return fs

    @contextmanager
    def _refusal(self) -> Iterator[None]:
        """No rights, or no bucket, of a put: it is nothing that one brand's objects could mend."""
        try:
            yield
        except (PermissionError, FileNotFoundError) as error:
            told = _said(f"{self._url.shown} takes nothing: {type(error).__name__}: {error}")
            raise ArchiveRefusedError(told) from None

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What the packages raise, as errors of an archive."""
        try:
            yield
        except ArchiveError:
            raise
        except Exception as error:  # noqa: BLE001 - each provider's package has a tree of its own
            told = _said(f"{name!r} in {self._url.shown}: {type(error).__name__}: {error}")
            raise _class_of(error)(told) from None


def let_go(loop: asyncio.AbstractEventLoop) -> None:
    """End the calls of threads that nobody waits for any more: on a loop that has ended they would wait in vain."""
    loop.run_until_complete(asyncio.sleep(0))  # what was handed over and not begun
    calls = asyncio.all_tasks(loop)
    for call in calls:
        call.cancel()
    if calls:
        loop.run_until_complete(asyncio.wait(calls))


def _failing(code: object) -> Callable[[str], ArchiveError]:
    """Whether to try again what S3 did not do to one object."""
    return ArchiveUnavailableError if code in _PASSING_CODES else ArchiveError


def _class_of(error: BaseException) -> Callable[[str], ArchiveError]:
    """Whether to try again, as far as an error tells."""
    if isinstance(error, FileNotFoundError):
        return ObjectMissingError
    if isinstance(error, TimeoutError | ConnectionError | asyncio.TimeoutError | EOFError):
        return ArchiveUnavailableError
    status: int = next(
        (value for name in ("status", "status_code", "code") if _is_status(value := getattr(error, name, 0))), 0
    )
    if status:
        return ArchiveUnavailableError if status >= _SERVER_ERROR or status in _PASSING_STATUS else ArchiveError
    if isinstance(error, OSError) and error.errno in _PASSING:
        return ArchiveUnavailableError
    names = {cls.__name__ for cls in type(error).__mro__}
    return ArchiveUnavailableError if names & _PASSING_CLASSES else ArchiveError


def _is_status(value: object) -> bool:
    return isinstance(value, int) and value in _STATUS


def _said(text: str) -> str:
    """*text* of a server, fit for a log."""
    line = printable(mask_text(" ".join(text.split())))
    return line if len(line) <= _MAX_SAID * 2 else f"{line[: _MAX_SAID * 2]}…"
