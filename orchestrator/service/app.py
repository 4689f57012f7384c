"""The composition root: from settings to parts, to a tree of nurseries, to a graceful stop.

Owns which part knows which, the order in which they start and the order in which they end; contains no
rule. What must end last is outermost: the embedded server, then the connections, then HTTP, so that probes
are answered while lanes still finish.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from functools import partial

import redis
import stamina
import structlog
import trio

from orchestrator import __version__, tracing
from orchestrator.alerts.deliver import Alerts
from orchestrator.archivist.archivist import WRITERS, Archivist
from orchestrator.contract.archive_url import parse_archive_url
from orchestrator.contract.lock_token import new_name
from orchestrator.contract.process_orders import MAX_LANES
from orchestrator.errors import OrchestratorError, SettingsError, StoreRefusedError, StoreUnavailableError
from orchestrator.http import METRICS_LIMITS, PORT_LIMITS, PROBES, Access, PortOptions, build_app, build_metrics_app
from orchestrator.http import serve as serve_http
from orchestrator.kernels import choice
from orchestrator.lane.session import Sessions
from orchestrator.process import compiler, failpoints, memory
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.scheduler import Scheduler
from orchestrator.service.archiving import CONSUMED_THREADS, ThreadedShelf, make_archivist, open_archive
from orchestrator.service.fitness import Fitness
from orchestrator.service.heartbeat import Heartbeat, Identity, Work
from orchestrator.service.notices import Notices
from orchestrator.service.obedience import Orders
from orchestrator.service.operator import OPERATOR_THREADS, Operator
from orchestrator.service.options import (
    access_options,
    app_options,
    login,
    scheduler_options,
    session_config,
    store_options,
)
from orchestrator.service.orphans import OrphanWatch
from orchestrator.service.outboxes import OUTBOX_THREADS, ThreadedOutboxes
from orchestrator.service.primary import PrimaryWatch
from orchestrator.service.recorder import Knowledge, Recorder
from orchestrator.service.retellers import RETELLING_THREADS, Retellers
from orchestrator.service.tender import make_tender
from orchestrator.service.updates import UpdateFeed
from orchestrator.service.view import READ_THREADS, Service
from orchestrator.settings import Settings
from orchestrator.store import Store, connect, masked_url
from orchestrator.store.documents import Documents
from orchestrator.store.embedded import EmbeddedRedis
from orchestrator.store.outbox import Outbox
from orchestrator.store.preflight import Verdict, examine

# registry, claims, doubts, brands of others, dead letters, updates, heartbeat, parked brands, history, orphans and
# one to spare
_CONTROL_CONNECTIONS = 11
# A connection for every lane and every reader, so that neither waits for the other's. Of lanes there may be as many as
# operators may ask for; a connection is made when it is needed.
_CONNECTIONS = MAX_LANES + READ_THREADS + OPERATOR_THREADS + OUTBOX_THREADS + _CONTROL_CONNECTIONS
# and of each writer one that reads a state for a base
_ARCHIVE_CONNECTIONS = CONSUMED_THREADS + WRITERS + RETELLING_THREADS
BUSY_CPU = 0.8
"""Processors in use from which on others come first for our brands: one interpreter has hardly more than one."""

ARCHIVE_GRACE_S = 5.0
"""What is in hand for the archive may take so long at the end. What is not done then is noted, and done by the next."""

_TRACES_GRACE_S = 1.0
_HTTP_GRACE_S = 1.0  # of the 2 s within which an idle service has to end


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the started service can be reached."""

    http_port: int
    metrics_port: int
    redis_url: str


def run(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT.

    Raises:
        OrchestratorError: it cannot start: a port is taken, the embedded server does not come up.
    """
    with _redis(settings) as (redis_url, embedded):
        trio.run(partial(serve, settings, redis_url=redis_url, embedded=embedded))


@contextlib.contextmanager
def _redis(settings: Settings) -> Iterator[tuple[str, bool]]:
    if not settings.embedded:
        yield settings.server_url, False
        return
    # Around trio.run, not inside: the server must outlive every commit of a graceful stop.
    with EmbeddedRedis(settings.redis_url, last_resort=True) as server:
        yield server.url, True


async def serve(
    settings: Settings,
    *,
    redis_url: str,
    embedded: bool = False,
    task_status: trio.TaskStatus[Addresses] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the service on *redis_url* until a signal; reports its addresses once it works.

    Cancellation ends it at once; of every lane's batch either all is committed or nothing.
    """
    log = structlog.get_logger("orchestrator.app")
    announce(settings, redis_url, log)
    _prepare_process(settings, log)
    metrics = Metrics(merge_implementation=choice.IMPLEMENTATION)
    parts = _Parts(settings, redis_url, metrics, embedded=embedded)
    stop_http = trio.Event()
    try:
        # First of all, so that a signal during the start ends it in good order and does not kill the process.
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                asked = trio.Event()
                # Covers the start alone: what runs already is stopped below, whether the start ended well or not.
                with trio.CancelScope() as starting:
                    nursery.start_soon(_await_signal, signals, asked, starting, log)
                    nursery.start_soon(_await_order, parts.orders, asked, starting, log)
                    # HTTP before Redis is looked at: probes must be answered while a silent server is waited for.
                    ports = await _listen(settings, parts, nursery, stop_http)
                    await _start(settings, parts, nursery, log)
                if not starting.cancelled_caught:
                    addresses = Addresses(*ports, masked_url(redis_url))
                    about = {"primary": parts.primary.said} if parts.primary.said else {}
                    log.info("serving", http_port=ports[0], metrics_port=ports[1], redis=addresses.redis_url, **about)
                    task_status.started(addresses)
                    await asked.wait()
                    await _stop(settings, parts, log)
                # Only now: until the lanes were done, probes and readers were still answered.
                stop_http.set()
                # One deadline for the two waits that follow; an endpoint or a reader may be slow for ever.
                nursery.cancel_scope.deadline = trio.current_time() + _HTTP_GRACE_S
                if not starting.cancelled_caught:  # else nobody delivers alerts, and nobody would end this wait
                    await parts.alerts.finish()  # after the lanes: their last commits may have something to tell
                await parts.http_closed.wait()
                nursery.cancel_scope.cancel()  # the rest (relay of updates, samples of the loop) never ends by itself
    except BaseExceptionGroup as group:
        leaf = _only_leaf(group)
        if isinstance(leaf, OrchestratorError):
            raise leaf from None  # why the start was refused, without the nurseries around it
        raise
    finally:
        # After the nursery: its tasks use the connections until they have ended.
        parts.close()
        # Last, and not for long: an endpoint that is away must not hold up the end.
        with trio.move_on_after(_TRACES_GRACE_S, shield=True):
            await trio.to_thread.run_sync(tracing.stop, abandon_on_cancel=True)
    log.info("stopped")


def _only_leaf(error: BaseException) -> BaseException | None:
    """The one exception that *error* is about; None if it is about several."""
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) != 1:
            return None
        error = error.exceptions[0]
    return error


class _Parts:
    """Everything that lives as long as the service, each part made after those that it uses."""

    def __init__(self, settings: Settings, redis_url: str, metrics: Metrics, *, embedded: bool) -> None:
        timeout_s = settings.redis_timeout_sec
        # First, because it may be refused: nothing is open then.
        self.objects = open_archive(settings.archive_url) if settings.archives else None
        self.client = connect(
            redis_url,
            timeout_s=timeout_s,
            pool_size=_CONNECTIONS + (_ARCHIVE_CONNECTIONS if settings.archives else 0),
            login=login(settings),
        )
        # Apart: a renewal that waits for a free connection is a lease lost.
        self.renewal_client = connect(redis_url, timeout_s=timeout_s, pool_size=1, login=login(settings))
        self.metrics = metrics
        self.store = Store(
            self.client,
            store_options(settings),
            renewal_client=self.renewal_client,
            observe=metrics.redis_operation,
            shortened=self._shortened,
        )
        name = new_name()
        self.primary = PrimaryWatch(self.client, self.renewal_client)
        self.fitness = Fitness(self.client, metrics, max_clock_skew_s=settings.max_clock_skew_sec)
        self.feed = UpdateFeed(self.client, metrics)
        self.alerts = Alerts(
            settings.alert_routes,
            ThreadedOutboxes(Outbox(self.client)),
            metrics,
            brands=self._brands,
        )
        self.scheduler = Scheduler(
            self.store,
            Sessions(self.store, session_config(settings, name)),
            scheduler_options(settings, redis_url, name),
            metrics,
            alert=self.alerts.wake,
        )
        self.archivist = None
        if self.objects is not None:
            shelf = ThreadedShelf(self.objects, self.client, settings, self._brands)
            self.archivist = make_archivist(self.client, shelf, settings, metrics, self._registered)
            self.scheduler.committed = self.archivist.tell
        self.orders = Orders(self.scheduler, settings.concurrency_limit)
        self.heartbeat = Heartbeat(
            self.client,
            Identity(
                name,
                settings.orchestrator_id,
                settings.fingerprint,
                self.scheduler.registry_name,
                parse_archive_url(settings.archive_url).digest if settings.archives else "",
            ),
            metrics,
            work=self._work,
            orders=self.orders,
            heard=self.scheduler.heard,
        )
        self.notices = Notices(self.client, name, self.scheduler)
        self.scheduler.troubled = self.notices.wake
        self.service = Service(
            settings.orchestrator_id,
            self.scheduler,
            self.heartbeat,
            Documents(self.client, settings.brand_list_keys),
            self.feed,
            redis_address=masked_url(redis_url) if embedded else None,
        )
        self.service.fitness = self.fitness
        self.service.primary = self.primary
        self.operator = Operator(self.client, settings.brand_list_keys, lock_ttl_s=settings.lock_ttl_sec)
        self.operator.alerts = self.alerts
        self.operator.objects = self.objects
        self.recorder = Recorder(self.client, Knowledge(self.scheduler, self.heartbeat, self.store))
        self.orphans = OrphanWatch(self.client, metrics, registered=self._registered)
        self.service.orphans = self.orphans
        self.service.alerts = self.alerts
        self.service.archivist = self.archivist
        if settings.archives:
            self.service.retellers = Retellers(self.client, settings)
        log = structlog.get_logger("orchestrator")
        self.tender = make_tender(self.client, settings, name, metrics, log, embedded_url=redis_url if embedded else "")
        self.service.tender = self.tender
        self.http_closed = trio.Event()

    def _brands(self) -> tuple[str, ...]:
        """Read late: the scheduler is made after the alerts that it wakes."""
        return self.scheduler.brands()

    def _work(self, cpu: float) -> Work:
        backlog = self.scheduler.backlog()
        share = self.scheduler.share(busy=cpu >= BUSY_CPU)
        return Work(self.scheduler.working(), None if backlog is None else backlog.oldest_s, share)

    def _registered(self) -> tuple[str, ...] | None:
        """None before the registry was read: until then every queue would be nobody's."""
        return self.scheduler.brands() if self.scheduler.statistics().registry_read else None

    def _shortened(self, brand: str, left_ms: int) -> None:
        self.metrics.locks_shortened.inc()
        structlog.get_logger("orchestrator.lock").warning(
            "lock outlives its ttl, shortened", brand=brand, left_s="for ever" if left_ms < 0 else left_ms / 1000
        )

    def close(self) -> None:
        self.store.close()
        if self.objects is not None:
            self.objects.close()


def announce(settings: Settings, redis_url: str, log: structlog.stdlib.BoundLogger) -> None:
    """Log what starts, and warn of what is allowed and rarely meant."""
    log.info(
        "starting",
        version=__version__,
        merge=choice.IMPLEMENTATION,
        redis=masked_url(redis_url),
        lanes=settings.concurrency_limit,
    )
    if choice.FALLBACK_REASON is not None:
        reason, remedy = choice.FALLBACK_REASON, compiler.advice()
        log.warning("compiled merge kernel not in use, the pure twin is", reason=reason, remedy=remedy)
    if os.environ.get("PYTHONHASHSEED", "") not in {"", "random"}:
        # Labels' words and topics are keys of dictionaries; mention ids have a key of their own (decision 44).
        log.warning("PYTHONHASHSEED is set: who knows it can make words that are slow to look up; unset it")
    if settings.settings_adopt:
        log.warning("SETTINGS_ADOPT is set: brands lose what does not fit the settings; take it away after this start")
    if settings.summary_ttl_sec < settings.summary_window_sec:
        log.warning(
            "SUMMARY_TTL_SEC is below SUMMARY_WINDOW_SEC: a quiet brand's summary expires while it still has mentions",
            summary_ttl_s=settings.summary_ttl_sec,
            summary_window_s=settings.summary_window_sec,
        )


def _prepare_process(settings: Settings, log: structlog.stdlib.BoundLogger) -> None:
    """Set what holds for the process as a whole.

    Raises:
        SettingsError: a failpoint is misspelt, or traces are asked for that there are not.
    """
    if tracing.start(os.environ, instance=settings.orchestrator_id, version=__version__):
        log.info("traces are made, as the OTEL_* variables say")
    spec = os.environ.get(failpoints.VARIABLE, "")
    if spec:
        log.warning("FAILPOINTS ARE ARMED: this process will fail on purpose", points=failpoints.arm(spec))
    stamina.instrumentation.set_on_retry_hooks([])  # lanes log and count their retries themselves


async def _examine_redis(client: redis.Redis, max_clock_skew_s: float, log: structlog.stdlib.BoundLogger) -> None:
    """Refuse a server on which chunks would get lost; one that does not answer is waited for, not refused.

    Raises:
        StoreRefusedError: naming every reason and its remedy.
    """
    try:
        # Abandoned when cancelled: a thread that waits for a socket cannot be stopped. It writes to a scratch brand.
        call = partial(examine, client, max_clock_skew_s=max_clock_skew_s)
        findings = await trio.to_thread.run_sync(call, abandon_on_cancel=True)
    except StoreUnavailableError as error:
        log.warning("redis does not answer yet, starting all the same", reason=str(error))
        return
    for finding in findings:
        if finding.verdict is Verdict.WARN:
            log.warning("redis could be fitter", check=finding.check, found=finding.detail, remedy=finding.remedy)
    refusals = [finding for finding in findings if finding.verdict is Verdict.REFUSE]
    if refusals:
        reasons = "; ".join(f"{finding.check}: {finding.detail} ({finding.remedy})" for finding in refusals)
        raise StoreRefusedError(f"this Redis is not fit for the protocol: {reasons}")


async def _listen(settings: Settings, parts: _Parts, nursery: trio.Nursery, stop: trio.Event) -> tuple[int, int]:
    """Open both ports; returns them.

    Raises:
        SettingsError: a port is taken, or a file has no tokens.
    """
    host, access = settings.http_host, Access(access_options(settings))
    try:
        access.check()
    except ValueError as error:
        raise SettingsError(str(error)) from None

    # One task for both, because "HTTP is closed" means that both are.
    async def serve_both(*, task_status: trio.TaskStatus[tuple[int, int]]) -> None:
        app = build_app(
            parts.service,
            parts.metrics,
            stop=stop,
            access=access,
            options=app_options(settings),
            operator=parts.operator,
        )
        metrics_app = build_metrics_app(parts.metrics, access)
        limits, count = (
            replace(PORT_LIMITS, per_address=settings.http_connections_per_address),
            parts.metrics.turned_away,
        )
        probes = PROBES | {f"{settings.http_root_path}{probe}" for probe in PROBES}
        main, scraped = PortOptions(limits, probes, count), PortOptions(METRICS_LIMITS, count=count)
        serving = partial(serve_http, shutdown=stop)
        async with trio.open_nursery() as servers:
            http_port = await servers.start(partial(serving, app, host, settings.http_port, options=main))
            metrics_port = await servers.start(
                partial(serving, metrics_app, host, settings.prometheus_port, options=scraped)
            )
            task_status.started((http_port, metrics_port))
        parts.http_closed.set()

    try:
        ports: tuple[int, int] = await nursery.start(serve_both)
    except BaseExceptionGroup as group:
        leaf = _only_leaf(group)
        if not isinstance(leaf, OSError):
            raise
        raise SettingsError(_not_bound(settings, leaf)) from None
    return ports


def _not_bound(settings: Settings, error: OSError) -> str:
    """Which setting *error* of the system is about, and what would be right."""
    reason = error.strerror or str(error)
    if isinstance(error, socket.gaierror) or error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return (
            f"HTTP_HOST={settings.http_host}: {reason}; it must be an address of this machine, 127.0.0.1 for itself"
            " alone or 0.0.0.0 for all of them"
        )
    remedy = "choose ports from 1024 up" if error.errno in {errno.EACCES, errno.EPERM} else "choose a free port"
    names = f"HTTP_PORT={settings.http_port} or PROMETHEUS_PORT={settings.prometheus_port} on {settings.http_host}"
    return f"{names}: {reason}; {remedy}"


async def _start(settings: Settings, parts: _Parts, nursery: trio.Nursery, log: structlog.stdlib.BoundLogger) -> None:
    """Start everything but HTTP, which answers probes already."""
    await _examine_redis(parts.client, settings.max_clock_skew_sec, log)  # before anything writes to it
    await nursery.start(parts.fitness.watch)
    await nursery.start(parts.primary.watch)
    await nursery.start(parts.metrics.sample_loop_delay)
    await nursery.start(parts.feed.relay)
    await nursery.start(parts.alerts.deliver)
    await nursery.start(parts.heartbeat.run)  # before the first lease: who disagrees with the others says so first
    await nursery.start(parts.notices.run)
    await nursery.start(parts.recorder.run)
    await nursery.start(parts.orphans.watch)
    if parts.archivist is not None:
        await nursery.start(parts.archivist.run)
    if parts.tender is not None:
        await nursery.start(parts.tender.run)
    await nursery.start(parts.scheduler.run)  # last: its first commit may have an alert for those above
    memory.settle()  # after all of these, because it takes what is alive now to live until the end


async def _await_signal(
    signals: AsyncIterator[int], asked: trio.Event, starting: trio.CancelScope, log: structlog.stdlib.BoundLogger
) -> None:
    """Wait for the first signal, and give up a start that is still under way."""
    number = await anext(signals)
    log.info("stopping", signal=signal.Signals(number).name)
    asked.set()
    starting.cancel()  # nothing happens if the start is over: its scope is closed


async def _await_order(
    orders: Orders, asked: trio.Event, starting: trio.CancelScope, log: structlog.stdlib.BoundLogger
) -> None:
    """Wait for an operator's order to end, which is as good as a signal."""
    await orders.stopped.wait()
    log.info("stopping", signal="an operator's order")
    asked.set()
    starting.cancel()


async def _stop(settings: Settings, parts: _Parts, log: structlog.stdlib.BoundLogger) -> None:
    """Let lanes finish within the grace period. A lane that does not is abandoned, which is always safe."""
    parts.service.stopping = True  # first: load balancers should send readers elsewhere while lanes finish
    async with trio.open_nursery() as nursery:
        if parts.archivist is not None:
            nursery.start_soon(
                _finish_archiving, parts.archivist, min(ARCHIVE_GRACE_S, settings.shutdown_grace_sec), log
            )
        with trio.move_on_after(settings.shutdown_grace_sec) as grace:
            await parts.scheduler.stop()
        if grace.cancelled_caught:
            log.warning("lanes abandoned", after_s=settings.shutdown_grace_sec)
    await parts.notices.leave()  # before the heartbeat: nobody else has to find out what holds no more
    await parts.heartbeat.leave()


async def _finish_archiving(archivist: Archivist, grace_s: float, log: structlog.stdlib.BoundLogger) -> None:
    """Beside the lanes: an archive that hangs is not waited for longer than they may need anyway."""
    with trio.move_on_after(grace_s) as grace:
        await archivist.finish()
    if grace.cancelled_caught:
        log.info("an object is left to whoever comes next: it is noted", after_s=grace_s)
