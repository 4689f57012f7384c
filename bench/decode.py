"""Decoding a batch of chunks into typed chunks and float32 rows: ours beside the usual readers."""

from __future__ import annotations

import importlib
import json
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from typing import Any

import click
import msgspec
import numpy as np
from pydantic import BaseModel

from bench import _floor, _payloads
from bench._harness import Report, median_s
from orchestrator.contract.chunk import WireChunk
from orchestrator.contract.decode import decode_batch

BATCH = {"a": 256, "b": 16, "c": 256, "d": 256, "f32": 48}
REPEAT = {"a": 30, "b": 10, "c": 5, "d": 5, "f32": 10}  # some milliseconds on end, as in a service that is busy

BARE = "msgspec, bare types"

Decode = Callable[[list[bytes]], Any]

_bounded = msgspec.json.Decoder(WireChunk).decode


def _rows(centroids: Any, packed: Any = ()) -> list[Any]:
    rows = [np.array(centroid, np.float32) for centroid in centroids if centroid]
    return rows + [np.frombuffer(b64decode(text, validate=True), "<f4") for text in packed if text]


def _typed(read: Callable[[bytes], Any]) -> Decode:
    def run(items: list[bytes]) -> Any:
        chunks = [read(item) for item in items]
        clusters = [cluster for chunk in chunks for cluster in chunk.clusters]
        return chunks, _rows([one.centroid for one in clusters], [one.centroid_f32 for one in clusters])

    return run


def _untyped(loads: Callable[[bytes], Any]) -> Decode:
    def run(items: list[bytes]) -> Any:
        chunks = [loads(item) for item in items]
        clusters = [cluster for chunk in chunks for cluster in chunk["clusters"]]
        return chunks, _rows([one.get("centroid") for one in clusters], [one.get("centroidF32") for one in clusters])

    return run


class _ModelCluster(BaseModel):
    id: str
    label: str
    mentions: list[str]
    centroid: list[float] | None = None
    centroidF32: str | None = None  # noqa: N815 - as on the wire


class _ModelChunk(BaseModel):
    chunkId: str  # noqa: N815 - as on the wire
    brand: str
    clusters: list[_ModelCluster]


def _models(items: list[bytes]) -> Any:
    chunks = [_ModelChunk.model_validate_json(item) for item in items]
    clusters = [cluster for chunk in chunks for cluster in chunk.clusters]
    return chunks, _rows([one.centroid for one in clusters], [one.centroidF32 for one in clusters])


def _simdjson() -> Decode:
    parser: Any = importlib.import_module("simdjson").Parser()

    def read(item: bytes) -> Any:
        document = parser.parse(item)
        clusters = document["clusters"]
        buffers = [cluster["centroid"].as_buffer(of_type="d") for cluster in clusters if "centroid" in cluster]
        rows = [np.frombuffer(buffer, np.float64).astype(np.float32) for buffer in buffers]
        rows += _rows([], [cluster["centroidF32"] for cluster in clusters if "centroidF32" in cluster])
        return document["chunkId"], [(c["id"], c["label"], c["mentions"].as_list()) for c in clusters], rows

    return lambda items: [read(item) for item in items]


def _orjson() -> Decode:
    return _untyped(importlib.import_module("orjson").loads)


def contenders() -> dict[str, Decode]:
    """Every reader that is installed."""
    found: dict[str, Decode] = {
        "ours": lambda items: decode_batch(items, _payloads.BRAND),
        BARE: _typed(_floor.decode),
        "msgspec, types with bounds": _typed(_bounded),
        "json": _untyped(json.loads),
        "pydantic": _models,
    }
    for name, make in (("orjson", _orjson), ("simdjson", _simdjson)):
        try:
            found[name] = make()
        except ImportError:
            continue
    return found


@click.command()
@click.option("--rounds", default=9, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def command(*, rounds: int, as_json: bool) -> None:
    """Decode batches of payloads a, b, c, d and f32; microseconds a chunk."""
    payloads = {
        "a": list(_payloads.small(BATCH["a"])),
        "b": list(_payloads.large(BATCH["b"])),
        "c": list(_payloads.large(BATCH["c"], centroids=False)),
        "d": list(_payloads.texts(BATCH["d"])),
        "f32": list(_payloads.large(BATCH["f32"], packed=True)),
    }
    readers = contenders()
    report = Report(
        "Decoding, microseconds a chunk", ["reader", *(f"{n} ({len(i[0]):,} B)" for n, i in payloads.items())]
    )
    times = {name: _times(name, items, readers, rounds) for name, items in payloads.items()}
    ratios = {name: found[BARE] / found["ours"] for name, found in times.items()}
    report.rows += [(reader, *(times[name][reader] for name in payloads)) for reader in readers]
    report.notes += [
        "msgspec: centroids as list[float] or by b64decode, then numpy; all but the one with bounds check less",
        "bare types / ours: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()),
    ]
    report.show(as_json=as_json)


def _times(name: str, items: list[bytes], readers: dict[str, Decode], rounds: int) -> dict[str, float]:
    found = median_s({reader: partial(run, items) for reader, run in readers.items()}, rounds, repeat=REPEAT[name])
    return {reader: seconds / len(items) * 1e6 for reader, seconds in found.items()}
