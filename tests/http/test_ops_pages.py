"""The operators' pages: read-only for everybody, actions for who is signed in and means it, harmless texts."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.alert_routes import RouteState, RouteStates
from orchestrator.contract.history import Hour
from orchestrator.contract.lock_token import MAX_TOKEN_BYTES
from orchestrator.errors import PauseError, StoreRefusedError, StoreUnavailableError
from orchestrator.fleet.members import Obedience
from orchestrator.fleet.view import Standing
from orchestrator.http import Access, AccessOptions, build_app
from orchestrator.http import access as access_module
from orchestrator.http.ops_view import PAYLOAD_CHARS
from orchestrator.http.service_view import Check
from orchestrator.http.sessions import CLOCKS_S, LIFETIME_S, MAX_FAILURES
from orchestrator.process.metrics import Metrics
from orchestrator.process.secret_files import read_bounded
from orchestrator.store.orphans import Orphan, Orphans
from tests.http.operators import NOW_MS, TOKEN, MemoryOperator, letter, member
from tests.http.test_pages import ATTACKS, Outline

if TYPE_CHECKING:
    from pathlib import Path

    from quart import Response
    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio
    from trio.testing import MockClock

    from tests.http.conftest import MemoryService

OWN = {"Sec-Fetch-Site": "same-origin"}
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
FORMS = {
    "/ops/letters": {"action": "drop", "brand": "acme", "all": "yes", "expected": "4"},
    "/ops/brands": {"action": "pause", "brand": "beta"},
    "/ops/processes": {"action": "quiet", "all": "yes"},
    "/ops/routes": {"route": "desk"},
    "/ops/sign-out": {},
}


async def sign_in(client: TestClientProtocol, token: str = TOKEN, **headers: str) -> Response:
    """Send the sign-in form."""
    form = {"token": token, "who": "ann"}
    response: Any = await client.post("/ops/sign-in", form=form, headers=OWN | headers)
    return response  # type: ignore[no-any-return]


async def text(client: TestClientProtocol, path: str, status: int = 200) -> str:
    """The page as it is sent."""
    response = await client.get(path)
    assert response.status_code == status, await response.get_data(as_text=True)
    return await response.get_data(as_text=True)


async def form_token(client: TestClientProtocol) -> str:
    """The token of the forms of who is signed in."""
    found = FORM_TOKEN.search(await text(client, "/ops"))
    assert found is not None
    return found[1]


@pytest.fixture
def full(operator: MemoryOperator) -> MemoryOperator:
    """Something of everything."""
    operator.add_all_kinds()
    return operator


@pytest.fixture
async def signed(client: TestClientProtocol, full: MemoryOperator) -> TestClientProtocol:
    """A client that is signed in."""
    assert full
    assert (await sign_in(client)).status_code == 303
    return client


async def test_the_page_shows_everything_at_a_glance(client: TestClientProtocol, full: MemoryOperator) -> None:
    """Backlog, rates, who holds what, what is parked with its remedy, paused, dead, asked for."""
    assert full
    outline = Outline(await text(client, "/ops"))
    for expected in (
        *("1,242", "123.4", "12 s", "worker-host-1", "2 of 5", "300 MiB"),
        *("its dead letters are full", "orchestrator failed list gamma --by-reason", "Paused by ann@host"),
        *("no brand", "$.brand", "poison", "Chunks a second", "highest 5,990"),
        *("12 chunks had the chunkId", "'<i>chunk-1'", "DUPLICATE_CONFLICTS=dead_letter"),
    ):
        assert expected in outline.text, expected
    assert "/ops/brand?name=acme" in outline.links


async def test_the_page_of_a_brand_tells_of_chunks_that_contradict_the_one_of_their_id(
    client: TestClientProtocol, full: MemoryOperator
) -> None:
    """How many, the newest, and what helps; nothing where there are none."""
    assert full.brands
    assert "'<i>chunk-1'" in Outline(await text(client, "/ops/brand?name=anew")).text
    assert "contradict" not in Outline(await text(client, "/ops/brand?name=beta")).text


async def test_queues_that_nobody_reads_are_told(
    client: TestClientProtocol, service: MemoryService, full: MemoryOperator
) -> None:
    """With what is odd about their names; a mark that turns text around is shown as an escape."""
    assert "nobody reads" not in await text(client, "/ops")
    named = (Orphan("acme ", 12, None, "a blank at its end: is acme meant?"), Orphan("\u202ex", 1, None, "odd"))
    service.waiting = replace(service.waiting, orphans=Orphans(5, 20, None, 0, complete=True, named=named))
    page = Outline(await text(client, "/ops")).text
    assert full.brands
    for expected in ("12 chunks wait.", "a blank at its end", "\\u202ex", "and 3 more"):
        assert expected in page


async def test_routes_of_alerts_are_told(
    client: TestClientProtocol, service: MemoryService, full: MemoryOperator
) -> None:
    """What each tells and what waits for it; one that fails with what helps, and a file that is not usable."""
    assert full.brands
    assert "Routes of alerts" not in await text(client, "/ops")
    desk = RouteState(name="desk", address="https://h.example/…", chooses="mood; brands <b>*", kept=2, next_ms=NOW_MS)
    desk = replace(desk, quiet_until_ms=NOW_MS + 60_000, delivered_ms=NOW_MS - 60_000)
    late = RouteState(
        name="pager", address="x", chooses="y", waiting=7, oldest_ms=1, trouble="status \u202e404", trouble_since_ms=1
    )
    service.alert_routes = RouteStates([desk, late], "route 1: <i>", counted=True)
    page = await text(client, "/ops")
    shown = Outline(page).text
    for expected in ("desk", "mood; brands <b>*", "Kept for their time: 2", "Should have been told: 7", "route 1: <i>"):
        assert expected in shown
    assert "orchestrator alerts test pager" in shown
    assert (shown.count("Quiet until"), shown.count("Last taken")) == (1, 1)
    assert "orchestrator alerts test desk" not in shown
    assert "status \\u202e404" in shown
    assert "<b>*" not in page
    service.alert_routes = RouteStates([desk])
    assert "Should have been told: not known" in Outline(await text(client, "/ops")).text


async def test_the_archive_is_told_where_there_is_one(
    client: TestClientProtocol, service: MemoryService, full: MemoryOperator
) -> None:
    """What waits for it; and where it takes nothing, why and what helps, in the words for operators."""
    assert full.brands
    assert 'id="archive"' not in await text(client, "/ops")
    service.archive = Check("ok", "nothing waits")
    page = await text(client, "/ops")
    assert "<bdi>nothing waits</bdi>." in page
    assert "behind" not in page
    service.archive = Check("degraded", "nothing is taken", "nothing is taken: no answer of <b>\u202e")
    page = await text(client, "/ops")
    assert "no answer of &lt;b&gt;\\u202e" in page
    assert "<code>orchestrator doctor</code> says whether it takes anything." in page


async def test_a_route_is_tested_by_an_operator(
    signed: TestClientProtocol, service: MemoryService, full: MemoryOperator
) -> None:
    """The page says what the endpoint answered, and who asked stands in the list; who only reads has no button."""
    desk = RouteState(name="desk", address="x", chooses="y")
    service.alert_routes = RouteStates([desk], counted=True)
    full.routes["gone"] = "status 404"
    token = await form_token(signed)
    for route, said in (
        ("desk", "The endpoint took the test message of desk: status 204."),
        ("gone", "The endpoint did not take the test message of gone: status 404."),
    ):
        response = await signed.post("/ops/routes", form={"route": route, "form_token": token}, headers=OWN)
        assert response.headers["Location"] == "/ops#routes"
        page = await text(signed, "/ops")
        assert said in Outline(page).text
        assert "Send a test" in page
    assert [(act.action, act.details) for act in full.written[-2:]] == [
        ("alerts test", {"route": "desk"}),
        ("alerts test", {"route": "gone"}),
    ]
    missing = await signed.post("/ops/routes", form={"route": "none", "form_token": token}, headers=OWN)
    assert missing.status_code == 404


async def test_who_only_reads_tests_no_route(
    client: TestClientProtocol, service: MemoryService, full: MemoryOperator
) -> None:
    """There is no button for them."""
    assert full.routes
    service.alert_routes = RouteStates([RouteState(name="desk", address="x", chooses="y")], counted=True)
    assert "Send a test" not in await text(client, "/ops")


async def test_queues_come_by_what_waits(client: TestClientProtocol, operator: MemoryOperator) -> None:
    """The longest first, those without chunks not at all, and not more than a page holds."""
    for number in range(60):
        operator.add(f"brand {number:02}", queued=number)
    page = Outline(await text(client, "/ops")).text
    assert page.index("brand 59") < page.index("brand 58")
    assert "brand 00" not in page
    assert "brand 05" not in page
    assert "and 9 more brands with chunks" in page


async def test_without_a_session_there_is_nothing_to_do(client: TestClientProtocol, full: MemoryOperator) -> None:
    """No forms but the search, no links to actions; it says how to sign in."""
    assert full
    looks = ("/ops/look?action=drop&brand=acme&all=yes", "/ops/purge?name=acme")
    for path in ("/ops", "/ops/brand?name=acme", *looks):
        page = await text(client, path)
        assert 'method="post"' not in page
        assert "Drop…" not in page
    assert "Sign in to act" in await text(client, "/ops")


async def test_without_operators_it_is_read_only(service: MemoryService, full: MemoryOperator) -> None:
    """Where no token acts nobody can sign in, and the page says so."""
    client = build_app(service, Metrics(), operator=full).test_client()
    assert "Read-only: no HTTP_OPERATOR_TOKEN_FILE is set." in await text(client, "/ops")
    assert (await sign_in(client)).status_code == 403


async def test_signing_in_gives_a_cookie_for_these_pages_alone(client: TestClientProtocol) -> None:
    """Out of reach of scripts, of other sites and of other pages; over TLS for TLS alone."""
    cookie = (await sign_in(client)).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/ops", "Max-Age=28800"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    for headers in ({"X-Forwarded-Proto": "https"}, {"Origin": "https://localhost"}):
        assert "Secure" in (await sign_in(client, **headers)).headers["Set-Cookie"].split("; ")


async def test_a_wrong_token_signs_nobody_in(client: TestClientProtocol, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, logged without the token, and after ten times not looked at for a minute."""
    for _ in range(MAX_FAILURES):
        response = await sign_in(client, "guessed-by-somebody")
        assert response.status_code == 403
        assert "Set-Cookie" not in response.headers
        assert "That is no operator" in await response.get_data(as_text=True)
    assert (await sign_in(client)).status_code == 429
    logged = capsys.readouterr()
    assert "sign-in failed" in logged.out + logged.err
    assert "guessed-by-somebody" not in logged.out + logged.err


async def test_sessions_are_looked_at_off_the_loop(client: TestClientProtocol, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system that holds the tokens may hang; without a cookie no file is asked."""
    readers: list[int] = []

    def noted(path: str, most_bytes: int) -> bytes:
        readers.append(threading.get_ident())
        return read_bounded(path, most_bytes)

    monkeypatch.setattr(access_module, "read_bounded", noted)
    await text(client, "/ops")
    assert readers == []
    assert (await sign_in(client)).status_code == 303
    assert len(readers) == 1
    assert "Signed in" in await text(client, "/ops")
    assert len(readers) == 2
    assert threading.get_ident() not in readers


async def test_nobody_is_signed_in_while_the_files_hang(
    signed: TestClientProtocol,
    monkeypatch: pytest.MonkeyPatch,
    mock_clock: MockClock,
) -> None:
    """The page comes all the same, read-only, and is signed in again afterwards."""
    mended = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(access_module, "read_bounded", lambda _path, _most_bytes: mended.wait() and b"")
        mock_clock.autojump_threshold = 0.0  # a thread that works is no reason for this clock to wait
        assert "Sign in to act" in await text(signed, "/ops")
        mock_clock.autojump_threshold = math.inf
    mended.set()
    assert "Signed in" in await text(signed, "/ops")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_forms_of_other_pages_do_nothing(
    signed: TestClientProtocol, full: MemoryOperator, path: str, headers: dict[str, str]
) -> None:
    """Even with cookie and token, as a page under a name of ours might have them."""
    form = FORMS[path] | {"form_token": await form_token(signed)}
    written = len(full.written)
    assert (await signed.post(path, form=form, headers=headers)).status_code == 403
    assert len(full.written) == written
    assert "Signed in" in await text(signed, "/ops")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "0" * 64, "\N{SNOWMAN}"])
async def test_forms_without_the_token_of_the_session_do_nothing(
    signed: TestClientProtocol, full: MemoryOperator, path: str, token: str | None
) -> None:
    """A cookie alone is what a browser sends by itself."""
    form = FORMS[path] | ({} if token is None else {"form_token": token})
    written = len(full.written)
    assert (await signed.post(path, form=form, headers=OWN)).status_code == 403
    assert len(full.written) == written
    assert "Signed in" in await text(signed, "/ops")


@pytest.mark.parametrize("path", FORMS)
async def test_forms_of_another_session_do_nothing(
    app: QuartTrio, signed: TestClientProtocol, full: MemoryOperator, path: str
) -> None:
    """Each session has a token of its own."""
    other = app.test_client()
    await sign_in(other)
    form = FORMS[path] | {"form_token": await form_token(other)}
    written = len(full.written)
    assert (await signed.post(path, form=form, headers=OWN)).status_code == 403
    assert len(full.written) == written


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": f"Bearer {TOKEN}"}, {"Cookie": "operator=x"}, {"Authorization": "Basic eDp4"}]
)
async def test_forms_of_nobody_do_nothing(
    app: QuartTrio, full: MemoryOperator, path: str, headers: dict[str, str]
) -> None:
    """Forms are for sessions; a program has the API."""
    response = await app.test_client().post(path, form=FORMS[path] | {"form_token": ""}, headers=OWN | headers)
    assert response.status_code == 403
    assert len(full.written) == 1


def test_every_form_was_tried(app: QuartTrio) -> None:
    """A new address that acts has to be in the table above, but for signing in, which has tests of its own."""
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or set())}
    assert {path for path in posts if path.startswith("/ops")} == set(FORMS) | {"/ops/sign-in"}


async def test_signing_in_from_another_page_is_refused(client: TestClientProtocol) -> None:
    """Nobody is signed in as somebody else without knowing."""
    form = {"token": TOKEN}
    response = await client.post("/ops/sign-in", form=form, headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers


async def test_plain_http_tells_its_origin(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """From another machine, without TLS, browsers send Origin and nothing else."""
    form = FORMS["/ops/brands"] | {"form_token": await form_token(signed)}
    assert (await signed.post("/ops/brands", form=form, headers={"Origin": "http://localhost"})).status_code == 303
    assert full.brands["beta"].standing is Standing.PAUSED


async def test_signing_out_ends_the_session(app: QuartTrio, signed: TestClientProtocol) -> None:
    """Also for who kept the cookie."""
    [kept] = [cookie.value for cookie in signed.cookie_jar or ()]
    form = {"form_token": await form_token(signed)}
    response = await signed.post("/ops/sign-out", form=form, headers=OWN)
    assert response.status_code == 303
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    thief = app.test_client()
    page = await thief.get("/ops", headers={"Cookie": f"operator={kept}"})
    assert "Sign in to act" in await page.get_data(as_text=True)


async def test_signing_out_ends_the_session_in_every_process(
    service: MemoryService, signed: TestClientProtocol, full: MemoryOperator, access: Access
) -> None:
    """By a mark in what they share; who kept the cookie neither sees forms elsewhere nor can act there."""
    [kept] = [cookie.value for cookie in signed.cookie_jar or ()]
    elsewhere = build_app(service, Metrics(), access=access, operator=full).test_client()
    headers = OWN | {"Cookie": f"operator={kept}"}
    token = await form_token(signed)
    form = FORMS["/ops/brands"] | {"form_token": token}
    assert "Signed in" in await (await elsewhere.get("/ops", headers=headers)).get_data(as_text=True)
    await signed.post("/ops/sign-out", form={"form_token": token}, headers=OWN)
    assert "Sign in to act" in await (await elsewhere.get("/ops", headers=headers)).get_data(as_text=True)
    assert (await elsewhere.post("/ops/brands", form=form, headers=headers)).status_code == 403
    [left_ms] = full.ended.values()
    assert LIFETIME_S * 1000 < left_ms <= (LIFETIME_S + CLOCKS_S) * 1000


async def test_without_an_answer_nobody_is_signed_in(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """Whether the session was ended nobody knows then."""
    full.refused["signed_out"] = StoreUnavailableError("away")
    assert "Sign in to act" in await text(signed, "/ops")
    full.refused.clear()
    assert "Signed in" in await text(signed, "/ops")


async def test_a_mark_that_is_refused_is_told(app: QuartTrio, signed: TestClientProtocol, full: MemoryOperator) -> None:
    """This process and this browser are signed out all the same."""
    [kept] = [cookie.value for cookie in signed.cookie_jar or ()]
    form = {"form_token": await form_token(signed)}
    full.refused["sign_out"] = StoreRefusedError("OOM")
    response = await signed.post("/ops/sign-out", form=form, headers=OWN)
    assert response.status_code == 503
    assert "would be good there until 20" in await response.get_data(as_text=True)
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    page = await app.test_client().get("/ops", headers={"Cookie": f"operator={kept}"})
    assert "Sign in to act" in await page.get_data(as_text=True)


async def test_a_group_is_looked_at_and_then_sent_again(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """The link says how many; the form does just these; the page that follows can be loaded again."""
    link = next(link for link in Outline(await text(signed, "/ops")).links if "action=retry" in link)
    page = await text(signed, link)
    assert "3 letters</strong> of" in page
    assert full.queues == {}
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert form["expected"] == "3"
    response = await signed.post("/ops/letters", form=form, headers=OWN)
    assert (response.status_code, response.headers["Location"]) == (303, "/ops/brand?name=acme")
    assert full.queues == {"acme": [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']}
    assert len(full.dead["acme"]) == 1
    assert "3 letters sent again." in await text(signed, "/ops/brand?name=acme")
    assert full.written[-1].by.startswith("ann (page, ")


async def test_more_letters_than_the_page_said_stay(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """What came since nobody has seen."""
    full.dead["acme"].append(letter("new"))
    form = FORMS["/ops/letters"] | {"form_token": await form_token(signed)}
    assert (await signed.post("/ops/letters", form=form, headers=OWN)).status_code == 409
    assert len(full.dead["acme"]) == 5


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"action": "drop", "brand": "acme"}, "Say which letters are meant"),
        ({"action": "melt", "brand": "acme", "all": "yes"}, "action must be one of"),
        ({"action": "retry", "writer": "other", "all": "yes"}, "cannot be sent again"),
        ({"action": "retry", "writer": "me", "all": "yes"}, "writer must be one of"),
        ({"action": "retry", "index": "1"}, "index needs a brand"),
        ({"action": "retry", "brand": "acme", "index": "-1"}, "index must be a whole number"),
        ({"action": "retry", "group": "<script>"}, "group must be the name"),
        ({"action": "retry", "all": "yes", "reason": "x" * 300}, "reason must have at most"),
        ({"action": "retry", "all": "yes", "since": "soon"}, "since must be a time"),
        ({"action": "drop", "brand": "acme", "all": "yes"}, "expected is missing"),
    ],
)
async def test_what_cannot_be_understood_is_refused(
    signed: TestClientProtocol, full: MemoryOperator, form: dict[str, str], told: str
) -> None:
    """With the name of what is wrong; nothing is done."""
    written = len(full.written)
    sent = form | {"form_token": await form_token(signed)}
    response = await signed.post("/ops/letters", form=sent, headers=OWN)
    assert response.status_code == 400
    assert told in await response.get_data(as_text=True)
    assert len(full.written) == written


async def test_a_brand_is_paused_and_resumed(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """With a reason and an end; the page says so, and who did it stands in the list."""
    token = await form_token(signed)
    form = {
        "action": "pause",
        "brand": "beta",
        "reason": "deploy",
        "hours": "1.5",
        "form_token": token,
        "back": "brand",
    }
    response = await signed.post("/ops/brands", form=form, headers=OWN)
    assert response.headers["Location"] == "/ops/brand?name=beta"
    page = Outline(await text(signed, "/ops/brand?name=beta")).text
    assert "beta is paused for 1.5 h; its chunks wait." in page
    assert "deploy" in page
    form = {"action": "resume", "brand": "beta", "form_token": token}
    assert (await signed.post("/ops/brands", form=form, headers=OWN)).headers["Location"] == "/ops"
    assert full.brands["beta"].standing is Standing.WAITING
    assert [act.action for act in full.written[-2:]] == ["pause", "resume"]


async def test_a_brand_is_taken_from_the_holder_that_was_shown(
    signed: TestClientProtocol, full: MemoryOperator
) -> None:
    """Whoever has it by then keeps it, and without a holder nobody is meant."""
    button = "Take it from <bdi>worker-host-1</bdi>"
    assert button in await text(signed, "/ops/brand?name=acme")
    form = {"action": "break", "brand": "acme", "form_token": await form_token(signed), "back": "brand"}
    assert (await signed.post("/ops/brands", form=form, headers=OWN)).status_code == 400
    response = await signed.post("/ops/brands", form={**form, "holder": "worker-host-2"}, headers=OWN)
    assert response.status_code == 409
    assert "worker-host-2 does not hold acme any more" in await response.get_data(as_text=True)
    assert full.brands["acme"].standing is Standing.HELD
    await signed.post("/ops/brands", form={**form, "holder": "worker-host-1"}, headers=OWN)
    assert full.brands["acme"].holder is None
    page = await text(signed, "/ops/brand?name=acme")
    assert "acme is taken from worker-host-1; the next free lane goes on with it." in page
    assert button not in page


async def test_a_lock_that_is_none_of_ours_cannot_be_broken(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """It cannot be told from the next one; it goes by itself."""
    holder = full.brands["acme"].holder
    assert holder is not None
    for token in (b"", b"x" * MAX_TOKEN_BYTES):
        full.add("acme", Standing.HELD, holder=replace(holder, token=token))
        page = await text(signed, "/ops/brand?name=acme")
        assert "worker-host-1" in page
        assert "Take it from" not in page


async def test_a_process_is_ordered_from_its_page(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """The page says how it stands; the order, and that it was not heard yet, stand in the table afterwards."""
    [one] = full.members
    assert f'href="/ops/process?name={one.name}"' in await text(signed, "/ops")
    page = await text(signed, f"/ops/process?name={one.name}")
    assert "Nothing was ordered." in page
    form = {"form_token": await form_token(signed), "process": one.name}
    for action, told in (
        ({"action": "quiet"}, "asked to be quiet"),
        ({"action": "lanes", "lanes": "7"}, "asked for 7 lanes"),
        ({"action": "lanes", "lanes": ""}, "asked for as many lanes as its settings say"),
        ({"action": "stop"}, "may start it again"),
        ({"action": "resume"}, "asked to resume"),
    ):
        response = await signed.post("/ops/processes", form=form | action, headers=OWN)
        assert (response.status_code, response.headers["Location"]) == (303, "/ops#processes")
        assert told in await text(signed, "/ops")
        assert full.written[-1].action == f"processes {action['action']}"
        assert full.written[-1].by.startswith("ann (page, ")
    assert "asked to resume by ann (page, &lt;local&gt;), not heard yet" in await text(signed, "/ops")


async def test_all_processes_are_ordered_at_once(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """One page for them; a quiet one is counted at the top."""
    full.members = [member(), member("00000000000000bb", id="o-2", obedience=Obedience(5, NOW_MS - 60_000, by="bob"))]
    page = await text(signed, "/ops/process")
    assert "quiet for 60 s by bob, 2 brands still in work" in page
    assert "2, 1 quiet" in await text(signed, "/ops")
    form = FORMS["/ops/processes"] | {"form_token": await form_token(signed)}
    assert (await signed.post("/ops/processes", form=form, headers=OWN)).status_code == 303
    assert "2 processes: asked to be quiet." in await text(signed, "/ops")
    assert all(one.asked for one in full.members)


async def test_who_only_reads_orders_no_process(client: TestClientProtocol, full: MemoryOperator) -> None:
    """Its page is there, without forms; one of an older version says that it takes no orders."""
    full.members = [member(obedience=None)]
    page = await text(client, f"/ops/process?name={member().name}")
    assert "takes no orders: end it by a signal" in page
    assert 'method="post"' not in page
    assert "All processes" not in await text(client, "/ops")
    await text(client, "/ops/process?name=nobody", 404)


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"action": "dance", "all": "yes"}, 400, "action must be one of quiet, resume, stop, lanes"),
        ({"action": "quiet"}, 400, "Say which process is meant"),
        ({"action": "quiet", "process": "x", "all": "yes"}, 400, "Say which process is meant"),
        ({"action": "lanes", "all": "yes", "lanes": "0"}, 400, "lanes must be a whole number from 1 to 1000"),
        ({"action": "lanes", "all": "yes", "lanes": "1001"}, 400, "lanes must be a whole number"),
        ({"action": "quiet", "process": "<b>"}, 404, "No process has the name or id &#39;&lt;b&gt;&#39;"),
        ({"action": "quiet", "process": "worker-host-1"}, 409, "say which is meant by name"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(
    signed: TestClientProtocol, full: MemoryOperator, form: dict[str, str], status: int, told: str
) -> None:
    """With a sentence about it, and nobody is ordered."""
    full.members = [member(), member("00000000000000bb")]
    token = await form_token(signed)
    response = await signed.post("/ops/processes", form=form | {"form_token": token}, headers=OWN)
    assert response.status_code == status
    assert told in await response.get_data(as_text=True)
    assert not any(one.asked for one in full.members)


async def test_a_brand_is_removed_after_a_look(signed: TestClientProtocol, full: MemoryOperator) -> None:
    """The page says what is kept of it; queue and dead letters go only if somebody says so."""
    page = await text(signed, "/ops/purge?name=acme")
    assert "Commits that made its state: <strong>41" in page
    form = {"action": "purge", "brand": "acme", "form_token": await form_token(signed)}
    assert (await signed.post("/ops/brands", form=form, headers=OWN)).status_code == 303
    assert "acme" not in full.brands
    assert len(full.dead["acme"]) == 4
    assert "acme is registered no more; gone of it: 5 keys." in await text(signed, "/ops")
    assert full.written[-1].details == {"queue": False, "letters": False}
    form = {**form, "brand": "gamma", "queue": "yes", "letters": "yes"}
    await signed.post("/ops/brands", form=form, headers=OWN)
    assert "5 keys, 7 chunks, 2 dead letters." in await text(signed, "/ops")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"action": "pause", "brand": "beta", "hours": "soon"}, 400),
        ({"action": "pause", "brand": "beta", "hours": "nan"}, 400),
        ({"action": "pause", "brand": "beta", "hours": "-1"}, 400),
        ({"action": "pause", "brand": "beta", "hours": "1e9"}, 400),
        ({"action": "pause", "brand": "nobody"}, 404),
        ({"action": "pause", "brand": " beta"}, 404),
        ({"action": "pause"}, 400),
        ({"action": "melt", "brand": "beta"}, 400),
    ],
)
async def test_a_pause_that_cannot_be_is_refused(
    signed: TestClientProtocol, full: MemoryOperator, form: dict[str, str], status: int
) -> None:
    """Nothing is done."""
    sent = form | {"form_token": await form_token(signed)}
    assert (await signed.post("/ops/brands", form=sent, headers=OWN)).status_code == status
    assert len(full.written) == 1


async def test_a_refusal_in_words_reaches_the_operator(
    signed: TestClientProtocol, full: MemoryOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rules say about a reason is said on the page."""

    async def refuse(*_: object) -> None:
        raise PauseError("a reason must be one line of text")

    monkeypatch.setattr(full, "pause", refuse)
    sent = FORMS["/ops/brands"] | {"form_token": await form_token(signed)}
    response = await signed.post("/ops/brands", form=sent, headers=OWN)
    assert response.status_code == 400
    assert "a reason must be one line of text" in await response.get_data(as_text=True)


@pytest.mark.parametrize("attack", [*ATTACKS, "x" * 100_000, "\x00\x1b[31m", "\ud800"])
async def test_nothing_foreign_becomes_markup_or_turns_the_text(
    app: QuartTrio, operator: MemoryOperator, attack: str
) -> None:
    """Names, reasons, payloads and acts: no tag or attribute beyond those of a harmless page, no hidden marks."""
    client = app.test_client()
    await sign_in(client)

    async def outlines(name: str, reason: str) -> list[Outline]:
        operator.brands.clear()
        operator.dead.clear()
        operator.add_all_kinds(name, reason)
        operator.dead[name].append(b"\xff" + reason.encode("utf-8", "replace") * 3)
        links = {"name": name.encode("utf-8", "replace").decode()}
        paths: list[tuple[str, dict[str, str]]] = [("/ops", {}), ("/ops/brand", links)]
        paths.append(("/ops/look", {"action": "drop", "brand": name, "all": "yes"}))
        found = []
        for path, query in paths:
            response = await client.get(path, query_string=query)
            assert response.status_code == 200
            found.append(Outline(await response.get_data(as_text=True)))
        return found

    name = attack if (len(attack) < 100 and attack.isprintable()) or "\u202e" in attack else "acme"
    harmless, hostile = await outlines("acme", "harmless"), await outlines(name, attack)
    for expected, got in zip(harmless, hostile, strict=True):
        assert (set(got.tags), got.attributes) == (set(expected.tags), expected.attributes)
        assert not set(got.text) & set("\u202e\u2066\u200f\x00\x1b")
        assert len(got.text) < 60_000
        assert all(link.startswith(("/", "#")) for link in got.links)


async def test_a_payload_is_shown_within_bounds(client: TestClientProtocol, operator: MemoryOperator) -> None:
    """Its beginning, and how much more there is."""
    operator.add("acme")
    operator.dead["acme"] = [letter("y" * 1_000_000)]
    page = await text(client, "/ops/brand?name=acme")
    assert page.count("y" * PAYLOAD_CHARS) == 1
    assert "998,000 bytes more" in page
    assert len(page) < 20_000


async def test_a_brand_that_nobody_registered_has_a_page(client: TestClientProtocol, operator: MemoryOperator) -> None:
    """Its dead letters are there all the same."""
    operator.dead["stray"] = [letter("x", "strayed")]
    page = Outline(await text(client, "/ops/brand?name=stray")).text
    assert "This brand is not registered" in page
    assert "strayed" in page


async def test_history_is_of_a_day_a_week_or_a_month(client: TestClientProtocol, full: MemoryOperator) -> None:
    """Chosen by links, which work without script; columns of more than a day have their date."""
    full.hours = [Hour(NOW_MS // 3_600_000 - back, chunks=1_000 * back) for back in range(30 * 24)]
    page = await text(client, "/ops")
    assert "The last day" in page
    assert '<a href="/ops?history=week#history">week</a>' in page
    assert 'aria-current="true">day</a>' in page
    week, month = await text(client, "/ops?history=week"), await text(client, "/ops?history=month")
    assert "Chunks waiting over the last week: at most " in week
    assert re.search(r"Chunks waiting over the last month: at most 71\d,000", month)
    assert "<title>11-27 04:00: " in week
    assert "<title>11-27 04:00: " in month
    assert week.count("<title>11-2") > 3 * 60
    assert 'href="/v1/ops/history?period=week"' in week
    await text(client, "/ops?history=year", 400)


async def test_parts_that_cannot_be_read_do_not_hide_the_others(
    client: TestClientProtocol, full: MemoryOperator
) -> None:
    """Somebody put a foreign type under the audit list: the rest is there."""
    full.refused = {part: StoreRefusedError("WRONGTYPE") for part in ("acts", "history", "groups")}
    page = await text(client, "/ops")
    assert page.count("Not readable at the moment.") == 3
    assert "1,242" in page


async def test_without_redis_the_page_says_so(client: TestClientProtocol, operator: MemoryOperator) -> None:
    """For people, and it looks again by itself."""
    operator.error = StoreUnavailableError("away")
    page = await text(client, "/ops", 503)
    assert "This page looks again by itself" in page


async def test_an_application_without_operators_has_no_such_page(service: MemoryService) -> None:
    """Nothing is half there."""
    client = build_app(service, Metrics()).test_client()
    assert (await client.get("/ops")).status_code == 404


async def test_readers_tokens_guard_these_pages_too(
    service: MemoryService, full: MemoryOperator, tmp_path: Path
) -> None:
    """A reader reads and does not act; an operator's password reads, and acts only by signing in."""
    readers, operators = tmp_path / "readers", tmp_path / "operators"
    readers.write_text("readers-token-of-tests\n")
    operators.write_text(f"{TOKEN}\n")
    access = Access(AccessOptions(str(readers), str(operators)))
    client = build_app(service, Metrics(), operator=full, access=access).test_client()
    assert (await client.get("/ops")).status_code == 401
    assert (await client.post("/ops/sign-in", form={"token": TOKEN}, headers=OWN)).status_code == 401
    headers = {"Authorization": "Bearer readers-token-of-tests"}
    assert (await client.get("/ops", headers=headers)).status_code == 200
    response = await client.post("/ops/sign-in", form={"token": "readers-token-of-tests"}, headers=OWN | headers)
    assert response.status_code == 403
    assert (await client.post("/ops/sign-in", form={"token": TOKEN}, headers=OWN | headers)).status_code == 303


async def test_these_pages_are_kept_by_nobody(signed: TestClientProtocol) -> None:
    """They hold the token of a session; and browsers may say where a form of theirs comes from."""
    for path, kept in {
        "/ops": "no-store, no-transform",
        "/ops/sign-in": "no-store, no-transform",
        "/ops/nothing": "no-store",  # an error has no form
    }.items():
        headers = (await signed.get(path)).headers
        assert headers["Cache-Control"] == kept
        assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert (await signed.get("/ops")).headers["Referrer-Policy"] == "same-origin"


async def test_a_brand_tells_of_settings_of_its_own(client: TestClientProtocol, full: MemoryOperator) -> None:
    """And one without tells of none."""
    full.add("owning", own={"MAX_STORIES": 7})
    assert "<bdi>MAX_STORIES=7</bdi>" in await text(client, "/ops/brand?name=owning")
    assert "settings of its own" not in await text(client, "/ops/brand?name=idle")
