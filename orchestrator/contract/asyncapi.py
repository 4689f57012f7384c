"""The AsyncAPI document: what goes through Redis, for those who generate workers and readers from it.

Generated from the types that are decoded and written, the names of keys and the bounds; checked in as
``docs/asyncapi.json``, which ``make schemas`` writes anew. ``tests/contract/test_asyncapi.py`` holds it against the
official schema of AsyncAPI 3 and its examples against the decoder.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0. It has no words for keys that are read when
somebody wants to: such a key is a channel with ``x-redis``, which says its type and its commands. Rules that concern
commits are in ``docs/redis-protocol.md``; keys of orchestrators alone are not told here.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

import msgspec

from orchestrator import __version__
from orchestrator.contract.brands import MAX_BRAND_BYTES
from orchestrator.contract.chunk import WireChunk
from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.depth import MAX_DEPTH
from orchestrator.contract.insights import RecentChunk, TrendPoint
from orchestrator.contract.keys import BRAND_LIST_KEYS, UPDATES_CHANNEL, BrandKeys
from orchestrator.contract.schema import plain
from orchestrator.contract.summary import SpikeEpisode, Summary
from orchestrator.contract.update import Update

JsonObject = dict[str, Any]

TYPES: Final = (WireChunk, DeadLetter, Update, Summary, SpikeEpisode, TrendPoint, RecentChunk)
_REFERENCE: Final = "#/components/schemas/{name}"
_KEYS: Final = BrandKeys.of("{brand}")

CHUNK_EXAMPLES: Final[dict[str, JsonObject]] = {
    "counts": {
        "chunkId": "nike-1",
        "brand": "nike",
        "sentiment": {"unit": "counts", "positive": 5, "neutral": 2, "negative": 1, "score": 4},
        "clusters": [{"label": "Launch", "mentions": ["m1", "m2"], "centroidF32": "AAAAPwAAgL4AAIA/"}],
        "processedAt": "2026-11-28T00:00:00Z",
        "topics": ["price", {"topic": "launch", "mentions": 2}],
        "meta": {"mentionCount": 8},
    },
    "shares": {
        "chunkId": "nike-2",
        "brand": "nike",
        "sentiment": {"unit": "shares", "positive": 0.5, "neutral": 0.3, "negative": 0.2, "score": 0.31},
        "clusters": [{"id": "0", "label": "delays", "mentions": ["still waiting"], "mentionCount": 40}],
        "processedAt": 1764288000,
        "meta": {"mentionCount": 100},
    },
}
UPDATE_EXAMPLE: Final[JsonObject] = {"brand": "nike", "epoch": 1764288000, "version": 17}
LETTER_EXAMPLE: Final = DeadLetter.of(
    b'{"chunkId":"c","brand":"nike","sentiment":{"score":"0.5"},"clusters":[]}',
    brand="nike",
    reason='Expected `float`, got `str` "0.5"',
    path="$.sentiment.score",
    now_ms=1_764_288_000_000,
    orchestrator_id="orchestrator-1",
)
WORKER_LETTER_EXAMPLE: Final[JsonObject] = {
    "worker_id": "worker-7",
    "chunk_id": "nike-3",
    "reason": "no answer of the model",
    "payload": '{"mentions":["m9"]}',
}

_BRAND: Final = {
    "brand": {
        "description": f"The brand's name as UTF-8, trimmed, at most {MAX_BRAND_BYTES} bytes, without control"
        " characters; blanks, colons and braces are parts of it.",
        "examples": ["nike", "a/b {x}: 100 %"],
    }
}
_WORKER_LETTER: Final[JsonObject] = {
    "title": "WorkerLetter",
    "description": "What a worker could not work on. Its payload is the worker's input, not a chunk result.",
    "type": "object",
    "required": ["worker_id", "chunk_id", "payload"],
    "properties": {
        "worker_id": {"type": "string"},
        "chunk_id": {"type": "string"},
        "reason": {"type": "string"},
        "payload": {},
    },
}


def _message(name: str, title: str, schema: str, *examples: JsonObject) -> JsonObject:
    message: JsonObject = {"name": name, "title": title, "payload": {"$ref": _REFERENCE.format(name=schema)}}
    if examples:
        message["examples"] = list(examples)
    return message


def _channel(address: str, text: str, redis: JsonObject, **messages: JsonObject) -> JsonObject:
    channel: JsonObject = {"address": address, "description": text, "messages": messages, "x-redis": redis}
    return channel | ({"parameters": _BRAND} if "{brand}" in address else {})


def _channels() -> JsonObject:
    read_list = {"type": "LIST", "read": "LRANGE"}
    chunks = [{"name": name, "payload": payload} for name, payload in CHUNK_EXAMPLES.items()]
    return {
        "registry": _channel(
            BRAND_LIST_KEYS[0],
            "The brands whose queues are read. A SET, or a LIST if the first producer made one.",
            {"type": "SET or LIST", "write": "SADD, or RPUSH if it is a LIST"},
            brand={
                "name": "brand",
                "contentType": "text/plain",
                "payload": {"type": "string", "minLength": 1},
                "examples": [{"payload": "nike"}],
            },
        ),
        "chunks": _channel(
            _KEYS.queue,
            "Chunk results of a brand. The same chunkId may be pushed again at any time: it counts once. A document may"
            f" be nested {MAX_DEPTH} levels deep. What is no chunk becomes a dead letter.",
            {"type": "LIST", "write": "RPUSH"},
            chunk=_message("chunk", "One chunk result", "WireChunk", *chunks),
        ),
        "deadLetters": _channel(
            _KEYS.failed,
            "What could not be folded, the newest last, bounded. Workers may append entries of their own; readers must"
            " accept entries of any shape.",
            {**read_list, "write": "RPUSH"},
            deadLetter=_message(
                "deadLetter",
                "A chunk result that was refused",
                "DeadLetter",
                {"name": "refused", "payload": json.loads(LETTER_EXAMPLE.encode())},
            ),
            workerLetter=_message(
                "workerLetter",
                "What a worker could not work on",
                "WorkerLetter",
                {"name": "given up", "payload": WORKER_LETTER_EXAMPLE},
            ),
        ),
        "updates": _channel(
            UPDATES_CHANNEL,
            "After each commit with a new summary. PUBLISH reaches who listens at the moment: a hint to read the"
            " summary, and no more. Whoever must not miss one reads now and then.",
            {"type": "channel", "read": "SUBSCRIBE", "write": "PUBLISH"},
            update=_message("update", "A summary was written", "Update", {"payload": UPDATE_EXAMPLE}),
        ),
        "summary": _channel(
            _KEYS.summary,
            "A brand's summary; expires when its brand is not refreshed any more.",
            {"type": "STRING", "read": "GET"},
            summary=_message("summary", "A brand's summary", "Summary"),
        ),
        "spikes": _channel(
            _KEYS.spike,
            "Episodes of volume, an entry each.",
            read_list,
            spike=_message("spike", "One spike episode", "SpikeEpisode"),
        ),
        "moods": _channel(
            _KEYS.mood,
            "Episodes of mood, an entry each; their kind is `mood`.",
            read_list,
            mood=_message("mood", "One episode of mood", "SpikeEpisode"),
        ),
        "storyEpisodes": _channel(
            _KEYS.stories,
            "Episodes of stories, an entry each; their kind is `story`.",
            read_list,
            storyEpisode=_message("storyEpisode", "One episode of a story", "SpikeEpisode"),
        ),
        "recent": _channel(
            _KEYS.recent,
            "The newest chunks that were folded, the newest first.",
            read_list,
            recent=_message("recent", "One recent chunk", "RecentChunk"),
        ),
        "trend": _channel(
            _KEYS.trend,
            "Volume and sentiment: a field an hour (`hour:2026-11-23T10:00:00Z`), a field a day (`day:2026-11-23`)."
            " Readers must leave fields of other names alone.",
            {"type": "HASH", "read": "HGETALL"},
            point=_message("point", "One hour or day", "TrendPoint"),
        ),
    }


_OPERATIONS: Final = {
    "readRegistry": ("receive", "registry", "Learn which brands there are"),
    "foldChunk": ("receive", "chunks", "Fold a chunk into its brand's state, exactly once"),
    "refuseChunk": ("send", "deadLetters", "Tell of what could not be folded"),
    "announceSummary": ("send", "updates", "Say that there is a new summary"),
    "writeSummary": ("send", "summary", "Write a summary, with the commit that it tells of"),
    "writeSpike": ("send", "spikes", "Write an episode of volume when it opens, changes or closes"),
    "writeMood": ("send", "moods", "Write an episode of mood when it opens, changes or closes"),
    "writeStoryEpisode": ("send", "storyEpisodes", "Write an episode of a story when it opens, changes or closes"),
    "writeRecent": ("send", "recent", "Write what was folded"),
    "writeTrend": ("send", "trend", "Write the hours and days that changed"),
}
"""What the orchestrator does; its workers and readers do the opposite."""


@cache
def asyncapi_document() -> JsonObject:
    """The whole document."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=_REFERENCE)
    for schema in schemas.values():
        schema["description"] = plain(schema.get("description", ""))
    channels = _channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Brand summaries through Redis",
            "version": __version__,
            "description": "Workers push chunk results into a queue for each brand; orchestrators fold them, exactly"
            " once, into a summary for each brand, which readers read. Operations are those of the orchestrator.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "{host}",
                "protocol": "redis",
                "description": "Redis 6.2 or later, or Valkey. Names of keys are UTF-8.",
                "variables": {"host": {"default": "localhost:6379"}},
            }
        },
        "channels": channels,
        "operations": {
            name: {
                "action": action,
                "summary": summary,
                "channel": {"$ref": f"#/channels/{channel}"},
                "messages": [
                    {"$ref": f"#/channels/{channel}/messages/{message}"}
                    for message in channels[channel]["messages"]
                    if message != "workerLetter"
                ],
            }
            for name, (action, channel, summary) in _OPERATIONS.items()
        },
        "components": {"schemas": {**schemas, "WorkerLetter": _WORKER_LETTER}},
    }


def asyncapi_json() -> str:
    """The document as text, as it is checked in."""
    return json.dumps(asyncapi_document(), indent=2, ensure_ascii=False) + "\n"
