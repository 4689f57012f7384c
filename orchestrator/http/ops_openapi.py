"""The operators' part of the OpenAPI document; the other part gives it its forms of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.contract.brands import MAX_BRAND_BYTES
from orchestrator.contract.history import Period
from orchestrator.contract.letters import Writer
from orchestrator.http.answers import JSON_TYPE
from orchestrator.http.ops_api import DEFAULT_ACTS, DEFAULT_LETTERS, MAX_ACTS, MAX_LETTERS
from orchestrator.http.ops_documents import (
    AuditDocument,
    BrandActDocument,
    BrandRequest,
    HistoryDocument,
    LettersDocument,
    LettersRequest,
    MovedDocument,
    OpsDocument,
    OrderedDocument,
    ProcessRequest,
)
from orchestrator.http.ops_orders import MAX_INDEX, MAX_TEXT_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

JsonObject = dict[str, Any]

OPS_TYPES = (
    *(OpsDocument, LettersDocument, MovedDocument, BrandActDocument, AuditDocument, HistoryDocument),
    *(OrderedDocument, LettersRequest, BrandRequest, ProcessRequest),
)
OPERATOR_SCHEME = {"type": "http", "scheme": "bearer", "description": "A token of HTTP_OPERATOR_TOKEN_FILE."}

_BRAND = {
    "name": "brand",
    "in": "query",
    "description": "Only this brand, with its newest letters.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_BRAND_BYTES},
}


_PERIOD = {
    "name": "period",
    "in": "query",
    "description": "How far back. Empty is as good as not there.",
    "schema": {"type": "string", "enum": ["", *Period], "default": Period.DAY.value},
}


def _filters() -> list[JsonObject]:
    """Which letters of the brand are listed; the groups are of all."""
    text = {"type": "string", "maxLength": MAX_TEXT_CHARS}
    kinds: dict[str, tuple[str, JsonObject]] = {
        "writer": ("Of this writer alone.", {"type": "string", "enum": ["", *(each.value for each in Writer)]}),
        "group": ("Of this group, as `groups` name it.", {"type": "string", "pattern": "^([0-9a-f]{16})?$"}),
        "index": ("At this place of the list.", {"type": "string", "pattern": f"^[0-9]{{0,{len(str(MAX_INDEX))}}}$"}),
        "reason": ("With this in the reason.", text),
        "path": ("With this path.", text),
        "grep": ("With this text in the payload.", text),
        "since": ("Received at this time or later, ISO 8601.", text),
        "until": ("Received before this time, ISO 8601.", text),
    }
    return [
        {"name": name, "in": "query", "description": f"{said} Needs a brand.", "schema": schema}
        for name, (said, schema) in kinds.items()
    ]


class OpsPaths:
    """Makes the operations.

    Args:
        answer: makes a 200 of a type.
        problem: makes any other answer.
        number: makes a query parameter.
        common: answers of every operation.
    """

    def __init__(
        self,
        answer: Callable[[type[msgspec.Struct], str], JsonObject],
        problem: Callable[[str], JsonObject],
        number: Callable[[str, str, int, int], JsonObject],
        common: JsonObject,
    ) -> None:
        self._answer = answer
        self._problem = problem
        self._number = number
        self._common = common

    def paths(self) -> JsonObject:
        """All of them, by path."""
        acts = self._number("limit", "The newest so many.", DEFAULT_ACTS, MAX_ACTS)
        letters = self._number("limit", "The newest so many letters of the brand.", DEFAULT_LETTERS, MAX_LETTERS)
        return {
            "/v1/ops": {"get": self._get(OpsDocument, "fleet", "All processes and brands at one moment")},
            "/v1/ops/letters": {
                "get": self._get(
                    LettersDocument, "letters", "Dead letters by what they share", _BRAND, letters, *_filters()
                ),
                "post": self._post(
                    LettersRequest,
                    MovedDocument,
                    "actOnLetters",
                    "Send dead letters again or remove them, or say what that would do",
                    {"409": self._problem("More letters are meant than `expected`; nothing was done.")},
                ),
            },
            "/v1/ops/brands": {
                "post": self._post(
                    BrandRequest,
                    BrandActDocument,
                    "actOnBrands",
                    "Pause, resume or purge a brand, or take it from who holds it",
                    {"409": self._problem("`holder` does not hold the brand any more; nothing was done.")},
                )
            },
            "/v1/ops/processes": {
                "post": self._post(
                    ProcessRequest,
                    OrderedDocument,
                    "actOnProcesses",
                    "Let a process take no more brands or take them again, end it, or change its lanes",
                    {"409": self._problem("Several have this id, or it takes no orders; nobody was ordered.")},
                )
            },
            "/v1/ops/history": {
                "get": self._get(
                    HistoryDocument, "history", "The minutes of a day, or the hours of a week or month", _PERIOD
                )
            },
            "/v1/ops/audit": {"get": self._get(AuditDocument, "audit", "What was asked for, the newest first", acts)},
        }

    def _get(self, type_: type[msgspec.Struct], name: str, summary: str, *parameters: JsonObject) -> JsonObject:
        bad = {"400": self._problem("A parameter is out of its bounds; the detail names it.")} if parameters else {}
        missing = {"404": self._problem("No brand can have this name.")} if _BRAND in parameters else {}
        return {
            "summary": summary,
            "operationId": name,
            "parameters": list(parameters),
            "responses": {"200": self._answer(type_, "The document."), **bad, **missing, **self._common},
        }

    def _post(
        self, body: type[msgspec.Struct], type_: type[msgspec.Struct], name: str, summary: str, more: JsonObject
    ) -> JsonObject:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        return {
            "summary": summary,
            "description": "What is asked for is written to the audit list first, with `by`, and not done without.",
            "operationId": name,
            "security": [{"operator": []}],
            "requestBody": {"required": True, "content": {JSON_TYPE: {"schema": schema}}},
            "responses": {
                "200": self._answer(type_, "What was done."),
                "400": self._problem("The body is not what it should be; the detail names what."),
                "403": self._problem("The request has no operator's token."),
                "404": self._problem("There is no such brand."),
                "413": self._problem("The body is larger than 4 KiB."),
                "415": self._problem("The body is not JSON."),
                **more,
                **self._common,
            },
        }
