"""Objects are there whole or not at all, wherever an archive is."""

from __future__ import annotations

import pickle
import threading

import pytest

from orchestrator.errors import ArchiveError, ObjectMissingError
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry

NAMES = ["brand=a-b/day=2026-01-01/x", "brand=a/bases/x.state", "brand=a/day=2026-01-01/x", "brand=a/day=2026-01-02/y"]


def test_what_is_put_is_got(objects: Objects) -> None:
    """Any bytes, none at all, and the same again; what is not there is said to be missing."""
    for data in (b"\0\xff" * 500, b""):
        for _ in range(2):
            objects.put("brand=a/x", data)
        assert objects.get("brand=a/x") == data
    with pytest.raises(ObjectMissingError, match="brand=a/y"):
        objects.get("brand=a/y")


def test_listing_is_sorted_by_whole_names(objects: Objects) -> None:
    """With sizes; a folder is the part before a slash, not a beginning of its name."""
    for place, name in enumerate(reversed(NAMES)):
        objects.put(name, b"x" * (place + 1))
    assert list(objects.list()) == [Entry(name, 4 - place) for place, name in enumerate(NAMES)]
    assert [entry.name for entry in objects.list("brand=a")] == NAMES[1:]
    assert list(objects.folders()) == ["brand=a-b", "brand=a"]
    assert list(objects.folders("brand=a")) == ["bases", "day=2026-01-01", "day=2026-01-02"]
    assert [*objects.list("brand=b"), *objects.folders("brand=b")] == []


def test_removed_objects_are_gone(objects: Objects) -> None:
    """Those that never were there are no fault."""
    for name in NAMES:
        objects.put(name, b"x")
    objects.remove([NAMES[0], "brand=a/never", NAMES[2]])
    assert [entry.name for entry in objects.list()] == [NAMES[1], NAMES[3]]
    assert list(objects.folders()) == ["brand=a"]


@pytest.mark.parametrize(
    "name", ["", "/x", "a//b", "../x", "a/../b", "a/.hidden", "a b", "a\\b", "a\nb", "é", "a" * 256, "a/" * 400 + "a"]
)
def test_name_that_is_none_is_refused(objects: Objects, name: str) -> None:
    """Before anything is done with it."""
    with pytest.raises(ArchiveError, match="is no object of an archive"):
        objects.put(name, b"x")
    with pytest.raises(ArchiveError, match="is no object of an archive"):
        objects.get(name)
    with pytest.raises(ArchiveError, match="is no object of an archive"):
        objects.remove([name])


def test_writers_of_one_object_do_each_other_no_harm(objects: Objects) -> None:
    """At the same time: a reader finds it whole."""
    data = bytes(range(256)) * 2_000
    threads = [threading.Thread(target=objects.put, args=("brand=a/x", data)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert objects.get("brand=a/x") == data
    assert [entry.name for entry in objects.list()] == ["brand=a/x"]


def test_objects_go_to_other_processes_by_their_address(objects: Objects) -> None:
    """As a pool of processes sends them."""
    objects.put("brand=a/x", b"x")
    with pickle.loads(pickle.dumps(objects)) as other:  # noqa: S301 - our own
        assert (other.shown, other.get("brand=a/x")) == (objects.shown, b"x")


def test_address_that_is_none_is_refused() -> None:
    """With what would be right, and no secret."""
    with pytest.raises(ArchiveError, match="ARCHIVE_URL is refused: it must have no user") as caught:
        Objects.open("s3://key:hunter2@bucket")
    assert "hunter2" not in str(caught.value)
