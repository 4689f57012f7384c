"""What no writer of ours leaves is told all the same, and is followed to its end."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.objects.verify import Kind, verify_brand
from tests.objects.test_way import chain

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
