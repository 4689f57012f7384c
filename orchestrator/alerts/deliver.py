"""Tells an endpoint what is in the outboxes: when a spike episode opens, and when it closes.

Owns delivery. A commit writes an alert into its brand's outbox, in one step with the state that gave rise to it; here
it is told and then taken out, at least once and in the order of the brand. Whoever committed it is woken for it at
once. A sweep over the registered brands finds what nobody tells: its process was killed, or Redis did not answer. A
slow endpoint delays alerts and nothing else: a few brands are told at the same time, each attempt has one deadline.

Sources: Standard Webhooks 1.0 (headers, signature, which answers are worth a retry); ``docs/redis-protocol.md``,
section 9.
"""

from __future__ import annotations

import random
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from math import nan
from typing import TYPE_CHECKING, Final, Protocol

import httpx2
import structlog
import trio

from orchestrator import __version__
from orchestrator.alerts.cooldown import Cooldown
from orchestrator.alerts.signing import UNSIGNED, SigningSecret, signature
from orchestrator.alerts.turns import Turns
from orchestrator.contract.outbox import OutboxEntry, Swept, read_entry
from orchestrator.errors import OrchestratorError, StoreError
from orchestrator.process import failpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.process.metrics import AlertOutcome, Metrics

WORKERS: Final = 4
"""Brands that are told at the same time; an endpoint that answers slowly gets no more at once."""

ATTEMPTS: Final = 8  # over about two minutes
WAIT_INITIAL_S: Final = 1.0
WAIT_MAX_S: Final = 120.0
RETRY_AFTER_MAX_S: Final = 300.0
ATTEMPT_TIMEOUT_S: Final = 10.0
HOLD_S: Final = 30.0
"""How long the right to tell is taken for: an attempt and two calls of Redis. So long an alert waits for another
process if its own is killed, and the wait for a retry longer."""

EXPIRY_S: Final = 6 * 3600.0
"""What waited longer is no news, and bounds how often a process may die of one alert."""

SWEEP_S: Final = 30.0
FIRST_SWEEP_S: Final = 1.0  # as long as no brands are known
LEAVE_S: Final = 0.5

_RETRIED_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_USER_AGENT = f"service3-orchestrator/{__version__}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where alerts go.

    Attributes:
        url: http or https; it may hold a secret itself and is never logged.
        secret: signs every message, if there is one.
        cooldown_s: least time between two openings of one brand that are told.
    """

    url: str
    secret: SigningSecret = UNSIGNED
    cooldown_s: float = 900.0


class Outboxes(Protocol):
    """The outboxes of all brands; every method raises :class:`orchestrator.errors.StoreError` without an answer."""

    async def waiting(self, brands: Sequence[str]) -> Swept:
        """Which of *brands* have alerts that nobody tells, and how many all have."""
        ...

    async def take(self, brand: str, token: str, hold_s: float) -> list[bytes] | None:
        """The brand's alerts in their order, and the right to tell them; None while somebody else has it."""
        ...

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        ...

    async def remove(self, brand: str, entry: bytes) -> None:
        """Take *entry* out."""
        ...

    async def leave(self, brand: str, token: str) -> None:
        """Give the right back."""
        ...


class _RetryError(OrchestratorError):
    """Raised when an attempt failed in a way that may pass; ``after_s`` is what the endpoint asked for."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class _RefusedError(OrchestratorError):
    """Raised when the endpoint says that this message will never do."""


class Alerts:
    """Tells one endpoint what the outboxes hold.

    Args:
        endpoint: None tells nobody.
        outboxes: where alerts wait.
        metrics: counts outcomes.
        brands: the registered ones.
        wall_clock: Unix seconds; signatures are checked against the receiver's clock.
    """

    def __init__(
        self,
        endpoint: Endpoint | None,
        outboxes: Outboxes,
        metrics: Metrics,
        *,
        brands: Callable[[], Sequence[str]],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._outboxes = outboxes
        self._metrics = metrics
        self._brands = brands
        self._wall_clock = wall_clock
        self._turns = Turns()
        self._idle = trio.lowlevel.ParkingLot()
        self._stopping = trio.Event()
        self._ended = trio.Event()
        self._odd: Mapping[str, str] = {}
        self._log = structlog.get_logger("orchestrator.alerts")

    def wake(self, brand: str) -> None:
        """A commit of *brand* wrote an alert; never waits. Call it on the event loop."""
        if self._endpoint is not None:
            self._turns.add(brand)
            self._idle.unpark()

    async def deliver(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell what there is, until :meth:`finish`.

        Cancelled, what is being told may have arrived or not; it stays in its outbox, for this process or another one.
        """
        task_status.started()
        try:
            if self._endpoint is not None:
                await self._deliver_to(self._endpoint)
        finally:
            self._ended.set()  # also when cancelled: finish() must not wait for a task that is gone

    async def finish(self) -> None:
        """Tell what is ready, each once and without waiting for retries; what is left stays in its outbox.

        It may take long: give it a deadline. Only while :meth:`deliver` runs, or after it ended.
        """
        self._stopping.set()
        self._idle.unpark_all()
        await self._ended.wait()

    async def _deliver_to(self, endpoint: Endpoint) -> None:
        async with (
            httpx2.AsyncClient(timeout=ATTEMPT_TIMEOUT_S, headers={"User-Agent": _USER_AGENT}) as client,
            trio.open_nursery() as nursery,
        ):
            cooldown = Cooldown(endpoint.cooldown_s)
            teller = _Teller(
                client, endpoint, self._outboxes, self._metrics, cooldown, self._wall_clock, self._stopping
            )
            for _ in range(WORKERS):
                nursery.start_soon(self._work, teller)
            await self._sweep()

    async def _work(self, teller: _Teller) -> None:
        while True:
            brand = self._turns.take()
            if brand is not None:
                try:
                    await teller.tell(brand)
                finally:
                    self._turns.done(brand)
            elif self._stopping.is_set():
                return
            else:
                await self._idle.park()

    async def _sweep(self) -> None:
        """Find what nobody tells, again and again."""
        while not self._stopping.is_set():
            brands = self._brands()
            try:
                self._take_in(await self._outboxes.waiting(brands))
            except StoreError as error:
                self._metrics.alerts_waiting.set(nan)
                self._log.info("outboxes not read, will be tried again", reason=type(error).__name__)
            with trio.move_on_after(SWEEP_S if brands else FIRST_SWEEP_S):
                await self._stopping.wait()

    def _take_in(self, found: Swept) -> None:
        self._metrics.alerts_waiting.set(found.alerts)
        for brand, problem in found.odd.items():
            if self._odd.get(brand) != problem:  # told once, and again after it was mended in between
                self._log.error("right to tell alerts is not usable", brand=brand, reason=problem)
        self._odd = found.odd
        for brand in found.untold:
            self.wake(brand)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells one brand's alerts, and takes each out of its outbox when that is settled."""

    client: httpx2.AsyncClient
    endpoint: Endpoint
    outboxes: Outboxes
    metrics: Metrics
    cooldown: Cooldown
    wall_clock: Callable[[], float]
    stopping: trio.Event

    async def tell(self, brand: str) -> None:
        """Tell what is in the outbox of *brand*, if nobody else does."""
        log = structlog.get_logger("orchestrator.alerts").bind(brand=brand)
        token = secrets.token_hex(16)
        try:
            entries = await self.outboxes.take(brand, token, HOLD_S)
            if entries is None:
                return
            if entries:
                failpoints.hit("alerts.taken")
            try:
                # One after the other: a closing must not overtake its opening.
                for entry in entries:
                    if not await self._settle(brand, token, entry, log):
                        return
            finally:
                # Shielded, or a stop would leave the rest to wait until the hold runs out.
                with trio.move_on_after(LEAVE_S, shield=True), suppress(StoreError):
                    await self.outboxes.leave(brand, token)
        except StoreError as error:
            log.warning("alerts wait in their outbox", reason=type(error).__name__)

    async def _settle(self, brand: str, token: str, raw: bytes, log: structlog.stdlib.BoundLogger) -> bool:
        """Tell one entry and take it out; False if it stays, and with it those behind it."""
        outcome = await self._outcome(brand, token, read_entry(raw), log)
        if outcome is None:
            return False
        await self.outboxes.remove(brand, raw)
        self.metrics.alert(outcome)
        return True

    async def _outcome(
        self, brand: str, token: str, entry: OutboxEntry | None, log: structlog.stdlib.BoundLogger
    ) -> AlertOutcome | None:
        """What becomes of *entry*; None if it has to wait."""
        if entry is None:
            log.warning("alert dropped", reason="it is no entry that this version knows")
            return "dropped"
        log = log.bind(alert=entry.id, type=entry.type)
        if self.wall_clock() - entry.at / 1000 > EXPIRY_S:
            log.warning("alert dropped", reason="it is too old to be news")
            return "expired"
        if not self.cooldown.lets_pass(entry, trio.current_time()):
            log.debug("alert withheld")
            return "suppressed"
        return await self._told(brand, token, entry, log)

    async def _told(
        self, brand: str, token: str, entry: OutboxEntry, log: structlog.stdlib.BoundLogger
    ) -> AlertOutcome | None:
        for number in range(1, ATTEMPTS + 1):
            if not await self.outboxes.hold(brand, token, HOLD_S):
                log.info("alert left to another process")
                return None
            try:
                if number > 1:  # the first is no retry
                    self.metrics.alert("retried")
                await self._attempt(entry)
            except _RefusedError as error:
                reason = str(error)
                break
            except _RetryError as error:
                reason = str(error)
                wait_s = _wait_s(number, error)
            else:
                log.info("alert delivered")
                failpoints.hit("alerts.delivered")
                return "delivered"
            if number < ATTEMPTS and not await self._waited(brand, token, wait_s):
                log.info("alert stays in its outbox", reason=reason)
                return None
        log.warning("alert not delivered", reason=reason)
        return "failed"

    async def _waited(self, brand: str, token: str, wait_s: float) -> bool:
        """Wait before another attempt; False if it is for somebody else to make it."""
        if not await self.outboxes.hold(brand, token, wait_s + HOLD_S):
            return False
        with trio.move_on_after(wait_s):
            await self.stopping.wait()
        return not self.stopping.is_set()

    async def _attempt(self, entry: OutboxEntry) -> None:
        """Send the message once.

        Raises:
            _RetryError: no answer in time, or one that may be another next time.
            _RefusedError: any other answer than success.
        """
        sent_at_s, body = int(self.wall_clock()), bytes(entry.body)
        headers = {"Content-Type": "application/json", "webhook-id": entry.id, "webhook-timestamp": str(sent_at_s)}
        secret = self.endpoint.secret
        try:
            key = await trio.to_thread.run_sync(secret.key) if secret.file else secret.key()
        except ValueError as error:  # a secret that is being replaced; without a signature nothing leaves
            raise _RetryError(f"ALERT_WEBHOOK_SECRET_FILE: {error}") from None
        if key is not None:
            headers["webhook-signature"] = signature(key, entry.id, sent_at_s, body)
        try:
            # httpx2' own timeouts begin anew with every byte that comes; this one does not.
            with trio.fail_after(ATTEMPT_TIMEOUT_S):
                # Streamed and not read: nobody needs the answer's body, and it might have no end.
                async with self.client.stream("POST", self.endpoint.url, content=body, headers=headers) as response:
                    _judge(response)
        except trio.TooSlowError:
            raise _RetryError(f"no answer within {ATTEMPT_TIMEOUT_S:g} s") from None
        # ValueError: a host that passes for one, and of which IDNA can make nothing.
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _RetryError(type(error).__name__) from None  # its text may hold the address


def _wait_s(number: int, error: _RetryError) -> float:
    """Seconds until the attempt after *number*: what the endpoint asked for, or twice as long each time and jitter."""
    if error.after_s is not None:
        return error.after_s
    jitter_s = random.uniform(0, WAIT_INITIAL_S)  # noqa: S311 - spreads retries, guards nothing
    return min(WAIT_MAX_S, WAIT_INITIAL_S * 2.0 ** (number - 1) + jitter_s)


def _judge(response: httpx2.Response) -> None:
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


def _retry_after_s(response: httpx2.Response) -> float | None:
    """What the endpoint asks for in seconds, within reason; None for a date or nothing."""
    text: str = response.headers.get("Retry-After", "")
    return min(RETRY_AFTER_MAX_S, float(text)) if text.isascii() and text.isdigit() else None
