"""How much of which brands is there, whatever they are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
    objects.put("brand=nike/rebuilt/x", b"x")
    objects.put("brand=nike/notes.txt", b"x")
    objects.put("brand=%zz/x", b"x")
    objects.put("somewhere/x", b"x")
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
