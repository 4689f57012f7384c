"""The AsyncAPI document is current, valid by the official schema, and says what code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator

from orchestrator.contract.asyncapi import (
    CHUNK_EXAMPLES,
    LETTER_EXAMPLE,
    WORKER_LETTER_EXAMPLE,
    asyncapi_document,
    asyncapi_json,
)
from orchestrator.contract.decode import decode_chunk
from orchestrator.contract.keys import brand_of_queue
from orchestrator.contract.letters import Letter, Writer
from orchestrator.contract.update import Update
from orchestrator.errors import InvalidChunkError

ROOT = Path(__file__).parents[2]
OFFICIAL = ROOT / "tests" / "data" / "asyncapi" / "3.0.0.json"


def faults(document: Any) -> list[str]:
    """What the official schema has against *document*."""
    validator = Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(document)]


def resolved(reference: str) -> Any:
    """What a reference of the document leads to."""
    found: Any = asyncapi_document()
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> list[str]:
    """All references within *value*."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []


def test_checked_in_document_is_current() -> None:
    """Written anew with `make schemas`."""
    assert (ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8") == asyncapi_json()


def test_document_is_valid() -> None:
    """By the schema that the AsyncAPI initiative publishes."""
    assert faults(asyncapi_document()) == []


@pytest.mark.parametrize(
    "damage", [{"asyncapi": "3"}, {"info": {}}, {"channels": {"x": {"adress": "x"}}}, {"operations": {"x": {}}}]
)
def test_official_schema_notices_damage(damage: dict[str, Any]) -> None:
    """The check can fail."""
    assert faults({**asyncapi_document(), **damage})


def test_references_lead_somewhere() -> None:
    """To channels, messages and schemas of the document."""
    for reference in references(asyncapi_document()):
        assert resolved(reference)


def test_addresses_are_the_contract_s() -> None:
    """A brand put into the queue's address gives a queue of that brand."""
    channels = asyncapi_document()["channels"]
    assert brand_of_queue(channels["chunks"]["address"].replace("{brand}", "a {b}: ü")) == "a {b}: ü"
    named = [channel["address"] for channel in channels.values() if "{brand}" in channel["address"]]
    assert all(channel.get("parameters") for channel in channels.values() if channel["address"] in named)
    assert len({channel["address"] for channel in channels.values()}) == len(channels)


@pytest.mark.parametrize("name", CHUNK_EXAMPLES)
def test_examples_of_chunks_are_accepted(name: str) -> None:
    """By the decoder."""
    assert decode_chunk(json.dumps(CHUNK_EXAMPLES[name]).encode(), "nike").brand == "nike"


def test_examples_of_letters_are_what_they_say() -> None:
    """The refusal is the decoder's own, and both are read back as what they are."""
    letter = Letter.read(0, LETTER_EXAMPLE.encode())
    with pytest.raises(InvalidChunkError) as caught:
        decode_chunk(letter.payload())
    assert (caught.value.path, caught.value.reason) == (LETTER_EXAMPLE.path, LETTER_EXAMPLE.reason)
    assert letter.writer is Writer.ORCHESTRATOR
    assert Letter.read(0, json.dumps(WORKER_LETTER_EXAMPLE).encode()).writer is Writer.WORKER


def test_example_of_an_update_is_read() -> None:
    """As listeners read it."""
    [example] = asyncapi_document()["channels"]["updates"]["messages"]["update"]["examples"]
    assert msgspec.convert(example["payload"], Update, strict=True).brand == "nike"


def test_examples_satisfy_the_schemas_beside_them() -> None:
    """Each payload is valid by what its message says."""
    components = {"components": {"schemas": asyncapi_document()["components"]["schemas"]}}
    for channel in asyncapi_document()["channels"].values():
        for message in channel["messages"].values():
            validator = Draft7Validator(
                {**message["payload"], **components}
                if "$ref" not in message["payload"]
                else {"allOf": [message["payload"]], **components}
            )
            for example in message.get("examples", ()):
                assert [error.message for error in validator.iter_errors(example["payload"])] == []
