"""``orchestrator push``: chunks from an NDJSON file to their brands' queues, checked as the service will check them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import click
import redis
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.ndjson import Line, read_lines
from orchestrator.cli.terminal import Failure, counted, remark
from orchestrator.contract.keys import queue_key
from orchestrator.errors import InvalidChunkError, StoreError
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store import checked, translated
from orchestrator.store.registration import register
from orchestrator.store.registry import registered

BATCH_ITEMS = 256  # with BATCH_BYTES: about 1 MB a round trip is the best size for Redis
BATCH_BYTES = 1024 * 1024


@click.command(short_help="Push chunks from a file to their brands' queues.")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--register", "registers", is_flag=True, help="Register the brands of the chunks, too.")
@click.option("--dry-run", is_flag=True, help="Only check the lines: push nothing, ask no Redis.")
@with_settings
def push(settings: Settings, source: BinaryIO, *, registers: bool, dry_run: bool) -> None:
    """Push chunks to their brands' queues, one JSON document on each line; - reads standard input.

    'jq -c .' makes such lines of pretty-printed JSON. Lines that are no chunk are reported with
    number, reason and JSON path and left out; the exit code is then 1. Pushing a file again is
    safe: a chunkId counts once.
    """
    load_kernel()
    if dry_run:
        checker = Checker()
        refused = _push_lines(source, checker, settings.max_chunk_bytes)
        click.echo(f"Would push {counted(checker.pushed, 'chunk')} of {counted(len(checker.brands), 'brand')}.")
        _tell_refused(refused)
        return
    with open_redis(settings) as client:
        pusher = Pusher(client, settings.brand_list_keys, registers=registers)
        try:
            refused = _push_lines(source, pusher, settings.max_chunk_bytes)
        except (StoreError, KeyboardInterrupt):
            remark(
                f"Stopped after {counted(pusher.pushed, 'chunk')}; pushing all again is safe, a chunkId counts once."
            )
            raise
        waiting = pusher.unregistered()
    for brand in waiting:
        remark(f"Warning: brand {brand!r} is not registered, its chunks wait: 'orchestrator brands add' does it.")
    click.echo(f"Pushed {counted(pusher.pushed, 'chunk')} of {counted(len(pusher.brands), 'brand')}.")
    _tell_refused(refused)


def _tell_refused(refused: int) -> None:
    """End with an error where lines were left out."""
    if refused:
        raise Failure(f"{counted(refused, 'line')} left out")


class Checker:
    """In place of a :class:`Pusher`: counts what it would be given, and sends nothing.

    Attributes:
        pushed: chunks that would be pushed.
        brands: brands of these chunks.
    """

    def __init__(self) -> None:
        self.pushed = 0
        self.brands: set[str] = set()

    def add(self, brand: str, _item: bytes) -> None:
        """Count one chunk."""
        self.pushed += 1
        self.brands.add(brand)

    def flush(self) -> None:
        """There is nothing to send."""


class Pusher:
    """Collects chunks and sends them in batches; order within a brand is the input's.

    Attributes:
        pushed: chunks that Redis has confirmed.
        brands: brands of the chunks pushed so far.
    """

    def __init__(self, client: redis.Redis, keys: Sequence[str], *, registers: bool) -> None:
        self.pushed = 0
        self.brands: set[str] = set()
        self._client = client
        self._keys = tuple(keys)
        self._registers = registers
        self._batch: list[tuple[str, bytes]] = []
        self._batch_bytes = 0

    def add(self, brand: str, item: bytes) -> None:
        """Queue one chunk for sending.

        Raises:
            StoreError: a full batch was sent and Redis did not answer or refused.
        """
        if brand not in self.brands:
            if self._registers:
                register(self._client, self._keys, brand)
            self.brands.add(brand)
        self._batch.append((brand, item))
        self._batch_bytes += len(item)
        if len(self._batch) >= BATCH_ITEMS or self._batch_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is collected.

        Raises:
            StoreError: Redis did not answer or refused; what was pushed before stays pushed.
        """
        if not self._batch:
            return
        with translated(), self._client.pipeline(transaction=False) as pipeline:
            for brand, item in self._batch:
                pipeline.rpush(queue_key(brand), item)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
        for reply in replies:
            checked(reply)
            self.pushed += 1
        self._batch, self._batch_bytes = [], 0

    def unregistered(self) -> list[str]:
        """Those of the pushed brands that nobody will fold.

        Raises:
            StoreError: Redis did not answer or refused.
        """
        return sorted(self.brands.difference(registered(self._client, self._keys).brands))


def _push_lines(source: BinaryIO, pusher: Pusher | Checker, max_chunk_bytes: int) -> int:
    """Push the chunks among the lines of *source*, report the others, and return the number of those."""
    from orchestrator.cli.chunk_check import check_line  # noqa: PLC0415 - after the kernel, which it imports

    refused = 0
    with _progress(source) as progress:
        for line in read_lines(source, max_chunk_bytes):
            if not (pusher.brands or refused):
                _refuse_pretty(line)
            try:
                brand = check_line(line, max_chunk_bytes)
            except InvalidChunkError as error:
                refused += 1
                text = printable(f"line {line.number}: {error.path}: {error.reason}")
                progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                pusher.add(brand, line.item)
            for task in progress.task_ids:
                progress.update(task, completed=line.end_offset)
        pusher.flush()
    return refused


def _refuse_pretty(line: Line) -> None:
    """Stop if *line*, the first one, shows JSON that is spread over lines, or one list: all lines would be wrong.

    Raises:
        Failure: it is, with what makes documents of it that have a line each.
    """
    if line.item == b"{":
        raise Failure(f"line {line.number}: one document a line is wanted, as 'jq -c .' makes of a spread one")
    if line.item.startswith(b"["):
        raise Failure(f"line {line.number}: one document a line is wanted, as 'jq -c .[]' makes of a list")


@contextmanager
def _progress(source: BinaryIO) -> Iterator[Progress]:
    """A bar on standard error if that is a terminal and the input's size is known; else one that shows nothing."""
    console = Console(stderr=True)
    size = size_of(source)
    columns = (TextColumn("pushing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not (console.is_terminal and size)) as progress:
        if size:
            progress.add_task("push", total=size)
        yield progress


def size_of(source: BinaryIO) -> int:
    """Bytes of *source* if it is a file, else 0: a pipe has no size."""
    try:
        status = os.fstat(source.fileno())
    except (OSError, ValueError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
