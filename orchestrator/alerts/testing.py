"""Sends one message to routes, each once, and says what came back: for the command that tests them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import trio

from orchestrator.alerts.messages import to_route
from orchestrator.alerts.post import RefusedError, RetryError, open_client, post

if TYPE_CHECKING:
    import httpx2

    from orchestrator.alerts.routes import Route
    from orchestrator.contract.outbox import OutboxEntry


def send(routes: Sequence[Route], entry: OutboxEntry) -> list[tuple[str, float]]:
    """What each endpoint answered, and after how many seconds; blocks until all did, or their deadline passed."""
    return trio.run(partial(send_to_all, routes, entry))


async def send_to_all(routes: Sequence[Route], entry: OutboxEntry) -> list[tuple[str, float]]:
    """The same on an event loop; all at the same time."""
    answers = [("", 0.0)] * len(routes)

    async def one(place: int, route: Route, client: httpx2.AsyncClient) -> None:
        begun_s = time.perf_counter()
        answers[place] = await answer(client, route, entry), time.perf_counter() - begun_s

    async with open_client() as client, trio.open_nursery() as nursery:
        for place, route in enumerate(routes):
            nursery.start_soon(one, place, route, client)
    return answers


async def answer(client: httpx2.AsyncClient, route: Route, entry: OutboxEntry) -> str:
    """What the endpoint of *route* says to *entry*, which is sent once: ``status 204``, or why there is no answer."""
    try:
        return f"status {await post(client, route, to_route(route, entry), int(time.time()))}"
    except (RetryError, RefusedError) as error:
        return str(error)
