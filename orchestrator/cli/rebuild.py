"""``orchestrator rebuild``: fold what the archive has of brands anew, show what comes of it, put it in place."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestrator.cli.brands_named import check_registered, wanted_names
from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.past_times import past_ms
from orchestrator.cli.private_files import write_private
from orchestrator.cli.rebuild_page import SHOWN, remark_all, show_table, told
from orchestrator.cli.terminal import Failure, Misuse, counted, remark
from orchestrator.cli.who import write_down
from orchestrator.contract.own_settings import Number
from orchestrator.contract.own_settings import parse as parse_own
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import OwnSettingError
from orchestrator.settings import Settings
from orchestrator.store.registry import registered

EXECUTORS: Final = "local, process, dask, dask://HOST:8786 or dask+tls://HOST:8786"


@click.command(short_help="Fold what the archive has of brands anew, and put it in place.")
@click.argument("names", nargs=-1, metavar="BRAND...", shell_complete=complete_brand)
@click.option("--all", "everything", is_flag=True, help="All registered brands.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="Fold with this value, like MERGE_SIMILARITY_THRESHOLD=0.7, which stays the brand's own; NAME= ends that.",
)
@click.option("--until", metavar="TIME", help="With --dry-run: as of TIME, like 2h, 3d (ago) or ISO 8601 in UTC.")
@click.option("--executor", default="process", show_default=True, metavar="WHERE", help=f"Where to fold: {EXECUTORS}.")
@click.option("--workers", type=click.IntRange(1, 1_024), help="Processes, of process and dask; one for each core.")
@click.option(
    "--resume",
    "place",
    metavar="PLACE",
    help="Keep what is done in this folder (or at an address like ARCHIVE_URL), and go on with what is there.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path, file_okay=False), help="Write states to this folder.")
@click.option("--dry-run", is_flag=True, help="Fold and compare, and put nothing in place.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def rebuild(settings: Settings, /, names: tuple[str, ...], **options: Any) -> None:
    """Fold what the archive has of BRANDs anew, and put that in place of what readers see.

    First all are folded and shown beside what readers see; then each is swapped in, as one commit, with what was
    committed meanwhile. The queue flows on. Without --set the same comes out, unless a state was not as its chunks say.

    Exit code 1: some brands could not be folded or put in place; they are named, and the others are done.
    """
    asked = _Asked.of(settings, names, options)
    load_kernel()
    with open_redis(settings) as client, _Work(settings, client, asked) as work:
        work.fold()
        if not asked.dry_run:
            work.swap()
        work.tell()


class _Asked:
    """What was asked for, checked before anything is done."""

    def __init__(self, names: list[str] | None, options: dict[str, Any]) -> None:
        self.names = names
        self.sets: tuple[str, ...] = options["sets"]
        self.changes = _changes(self.sets)
        self.until_ms: int | None = past_ms("--until", options["until"])
        self.executor: str = options["executor"]
        self.workers: int = options["workers"] or _processors()
        self.place: str | None = options["place"]
        self.output: Path | None = options["output"]
        self.dry_run: bool = options["dry_run"]
        self.yes: bool = options["yes"]
        self.as_json: bool = options["as_json"]

    @classmethod
    def of(cls, settings: Settings, names: Sequence[str], options: dict[str, Any]) -> _Asked:
        """As the command line says.

        Raises:
            Misuse: it says what cannot be.
        """
        asked = cls(wanted_names(names, everything=options.pop("everything")), options)
        if not settings.archive_url:
            raise Misuse("ARCHIVE_URL is not set: there is no archive to fold anew")
        if asked.until_ms is not None and asked.until_ms > round(time.time() * 1000):
            raise Misuse(f"--until is {iso_utc_seconds(asked.until_ms)}, which is to come")
        if asked.until_ms is not None and not asked.dry_run:
            raise Misuse(
                "--until needs --dry-run: in place, chunks that were counted since would be gone"
                " (--output writes the state for 'orchestrator state import', if that is meant)"
            )
        if not (asked.dry_run or asked.yes or sys.stdin.isatty()):
            raise Misuse("what readers see would change: say --yes, or --dry-run to see how")
        if asked.executor not in {"local", "process"}:
            importlib.import_module("orchestrator.rebuild.cluster").scheduler_of(asked.executor)
        return asked

    @property
    def told(self) -> list[str]:
        """What tells one rebuild from another."""
        return ["all" if self.names is None else "named", *sorted(self.names or ()), "--set", *sorted(self.sets)]

    def engine(self) -> Any:
        """What folds."""
        engines = importlib.import_module("orchestrator.rebuild.engines")
        if self.executor == "local":
            return engines.Here()
        if self.executor == "process":
            return engines.Processes(self.workers)
        return importlib.import_module("orchestrator.rebuild.cluster").Dask(self.executor, self.workers, remark)


class _Work:
    """One rebuild, told on the terminal as it goes."""

    def __init__(self, settings: Settings, client: Any, asked: _Asked) -> None:
        self._settings, self._client, self._asked = settings, client, asked
        self._stack = ExitStack()
        self._outcomes: dict[str, Any] = {}
        self._engine = asked.engine()
        self._plans = importlib.import_module("orchestrator.rebuild.plan")
        objects = importlib.import_module("orchestrator.objects.objects").Objects
        course = importlib.import_module("orchestrator.rebuild.course")
        live = importlib.import_module("orchestrator.rebuild.live").RedisLive(client, settings)
        archive = self._stack.enter_context(objects.open(settings.archive_url))
        importlib.import_module("orchestrator.service.placing").must_fit(client, archive)
        place = self._place()
        self._course = course.Course(
            live,
            archive,
            self._stack.enter_context(objects.open(place)),
            settings.archive_url,
            place,
            live.config,
            settings.fingerprint.values,
            adopts=settings.settings_adopt,
            resumed=asked.place is not None,
        )
        self._plan: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._stack:
            # What was to be kept is kept; what lies in the archive, and was not asked for, goes.
            if self._asked.place is None and self._plan is not None and self._in_archive:
                for brand in self._plan.brands:
                    self._course.forget(self._plan, brand)

    @property
    def _in_archive(self) -> bool:
        return "://" in self._asked.executor

    def _place(self) -> str:
        """Where results go: where somebody says, else beside what all workers can read, else where nobody looks."""
        asked = self._asked.place
        if asked is not None:
            address = asked if "://" in asked else Path(asked).resolve().as_uri()
            if address.rstrip("/") == self._settings.archive_url.rstrip("/"):
                raise Misuse("--resume must name another place than ARCHIVE_URL")
            return address
        if self._in_archive:
            return self._settings.archive_url
        try:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-rebuild-"))
        except FileNotFoundError as error:  # in a container whose root is read-only
            told = f"{error.strerror}: give it one (--tmpfs /tmp), or say --resume FOLDER"
            raise Failure(told) from None
        return Path(folder).as_uri()

    def fold(self) -> None:
        """Fold all, and compare."""
        plan = self._planned()
        self._plan = plan
        with _progress("Folding", len(plan.brands)) as advance:
            for outcome in self._course.folded(plan, self._engine):
                self._outcomes[outcome.brand] = outcome
                if self._asked.output is not None and not outcome.fault:
                    self._write(outcome.brand)
                advance()

    def _planned(self) -> Any:
        asked = self._asked
        plan = self._plans.kept(self._course.place) if asked.place is not None else None
        if plan is not None:
            if plan.asked != asked.told or plan.archive != self._settings.archive_url:
                raise Misuse(f"--resume {asked.place} has another rebuild: {' '.join(plan.asked)}")
            return plan
        names = asked.names
        if names is None:
            names = list(registered(self._client, self._settings.brand_list_keys).brands)
        else:
            check_registered(self._client, self._settings, names)
        with _progress("Looking", len(names)) as advance:
            plan, failed = self._course.plan(names, asked.changes, asked.until_ms, asked.told, advance)
        self._outcomes.update((outcome.brand, outcome) for outcome in failed)
        if asked.place is not None:
            self._plans.keep(self._course.place, plan)
        return plan

    def swap(self) -> None:
        """Put in place what was folded, once somebody said yes."""
        ready = [outcome for outcome in self._outcomes.values() if not outcome.fault]
        changed = [outcome for outcome in ready if outcome.compared.seen]
        if not ready:
            return
        if not self._asked.yes:
            show_table(list(self._outcomes.values()))
            question = f"{counted(len(ready), 'brand')}, {len(changed)} of which readers see otherwise"
            click.confirm(f"Put in place: {question}?", abort=True, err=True)
        with _progress("Swapping", len(ready)) as advance:
            for outcome in ready:
                noted = partial(self._write_down, outcome)
                self._outcomes[outcome.brand] = self._course.swapped(self._plan, outcome, noted)
                advance()

    def _write_down(self, outcome: Any) -> None:
        own = " ".join(self._asked.sets) or None
        write_down(self._client, "rebuild", outcome.brand, commit=outcome.rebuilt.cid, set=own)

    def tell(self) -> None:
        """What was done.

        Raises:
            Failure: not all of it went well.
        """
        outcomes = list(self._outcomes.values())
        if self._asked.as_json:
            click.echo(json.dumps(self._document(outcomes), indent=2, ensure_ascii=False))
        else:
            show_table(outcomes)
            remark_all(outcomes)
            if not outcomes:
                remark("Nothing was done: nothing is left to do.")
        faults = [outcome for outcome in outcomes if outcome.fault]
        for outcome in faults[:SHOWN]:
            remark(f"{outcome.brand}: {outcome.fault}")
        if faults:
            again = "; the same command with the same --resume does the rest" if self._asked.place else ""
            raise Failure(f"{counted(len(faults), 'brand')} of {len(outcomes)} failed{again}")

    def _write(self, brand: str) -> None:
        """The state as a file that its owner alone may read."""
        service = importlib.import_module("orchestrator.service")
        folder_of = importlib.import_module("orchestrator.archive.record").folder_of
        folder = self._asked.output
        assert folder is not None  # noqa: S101 - asked for
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{folder_of(brand).removeprefix('brand=')}.state"
        write_private(path, service.encode_snapshot(self._course.state(self._plan, brand)), replace=True)

    def _document(self, outcomes: Sequence[Any]) -> dict[str, Any]:
        return {
            "dryRun": self._asked.dry_run,
            "executor": self._engine.told,
            "set": list(self._asked.sets),
            "until": None if self._asked.until_ms is None else iso_utc_seconds(self._asked.until_ms),
            "brands": [told(outcome) for outcome in outcomes],
        }


def _changes(sets: Sequence[str]) -> dict[str, Number | None]:
    """What the options --set say, by name.

    Raises:
        Misuse: one is none, or a name stands there twice.
    """
    try:
        told = list(map(parse_own, sets))
    except OwnSettingError as error:
        raise Misuse(f"--set: {error}") from None
    twice = [name for name, times in Counter(name for name, _ in told).items() if times > 1]
    if twice:
        raise Misuse(f"--set has {twice[0]} more than once: which value is meant?")
    return dict(told)


def _processors() -> int:
    """That this process may use, where the platform tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _progress(what: str, total: int) -> Iterator[Any]:
    """A bar on standard error, where somebody looks at it."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)
