"""The service under a path of somebody else's server."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http import PROBES, AppOptions, build_app, serve
from orchestrator.http.mount import mounted
from orchestrator.http.server import PortOptions
from orchestrator.settings.addresses import OWN_PATHS
from tests.http.conftest import MemoryService
from tests.http.test_pages import Outline

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

    from orchestrator.process.metrics import Metrics

ROOT = "/team/summaries"


@pytest.fixture
def below(service: MemoryService, metrics: Metrics) -> TestClientProtocol:
    """A client of the application below ``ROOT``; a test asks with and without that path."""
    service.add("a/b")
    return build_app(service, metrics, options=AppOptions(root_path=ROOT)).test_client()


def own_parts(app: QuartTrio) -> set[str]:
    """The first parts of all paths of *app*, without the overview, which has none."""
    return {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()} - {""}


async def test_own_paths_are_all_that_no_proxy_may_offer_it_under(app: QuartTrio) -> None:
    """A path of ours that the settings let pass could be taken for the proxy's."""
    assert own_parts(app) | {"ops", "metrics"} == OWN_PATHS


@pytest.mark.parametrize("prefix", [ROOT, ""])
@pytest.mark.parametrize(
    "path", ["/", "/brands/a%2Fb", "/brands?name=a/b", "/v1/brands", "/v1/brands/a%2Fb/summary", "/livez", "/health"]
)
async def test_a_proxy_may_strip_the_path_or_not(below: TestClientProtocol, prefix: str, path: str) -> None:
    """The same answer either way."""
    assert (await below.get(prefix + path)).status_code == 200


async def test_the_path_alone_is_the_overview(below: TestClientProtocol) -> None:
    """Without its last slash, too."""
    assert "a/b" in await (await below.get(ROOT)).get_data(as_text=True)


@pytest.mark.parametrize("path", [f"{ROOT}x/v1/brands", f"{ROOT}{ROOT}/v1/brands", "/team", "/team/v1/brands"])
async def test_what_only_looks_like_the_path_is_not_found(below: TestClientProtocol, path: str) -> None:
    """It ends at a slash, and is taken away once."""
    assert (await below.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/?offset=99", "/?q=nobody", "/brands/a%2Fb", "/brands/nobody", "/brands/new"])
async def test_every_link_and_file_is_below_the_path(
    below: TestClientProtocol, service: MemoryService, path: str
) -> None:
    """Nothing on a page leads to the proxy's own pages."""
    service.registered += ["new", *(f"brand {number}" for number in range(30))]
    outline = Outline(await (await below.get(path)).get_data(as_text=True))
    links = [link for link in outline.links if not link.startswith("#")]
    assert len(links) >= 5
    assert [link for link in links if not link.startswith(f"{ROOT}/")] == []
    assert all(action.startswith(f"{ROOT}/") for action in outline.actions)


async def test_files_are_found_where_pages_say(below: TestClientProtocol) -> None:
    """Style and script load through either kind of proxy."""
    outline = Outline(await (await below.get("/")).get_data(as_text=True))
    files = [link for link in outline.links if "/static/" in link]
    assert len(files) == 4
    for link in files:
        assert (await below.get(link)).status_code == 200
        assert (await below.get(link.removeprefix(ROOT))).status_code == 200


@pytest.mark.parametrize("prefix", [ROOT, ""])
async def test_redirects_stay_below_the_path(below: TestClientProtocol, prefix: str) -> None:
    """Those of ours and those of the framework."""
    assert (await below.get(f"{prefix}/brands")).headers["Location"] == f"{ROOT}/"
    doubled = (await below.get(f"{prefix}/v1//brands")).headers["Location"]
    assert doubled.removeprefix("http://localhost") == f"{ROOT}/v1/brands"


async def test_errors_below_the_path_have_their_form(below: TestClientProtocol) -> None:
    """Pages for people, problems for programs."""
    assert (await below.get(f"{ROOT}/brands/nobody")).mimetype == "text/html"
    problem = await below.get(f"{ROOT}/v1/nothing")
    assert json.loads(await problem.get_data(as_text=False))["status"] == 404


async def test_a_whole_address_as_target_is_taken(service: MemoryService, metrics: Metrics) -> None:
    """What clients send to proxies, over a real connection; probes are known as such with the path."""
    stop = trio.Event()
    app = build_app(service, metrics, stop=stop, options=AppOptions(root_path=ROOT))
    probes = frozenset(ROOT + probe for probe in PROBES)
    async with trio.open_nursery() as nursery:
        serving = partial(serve, app, "127.0.0.1", 0, shutdown=stop, options=PortOptions(probes=probes))
        port: int = await nursery.start(serving)
        async with httpx2.AsyncClient() as client:
            for target in (f"http://elsewhere{ROOT}/livez", f"{ROOT}/livez", "/livez"):
                extensions = {"target": target.encode()}
                response = await client.get(f"http://127.0.0.1:{port}/", extensions=extensions)
                assert (response.status_code, response.json()) == (200, {"status": "ok"})
        stop.set()


parts = st.text("ab/", min_size=1, max_size=6).map(lambda text: "/" + text.strip("/"))


@given(parts, st.sampled_from(["/a", "/a/b", "/b"]))
def test_mounting_twice_is_mounting_once(path: str, root: str) -> None:
    """What is below the path stays where it is."""
    once = mounted(path, root)
    assert once.startswith(f"{root}/")
    assert mounted(once, root) == once
