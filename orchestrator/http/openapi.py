"""The OpenAPI document of the read API, generated from the types that the handlers answer with.

Served under ``/v1/openapi.json`` and checked in as ``docs/openapi.json``, which ``make schemas`` writes anew.
Limits are the constants that the handlers enforce; ``tests/http/test_openapi.py`` compares the running service
with the document.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, get_args
from zlib import crc32

import msgspec
from quart import Blueprint, Response, current_app, request

from orchestrator import __version__
from orchestrator.contract.brands import MAX_BRAND_BYTES
from orchestrator.contract.explanation import MAX_SHOWN, ExplainedOrder, Explanation
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.schema import plain
from orchestrator.contract.summary import EPISODE_KINDS, Summary
from orchestrator.http.answers import JSON_TYPE, MAX_OFFSET, conditional
from orchestrator.http.api import FIELDS
from orchestrator.http.api_documents import (
    AnalyticsDocument,
    BrandHistoryDocument,
    BrandNumbersDocument,
    BrandsDocument,
    CompareDocument,
    LagDocument,
    Problem,
    RecentDocument,
    SpikesDocument,
    TrendDocument,
    UpdateEvent,
)
from orchestrator.http.brand_list import DEFAULT_PAGE, MAX_PAGE
from orchestrator.http.comparison import DEFAULT_HOURS, FEWEST, MAX_HOURS, MOST
from orchestrator.http.events import MAX_SUBSCRIBERS
from orchestrator.http.history import FORMATS
from orchestrator.http.listing import FILTERS, MAX_CURSOR_CHARS, SORTS
from orchestrator.http.ops_openapi import OPERATOR_SCHEME, OPS_TYPES, OpsPaths
from orchestrator.http.past import DEFAULT_CHUNKS, MAX_NAME_CHARS
from orchestrator.http.problems import PROBLEM_TYPE, RETRY_AFTER_S
from orchestrator.http.span import MAX_TIME_CHARS, Step
from orchestrator.http.table import CSV_TYPE
from orchestrator.store.documents import MAX_LIST_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Collection

TYPES = (
    *(Summary, TrendDocument, SpikesDocument, RecentDocument, AnalyticsDocument, BrandsDocument, BrandNumbersDocument),
    *(BrandHistoryDocument, CompareDocument, Explanation, LagDocument, UpdateEvent, Problem),
    *OPS_TYPES,
)
_REFERENCE = "#/components/schemas/{name}"

JsonObject = dict[str, Any]

blueprint = Blueprint("openapi", __name__, url_prefix="/v1")


def _number(name: str, text: str, *, default: int, lowest: int, highest: int) -> JsonObject:
    return {
        "name": name,
        "in": "query",
        "description": text,
        "schema": {"type": "integer", "minimum": lowest, "maximum": highest, "default": default},
    }


_BRAND = {
    "name": "brand",
    "in": "path",
    "required": True,
    "description": "The brand's name, percent-encoded as a whole, slashes included.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_BRAND_BYTES},
    "examples": {"plain": {"value": "nike"}, "awkward": {"value": "a/b {x}: 100 %"}},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the version that the reader has; the answer is 304 if it is still the newest.",
    "schema": {"type": "string"},
}
_ETAG = {"ETag": {"description": "Made of epoch and version of the brand's last commit.", "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": f"Seconds, {RETRY_AFTER_S}.", "schema": {"type": "string"}}}


_EVENTS = {
    "type": "string",
    "contentMediaType": "text/event-stream",
    "contentSchema": {"$ref": _REFERENCE.format(name="UpdateEvent")},
}
"""OpenAPI 3.1 has no words for streams; the content's schema is that of the data of each event."""


def _json(type_: type[msgspec.Struct], description: str, *, tagged: bool) -> JsonObject:
    body = {JSON_TYPE: {"schema": {"$ref": _REFERENCE.format(name=type_.__name__)}}}
    return {"description": description, "content": body, **({"headers": _ETAG} if tagged else {})}


def _problem(description: str, headers: JsonObject | None = None) -> JsonObject:
    body = {PROBLEM_TYPE: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    return {"description": description, "content": body, **({"headers": headers} if headers else {})}


_REFUSED = {
    "401": _problem("Tokens are asked for here, and this is none of them."),
    "421": _problem("Names are listed here, and the request's Host is none of them."),
}
_BAD_REQUEST = {"400": _problem("A parameter is out of its bounds; the detail names it.")}
_AWAY = {"503": _problem("The store does not answer at the moment.", _RETRY)}


def _brand_document(type_: type[msgspec.Struct], summary: str, *parameters: JsonObject) -> JsonObject:
    """A GET of one of a brand's documents."""
    return {
        "get": {
            "summary": summary,
            "operationId": type_.__name__.removesuffix("Document").lower(),
            "parameters": [_BRAND, _IF_NONE_MATCH, *parameters],
            "responses": {
                "200": _json(type_, "The document.", tagged=True),
                "304": {"description": "The reader has the newest version.", "headers": _ETAG},
                **(_BAD_REQUEST if parameters else {}),
                **_REFUSED,
                "404": _problem("There is no such brand, or it has no such document yet."),
                "502": _problem("What is stored is not a document of this service."),
                **_AWAY,
            },
        }
    }


def _word(name: str, text: str, known: Collection[str]) -> JsonObject:
    # The empty word is what a form sends whose reader has chosen nothing.
    schema = {"type": "string", "enum": ["", *known]}
    return {"name": name, "in": "query", "description": f"{text} Empty is as good as not there.", "schema": schema}


def _time(name: str, text: str) -> JsonObject:
    # No format: a date without a time is right as well, and so is the empty text of a form.
    schema = {"type": "string", "maxLength": MAX_TIME_CHARS}
    return {"name": name, "in": "query", "description": f"A date or time of ISO 8601; {text}", "schema": schema}


def _history() -> JsonObject:
    path = _brand_document(
        BrandHistoryDocument,
        "A stretch of the past by hour (of the last 8 days) or by day (of the last 400), as JSON or CSV",
        _time("from", "rounded down to the hour or day; by default seven days before the end."),
        _time("to", "its end, rounded up; by default and at most the end of the running one."),
        _word("step", "Of the points, `hour` by default.", tuple(Step)),
        _word("format", "Before what `Accept` says.", tuple(FORMATS)),
    )
    path["get"]["responses"]["200"]["content"][CSV_TYPE] = {"schema": {"type": "string"}}
    return path


_SEARCH = {
    "search": "Words that the name holds, whatever their case, accents and order.",
    "q": "An older name of `search`, not together with it.",
}


def _brands() -> JsonObject:
    page = {
        "anyOf": [{"$ref": _REFERENCE.format(name=kind.__name__)} for kind in (BrandsDocument, BrandNumbersDocument)]
    }
    fields = {"type": "array", "items": {"type": "string", "enum": list(FIELDS)}, "minItems": 1}
    return {
        "get": {
            "summary": "A page of the registered brands: their names, or with `fields` their numbers",
            "description": "A sort or filter by a number of the summaries reads those of all brands once, and later"
            " those that have changed; the first such request may get a 503, and the next one goes on from there.",
            "operationId": "brands",
            "parameters": [
                {
                    "name": "fields",
                    "in": "query",
                    "description": "What is told of each brand beside its name.",
                    "style": "form",
                    "explode": False,
                    "schema": fields,
                },
                _word("sort", "The smallest first, with a minus the greatest; without a number last.", SORTS),
                _word("filter", "Only brands of which this is true.", FILTERS),
                *(
                    {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
                    for name, text in _SEARCH.items()
                ),
                _number("limit", "Brands on the page.", default=DEFAULT_PAGE, lowest=1, highest=MAX_PAGE),
                {
                    "name": "cursor",
                    "in": "query",
                    "description": "The `next` of the page before, with the same sort; not together with `offset`.",
                    "schema": {"type": "string", "maxLength": MAX_CURSOR_CHARS},
                },
                _number(
                    "offset", "Brands before the page; `cursor` is better.", default=0, lowest=0, highest=MAX_OFFSET
                ),
            ],
            "responses": {
                "200": {"description": "A page.", "content": {JSON_TYPE: {"schema": page}}},
                **_BAD_REQUEST,
                **_REFUSED,
                **_AWAY,
            },
        }
    }


def _compare() -> JsonObject:
    name = {"type": "string", "minLength": 1, "maxLength": MAX_BRAND_BYTES}
    names = {"type": "array", "items": name, "uniqueItems": True, "maxItems": MOST}
    return {
        "get": {
            "summary": f"{FEWEST} to {MOST} brands side by side: share of voice, changes, the same hours, topics",
            "operationId": "compare",
            "parameters": [
                {
                    "name": "brands",
                    "in": "query",
                    "description": "Their names between commas.",
                    "style": "form",
                    "explode": False,
                    "schema": names,
                },
                {
                    "name": "brand",
                    "in": "query",
                    "description": "One name by itself, as often as need be: for names that hold a comma.",
                    "style": "form",
                    "explode": True,
                    "schema": names,
                },
                _number("hours", "Of the trends.", default=DEFAULT_HOURS, lowest=1, highest=MAX_HOURS),
                _IF_NONE_MATCH,
            ],
            "responses": {
                "200": _json(CompareDocument, "The document.", tagged=True),
                "304": {"description": "The reader has the newest version.", "headers": _ETAG},
                **_BAD_REQUEST,
                **_REFUSED,
                "404": _problem("One of the names is no brand; the detail says which, and which it may be."),
                **_AWAY,
            },
        }
    }


_NO_ARCHIVE = "The service has no archive, there is no such brand, or nothing was known of it then."


def _past(type_: type[msgspec.Struct], summary: str, *parameters: JsonObject) -> JsonObject:
    """A GET of what an archive tells."""
    description = (
        "Only where `ARCHIVE_URL` is set. An answer takes seconds, and few are made at a time; one that cannot change"
        " any more may be kept for an hour."
    )
    responses = {
        "200": _json(type_, "The document.", tagged=True),
        "304": {"description": "The reader has it already.", "headers": _ETAG},
        **_BAD_REQUEST,
        **_REFUSED,
        "404": _problem(_NO_ARCHIVE),
        "502": _problem("The archive is damaged there, or has a gap."),
        "503": _problem("The store or the archive does not answer, or too many ask for the past.", _RETRY),
        "504": _problem("It takes longer than a reader waits; the command line has the time."),
    }
    parameters = (_BRAND, _IF_NONE_MATCH, *parameters)
    name = "explain" if type_ is Explanation else "summaryAt"
    told = {"summary": summary, "description": description, "operationId": name}
    return {"get": {**told, "parameters": list(parameters), "responses": responses}}


def _at() -> JsonObject:
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_TIME_CHARS}
    time = {
        "name": "time",
        "in": "path",
        "required": True,
        "description": "A time of ISO 8601 that has been, of UTC where it names no zone.",
        "schema": schema,
        "examples": {"second": {"value": "2026-11-24T09:30:00Z"}},
    }
    return _past(Summary, "The summary as readers saw it at a time, out of the archive", time)


def _explain() -> JsonObject:
    names = {
        "story": "Of a story: its id, its headline, or a part of one headline alone.",
        "topic": "Of a topic that the summary shows.",
    }
    return _past(
        Explanation,
        "Which chunks made a number: of one of `story`, `topic` and `hour`, or all mentions of the window",
        *(
            {
                "name": name,
                "in": "query",
                "description": text,
                "schema": {"type": "string", "maxLength": MAX_NAME_CHARS},
            }
            for name, text in names.items()
        ),
        _time("hour", "of the hour of UTC that holds it, late chunks too."),
        _time("at", "as it was then; by default as of the newest that is archived."),
        _word("order", "Of the chunks, `newest` by default.", get_args(ExplainedOrder)),
        _number("limit", "Chunks that are told.", default=DEFAULT_CHUNKS, lowest=1, highest=MAX_SHOWN),
    )


def _lag() -> JsonObject:
    return {
        "get": {
            "summary": "What waits in all queues, for autoscalers, and what waits in vain; never cached",
            "operationId": "lag",
            "responses": {"200": _json(LagDocument, "The document.", tagged=False), **_REFUSED},
        }
    }


def _events() -> JsonObject:
    return {
        "get": {
            "summary": "Server-sent events of new summaries, until the service stops",
            "description": (
                "An event named `summary` has an UpdateEvent as its data. After 5 s of silence comes one named `beat`,"
                ' whose data is `{"status"}` of the service. A slow reader misses updates.'
            ),
            "operationId": "events",
            "parameters": [
                {
                    "name": "brand",
                    "in": "query",
                    "description": "Only this brand.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_BRAND_BYTES},
                }
            ],
            "responses": {
                "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": _EVENTS}}},
                **_REFUSED,
                "404": _problem("No brand can have this name."),
                "503": _problem(f"There are {MAX_SUBSCRIBERS} streams open already.", _RETRY),
            },
        }
    }


_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "Where HTTP_TOKEN_FILE is set."},
    "password": {"type": "http", "scheme": "basic", "description": "Any name; the token as the password."},
}


def _security(*, guarded: bool | None) -> list[JsonObject]:
    """What a request needs: nothing, one of the schemes, or, where that is not known, the one or the other."""
    anybody: list[JsonObject] = [] if guarded else [{}]
    return anybody if guarded is False else [*anybody, *({name: []} for name in _SCHEMES)]


def _ops() -> JsonObject:
    """What operators see and do."""
    paths = OpsPaths(
        lambda type_, text: _json(type_, text, tagged=False),
        _problem,
        lambda name, text, default, highest: _number(name, text, default=default, lowest=1, highest=highest),
        {**_REFUSED, **_AWAY},
    )
    return paths.paths()


@cache
def openapi_document(root: str = "", *, guarded: bool | None = None) -> JsonObject:
    """The whole document.

    Args:
        root: the path under which the service stands.
        guarded: whether reading needs a token; None: that depends on the service.
    """
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=_REFERENCE)
    for schema in schemas.values():
        schema["description"] = plain(schema.get("description", ""))
    kind = _word("kind", "Of the episodes, `volume` by default.", EPISODE_KINDS)
    newest = _number("limit", "The newest so many.", default=DEFAULT_PAGE, lowest=1, highest=MAX_LIST_ENTRIES)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Brand summaries",
            "version": __version__,
            "description": (
                "Read-only, but for operators below `/v1/ops`. Times are ISO 8601 in UTC."
                " Every brand document carries an ETag."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": root or "/"}],
        "paths": {
            "/v1/brands": _brands(),
            "/v1/compare": _compare(),
            "/v1/lag": _lag(),
            "/v1/brands/{brand}/summary": _brand_document(Summary, "The summary, as it is stored"),
            "/v1/brands/{brand}/trend": _brand_document(TrendDocument, "Volume and sentiment by hour and by day"),
            "/v1/brands/{brand}/history": _history(),
            "/v1/brands/{brand}/spikes": _brand_document(
                SpikesDocument, "Episodes of one kind, oldest first", newest, kind
            ),
            "/v1/brands/{brand}/recent": _brand_document(
                RecentDocument,
                "The newest chunks that were folded, the newest first",
                _number("limit", "The newest so many.", default=MAX_RECENT, lowest=1, highest=MAX_RECENT),
            ),
            "/v1/brands/{brand}/analytics": _brand_document(
                AnalyticsDocument, "Trend by day, episodes and topics as the platform's pages read them"
            ),
            "/v1/brands/{brand}/at/{time}": _at(),
            "/v1/brands/{brand}/explain": _explain(),
            "/v1/events": _events(),
            **_ops(),
        },
        "security": _security(guarded=guarded),
        "components": {
            "schemas": schemas,
            "securitySchemes": {**({} if guarded is False else _SCHEMES), "operator": OPERATOR_SCHEME},
        },
    }


def openapi_json(root: str = "", *, guarded: bool | None = None) -> str:
    """The document as text; without arguments as it is checked in."""
    return json.dumps(openapi_document(root, guarded=guarded), indent=2, ensure_ascii=False) + "\n"


@blueprint.get("/openapi.json")
async def openapi() -> Response:
    """The document, with this service's address and what it asks for."""
    text = openapi_json(request.root_path, guarded=current_app.extensions["guarded"])
    return await conditional(Response(text, content_type=JSON_TYPE), f"{__version__}-{crc32(text.encode()):x}")
