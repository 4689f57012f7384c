"""The marker of an archive: put once, whoever comes at the same time, and none of what is looked for in an archive."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import ArchiveError, ArchiveMisplacedError, ArchiveRefusedError, ArchiveUnavailableError
from orchestrator.objects import bucket as bucket_module
from orchestrator.objects.bucket import Bucket
from orchestrator.objects.marker import MARKER, Fit, fit, is_empty, read_marker, write_marker
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import in_order
from orchestrator.objects.survey import BRAND, brands_of, survey_brands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE, OTHER = "1" * 32, "2" * 32


@pytest.mark.parametrize(
    ("known", "found", "empty", "chained", "how"),
    [
        (ONE, ONE, False, True, Fit.SAME),
        (ONE, OTHER, False, True, Fit.OTHER),
        (ONE, OTHER, True, False, Fit.OTHER),
        (ONE, "", False, False, Fit.UNMARKED),
        (ONE, "", True, True, Fit.UNMARKED),
        ("", OTHER, True, True, Fit.FIRST),
        ("", "", False, True, Fit.FIRST),
        ("", "", True, False, Fit.FIRST),
        ("", "", True, True, Fit.EMPTY),
    ],
)
def test_place_fits_by_its_id_or_at_its_first_use(
    known: str, found: str, *, empty: bool, chained: bool, how: Fit
) -> None:
    """Where Redis knows an id it decides; where it knows none, all but an empty place of a chain is taken."""
    assert fit(known, found, empty=lambda: empty, chained=lambda: chained) is how


def test_marker_is_put_once_and_stays(objects: Objects) -> None:
    """Who comes later is told which is there."""
    assert read_marker(objects) == ""
    assert write_marker(objects, ONE) == ONE
    assert (write_marker(objects, OTHER), read_marker(objects)) == (ONE, ONE)


def test_all_who_mark_at_the_same_time_are_told_the_same(objects: Objects) -> None:
    """Whichever it is; and nothing is left of the others."""
    told: list[str] = []
    ids = [f"{number:032x}" for number in range(6)]
    threads = [threading.Thread(target=lambda one=one: told.append(write_marker(objects, one))) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [read_marker(objects)] * 6
    assert [entry.name for entry in objects.list()] == [MARKER]


def test_marker_is_nothing_of_a_brand(objects: Objects) -> None:
    """It lies beside the folders in which brands are looked for, and before all of them."""
    write_marker(objects, ONE)
    assert (list(objects.folders()), brands_of(objects), list(survey_brands(objects))) == ([], [], [])
    assert is_empty(objects)
    objects.put(f"{BRAND}a/bases/x", b"x")
    assert not is_empty(objects)
    assert (brands_of(objects), read_marker(objects)) == (["a"], ONE)
    assert in_order(MARKER) < in_order(BRAND)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"archive":"1"}', b"[" * 5_000, b'{"archive":"' + b"1" * 32 + b'"}' + b" " * 5_000, b"\xff"]
)
def test_file_with_the_markers_name_is_told(objects: Objects, data: bytes) -> None:
    """It is another program's, and no id is read out of it, however large it is."""
    objects.put(MARKER, data)
    with pytest.raises(ArchiveError, match=r"is no marker|more than 4096|at most 4096") as caught:
        read_marker(objects)
    assert not isinstance(caught.value, ArchiveUnavailableError)


def test_marker_of_a_later_version_is_read(objects: Objects) -> None:
    """It may say more."""
    objects.put(MARKER, b'{"format": 7, "archive": "' + ONE.encode() + b'", "since": [1]}')
    assert read_marker(objects) == ONE


def test_folder_that_is_not_there_is_unmarked_and_empty(tmp_path: Path) -> None:
    """It is the first put that makes it; a look makes nothing."""
    objects = Objects.open(f"file://{tmp_path}/archive")
    assert (read_marker(objects), is_empty(objects)) == ("", True)
    assert not (tmp_path / "archive").exists()
    with pytest.raises(ArchiveMisplacedError, match="its volume is not mounted"):
        objects.folders()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_file_system_without_links_is_marked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Looked at first, then by name."""

    def linkless(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", linkless)
    objects = Objects.open(f"file://{tmp_path}/archive")
    assert [write_marker(objects, one) for one in (ONE, OTHER)] == [ONE, ONE]
    assert list((tmp_path / "archive" / ".parts").iterdir()) == []


def _told(how: Callable[[], Exception]) -> Callable[..., object]:
    call = Bucket._call

    def conditionless(self: Bucket, method: str, *arguments: object, **named: object) -> object:
        if named.pop("mode", None):
            raise how()
        return call(self, method, *arguments, **named)

    return conditionless


@pytest.mark.parametrize("error", [OSError(errno.ENOSYS, "501"), TypeError("mode"), OSError(errno.EINVAL, "400")])
def test_store_that_knows_no_condition_is_asked_before(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """And read behind it in any case."""
    monkeypatch.setattr(bucket_module.Bucket, "_call", _told(lambda: error))
    with Objects.open(s3_url) as objects:
        assert [write_marker(objects, one) for one in (ONE, OTHER)] == [ONE, ONE]


def test_condition_that_was_not_answered_is_no_answer(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not tried without one: the store knows conditions, perhaps."""
    monkeypatch.setattr(bucket_module.Bucket, "_call", _told(lambda: OSError(errno.EBUSY, "503")))
    with Objects.open(s3_url) as objects:
        objects._sleep = lambda _: None
        with pytest.raises(ArchiveUnavailableError):
            write_marker(objects, ONE)
        assert list(objects.list()) == []


@pytest.mark.parametrize("there", [True, False])
def test_store_that_refuses_what_is_not_there_is_asked_by_a_listing(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    """Who may list some names alone gets 403 of S3 for an object that is none."""
    call = Bucket._call

    def refusing(self: Bucket, method: str, *arguments: object, **named: object) -> object:
        if method == "cat_file":
            raise PermissionError("403")
        return call(self, method, *arguments, **named)

    with Objects.open(s3_url) as objects:
        objects.put(f"{BRAND}a/bases/x", b"x")
        if there:
            write_marker(objects, ONE)
        monkeypatch.setattr(Bucket, "_call", refusing)
        if not there:
            assert read_marker(objects) == ""
            return
        with pytest.raises(ArchiveError, match="403"):
            read_marker(objects)


@pytest.mark.parametrize("look", [read_marker, is_empty])
def test_refusal_to_list_is_of_the_place(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, look: Callable[[Objects], object]
) -> None:
    """Each of thousands of brands would say so."""

    def refusing(*_: object, **__: object) -> object:
        raise PermissionError("403")

    monkeypatch.setattr(Bucket, "_call", refusing)
    with Objects.open(s3_url) as objects, pytest.raises(ArchiveRefusedError, match="403"):
        look(objects)


def test_listing_without_an_answer_is_no_refusal(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again."""

    def refusing(_: Bucket, method: str, *__: object, **___: object) -> object:
        raise PermissionError("403") if method == "cat_file" else TimeoutError

    monkeypatch.setattr(Bucket, "_call", refusing)
    with Objects.open(s3_url) as objects:
        objects._sleep = lambda _: None
        with pytest.raises(ArchiveUnavailableError):
            read_marker(objects)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_folder_that_takes_nothing_is_told_of_without_a_brand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Of one brand's folder alone it is about that brand."""
    objects = Objects.open(f"file://{tmp_path}/archive")
    objects.put("brand=a/x", b"x")
    mkdir, opened = os.mkdir, os.open

    def no_folder(name: str, *more: Any, **named: Any) -> None:
        if name != ".parts":
            raise OSError(code, os.strerror(code))
        mkdir(name, *more, **named)

    def no_file(name: str, *more: Any, **named: Any) -> int:
        if str(name).endswith(".part"):
            raise OSError(code, os.strerror(code))
        return opened(name, *more, **named)

    monkeypatch.setattr(os, "mkdir", no_folder)
    with pytest.raises(ArchiveError, match="brand=b/x") as caught:
        objects.put("brand=b/x", b"x")
    assert not isinstance(caught.value, ArchiveRefusedError)
    told = f"^{tmp_path}/archive takes nothing: {os.strerror(code)}$"
    monkeypatch.setattr(os, "open", no_file)
    with pytest.raises(ArchiveRefusedError, match=told):
        objects.put("brand=a/y", b"x")


@pytest.mark.parametrize("error", [PermissionError("403"), FileNotFoundError("no such bucket")])
def test_bucket_that_takes_nothing_is_told_of_without_a_brand(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Neither an object nor a marker."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Bucket, "_call", refuse)
    with Objects.open(s3_url) as objects:
        for put in (objects.put, objects.put_new):
            with pytest.raises(ArchiveRefusedError, match=r"some/folder takes nothing: ") as caught:
                put("brand=a/x", b"x")
            assert "brand=a" not in str(caught.value)


def test_folder_that_is_a_file_takes_nothing(tmp_path: Path) -> None:
    """Nor does one that may not be made."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveRefusedError, match="takes nothing: Not a directory"):
        Objects.open(f"file://{tmp_path}/file/archive").put("brand=a/x", b"x")
