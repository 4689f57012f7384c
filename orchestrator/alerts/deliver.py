"""Tells an endpoint when a spike episode opens and when it closes.

Owns the message and its delivery. A lane hands an alert over without waiting; one task delivers them in order,
so a slow endpoint delays alerts and nothing else. The opening and the closing of an episode have an id each that
never changes, so an endpoint that is told twice (a retry, two orchestrators) can notice. What is in the queue when
the process is killed is not told; a graceful stop gives it a second.

Sources: Standard Webhooks 1.0 (headers, signature, which answers are worth a retry). Slack's incoming webhooks
read ``text``, in which ``&``, ``<`` and ``>`` are escaped, so that a brand called ``<!channel>`` calls nobody.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx
import msgspec
import stamina
import structlog
import trio

from orchestrator import __version__
from orchestrator.alerts.signing import signature
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.contract.summary import SpikeEpisode
    from orchestrator.process.metrics import Metrics

QUEUE_ALERTS: Final = 256  # hours of alerts of a busy fleet; what waited longer would be no news
ATTEMPTS: Final = 8  # over about two minutes
WAIT_INITIAL_S: Final = 1.0
WAIT_MAX_S: Final = 120.0
RETRY_AFTER_MAX_S: Final = 300.0
REQUEST_TIMEOUT_S: Final = 10.0
COOLDOWN_BRANDS: Final = 10_000

_RETRIED_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})

Kind = Literal["opened", "closed"]


@dataclass(frozen=True, slots=True)
class Alert:
    """An episode of *brand* opened or closed; ``number`` counts the brand's episodes."""

    brand: str
    kind: Kind
    number: int
    episode: SpikeEpisode

    @property
    def id(self) -> str:
        """The same for the same news, however often and by however many orchestrators it is told."""
        told = f"{self.kind}\0{self.number}\0{self.episode.timestamp}\0{self.brand}".encode()
        return f"spike_{hashlib.blake2b(told, digest_size=15).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where alerts go.

    Attributes:
        url: http or https; it may hold a secret itself and is never logged.
        key: signs every message; None leaves them unsigned.
        cooldown_s: least time between two openings of one brand that are told.
    """

    url: str
    key: bytes | None = None
    cooldown_s: float = 900.0


def message_body(alert: Alert, told_at: datetime) -> bytes:
    """The message as JSON: the standard's ``type``, ``timestamp`` and ``data``, and ``text`` for chats."""
    return msgspec.json.encode(
        {
            "type": f"spike.{alert.kind}",
            "timestamp": iso_utc_seconds(int(told_at.timestamp() * 1000)),
            "data": {"id": alert.id, "brand": alert.brand, "number": alert.number, "episode": alert.episode},
            "text": message_text(alert),
        }
    )


def message_text(alert: Alert) -> str:
    """One sentence for a chat."""
    # & first, or the escapes of the other two would be escaped.
    brand = alert.brand.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    episode = alert.episode
    minutes = max(1, episode.window_sec // 60)
    if alert.kind == "closed":
        return f"The spike of {brand} that began at {episode.timestamp} is over."
    return (
        f"Spike of {brand}: {episode.mention_count} mentions in {minutes} minutes where {episode.expected:.0f} "
        f"were expected (score {episode.spike_score:.0f}), since {episode.timestamp}."
    )


class Cooldown:
    """Which alerts to tell: one opening per brand and cooldown, and a closing only of what was told.

    Pure: times are arguments, in seconds of any clock that does not go back.
    """

    def __init__(self, cooldown_s: float) -> None:
        self._cooldown_s = cooldown_s
        self._told_at_s: OrderedDict[str, float] = OrderedDict()
        self._withheld: OrderedDict[str, int] = OrderedDict()

    def lets_pass(self, alert: Alert, now_s: float) -> bool:
        """Whether to tell *alert* at *now_s*; remembers the answer."""
        if alert.kind == "closed":
            # Quiet only if its opening was withheld here: another process may have told that of an unknown one.
            return self._withheld.get(alert.brand) != alert.number
        told_at_s = self._told_at_s.get(alert.brand)
        if told_at_s is not None and now_s - told_at_s < self._cooldown_s:
            _remember(self._withheld, alert.brand, alert.number)
            return False
        _remember(self._told_at_s, alert.brand, now_s)
        return True


def _remember(memory: OrderedDict[str, Any], brand: str, value: float) -> None:
    """Note *value* as the newest; beyond the bound the oldest brand is forgotten, at worst told too often."""
    memory[brand] = value
    memory.move_to_end(brand)
    if len(memory) > COOLDOWN_BRANDS:
        memory.popitem(last=False)


class _RetryError(OrchestratorError):
    """Raised when an attempt failed in a way that may pass; ``after_s`` is what the endpoint asked for."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class _RefusedError(OrchestratorError):
    """Raised when the endpoint says that this message will never do."""


def _when_to_retry(error: Exception) -> bool | float:
    if not isinstance(error, _RetryError):
        return False
    return True if error.after_s is None else error.after_s


class Alerts:
    """Takes alerts from lanes and delivers them to one endpoint.

    Args:
        endpoint: None tells nobody; offering costs nothing then.
        metrics: counts outcomes.
        wall_clock: Unix seconds; signatures are checked against the receiver's clock.
    """

    def __init__(
        self, endpoint: Endpoint | None, metrics: Metrics, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._endpoint = endpoint
        self._metrics = metrics
        self._wall_clock = wall_clock
        # Bounded, and never waited for: an endpoint that is down for hours must cost alerts, not memory or lanes.
        self._send, self._receive = trio.open_memory_channel[Alert](QUEUE_ALERTS)
        self._ended = trio.Event()
        self._log = structlog.get_logger("orchestrator.alerts")

    def offer(self, alert: Alert) -> None:
        """Queue *alert*; never waits. With a full queue it is dropped and counted. Call it on the event loop."""
        if self._endpoint is None:
            return
        try:
            self._send.send_nowait(alert)
        except (trio.WouldBlock, trio.ClosedResourceError) as error:
            self._metrics.alert("dropped")
            reason = "queue full" if isinstance(error, trio.WouldBlock) else "stopping"
            self._log.warning("alert dropped", reason=reason, brand=alert.brand, alert=alert.id)

    async def deliver(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver what is offered, in order, until :meth:`finish`.

        Cancelled, the alert under way may have arrived or not; those after it did not.
        """
        task_status.started()
        try:
            if self._endpoint is not None:
                await self._deliver_to(self._endpoint)
        finally:
            self._ended.set()  # also when cancelled: finish() must not wait for a task that is gone

    async def finish(self) -> None:
        """Take no more alerts, and wait until those that were offered are delivered or given up.

        It may take long: give it a deadline. Only while :meth:`deliver` runs, or after it ended.
        """
        self._send.close()  # the receiver still gets what is in the channel, and then the end
        await self._ended.wait()

    async def _deliver_to(self, endpoint: Endpoint) -> None:
        cooldown = Cooldown(endpoint.cooldown_s)
        # One after the other: a closing must not overtake its opening.
        async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, headers={"User-Agent": _USER_AGENT}) as client:
            async for alert in self._receive:
                # Decided here and not when it is offered: what the queue dropped was not told and starts no cooldown.
                if cooldown.lets_pass(alert, trio.current_time()):
                    await self._deliver_one(client, endpoint, alert)
                else:
                    self._metrics.alert("suppressed")

    async def _deliver_one(self, client: httpx.AsyncClient, endpoint: Endpoint, alert: Alert) -> None:
        # Made once: all attempts send the same bytes under the same id, only the signature's time is new.
        body = message_body(alert, datetime.fromtimestamp(self._wall_clock(), UTC))
        log = self._log.bind(brand=alert.brand, alert=alert.id)
        # No timeout for the whole: the number of attempts bounds it, and a Retry-After is worth the wait.
        attempts = stamina.retry_context(
            on=_when_to_retry, attempts=ATTEMPTS, timeout=None, wait_initial=WAIT_INITIAL_S, wait_max=WAIT_MAX_S
        )
        try:
            async for attempt in attempts:
                with attempt:
                    if attempt.num > 1:  # the first is no retry
                        self._metrics.alert("retried")
                    await self._attempt(client, endpoint, alert.id, body)
        except (_RetryError, _RefusedError) as error:
            self._metrics.alert("failed")
            log.warning("alert not delivered", reason=str(error))
        else:
            self._metrics.alert("delivered")
            log.info("alert delivered", kind=alert.kind)

    async def _attempt(self, client: httpx.AsyncClient, endpoint: Endpoint, message_id: str, body: bytes) -> None:
        """Send the message once.

        Raises:
            _RetryError: no answer, or one that may be another next time.
            _RefusedError: any other answer than success.
        """
        sent_at_s = int(self._wall_clock())
        headers = {"Content-Type": "application/json", "webhook-id": message_id, "webhook-timestamp": str(sent_at_s)}
        if endpoint.key is not None:
            headers["webhook-signature"] = signature(endpoint.key, message_id, sent_at_s, body)
        try:
            # Streamed and not read: nobody needs the answer's body, and it might have no end.
            async with client.stream("POST", endpoint.url, content=body, headers=headers) as response:
                _judge(response)
        except httpx.HTTPError as error:
            raise _RetryError(type(error).__name__) from None  # its text may hold the address


_USER_AGENT = f"service3-orchestrator/{__version__}"


def _judge(response: httpx.Response) -> None:
    """Return on success.

    Raises:
        _RetryError: the endpoint is busy or broken.
        _RefusedError: it does not want this message.
    """
    status = response.status_code
    if response.is_success:
        return
    if status in _RETRIED_STATUS or response.is_server_error:
        raise _RetryError(f"status {status}", _retry_after_s(response))
    raise _RefusedError(f"status {status}")


def _retry_after_s(response: httpx.Response) -> float | None:
    """What the endpoint asks for in seconds, within reason; None for a date or nothing."""
    text = response.headers.get("Retry-After", "")
    return min(RETRY_AFTER_MAX_S, float(text)) if text.isascii() and text.isdigit() else None
