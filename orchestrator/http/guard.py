"""Asks at every request whether it may go on; probes always may.

``/livez`` and ``/readyz`` are asked by whatever restarts this process or sends it readers, by its address and without
a token; they tell one word.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from quart import g, request

from orchestrator.http.access import Access, Right
from orchestrator.http.health import PROBES
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from quart_trio import QuartTrio


def guard(app: QuartTrio, access: Access, *, hosts: bool = True) -> None:
    """Let *app* refuse what *access* refuses; with *hosts* also foreign names of this service."""

    @app.before_request
    async def check() -> None:
        g.right = Right.READ
        if request.path in PROBES:
            return
        if hosts and not access.knows_host(request.headers.get("Host", "")):
            raise ProblemError(HTTPStatus.MISDIRECTED_REQUEST, "This service is not known by the host of this address.")
        g.right = await access.judge(request.headers.get("Authorization", ""))
        if g.right < Right.READ:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "Reading this needs a token: as Bearer, or as the password.")
