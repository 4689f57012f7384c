"""What handlers of data and of pages share: the service, JSON, conditions, checked numbers."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from quart import Response, current_app, g, request

from orchestrator.contract.brands import check_brand
from orchestrator.contract.insights import MAX_RECENT, TREND_DAYS, RecentChunk, read_trend
from orchestrator.contract.summary import EpisodeKind, SpikeEpisode
from orchestrator.errors import InvalidBrandError
from orchestrator.http.access import Right
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from orchestrator.contract.insights import Trend
    from orchestrator.http.directory import Directory
    from orchestrator.http.service_view import ServiceView

JSON_TYPE = "application/json"
MAX_OFFSET = 10_000_000
MAX_SEARCH_CHARS = 256

MAX_RECENT_BYTES = 128 * 1024
"""Of an entry of the list of recent chunks; ours have less than half of it."""

_episode_decoder = msgspec.json.Decoder(SpikeEpisode)
_recent_decoder = msgspec.json.Decoder(RecentChunk)


def service() -> ServiceView:
    """The service on which the current application was built."""
    view: ServiceView = current_app.extensions["service"]
    return view


def may_act() -> bool:
    """Whether the current request came with an operator's token; the guard noted it."""
    right: Right = g.right
    return right >= Right.ACT


def directory() -> Directory:
    """The brands in order, kept by the current application."""
    kept: Directory = current_app.extensions["directory"]
    return kept


def json_response(body: object) -> Response:
    """*body* as JSON; bytes are taken to be JSON already."""
    return Response(body if isinstance(body, bytes) else msgspec.json.encode(body), content_type=JSON_TYPE)


async def conditional(response: Response, etag: str) -> Response:
    """Tag *response*; it becomes 304 when the reader has this version already."""
    response.set_etag(etag)
    await response.make_conditional(request)
    return response


def whole_number(name: str, default: int, lowest: int, highest: int) -> int:
    """The query parameter *name* as a whole number within bounds.

    Raises:
        ProblemError: it is something else; 400, naming parameter and bounds.
    """
    text = request.args.get(name)
    if text is None:
        return default
    # isascii: int() would take digits of every script, which the API's description does not promise.
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(highest)) else -1
    if not lowest <= value <= highest:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number from {lowest} to {highest}.")
    return value


def search_text() -> str:
    """What the request looks for in names, empty if for nothing; what is longer than a name is cut.

    Raises:
        ProblemError: 400: it stands there under both of its names.
    """
    if "search" in request.args and "q" in request.args:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "search and q are the same; give one of them.")
    return request.args.get("search", request.args.get("q", ""))[:MAX_SEARCH_CHARS].strip()


def one_of(name: str, default: str, known: Collection[str]) -> str:
    """The query parameter *name*, which must be one of the *known* words; forms send an empty one for the default.

    Raises:
        ProblemError: it is something else; 400, naming parameter and words.
    """
    text = request.args.get(name)
    if not text:
        return default
    if text not in known:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must be one of {', '.join(known)}.")
    return text


def some_of(name: str, known: Collection[str]) -> tuple[str, ...]:
    """The query parameter *name*, a list of *known* words between commas; empty if it is not there.

    Raises:
        ProblemError: there is another word in it, or none; 400, naming parameter and words.
    """
    text = request.args.get(name)
    if text is None:
        return ()
    words = tuple(dict.fromkeys(text.split(",")))
    if not set(words) <= set(known):
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must be some of {', '.join(known)}, between commas.")
    return words


def exact_brand(name: str) -> str:
    """*name*, if a brand can have it as it is: the registry trims names, so no brand has blanks around its name.

    Raises:
        InvalidBrandError: no brand can have this name.
    """
    if check_brand(name) != name:
        raise InvalidBrandError("a brand has no blanks around its name")
    return name


async def stored_trend(brand: str, now: datetime) -> Trend:
    """The points of the brand's trend that are ours and not too old at *now* (UTC).

    Raises:
        StoreError: Redis did not answer.
    """
    since = now.date() - timedelta(days=TREND_DAYS)
    return read_trend(await service().trend(brand), since.isoformat())


async def stored_recent(brand: str) -> list[RecentChunk]:
    """Those entries of the brand's list of recent chunks that are ours, the newest first.

    Raises:
        StoreError: Redis did not answer.
    """
    chunks = []
    for entry in reversed((await service().recent(brand))[-MAX_RECENT:]):
        if len(entry) <= MAX_RECENT_BYTES:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                chunks.append(_recent_decoder.decode(entry))
    return chunks


async def stored_episodes(brand: str, kind: EpisodeKind = "volume") -> list[SpikeEpisode]:
    """Those entries of the brand's list of that *kind* that are episodes of ours, oldest first.

    Raises:
        StoreError: Redis did not answer.
    """
    episodes = []
    for entry in await service().spikes(brand, kind):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            episodes.append(_episode_decoder.decode(entry))
    return episodes
