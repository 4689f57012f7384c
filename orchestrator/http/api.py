"""The read API under ``/v1``: brands, and per brand the documents that its lane publishes.

A summary is sent byte for byte as it is stored. Trend, spikes and analytics are put together from stored entries;
those that are not ours are left out. All documents of a brand change with its commits, so (epoch, version) of the
summary tags them. The summary is read *first*, so that a tag may be older than what it tags and never newer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from quart import Blueprint

from orchestrator.http.answers import (
    MAX_OFFSET,
    conditional,
    directory,
    exact_brand,
    json_response,
    service,
    stored_episodes,
    stored_trend,
    whole_number,
)
from orchestrator.http.api_documents import (
    AnalyticsDocument,
    BrandsDocument,
    DaySentiment,
    SpikePoint,
    SpikesDocument,
    TermWeight,
    TrendDocument,
)
from orchestrator.http.documents import StoredSummary, parse_summary, read_summary
from orchestrator.http.parameters import takes
from orchestrator.http.problems import not_found
from orchestrator.store.documents import MAX_LIST_ENTRIES

if TYPE_CHECKING:
    from quart import Response

DEFAULT_PAGE, MAX_PAGE = 100, 1_000
DATE_CHARS = len("2026-01-31")

blueprint = Blueprint("api", __name__, url_prefix="/v1")


@blueprint.get("/brands")
@takes("limit", "offset")
async def brands() -> Response:
    """The registered brands in alphabetical order, a page of them."""
    limit = whole_number("limit", DEFAULT_PAGE, 1, MAX_PAGE)
    offset = whole_number("offset", 0, 0, MAX_OFFSET)
    names = directory().names(await service().brands())
    return json_response(BrandsDocument(list(names[offset : offset + limit]), len(names), offset, limit))


@blueprint.get("/brands/<brand:name>/summary")
async def summary(name: str) -> Response:
    """The summary exactly as it is stored."""
    raw, document = await read_summary(service(), exact_brand(name))
    return await conditional(json_response(raw), document.etag)


@blueprint.get("/brands/<brand:name>/trend")
async def trend(name: str) -> Response:
    """Volume and sentiment by hour and by day, oldest first."""
    found = await _find(name)
    points = await stored_trend(found.brand, datetime.now(UTC))
    return await found.tagged(TrendDocument(found.brand, points.hourly, points.daily))


@blueprint.get("/brands/<brand:name>/spikes")
@takes("limit")
async def spikes(name: str) -> Response:
    """The newest spike episodes, oldest first."""
    limit = whole_number("limit", DEFAULT_PAGE, 1, MAX_LIST_ENTRIES)
    found = await _find(name)
    return await found.tagged(SpikesDocument(found.brand, (await stored_episodes(found.brand))[-limit:]))


@blueprint.get("/brands/<brand:name>/analytics")
async def analytics(name: str) -> Response:
    """Trend by day, episodes and topics in the shape that the platform's pages read."""
    found = await _find(name)
    points, episodes = await stored_trend(found.brand, datetime.now(UTC)), await stored_episodes(found.brand)
    topics = () if found.summary is None else found.summary.topics
    document = AnalyticsDocument(
        sentiment_trend=[
            DaySentiment(point.start[:DATE_CHARS], point.positive, point.neutral, point.negative)
            for point in points.daily
        ],
        spike_timeline=[
            SpikePoint(episode.timestamp, episode.spike_score, episode.mention_count, episode.threshold)
            for episode in episodes
        ],
        topics=[TermWeight(topic.topic, topic.mentions) for topic in topics],
    )
    return await found.tagged(document)


@dataclass(frozen=True, slots=True)
class _Found:
    """A brand that exists, and what its summary says if it has one."""

    brand: str
    summary: StoredSummary | None

    async def tagged(self, document: msgspec.Struct) -> Response:
        """*document* as the answer. The day is part of the tag: old days leave without a commit."""
        response = json_response(document)
        if self.summary is None:
            return response
        return await conditional(response, f"{self.summary.etag}-{datetime.now(UTC).date()}")


async def _find(name: str) -> _Found:
    """The brand called *name*.

    Raises:
        InvalidBrandError: no brand can have this name.
        ProblemError: it is neither registered nor has it a summary.
    """
    brand = exact_brand(name)
    # Before the entries that it will tag: read after them, a commit in between would give old entries a new tag, and
    # the reader would keep them until the next commit.
    raw = await service().summary(brand)
    if raw is not None:
        return _Found(brand, parse_summary(raw))
    if brand in await service().brands():
        return _Found(brand, None)
    raise not_found("There is no such brand.")
