"""The operators' API: everybody who reads reads, only an operator's bearer token acts, bodies are checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.alert_routes import RouteState, RouteStates
from orchestrator.errors import StoreRefusedError
from orchestrator.fleet.members import Obedience
from orchestrator.fleet.view import Standing
from orchestrator.http.ops_documents import PAYLOAD_CHARS
from tests.http.operators import NOW_MS, TOKEN, MemoryOperator, letter, member

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService

BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAUSE = {"action": "pause", "brand": "beta"}
DROP = {"action": "drop", "brand": "acme", "all": True}


@pytest.fixture(autouse=True)
def full(operator: MemoryOperator) -> MemoryOperator:
    """Something of everything."""
    operator.add_all_kinds()
    return operator


async def get(client: TestClientProtocol, path: str) -> Any:
    """A document."""
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    return await response.get_json()


async def post(client: TestClientProtocol, path: str, body: Any, status: int = 200, **headers: str) -> Any:
    """What an order brings."""
    response = await client.post(path, json=body, headers=BEARER | headers)
    assert response.status_code == status, await response.get_data(as_text=True)
    return await response.get_json()


async def test_the_picture_is_told(client: TestClientProtocol) -> None:
    """Sums, processes, and each brand that is not idle with what helps it."""
    told = await get(client, "/v1/ops")
    assert (told["chunks"], told["brandsWaiting"], told["deadLetters"], told["oldestSeconds"]) == (1_242, 4, 6, 12.0)
    assert told["rates"]["chunks"] == 123.4
    assert told["processes"][0]["memoryBytes"] == 300 << 20
    assert [brand["brand"] for brand in told["brands"]] == ["acme", "beta", "gamma", "delta", "anew"]
    acme, _, gamma, delta, anew = told["brands"]
    assert acme["conflicts"] is None
    assert (anew["conflicts"]["chunks"], anew["conflicts"]["newestChunkId"]) == (12, "<i>chunk-1")
    assert (acme["holder"], acme["spiking"]) == ("worker-host-1", True)
    assert "orchestrator failed list gamma" in gamma["parked"]["remedy"]
    assert delta["paused"] == {
        "reason": "no brand",
        "by": "ann@host",
        "since": "2026-11-27T04:12:39.458Z",
        "until": None,
    }


async def test_routes_of_alerts_are_told(client: TestClientProtocol, service: MemoryService) -> None:
    """Which there are, what each has to do and when, and what its endpoint last said; none where nobody is told."""
    told = await get(client, "/v1/ops")
    assert (told["alertRoutes"], told["alertRoutesProblem"]) == (None, "")
    desk = RouteState(
        name="desk",
        address="https://h.example/…",
        chooses="mood",
        waiting=1,
        kept=2,
        oldest_ms=NOW_MS,
        next_ms=NOW_MS + 1,
        quiet_until_ms=NOW_MS + 2,
        digest_ms=900_000,
        delivered_ms=NOW_MS + 3,
        trouble="status \u202e404",
        trouble_since_ms=NOW_MS + 4,
    )
    service.alert_routes = RouteStates([desk], "route 1: bad\x1b", counted=True)
    told = await get(client, "/v1/ops")
    assert told["alertRoutesProblem"] == "route 1: bad\\x1b"
    assert told["alertRoutes"] == [
        {
            "name": "desk",
            "address": "https://h.example/…",
            "chooses": "mood",
            "waiting": 1,
            "kept": 2,
            "oldestDueAt": "2026-11-27T04:22:39.458Z",
            "nextDueAt": "2026-11-27T04:22:39.459Z",
            "quietUntil": "2026-11-27T04:22:39.460Z",
            "digestSeconds": 900.0,
            "deliveredAt": "2026-11-27T04:22:39.461Z",
            "trouble": "status \\u202e404",
            "troubleSince": "2026-11-27T04:22:39.462Z",
        }
    ]
    service.alert_routes = RouteStates([desk])
    (route,) = (await get(client, "/v1/ops"))["alertRoutes"]
    assert (route["waiting"], route["kept"]) == (None, None)


async def test_dead_letters_are_told(client: TestClientProtocol, full: MemoryOperator) -> None:
    """By group, and of one brand the newest with what they hold, within bounds."""
    full.dead["acme"].append(letter("y" * 10_000, "long \ud800"))
    told = await get(client, "/v1/ops/letters?brand=acme&limit=2")
    assert [group["letters"] for group in told["groups"]] == [3, 1, 1]
    assert (told["read"], told["total"]) == (5, 5)
    newest, before = told["letters"]
    assert (newest["index"], newest["payload"], newest["payloadBytes"]) == (4, "y" * PAYLOAD_CHARS, 10_000)
    assert newest["reason"] == "long \\ud800"
    assert (before["index"], before["reason"], before["payload"]) == (3, "poison", "x")
    everything = await get(client, "/v1/ops/letters")
    assert everything["letters"] == []
    assert everything["read"] == 7


async def test_dead_letters_are_found_by_what_they_are(client: TestClientProtocol) -> None:
    """By the filters that orders have; the groups stay those of all, so that the next filter can be chosen."""
    group = next(one for one in (await get(client, "/v1/ops/letters?brand=acme"))["groups"] if one["letters"] == 3)
    for query, indexes in (
        (f"group={group['group']}", [2, 1, 0]),
        ("reason=poison", [3]),
        ("grep=n%22%3A+1", [1]),
        ("index=2", [2]),
        ("writer=worker", []),
        ("since=2026-11-27T05:00:00Z", []),
    ):
        told = await get(client, f"/v1/ops/letters?brand=acme&{query}")
        assert [one["index"] for one in told["letters"]] == indexes, query
        assert told["total"] == 4
    wrong = ("index=-1", "since=soon", "writer=me", "group=x")
    for query in ("reason=x", *(f"brand=acme&{each}" for each in wrong)):
        assert (await client.get(f"/v1/ops/letters?{query}")).status_code == 400, query


async def test_history_and_acts_are_told(client: TestClientProtocol) -> None:
    """The oldest minute first, the newest act first."""
    told = await get(client, "/v1/ops/history")
    assert (told["period"], told["stepSeconds"], len(told["steps"])) == ("day", 60, 600)
    assert told["steps"][-1] == {
        "at": "2026-11-27T04:22:00.000Z",
        "chunks": 0,
        "oldestSeconds": 1.0,
        "rate": 0.0,
        "deadLetters": 6,
    }
    [act] = (await get(client, "/v1/ops/audit?limit=5"))["acts"]
    assert (act["action"], act["brand"]) == ("pause", "delta")


@pytest.mark.parametrize("period", ["week", "month"])
async def test_longer_history_is_told_by_the_hour(client: TestClientProtocol, period: str) -> None:
    """The 600 minutes before 04:22 are of eleven hours; another period is refused."""
    told = await get(client, f"/v1/ops/history?period={period}")
    assert (told["period"], told["stepSeconds"], len(told["steps"])) == (period, 3_600, 11)
    assert [step["at"][11:16] for step in told["steps"][-2:]] == ["03:00", "04:00"]
    assert told["steps"][-1]["chunks"] == 220
    assert (await client.get("/v1/ops/history?period=year")).status_code == 400


async def test_letters_are_looked_at_and_moved(client: TestClientProtocol, full: MemoryOperator) -> None:
    """A dry run says the same and does nothing; who asked stands in the list."""
    group = (await get(client, "/v1/ops/letters?brand=acme"))["groups"][0]["group"]
    order = {"action": "retry", "brand": "acme", "group": group, "by": "cron"}
    looked = await post(client, "/v1/ops/letters", {**order, "dryRun": True})
    assert (looked["selected"], looked["moved"], looked["dryRun"]) == (3, 0, True)
    assert full.queues == {}
    done = await post(client, "/v1/ops/letters", {**order, "expected": 3})
    assert (done["selected"], done["moved"], done["refused"], done["left"]) == (3, 3, 0, 0)
    assert len(full.queues["acme"]) == 3
    assert full.written[-1].by.startswith("cron (API, ")


async def test_more_letters_than_expected_stay(client: TestClientProtocol, full: MemoryOperator) -> None:
    """The answer says how many there are."""
    problem = await post(client, "/v1/ops/letters", {**DROP, "expected": 2}, status=409)
    assert "4 letters" in problem["detail"]
    assert len(full.dead["acme"]) == 4


async def test_a_brand_is_paused_resumed_and_purged(client: TestClientProtocol, full: MemoryOperator) -> None:
    """As on the page."""
    told = await post(client, "/v1/ops/brands", {**PAUSE, "reason": "deploy", "hours": 2.5})
    assert told == {"brand": "beta", "action": "pause", "told": "beta is paused for 2.5 h; its chunks wait."}
    assert full.brands["beta"].paused is not None
    await post(client, "/v1/ops/brands", {"action": "resume", "brand": "beta"})
    assert [brand.brand for brand in (await full.fleet()).standing(Standing.PAUSED)] == ["delta"]
    told = await post(client, "/v1/ops/brands", {"action": "purge", "brand": "beta", "queue": True})
    assert "beta" not in full.brands
    assert "30 chunks" in told["told"]


async def test_a_brand_is_taken_from_its_holder(client: TestClientProtocol, full: MemoryOperator) -> None:
    """From the one that the picture names, and from nobody else."""
    held = (await get(client, "/v1/ops"))["brands"][0]
    order = {"action": "break", "brand": held["brand"]}
    await post(client, "/v1/ops/brands", order, status=400)
    await post(client, "/v1/ops/brands", {**order, "holder": "somebody"}, status=409)
    kept = full.brands["acme"]
    assert kept.standing is Standing.HELD
    told = await post(client, "/v1/ops/brands", {**order, "holder": held["holder"], "by": "cron"})
    assert told["told"] == "acme is taken from worker-host-1; the next free lane goes on with it."
    assert full.brands["acme"].standing is Standing.WAITING
    assert full.written[-1].by.startswith("cron (API, ")


async def test_processes_are_ordered(client: TestClientProtocol, full: MemoryOperator) -> None:
    """One by name or id, or all; the picture tells what was not heard yet."""
    full.members = [
        member(obedience=Obedience(5, NOW_MS, by="bob")),
        member("00000000000000bb", id="o-2", obedience=None),
    ]
    order = {"action": "lanes", "lanes": 9, "process": "worker-host-1", "by": "cron"}
    told = await post(client, "/v1/ops/processes", order)
    assert told == {
        "action": "lanes",
        "processes": [{"id": "worker-host-1", "name": member().name}],
        "told": "worker-host-1: asked for 9 lanes. Heard within 5 s.",
    }
    assert full.written[-1].by.startswith("cron (API, ")
    first, second = (await get(client, "/v1/ops"))["processes"]
    assert second["orders"] is None
    assert first["orders"] == {
        "quietSince": "2026-11-27T04:22:39.458Z",
        "stopping": False,
        "by": "bob",
        "lanesBySetting": 5,
        "notHeard": [
            {"wanted": "lanes", "lanes": 9, "at": "2026-11-27T04:22:39.458Z", "by": full.written[-1].by},
        ],
    }
    await post(client, "/v1/ops/processes", {"action": "quiet", "process": "nobody"}, status=404)
    problem = await post(client, "/v1/ops/processes", {"action": "quiet", "all": True}, status=409)
    assert "takes no orders" in problem["detail"]


async def test_a_grep_is_a_plain_text(client: TestClientProtocol) -> None:
    """A pattern of somebody else could compute for ever, and nobody else would be served."""
    order = {"action": "drop", "brand": "acme", "dryRun": True}
    assert (await post(client, "/v1/ops/letters", {**order, "grep": "."}))["selected"] == 0
    assert (await post(client, "/v1/ops/letters", {**order, "grep": '"n": 1'}))["selected"] == 1


@pytest.mark.parametrize("path", ["/v1/ops/letters", "/v1/ops/brands"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer " + "x" * 24},
        {"Authorization": "Basic eDpvcGVyYXRvcnMtdG9rZW4tb2YtdGVzdHM="},  # the operators' token as a password
        {"Cookie": "operator=x"},
    ],
)
async def test_without_an_operators_bearer_nothing_is_done(
    client: TestClientProtocol, full: MemoryOperator, path: str, headers: dict[str, str]
) -> None:
    """Also not with a password, which browsers send along with what others make them ask."""
    body = DROP if path.endswith("letters") else PAUSE
    response = await client.post(path, json=body, headers=headers)
    assert response.status_code == 403
    assert len(full.written) == 1


async def test_a_session_of_the_pages_does_not_act_here(client: TestClientProtocol, full: MemoryOperator) -> None:
    """Its cookie is for forms, which have a token of their own."""
    await client.post("/ops/sign-in", form={"token": TOKEN}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (await client.post("/v1/ops/brands", json=PAUSE)).status_code == 403
    assert len(full.written) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ops/brands", {}),
        ("/v1/ops/brands", {"action": "melt", "brand": "beta"}),
        ("/v1/ops/brands", {**PAUSE, "more": 1}),
        ("/v1/ops/brands", {**PAUSE, "hours": 0}),
        ("/v1/ops/brands", {**PAUSE, "reason": "x" * 300}),
        ("/v1/ops/processes", {"action": "quiet"}),
        ("/v1/ops/processes", {"action": "quiet", "all": True, "process": "x"}),
        ("/v1/ops/processes", {"action": "quiet", "all": True, "lanes": 3}),
        ("/v1/ops/processes", {"action": "dance", "all": True}),
        ("/v1/ops/processes", {"action": "lanes", "all": True, "lanes": 0}),
        ("/v1/ops/processes", {"action": "lanes", "all": True, "lanes": 1_001}),
        ("/v1/ops/letters", {"action": "drop", "brand": "acme"}),
        ("/v1/ops/letters", {**DROP, "group": "x"}),
        ("/v1/ops/letters", {**DROP, "index": -1}),
        ("/v1/ops/letters", {**DROP, "since": "soon"}),
        ("/v1/ops/letters", {**DROP, "action": "retry", "writer": "other"}),
        ("/v1/ops/letters", [1]),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_refused(
    client: TestClientProtocol, full: MemoryOperator, path: str, body: Any
) -> None:
    """With a sentence about it."""
    problem = await post(client, path, body, status=400)
    assert problem["detail"]
    assert len(full.written) == 1


async def test_a_body_must_be_json_and_small(client: TestClientProtocol) -> None:
    """A form of a page of others is none, and nobody sends megabytes."""
    form = await client.post("/v1/ops/brands", form={"action": "pause", "brand": "beta"}, headers=BEARER)
    assert form.status_code == 415
    headers = BEARER | {"Content-Type": "application/json"}
    large = await client.post("/v1/ops/brands", data=json.dumps({**PAUSE, "by": "x" * 5_000}), headers=headers)
    assert large.status_code == 413
    for body in (b"{", b"\xff", b"[" * 2_000):
        assert (await client.post("/v1/ops/brands", data=body, headers=headers)).status_code == 400
    nested = json.dumps({**PAUSE, "by": []}).replace("[]", "[" * 200 + "]" * 200).encode()
    told = await (await client.post("/v1/ops/brands", data=nested, headers=headers)).get_json()
    assert told["detail"] == "The body is nested too deeply, at most 128 levels are allowed."


async def test_unknown_brands_are_not_found(client: TestClientProtocol) -> None:
    """To pause; dead letters may be of any brand."""
    await post(client, "/v1/ops/brands", {**PAUSE, "brand": "nobody"}, status=404)
    await post(client, "/v1/ops/brands", {**PAUSE, "brand": " x"}, status=404)
    assert (await post(client, "/v1/ops/letters", {**DROP, "brand": "nobody"}))["selected"] == 0


async def test_a_refusal_of_redis_is_a_503(client: TestClientProtocol, full: MemoryOperator) -> None:
    """Where the audit list cannot be read, its document says so."""
    full.refused["acts"] = StoreRefusedError("WRONGTYPE")
    assert (await client.get("/v1/ops/audit")).status_code == 503
