"""What no writer of ours leaves is told all the same, and is followed to its end."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.objects.verify import Kind, verify_brand
from tests.objects.test_way import base_at, chain

_NUMBERS = itertools.count(1)


@pytest.fixture
def archive() -> BrandArchive:
    """An empty one."""
    return BrandArchive(Objects.open(f"memory://verify-{next(_NUMBERS)}"), "nike")


def test_commits_whose_numbers_are_not_one_behind_the_other_are_told(archive: BrandArchive) -> None:
    """Each stands on the one before, so between the two nothing is missing but by its number."""
    records = chain(*"abcd")
    archive.put(records[:2])
    archive.put(replace(one, version=one.version + 5) for one in records[2:])
    found = verify_brand(archive, "d", 9)
    assert (found.records, found.sound) == (4, False)
    assert [(one.kind, one.told) for one in found.findings] == [
        (Kind.GAP, "commit 'b' should be version 7, and is 2"),
    ]


def test_circle_is_told_once(archive: BrandArchive) -> None:
    """Nobody walks in it for ever."""
    first, second = chain("a", "b")
    archive.put([replace(first, previous="b")])
    archive.put([second])
    found = verify_brand(archive, "b", 2)
    assert (found.records, found.sound) == (2, False)
    assert [(one.kind, one.where) for one in found.findings] == [(Kind.NO_BASE, "b")]


def test_what_redis_forgot_in_the_middle_of_an_object_counts_for_nothing(archive: BrandArchive) -> None:
    """Neither its records nor a base of it: what stands before the object is gone."""
    records = chain(*"abcd")
    forgotten, live = chain("x", after=records[3]), chain("e", after=records[3])
    archive.put([*records[2:], *forgotten])
    archive.put(live)
    archive.put_base(base_at(forgotten[0]))
    archive.put_base(base_at(replace(records[3], cid="never")))
    found = verify_brand(archive, "e", 5)
    assert (found.records, found.begins) == (3, "")
    assert [(one.kind, one.where) for one in found.findings] == [(Kind.NO_BASE, "b")]


def test_behind_a_gap_the_chain_goes_on_with_what_is_older(archive: BrandArchive) -> None:
    """And not with what Redis forgot later on."""
    records = chain(*"abcdef")
    archive.put(records[:2])
    archive.put(records[3:])
    archive.put(chain("x", after=records[5]))
    found = verify_brand(archive, "f", 6)
    assert found.records == 5
    assert [one.kind for one in found.findings] == [Kind.NO_BASE, Kind.GAP, Kind.DEAD]
    assert found.findings[1].told.endswith("down to 'b'")


def test_of_two_that_begin_alike_the_chain_goes_on_with_what_can_be_read(archive: BrandArchive) -> None:
    """The damaged one is told, and nothing else is taken for forgotten."""
    records = chain(*"abc")
    archive.put(records[:1])
    archive.put(records[1:2])
    (name,) = archive.put([records[1], *chain("aa", after=records[1])])
    archive.objects.put(name, b"damaged")
    found = verify_brand(archive, "c", 3)
    assert found.records == 2
    assert [one.kind for one in found.findings] == [Kind.DAMAGED, Kind.NO_BASE, Kind.GAP]
