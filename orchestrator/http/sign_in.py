"""Who is signed in on the operators' pages, and the checks that every form of theirs passes before it acts.

A form acts only if its request comes from a page of ours (the browser says so), with the cookie of a session, and with
the token that was made for the forms of that session. Each of the three is enough against what pages of others can
make a browser do; all are asked for.

Source: the OWASP cheat sheet for forged requests; the W3C draft of Fetch Metadata.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from quart import current_app, g, request

from orchestrator.http.access import Access
from orchestrator.http.problems import ProblemError
from orchestrator.http.sessions import FAILURES_S, LIFETIME_S, Attempts, Session, Sessions

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio
    from werkzeug.datastructures import MultiDict

COOKIE: Final = "operator"
NOTICE_S: Final = 20.0
MAX_NOTICES: Final = 1_000

_log = structlog.get_logger(__name__)


class Desk:
    """What the operators' pages of one application keep: sessions, failed attempts, and what to tell whom."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.sessions = Sessions(access)
        self.attempts = Attempts()
        self.open = access.has_operators
        self._notices: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def tell(self, session: Session, text: str, now_s: float) -> None:
        """Show *text* on the next pages of *session*, for a while."""
        self._notices[session.nonce] = (text, now_s + NOTICE_S)
        self._notices.move_to_end(session.nonce)
        if len(self._notices) > MAX_NOTICES:
            self._notices.popitem(last=False)

    def told(self, session: Session | None, now_s: float) -> str:
        """What is to be shown to *session* now."""
        text, until_s = self._notices.get(session.nonce if session else "", ("", 0.0))
        return text if now_s < until_s else ""


def desk() -> Desk:
    """That of the current application."""
    kept: Desk = current_app.extensions["desk"]
    return kept


async def recognise() -> None:
    """Note whose session the current request belongs to."""
    cookie = request.cookies.get(COOKIE, "")
    find = partial(desk().sessions.find, cookie, time.time())
    g.session = await desk().access.ask(find, otherwise=None) if cookie else None


def forget() -> None:
    """Take the current request for one of nobody's."""
    g.session = None


def session() -> Session | None:
    """The session of the current request; None: nobody is signed in."""
    found: Session | None = g.session
    return found


def refuse_foreign_pages() -> None:
    """Return if the current request was sent by a page of this service.

    Raises:
        ProblemError: it was not, or the browser does not say; 403.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        own = site == "same-origin"
    else:  # over plain HTTP from another machine browsers leave it out
        host = urlsplit(request.headers.get("Origin", "")).netloc.lower()
        own = host != "" and host == request.host.lower()
    if not own:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "This form was not sent by a page of this service. A proxy in front has to pass on the Host header.",
        )


async def acting() -> tuple[Session, MultiDict[str, str]]:
    """The session and the form of a request that acts.

    Raises:
        ProblemError: nobody is signed in, or the form is not of a page that was made for this session; 403.
    """
    refuse_foreign_pages()
    found = session()
    if found is None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "Nobody is signed in here, or not any more: sign in, and do it again.")
    form = await request.form
    if not found.allows(form.get("form_token", "")):
        raise ProblemError(HTTPStatus.FORBIDDEN, "This form belongs to another session: load the page again.")
    return found, form


async def begin(token: str, who: str) -> str | None:
    """The cookie of a new session; None: *token* is no operator's, which is logged and counted.

    Raises:
        ProblemError: there were too many failed attempts; 429.
    """
    address, now_s = request.remote_addr or "", time.monotonic()
    if not desk().attempts.allowed(address, now_s):
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS, f"Too many failed attempts: try again in {FAILURES_S:.0f} seconds."
        )
    sign = partial(desk().sessions.begin, token, who, time.time())
    cookie = await desk().access.ask(sign, otherwise=None)
    if cookie is None:
        desk().attempts.failed(address, now_s)
        _log.warning("sign-in failed", address=address)
    else:
        _log.info("operator signed in", who=who, address=address)
    return cookie


def give(response: Response, cookie: str) -> None:
    """Let the browser keep *cookie*, for our pages alone; an empty one takes it away."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=LIFETIME_S if cookie else 0,
        path=f"{request.root_path}/ops",
        secure=_is_tls(),
        httponly=True,
        samesite="Strict",
    )


def _is_tls() -> bool:
    """Whether the browser speaks TLS, to us or to a proxy: who lies about it only loses a cookie of his own."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
    origin = request.headers.get("Origin", "").lower()
    return request.scheme == "https" or forwarded == "https" or origin.startswith("https://")


def install(app: QuartTrio, access: Access) -> None:
    """Give *app* a desk."""
    app.extensions["desk"] = Desk(access)
