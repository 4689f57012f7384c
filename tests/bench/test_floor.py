"""The floor that decoding is held against reads the contract, all of it, by bare types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench import _floor, _payloads
from orchestrator.contract.chunk import Sentiment, WireChunk, WireCluster, WireMeta

PAIRS = [
    (_floor.FloorChunk, WireChunk),
    (_floor.FloorCluster, WireCluster),
    (_floor.FloorSentiment, Sentiment),
    (_floor.FloorMeta, WireMeta),
]


@pytest.mark.parametrize(("floor", "contract"), PAIRS)
def test_floor_has_the_fields_of_the_contract(floor: type[Any], contract: type[Any]) -> None:
    """A field that the contract gains, the floor has to read as well."""
    ours = {field.encode_name: field.required for field in msgspec.structs.fields(contract)}
    assert {field.encode_name: field.required for field in msgspec.structs.fields(floor)} == ours


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_floor_reads_what_the_contract_reads(name: str) -> None:
    """The payloads lose nothing on the way through the bare types."""
    item = next(_payloads.small(1) if name == "a" else _payloads.large(1, centroids=name == "b"))
    contract = msgspec.json.decode(item, type=WireChunk)
    assert msgspec.to_builtins(_floor.decode(item)) == msgspec.to_builtins(contract)
