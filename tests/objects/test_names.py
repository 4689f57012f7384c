"""Names of objects: each says all of what it must, or it is none of an archive's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import ArchiveError
from orchestrator.objects.names import BaseRef, ObjectRef, base_name, base_ref, day_of, object_ref
from orchestrator.objects.place import Entry
from tests.objects.test_way import base_at, chain

DAY = "brand=nike/day=2026-11-28"
BASES = "brand=nike/bases"
EPOCH = "0000000000000007"
VERSION = "000000000012"
LONGEST = "z" * 64


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{EPOCH}-{VERSION}-a-b.ndjson.gz", (7, 12, "a", "b", ".ndjson.gz")),
        (f"{EPOCH}-{VERSION}--b.parquet", (7, 12, "", "b", ".parquet")),
        (f"{EPOCH}-1234567890123456-a-{LONGEST}.parquet", (7, 1_234_567_890_123_456, "a", LONGEST, ".parquet")),
    ],
)
def test_object_says_where_it_stands(name: str, said: tuple[object, ...]) -> None:
    """From which commit to which, and how it is written; a version has as many digits as it needs."""
    assert object_ref(Entry(f"{DAY}/{name}", 9)) == ObjectRef(f"{DAY}/{name}", 9, "2026-11-28", *said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        f"{DAY}/{EPOCH}-{VERSION}-a-b.ndjson.gz.part",
        f"{DAY}/{EPOCH}-{VERSION}-a-b.parquet\n",
        f"{DAY}/{EPOCH}-{VERSION}-a-.parquet",
        f"{DAY}/{EPOCH}-{VERSION}-a-{LONGEST}z.parquet",
        f"{DAY}/{EPOCH}-{VERSION}-a_a-b.parquet",
        f"{DAY}/{EPOCH}-12-a-b.parquet",
        f"{DAY}/{EPOCH}-{'1' * 17}-a-b.parquet",
        f"{DAY}/\u0667{EPOCH[1:]}-{VERSION}-a-b.parquet",
        f"{DAY}/more/{EPOCH}-{VERSION}-a-b.parquet",
        f"brand=nike/{EPOCH}-{VERSION}-a-b.parquet",
        f"{BASES}/{EPOCH}-{VERSION}-a-b.parquet",
        f"{BASES}/{EPOCH}-{VERSION}-a.state",
    ],
)
def test_name_that_says_less_is_no_object(name: str) -> None:
    """Nor one that says more, or lies elsewhere."""
    assert object_ref(Entry(name, 9)) is None


def test_base_says_its_commit() -> None:
    """As it was named."""
    for change in ({}, {"version": 10**15}, {"cid": LONGEST}):
        state = replace(base_at(chain("a")[0]), **change)
        name = base_name(state)
        assert base_ref(Entry(name, 9)) == BaseRef(name, 9, state.epoch, state.version, state.cid)


@pytest.mark.parametrize(
    "name",
    [
        f"{EPOCH}-{VERSION}-a.state.part",
        f"{EPOCH}-{VERSION}-.state",
        f"{EPOCH}-{VERSION}-{LONGEST}z.state",
        f"{EPOCH}-12-a.state",
        f"\u0667{EPOCH[1:]}-{VERSION}-a.state",
        f"{EPOCH}-{VERSION}-a-b.parquet",
    ],
)
def test_name_that_says_less_is_no_base(name: str) -> None:
    """Nor one that says more."""
    assert base_ref(Entry(f"{BASES}/{name}", 9)) is None


def test_what_is_odd_is_none_whatever_its_name() -> None:
    """A link has a name, too."""
    assert object_ref(Entry(f"{DAY}/{EPOCH}-{VERSION}-a-b.parquet", 0, "it is a symbolic link")) is None
    assert base_ref(Entry(f"{BASES}/{EPOCH}-{VERSION}-a.state", 0, "it is a symbolic link")) is None


@pytest.mark.parametrize("change", [{"cid": ""}, {"cid": "../x"}, {"version": 10**16}])
def test_state_of_no_commit_has_no_name(change: dict[str, object]) -> None:
    """Nobody would find it again."""
    with pytest.raises(ArchiveError, match="the state of brand 'nike' is of no commit that could have a base"):
        base_name(replace(base_at(chain("a")[0]), **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("folder", "day"),
    [
        ("day=2026-11-28", "2026-11-28"),
        ("2026-11-28", ""),
        ("day=20261128", ""),
        ("day=2026-W48-6", ""),
        ("day=2026-13-01", ""),
        ("day=", ""),
        ("bases", ""),
    ],
)
def test_folder_of_a_day_is_written_in_one_way(folder: str, day: str) -> None:
    """So that days are sorted by their names."""
    assert day_of(folder) == day
