"""JSON Schemas of what goes in and out, generated from the types.

The files under ``docs/schemas`` are :func:`schema_json` of each name in :data:`SCHEMAS`, and a test compares them.
The types decide; schemas only tell. What a schema cannot say (a chunk's brand is that of its queue, numbers are
finite) is checked by the decoder.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import msgspec

from orchestrator.contract.chunk import WireChunk
from orchestrator.contract.insights import RecentChunk, TrendPoint
from orchestrator.contract.summary import SpikeEpisode, Summary

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMAS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "chunk": ("One chunk result, an item of result:brand:<brand>:chunks", WireChunk),
    "summary": ("A brand's summary, summary:brand:<brand>", Summary),
    "spike": ("One spike episode, an entry of spike:brand:<brand>", SpikeEpisode),
    "trend": ("One hour or day, a field's value in trend:brand:<brand>", TrendPoint),
    "recent": ("One recent chunk, an entry of chunks:recent:brand:<brand>", RecentChunk),
}
"""Name -> title and type."""

_ROLE = re.compile(r":\w+:`~?([^`]*)`")


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of that name in :data:`SCHEMAS`."""
    title, root = SCHEMAS[name]
    generated = msgspec.json.schema(root)
    document: dict[str, Any] = {"$schema": DIALECT, "title": title, **generated}
    for definition in document["$defs"].values():
        definition["description"] = plain(definition["description"])
    return document


def schema_json(name: str) -> str:
    """The schema as text, as it is checked in."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def plain(docstring: str) -> str:
    """A docstring without the marks of reStructuredText."""
    return _ROLE.sub(r"\1", inspect.cleandoc(docstring)).replace("``", "")
