"""The read API: documents, conditions, pages of brands, errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.http.answers import MAX_RECENT_BYTES

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService

PROBLEM_TYPE = "application/problem+json"


async def test_summary_is_sent_as_it_is_stored(client: TestClientProtocol, service: MemoryService) -> None:
    """Byte for byte what Redis holds, tagged with epoch and version."""
    service.add("nike")
    response = await client.get("/v1/brands/nike/summary")
    assert await response.get_data(as_text=False) == service.stored["nike"]
    assert (response.content_type, response.headers["ETag"]) == ("application/json", '"3-41"')


@pytest.mark.parametrize(
    ("condition", "status"), [('"3-41"', 304), ('W/"3-41"', 304), ("*", 304), ('"3-40"', 200), ("nonsense", 200)]
)
async def test_summary_honours_if_none_match(
    client: TestClientProtocol, service: MemoryService, condition: str, status: int
) -> None:
    """Who has this version gets 304 and no body."""
    service.add("nike")
    response = await client.get("/v1/brands/nike/summary", headers={"If-None-Match": condition})
    assert response.status_code == status
    assert bool(await response.get_data(as_text=False)) == (status == 200)


async def test_summary_answers_head(client: TestClientProtocol, service: MemoryService) -> None:
    """HEAD has the headers of GET."""
    service.add("nike")
    response = await client.head("/v1/brands/nike/summary")
    assert (response.status_code, response.headers["ETag"]) == (200, '"3-41"')
    assert int(response.headers["Content-Length"]) == len(service.stored["nike"])


async def test_summary_damaged_in_redis_is_502(client: TestClientProtocol, service: MemoryService) -> None:
    """Foreign bytes under the key are reported, not passed on."""
    service.stored["nike"] = b"<html>"
    response = await client.get("/v1/brands/nike/summary")
    assert (response.status_code, response.content_type) == (502, PROBLEM_TYPE)


@pytest.mark.parametrize(
    "path",
    ["/v1/brands/nobody/summary", "/v1/nothing", "/nothing", "/v1/brands/%0A/summary"],
)
async def test_unknown_is_a_404_problem(client: TestClientProtocol, path: str) -> None:
    """Programs get problem+json with the status in it."""
    response = await client.get(path)
    body = json.loads(await response.get_data(as_text=False))
    assert (response.status_code, response.content_type, body["status"]) == (404, PROBLEM_TYPE, 404)


@pytest.mark.parametrize("path", ["/v1/brands/%20nike/summary", "/v1/brands/nike%20/trend", "/v1/events?brand=nike%20"])
async def test_names_are_taken_exactly(client: TestClientProtocol, service: MemoryService, path: str) -> None:
    """A program that adds blanks to a name asks for a brand that cannot be."""
    service.add("nike")
    assert (await client.get(path)).status_code == 404


async def test_without_redis_the_answer_is_503(client: TestClientProtocol, service: MemoryService) -> None:
    """The problem says when to come back and hides the reason."""
    service.error = StoreUnavailableError("redis://:secret@host refused")
    response = await client.get("/v1/brands/nike/summary")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert b"secret" not in await response.get_data(as_text=False)


async def test_an_unexpected_error_is_500_without_its_text(client: TestClientProtocol, service: MemoryService) -> None:
    """A mistake of ours is logged, its text stays inside."""
    service.error = RuntimeError("secret")
    response = await client.get("/v1/brands")
    assert (response.status_code, response.content_type) == (500, PROBLEM_TYPE)
    assert b"secret" not in await response.get_data(as_text=False)


async def test_brands_are_paged_in_order(client: TestClientProtocol, service: MemoryService) -> None:
    """Sorted, with the total beside the page; the next page begins where this one ends, by cursor as by offset."""
    service.registered += ["puma", "adidas", "nike"]
    body = await (await client.get("/v1/brands?limit=1&offset=1")).get_json()
    assert {name: body[name] for name in ("brands", "total", "matching", "offset", "limit")} == {
        "brands": ["nike"],
        "total": 3,
        "matching": 3,
        "offset": 1,
        "limit": 1,
    }
    last = await (await client.get(f"/v1/brands?limit=1&cursor={body['next']}")).get_json()
    assert (last["brands"], last["next"]) == (["puma"], None)


async def test_names_alone_read_no_summary(client: TestClientProtocol, service: MemoryService) -> None:
    """Who wants names does not pay for numbers."""
    service.add("nike")
    await client.get("/v1/brands")
    assert service.read == []


async def test_a_page_by_name_reads_its_own_summaries_alone(client: TestClientProtocol, service: MemoryService) -> None:
    """However many brands there are."""
    for number in range(9):
        service.add(f"brand {number}")
    body = await (await client.get("/v1/brands?fields=mentions&limit=2&offset=4")).get_json()
    assert body["brands"] == [{"brand": f"brand {number}", "mentions": 1480} for number in (4, 5)]
    assert service.read == ["brand 4", "brand 5"]


@pytest.fixture
def three(service: MemoryService) -> MemoryService:
    """A brand that spikes, one that is parked with dead letters, and one without a summary."""
    service.add("Zürich", totalMentions=900, netSentiment=-0.5)
    service.add("acme", totalMentions=7, spikeDetected=False, topics=[], generatedAt="yesterday", netSentiment=None)
    service.registered.append("new")
    service.parked["acme"] = "full"
    service.queued |= {"acme": 12, "new": 3}
    service.dead |= {"acme": 5, "new": None}
    return service


async def test_brands_tell_what_moved(client: TestClientProtocol, service: MemoryService) -> None:
    """How far, and why, in a line; older summaries do not say."""
    spike = {"mentionCount": 480, "expected": 10, "windowSec": 900, "drivers": {"stories": [{"label": "Refunds"}]}}
    service.add("new", spike=spike, mood=spike, changes={"mentions": 0.5, "netSentiment": -0.25})
    service.add("old", spikeDetected=False)
    body = await (await client.get("/v1/brands?fields=change,netChange,episodes,cause&sort=-moved")).get_json()
    cause = "480 mentions in 15 min instead of 10: “Refunds”"
    assert body["brands"] == [
        {"brand": "new", "change": 0.5, "netChange": -0.25, "episodes": ["volume", "mood"], "cause": cause},
        {"brand": "old", "change": None, "netChange": None, "episodes": [], "cause": None},
    ]


@pytest.mark.usefixtures("three")
async def test_brands_carry_the_fields_that_were_asked_for(client: TestClientProtocol) -> None:
    """All of them in one request; what is not known is null."""
    fields = "mentions,net,spiking,stories,topTopic,updated,waiting,dead,state"
    body = await (await client.get(f"/v1/brands?fields={fields}&sort=-mentions")).get_json()
    assert body["asOf"] == "2026-03-01T12:00:00.000Z"
    zurich = {"mentions": 900, "net": -0.5, "spiking": True, "stories": 2, "topTopic": "launch"}
    assert body["brands"] == [
        {"brand": "Zürich", "updated": "2026-03-01T12:00:00.000Z", "waiting": 0, "dead": 0, "state": "idle"} | zurich,
        {"brand": "acme", "waiting": 12, "dead": 5, "state": "parked"}
        | {"mentions": 7, "net": None, "spiking": False, "stories": 2, "topTopic": None, "updated": None},
        {"brand": "new", "waiting": 3, "dead": None, "state": "waiting"}
        | dict.fromkeys(["mentions", "net", "spiking", "stories", "topTopic", "updated"]),
    ]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("query", "brands"),
    [
        ("filter=spiking", ["Zürich"]),
        ("filter=waiting", ["acme", "new"]),
        ("filter=parked", ["acme"]),
        ("filter=dead", ["acme"]),
        ("filter=waiting&sort=-waiting&limit=1", ["acme"]),
        ("sort=-mentions", ["Zürich", "acme", "new"]),
        ("sort=waiting", ["Zürich", "new", "acme"]),
        ("q=zurich", ["Zürich"]),
        ("search=%20%20ZURI%20%20ch", ["Zürich"]),
        ("search=cm", ["acme"]),
        ("filter=negative", ["Zürich"]),
        ("filter=silent", ["new"]),
        ("sort=-moved", ["Zürich", "acme", "new"]),
        ("q=ne&filter=spiking", []),
    ],
)
async def test_brands_are_filtered_and_sorted(client: TestClientProtocol, query: str, brands: list[str]) -> None:
    """Names without numbers, too."""
    body = await (await client.get(f"/v1/brands?{query}")).get_json()
    assert body["brands"] == brands
    assert body["total"] == 3


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("fields=mention", "topTopic"),
        ("fields=", "topTopic"),
        ("sort=size", "-waiting"),
        ("search=a&q=a", "search and q are the same"),
        ("filter=spikes", "spiking"),
        ("cursor=x", "begin without one"),
        ("cursor=x&offset=0", "do not go together"),
    ],
)
async def test_brands_refuses_unknown_words(client: TestClientProtocol, query: str, says: str) -> None:
    """400 names the parameter and the known words."""
    response = await client.get(f"/v1/brands?{query}")
    detail = json.loads(await response.get_data(as_text=False))["detail"]
    assert response.status_code == 400
    assert query.partition("=")[0] in detail
    assert says in detail


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "offset=1e3", "limit=%C2%B2"]
)
async def test_brands_refuses_bad_numbers(client: TestClientProtocol, query: str) -> None:
    """400 names the parameter and its bounds."""
    response = await client.get(f"/v1/brands?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in json.loads(await response.get_data(as_text=False))["detail"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/", "/health", "/v1/brands", "/v1/brands/nike/summary", "/v1/events"])
async def test_everything_is_read_only(client: TestClientProtocol, path: str, method: str) -> None:
    """No method that writes is allowed anywhere."""
    response = await getattr(client, method)(path)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


TODAY = datetime.now(UTC).date().isoformat()


def point(start: str, **fields: Any) -> bytes:
    """A point of the trend as it is stored."""
    values = {"chunks": 1, "mentions": 6, "positive": 3.0, "neutral": 2.0, "negative": 1.0, "score": 2.0}
    return json.dumps({"start": start, "netSentiment": 0.33} | values | fields).encode()


def episode(minute: int) -> bytes:
    """An episode as it is stored."""
    values = {"spikeScore": 50.0, "mentionCount": 90, "threshold": 40.0, "expected": 20.0, "upperBound": 60}
    return json.dumps({"timestamp": f"2026-03-01T12:{minute:02}:00Z", "windowSec": 900} | values).encode()


@pytest.fixture
def nike(service: MemoryService) -> MemoryService:
    """A brand with summary, trend and episodes, and entries that are not ours among them."""
    service.add("nike")
    service.trends["nike"] = {
        f"hour:{TODAY}T00:00:00Z".encode(): point(f"{TODAY}T00:00:00Z"),
        f"day:{TODAY}".encode(): point(f"{TODAY}T00:00:00Z"),
        b"day:2001-01-01": point("2001-01-01T00:00:00Z"),
        b"day:broken": b'{"x": ' + b"[" * 100_000,
        b"foreign": b"x",
    }
    service.episodes["nike"] = [episode(0), b"not ours", b"[" * 100_000, episode(15), episode(30)]
    return service


@pytest.mark.usefixtures("nike")
async def test_trend_has_recent_points_of_ours(client: TestClientProtocol) -> None:
    """Old points and foreign fields are left out."""
    body = await (await client.get("/v1/brands/nike/trend")).get_json()
    assert body["brand"] == "nike"
    assert [one["mentions"] for one in body["hourly"]] == [6]
    assert [one["start"] for one in body["daily"]] == [f"{TODAY}T00:00:00Z"]


async def test_trend_covers_today_and_seven_days(client: TestClientProtocol, service: MemoryService) -> None:
    """A day that has become too old is left out although nobody has deleted it yet."""
    days = [(datetime.now(UTC) - timedelta(days=back)).date().isoformat() for back in (9, 8, 7, 6, 0)]
    service.add("nike")
    service.trends["nike"] = {f"day:{day}".encode(): point(f"{day}T00:00:00Z") for day in days}
    body = await (await client.get("/v1/brands/nike/trend")).get_json()
    assert [one["start"][:10] for one in body["daily"]] == days[2:]


@pytest.mark.usefixtures("nike")
@pytest.mark.parametrize(
    ("query", "minutes"), [("", [0, 15, 30]), ("?limit=2", [15, 30]), ("?limit=1000", [0, 15, 30])]
)
async def test_spikes_are_the_newest_oldest_first(client: TestClientProtocol, query: str, minutes: list[int]) -> None:
    """The limit takes from the end of the list."""
    body = await (await client.get(f"/v1/brands/nike/spikes{query}")).get_json()
    assert [int(one["timestamp"][14:16]) for one in body["spikes"]] == minutes


@pytest.mark.usefixtures("nike")
async def test_episodes_are_of_the_kind_that_is_asked_for(client: TestClientProtocol, service: MemoryService) -> None:
    """Each kind has its list; a kind that there is not is refused by name."""
    service.episodes["mood of nike"] = [episode(45)]
    for kind, minutes in (("volume", [0, 15, 30]), ("mood", [45]), ("story", [])):
        body = await (await client.get(f"/v1/brands/nike/spikes?kind={kind}")).get_json()
        assert [int(one["timestamp"][14:16]) for one in body["spikes"]] == minutes
    refused = await client.get("/v1/brands/nike/spikes?kind=weather")
    assert refused.status_code == 400
    assert "kind must be one of volume, mood, story." in str(await refused.get_data())


def recent_chunk(brand: str, number: int, **changes: Any) -> bytes:
    """An entry of the list of recent chunks."""
    chunk: dict[str, Any] = {
        "chunkId": f"c-{number}",
        "brand": brand,
        "processedAt": "2026-03-01T12:00:00Z",
        "mentions": number,
        "sentiment": {"score": 0.5, "positive": 2.0},
        "topics": ["price"],
        "clusters": [{"id": "k", "label": "Battery", "mentions": 2, "spike": False}],
        "clusterCount": 1,
        "spikeDetected": False,
        "summary": "Said something.",
    }
    return json.dumps(chunk | changes).encode()


@pytest.mark.usefixtures("nike")
@pytest.mark.parametrize(("query", "numbers"), [("", [3, 2, 1]), ("?limit=2", [3, 2]), ("?limit=50", [3, 2, 1])])
async def test_recent_chunks_come_the_newest_first(
    client: TestClientProtocol, service: MemoryService, query: str, numbers: list[int]
) -> None:
    """As the workers said, in the short form that is kept; what is not ours, or too long, is left out."""
    long = recent_chunk("nike", 9, summary="x" * MAX_RECENT_BYTES)
    ours = [recent_chunk("nike", number) for number in (1, 2, 3)]
    service.recents["nike"] = [ours[0], b"not ours", b"[" * 100_000, ours[1], b"{}", long, ours[2]]
    body = await (await client.get(f"/v1/brands/nike/recent{query}")).get_json()
    assert body["brand"] == "nike"
    assert [chunk["mentions"] for chunk in body["chunks"]] == numbers
    assert body["chunks"][0] == json.loads(ours[2])


@pytest.mark.usefixtures("nike")
async def test_recent_chunks_are_fifty_at_most(client: TestClientProtocol, service: MemoryService) -> None:
    """Whatever else was put into the list."""
    service.recents["nike"] = [recent_chunk("nike", number) for number in range(200)]
    body = await (await client.get("/v1/brands/nike/recent")).get_json()
    assert [chunk["mentions"] for chunk in body["chunks"]] == list(range(199, 149, -1))
    assert (await client.get("/v1/brands/nike/recent?limit=51")).status_code == 400
    service.recents["nike"] = [recent_chunk("nike", 1), *[b"foreign"] * 50]  # no more are looked at, either
    assert (await (await client.get("/v1/brands/nike/recent")).get_json())["chunks"] == []


@pytest.mark.usefixtures("nike")
async def test_analytics_has_the_platforms_shape(client: TestClientProtocol) -> None:
    """Exactly the three series, with exactly these fields."""
    body = await (await client.get("/v1/brands/nike/analytics")).get_json()
    assert body["sentimentTrend"] == [{"date": TODAY, "positive": 3.0, "neutral": 2.0, "negative": 1.0}]
    assert body["spikeTimeline"][0] == {
        "timestamp": "2026-03-01T12:00:00Z",
        "spikeScore": 50.0,
        "mentionCount": 90,
        "threshold": 40.0,
    }
    assert body["topics"][0] == {"term": "launch", "weight": 900.0}
    assert set(body) == {"sentimentTrend", "spikeTimeline", "topics"}


@pytest.mark.usefixtures("nike")
@pytest.mark.parametrize("document", ["trend", "spikes", "recent", "analytics"])
async def test_derived_documents_are_tagged_by_version_and_day(client: TestClientProtocol, document: str) -> None:
    """Who has this version of today gets 304."""
    tag = (await client.get(f"/v1/brands/nike/{document}")).headers["ETag"]
    assert tag.startswith('"3-41-20')
    response = await client.get(f"/v1/brands/nike/{document}", headers={"If-None-Match": tag})
    assert response.status_code == 304


@pytest.mark.parametrize("document", ["trend", "spikes", "recent", "analytics"])
async def test_derived_documents_of_a_fresh_brand_are_empty(
    client: TestClientProtocol, service: MemoryService, document: str
) -> None:
    """Registered without a summary is empty and untagged; unknown is 404."""
    service.registered.append("new")
    response = await client.get(f"/v1/brands/new/{document}")
    assert (response.status_code, response.headers.get("ETag")) == (200, None)
    assert (await client.get(f"/v1/brands/nobody/{document}")).status_code == 404


async def test_doubled_slashes_lead_to_the_document(client: TestClientProtocol) -> None:
    """An address with a slash too many is redirected within this server."""
    response = await client.get("/v1//brands")
    assert response.status_code == 308
    assert response.headers["Location"] in {"/v1/brands", "http://localhost/v1/brands"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
