"""One attempt to send a message to an endpoint: signature, deadline, and what its answer means.

Source: Standard Webhooks 1.0 (headers, signature, which answers are worth a retry).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx2
import trio

from orchestrator import __version__
from orchestrator.alerts.signing import signature
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator.alerts.messages import Message
    from orchestrator.alerts.routes import Route

RETRY_AFTER_MAX_S: Final = 300.0
ATTEMPT_TIMEOUT_S: Final = 10.0

_RETRIED_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_USER_AGENT = f"service3-orchestrator/{__version__}"


class RetryError(OrchestratorError):
    """Raised when an attempt failed in a way that may pass; ``after_s`` is what the endpoint asked for."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class RefusedError(OrchestratorError):
    """Raised when the endpoint says that this message will never do."""


def open_client() -> httpx2.AsyncClient:
    """What sends to all endpoints; close it."""
    return httpx2.AsyncClient(timeout=ATTEMPT_TIMEOUT_S, headers={"User-Agent": _USER_AGENT})


async def post(client: httpx2.AsyncClient, route: Route, message: Message, sent_at_s: int) -> int:
    """Send *message* once; the status of the answer, which is a success.

    Raises:
        RetryError: no answer in time, or one that may be another next time.
        RefusedError: any other answer than success.
    """
    headers = {"Content-Type": "application/json", "webhook-id": message.id, "webhook-timestamp": str(sent_at_s)}
    address, secret = route.address, route.secret
    try:
        url = await trio.to_thread.run_sync(address.read) if address.file else address.read()
        key = await trio.to_thread.run_sync(secret.key) if secret.file else secret.key()
    except ValueError as error:  # what is being replaced; without a signature nothing leaves
        raise RetryError(str(error)) from None
    if key is not None:
        headers["webhook-signature"] = signature(key, message.id, sent_at_s, message.body)
    try:
        # httpx2' own timeouts begin anew with every byte that comes; this one does not.
        with trio.fail_after(ATTEMPT_TIMEOUT_S):
            # Streamed and not read: nobody needs the answer's body, and it might have no end.
            async with client.stream("POST", url, content=message.body, headers=headers) as response:
                return _judge(response)
    except trio.TooSlowError:
        raise RetryError(f"no answer within {ATTEMPT_TIMEOUT_S:g} s") from None
    # ValueError: a host that passes for one, and of which IDNA can make nothing.
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise RetryError(type(error).__name__) from None  # its text may hold the address


def _judge(response: httpx2.Response) -> int:
    """The status of a success.

    Raises:
        RetryError: the endpoint is busy or broken.
        RefusedError: it does not want this message.
    """
    status: int = response.status_code
    if response.is_success:
        return status
    if status in _RETRIED_STATUS or response.is_server_error:
        raise RetryError(f"status {status}", _retry_after_s(response))
    raise RefusedError(f"status {status}")


def _retry_after_s(response: httpx2.Response) -> float | None:
    """What the endpoint asks for in seconds, within reason; None for a date or nothing."""
    text: str = response.headers.get("Retry-After", "")
    return min(RETRY_AFTER_MAX_S, float(text)) if text.isascii() and text.isdigit() else None
