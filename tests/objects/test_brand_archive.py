"""A brand's part of an archive: nothing foreign gets in, and what lies there all the same is told by its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.archive.record import pack
from orchestrator.archive.snapshot import Snapshot
from orchestrator.archive.snapshot import encode as encode_snapshot
from orchestrator.errors import ArchiveError, ObjectMissingError
from orchestrator.objects import brand_archive
from orchestrator.objects.brand_archive import BrandArchive, runs
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry
from tests.objects.test_way import base_at, chain, cids


@pytest.fixture
def archive(tmp_path: Path) -> BrandArchive:
    """That of a brand, in a folder."""
    (tmp_path / "archive").mkdir()
    return BrandArchive(Objects.open(f"file://{tmp_path}/archive"), "nike")


def test_state_of_another_brand_is_no_base(archive: BrandArchive) -> None:
    """Nothing of it is put, neither here nor there."""
    with pytest.raises(ArchiveError, match="a state of 'puma' is none of 'nike'"):
        archive.put_base(replace(base_at(chain("a")[0]), brand="puma"))
    assert list(archive.objects.list()) == []


def test_records_that_do_not_stand_on_each_other_are_no_run() -> None:
    """The name of an object tells of its two ends alone."""
    records = chain(*"abcd")
    assert [cids(run) for run in runs([*records[:2], records[3]])] == [["a", "b"], ["d"]]


def test_what_is_none_of_an_archives_is_told_once(
    archive: BrandArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among bases, among days and among objects, with why; no more of it is held than may be."""
    archive.put(chain("a"))
    base = archive.put_base(base_at(chain("a")[0]))
    for name in ("bases/notes.txt", "day=2025-11-28/notes.txt", "notes/x", "rebuilt/x"):
        archive.objects.put(f"brand=nike/{name}", b"x")
    (tmp_path / "archive" / "brand=nike" / "bases" / "a b").write_bytes(b"x")
    for _ in range(2):
        assert [ref.name for ref in archive.bases()] == [base]
        assert archive.days() == ["2025-11-28"]
        assert len(archive.day("2025-11-28")) == 1
    none = "its name is none that an archive gives"
    assert archive.strange == [
        Entry("brand=nike/bases/a b", 1, "its name has other characters than an archive's names"),
        Entry("brand=nike/bases/notes.txt", 1, none),
        Entry("brand=nike/notes", 0, "it is no folder of an archive"),
        Entry("brand=nike/day=2025-11-28/notes.txt", 1, none),
    ]
    monkeypatch.setattr(brand_archive, "_MAX_STRANGE", 4)
    archive.objects.put("brand=nike/bases/more.txt", b"x")
    archive.bases()
    assert len(archive.strange) == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda state: replace(state, brand="puma"),
        lambda state: replace(state, epoch=8),
        lambda state: replace(state, version=2),
        lambda state: replace(state, cid="b"),
    ],
)
def test_base_is_all_that_its_name_says(archive: BrandArchive, change: Callable[[Snapshot], Snapshot]) -> None:
    """Whose it is, and of which commit in every part."""
    state = base_at(chain("a")[0])
    name = archive.put_base(state)
    (ref,) = archive.bases()
    assert archive.base(ref).cid == "a"
    archive.objects.put(name, encode_snapshot(change(state)))
    with pytest.raises(ArchiveError, match=f"'{name}' holds another state than its name says"):
        archive.base(ref)


def test_object_that_cannot_be_read_is_named(archive: BrandArchive) -> None:
    """Damage is told by its place; what is gone is told as gone, for who reads looks anew then."""
    records = chain("a", "b")
    base = archive.put_base(base_at(records[0]))
    (name,) = archive.put(records)
    (state,), (ref,) = archive.bases(), archive.day("2025-11-28")
    archive.objects.put(base, b"damaged")
    with pytest.raises(ArchiveError, match=f"^'{base}': this is no state"):
        archive.base(state)
    archive.objects.remove([base])
    with pytest.raises(ObjectMissingError, match=base):
        archive.base(state)
    archive.objects.put(name, pack(records)[:-8])
    with pytest.raises(ArchiveError, match=f"^'{name}': an object of .* is cut off"):
        list(archive.records(ref))


@pytest.mark.parametrize(
    ("second", "told"),
    [({"version": 3}, "version 3, stands on 'a': there belongs version 2"), ({"previous": "z"}, "stands on 'z'")],
)
def test_records_of_an_object_are_one_behind_the_other(
    archive: BrandArchive, second: dict[str, object], told: str
) -> None:
    """By their numbers and by their commits; either alone is not enough."""
    records = chain(*"abc")
    (name,) = archive.put(records)
    (ref,) = archive.day("2025-11-28")
    archive.objects.put(name, pack([records[0], replace(records[1], **second), records[2]]))  # type: ignore[arg-type]
    for read in (archive.records, archive.links):
        with pytest.raises(ArchiveError, match=told):
            list(read(ref))
