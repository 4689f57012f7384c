"""The read API under ``/v1``: brands, and per brand the documents that its lane publishes.

A summary is sent byte for byte as it is stored. Trend, spikes and analytics are put together from stored entries;
those that are not ours are left out. How they are tagged: :mod:`orchestrator.http.found`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from quart import Blueprint

from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.summary import EPISODE_KINDS
from orchestrator.contract.times import iso_utc
from orchestrator.fleet.view import Standing
from orchestrator.http.answers import (
    conditional,
    exact_brand,
    json_response,
    one_of,
    search_text,
    service,
    some_of,
    stored_episodes,
    stored_recent,
    stored_trend,
    whole_number,
)
from orchestrator.http.api_documents import (
    AnalyticsDocument,
    BrandNumbers,
    BrandNumbersDocument,
    BrandsDocument,
    DaySentiment,
    RecentDocument,
    SpikePoint,
    SpikesDocument,
    TermWeight,
    TrendDocument,
)
from orchestrator.http.brand_list import DEFAULT_PAGE, list_brands, read_query
from orchestrator.http.documents import read_summary
from orchestrator.http.found import find
from orchestrator.http.listing import Known
from orchestrator.http.numbers import Numbers
from orchestrator.http.parameters import takes
from orchestrator.store.documents import MAX_LIST_ENTRIES

if TYPE_CHECKING:
    from quart import Response

    from orchestrator.contract.summary import EpisodeKind

DATE_CHARS = len("2026-01-31")
_ATTRIBUTES = {"topTopic": "top_topic", "netChange": "net_change"}

blueprint = Blueprint("api", __name__, url_prefix="/v1")


SUMMARY_FIELDS = (
    *("mentions", "change", "net", "netChange", "spiking", "episodes", "cause", "stories", "topTopic", "updated"),
)
STATUS_FIELDS = ("waiting", "dead", "state")
FIELDS = (*SUMMARY_FIELDS, *STATUS_FIELDS)


@blueprint.get("/brands")
@takes("fields", "sort", "filter", "search", "q", "limit", "cursor", "offset")
async def brands() -> Response:
    """A page of the registered brands: their names, or with ``fields`` their numbers."""
    fields, query = some_of("fields", FIELDS), read_query(DEFAULT_PAGE)
    listed = await list_brands(
        query,
        search_text(),
        numbers=not set(fields).isdisjoint(SUMMARY_FIELDS),
        statuses=not set(fields).isdisjoint(STATUS_FIELDS),
    )
    page = listed.page
    if not fields:
        document = BrandsDocument(list(page.brands), listed.total, page.matching, query.offset, query.limit, page.next)
        return json_response(document)
    rows = [_row(brand, fields, listed.known) for brand in page.brands]
    as_of = None if listed.fleet is None else iso_utc(listed.fleet.as_of_ms)
    return json_response(
        BrandNumbersDocument(rows, listed.total, page.matching, query.offset, query.limit, page.next, as_of)
    )


def _row(brand: str, fields: tuple[str, ...], known: Known) -> BrandNumbers:
    numbers, status = known.numbers.get(brand), known.statuses.get(brand)
    row: dict[str, Any] = dict.fromkeys(fields) if numbers is None else _told(numbers)
    # One that the look did not see yet has just been registered.
    row["waiting"] = status.queued if status else 0
    row["dead"] = status.failed if status else 0
    row["state"] = status.standing if status else Standing.IDLE
    return BrandNumbers(brand, **{_ATTRIBUTES.get(field, field): row[field] for field in fields})


def _told(numbers: Numbers) -> dict[str, Any]:
    """The columns that come from a summary."""
    return {
        "mentions": numbers.mentions,
        "net": numbers.net,
        "change": numbers.change,
        "netChange": numbers.net_change,
        "spiking": numbers.spiking,
        "episodes": list(numbers.episodes),
        "cause": numbers.cause or None,
        "stories": numbers.stories,
        "topTopic": numbers.top_topic or None,
        "updated": numbers.updated or None,
    }


@blueprint.get("/brands/<brand:name>/summary")
async def summary(name: str) -> Response:
    """The summary exactly as it is stored."""
    raw, document = await read_summary(service(), exact_brand(name))
    return await conditional(json_response(raw), document.etag)


@blueprint.get("/brands/<brand:name>/trend")
async def trend(name: str) -> Response:
    """Volume and sentiment by hour and by day, oldest first."""
    found = await find(name)
    points = await stored_trend(found.brand, datetime.now(UTC))
    return await found.tagged(TrendDocument(found.brand, points.hourly, points.daily, points.expected))


@blueprint.get("/brands/<brand:name>/spikes")
@takes("limit", "kind")
async def spikes(name: str) -> Response:
    """The newest episodes of one kind, oldest first; of volume unless another one is asked for."""
    limit = whole_number("limit", DEFAULT_PAGE, 1, MAX_LIST_ENTRIES)
    kind = cast("EpisodeKind", one_of("kind", "volume", EPISODE_KINDS))
    found = await find(name)
    return await found.tagged(SpikesDocument(found.brand, (await stored_episodes(found.brand, kind))[-limit:]))


@blueprint.get("/brands/<brand:name>/recent")
@takes("limit")
async def recent(name: str) -> Response:
    """The newest chunks that were folded, the newest first."""
    limit = whole_number("limit", MAX_RECENT, 1, MAX_RECENT)
    found = await find(name)
    return await found.tagged(RecentDocument(found.brand, (await stored_recent(found.brand))[:limit]))


@blueprint.get("/brands/<brand:name>/analytics")
async def analytics(name: str) -> Response:
    """Trend by day, episodes and topics in the shape that the platform's pages read."""
    found = await find(name)
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
