"""No corruption of a single field loads and says something else; the comparison itself can fail."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from orchestrator.brand import state as brand_state
from tests.faults.corruption import CHANGES, MOVES, corrupt_fields, corrupted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEED = 20260101


def test_no_corruption_of_a_field_loads_with_other_totals(tmp_path: Path) -> None:
    """A small share of the campaign: every corruption is refused, or was none."""
    figures = corrupt_fields(tmp_path, seed=SEED, corruptions=300)
    assert figures["corruptions"] == 300
    assert figures["refused"] > 290


def test_the_campaign_notices_a_state_without_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fields as they were before, some of the same corruptions load and say something else, or escape."""

    def without(fields: Mapping[bytes, bytes], *, bare: bytes) -> dict[bytes, bytes]:
        del bare
        return {name: value[:-4] for name, value in fields.items()}

    monkeypatch.setattr(brand_state, "unseal_all", without)
    monkeypatch.setattr(brand_state, "is_sealed", lambda _name, value: bool(value))
    with pytest.raises(AssertionError, match="says something else"):
        corrupt_fields(tmp_path, seed=SEED, corruptions=900)


def test_every_kind_of_corruption_comes_up_and_changes_one_thing() -> None:
    """At most two fields differ, and the count by at most one."""
    fields = {b"g": b"general", b"p:1": b"pane", b"p:2": b"other", b"s:0": b"stories"}
    rng = random.Random(SEED)  # noqa: S311 - reproducible
    kinds = set()
    for _ in range(500):
        kind, changed = corrupted(rng, dict(fields))
        kinds.add(kind.partition(" of b")[0])
        assert sum(fields.get(name) != changed.get(name) for name in fields | changed) <= 2
    assert kinds == {*CHANGES, *MOVES}
