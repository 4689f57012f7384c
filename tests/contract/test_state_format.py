"""The number of the state's format is the same wherever it stands."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.seals import SEAL_BYTES
from orchestrator.brand.state import GENERAL_FIELD, BrandState
from orchestrator.contract.state_format import FORMATS, OLDEST_FORMAT, STATE_FORMAT, Formats
from orchestrator.store import StoreOptions

PROTOCOL = Path(__file__).parents[2] / "docs" / "redis-protocol.md"


def test_acquire_guards_the_format_that_is_written() -> None:
    """Else a version that cannot read the state would acquire the brand, and one that can would be refused."""
    put = BrandState.empty(FoldConfig()).take_changes().put
    written = msgspec.msgpack.decode(put[GENERAL_FIELD][:-SEAL_BYTES])[0]
    assert (written, StoreOptions().formats, FoldConfig().formats) == (STATE_FORMAT, FORMATS, FORMATS)


def test_this_version_reads_the_format_before() -> None:
    """So that an upgrade migrates and parks nothing; rules and tests may stand for another version."""
    assert Formats() == Formats(written=STATE_FORMAT, oldest=OLDEST_FORMAT)
    assert OLDEST_FORMAT < STATE_FORMAT


def test_the_protocol_names_the_format() -> None:
    """Operators read there whether two versions can share a Redis."""
    assert f"state format: **{STATE_FORMAT}**" in " ".join(PROTOCOL.read_text(encoding="utf-8").split())
