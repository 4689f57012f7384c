"""JSON of others is refused beyond one depth, the same for every Python and both kernels, and named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract import decode
from orchestrator.contract.decode import decode_batch, decode_chunk
from orchestrator.contract.depth import MAX_DEPTH, TOO_DEEP, too_deep
from orchestrator.contract.letters import Letter
from orchestrator.contract.set_value import SetError, Setting, set_values
from orchestrator.errors import InvalidChunkError
from orchestrator.worker import prepare
from tests.json_values import json_values

KERNEL = Path(decode.__file__).parents[1] / "kernels" / "scanner.h"
TEXTS = st.text(st.sampled_from('[]{}"\\ü,:x'), max_size=5)


def nested(levels: int, inner: Any = None, *, objects: bool = False) -> Any:
    """A value of so many levels around *inner*."""
    for _ in range(levels):
        inner = {"x": inner} if objects else [inner]
    return inner


def depth_of(value: Any) -> int:
    """How deep a value is nested: the slow, obviously right way."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth_of, inside), default=0)


def chunk(**fields: Any) -> dict[str, Any]:
    """A chunk with something in it that nobody knows."""
    return {"chunkId": "c", "brand": "b", "sentiment": {"score": 1}, "clusters": [{"mentions": ["m"]}], **fields}


@given(json_values(TEXTS, TEXTS, max_leaves=30), st.integers(MAX_DEPTH - 6, MAX_DEPTH + 3), st.booleans())
def test_depth_is_that_of_the_value(value: Any, levels: int, objects: bool) -> None:  # noqa: FBT001
    """Whatever brackets and quotes stand in texts and names."""
    document = nested(levels, value, objects=objects)
    assert too_deep(json.dumps(document, ensure_ascii=False).encode()) == (depth_of(document) > MAX_DEPTH)


@pytest.mark.parametrize("text", ['"[[', '"\\"[', "]]]]", '"\\', "[" * 200 + '"'])
def test_depth_of_what_is_no_json_does_not_raise(text: str) -> None:
    """It is told whatever the bytes are."""
    assert too_deep(text.encode() + b"\xff") == (text.count("[") > MAX_DEPTH)


@pytest.mark.parametrize(
    "field",
    [
        lambda levels: {"future": nested(levels)},
        lambda levels: {"future": nested(levels, objects=True)},
        lambda levels: {"clusters": [{"mentions": ["m"], "future": nested(levels - 2)}]},
        lambda levels: {"future": nested(levels - 2, {"mentions": ["m"]})},
        lambda levels: {"future": nested(levels - 2, {"centroid": [0.5, 1]})},
        lambda levels: {"text": '["[\\' * MAX_DEPTH, "future": nested(levels)},
        lambda levels: {"half": "\ud83d", "future": nested(levels)},
        lambda levels: {"clusters": [{"mentions": []}] * 2 * MAX_DEPTH, "future": nested(levels)},
    ],
    ids=["lists", "objects", "in a cluster", "above mentions", "above a centroid", "brackets", "mended", "many"],
)
def test_chunk_is_accepted_up_to_one_depth(field: Any) -> None:
    """By decoder and package for workers alike; the level that is one too many is refused, wherever it is."""
    deepest, too_much = (chunk(**field(levels)) for levels in (MAX_DEPTH - 1, MAX_DEPTH))
    assert (depth_of(deepest), depth_of(too_much)) == (MAX_DEPTH, MAX_DEPTH + 1)
    assert decode_chunk(json.dumps(deepest).encode()).chunk_id == prepare(deepest).chunk_id
    [refused] = decode_batch([json.dumps(too_much).encode()], "b").rejected
    assert refused.reason == TOO_DEEP
    assert refused.path.startswith(("$.future", "$.clusters[0].future"))
    with pytest.raises(InvalidChunkError) as caught:
        prepare(too_much)
    assert (caught.value.path, caught.value.reason) == (refused.path, refused.reason)


def test_kernel_has_the_same_bound() -> None:
    """It sends what is deeper the slow way, where it is refused."""
    assert re.findall(r"MAX_DEPTH = (\d+);", KERNEL.read_text(encoding="utf-8")) == [str(MAX_DEPTH)]


def test_letter_of_others_beyond_the_depth_has_no_fields() -> None:
    """It is shown as it is, by each process alike."""
    assert Letter.read(0, json.dumps({"x": nested(MAX_DEPTH - 1)}).encode()).fields is not None
    assert Letter.read(0, json.dumps({"x": nested(MAX_DEPTH)}).encode()).fields is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_letter_in_another_encoding_has_no_fields(encoding: str) -> None:
    """Its quotes and brackets are not where its bytes say, so how deep it is would be found out by falling."""
    assert Letter.read(0, ('["\u2200",' + "[" * 100_000).encode(encoding)).fields is None
    assert Letter.read(0, '{"x": 1}'.encode(encoding)).fields is None
    assert Letter.read(0, '{"x": 1}'.encode("utf-8-sig")).fields == {"x": 1}


def test_depth_is_found_without_memory() -> None:
    """Of a text that is all escapes, where every step might be one to come back to."""
    document = b'["' + b"\\n" * 500_000 + b'",' + b"[]," * MAX_DEPTH + b"1]"
    code = (
        "import resource, sys; from orchestrator.contract.depth import too_deep; document = sys.stdin.buffer.read();"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; assert not too_deep(document);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=document, capture_output=True, check=True)
    assert int(run.stdout) < 8_000  # KiB


def test_nothing_is_set_in_what_is_too_deep() -> None:
    """It would be refused again."""
    payload = json.dumps(chunk(future=nested(MAX_DEPTH))).encode()
    with pytest.raises(SetError, match="nested too deeply"):
        set_values(payload, (Setting.parse("brand=b"),))
