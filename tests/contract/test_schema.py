"""Tests of the generated JSON Schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from orchestrator.contract.schema import SCHEMAS, schema, schema_json
from tests.brand.support import DATA, NOW_MS, Keys, chunk, folded, folded_sample, summary_of

CHECKED_IN = Path(__file__).parents[2] / "docs" / "schemas"
SAMPLES = ("chunks_counts.ndjson", "chunks_shares.ndjson", "chunks_centroids.ndjson")


def errors(name: str, document: Any) -> list[str]:
    """What the schema of that name has against *document*."""
    validator = Draft202012Validator(schema(name), format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_checked_in_schema_is_current(name: str) -> None:
    """The files are what the types say; write them anew with `make schemas`."""
    assert (CHECKED_IN / f"{name}.json").read_text(encoding="utf-8") == schema_json(name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_a_schema(name: str) -> None:
    """Each document is itself valid, and free of docstring marks."""
    Draft202012Validator.check_schema(schema(name))
    assert "``" not in schema_json(name)
    assert ":class:" not in schema_json(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_both_dialects_are_valid_chunks(name: str) -> None:
    """What real workers send is valid: counts and shares, with and without centroids."""
    for line in (DATA / name).read_bytes().splitlines():
        assert errors("chunk", json.loads(line)) == []


@pytest.mark.parametrize(
    "damage",
    [{"chunkId": ""}, {"sentiment": {}}, {"clusters": None}, {"topics": "launch"}, {"meta": {"mentionCount": -1}}],
)
def test_chunk_schema_refuses_damage(damage: dict[str, object]) -> None:
    """A chunk that the decoder would refuse is not valid either."""
    document = json.loads((DATA / SAMPLES[0]).read_bytes().splitlines()[0])
    assert errors("chunk", {**document, **damage})


def test_what_is_published_is_valid() -> None:
    """Summary, trend and recent chunks of a folded sample satisfy their schemas."""
    state = folded_sample("chunks_shares.ndjson", "nike")
    keys = Keys()
    keys.commit(state.take_changes())
    assert errors("summary", summary_of(state)) == []
    assert [errors("trend", json.loads(point)) for point in keys.trend.values()] == [[]] * len(keys.trend)
    assert [errors("recent", json.loads(entry)) for entry in keys.recent] == [[]] * 50


def test_summary_schema_refuses_damage() -> None:
    """A summary with text where readers expect a number is not valid."""
    assert errors("summary", {**summary_of(folded(chunk()), NOW_MS), "totalMentions": "3"})
