"""Puts the application for ``HTTP_PORT`` together: probes, pages, read API, error forms, headers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
import trio
from quart_trio import QuartTrio

from orchestrator.http import (
    api,
    brand_page,
    compare,
    events,
    health,
    history,
    lag,
    openapi,
    ops_api,
    ops_pages,
    overview,
    past,
    past_pages,
)
from orchestrator.http.access import Access, AccessOptions
from orchestrator.http.brand_index import BrandIndex
from orchestrator.http.compression import compress
from orchestrator.http.cors import share
from orchestrator.http.direction import isolated, undirected
from orchestrator.http.directory import Directory
from orchestrator.http.events import OpenStreams
from orchestrator.http.guard import guard
from orchestrator.http.mount import Mount
from orchestrator.http.ops_view import shown
from orchestrator.http.parameters import refuse_unknown
from orchestrator.http.problems import PAGES, handle_problems
from orchestrator.http.security import secure
from orchestrator.http.sign_in import install
from orchestrator.http.static import Assets
from orchestrator.http.urls import (
    BrandConverter,
    brand_api_url,
    brand_page_url,
    brand_view_url,
    ops_brand_url,
    past_chunks_url,
    past_url,
)

if TYPE_CHECKING:
    from quart import Response

    from orchestrator.http.operator_view import OperatorView
    from orchestrator.http.service_view import ServiceView
    from orchestrator.process.metrics import Metrics

MAX_BODY_BYTES = 4 * 1024  # forms and orders of operators; a client may send one anywhere
BODY_TIMEOUT_S = 10
HANDLER_TIMEOUT_S = 30

READERS_TEMPLATES = (
    "base.html",
    "_parts.html",
    "_brand.html",
    "overview.html",
    "brand.html",
    "compare.html",
    "error.html",
)


@dataclass(frozen=True, slots=True)
class AppOptions:
    """Where the application stands, and who else's pages may read it.

    Attributes:
        root_path: the path under which a proxy offers it, without a slash at the end; empty: at the top.
        origins: origins whose pages may read the API, or ``*``; none: no other's.
    """

    root_path: str = ""
    origins: frozenset[str] = frozenset()


def build_app(
    service: ServiceView,
    metrics: Metrics,
    *,
    stop: trio.Event | None = None,
    access: Access | None = None,
    options: AppOptions | None = None,
    operator: OperatorView | None = None,
) -> QuartTrio:
    """The application for ``HTTP_PORT``.

    Args:
        service: what the handlers may ask.
        metrics: requests and open streams are counted there.
        stop: set when the service stops, so that open streams end themselves; none ends them with the server.
        access: who is let in; None lets everybody read.
        options: None for the defaults.
        operator: what operators may ask; None: there is nothing for them here.
    """
    options, access = options or AppOptions(), access or Access(AccessOptions())
    root = options.root_path
    app = QuartTrio(__name__, static_folder=None, template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config[PAGES] = True
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    app.config["RESPONSE_TIMEOUT"] = HANDLER_TIMEOUT_S
    app.url_map.converters["brand"] = BrandConverter
    app.jinja_options = {"autoescape": True, "undefined": jinja2.StrictUndefined}
    app.extensions["service"] = service
    app.extensions["directory"] = Directory()
    app.extensions["index"] = BrandIndex(service)
    app.extensions["streams"] = OpenStreams(service, metrics, trio.Event() if stop is None else stop)
    app.extensions["operator"] = operator
    install(app, access)
    assets = Assets.load(files("orchestrator.http") / "static")
    app.extensions["edition"] = assets.edition
    app.extensions["guarded"] = access.guarded
    app.register_blueprint(assets.blueprint())
    for part in (
        *(health, overview, brand_page, past_pages, api, history, past, compare, lag, events, openapi),
        *(ops_pages, ops_api),
    ):
        app.register_blueprint(part.blueprint)
    app.jinja_env.globals.update(
        root=root,
        brand_page_url=partial(brand_page_url, root=root),
        brand_view_url=partial(brand_view_url, root=root),
        brand_api_url=partial(brand_api_url, root=root),
        asset_url=partial(assets.url, root=root),
        ops_brand_url=partial(ops_brand_url, root=root),
        past_url=partial(past_url, root=root),
        past_chunks_url=partial(past_chunks_url, root=root),
    )
    app.jinja_env.filters.update(isolated=isolated, undirected=undirected, plain=shown)
    handle_problems(app)
    if options.origins:
        share(app, options.origins)
    guard(app, access)
    refuse_unknown(app)  # after the guard: a stranger is told nothing of what there is
    app.after_request(secure)
    compress(app)
    if root:
        app.asgi_app = Mount(app.asgi_app, root)  # type: ignore[method-assign]  # as Quart's documentation does

    @app.before_serving
    async def prepare() -> None:
        # To compile a template takes up to 50 ms of a processor: not of the event loop, in the middle of requests.
        await trio.to_thread.run_sync(_compile, app.jinja_env)

    @app.after_request
    def count(response: Response) -> Response:
        metrics.http_requests.labels(f"{response.status_code // 100}xx").inc()
        return response

    return app


def _compile(environment: jinja2.Environment) -> None:
    """Have the templates of what analysts look at at hand."""
    for name in READERS_TEMPLATES:
        environment.get_template(name)
