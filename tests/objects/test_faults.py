"""Whatever becomes of the place where an archive is: the right error, no secret in it, and the same again later."""

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trio

from orchestrator.contract.archive_url import parse_archive_url
from orchestrator.errors import ArchiveError, ArchiveUnavailableError, ObjectMissingError
from orchestrator.objects import bucket, folder
from orchestrator.objects import objects as objects_module
from orchestrator.objects.bucket import Bucket, let_go
from orchestrator.objects.objects import ATTEMPTS, Objects
from tests.bounds import at_most
from tests.objects.bucket_server import NOWHERE
from tests.objects.faulty_server import Answer, FaultyServer, cut_off, error, faulty_server, hang_up, said

DOES: dict[str, Callable[[Objects], object]] = {
    "put": lambda objects: objects.put("brand=a/x", b"x"),
    "get": lambda objects: objects.get("brand=a/x"),
    "list": lambda objects: list(objects.list("brand=a")),
    "folders": lambda objects: list(objects.folders()),
    "remove": lambda objects: objects.remove(["brand=a/x"]),
}
PAGE = (
    "<ListBucketResult><IsTruncated>{more}</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    "<Contents><Key>{key}</Key><Size>1</Size></Contents></ListBucketResult>"
)


def page(key: str, *, more: bool = False) -> Answer:
    """A page of a listing with one object."""
    return said(200, PAGE.format(key=key, more=str(more).lower()).encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A server that does what a test says."""
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    with faulty_server() as found:
        yield found


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that were waited between attempts."""
    return []


@pytest.fixture
def objects(server: FaultyServer, pauses: list[float]) -> Iterator[Objects]:
    """An archive in a bucket of that server."""
    url = f"s3://bucket/a?endpoint_url={server.endpoint}"
    with Objects(Bucket(parse_archive_url(url)), url, sleep=pauses.append) as found:
        yield found


PASSING: dict[str, Answer] = {
    "500": error(500, "InternalError"),
    "503": error(503, "SlowDown"),
    "503 of a proxy": said(503, b"<html>no</html>"),
    "cut off": cut_off,
    "hung up": hang_up,
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_tried_again_some_times(
    server: FaultyServer, objects: Objects, pauses: list[float], fault: str
) -> None:
    """With growing pauses, then given up as something that may pass."""
    server.answers = [PASSING[fault]]
    for does in DOES.values():
        server.asked.clear()
        pauses.clear()
        with pytest.raises(ArchiveUnavailableError) as caught:
            does(objects)
        # The HTTP client asks once more by itself where a connection that it had was closed.
        assert len(server.asked) in {ATTEMPTS, 2 * ATTEMPTS}
        assert len(pauses) == ATTEMPTS - 1
        assert pauses[-1] > pauses[0]
        assert "test-secret" not in str(caught.value)


THEN: dict[str, Answer] = {
    "put": said(200),
    "get": said(206, b"x"),
    "list": page("a/brand=a/x"),
    "remove": said(200, b"<R/>"),
}


def test_what_passes_is_done(server: FaultyServer, objects: Objects) -> None:
    """After two faults."""
    for does, then in THEN.items():
        server.answers = [cut_off, error(500, "InternalError"), then]
        server.asked.clear()
        DOES[does](objects)
        assert len(server.asked) == 3


REFUSALS = [
    error(403, "AccessDenied"),
    error(403, "SignatureDoesNotMatch"),
    error(400, "InvalidRequest"),
    error(301, "PermanentRedirect"),
    error(404, "NoSuchBucket"),
]


def test_what_does_not_pass_is_told_at_once(server: FaultyServer, objects: Objects, pauses: list[float]) -> None:
    """Without another attempt, with what the server says, and no key; a bucket that is not there is no empty one."""
    for refusal in REFUSALS:
        server.answers = [refusal]
        for does in DOES.values():
            with pytest.raises(ArchiveError, match="s3://bucket/a") as caught:
                does(objects)
            assert not isinstance(caught.value, ArchiveUnavailableError)
            assert "test-secret" not in str(caught.value)
    assert pauses == []


def test_object_that_was_not_removed_is_told(server: FaultyServer, objects: Objects) -> None:
    """Though the request as a whole went well."""
    refused = b"<R><Error><Key>a/brand=a/x</Key><Code>AccessDenied</Code></Error></R>"
    server.answers = [said(200, refused)]
    with pytest.raises(ArchiveError, match="'a/brand=a/x' was not removed: AccessDenied"):
        DOES["remove"](objects)


def test_object_that_was_not_removed_for_a_passing_reason_is_removed_again(
    server: FaultyServer, objects: Objects, pauses: list[float]
) -> None:
    """As if the whole request had failed: those that are gone already are no harm."""
    server.answers = [
        said(200, b"<R><Error><Key>a/brand=a/x</Key><Code>SlowDown</Code></Error></R>"),
        said(200, b"<R/>"),
    ]
    DOES["remove"](objects)
    assert (len(server.asked), len(pauses)) == (2, 1)


def test_listing_that_says_nothing_of_use_is_an_error(server: FaultyServer, objects: Objects) -> None:
    """Without names, without the next page, or without an end; a foreign server ends no process and holds none up."""
    for body in (b"<Contents><Size>1</Size></Contents>", b"<IsTruncated>true</IsTruncated>"):
        server.answers = [said(200, b"<ListBucketResult>" + body + b"</ListBucketResult>")]
        with pytest.raises(ArchiveError, match="KeyError") as caught:
            list(objects.list("brand=a"))
        assert not isinstance(caught.value, ArchiveUnavailableError)
    server.answers = [page("a/brand=a/1", more=True)]
    with pytest.raises(ArchiveError, match="never comes to an end"):
        list(objects.list("brand=a"))


def test_server_that_says_nothing_is_given_up(
    server: FaultyServer, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces of an answer, and as a whole."""
    monkeypatch.setattr(bucket, "READ_S", 0.05)
    server.answers = [server.silent]
    for does in ("get", "put", "list"):
        with pytest.raises(ArchiveUnavailableError):
            DOES[does](objects)


def test_server_that_was_killed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there any more."""
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    with faulty_server() as server:
        server.answers = [said(206, b"x", Connection="close")]
        url = f"s3://bucket/a?endpoint_url={server.endpoint}"
        objects = Objects(Bucket(parse_archive_url(url)), url, sleep=lambda _: None)
        assert objects.get("x") == b"x"
    with objects, pytest.raises(ArchiveUnavailableError):
        objects.get("x")


def test_listing_goes_on_behind_what_was_listed(server: FaultyServer, objects: Objects) -> None:
    """A page fails in the middle: nothing is listed twice, and nothing is left out."""
    server.answers = [
        page("a/brand=a/1", more=True),
        error(500, "InternalError"),
        page("a/brand=a/2", more=True),
        page("a/brand=a/3"),
    ]
    assert [entry.name for entry in objects.list("brand=a")] == [f"brand=a/{number}" for number in (1, 2, 3)]
    assert "start-after=a%2Fbrand%3Da%2F1" in server.asked[2]


def test_what_a_server_lists_is_foreign(server: FaultyServer, objects: Objects) -> None:
    """Names that lead elsewhere are told and never followed; what was not asked for is refused."""
    server.answers = [page("a/brand=a/../../x")]
    (entry,) = objects.list("brand=a")
    assert entry.odd
    server.answers = [page("a/brand=b/x")]
    with pytest.raises(ArchiveError, match="was not asked for"):
        list(objects.list("brand=a"))
    server.answers = [page("a/brand=a/")]
    assert list(objects.list("brand=a")) == []


def test_object_that_is_too_large_is_not_held(
    server: FaultyServer, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request asks for one byte more than may be read."""
    monkeypatch.setattr(objects_module, "MAX_BYTES", 100)
    server.answers = [said(206, b"x" * 101)]
    with pytest.raises(ArchiveError, match="more than 100 bytes"):
        objects.get("x")
    with pytest.raises(ArchiveError, match="at most 100 are put"):
        objects.put("x", b"x" * 101)
    assert len(server.asked) == 1


def test_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with Objects.open("s3://bucket") as found, pytest.raises(ArchiveError, match=r"pip install .*\[archive\]"):
        found.get("x")
    with Objects.open("gs://bucket") as found, pytest.raises(ArchiveError, match="gcsfs"):
        found.get("x")


@pytest.mark.trio
async def test_objects_do_not_hold_up_trio(server: FaultyServer, objects: Objects) -> None:
    """Called on a thread; others go on while a server says nothing, and a call that is abandoned ends by itself."""
    server.answers = [server.silent]
    with trio.move_on_after(0.05) as scope:
        await trio.to_thread.run_sync(DOES["get"], objects, abandon_on_cancel=True)
    assert scope.cancelled_caught
    server.ended.set()


def _called(does: str, objects: Objects) -> tuple[threading.Thread, list[ArchiveError]]:
    """A thread that does it, and the error with which that ended."""
    met: list[ArchiveError] = []

    def call() -> None:
        try:
            DOES[does](objects)
        except ArchiveError as error:
            met.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread, met


@pytest.mark.parametrize("does", ["get", "put", "list"])
def test_call_that_is_in_flight_at_the_close_ends_with_an_error(
    server: FaultyServer, objects: Objects, does: str
) -> None:
    """Of a thread that nobody waits for any more: it neither hangs on nor takes the place for one that has answered."""
    asked = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        server.silent(handler)

    server.answers = [silent]
    thread, met = _called(does, objects)
    assert asked.wait(30)
    objects.close()
    thread.join(30)
    assert not thread.is_alive()
    assert len(met) == 1
    assert not any(each.name == "archive" for each in threading.enumerate())


def test_call_that_is_let_go_has_not_gone_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though fsspec answers nothing for it, as for a put that went well."""
    sync: Callable[..., object] = importlib.import_module("fsspec.asyn").sync
    begun = threading.Event()

    class Hanging:
        """A file system whose calls are none of its connections'."""

        async_impl = True

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._loop = loop

        def pipe_file(self, *_: object, timeout: float) -> None:
            self._loop.call_soon_threadsafe(self._loop.call_soon, begun.set)
            sync(self._loop, asyncio.sleep, 1e6, timeout=timeout)

    monkeypatch.setattr("fsspec.filesystem", lambda _, **named: Hanging(named["loop"]))
    url = "s3://bucket/a"
    objects = Objects(Bucket(parse_archive_url(url)), url)
    thread, met = _called("put", objects)
    assert begun.wait(30)
    objects.close()
    thread.join(30)
    assert not thread.is_alive()
    assert [str(error) for error in met] == ["s3://bucket/a was closed meanwhile"]


def test_call_that_was_handed_over_and_not_begun_is_let_go() -> None:
    """As one that is in flight: whoever waits for it would wait in vain, and Python complains of what never ran."""
    loop = asyncio.new_event_loop()
    calls = [asyncio.run_coroutine_threadsafe(asyncio.sleep(1), loop) for _ in range(2)]
    let_go(loop)
    let_go(loop)  # nothing is left
    loop.close()
    assert all(call.cancelled() for call in calls)


def test_call_between_two_attempts_at_the_close_is_not_tried_again(server: FaultyServer) -> None:
    """The next attempt would open connections that nobody closes."""
    url = f"s3://bucket/a?endpoint_url={server.endpoint}"
    pausing, closed = threading.Event(), threading.Event()

    def pause(_: float) -> None:
        pausing.set()
        closed.wait(30)

    objects = Objects(Bucket(parse_archive_url(url)), url, sleep=pause)
    server.answers = [hang_up]
    thread, met = _called("put", objects)
    assert pausing.wait(30)
    objects.close()
    asked = len(server.asked)
    closed.set()
    thread.join(30)
    assert not thread.is_alive()
    assert isinstance(met[0], ArchiveUnavailableError)
    assert len(server.asked) == asked
    assert not any(each.name == "archive" for each in threading.enumerate())


PROGRAM = """
import os, sys
from orchestrator.objects.objects import Objects
objects = Objects.open(sys.argv[1])
objects.put("brand=a/x", b"x" * 1000)
child = os.fork()
if not child:
    with objects:
        os._exit(objects.get("brand=a/x") != b"x" * 1000)
assert os.waitpid(child, 0)[1] == 0
with objects:
    assert [entry.name for entry in objects.list()] == ["brand=a/x"]
"""


def test_process_ends_without_a_word(s3_url: str) -> None:
    """With all warnings on: no connection, loop or thread is left; one that is forked off has its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, s3_url],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_objects_leave_no_thread(s3_url: str) -> None:
    """And may be used again all the same."""
    with Objects.open(s3_url) as found:
        found.put("x", b"x")
        assert any(thread.name == "archive" for thread in threading.enumerate())
    assert not any(thread.name == "archive" for thread in threading.enumerate())
    with found:
        assert found.get("x") == b"x"


# A folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of an archive."""
    found = tmp_path / "archive"
    found.mkdir()
    return found


def test_object_is_whole_or_not_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails on the way: the old one, or none; and nothing is left beside it."""
    objects = Objects(folder.Folder(str(place)), f"file://{place}", sleep=lambda _: None)
    objects.put("brand=a/x", b"old")
    for name in ("fsync", "rename", "write"):
        with monkeypatch.context() as patch:

            def failing(*_: object, **__: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(folder if name == "write" else os, "_write" if name == "write" else name, failing)
            with pytest.raises(ArchiveUnavailableError, match="No space left"):
                objects.put("brand=a/x", b"new")
        assert objects.get("brand=a/x") == b"old"
        assert [path.name for path in place.rglob("*") if path.is_file()] == ["x"]


def test_object_is_on_the_disk_before_it_has_its_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its name is, before the call returns: whatever loses power then has all of it."""
    objects, calls = Objects.open(f"file://{place}"), []
    objects.put("brand=a/old", b"x")
    for name in ("fsync", "rename", "mkdir"):
        real = getattr(os, name)

        def noted(*args: object, name: str = name, real: Callable[..., object] = real, **named: object) -> object:
            kind = "file" if name == "fsync" and stat.S_ISREG(os.fstat(args[0]).st_mode) else ""  # type: ignore[arg-type]
            try:
                return real(*args, **named)
            finally:
                calls.append(f"{name} {kind}".strip())

        monkeypatch.setattr(os, name, noted)
    objects.put("brand=a/new", b"x")
    assert [call for call in calls if call != "mkdir"] == ["fsync file", "rename", "fsync"]
    calls.clear()
    objects.put("brand=b/new", b"x")
    assert [call for call in calls if call != "mkdir"] == ["fsync file", "fsync", "rename", "fsync"]
    calls.clear()
    objects.remove(["brand=a/new"])
    assert calls == ["fsync"], "what was removed does not come back"


def test_archive_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It holds what people wrote."""
    Objects.open(f"file://{tmp_path}/new/archive").put("brand=a/day=2026-01-01/x", b"x")
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new" / "archive").rglob("*")}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert stat.S_IMODE((tmp_path / "new" / "archive").stat().st_mode) == 0o700


def test_parts_of_a_writer_that_died_are_taken_away(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day, by one look; nobody lists them until then. One that goes by itself meanwhile is no fault."""
    parts = place / ".parts"
    parts.mkdir()
    for name, age_s in (("old.part", 90_000), ("new.part", 10), ("gone.part", 90_000), ("notes.txt", 90_000)):
        (parts / name).write_text("x")
        at_s = (parts / name).stat().st_mtime - age_s
        os.utime(parts / name, (at_s, at_s))
    objects = Objects.open(f"file://{place}")
    assert [*objects.list(), *objects.folders()] == []
    look = os.stat

    def late(path: Any, **named: Any) -> os.stat_result:
        if path == "gone.part":
            (parts / path).unlink()
        return look(path, **named)

    monkeypatch.setattr(os, "stat", late)
    at_most(monkeypatch, os, "scandir", 1)
    for _ in range(2):
        objects.put("x", b"x")
    monkeypatch.undo()
    assert sorted(path.name for path in parts.iterdir()) == ["new.part", "notes.txt"]
    assert [entry.name for entry in objects.list()] == ["x"]


def test_listing_begins_behind_a_name(place: Path) -> None:
    """Where one that broke off goes on."""
    objects = Objects.open(f"file://{place}")
    for name in ("brand=a/w", "brand=a/x", "brand=a/y"):
        objects.put(name, b"x")
    found = folder.Folder(str(place)).entries("brand=a", "brand=a/x")
    assert [entry.name for entry in found] == ["brand=a/y"]


def test_links_and_pipes_are_not_followed(place: Path, tmp_path: Path) -> None:
    """Neither as an object nor as a folder, to read, to write or to list."""
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "x").write_text("secret")
    (place / "brand=a").mkdir()
    (place / "brand=a" / "link").symlink_to(secret / "x")
    (place / "brand=a" / "folder").symlink_to(secret)
    os.mkfifo(place / "brand=a" / "pipe")
    objects = Objects.open(f"file://{place}")
    told = {entry.name: entry.odd for entry in objects.list()}
    assert set(told) == {"brand=a/link", "brand=a/folder", "brand=a/pipe"}
    assert all(told.values())
    assert list(objects.folders("brand=a")) == []
    for name in (*told, "brand=a/folder/x"):
        with pytest.raises(ArchiveError) as caught:
            objects.get(name)
        assert not isinstance(caught.value, ObjectMissingError | ArchiveUnavailableError)
    with pytest.raises(ArchiveError, match="links are not followed"):
        objects.get("brand=a/link")
    with pytest.raises(ArchiveError, match="links are not followed"):
        objects.put("brand=a/folder/y", b"y")
    assert not (secret / "y").exists()


def test_file_that_is_too_large_is_not_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is looked at first."""
    monkeypatch.setattr(objects_module, "MAX_BYTES", 100)
    (place / "x").write_bytes(b"x" * 101)
    with pytest.raises(ArchiveError, match="has 101 bytes, at most 100"):
        Objects.open(f"file://{place}").get("x")


@pytest.mark.parametrize("number", [errno.EIO, errno.ECONNRESET, errno.ETIMEDOUT, errno.EACCES, errno.EROFS])
def test_what_a_mounted_folder_says_is_tried_again_or_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """By whether it may pass."""
    objects = Objects(folder.Folder(str(place)), f"file://{place}", sleep=lambda _: None)
    objects.put("brand=a/x", b"x")

    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    passing = number not in {errno.EACCES, errno.EROFS}
    with pytest.raises(ArchiveError, match=os.strerror(number)) as caught:
        objects.put("brand=a/x", b"y")
    assert isinstance(caught.value, ArchiveUnavailableError) is passing


def test_no_descriptor_stays_open(place: Path) -> None:
    """Whatever was done, and where it failed, too."""
    objects = Objects.open(f"file://{place}")
    objects.put("brand=a/day=2026-01-01/x", b"x")
    (place / "brand=a" / "link").symlink_to(place)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    objects.put("brand=a/day=2026-01-01/y", b"x")
    objects.get("brand=a/day=2026-01-01/y")
    assert len(list(objects.list())) == 3
    objects.remove(["brand=a/day=2026-01-01/y"])
    for name in ("brand=a/no", "brand=no/x", "brand=a/link/x"):
        with pytest.raises(ArchiveError):
            objects.get(name)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_folder_without_permission_is_told(place: Path) -> None:
    """A file where a folder should be, as root may do everything."""
    (place / "brand=a").write_text("x")
    with pytest.raises(ArchiveError, match="Not a directory"):
        Objects.open(f"file://{place}").put("brand=a/x", b"x")


def test_folder_that_goes_while_an_object_is_put_is_made_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal takes empty ones away; who does it again and again is told of, as something that may pass."""
    objects, rename, times = Objects(folder.Folder(str(place)), f"file://{place}", sleep=lambda _: None), os.rename, 1

    def late(*args: Any, **named: Any) -> None:
        nonlocal times
        if times > 0:
            times -= 1
            (place / "brand=a" / "day=2026-11-28").rmdir()
        rename(*args, **named)

    monkeypatch.setattr(os, "rename", late)
    objects.put("brand=a/day=2026-11-28/x", b"x")
    assert objects.get("brand=a/day=2026-11-28/x") == b"x"
    objects.remove(["brand=a/day=2026-11-28/x"])
    times = 1_000
    with pytest.raises(ArchiveUnavailableError, match="takes its folder away again and again"):
        objects.put("brand=a/day=2026-11-28/x", b"x")
    assert [path for path in place.rglob("*") if path.is_file()] == []


def test_brand_that_would_have_the_folder_of_another_one_has_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where capitals do not count: else a purge of the one took the other's away."""
    objects = Objects.open(f"file://{place}")
    for name in ("open", "mkdir", "stat"):
        real = getattr(os, name)

        def ignoring(path: Any, *args: Any, real: Callable[..., object] = real, **named: Any) -> object:
            at = named.get("dir_fd")
            there = [] if at is None else [one for one in os.listdir(at) if one.lower() == path.lower()]  # noqa: PTH208
            return real(*(there or [path]), *args, **named)

        monkeypatch.setattr(os, name, ignoring)
    objects.put("brand=nike/x", b"x")
    assert objects.get("brand=nike/x") == b"x"
    with pytest.raises(ArchiveError, match="'brand=Nike' cannot be made beside 'brand=nike'") as caught:
        objects.put("brand=Nike/bases/x", b"y")
    assert not isinstance(caught.value, ArchiveUnavailableError)
    with pytest.raises(ObjectMissingError):
        objects.get("brand=Nike/x")
    assert list(objects.list("brand=Nike")) == []
    objects.remove(["brand=Nike/x"])
    assert [entry.name for entry in objects.list()] == ["brand=nike/x"]
