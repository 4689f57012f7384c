"""``orchestrator run`` and ``orchestrator demo``: the service itself, and the service with something to do."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from functools import partial
from tempfile import TemporaryDirectory

import click
import structlog

from orchestrator.cli.context import load_kernel, read_settings
from orchestrator.cli.terminal import Failure, remark
from orchestrator.process.logs import configure_logging
from orchestrator.process.masking import mask_text
from orchestrator.process.pipes import watching_readers
from orchestrator.settings import LoadedSettings, Settings
from orchestrator.store.embedded import SCHEME, EmbeddedRedis, temporary_place

log = structlog.get_logger(__name__)


@click.command(short_help="Run the service (the default).")
def run() -> None:
    """Run the service until SIGTERM or Ctrl-C (this is also what happens without a command)."""
    loaded = read_settings()
    _begin_log(loaded)
    _run_service(loaded.settings)


@click.command(short_help="Run the service with demo brands on a Redis of its own.")
@click.option("--rate", default=1.0, show_default=True, type=click.FloatRange(0.1, 1_000), help="Chunks a second.")
def demo(rate: float) -> None:
    """Run the service on a Redis of its own, with five demo brands, until Ctrl-C.

    They have a past of nine days, and some seconds after the start a story breaks: an episode opens, and the log shows
    the alert. At the usual rate as much is said as in their past; at a higher one they spike.

    Listens on 127.0.0.1 unless HTTP_HOST is set. A REDIS_URL is used only if it is embedded://,
    so that demo data never reach a Redis that means something, and alerts go into the log alone.
    """
    from orchestrator.demo import AlertLog, DemoWorker  # noqa: PLC0415 - only this command needs it

    loaded = read_settings()
    with TemporaryDirectory(prefix="orchestrator-demo-", dir=temporary_place()) as folder, AlertLog() as alerts:
        settings = demo_settings(loaded.settings, folder, alerts.url)
        _begin_log(loaded)
        load_kernel()
        from orchestrator.service import write_past  # noqa: PLC0415 - after the kernel, which it imports

        # Started here, so that the worker has an address; the service finds it running and uses it.
        with EmbeddedRedis(settings.redis_url, last_resort=True) as server:
            if server.imitation:  # has no folder in which the service could find it
                settings = settings.model_copy(update={"redis_url": server.url})
            remark(f"Starting the demo; its Redis is at {server.url}")
            worker = DemoWorker(
                server.url,
                settings.brand_list_keys[0],
                rate,
                write_past=partial(write_past, settings, server.url),
                on_ready=lambda brand: _announce(settings, brand),
            )
            # As Ctrl-C does: whoever watched the demo is gone.
            with worker, watching_readers((1, 2), partial(os.kill, os.getpid(), signal.SIGINT)):
                _run_service(settings)


_ELSEWHERE = tuple(name for name in Settings.model_fields if name.startswith("redis_") and name != "redis_timeout_sec")
"""Settings that say where another Redis is, and who we are there."""


def demo_settings(settings: Settings, folder: str, alerts_url: str) -> Settings:
    """*settings* as a demo needs them: a Redis of its own in *folder*, ports that are free, alerts to *alerts_url*."""
    update: dict[str, object] = {"alert_webhook_url": alerts_url}
    if not settings.embedded or settings.redis_url == SCHEME:
        update |= {**dict.fromkeys(_ELSEWHERE, ""), "redis_url": SCHEME + folder}
        if not settings.embedded and {settings.origin("redis_url"), settings.origin("redis_sentinels")} != {"default"}:
            remark(f"REDIS_URL={mask_text(settings.server_url)} is left alone: the demo has a Redis of its own.")
    taken: set[int] = set()
    for field in ("http_port", "prometheus_port"):
        port = getattr(settings, field)
        if settings.origin(field) == "default" or port == 0:  # the address is announced before anything listens
            port = free_port(port, taken)
        update[field] = port
        taken.add(port)
    return settings.model_copy(update=update)


def free_port(preferred: int, taken: set[int]) -> int:
    """*preferred* if nobody listens there, else a port that the system chooses."""
    for port in (preferred, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen = int(probe.getsockname()[1])
            if chosen not in taken:
                return chosen
    raise Failure("no free port on this machine")


def _begin_log(loaded: LoadedSettings) -> None:
    settings = loaded.settings
    configure_logging(settings.orchestrator_id, settings.log_level, settings.log_format)
    for text in loaded.warnings:
        log.warning("setting looks misspelt", detail=text)
    for text in loaded.notes:
        log.info("setting accepted by another name", detail=text)


def _run_service(settings: Settings) -> None:
    load_kernel()
    from orchestrator.service import run as run_service  # noqa: PLC0415 - after the kernel, which it imports

    run_service(settings)


def _announce(settings: Settings, brand: str) -> None:
    from orchestrator.http import brand_page_url  # noqa: PLC0415 - only the demo needs it

    host = "127.0.0.1" if settings.http_host in {"0.0.0.0", "::"} else settings.http_host  # noqa: S104 - compared only
    address = f"http://{host}:{settings.http_port}"
    with suppress(BrokenPipeError):  # whoever watched is gone, and so is the demo in a moment
        remark(f"Summaries: {address}/   for example {address}{brand_page_url(brand)}   (Ctrl-C stops)")
