"""``orchestrator summary``: one brand's summary, for people or as the document that readers get."""

from __future__ import annotations

import importlib
import json
import time
from typing import cast

import click
import msgspec
import redis

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.past_times import past_ms
from orchestrator.cli.summary_page import make_page
from orchestrator.cli.terminal import Failure, counted, on_terminal, page_width, remark, show_page
from orchestrator.contract.brands import check_brand
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.pauses import resuming
from orchestrator.contract.summary import Summary
from orchestrator.fleet.words import alone, missing
from orchestrator.settings import Settings
from orchestrator.store import translated
from orchestrator.store.archive_id import known_id
from orchestrator.store.fleet import read_brand
from orchestrator.store.registry import registered


@click.command()
@click.argument("brand", shell_complete=complete_brand)
@click.option(
    "--at", metavar="TIME", help="As readers saw it then, out of the archive: ISO 8601 in UTC, or 2h, 3d (ago)."
)
@click.option("--json", "as_json", is_flag=True, help="The stored document; indented on a terminal.")
@with_settings
def summary(settings: Settings, brand: str, *, at: str | None, as_json: bool) -> None:
    """Show the summary of BRAND."""
    name = check_brand(brand)
    at_ms = past_ms("--at", at)
    if at_ms is not None:
        _show(_told_by_the_archive(settings, name, at_ms), name, at_ms, as_json=as_json)
        return
    with open_redis(settings) as client:
        with translated():
            document = cast("bytes | None", client.get(BrandKeys.of(name).summary))
        if document is None:
            raise Failure(why_missing(client, settings, name))
        status = read_brand(client, name)
    if status.paused is not None:
        remark(f"{name!r} is {status.paused}; '{resuming(name)}' lets it go on.")
    elif (told := alone(status))[0]:
        remark(f"Warning: {' '.join(told)}")
    _show(document, name, int(time.time() * 1_000), as_json=as_json)


def _show(document: bytes, brand: str, now_ms: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(as_json_text(document, indent=2 if on_terminal() else None))
    else:
        show_page(make_page(_decoded(document, brand), now_ms, page_width()))


def _told_by_the_archive(settings: Settings, brand: str, at_ms: int) -> bytes:
    load_kernel()  # before the service, which loads the kernels without a word about a failure
    service = importlib.import_module("orchestrator.service")
    with open_redis(settings) as client:
        moment, waiting = service.moment_of(client, settings, brand, at_ms)
        known = known_id(client)
    request = service.PastRequest(settings.archive_url, brand, moment, waiting=waiting, known=known)
    return cast("bytes", service.reply_to(request).checked().summary)


def why_missing(client: redis.Redis, settings: Settings, brand: str) -> str:
    """One line on why *brand* has no summary, with what would help.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    status = read_brand(client, brand)
    if brand not in registered(client, settings.brand_list_keys).brands:
        queued = status.queued
        waiting = f"; {counted(queued, 'chunk')} of it {'waits' if queued == 1 else 'wait'}" if queued else ""
        return f"no summary of {brand!r}: it is not registered ('orchestrator brands add' does it){waiting}"
    return f"no summary of {brand!r} yet: {missing(status)}"


def as_json_text(document: bytes, *, indent: int | None) -> str:
    """*document* as ASCII JSON, so that nothing in it steers a terminal.

    Raises:
        Failure: it is no JSON.
    """
    try:
        return json.dumps(json.loads(document), indent=indent)
    except (ValueError, RecursionError):
        raise Failure("the stored summary is not JSON: another program wrote it") from None


def _decoded(document: bytes, brand: str) -> Summary:
    try:
        return msgspec.json.decode(document, type=Summary)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = f"the summary of {brand!r} is not of this version's shape ({error}); --json shows it as it is"
        raise Failure(reason) from None
