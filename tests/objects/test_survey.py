"""How much of which brands is there, whatever they are called."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.archive.record import MAX_HEAD_BYTES
from orchestrator.contract.brands import check_brand
from orchestrator.errors import ArchiveUnavailableError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.objects.survey import brands_of, survey_brand, survey_brands, survey_days
from tests.objects.test_way import base_at, chain, cids

BRANDS = ["nike", ".", "..", "a/b", "../../etc", "{x}", "%2E", "\u00e9" * 128, "x" * 256, "day=2026-01-01", "A b*?[c]~"]


@pytest.mark.parametrize("brand", BRANDS)
def test_brand_of_any_name_has_its_place(objects: Objects, brand: str) -> None:
    """Its records come back, it is listed by its name, and nobody else's folder is touched."""
    assert check_brand(brand) == brand
    records = [replace(record, brand=brand) for record in chain(*"abc")]
    archive, other = BrandArchive(objects, brand), BrandArchive(objects, "somebody else")
    archive.put(records)
    other.put([replace(record, brand="somebody else") for record in chain(*"xy")])
    assert cids(list(archive.way_to("c").records)) == list("abc")
    assert {one.name: one.objects for one in survey_brands(objects)} == {brand: 1, "somebody else": 1}
    other.put_base(replace(base_at(chain(*"xy")[1]), brand="somebody else"))
    archive.put_base(replace(base_at(records[1]), brand=brand))
    assert {one.name: one.bases for one in survey_brands(objects)} == {brand: 1, "somebody else": 1}
    assert archive.strange == []


def test_days_are_counted(objects: Objects) -> None:
    """With the first and the last object of each."""
    archive = BrandArchive(objects, "nike")
    names = archive.put(chain(*(f"c{number}" for number in range(60))))
    for name in ("brand=nike/rebuilt/x", "brand=nike/rebuilt.txt", "brand=%zz/x", "somewhere/x"):
        objects.put(name, b"x")
    days = survey_days(objects, "nike")
    assert [(one.name, one.objects) for one in days] == [(f"2025-11-{day}", 1) for day in (28, 29, 30)]
    whole = survey_brand(objects, "nike")
    assert (whole.days, whole.objects, whole.strange) == (3, 3, 1)
    assert whole.first is not None
    assert whole.last is not None
    assert (whole.first.name, whole.last.name) == (names[0], names[-1])
    assert sum(one.bytes for one in days) == whole.bytes
    assert [one.name for one in survey_brands(objects)] == ["brand=%zz", "nike"]


def test_archive_that_is_away_is_no_brand_of_nobodys(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose a long name is an object tells; that none is to be had now says nothing of it."""
    brand = "x" * 256
    BrandArchive(objects, brand).put(replace(record, brand=brand) for record in chain(*"ab"))

    def away(_: object, __: str) -> bytes:
        raise ArchiveUnavailableError("away")

    monkeypatch.setattr(Objects, "get", away)
    for look in (survey_brands, brands_of):
        with pytest.raises(ArchiveUnavailableError):
            list(look(objects))


def folder(tmp_path: Path) -> Objects:
    """An archive in a folder, since what a bucket does otherwise is none of this."""
    (tmp_path / "archive").mkdir()
    return Objects.open(f"file://{tmp_path}/archive")


def test_objects_and_bases_are_counted_whatever_their_days(tmp_path: Path) -> None:
    """Several of one day are one day; the first and the last are so by epoch and version, not by a clock that went."""
    objects = folder(tmp_path)
    archive = BrandArchive(objects, "nike")
    records = chain(*"abc")
    names = [archive.put([record])[0] for record in records]
    restored = replace(records[0], cid="x", epoch=8, now_ms=records[0].now_ms - 86_400_000)
    (last,) = archive.put([restored])
    archive.put_base(base_at(records[1]))
    found = survey_brand(objects, "nike")
    assert (found.days, found.objects, found.bases) == (2, 4, 1)
    assert found.first is not None
    assert found.last is not None
    assert (found.first.name, found.last.name) == (names[0], last)
    assert found.bytes == sum(entry.size for entry in objects.list())
    assert [one.name for one in survey_days(objects, "nike")] == ["2025-11-27", "2025-11-28"]


def test_brand_of_which_nothing_is_there_has_its_name(tmp_path: Path) -> None:
    """Even a long one, which no folder tells."""
    assert survey_brand(folder(tmp_path), "x" * 256).name == "x" * 256


def test_names_are_told_by_folders_where_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is listed then; what an archive never names so is no brand and ends nothing."""
    objects = folder(tmp_path)
    BrandArchive(objects, "nike").put(chain("a"))
    for name in ("brand=%zz/x", "somewhere/x"):
        objects.put(name, b"x")
    (tmp_path / "archive" / "brand=a b").mkdir()
    assert [one.name for one in survey_brands(objects)] == ["brand=%zz", "nike"]
    assert brands_of(objects) == ["nike"]
    (tmp_path / "archive" / "brand=%zz" / "x").unlink()
    (tmp_path / "archive" / "brand=%zz").rmdir()

    def nobody(_: object, folder: str) -> None:
        raise AssertionError(f"{folder} is listed")

    monkeypatch.setattr(Objects, "list", nobody)
    assert brands_of(objects) == ["nike"]


LONG = "x" * 256


def test_long_name_is_told_by_a_base_alone(tmp_path: Path) -> None:
    """Retention may leave nothing else."""
    objects = folder(tmp_path)
    BrandArchive(objects, LONG).put_base(replace(base_at(chain("a")[0]), brand=LONG))
    assert brands_of(objects) == [LONG]


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        gzip.compress(b""),
        gzip.compress(b"{"),
        gzip.compress(b"[]"),
        gzip.compress(b"{}"),
        gzip.compress(b"[" * 20_000),
        gzip.compress(b'{"brand":"puma"}'),
        gzip.compress(b'{"brand":"\\ud800"}'),
        gzip.compress(b'{"brand":"%s","pad":"%s"}' % (LONG.encode(), b"x" * MAX_HEAD_BYTES)),
    ],
    ids=["no gzip", "empty", "no JSON", "a list", "no brand", "deep", "another's", "half a character", "too long"],
)
def test_object_that_does_not_tell_whose_it_is_is_nobodys(tmp_path: Path, data: bytes) -> None:
    """It ends nothing, and what it says is not believed where its folder says otherwise."""
    objects = folder(tmp_path)
    (name,) = BrandArchive(objects, LONG).put([replace(chain("a")[0], brand=LONG)])
    assert brands_of(objects) == [LONG]
    objects.put(name, data)
    assert brands_of(objects) == []
    (found,) = survey_brands(objects)
    assert (found.nameless, found.name) == (True, name.partition("/")[0])
