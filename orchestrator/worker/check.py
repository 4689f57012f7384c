"""Whether the service will accept a document: the rules of the JSON Schema, in the words of the dead letters.

``chunk.json`` beside this file is ``docs/schemas/chunk.json``, generated from the types that the service decodes with,
so rules are written once. What a schema cannot say stands in :func:`check_chunk`. That both accept and refuse the same,
with the same path and reason, is a property test (``tests/worker/test_check.py``). Where they differ on purpose, this
one is stricter: a brand that nobody could register, a time that is neither text nor number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orchestrator.contract import reasons
from orchestrator.contract.brands import check_brand
from orchestrator.contract.mending import Odd
from orchestrator.errors import InvalidBrandError, InvalidChunkError
from orchestrator.worker.vectors import centroid_of

_SCHEMA_WORDS: Final = {
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "string": "str",
    "array": "array",
    "object": "object",
    "null": "null",
}
"""Types of JSON Schema in the service's words, in the order in which an error names them."""

_BOUNDS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
    "maxItems": "max_items",
    "required": "required",
}
_KNOWN: Final = {
    *_BOUNDS,
    *("$ref", "anyOf", "type", "enum", "properties", "items", "title", "description", "default"),
}
_MAX_DIGITS: Final = 4_300


@dataclass(slots=True)
class Rule:
    """What may stand in one place; each kind of value has its own bounds."""

    kinds: set[str] = field(default_factory=set)
    choices: Sequence[str] | None = None
    minimum: float = -math.inf
    maximum: float = math.inf
    min_length: int = 0
    max_length: float = math.inf
    max_items: float = math.inf
    items: Rule | None = None
    fields: dict[str, Rule] = field(default_factory=dict)
    required: Sequence[str] = ()

    @property
    def expected(self) -> str:
        """The kinds, as errors name them."""
        return " | ".join(word for word in _SCHEMA_WORDS.values() if word in self.kinds)


def read_rule(schema: Mapping[str, Any], definitions: Mapping[str, Any], rule: Rule | None = None) -> Rule:
    """The rule that *schema* states; a word that is not known here is an error, so that none is passed over."""
    rule = Rule() if rule is None else rule
    if unknown := set(schema) - _KNOWN:
        raise ValueError(f"the schema has words that are not known: {sorted(unknown)}")
    if "$ref" in schema:
        return read_rule(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions, rule)
    for choice in schema.get("anyOf", ()):
        read_rule(choice, definitions, rule)
    told = schema.get("type", [])
    rule.kinds.update(_SCHEMA_WORDS[word] for word in ([told] if isinstance(told, str) else told))
    if "enum" in schema:
        rule.kinds.add("str")
        rule.choices = schema["enum"]
    for word, attribute in _BOUNDS.items():
        if word in schema:
            setattr(rule, attribute, schema[word])
    if "items" in schema:
        rule.items = read_rule(schema["items"], definitions)
    for name, value in schema.get("properties", {}).items():
        rule.fields[name] = read_rule(value, definitions)
    return rule


def _read_file() -> Rule:
    document = json.loads(Path(__file__).with_name("chunk.json").read_text(encoding="utf-8"))
    return read_rule({"$ref": document["$ref"]}, document["$defs"])


_RULE: Final = _read_file()


def check_chunk(document: Mapping[str, Any]) -> None:
    """Raise unless the service will accept *document* from the queue of its brand.

    Raises:
        InvalidChunkError: what is wrong, where, and what would be right; the first fault in the document's order.
    """
    _check(document, _RULE, "$")
    brand = document["brand"]
    try:
        if check_brand(brand) != brand:
            raise InvalidChunkError(f"brand {brand!r} has blanks around it", "$.brand")
    except InvalidBrandError as error:
        raise InvalidChunkError(str(error), "$.brand") from None
    for place, cluster in enumerate(document["clusters"]):
        if cluster.get("centroidF32") is not None:
            centroid_of(cluster["centroidF32"], f"$.clusters[{place}].centroidF32")
        _check_whole(cluster.get("mentionCount"), f"$.clusters[{place}].mentionCount")
    _check_whole((document.get("meta") or {}).get("mentionCount"), "$.meta.mentionCount")
    for place, topic in enumerate(document.get("topics") or ()):
        if isinstance(topic, Mapping) and topic.get("topic") is not None:
            _check_whole(topic.get("mentions"), f"$.topics[{place}].mentions")


def _check_whole(value: float | None, path: str) -> None:
    if value is not None and not float(value).is_integer():
        raise InvalidChunkError(reasons.not_whole(value), path)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (Mapping, "object")):
        if isinstance(value, kind):
            return name
    return "array" if isinstance(value, (list, tuple)) else type(value).__name__


def _check(value: Any, rule: Rule, path: str) -> None:
    kind = _kind(value)
    if kind == "float" and not math.isfinite(value):
        token = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        raise InvalidChunkError(reasons.with_value(f"Expected `{rule.expected}`", Odd(token)), path)
    if kind not in rule.kinds and not (kind == "int" and "float" in rule.kinds):
        told = "float" if kind == "int" and not -(2**63) <= value < 2**64 else kind  # as msgspec reads it
        raise InvalidChunkError(reasons.with_value(f"Expected `{rule.expected}`, got `{told}`", value), path)
    fault = _fault(value, kind, rule)
    if fault is not None:
        raise InvalidChunkError(fault, path)
    if kind == "object":
        _check_fields(value, rule, path)
    elif kind == "array" and rule.items is not None:
        for place, item in enumerate(value):
            _check(item, rule.items, f"{path}[{place}]")


def _fault(value: Any, kind: str, rule: Rule) -> str | None:
    """What is wrong with a value of a kind that may stand there."""
    if kind == "str":
        if rule.choices is not None and value not in rule.choices:
            return reasons.not_among(rule.choices, value)
        return _length_fault("str", value, rule.min_length, rule.max_length)
    if kind == "array":
        return _length_fault("array", value, 0, rule.max_items)
    return _number_fault(value, rule) if kind in {"int", "float"} else None


def _number_fault(value: float, rule: Rule) -> str | None:
    if "float" not in rule.kinds:  # an id
        return "Integer value out of range" if abs(value) >= 10**_MAX_DIGITS else None
    if value < rule.minimum:
        return reasons.with_value(f"Expected `float` >= {float(rule.minimum)}", value)
    return reasons.with_value(f"Expected `float` <= {float(rule.maximum)}", value) if value > rule.maximum else None


def _length_fault(kind: str, value: Sequence[Any], least: int, most: float) -> str | None:
    if len(value) < least:
        return f"Expected `{kind}` of length >= {least}, got length {len(value)}"
    if len(value) > most:
        return f"Expected `{kind}` of length <= {most}, got length {len(value)}"
    return None


def _check_fields(value: Mapping[str, Any], rule: Rule, path: str) -> None:
    for name, member in value.items():
        inside = rule.fields.get(name)
        if inside is not None:
            _check(member, inside, f"{path}.{name}")
    for name in rule.required:
        if name not in value:
            raise InvalidChunkError(f"Object missing required field `{name}`", path)
